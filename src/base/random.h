#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Injected randomness: protocol code draws through this, so tests and the simulator can repeat a
 * run. The system's source is crypto/csprng.h.
 */
struct random_source {
	void (*fill)(void *context, void *out_data, size_t size); /* never fails */
	void *context;
};

static inline void random_fill(const struct random_source *source, void *out_data, size_t size) {
	source->fill(source->context, out_data, size);
}

static inline uint32_t random_u32(const struct random_source *source) {
	uint32_t value;
	random_fill(source, &value, sizeof value);
	return value;
}
