#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/phaze_ids.h"
#include "sim/phaze.h"

/* A session of Phaze while it lasts: rekeys, replays, limits, and clients that move. */

#define DELAY PHAZE_PAIR_DELAY

/* What is told of a session that goes on: it is current, and its other end was heard. */
enum { BEGINNING = 2 };

static struct phaze_pair up_with(uint64_t seed, const struct node_options *options,
								 struct phaze_login login) {
	struct phaze_pair pair = phaze_pair_new(seed, options);
	login.id_shard = pair.server_peer->peer.owner;
	(void)phaze_pair_login(&pair, &login);
	world_run(pair.world, CLOCK_SECOND);
	return pair;
}

/* Packets always on their way, both ways; each arrives once. */
static void run_traffic(const struct phaze_pair *pair, uint32_t packets, uint64_t interval) {
	node_forget_arrivals(pair->client);
	node_forget_arrivals(pair->server);
	for (uint32_t number = 0; number < packets; number++) {
		world_packet(pair->client, pair->server, number);
		world_packet(pair->server, pair->client, number);
		world_run(pair->world, interval);
	}
	world_run(pair->world, CLOCK_SECOND);
	assert_int_equal(node_arrived_from(pair->server, pair->client), packets);
	assert_int_equal(node_arrived_from(pair->client, pair->server), packets);
}

static uint32_t generation_of(const struct phaze_peer *peer) {
	return peer->current->rekey.newest;
}

static void test_renewed_by_time(void **state) {
	static const struct node_options options[] = {{.shards = 1}, {.shards = 4, .missteer = true}};
	for (size_t i = 0; i < 2; i++) {
		struct phaze_pair pair = phaze_pair_up(1 + i, &options[i]);
		const struct sim_link link = {.delay = DELAY, .jitter = DELAY, .reorder_percent = 20};
		world_set_link(pair.world, &link);
		pair.world->tap.recording = true;
		run_traffic(&pair, 12500, 100 * CLOCK_MILLISECOND);
		assert_int_equal(generation_of(pair.client_peer), 10);
		assert_int_equal(generation_of(pair.server_peer), 10);
		assert_int_equal(phaze_sim_sent(pair.world, pair.client, PHAZE_REKEY), 10);
		assert_int_equal(phaze_sim_sent(pair.world, pair.server, PHAZE_REKEY), 10);
		world_run(pair.world, 15 * CLOCK_SECOND);
		assert_null(pair.client_peer->current->old);
		assert_null(pair.server_peer->current->old);
		/* Nobody was told: it is the same session. */
		assert_int_equal(phaze_sim_news_count(pair.server), BEGINNING);
		phaze_pair_free(&pair);
	}
}

/* Of either direction. */
static void test_renewed_by_packets(void **state) {
	for (uint32_t i = 0; i < 2; i++) {
		struct phaze_login login = phaze_login;
		login.rekey_packets = 100;
		struct phaze_pair pair = up_with(10 + i, NULL, login);
		struct node *from = i ? pair.client : pair.server, *to = i ? pair.server : pair.client;
		for (uint32_t number = 0; number < 1000; number++) {
			world_packet(from, to, number);
			world_run(pair.world, 12 * CLOCK_MILLISECOND);
		}
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(node_arrived_from(to, from), 1000);
		/* Packets under the old key while that is under way count, too. */
		assert_in_range(generation_of(pair.client_peer), 8, 10);
		phaze_pair_free(&pair);
	}
}

/* Loses half of all REKEY packets; both ends find together again, and no packet is lost. */
static bool lose_half(void *context, const struct endpoint *from, const struct endpoint *to,
					  struct slice datagram) {
	unsigned *count = context;
	return phaze_sim_type(datagram) != PHAZE_REKEY || ((*count)++ * 7 / 3) % 2;
}

static void test_lost_rekeys(void **state) {
	struct phaze_login login = phaze_login;
	login.rekey_seconds = 10;
	struct phaze_pair pair = up_with(20, NULL, login);
	unsigned count = 0;
	pair.world->tap.pass = lose_half;
	pair.world->tap.context = &count;
	run_traffic(&pair, 5000, 80 * CLOCK_MILLISECOND);
	assert_in_range(generation_of(pair.client_peer), 20, 40);
	assert_true(count > 2 * generation_of(pair.client_peer));
	assert_int_equal(phaze_sim_news_count(pair.client), BEGINNING);
	phaze_pair_free(&pair);
}

