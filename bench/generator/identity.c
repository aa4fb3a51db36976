#include "bench/generator/identity.h"

#include "base/slice.h"
#include "base/wipe.h"
#include "crypto/hash.h"
#include "crypto/x25519.h"

enum err identity_private(uint64_t seed, uint32_t number,
						  uint8_t out_private[static X25519_KEY_SIZE]) {
	const struct slice parts[] = {
		slice_of_text("umbra bench client"),
		slice_of(&seed, sizeof seed),
		slice_of(&number, sizeof number),
	};
	enum err error = hash_digest(HASH_BLAKE2S, parts, sizeof parts / sizeof *parts, out_private);
	if (!error)
		x25519_clamp(out_private);
	return error;
}

enum err identity_public(uint64_t seed, uint32_t number,
						 uint8_t out_public[static X25519_KEY_SIZE]) {
	uint8_t private_key[X25519_KEY_SIZE];
	WIPE_ON_EXIT(private_key);
	enum err error = identity_private(seed, number, private_key);
	return error ? error : x25519_public(private_key, out_public);
}

struct address identity_address(uint32_t number) {
	uint32_t host = number + 256;
	const uint8_t bytes[ADDRESS_V4_SIZE] = {10, 200, (uint8_t)(host >> 8), (uint8_t)host};
	return address_from_bytes(ADDRESS_V4, bytes);
}
