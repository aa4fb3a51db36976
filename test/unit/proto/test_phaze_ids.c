#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "proto/phaze_ids.h"
#include "proto/phaze_limits.h"
#include "proto/phaze_peer.h"

#define NOW (100 * CLOCK_SECOND)

enum { MANY = 5000 };

static uint32_t seed;

/* Marsaglia's xorshift, cut to few bits where draws are to meet. */
static uint32_t bits;
static void draw(void *context, void *out_data, size_t size) {
	uint8_t *data = out_data;
	for (; size >= sizeof seed; size -= sizeof seed, data += sizeof seed) {
		seed ^= seed << 13;
		seed ^= seed >> 17;
		seed ^= seed << 5;
		const uint32_t value = seed & bits;
		memcpy(data, &value, sizeof value);
	}
	assert_int_equal(size, 0);
}

static const struct random_source randomness = {.fill = draw};
static struct phaze_key keys[MANY];

static struct phaze_ids *new_ids(uint16_t shard) {
	struct phaze_ids *ids;
	seed = shard + 1U;
	bits = UINT32_MAX;
	assert_int_equal(phaze_ids_new(&randomness, shard, &ids), ERR_OK);
	return ids;
}

static enum phaze_ids_kind kind_of(const struct phaze_ids *ids, uint64_t now, uint32_t id) {
	return phaze_ids_find(ids, now, id, NULL, NULL);
}

/* An id names its shard, and who drew it. */
static void drawn(void **state) {
	struct phaze_ids *ids;
	assert_int_equal(phaze_ids_new(&randomness, 16, &ids), ERR_INVALID);
	for (uint16_t shard = 0; shard < 16; shard++) {
		ids = new_ids(shard);
		for (int i = 0; i < 100; i++) {
			uint32_t id = phaze_ids_draw(&randomness, shard);
			assert_int_not_equal(id, 0);
			assert_int_equal(id & 31, shard);
			assert_int_equal(phaze_ids_shard(id), shard);
			assert_int_equal(phaze_ids_reserve(ids, NOW, &id), ERR_OK);
			assert_int_equal(id & 31, 16 | shard);
			assert_int_equal(phaze_ids_shard(id), shard);
		}
		phaze_ids_free(ids);
	}
	/* What would be 0 is drawn again. */
	seed = 1;
	bits = 0x20;
	for (int i = 0; i < 10; i++)
		assert_int_equal(phaze_ids_draw(&randomness, 0), 0x20);
}

/* None meets one that is in use, or rests, of any shard: drawn freely some of so many would. */
static void never_again(void **state) {
	enum { DRAWN = 100000 };
	struct shuffled_count count;
	uint8_t *seen = calloc(1, 1 << 24);
	assert_non_null(seen);
	seed = 5;
	bits = UINT32_MAX;
	phaze_ids_begin(&count, &randomness);
	for (uint32_t i = 0; i < DRAWN; i++) {
		const uint16_t shard = (uint16_t)(i % 16);
		const uint32_t id = phaze_ids_next(&count, shard);
		const uint8_t bit = (uint8_t)(1U << (id >> 5 & 7));
		assert_int_equal(id & 31, shard);
		assert_int_not_equal(id, 0);
		assert_false(seen[id >> 8] & bit);
		seen[id >> 8] |= bit;
	}
	free(seen);
}

static void life(void **state) {
	struct phaze_ids *ids = new_ids(3);
	struct phaze_key *found = NULL;
	uint32_t id;
	assert_int_equal(phaze_ids_reserve(ids, NOW, &id), ERR_OK);
	assert_int_equal(kind_of(ids, NOW, id), PHAZE_ID_RESERVED);
	assert_int_equal(phaze_ids_set(ids, NOW, id, &keys[0]), ERR_OK);
	assert_int_equal(phaze_ids_find(ids, NOW, id, &found, NULL), PHAZE_ID_KEY);
	assert_ptr_equal(found, &keys[0]);
	assert_int_equal(phaze_ids_set(ids, NOW, id, &keys[1]), ERR_EXISTS);
	assert_int_equal(phaze_ids_set(ids, NOW, 0, &keys[1]), ERR_INVALID);
	assert_int_equal(phaze_ids_set(ids, NOW, id + 64, NULL), ERR_INVALID);
	/* It rests, and is nobody's meanwhile. */
	phaze_ids_free_id(ids, NOW, id);
	phaze_ids_free_id(ids, NOW + CLOCK_SECOND, id);
	assert_int_equal(kind_of(ids, NOW + 180 * CLOCK_SECOND - 1, id), PHAZE_ID_RESTING);
	assert_int_equal(phaze_ids_set(ids, NOW + 180 * CLOCK_SECOND - 1, id, &keys[1]), ERR_EXISTS);
	assert_int_equal(kind_of(ids, NOW + 180 * CLOCK_SECOND, id), PHAZE_ID_UNKNOWN);
	assert_int_equal(phaze_ids_set(ids, NOW + 180 * CLOCK_SECOND, id, &keys[1]), ERR_OK);
	assert_int_equal(phaze_ids_find(ids, NOW, id, &found, NULL), PHAZE_ID_KEY);
	assert_ptr_equal(found, &keys[1]);
	phaze_ids_free_id(ids, NOW, id + 32); /* unknown */
	phaze_ids_free(ids);
}

