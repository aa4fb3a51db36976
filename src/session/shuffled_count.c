#include "session/shuffled_count.h"

enum { ROUNDS = 8 };

void shuffled_count_init(struct shuffled_count *count, unsigned bits,
						 const struct random_source *random) {
	*count = (struct shuffled_count){.bits = bits};
	random_fill(random, &count->key, sizeof count->key);
}

/* Of twice as many bits as a half has: one more than wanted where that is odd. */
static uint32_t encipher(const struct shuffled_count *count, uint32_t value) {
	const unsigned half = (count->bits + 1) / 2;
	const uint32_t mask = (UINT32_C(1) << half) - 1;
	uint32_t left = value >> half, right = value & mask;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		const uint32_t said[] = {round, right};
		const uint32_t next = left ^ ((uint32_t)siphash(&count->key, said, sizeof said) & mask);
		left = right;
		right = next;
	}
	return left << half | right;
}

uint32_t shuffled_count_next(struct shuffled_count *count) {
	const uint32_t most = (uint32_t)((UINT64_C(1) << count->bits) - 1);
	uint32_t value = count->next;
	count->next = (count->next + 1) & most;
	/* From a number within the range one comes to another within it, some time. */
	do
		value = encipher(count, value);
	while (value > most);
	return value;
}
