#include "crypto/nonce_pool.h"

#include <string.h>

#include "base/wipe.h"

void nonce_pool_init(struct nonce_pool *pool, const struct random_source *random) {
	*pool = (struct nonce_pool){.random = random};
}

void nonce_pool_take(struct nonce_pool *pool, uint8_t out_nonce[static AEAD_NONCE_SIZE]) {
	if (pool->left == 0) {
		random_fill(pool->random, pool->nonces, sizeof pool->nonces);
		pool->left = NONCE_POOL_COUNT;
	}
	uint8_t *nonce = pool->nonces[--pool->left];
	memcpy(out_nonce, nonce, AEAD_NONCE_SIZE);
	wipe(nonce, AEAD_NONCE_SIZE);
}

void nonce_pool_empty(struct nonce_pool *pool) {
	wipe(pool->nonces, sizeof pool->nonces);
	pool->left = 0;
}
