#pragma once

#include <stdint.h>

/* What is doubled again and again, as waits between attempts are: least × 2^times, at most most. */
static inline uint64_t doubling_of(uint64_t least, uint64_t most, unsigned times) {
	uint64_t value = least;
	for (; times > 0 && value < most; times--)
		value = value <= UINT64_MAX / 2 ? 2 * value : UINT64_MAX;
	return value < most ? value : most;
}
