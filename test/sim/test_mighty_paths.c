#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "proto/mighty_limits.h"
#include "proto/mighty_message.h"
#include "proto/mighty_peer.h"
#include "sim/mighty.h"
#include "wire/keepalive.h"
#include "wire/mighty.h"

/* Where Mighty's ends are: clients that move, and those that only seem to. */

#define FIRST(type) (MIGHTY_VERSION << 4 | (type))
#define DELAY MIGHTY_PAIR_DELAY

static struct endpoint at(const char *text) {
	struct endpoint endpoint;
	assert_int_equal(endpoint_parse(text, &endpoint), ERR_OK);
	return endpoint;
}

static void move(struct node *node, const char *address) {
	assert_int_equal(address_parse(address, &node->v4), ERR_OK);
}

static bool is_at(const struct mighty_peer *peer, const struct endpoint *endpoint) {
	return endpoint_equal(&peer->peer.paths[0].to, endpoint);
}

/* One packet from its new address, its answer to the ping, and everything goes there. */
static void test_migration(void **state) {
	for (uint64_t i = 0; i < 2; i++) {
		const struct node_options options = {.shards = i ? 4 : 1, .missteer = i};
		struct mighty_pair pair = mighty_pair_up(1 + i, &options);
		move(pair.client, "192.0.2.77");
		const struct endpoint there = node_endpoint(pair.client);
		assert_true(world_packet_arrives(pair.client, pair.server, 1, DELAY));
		assert_false(is_at(pair.server_peer, &there));
		world_run(pair.world, 3 * DELAY);
		assert_true(is_at(pair.server_peer, &there));
		assert_true(world_packet_arrives(pair.server, pair.client, 2, DELAY));
		world_run(pair.world, CLOCK_SECOND);
		const size_t events = pair.server->event_count;
		assert_int_equal(pair.server->events[events - 1].event.kind, DEVICE_EVENT_MOVED);
		/* Again, no sooner than a second later. */
		move(pair.client, "192.0.2.78");
		assert_true(world_packet_arrives(pair.client, pair.server, 3, DELAY));
		world_run(pair.world, 3 * DELAY);
		assert_true(world_packet_arrives(pair.server, pair.client, 4, DELAY));
		mighty_pair_free(&pair);
	}
}

/* A client that has nothing to say is found by its keepalive, and at once where it knows. */
static void test_idle_migration(void **state) {
	struct mighty_pair pair = mighty_pair_up(10, NULL);
	move(pair.client, "192.0.2.77");
	world_run(pair.world, 11 * CLOCK_SECOND);
	assert_true(world_packet_arrives(pair.server, pair.client, 1, DELAY));
	move(pair.client, "192.0.2.78");
	node_network(pair.client);
	world_run(pair.world, 5 * DELAY);
	assert_true(world_packet_arrives(pair.server, pair.client, 2, DELAY));
	mighty_pair_free(&pair);
}

/* The renewal alone moves nobody, but what comes with it does. */
static void test_migration_and_renewal(void **state) {
	struct mighty_pair pair = mighty_pair_up(20, NULL);
	world_run(pair.world, 590 * CLOCK_SECOND);
	move(pair.client, "192.0.2.77");
	world_run(pair.world, 15 * CLOCK_SECOND);
	assert_true(session_age(&pair.server_peer->current->session, world_now(pair.world)) <
				10 * CLOCK_SECOND);
	assert_true(world_packet_arrives(pair.server, pair.client, 1, DELAY));
	mighty_pair_free(&pair);
}

/* Copies what a client sends, is faster, and says that it came from elsewhere. */
struct forger {
	struct world *world;
	struct endpoint claimed, client;
	bool on, drop;
	size_t to_claimed, bytes_to, bytes_from;
};

static bool forge(void *context, const struct endpoint *from, const struct endpoint *to,
				  struct slice datagram) {
	struct forger *forger = context;
	if (endpoint_equal(to, &forger->claimed)) {
		forger->to_claimed++;
		forger->bytes_to += datagram.size;
	}
	if (!forger->on || !endpoint_equal(from, &forger->client))
		return true;
	forger->bytes_from += datagram.size;
	if (sim_send(forger->world->network, &forger->claimed, to, datagram) != ERR_OK)
		abort();
	return !forger->drop;
}

