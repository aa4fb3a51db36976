#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "crypto/sizes.h"

/* Hashes, keyed hashes and key derivation, over lists of slices so that nothing is copied. */

enum hash_algorithm { HASH_BLAKE2S, HASH_SHA256 };

/* Unkeyed digest of the parts one after another (RFC 7693, FIPS 180-4). */
enum err hash_digest(enum hash_algorithm algorithm, const struct slice *parts, size_t count,
					 uint8_t out_digest[static HASH_SIZE]);

/* Keyed BLAKE2s with a 16-byte result (RFC 7693 section 2.9); key_size 1..32. */
enum err hash_blake2s_mac(const uint8_t *key, size_t key_size, const struct slice *parts,
						  size_t count, uint8_t out_mac[static BLAKE2S_MAC_SIZE]);

/* RFC 2104. */
enum err hash_hmac(enum hash_algorithm algorithm, struct slice key, const struct slice *parts,
				   size_t count, uint8_t out_mac[static HASH_SIZE]);

/* RFC 5869: extract, expand (size ≤ 255 × 32), and both. Outputs may overlap no input. */
enum err hash_hkdf_extract(enum hash_algorithm algorithm, struct slice salt, struct slice ikm,
						   uint8_t out_prk[static HASH_SIZE]);
enum err hash_hkdf_expand(enum hash_algorithm algorithm, const uint8_t prk[static HASH_SIZE],
						  struct slice info, uint8_t *out_data, size_t size);
enum err hash_hkdf(enum hash_algorithm algorithm, struct slice salt, struct slice ikm,
				   struct slice info, uint8_t *out_data, size_t size);