/* The same under loss of everything, doubling and reordering: nothing is told twice or made up. */
static void test_bad_link(void **state) {
	struct phaze_login login = phaze_login;
	login.rekey_packets = 300;
	struct phaze_pair pair = up_with(21, NULL, login);
	const struct sim_link link = {.delay = DELAY,
								  .jitter = 5 * DELAY,
								  .loss_percent = 10,
								  .duplicate_percent = 10,
								  .reorder_percent = 20,
								  .reorder_delay = 3 * DELAY};
	world_set_link(pair.world, &link);
	node_forget_arrivals(pair.server);
	for (uint32_t number = 0; number < 10000; number++) {
		world_packet(pair.client, pair.server, number);
		world_packet(pair.server, pair.client, number);
		world_run(pair.world, 10 * CLOCK_MILLISECOND);
	}
	world_run(pair.world, CLOCK_SECOND);
	assert_in_range(node_arrived_from(pair.server, pair.client), 8700, 9200);
	assert_in_range(node_arrived_from(pair.client, pair.server), 8700, 9200);
	for (uint32_t number = 0; number < 10000; number += 97)
		assert_in_range(node_arrived(pair.server, pair.client, number), 0, 1);
	assert_in_range(generation_of(pair.client_peer), 20, 34);
	assert_int_equal(phaze_sim_news_count(pair.client), BEGINNING);
	phaze_pair_free(&pair);
}

/* What was on its way for long is read under the key of before, if not for too long. */
static void test_late_packets(void **state) {
	for (uint32_t i = 0; i < 4; i++) {
		struct phaze_pair pair = phaze_pair_up(25 + i, NULL);
		struct node *from = i % 2 ? pair.client : pair.server;
		struct node *to = i % 2 ? pair.server : pair.client;
		const bool too_long = i / 2;
		const struct endpoint ends[] = {node_endpoint(from), node_endpoint(to)};
		const struct sim_link slow = {.delay = (too_long ? 25 : 10) * CLOCK_SECOND};
		const struct sim_link fast = {.delay = DELAY};
		world_run_until(pair.world,
						pair.client_peer->current->newest->session.born + 119 * CLOCK_SECOND);
		assert_int_equal(sim_set_link(pair.world->network, &ends[0], &ends[1], &slow), ERR_OK);
		world_packet(from, to, 1);
		world_run(pair.world, CLOCK_MILLISECOND);
		assert_int_equal(sim_set_link(pair.world->network, &ends[0], &ends[1], &fast), ERR_OK);
		/* An idle end says something under the new key within 10 s, and 10 s later that is it. */
		world_run(pair.world, 26 * CLOCK_SECOND);
		assert_int_equal(generation_of(pair.client_peer), 1);
		assert_int_equal(node_arrived(to, from, 1), too_long ? 0 : 1);
		phaze_pair_free(&pair);
	}
}

/* Ids that keys had rest for three minutes. */
static void test_ids_rest(void **state) {
	struct phaze_pair pair = phaze_pair_up(30, NULL);
	const struct phaze_ids *ids = phaze_lane_of(pair.server_peer->peer.lane)->ids;
	const struct phaze_key *first = pair.server_peer->current->newest;
	const uint32_t id = first->session.local_index;
	world_run_until(pair.world, first->session.born + 135 * CLOCK_SECOND);
	assert_int_equal(generation_of(pair.server_peer), 1);
	assert_int_equal(phaze_ids_find(ids, world_now(pair.world), id, NULL, NULL), PHAZE_ID_RESTING);
	world_run(pair.world, 170 * CLOCK_SECOND);
	assert_int_equal(phaze_ids_find(ids, world_now(pair.world), id, NULL, NULL), PHAZE_ID_RESTING);
	world_run(pair.world, 15 * CLOCK_SECOND);
	assert_int_equal(phaze_ids_find(ids, world_now(pair.world), id, NULL, NULL), PHAZE_ID_UNKNOWN);
	phaze_pair_free(&pair);
}

static bool lose_rekeys(void *context, const struct endpoint *from, const struct endpoint *to,
						struct slice datagram) {
	return phaze_sim_type(datagram) != PHAZE_REKEY;
}

