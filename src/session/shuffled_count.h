#pragma once

#include <stdint.h>

#include "base/random.h"
#include "base/siphash.h"

/*
 * Numbers of so many bits in an order that nobody can foresee, each of them once before any comes
 * again: a count under a cipher of its own, which is a Feistel network over SipHash. For what is to
 * be random and may not meet what is still in use.
 */

enum { SHUFFLED_COUNT_BITS_MAX = 32 };

struct shuffled_count {
	struct siphash_key key;
	unsigned bits; /* 1 to SHUFFLED_COUNT_BITS_MAX */
	uint32_t next;
};

void shuffled_count_init(struct shuffled_count *count, unsigned bits,
						 const struct random_source *random);
uint32_t shuffled_count_next(struct shuffled_count *count);