/* The packets of a client, each first from a victim's address: the victim gets next to nothing. */
static void test_forged_migration(void **state) {
	struct mighty_pair pair = mighty_pair_up(30, NULL);
	struct forger forger = {.world = pair.world,
							.claimed = at("203.0.113.66:666"),
							.client = node_endpoint(pair.client),
							.on = true};
	const struct sim_link fast = {.delay = 1};
	const struct endpoint server = node_endpoint(pair.server);
	assert_int_equal(sim_set_link(pair.world->network, &forger.claimed, &server, &fast), ERR_OK);
	pair.world->tap.pass = forge;
	pair.world->tap.context = &forger;
	for (uint32_t number = 0; number < 1000; number++) {
		world_packet(pair.client, pair.server, number);
		world_packet(pair.server, pair.client, number);
		world_run(pair.world, 20 * CLOCK_MILLISECOND);
		assert_true(is_at(pair.server_peer, &forger.client));
	}
	world_run(pair.world, CLOCK_SECOND);
	/* Nothing was lost on the way to the client, which nobody held up. */
	assert_int_equal(node_arrived_from(pair.client, pair.server), 1000);
	assert_int_equal(node_arrived_from(pair.server, pair.client), 1000);
	/* Pings alone, and less than three times what came. */
	assert_in_range(forger.to_claimed, 1, 80);
	assert_true(forger.bytes_to <= 3 * forger.bytes_from);
	mighty_pair_free(&pair);
}

/* The same, and the originals are held up: he who does that can cut the line, but moves nobody. */
static void test_relayed_without_answers(void **state) {
	struct mighty_pair pair = mighty_pair_up(31, NULL);
	struct forger forger = {.world = pair.world,
							.claimed = at("203.0.113.66:666"),
							.client = node_endpoint(pair.client),
							.on = true,
							.drop = true};
	pair.world->tap.pass = forge;
	pair.world->tap.context = &forger;
	for (uint32_t number = 0; number < 100; number++) {
		world_packet(pair.client, pair.server, number);
		world_packet(pair.server, pair.client, number);
		world_run(pair.world, 100 * CLOCK_MILLISECOND);
	}
	assert_true(is_at(pair.server_peer, &forger.client));
	assert_int_equal(node_arrived_from(pair.client, pair.server), 100);
	assert_true(forger.bytes_to <= 3 * forger.bytes_from);
	mighty_pair_free(&pair);
}

/* A late packet from the address of before does not move anybody back. */
static void test_late_packet(void **state) {
	struct mighty_pair pair = mighty_pair_up(40, NULL);
	const struct endpoint before = node_endpoint(pair.client), server = node_endpoint(pair.server);
	const struct sim_link slow = {.delay = 2 * CLOCK_SECOND};
	assert_int_equal(sim_set_link(pair.world->network, &before, &server, &slow), ERR_OK);
	world_packet(pair.client, pair.server, 1);
	world_run(pair.world, DELAY);
	move(pair.client, "192.0.2.77");
	const struct endpoint there = node_endpoint(pair.client);
	assert_true(world_packet_arrives(pair.client, pair.server, 2, DELAY));
	world_run(pair.world, 3 * DELAY);
	assert_true(is_at(pair.server_peer, &there));
	world_run(pair.world, 3 * CLOCK_SECOND);
	assert_int_equal(node_arrived(pair.server, pair.client, 1), 1);
	assert_true(is_at(pair.server_peer, &there));
	mighty_pair_free(&pair);
}

/* Pings and pongs go wherever somebody tries out ways: they move nobody, and are answered there. */
static void test_pings_move_nobody(void **state) {
	struct mighty_pair pair = mighty_pair_up(50, NULL);
	const struct endpoint before = node_endpoint(pair.client), server = node_endpoint(pair.server);
	pair.world->tap.recording = true;
	move(pair.client, "192.0.2.77");
	const struct keepalive ping = {.kind = KEEPALIVE_PING, .bytes = {1, 2, 3}};
	mighty_message_send(pair.client_peer, &ping, &server, NULL);
	pair.client->dirty = true;
	world_run(pair.world, CLOCK_SECOND);
	assert_true(is_at(pair.server_peer, &before));
	const struct tap_record *pong = tap_find(&pair.world->tap, &pair.server->v4, 0, 0);
	assert_non_null(pong);
	assert_true(address_equal(&pong->to.address, &pair.client->v4));
	assert_int_equal(pair.world->tap.count, 2);
	mighty_pair_free(&pair);
}

