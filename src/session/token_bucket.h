#pragma once

#include <stdint.h>

/*
 * A limit in bytes a second. What passed is taken after the fact, once a batch, and may be more
 * than there was: whoever owes waits until that is made up for, so the rate holds over time
 * whatever the batches' size. Pure, one thread.
 */

/* Of the rate, that may pass at once after a pause: a quarter of a second's, but at least so much.
 */
enum { TOKEN_BUCKET_BURST_MIN = 64 * 1024 };

/* Zeroed: no limit. */
struct token_bucket {
	uint64_t rate;   /* bytes a second; 0: no limit */
	uint64_t filled; /* ns: as of when level holds */
	int64_t level;   /* bytes; below 0: owed */
};

/* A full one where there was no limit; otherwise what is owed stays owed. rate 0: no limit. */
void token_bucket_set(struct token_bucket *bucket, uint64_t rate, uint64_t now);

/* So many bytes passed. */
void token_bucket_take(struct token_bucket *bucket, uint64_t bytes, uint64_t now);

/* ns until something may pass again; 0: now. */
uint64_t token_bucket_wait(const struct token_bucket *bucket, uint64_t now);
