#include "session/rate_limiter.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/siphash.h"
#include "base/wipe.h"

/* Tokens are nanoseconds, so that refilling is an addition. */
#define PACKET_COST (CLOCK_SECOND / RATE_LIMITER_PER_SECOND)
#define TOKENS_MAX (RATE_LIMITER_BURST * PACKET_COST)

/* An entry that was idle for so long is full again, so forgetting it gives nobody a token. */
#define IDLE_AFTER CLOCK_SECOND
_Static_assert(TOKENS_MAX <= IDLE_AFTER, "a forgotten source would gain tokens");

enum { CHAINS = RATE_LIMITER_ENTRIES_MAX, SOURCE_BYTES = 8 };

/* What is limited: an IPv4 address, or the first 64 bits of an IPv6 address. Without padding. */
struct source_key {
	uint8_t family;
	uint8_t bytes[SOURCE_BYTES];
};

struct entry {
	struct list order;   /* in rate_limiter.order */
	struct entry *chain; /* next of the same hash */
	uint64_t seen;       /* on the limiter's own clock */
	uint64_t tokens;
	struct source_key key;
};

struct rate_limiter {
	struct siphash_key hash_key;
	uint64_t last_now; /* the caller's clock at the last call */
	uint64_t elapsed;  /* our own clock, ns: the sum of all steps forward, never backwards */
	struct list order; /* entries in use, least recently seen first */
	size_t used;       /* entries[0..used) are in use, now and for ever */
	struct entry *chains[CHAINS];
	struct entry entries[RATE_LIMITER_ENTRIES_MAX];
};

enum err rate_limiter_new(const struct random_source *random, struct rate_limiter **out_limiter) {
	/* Large, but zero pages that are never touched cost nothing. */
	struct rate_limiter *limiter = calloc(1, sizeof *limiter);
	if (!limiter)
		return ERR_NO_MEMORY;
	random_fill(random, &limiter->hash_key, sizeof limiter->hash_key);
	list_init(&limiter->order);
	*out_limiter = limiter;
	return ERR_OK;
}

void rate_limiter_free(struct rate_limiter *limiter) {
	if (!limiter)
		return;
	wipe(&limiter->hash_key, sizeof limiter->hash_key);
	free(limiter);
}

static struct source_key key_of(const struct address *source) {
	struct source_key key = {.family = source->family};
	size_t size = address_size(source);
	memcpy(key.bytes, source->bytes, size < SOURCE_BYTES ? size : SOURCE_BYTES);
	return key;
}

static struct entry **chain_of(struct rate_limiter *limiter, const struct source_key *key) {
	return &limiter->chains[siphash(&limiter->hash_key, key, sizeof *key) % CHAINS];
}

static struct entry *find(struct entry *chain, const struct source_key *key) {
	while (chain && memcmp(&chain->key, key, sizeof *key) != 0)
		chain = chain->chain;
	return chain;
}

static void unchain(struct rate_limiter *limiter, struct entry *entry) {
	struct entry **link = chain_of(limiter, &entry->key);
	while (*link != entry)
		link = &(*link)->chain;
	*link = entry->chain;
}

/* An entry for a new source, in no chain or order; NULL when all are in use by active sources. */
static struct entry *take_entry(struct rate_limiter *limiter) {
	if (!list_is_empty(&limiter->order)) {
		struct entry *oldest = list_item(limiter->order.next, struct entry, order);
		if (limiter->elapsed - oldest->seen >= IDLE_AFTER) {
			list_remove(&oldest->order);
			unchain(limiter, oldest);
			return oldest;
		}
	}
	if (limiter->used < RATE_LIMITER_ENTRIES_MAX)
		return &limiter->entries[limiter->used++];
	return NULL;
}

static void advance_clock(struct rate_limiter *limiter, uint64_t now) {
	if (now > limiter->last_now)
		limiter->elapsed += now - limiter->last_now;
	limiter->last_now = now;
}

bool rate_limiter_allow(struct rate_limiter *limiter, const struct address *source, uint64_t now) {
	advance_clock(limiter, now);
	struct source_key key = key_of(source);
	struct entry **chain = chain_of(limiter, &key);
	struct entry *entry = find(*chain, &key);
	if (entry) {
		list_remove(&entry->order);
		uint64_t idle = limiter->elapsed - entry->seen;
		entry->tokens = idle < TOKENS_MAX - entry->tokens ? entry->tokens + idle : TOKENS_MAX;
	} else {
		entry = take_entry(limiter);
		if (!entry)
			return false;
		entry->key = key;
		entry->tokens = TOKENS_MAX;
		entry->chain = *chain;
		*chain = entry;
	}
	entry->seen = limiter->elapsed;
	list_append(&limiter->order, &entry->order);
	if (entry->tokens < PACKET_COST)
		return false;
	entry->tokens -= PACKET_COST;
	return true;
}
