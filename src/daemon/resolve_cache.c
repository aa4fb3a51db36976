#include "daemon/resolve_cache.h"

#include <string.h>

#include "base/clock.h"

void resolve_cache_init(struct resolve_cache *cache, const struct siphash_key *key) {
	memset(cache, 0, sizeof *cache);
	cache->key = *key;
}

void resolve_cache_clear(struct resolve_cache *cache) {
	for (size_t row = 0; row < RESOLVE_CACHE_ROWS; row++)
		for (size_t way = 0; way < RESOLVE_CACHE_WAYS; way++)
			cache->entries[row][way].until = 0;
}

/* In small letters; false: it is no name. */
static bool fold(const char *name, char out_name[static PROCESS_HOST_SIZE]) {
	size_t size = strnlen(name, PROCESS_HOST_SIZE);
	if (size == 0 || size == PROCESS_HOST_SIZE)
		return false;
	for (size_t i = 0; i <= size; i++)
		out_name[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
	return true;
}

static size_t row_of(const struct resolve_cache *cache, const char *name) {
	return siphash(&cache->key, name, strlen(name)) % RESOLVE_CACHE_ROWS;
}

bool resolve_cache_find(const struct resolve_cache *cache, const char *name, uint64_t now,
						struct process_resolved *out_answer) {
	char folded[PROCESS_HOST_SIZE];
	if (!fold(name, folded))
		return false;
	const struct resolve_cache_entry *row = cache->entries[row_of(cache, folded)];
	for (size_t way = 0; way < RESOLVE_CACHE_WAYS; way++) {
		if (now >= row[way].until || strcmp(row[way].name, folded) != 0)
			continue;
		uint32_t id = out_answer->id;
		*out_answer = row[way].answer;
		out_answer->id = id;
		return true;
	}
	return false;
}

static uint64_t seconds_of(uint32_t ttl, const struct process_resolved *answer) {
	switch ((enum process_found)answer->result) {
	case PROCESS_FOUND:
		return ttl < RESOLVE_CACHE_SECONDS_MAX ? ttl : RESOLVE_CACHE_SECONDS_MAX;
	case PROCESS_FOUND_NONE:
		return RESOLVE_CACHE_SECONDS_NOTHING;
	case PROCESS_FOUND_UNANSWERED:
	case PROCESS_FOUND_LIMIT:
		break;
	}
	return 0;
}

void resolve_cache_put(struct resolve_cache *cache, const char *name, uint64_t now, uint32_t ttl,
					   const struct process_resolved *answer) {
	char folded[PROCESS_HOST_SIZE];
	uint64_t seconds = seconds_of(ttl, answer);
	if (seconds == 0 || !fold(name, folded))
		return;
	struct resolve_cache_entry *row = cache->entries[row_of(cache, folded)], *place = row;
	for (size_t way = 0; way < RESOLVE_CACHE_WAYS; way++) {
		if (row[way].until > 0 && strcmp(row[way].name, folded) == 0) {
			place = &row[way];
			break;
		}
		if (row[way].until < place->until)
			place = &row[way];
	}
	memcpy(place->name, folded, sizeof folded);
	place->answer = *answer;
	place->until = now + seconds * CLOCK_SECOND;
}
