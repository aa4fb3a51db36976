#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "session/shuffled_count.h"

/*
 * The session ids of one lane and what they stand for. An id is random but for its low four bits,
 * which name the shard that datagrams with it are steered to, and bit 4, which says who drew it:
 * the control thread for a handshake, or a shard for a rekey. So the two cannot draw the same.
 *
 * A handshake's id is drawn before anybody knows whose it will be. Where its owner is another shard
 * than the id's, that one has a guide: datagrams are passed on until the keys are renewed.
 */

enum {
	PHAZE_IDS_MAX = 1 << 20, /* of one lane, those that rest and guides included */
};

enum phaze_ids_kind {
	PHAZE_ID_UNKNOWN,
	PHAZE_ID_KEY,      /* in use */
	PHAZE_ID_RESERVED, /* in use, and has no key yet */
	PHAZE_ID_RESTING,
	PHAZE_ID_GUIDE, /* another shard knows it */
};

struct phaze_key;
struct phaze_ids;

/* Any thread: an id for a client's handshake, never 0, of that shard. */
uint32_t phaze_ids_draw(const struct random_source *random, uint16_t shard);
/*
 * As many servers' handshakes have one: never that of another, which may be in use, or rest. One
 * thread.
 */
void phaze_ids_begin(struct shuffled_count *drawn, const struct random_source *random);
uint32_t phaze_ids_next(struct shuffled_count *drawn, uint16_t shard);
/* The shard that an id is steered to. */
uint16_t phaze_ids_shard(uint32_t id);

/* random outlives it. ERR_INVALID for a shard beyond what ids can name. */
enum err phaze_ids_new(const struct random_source *random, uint16_t shard,
					   struct phaze_ids **out_ids);
void phaze_ids_free(struct phaze_ids *ids);

/* A new one, reserved for who will receive by it. ERR_LIMIT, ERR_NO_MEMORY. */
enum err phaze_ids_reserve(struct phaze_ids *ids, uint64_t now, uint32_t *out_id);
/* One that is not known, or reserved, is the key's. ERR_EXISTS, ERR_LIMIT, ERR_NO_MEMORY. */
enum err phaze_ids_set(struct phaze_ids *ids, uint64_t now, uint32_t id, struct phaze_key *key);
/* One that is not known is to be passed on to a shard until then. As phaze_ids_set(). */
enum err phaze_ids_guide(struct phaze_ids *ids, uint64_t now, uint32_t id, uint16_t shard,
						 uint64_t until);
/* In use no more; it rests. Nothing happens to any other. */
void phaze_ids_free_id(struct phaze_ids *ids, uint64_t now, uint32_t id);

/* out_key is written for a PHAZE_ID_KEY, out_shard for a PHAZE_ID_GUIDE. */
enum phaze_ids_kind phaze_ids_find(const struct phaze_ids *ids, uint64_t now, uint32_t id,
								   struct phaze_key **out_key, uint16_t *out_shard);
