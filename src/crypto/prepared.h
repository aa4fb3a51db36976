#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "crypto/sizes.h"

/*
 * The same as hash_blake2s_mac() and aead_xseal() for who needs many of them: what does not depend
 * on keys and messages is looked up and allocated once. One thread uses each.
 */

struct prepared_mac;

/* Without a key yet. */
enum err prepared_mac_new(struct prepared_mac **out_mac);
void prepared_mac_free(struct prepared_mac *mac);

/* The keyed BLAKE2s of the parts. A key (of 1..32 bytes) serves until the next; NULL: as before. */
enum err prepared_mac_run(struct prepared_mac *mac, const uint8_t *key, size_t key_size,
						  const struct slice *parts, size_t count,
						  uint8_t out_mac[static BLAKE2S_MAC_SIZE]);

struct prepared_xseal;

enum err prepared_xseal_new(struct prepared_xseal **out_xseal);
void prepared_xseal_free(struct prepared_xseal *xseal);

/* XChaCha20-Poly1305; out_sealed has size + AEAD_TAG_SIZE bytes. */
enum err prepared_xseal_run(struct prepared_xseal *xseal, const uint8_t key[static AEAD_KEY_SIZE],
							const uint8_t nonce[static XAEAD_NONCE_SIZE],
							struct slice associated_data, const void *plain, size_t size,
							uint8_t *out_sealed);
