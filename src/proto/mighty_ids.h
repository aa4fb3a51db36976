#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

/*
 * The session ids of one lane and their owners. An id has 16 bits: random, so that strangers find
 * one only by trying, but for the low four, which modulo the number of shards name the shard: the
 * kernel steers datagrams by them. An id that was given back rests, as packets for its last owner
 * may still be on their way. Time is the shard's; one thread uses it.
 */

enum {
	MIGHTY_IDS_SHARDS_MAX = 16,
	MIGHTY_IDS_MAX = 65535, /* of all lanes; 0 is none */
};
#define MIGHTY_IDS_REST (10 * CLOCK_SECOND)

struct mighty_ids;

/* shard is below shards, and that at most MIGHTY_IDS_SHARDS_MAX: ERR_INVALID. random outlives it.
 */
enum err mighty_ids_new(const struct random_source *random, unsigned shard, unsigned shards,
						struct mighty_ids **out_ids);
void mighty_ids_free(struct mighty_ids *ids);

/* An id that is neither in use nor resting; owner is not NULL. ERR_LIMIT where there is none. */
enum err mighty_ids_add(struct mighty_ids *ids, void *owner, uint64_t now, uint16_t *out_id);
/* Another owner for an id in use; ERR_NOT_FOUND for any other. */
enum err mighty_ids_set(struct mighty_ids *ids, uint16_t id, void *owner);
/* NULL for an id that is not in use, or another shard's. */
void *mighty_ids_find(const struct mighty_ids *ids, uint16_t id);
/* Nothing happens where it is not in use. */
void mighty_ids_remove(struct mighty_ids *ids, uint16_t id, uint64_t now);

static inline uint16_t mighty_ids_shard(uint16_t id, unsigned shards) {
	return (uint16_t)(id % MIGHTY_IDS_SHARDS_MAX % shards);
}
