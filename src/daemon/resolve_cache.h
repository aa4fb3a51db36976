#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/siphash.h"
#include "wire/process.h"

/*
 * Answers to questions for names that streams lead to, for as long as they hold: a fixed number of
 * them, the oldest of a row gives way. Names are compared without regard to letters' case.
 */

enum {
	RESOLVE_CACHE_ROWS = 256,
	RESOLVE_CACHE_WAYS = 4,
	RESOLVE_CACHE_SECONDS_MAX = 300,  /* whatever the TTL says */
	RESOLVE_CACHE_SECONDS_NOTHING = 5 /* that there is no such name */
};

struct resolve_cache {
	struct siphash_key key;
	struct resolve_cache_entry {
		uint64_t until; /* ns; 0: free */
		char name[PROCESS_HOST_SIZE];
		struct process_resolved answer; /* its id means nothing */
	} entries[RESOLVE_CACHE_ROWS][RESOLVE_CACHE_WAYS];
};

/* The key is random: who chooses names must not choose rows. */
void resolve_cache_init(struct resolve_cache *cache, const struct siphash_key *key);
/* Name servers may say otherwise from now on. */
void resolve_cache_clear(struct resolve_cache *cache);

/* Everything but the id. False: ask. */
bool resolve_cache_find(const struct resolve_cache *cache, const char *name, uint64_t now,
						struct process_resolved *out_answer);
/* ttl in seconds; what was not answered is not kept. */
void resolve_cache_put(struct resolve_cache *cache, const char *name, uint64_t now, uint32_t ttl,
					   const struct process_resolved *answer);
