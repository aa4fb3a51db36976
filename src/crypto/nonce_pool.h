#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "crypto/sizes.h"

/*
 * Random nonces for AEADs, drawn many at a time, as each call into the system's source costs much
 * more than its bytes. Each is given out once and wiped. One thread uses a pool; after a fork, one
 * of the two processes has to empty its own, or both give out the same.
 */

enum { NONCE_POOL_COUNT = 512 }; /* drawn by one call */

struct nonce_pool {
	const struct random_source *random;
	size_t left;
	uint8_t nonces[NONCE_POOL_COUNT][AEAD_NONCE_SIZE];
};

/* Draws nothing yet. random has to outlive the pool. */
void nonce_pool_init(struct nonce_pool *pool, const struct random_source *random);

void nonce_pool_take(struct nonce_pool *pool, uint8_t out_nonce[static AEAD_NONCE_SIZE]);

/* Wipes what was drawn; the pool can be used on, and draws anew. Fine for a zeroed struct. */
void nonce_pool_empty(struct nonce_pool *pool);