/* Without a rekey both ends stop, a minute after it was due. */
static void test_hard_stop_by_time(void **state) {
	struct phaze_pair pair = phaze_pair_up(35, NULL);
	const uint64_t born = pair.client_peer->current->newest->session.born;
	pair.world->tap.pass = lose_rekeys;
	pair.world->tap.recording = true;
	world_run_until(pair.world, born + 179 * CLOCK_SECOND);
	assert_true(world_packet_arrives(pair.client, pair.server, 1, DELAY));
	assert_true(world_packet_arrives(pair.server, pair.client, 2, DELAY));
	/* After 0, 1, 3, 7, 15, 31 seconds. */
	assert_int_equal(phaze_sim_sent(pair.world, pair.client, PHAZE_REKEY), 6);
	world_run_until(pair.world, born + 181 * CLOCK_SECOND);
	for (int end = 0; end < 2; end++) {
		const struct phaze_news_session *news =
			phaze_sim_told(end ? pair.client : pair.server, PHAZE_NEWS_ENDED, pair.number);
		assert_non_null(news);
		assert_int_equal(news->code, PHAZE_CLOSE_DONE);
		assert_false(news->by_peer);
	}
	assert_null(pair.client_peer->current);
	assert_null(pair.server_peer->current);
	phaze_pair_free(&pair);
}

static bool lose_answers(void *context, const struct endpoint *from, const struct endpoint *to,
						 struct slice datagram) {
	const struct endpoint *server = context;
	return phaze_sim_type(datagram) != PHAZE_REKEY || !endpoint_equal(from, server);
}

/* Nor does a server wait longer with the key of before for a client that does not hear of its next.
 */
static void test_hard_stop_of_old_key(void **state) {
	struct phaze_pair pair = phaze_pair_up(37, NULL);
	const uint64_t born = pair.client_peer->current->newest->session.born;
	struct endpoint server = node_endpoint(pair.server);
	pair.world->tap.pass = lose_answers;
	pair.world->tap.context = &server;
	world_run_until(pair.world, born + 179 * CLOCK_SECOND);
	assert_int_equal(generation_of(pair.server_peer), 1);
	assert_int_equal(generation_of(pair.client_peer), 0);
	/* The client alone thinks that it may. */
	pair.client_peer->current->limits.age = 1000 * CLOCK_SECOND;
	pair.client_peer->timers[PHAZE_TIMER_AGE] = CLOCK_NEVER;
	assert_true(world_packet_arrives(pair.client, pair.server, 1, DELAY));
	assert_true(world_packet_arrives(pair.server, pair.client, 1, DELAY));
	world_run_until(pair.world, born + 181 * CLOCK_SECOND);
	assert_false(world_packet_arrives(pair.client, pair.server, 2, CLOCK_SECOND));
	assert_false(world_packet_arrives(pair.server, pair.client, 2, CLOCK_SECOND));
	phaze_pair_free(&pair);
}

/* No key sees more than 2^31 packets. */
static void test_hard_stop_by_packets(void **state) {
	struct phaze_pair pair = phaze_pair_up(36, NULL);
	for (int end = 0; end < 2; end++) {
		struct phaze_session *current = (end ? pair.client_peer : pair.server_peer)->current;
		current->limits.packets = UINT64_MAX;
		current->newest->session.send_counter = (UINT64_C(1) << 31) - 1;
	}
	for (uint32_t number = 0; number < 5; number++) {
		world_packet(pair.client, pair.server, number);
		world_packet(pair.server, pair.client, number);
		world_run(pair.world, CLOCK_MILLISECOND);
	}
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(node_arrived_from(pair.server, pair.client), 2);
	assert_int_equal(node_arrived_from(pair.client, pair.server), 2);
	assert_int_equal(pair.client_peer->current->newest->session.send_counter,
					 (UINT64_C(1) << 31) + 1);
	phaze_pair_free(&pair);
}

/* Every packet once more, and each with any bit flipped: silence. */
static void test_replays_and_flips(void **state) {
	struct phaze_pair pair = phaze_pair_up(40, NULL);
	struct tap *tap = &pair.world->tap;
	struct endpoint elsewhere;
	assert_int_equal(endpoint_parse("203.0.113.66:666", &elsewhere), ERR_OK);
	tap->recording = true;
	for (uint32_t number = 0; number < 50; number++)
		world_packet(pair.client, pair.server, number);
	world_run(pair.world, DELAY + CLOCK_MILLISECOND);
	const uint64_t next = pair.server_peer->current->newest->session.replay.next;
	const size_t count = tap->count;
	for (size_t i = 0; i < count; i++) {
		const struct tap_record *record = tap->records[i];
		world_send(pair.world, &elsewhere, &record->to, slice_of(record->data, record->size));
	}
	const struct tap_record *record = tap->records[0];
	uint8_t forged[256];
	assert_true(record->size <= sizeof forged);
	for (size_t bit = 0; bit < 8 * record->size; bit++) {
		memcpy(forged, record->data, record->size);
		forged[bit / 8] ^= (uint8_t)(1 << bit % 8);
		world_send(pair.world, &elsewhere, &record->to, slice_of(forged, record->size));
	}
	world_run(pair.world, 2);
	assert_int_equal(pair.server_peer->current->newest->session.replay.next, next);
	assert_int_equal(node_arrived_from(pair.server, pair.client), 50);
	assert_int_equal(tap_count(tap, &pair.server->v4, 0), 0);
	phaze_pair_free(&pair);
}

