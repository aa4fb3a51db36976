#include "proto/mighty_ids.h"

#include <stdbool.h>
#include <stdlib.h>

/* Place p is id p * MIGHTY_IDS_SHARDS + shard. */
struct mighty_ids {
	unsigned shard;
	const struct random_source *random;
	struct {
		void *owner;        /* NULL: free, or resting */
		uint64_t free_from; /* ns; CLOCK_NEVER: no id at all */
	} places[MIGHTY_IDS_MAX];
};

enum err mighty_ids_new(const struct random_source *random, unsigned shard,
						struct mighty_ids **out_ids) {
	if (shard >= MIGHTY_IDS_SHARDS)
		return ERR_INVALID;
	struct mighty_ids *ids = calloc(1, sizeof *ids);
	if (!ids)
		return ERR_NO_MEMORY;
	ids->shard = shard;
	ids->random = random;
	if (shard == 0)
		ids->places[0].free_from = CLOCK_NEVER;
	*out_ids = ids;
	return ERR_OK;
}

void mighty_ids_free(struct mighty_ids *ids) {
	free(ids);
}

static bool is_free(const struct mighty_ids *ids, size_t place, uint64_t now) {
	return !ids->places[place].owner && ids->places[place].free_from <= now;
}

/* One of those that are free, each as likely; MIGHTY_IDS_MAX where none is. */
static size_t draw(const struct mighty_ids *ids, uint64_t now) {
	const size_t guess = random_u32(ids->random) % MIGHTY_IDS_MAX;
	if (is_free(ids, guess, now))
		return guess;
	size_t count = 0, place = 0;
	for (size_t i = 0; i < MIGHTY_IDS_MAX; i++)
		count += is_free(ids, i, now) ? 1 : 0;
	if (count == 0)
		return MIGHTY_IDS_MAX;
	for (size_t left = random_u32(ids->random) % count;; place++)
		if (is_free(ids, place, now) && left-- == 0)
			return place;
}

enum err mighty_ids_add(struct mighty_ids *ids, void *owner, uint64_t now, uint16_t *out_id) {
	if (!owner)
		return ERR_INVALID;
	const size_t place = draw(ids, now);
	if (place == MIGHTY_IDS_MAX)
		return ERR_LIMIT;
	ids->places[place].owner = owner;
	*out_id = (uint16_t)(place * MIGHTY_IDS_SHARDS + ids->shard);
	return ERR_OK;
}

enum err mighty_ids_set(struct mighty_ids *ids, uint16_t id, void *owner) {
	if (!owner)
		return ERR_INVALID;
	if (!mighty_ids_find(ids, id))
		return ERR_NOT_FOUND;
	ids->places[id / MIGHTY_IDS_SHARDS].owner = owner;
	return ERR_OK;
}

void *mighty_ids_find(const struct mighty_ids *ids, uint16_t id) {
	return mighty_ids_shard(id) == ids->shard ? ids->places[id / MIGHTY_IDS_SHARDS].owner : NULL;
}

void mighty_ids_remove(struct mighty_ids *ids, uint16_t id, uint64_t now) {
	if (!mighty_ids_find(ids, id))
		return;
	ids->places[id / MIGHTY_IDS_SHARDS].owner = NULL;
	ids->places[id / MIGHTY_IDS_SHARDS].free_from = now + MIGHTY_IDS_REST;
}