/* Nor does it matter which of the server's addresses they are sent to: answers leave as before. */
static void test_pings_to_another_address(void **state) {
	struct mighty_pair pair = mighty_pair_up(60, NULL);
	const struct udp_source *from = &pair.server_peer->peer.paths[0].from;
	assert_true(world_packet_arrives(pair.client, pair.server, 1, DELAY));
	const struct address first = pair.server->v4;
	assert_true(address_equal(&from->address, &first));
	move(pair.server, "192.0.2.88");
	const struct endpoint second = node_endpoint(pair.server);
	const struct keepalive ping = {.kind = KEEPALIVE_PING, .bytes = {1, 2, 3}};
	mighty_message_send(pair.client_peer, &ping, &second, NULL);
	pair.client->dirty = true;
	world_run(pair.world, 3 * DELAY);
	assert_true(address_equal(&from->address, &first));
	/* A client that moves, and sends such pings: nor then. */
	pair.server->v4 = first;
	move(pair.client, "192.0.2.77");
	assert_true(world_packet_arrives(pair.client, pair.server, 2, DELAY));
	pair.server->v4 = second.address;
	mighty_message_send(pair.client_peer, &ping, &second, NULL);
	pair.client->dirty = true;
	world_run(pair.world, DELAY);
	assert_true(address_equal(&pair.server_peer->migration_to.address, &first));
	/* What is said there does. */
	world_run(pair.world, CLOCK_SECOND);
	mighty_sim_set_endpoints(pair.client, pair.client_peer, &second, 1);
	assert_true(world_packet_arrives(pair.client, pair.server, 3, CLOCK_SECOND));
	assert_true(address_equal(&from->address, &second.address));
	mighty_pair_free(&pair);
}

static struct endpoint v6_of(const struct node *node) {
	return (struct endpoint){.address = node->v6, .port = NODE_PORT};
}

static void cut(const struct mighty_pair *pair, const struct endpoint *endpoint, bool on) {
	assert_int_equal(sim_set_cut(pair->world->network, endpoint, NULL, on), ERR_OK);
}

/* A server with two endpoints, by IPv4 (first) and IPv6. */
static struct mighty_pair two_endpoints(uint64_t seed) {
	struct mighty_pair pair = mighty_pair_new(seed, NULL);
	const struct endpoint both[] = {node_endpoint(pair.server), v6_of(pair.server),
									node_endpoint(pair.server)};
	mighty_sim_set_endpoints(pair.client, pair.client_peer, both, 3);
	node_link(pair.server, true);
	node_link(pair.client, true);
	world_run(pair.world, CLOCK_SECOND);
	assert_true(is_at(pair.client_peer, &both[0]));
	return pair;
}

/* One falls silent while packets are sent: at most 3 s later they take the other one. */
static void test_failover(void **state) {
	for (uint64_t i = 0; i < 10; i++) {
		struct mighty_pair pair = two_endpoints(100 + i);
		const struct endpoint first = node_endpoint(pair.server), second = v6_of(pair.server);
		world_run(pair.world, i * 900 * CLOCK_MILLISECOND);
		cut(&pair, &first, true);
		const uint64_t silent = world_now(pair.world);
		uint32_t number = 0;
		do {
			assert_true(world_now(pair.world) - silent <= 3 * CLOCK_SECOND + 5 * DELAY);
			world_packet(pair.client, pair.server, ++number);
			world_run(pair.world, 5 * DELAY);
		} while (node_arrived(pair.server, pair.client, number) == 0);
		assert_true(is_at(pair.client_peer, &second));
		assert_true(world_packet_arrives(pair.server, pair.client, 1, CLOCK_SECOND));
		const size_t events = pair.client->event_count;
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(pair.client->events[events].event.kind, DEVICE_EVENT_MOVED);
		/* The session went on: no handshake. */
		assert_int_equal(pair.server->event_count, 2);
		mighty_pair_free(&pair);
	}
}

