#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* What every fuzzer has: its entry, and the end of a run in which something does not hold. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void expect(bool condition) {
	if (!condition)
		abort();
}
