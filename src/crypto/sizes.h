#pragma once

/* Sizes in bytes; the only part of crypto/ that wire codecs may include. */

enum {
	AEAD_KEY_SIZE = 32,
	AEAD_NONCE_SIZE = 12,
	AEAD_TAG_SIZE = 16,
	XAEAD_NONCE_SIZE = 24,
	HASH_SIZE = 32, /* SHA-256 and BLAKE2s-256 alike */
	HASH_BLOCK_SIZE = 64,
	BLAKE2S_MAC_SIZE = 16,
	X25519_KEY_SIZE = 32,
	ED25519_KEY_SIZE = 32,
	ED25519_SIGNATURE_SIZE = 64,
};
