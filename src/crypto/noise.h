#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "crypto/hash.h"
#include "crypto/sizes.h"

/*
 * The symmetric state of the Noise Protocol Framework (revision 34, section 5.2), for ChaChaPoly
 * and either hash. Patterns are spelled by the callers in handshake/. Embedded in their scratch
 * structs; noise_wipe() or WIPE_ON_EXIT ends it.
 */
struct noise {
	enum hash_algorithm hash;
	bool has_key;
	uint64_t counter; /* n of the cipher state */
	uint8_t chaining_key[HASH_SIZE];
	uint8_t transcript[HASH_SIZE]; /* h */
	uint8_t key[AEAD_KEY_SIZE];    /* k */
};

/* InitializeSymmetric: names longer than 32 bytes are hashed. */
enum err noise_init(struct noise *noise, enum hash_algorithm hash, struct slice protocol_name);
void noise_wipe(struct noise *noise);

enum err noise_mix_hash(struct noise *noise, struct slice data);
enum err noise_mix_key(struct noise *noise, struct slice input);
enum err noise_mix_key_and_hash(struct noise *noise, struct slice input);

/* MixKey(DH(private_key, public_key)): tokens "ee", "es", "se", "ss". ERR_CRYPTO, low order. */
enum err noise_mix_shared(struct noise *noise, const uint8_t private_key[static X25519_KEY_SIZE],
						  const uint8_t public_key[static X25519_KEY_SIZE]);

/*
 * EncryptAndHash, DecryptAndHash. out_sealed has size + AEAD_TAG_SIZE bytes once a key is mixed in,
 * size before. size counts the plaintext. On ERR_AUTHENTICATION neither state nor output change.
 */
enum err noise_seal(struct noise *noise, const void *plain, size_t size, uint8_t *out_sealed);
enum err noise_open(struct noise *noise, const uint8_t *sealed, size_t size, void *out_plain);

/* Split: the first key is the initiator's to send with. */
enum err noise_split(const struct noise *noise, uint8_t out_first[static AEAD_KEY_SIZE],
					 uint8_t out_second[static AEAD_KEY_SIZE]);

/* Rekey of a cipher state: first 32 bytes of ENCRYPT(k, 2^64-1, "", 32 zero bytes). */
enum err noise_rekey(uint8_t key[static AEAD_KEY_SIZE]);
