#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proto/migration_path.h"

enum { PACKET = 100, PING = 60 };

static void fill(void *context, void *out_data, size_t size) {
	uint8_t *next = context, *data = out_data;
	for (size_t i = 0; i < size; i++)
		data[i] = ++*next;
}

/* Where the client is, where it went, and two addresses of the server. */
static const struct endpoint home = {.address = {{192, 0, 2, 1}, ADDRESS_V4}, .port = 1};
static const struct endpoint away = {.address = {{192, 0, 2, 2}, ADDRESS_V4}, .port = 2};
static const struct udp_source first = {.address = {{203, 0, 113, 1}, ADDRESS_V4}};
static const struct udp_source second = {.address = {{203, 0, 113, 2}, ADDRESS_V4}};

struct bench {
	uint8_t next;
	struct random_source random;
	struct shard shard;
	struct lane lane;
	struct peer peer;
	struct migration migration;
	struct udp_source asked;
	uint64_t sequence;
};

static void begin(struct bench *bench) {
	*bench = (struct bench){.asked = first};
	bench->random = (struct random_source){fill, &bench->next};
	bench->shard.random = &bench->random;
	bench->shard.now = CLOCK_SECOND;
	bench->lane.shard = &bench->shard;
	bench->peer.lane = &bench->lane;
	peer_set_endpoint(&bench->peer, &home, &first);
	migration_begin(&bench->migration, &home);
}

static bool seen(struct bench *bench, const struct endpoint *from, const struct udp_source *to) {
	const struct udp_received origin = {.from = *from, .to = *to};
	return migration_path_seen(&bench->peer, &bench->migration, &bench->asked, &origin,
							   ++bench->sequence, PACKET);
}

static bool pinged(struct bench *bench, const struct endpoint *from) {
	const struct udp_received origin = {.from = *from, .to = second};
	return migration_path_pinged(&bench->peer, &bench->migration, &origin, ++bench->sequence,
								 PACKET);
}

static bool answers(struct bench *bench, const struct endpoint *from) {
	const struct udp_received origin = {.from = *from, .to = second};
	return migration_path_answers(&bench->migration, &origin, PING);
}

static size_t pings(struct bench *bench, struct migration_path_ping out_pings[static 2]) {
	struct migration_path_ping ping;
	size_t count = 0;
	while (migration_path_ping(&bench->peer, &bench->migration, &bench->asked, PING, &ping)) {
		assert_in_range(count, 0, 1);
		assert_int_equal(ping.keepalive.kind, KEEPALIVE_PING);
		out_pings[count++] = ping;
	}
	return count;
}

static bool is_from(const struct udp_source *source, const struct udp_source *expected) {
	return address_equal(&source->address, &expected->address);
}

static void answers_leave_from_where_was_spoken_to(void **state) {
	(void)state;
	struct bench bench;
	begin(&bench);
	assert_false(seen(&bench, &home, &second));
	assert_true(is_from(&bench.peer.paths[0].from, &second));
	assert_false(pinged(&bench, &home));
	bench.peer.paths[0].from = first;
	assert_false(pinged(&bench, &home));
	assert_true(is_from(&bench.peer.paths[0].from, &first));
	assert_true(is_from(&bench.asked, &first));
}

static void moves_once_the_pong_came(void **state) {
	(void)state;
	struct bench bench;
	struct migration_path_ping ping[2];
	begin(&bench);
	assert_true(seen(&bench, &away, &second));
	assert_true(is_from(&bench.asked, &second));
	assert_true(is_from(&bench.peer.paths[0].from, &first));
	assert_int_equal(pings(&bench, ping), 2);
	assert_true(endpoint_equal(&ping[0].to, &home) && is_from(ping[0].from, &first));
	assert_true(endpoint_equal(&ping[1].to, &away) && is_from(ping[1].from, &second));
	const struct udp_received origin = {.from = away, .to = second};
	assert_false(
		migration_path_pong(&bench.peer, &bench.migration, &origin, ping[0].keepalive.bytes));
	assert_true(endpoint_equal(&bench.peer.paths[0].to, &home));
	assert_true(
		migration_path_pong(&bench.peer, &bench.migration, &origin, ping[1].keepalive.bytes));
	assert_true(endpoint_equal(&bench.peer.paths[0].to, &away));
	assert_true(is_from(&bench.peer.paths[0].from, &second));
}

static void pings_move_nobody(void **state) {
	(void)state;
	struct bench bench;
	struct migration_path_ping ping[2];
	begin(&bench);
	assert_false(pinged(&bench, &away));
	assert_int_equal(pings(&bench, ping), 0);
	assert_true(seen(&bench, &away, &first));
	assert_true(pinged(&bench, &away));
	assert_true(is_from(&bench.asked, &first));
}

static bool told(struct bench *bench, enum keepalive_kind kind) {
	const struct udp_received origin = {.from = away, .to = second};
	return migration_path_told(&bench->peer, &bench->migration, &bench->asked, &origin, kind,
							   ++bench->sequence, PACKET);
}

static void plain_keepalives_do(void **state) {
	(void)state;
	struct bench bench;
	begin(&bench);
	assert_false(told(&bench, KEEPALIVE_PING));
	assert_false(told(&bench, KEEPALIVE_PONG));
	assert_true(is_from(&bench.asked, &first));
	assert_true(told(&bench, KEEPALIVE_PLAIN));
	assert_true(is_from(&bench.asked, &second));
}

/* Three times what came from there; who is where it was, or is not asked about, is answered. */
static void answers_within_the_limit(void **state) {
	(void)state;
	struct bench bench;
	begin(&bench);
	for (unsigned i = 0; i < 100; i++)
		assert_true(answers(&bench, &home) && answers(&bench, &away));
	assert_true(seen(&bench, &away, &first));
	for (unsigned sent = PING; sent <= MIGRATION_FACTOR * PACKET; sent += PING)
		assert_true(answers(&bench, &away));
	assert_false(answers(&bench, &away));
	assert_true(answers(&bench, &home));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_leave_from_where_was_spoken_to),
		cmocka_unit_test(moves_once_the_pong_came),
		cmocka_unit_test(pings_move_nobody),
		cmocka_unit_test(plain_keepalives_do),
		cmocka_unit_test(answers_within_the_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
