#include "crypto/x25519.h"

void x25519_clamp(uint8_t private_key[static X25519_KEY_SIZE]) {
	private_key[0] &= 248;
	private_key[31] = (uint8_t)((private_key[31] & 127) | 64);
}

void x25519_generate(const struct random_source *random,
					 uint8_t out_private[static X25519_KEY_SIZE]) {
	random_fill(random, out_private, X25519_KEY_SIZE);
	x25519_clamp(out_private);
}
