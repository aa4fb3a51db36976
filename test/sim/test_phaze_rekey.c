#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/phaze_renewal.h"
#include "proto/phaze_session.h"
#include "sim/logins.h"
#include "sim/phaze.h"

/* Whoever wants new keys all the time does not get them, at either end, and all goes on. */

enum { SECONDS = 10 };

static struct phaze_pair up_with(uint64_t seed, uint32_t packets) {
	struct phaze_pair pair = phaze_pair_new(seed, NULL);
	struct phaze_login login = phaze_login;
	login.rekey_packets = packets;
	(void)phaze_pair_login(&pair, &login);
	world_run(pair.world, CLOCK_SECOND);
	pair.world->tap.recording = true;
	return pair;
}

static uint32_t generation_of(const struct phaze_peer *peer) {
	return peer->current->rekey.newest;
}

/* A key that is due with each packet is renewed once a second. */
static void test_each_packet(void **state) {
	struct phaze_pair pair = up_with(1, 1);
	const uint32_t before = generation_of(pair.client_peer);
	for (uint32_t number = 0; number < SECONDS * 100; number++) {
		world_packet(pair.client, pair.server, number);
		world_packet(pair.server, pair.client, number);
		world_run(pair.world, 10 * CLOCK_MILLISECOND);
	}
	world_run(pair.world, CLOCK_SECOND);
	assert_in_range(generation_of(pair.client_peer) - before, SECONDS - 1, SECONDS + 2);
	assert_in_range(phaze_sim_sent(pair.world, pair.client, PHAZE_REKEY), SECONDS - 1, SECONDS + 2);
	assert_int_equal(node_arrived_from(pair.server, pair.client), SECONDS * 100);
	assert_int_equal(node_arrived_from(pair.client, pair.server), SECONDS * 100);
	phaze_pair_free(&pair);
}

/* A server that asks all the time. */
static void test_asks(void **state) {
	struct phaze_pair pair = up_with(2, 1 << 30);
	for (uint32_t i = 0; i < SECONDS * 100; i++) {
		phaze_renewal_ask(pair.server_peer);
		pair.server->dirty = true;
		world_run(pair.world, 10 * CLOCK_MILLISECOND);
	}
	world_run(pair.world, CLOCK_SECOND);
	assert_true(phaze_sim_sent(pair.world, pair.server, PHAZE_REKEY) >= SECONDS * 100);
	assert_in_range(phaze_sim_sent(pair.world, pair.client, PHAZE_REKEY), SECONDS - 1, SECONDS + 2);
	assert_in_range(generation_of(pair.client_peer), SECONDS - 1, SECONDS + 2);
	phaze_pair_free(&pair);
}

/* A client that begins as soon as the one before is over is answered twice a second. */
static void test_begins(void **state) {
	struct phaze_pair pair = up_with(3, 1 << 30);
	for (uint32_t number = 0; number < SECONDS * 100; number++) {
		struct phaze_rekey *rekey = &pair.client_peer->current->rekey;
		rekey->next_at = 0;
		if (rekey->is_asking && rekey->repeat_at > world_now(pair.world) + CLOCK_MILLISECOND)
			rekey->repeat_at = world_now(pair.world) + CLOCK_MILLISECOND;
		phaze_renewal_begin(pair.client_peer);
		pair.client->dirty = true;
		world_packet(pair.client, pair.server, number);
		world_run(pair.world, 10 * CLOCK_MILLISECOND);
	}
	world_run(pair.world, CLOCK_SECOND);
	assert_in_range(generation_of(pair.server_peer), SECONDS, 2 * SECONDS + 2);
	assert_int_equal(generation_of(pair.server_peer), generation_of(pair.client_peer));
	assert_in_range(phaze_sim_sent(pair.world, pair.server, PHAZE_REKEY), SECONDS, 2 * SECONDS + 2);
	assert_int_equal(node_arrived_from(pair.server, pair.client), SECONDS * 100);
	phaze_pair_free(&pair);
}

/* What a server tells lowers a client's own limits, to what it bears. */
static void test_told(void **state) {
	static const struct {
		const char *server, *client;
		uint32_t seconds, packets;
	} rows[] = {
		{"rekey_seconds=1\nrekey_packets=1\n", "rekey_seconds=120\n", 10, 1000},
		{"rekey_seconds=11\nrekey_packets=1001\n", "rekey_seconds=120\n", 11, 1001},
		{"rekey_seconds=600\n", "rekey_seconds=5\nrekey_packets=1000\n", 5, 1000},
		{"rekey_seconds=1\nrekey_packets=1\n", "rekey_seconds=5\nrekey_packets=500\n", 5, 500},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct logins_options options = {.password = "secret",
											   .server_lines = rows[i].server};
		struct logins *logins = logins_new(10 + i, &options);
		assert_int_equal(logins_set(logins->client, rows[i].client), 0);
		node_link(logins->server, true);
		node_link(logins->client, true);
		logins_run(logins, CLOCK_SECOND);
		logins_assert_talking(logins, 1);
		const struct phaze_session *session = logins_of_client(logins)->shared.current;
		assert_int_equal(session->limits.age, rows[i].seconds * CLOCK_SECOND);
		assert_int_equal(session->limits.packets, rows[i].packets);
		logins_free(logins);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_packet),
		cmocka_unit_test(test_asks),
		cmocka_unit_test(test_begins),
		cmocka_unit_test(test_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
