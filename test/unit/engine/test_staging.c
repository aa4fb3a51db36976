#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engine/lane.h"
#include "engine/peer.h"
#include "engine/segment.h"
#include "engine/shard.h"
#include "engine/staging.h"

struct bench {
	struct shard shard;
	struct lane lane;
	struct peer peers[2];
};

static int set_up(void **state) {
	struct bench *bench = calloc(1, sizeof *bench);
	bench->lane.shard = &bench->shard;
	for (size_t i = 0; i < 2; i++) {
		peer_init(&bench->peers[i], NULL, 0);
		bench->peers[i].lane = &bench->lane;
	}
	*state = bench;
	return 0;
}

static int tear_down(void **state) {
	struct bench *bench = *state;
	for (size_t i = 0; i < 2; i++) {
		staging_drop(&bench->peers[i]);
		assert_int_equal(bench->peers[i].staged_count, 0);
		assert_null(staging_take(&bench->peers[i]));
	}
	assert_int_equal(bench->shard.staged_bytes, 0);
	free(bench);
	return 0;
}

static uint8_t data[65536];

static void add(struct peer *peer, uint8_t mark, uint32_t size) {
	memset(data, mark, size);
	assert_int_equal(staging_add(peer, data, size), ERR_OK);
}

static void assert_next(struct peer *peer, uint8_t mark, uint32_t size) {
	struct staging_packet *packet = staging_take(peer);
	assert_non_null(packet);
	assert_int_equal(packet->size, size);
	for (uint32_t i = 0; i < size; i++)
		assert_int_equal(packet->data[i], mark);
	for (uint32_t i = 0; i < SEGMENT_PADDING_MAX; i++)
		assert_int_equal(packet->data[size + i], 0);
	free(packet);
}

static void test_order(void **state) {
	struct bench *bench = *state;
	add(&bench->peers[0], 1, 100);
	add(&bench->peers[1], 2, 50);
	add(&bench->peers[0], 3, 7);
	assert_int_equal(staging_add(&bench->peers[0], NULL, 0), ERR_OK);
	assert_int_equal(bench->peers[0].staged_count, 3);
	assert_int_equal(bench->shard.staged_bytes, 157);
	assert_next(&bench->peers[0], 1, 100);
	assert_next(&bench->peers[0], 3, 7);
	assert_next(&bench->peers[0], 0, 0);
	assert_null(staging_take(&bench->peers[0]));
	assert_int_equal(bench->shard.staged_bytes, 50);
}

static void test_peers_limit(void **state) {
	struct bench *bench = *state;
	for (uint32_t i = 0; i < STAGING_PACKETS_MAX + 3; i++)
		add(&bench->peers[0], (uint8_t)i, 10);
	add(&bench->peers[1], 1, 10);
	assert_int_equal(bench->peers[0].staged_count, STAGING_PACKETS_MAX);
	assert_int_equal(bench->lane.counters.staged_dropped, 3);
	assert_int_equal(bench->shard.staged_bytes, 10 * (STAGING_PACKETS_MAX + 1));
	for (uint32_t i = 3; i < STAGING_PACKETS_MAX + 3; i++)
		assert_next(&bench->peers[0], (uint8_t)i, 10);
}

/* The shard's limit costs the one who adds, not others. */
static void test_shards_limit(void **state) {
	struct bench *bench = *state;
	const uint32_t large = 65000;
	bench->shard.staged_bytes = STAGING_BYTES_MAX - 3 * large; /* others' */
	for (uint8_t i = 0; i < 3; i++)
		add(&bench->peers[0], i, large);
	assert_int_equal(bench->shard.staged_bytes, STAGING_BYTES_MAX);
	assert_int_equal(staging_add(&bench->peers[1], data, 1), ERR_LIMIT);
	assert_int_equal(bench->peers[1].staged_count, 0);
	assert_int_equal(bench->peers[0].staged_count, 3);
	/* A larger one takes the place of two. */
	add(&bench->peers[0], 9, large + 1);
	assert_int_equal(bench->peers[0].staged_count, 2);
	assert_int_equal(bench->lane.counters.staged_dropped, 2);
	assert_next(&bench->peers[0], 2, large);
	add(&bench->peers[1], 5, 1);
	assert_next(&bench->peers[0], 9, large + 1);
	bench->shard.staged_bytes -= STAGING_BYTES_MAX - 3 * large;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_peers_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shards_limit, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