static void move(struct node *node, const char *address) {
	assert_int_equal(address_parse(address, &node->v4), ERR_OK);
}

static bool is_at(const struct phaze_peer *peer, const struct endpoint *endpoint) {
	return endpoint_equal(&peer->peer.paths[0].to, endpoint);
}

/* One packet from its new address, its answer to the ping, and everything goes there. */
static void test_migration(void **state) {
	for (uint64_t i = 0; i < 2; i++) {
		const struct node_options options = {.shards = i ? 4 : 1, .missteer = i};
		struct phaze_pair pair = phaze_pair_up(50 + i, &options);
		move(pair.client, "192.0.2.77");
		const struct endpoint there = node_endpoint(pair.client);
		assert_true(world_packet_arrives(pair.client, pair.server, 1, DELAY));
		assert_false(is_at(pair.server_peer, &there));
		world_run(pair.world, 3 * DELAY);
		assert_true(is_at(pair.server_peer, &there));
		assert_true(world_packet_arrives(pair.server, pair.client, 2, DELAY));
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(pair.server->event_count, 1);
		assert_int_equal(pair.server->events[0].event.kind, DEVICE_EVENT_MOVED);
		/* With nothing to say, as soon as it knows. */
		move(pair.client, "192.0.2.78");
		node_network(pair.client);
		world_run(pair.world, 5 * DELAY);
		assert_true(world_packet_arrives(pair.server, pair.client, 3, DELAY));
		phaze_pair_free(&pair);
	}
}

/* Sequences begin anew with each key: the client is found after it as before. */
static void test_migration_and_rekey(void **state) {
	struct phaze_pair pair = phaze_pair_up(55, NULL);
	for (uint32_t number = 0; number < 1000; number++)
		world_packet(pair.client, pair.server, number);
	world_run(pair.world, 115 * CLOCK_SECOND);
	/* A REKEY is the first thing that comes from there, and the second one is answered there. */
	move(pair.client, "192.0.2.77");
	world_run(pair.world, 6 * CLOCK_SECOND);
	assert_int_equal(generation_of(pair.client_peer), 1);
	assert_true(world_packet_arrives(pair.server, pair.client, 1, DELAY));
	move(pair.client, "192.0.2.78");
	assert_true(world_packet_arrives(pair.client, pair.server, 2000, DELAY));
	world_run(pair.world, 3 * DELAY);
	assert_true(world_packet_arrives(pair.server, pair.client, 2, DELAY));
	phaze_pair_free(&pair);
}

/* Copies what a client sends, is faster, and says that it came from elsewhere. */
struct forger {
	struct world *world;
	struct endpoint claimed, client;
	size_t bytes_to, bytes_from;
};

static bool forge(void *context, const struct endpoint *from, const struct endpoint *to,
				  struct slice datagram) {
	struct forger *forger = context;
	if (endpoint_equal(to, &forger->claimed))
		forger->bytes_to += datagram.size;
	if (!endpoint_equal(from, &forger->client))
		return true;
	forger->bytes_from += datagram.size;
	if (sim_send(forger->world->network, &forger->claimed, to, datagram) != ERR_OK)
		abort();
	return true;
}

static void test_forged_migration(void **state) {
	struct phaze_pair pair = phaze_pair_up(60, NULL);
	struct forger forger = {.world = pair.world, .client = node_endpoint(pair.client)};
	const struct sim_link fast = {.delay = 1};
	const struct endpoint server = node_endpoint(pair.server);
	assert_int_equal(endpoint_parse("203.0.113.66:666", &forger.claimed), ERR_OK);
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
	assert_int_equal(node_arrived_from(pair.client, pair.server), 1000);
	assert_int_equal(node_arrived_from(pair.server, pair.client), 1000);
	assert_in_range(forger.bytes_to, 1, forger.bytes_from);
	phaze_pair_free(&pair);
}