/* It falls silent, and what its server has to say comes from an address that is none of them. */
static void test_failover_under_answers(void **state) {
	struct mighty_pair pair = two_endpoints(170);
	const struct endpoint second = v6_of(pair.server);
	move(pair.server, "192.0.2.99");
	const uint64_t silent = world_now(pair.world);
	for (uint32_t number = 1; !is_at(pair.client_peer, &second); number++) {
		assert_true(world_now(pair.world) - silent <= 3 * CLOCK_SECOND + 5 * DELAY);
		world_packet(pair.client, pair.server, number);
		world_packet(pair.server, pair.client, number);
		world_run(pair.world, 5 * DELAY);
	}
	assert_true(node_arrived_from(pair.client, pair.server) > 40);
	assert_true(world_packet_arrives(pair.client, pair.server, 1000, CLOCK_SECOND));
	mighty_pair_free(&pair);
}

/* What the server sends seems to come from another address of its host. */
struct disguise {
	struct world *world;
	struct endpoint real, shown;
};

static bool show_another(void *context, const struct endpoint *from, const struct endpoint *to,
						 struct slice datagram) {
	const struct disguise *disguise = context;
	if (!endpoint_equal(from, &disguise->real))
		return true;
	if (sim_send(disguise->world->network, &disguise->shown, to, datagram) != ERR_OK)
		abort();
	return false;
}

/* Its answers name what they answer: nobody takes it for dead. */
static void test_answers_from_elsewhere(void **state) {
	struct mighty_pair pair = mighty_pair_new(180, NULL);
	struct disguise disguise = {
		.world = pair.world, .real = node_endpoint(pair.server), .shown = at("192.0.2.99:51820")};
	pair.world->tap.pass = show_another;
	pair.world->tap.context = &disguise;
	pair.world->tap.recording = true;
	node_link(pair.server, true);
	node_link(pair.client, true);
	world_run(pair.world, CLOCK_SECOND);
	for (uint32_t number = 0; number < 200; number++) {
		world_packet(pair.client, pair.server, number);
		world_packet(pair.server, pair.client, number);
		world_run(pair.world, 100 * CLOCK_MILLISECOND);
	}
	assert_int_equal(tap_count(&pair.world->tap, &pair.client->v4, FIRST(MIGHTY_REQUEST)), 1);
	assert_int_equal(node_arrived_from(pair.client, pair.server), 200);
	assert_int_equal(node_arrived_from(pair.server, pair.client), 200);
	mighty_pair_free(&pair);
}

/* The other one is another machine, which does not know the session: a handshake there. */
static void test_failover_to_another_server(void **state) {
	struct mighty_pair pair = mighty_pair_new(120, NULL);
	struct node *other = mighty_sim_add(pair.world, MIGHTY_SERVER, NULL);
	const struct mighty_peer *other_peer =
		mighty_sim_add_client(other, MIGHTY_PAIR_PSK, pair.client->number);
	const struct endpoint both[] = {node_endpoint(pair.server), node_endpoint(other)};
	mighty_sim_set_endpoints(pair.client, pair.client_peer, both, 2);
	node_link(pair.server, true);
	node_link(other, true);
	node_link(pair.client, true);
	world_run(pair.world, 20 * CLOCK_SECOND);
	assert_true(is_at(pair.client_peer, &both[0]));
	cut(&pair, &both[0], true);
	world_packet(pair.client, pair.server, 1);
	world_run(pair.world, 3 * CLOCK_SECOND + 4 * DELAY);
	assert_true(mighty_sim_is_connected(other_peer));
	assert_true(is_at(pair.client_peer, &both[1]));
	const struct inner inner = {.from = 2, .to = 3, .number = 7, .size = INNER_SIZE};
	node_inject(pair.client, &inner);
	world_run(pair.world, DELAY);
	assert_int_equal(node_arrived(other, pair.client, 7), 1);
	mighty_pair_free(&pair);
}

/* Attempts take the endpoints in turn. */
static void test_first_one_dead(void **state) {
	struct mighty_pair pair = mighty_pair_new(130, NULL);
	const struct endpoint endpoints[] = {at("192.0.2.99:1"), at("192.0.2.98:1"),
										 node_endpoint(pair.server)};
	mighty_sim_set_endpoints(pair.client, pair.client_peer, endpoints, 3);
	/* Its clock is wrong, too: the cookie goes to who asked for it. */
	pair.client->wall_offset = 86400 * CLOCK_SECOND;
	node_link(pair.server, true);
	node_link(pair.client, true);
	world_run(pair.world, 5 * CLOCK_SECOND);
	assert_true(mighty_sim_is_connected(pair.client_peer));
	assert_true(is_at(pair.client_peer, &endpoints[2]));
	assert_true(world_packet_arrives(pair.client, pair.server, 1, DELAY));
	mighty_pair_free(&pair);
}

