#include "proto/mighty_ids.h"

#include <stdbool.h>
#include <stdlib.h>

enum {
	LOW = MIGHTY_IDS_SHARDS_MAX,       /* values of an id's low bits */
	HIGH = (MIGHTY_IDS_MAX + 1) / LOW, /* and of the rest */
	GUESSES = 16,
};

/*
 * The shard's low bits are shard, shard + shards…; the place of an id is the number of its low bits
 * among those, times HIGH, and the rest of it.
 */
struct mighty_ids {
	unsigned shard, shards;
	const struct random_source *random;
	size_t count;
	struct {
		void *owner;        /* NULL: free, or resting */
		uint64_t free_from; /* ns; CLOCK_NEVER: no id at all */
	} places[];
};

static size_t place_of(const struct mighty_ids *ids, uint16_t id) {
	return (size_t)(id % LOW / ids->shards) * HIGH + id / LOW;
}

static uint16_t id_of(const struct mighty_ids *ids, size_t place) {
	return (uint16_t)(place % HIGH * LOW + ids->shard + place / HIGH * ids->shards);
}

enum err mighty_ids_new(const struct random_source *random, unsigned shard, unsigned shards,
						struct mighty_ids **out_ids) {
	if (shards > MIGHTY_IDS_SHARDS_MAX || shard >= shards)
		return ERR_INVALID;
	struct mighty_ids *ids;
	const size_t count = (size_t)(LOW - shard + shards - 1) / shards * HIGH;
	ids = calloc(1, sizeof *ids + count * sizeof ids->places[0]);
	if (!ids)
		return ERR_NO_MEMORY;
	ids->shard = shard;
	ids->shards = shards;
	ids->random = random;
	ids->count = count;
	if (shard == 0)
		ids->places[place_of(ids, 0)].free_from = CLOCK_NEVER;
	*out_ids = ids;
	return ERR_OK;
}

void mighty_ids_free(struct mighty_ids *ids) {
	free(ids);
}

static bool is_free(const struct mighty_ids *ids, size_t place, uint64_t now) {
	return !ids->places[place].owner && ids->places[place].free_from <= now;
}

/* One of those that are free, each as likely; ids->count where none is. */
static size_t draw(const struct mighty_ids *ids, uint64_t now) {
	for (int i = 0; i < GUESSES; i++) {
		const size_t guess = random_u32(ids->random) % ids->count;
		if (is_free(ids, guess, now))
			return guess;
	}
	size_t count = 0, place = 0;
	for (size_t i = 0; i < ids->count; i++)
		count += is_free(ids, i, now) ? 1 : 0;
	if (count == 0)
		return ids->count;
	for (size_t left = random_u32(ids->random) % count;; place++)
		if (is_free(ids, place, now) && left-- == 0)
			return place;
}

enum err mighty_ids_add(struct mighty_ids *ids, void *owner, uint64_t now, uint16_t *out_id) {
	if (!owner)
		return ERR_INVALID;
	const size_t place = draw(ids, now);
	if (place == ids->count)
		return ERR_LIMIT;
	ids->places[place].owner = owner;
	*out_id = id_of(ids, place);
	return ERR_OK;
}

enum err mighty_ids_set(struct mighty_ids *ids, uint16_t id, void *owner) {
	if (!owner)
		return ERR_INVALID;
	if (!mighty_ids_find(ids, id))
		return ERR_NOT_FOUND;
	ids->places[place_of(ids, id)].owner = owner;
	return ERR_OK;
}

void *mighty_ids_find(const struct mighty_ids *ids, uint16_t id) {
	return mighty_ids_shard(id, ids->shards) == ids->shard ? ids->places[place_of(ids, id)].owner
														   : NULL;
}

void mighty_ids_remove(struct mighty_ids *ids, uint16_t id, uint64_t now) {
	if (!mighty_ids_find(ids, id))
		return;
	ids->places[place_of(ids, id)].owner = NULL;
	ids->places[place_of(ids, id)].free_from = now + MIGHTY_IDS_REST;
}