/* A megabyte a second each way, where a tenth of that may pass. */
static void test_rate(void **state) {
	struct phaze_pair pair = phaze_pair_up(70, NULL);
	const size_t size = 1000, seconds = 6, rate = 100000;
	phaze_sim_change(pair.server, pair.server_peer,
					 (struct phaze_peer_change){.changes = PHAZE_CHANGE_RATE, .rate = rate});
	for (uint32_t number = 0; number < 1000 * seconds; number++) {
		struct inner inner = {
			.from = pair.client->number, .to = pair.server->number, .number = number, .size = size};
		node_inject(pair.client, &inner);
		inner.from = pair.server->number;
		inner.to = pair.client->number;
		node_inject(pair.server, &inner);
		world_run(pair.world, CLOCK_MILLISECOND);
	}
	const size_t all = (seconds * rate + (size_t)TOKEN_BUCKET_BURST_MIN) / (size + PHAZE_OVERHEAD);
	assert_in_range(node_arrived_from(pair.server, pair.client), all - 20, all + 20);
	assert_in_range(node_arrived_from(pair.client, pair.server), all - 20, all + 20);
	/* What is sent to it waits, and the latest of it leaves. */
	world_run(pair.world, 3 * CLOCK_SECOND);
	assert_int_equal(node_arrived(pair.client, pair.server, 1000 * seconds - 1), 1);
	assert_in_range(node_arrived_from(pair.client, pair.server), all + 100, all + 148);
	/* The session lives as before: no keepalive was held up. */
	world_run(pair.world, 100 * CLOCK_SECOND);
	assert_non_null(pair.server_peer->current);
	phaze_sim_change(pair.server, pair.server_peer,
					 (struct phaze_peer_change){.changes = PHAZE_CHANGE_RATE});
	run_traffic(&pair, 10000, CLOCK_MILLISECOND / 10);
	phaze_pair_free(&pair);
}

/* Told the same rate again and again, the server sends no more than that. */
static void test_rate_again(void **state) {
	struct phaze_pair pair = phaze_pair_up(74, NULL);
	const size_t size = 1000, seconds = 3, rate = 100000;
	const struct phaze_peer_change change = {.changes = PHAZE_CHANGE_RATE, .rate = rate};
	for (uint32_t number = 0; number < 1000 * seconds; number++) {
		const struct inner inner = {
			.from = pair.server->number, .to = pair.client->number, .number = number, .size = size};
		phaze_sim_change(pair.server, pair.server_peer, change);
		node_inject(pair.server, &inner);
		world_run(pair.world, CLOCK_MILLISECOND);
	}
	const size_t all = (seconds * rate + (size_t)TOKEN_BUCKET_BURST_MIN) / (size + PHAZE_OVERHEAD);
	assert_in_range(node_arrived_from(pair.client, pair.server), all - 20, all + 20);
	phaze_pair_free(&pair);
}

/* Who sent too much is still understood where it says that it goes. */
static void test_close_beyond_rate(void **state) {
	struct phaze_pair pair = phaze_pair_up(71, NULL);
	phaze_sim_change(pair.server, pair.server_peer,
					 (struct phaze_peer_change){.changes = PHAZE_CHANGE_RATE, .rate = 1000});
	for (uint32_t number = 0; number < 1000; number++)
		world_packet(pair.client, pair.server, number);
	world_run(pair.world, CLOCK_SECOND);
	assert_false(world_packet_arrives(pair.client, pair.server, 2000, CLOCK_SECOND));
	node_link(pair.client, false);
	world_run(pair.world, DELAY + CLOCK_MILLISECOND);
	assert_null(pair.server_peer->current);
	phaze_pair_free(&pair);
}

/* One way alone counts as well. */
static void test_quota_one_way(void **state) {
	for (uint32_t i = 0; i < 2; i++) {
		struct phaze_pair pair = phaze_pair_up(72 + i, NULL);
		phaze_sim_change(
			pair.server, pair.server_peer,
			(struct phaze_peer_change){.changes = PHAZE_CHANGE_QUOTA, .quota_end = 10000});
		for (uint32_t number = 0; number < 80; number++) {
			world_packet(i ? pair.client : pair.server, i ? pair.server : pair.client, number);
			world_run(pair.world, CLOCK_MILLISECOND);
		}
		assert_null(pair.server_peer->current);
		phaze_pair_free(&pair);
	}
}

static uint64_t bytes_of(const struct phaze_peer *peer) {
	return peer->peer.published.sent_bytes + peer->peer.published.received_bytes;
}

