#pragma once

#include <stdatomic.h>
#include <stdint.h>

/*
 * A number that one thread counts and any thread reads: a plain load and store each, no locked
 * instruction. Readers see every number whole, not several of one moment.
 */

static inline void counter_add(_Atomic uint64_t *counter, uint64_t amount) {
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + amount,
						  memory_order_relaxed);
}

static inline uint64_t counter_read(const _Atomic uint64_t *counter) {
	return atomic_load_explicit(counter, memory_order_relaxed);
}