static void guides(void **state) {
	struct phaze_ids *ids = new_ids(3);
	uint16_t shard = 0;
	assert_int_equal(phaze_ids_guide(ids, NOW, 0x103, 7, NOW + CLOCK_SECOND), ERR_OK);
	assert_int_equal(phaze_ids_find(ids, NOW, 0x103, NULL, &shard), PHAZE_ID_GUIDE);
	assert_int_equal(shard, 7);
	assert_int_equal(phaze_ids_guide(ids, NOW, 0x103, 8, NOW + CLOCK_SECOND), ERR_EXISTS);
	assert_int_equal(phaze_ids_set(ids, NOW, 0x103, &keys[0]), ERR_EXISTS);
	phaze_ids_free_id(ids, NOW, 0x103);
	assert_int_equal(kind_of(ids, NOW + CLOCK_SECOND - 1, 0x103), PHAZE_ID_GUIDE);
	assert_int_equal(kind_of(ids, NOW + CLOCK_SECOND, 0x103), PHAZE_ID_UNKNOWN);
	assert_int_equal(phaze_ids_guide(ids, NOW, 0, 8, NOW), ERR_INVALID);
	phaze_ids_free(ids);
}

/* All are found while the table grows, and none of those that are over. */
static void many(void **state) {
	static uint32_t got[MANY];
	struct phaze_ids *ids = new_ids(5);
	struct phaze_key *found;
	uint64_t now = NOW;
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < MANY; i++) {
			assert_int_equal(phaze_ids_reserve(ids, now, &got[i]), ERR_OK);
			assert_int_equal(phaze_ids_set(ids, now, got[i], &keys[i]), ERR_OK);
		}
		for (size_t i = 0; i < MANY; i++) {
			assert_int_equal(phaze_ids_find(ids, now, got[i], &found, NULL), PHAZE_ID_KEY);
			assert_ptr_equal(found, &keys[i]);
			phaze_ids_free_id(ids, now, got[i]);
		}
		now += PHAZE_ID_REST;
		for (size_t i = 0; i < MANY; i++)
			assert_int_equal(kind_of(ids, now, got[i]), PHAZE_ID_UNKNOWN);
	}
	phaze_ids_free(ids);
}

/* The same is not given out twice, nor while it rests; after that it is. */
static void meeting(void **state) {
	struct phaze_ids *ids = new_ids(0);
	uint32_t got[3];
	bits = 0x60;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(phaze_ids_reserve(ids, NOW, &got[i]), ERR_OK);
		for (int j = 0; j < i; j++)
			assert_int_not_equal(got[i], got[j]);
	}
	phaze_ids_free_id(ids, NOW, got[2]);
	uint32_t again;
	assert_int_equal(phaze_ids_reserve(ids, NOW + PHAZE_ID_REST, &again), ERR_OK);
	assert_int_equal(again, got[2]);
	phaze_ids_free(ids);
}

static void full(void **state) {
	struct phaze_ids *ids = new_ids(1);
	uint32_t id;
	enum err error = ERR_OK;
	size_t count = 0;
	while (!(error = phaze_ids_reserve(ids, NOW, &id)))
		count++;
	assert_int_equal(error, ERR_LIMIT);
	assert_in_range(count, PHAZE_IDS_MAX, 2 * PHAZE_IDS_MAX);
	phaze_ids_free(ids);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drawn),  cmocka_unit_test(never_again), cmocka_unit_test(life),
		cmocka_unit_test(guides), cmocka_unit_test(many),        cmocka_unit_test(meeting),
		cmocka_unit_test(full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