/* Both ways count together; the session ends when they are used up, and a later one at once. */
static void test_quota(void **state) {
	struct phaze_pair pair = phaze_pair_up(75, NULL);
	const uint64_t end = bytes_of(pair.server_peer) + 100000;
	phaze_sim_change(pair.server, pair.server_peer,
					 (struct phaze_peer_change){.changes = PHAZE_CHANGE_QUOTA, .quota_end = end});
	uint32_t number = 0;
	for (; pair.client_peer->current && number < 2000; number++) {
		world_packet(pair.client, pair.server, number);
		world_packet(pair.server, pair.client, number);
		world_run(pair.world, CLOCK_MILLISECOND);
	}
	world_run(pair.world, CLOCK_SECOND);
	/* 144 bytes a packet; some were on their way when it ended. */
	assert_in_range(number, 100000 / 288, 100000 / 288 + 15);
	assert_in_range(bytes_of(pair.server_peer), end, end + 1000);
	assert_int_equal(phaze_sim_told(pair.server, PHAZE_NEWS_ENDED, pair.number)->code,
					 PHAZE_CLOSE_QUOTA);
	assert_int_equal(phaze_sim_told(pair.client, PHAZE_NEWS_ENDED, pair.number)->code,
					 PHAZE_CLOSE_QUOTA);
	(void)phaze_pair_login(&pair, &phaze_login);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(phaze_sim_told(pair.client, PHAZE_NEWS_ENDED, pair.number)->code,
					 PHAZE_CLOSE_QUOTA);
	phaze_sim_change(
		pair.server, pair.server_peer,
		(struct phaze_peer_change){.changes = PHAZE_CHANGE_QUOTA, .quota_end = PHAZE_NO_QUOTA});
	(void)phaze_pair_login(&pair, &phaze_login);
	world_run(pair.world, CLOCK_SECOND);
	run_traffic(&pair, 1000, CLOCK_MILLISECOND);
	/* Less than was used already: it ends with that. */
	phaze_sim_change(pair.server, pair.server_peer,
					 (struct phaze_peer_change){.changes = PHAZE_CHANGE_QUOTA, .quota_end = 1});
	world_run(pair.world, CLOCK_SECOND);
	assert_null(pair.client_peer->current);
	phaze_pair_free(&pair);
}

static bool passes(const struct phaze_pair *pair, uint8_t from, uint8_t to, uint32_t number) {
	const struct inner inner = {.from = from, .to = to, .number = number, .size = INNER_SIZE};
	const size_t before = pair->server->arrival_count;
	node_inject(pair->client, &inner);
	world_run(pair->world, 2 * DELAY);
	return pair->server->arrival_count > before;
}

/* A member sends from its own addresses alone, and to other members only where that is allowed. */
static void test_members(void **state) {
	struct phaze_pair pair = phaze_pair_up(80, NULL);
	(void)phaze_sim_add_peer(pair.server, 3, 0);
	world_run(pair.world, CLOCK_MILLISECOND);
	assert_true(passes(&pair, 2, 1, 1));
	assert_false(passes(&pair, 3, 1, 2));
	assert_false(passes(&pair, 9, 1, 3));
	assert_false(passes(&pair, 2, 3, 4));
	assert_true(passes(&pair, 2, 9, 5));
	phaze_sim_config(pair.server)->client_to_client = true;
	phaze_sim_commit(pair.server);
	assert_true(passes(&pair, 2, 3, 6));
	assert_false(passes(&pair, 3, 2, 7));
	phaze_pair_free(&pair);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_renewed_by_time),
		cmocka_unit_test(test_renewed_by_packets),
		cmocka_unit_test(test_lost_rekeys),
		cmocka_unit_test(test_bad_link),
		cmocka_unit_test(test_late_packets),
		cmocka_unit_test(test_ids_rest),
		cmocka_unit_test(test_hard_stop_by_time),
		cmocka_unit_test(test_hard_stop_of_old_key),
		cmocka_unit_test(test_hard_stop_by_packets),
		cmocka_unit_test(test_replays_and_flips),
		cmocka_unit_test(test_migration),
		cmocka_unit_test(test_migration_and_rekey),
		cmocka_unit_test(test_forged_migration),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_rate_again),
		cmocka_unit_test(test_close_beyond_rate),
		cmocka_unit_test(test_quota_one_way),
		cmocka_unit_test(test_quota),
		cmocka_unit_test(test_members),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