/* One that is faster by more than a fifth for half a minute is taken; less is not worth it. */
static void test_faster_endpoint(void **state) {
	static const struct {
		uint64_t delay;
		bool is_taken;
	} rows[] = {{DELAY / 2, true}, {DELAY * 9 / 10, false}};
	for (size_t i = 0; i < 2; i++) {
		struct mighty_pair pair = two_endpoints(140 + i);
		const struct endpoint there = v6_of(pair.server), here = v6_of(pair.client);
		const struct sim_link link = {.delay = rows[i].delay};
		assert_int_equal(sim_set_link(pair.world->network, &here, &there, &link), ERR_OK);
		assert_int_equal(sim_set_link(pair.world->network, &there, &here, &link), ERR_OK);
		world_run(pair.world, 100 * CLOCK_SECOND);
		assert_int_equal(is_at(pair.client_peer, &there), rows[i].is_taken);
		assert_in_range(pair.client_peer->news.round_trips[0], 19900, 20100);
		assert_in_range(pair.client_peer->news.round_trips[1], rows[i].delay / 500 - 1000, 20100);
		assert_true(world_packet_arrives(pair.client, pair.server, 1, DELAY));
		assert_true(world_packet_arrives(pair.server, pair.client, 2, DELAY));
		mighty_pair_free(&pair);
	}
}

/* A server that came back without its sessions is found within seconds where there is traffic. */
static void test_restart_under_traffic(void **state) {
	struct mighty_pair pair = mighty_pair_up(150, NULL);
	world_run(pair.world, CLOCK_SECOND);
	node_restart(pair.server);
	mighty_pair_refresh(&pair);
	for (uint32_t number = 0; number < 35; number++) {
		world_packet(pair.client, pair.server, number);
		world_run(pair.world, CLOCK_SECOND / 10);
	}
	assert_true(mighty_sim_is_connected(pair.server_peer));
	assert_true(world_packet_arrives(pair.client, pair.server, 100, DELAY));
	assert_true(world_packet_arrives(pair.server, pair.client, 100, DELAY));
	mighty_pair_free(&pair);
}

/* Another list: what is not on it any more is left at once. */
static void test_changed_endpoints(void **state) {
	struct mighty_pair pair = two_endpoints(160);
	const struct endpoint second = v6_of(pair.server);
	mighty_sim_set_endpoints(pair.client, pair.client_peer, &second, 1);
	assert_true(world_packet_arrives(pair.client, pair.server, 1, CLOCK_SECOND));
	assert_true(is_at(pair.client_peer, &second));
	/* None at all, and one again. */
	mighty_sim_set_endpoints(pair.client, pair.client_peer, &second, 0);
	assert_false(world_packet_arrives(pair.client, pair.server, 2, CLOCK_SECOND));
	mighty_sim_set_endpoints(pair.client, pair.client_peer, &second, 1);
	assert_true(world_packet_arrives(pair.client, pair.server, 3, CLOCK_SECOND));
	mighty_pair_free(&pair);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_migration),
		cmocka_unit_test(test_idle_migration),
		cmocka_unit_test(test_migration_and_renewal),
		cmocka_unit_test(test_forged_migration),
		cmocka_unit_test(test_relayed_without_answers),
		cmocka_unit_test(test_late_packet),
		cmocka_unit_test(test_pings_move_nobody),
		cmocka_unit_test(test_pings_to_another_address),
		cmocka_unit_test(test_failover),
		cmocka_unit_test(test_failover_under_answers),
		cmocka_unit_test(test_answers_from_elsewhere),
		cmocka_unit_test(test_failover_to_another_server),
		cmocka_unit_test(test_first_one_dead),
		cmocka_unit_test(test_faster_endpoint),
		cmocka_unit_test(test_restart_under_traffic),
		cmocka_unit_test(test_changed_endpoints),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
