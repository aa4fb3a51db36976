#include "base/siphash.h"

#include <endian.h>
#include <string.h>

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate_left(uint64_t value, unsigned bits) {
	return value << bits | value >> (64 - bits);
}

static uint64_t load_u64_le(const uint8_t *data) {
	uint64_t raw;
	memcpy(&raw, data, sizeof raw);
	return le64toh(raw);
}

static void sip_rounds(struct state *state, int count) {
	uint64_t v0 = state->v0, v1 = state->v1, v2 = state->v2, v3 = state->v3;
	for (int i = 0; i < count; i++) {
		v0 += v1;
		v2 += v3;
		v1 = rotate_left(v1, 13) ^ v0;
		v3 = rotate_left(v3, 16) ^ v2;
		v0 = rotate_left(v0, 32);
		v2 += v1;
		v0 += v3;
		v1 = rotate_left(v1, 17) ^ v2;
		v3 = rotate_left(v3, 21) ^ v0;
		v2 = rotate_left(v2, 32);
	}
	*state = (struct state){v0, v1, v2, v3};
}

static void compress(struct state *state, uint64_t word) {
	state->v3 ^= word;
	sip_rounds(state, 2);
	state->v0 ^= word;
}

uint64_t siphash(const struct siphash_key *key, const void *data, size_t size) {
	/* "somepseudorandomlygeneratedbytes", section 2.1 of the paper */
	struct state state = {
		key->words[0] ^ UINT64_C(0x736f6d6570736575),
		key->words[1] ^ UINT64_C(0x646f72616e646f6d),
		key->words[0] ^ UINT64_C(0x6c7967656e657261),
		key->words[1] ^ UINT64_C(0x7465646279746573),
	};
	const uint8_t *bytes = data;
	size_t whole = size / 8 * 8;
	for (size_t i = 0; i < whole; i += 8)
		compress(&state, load_u64_le(bytes + i));

	/* The bytes that are left, and the size in the highest byte. */
	uint64_t last = (uint64_t)size << 56;
	for (size_t i = whole; i < size; i++)
		last |= (uint64_t)bytes[i] << (8 * (i - whole));
	compress(&state, last);

	state.v2 ^= 0xff;
	sip_rounds(&state, 4);
	return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}
