#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "proto/mighty_limits.h"
#include "proto/mighty_peer.h"
#include "session/packet_policy.h"
#include "sim/mighty.h"
#include "wire/mighty.h"

/* Mighty's handshake between two nodes: over good links and bad ones, and with strangers about. */

#define FIRST(type) (MIGHTY_VERSION << 4 | (type))
#define DELAY MIGHTY_PAIR_DELAY

static const struct node_options options_of[] = {
	{.shards = 1},
	{.shards = 3},
	{.shards = 4, .missteer = true},
	{.shards = 1, .join_datagrams = true, .coalesce = {.tcp = true, .udp = true}},
};

#define OPTIONS (sizeof options_of / sizeof options_of[0])

static size_t sent(const struct mighty_pair *pair, const struct node *from, enum mighty_type type) {
	return tap_count(&pair->world->tap, &from->v4, (uint8_t)FIRST(type));
}

static void start(const struct mighty_pair *pair) {
	node_link(pair->server, true);
	world_run(pair->world, 0);
	node_link(pair->client, true);
}

static void test_both_ways(void **state) {
	for (size_t i = 0; i < OPTIONS; i++) {
		struct mighty_pair pair = mighty_pair_new(1 + i, &options_of[i]);
		pair.world->tap.recording = true;
		start(&pair);
		const uint64_t begin = world_now(pair.world);
		/* ClientHello, ServerHello, data: nothing else is waited for. */
		assert_true(world_packet_arrives(pair.client, pair.server, 1, CLOCK_SECOND));
		assert_int_equal(world_now(pair.world) - begin, 3 * DELAY);
		assert_true(world_packet_arrives(pair.server, pair.client, 2, CLOCK_SECOND));
		assert_int_equal(world_now(pair.world) - begin, 4 * DELAY);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(sent(&pair, pair.client, MIGHTY_REQUEST), 1);
		assert_int_equal(sent(&pair, pair.server, MIGHTY_RESPONSE), 1);
		assert_int_equal(sent(&pair, pair.client, MIGHTY_COMPLETE), 1);
		assert_int_equal(pair.server_peer->half_open_count, 0);
		assert_true(pair.client_peer->current->proven && pair.server_peer->current->proven);
		mighty_pair_free(&pair);
	}
}

/* The client connects by itself, and nobody needs to send anything for it. */
static void test_without_traffic(void **state) {
	struct mighty_pair pair = mighty_pair_new(10, NULL);
	pair.world->tap.recording = true;
	start(&pair);
	world_run(pair.world, 2 * CLOCK_SECOND);
	assert_true(mighty_sim_is_connected(pair.server_peer));
	assert_true(pair.client_peer->current->proven);
	assert_int_equal(sent(&pair, pair.client, MIGHTY_COMPLETE), 1);
	assert_int_equal(pair.server->events[0].event.kind, DEVICE_EVENT_CONNECTED);
	assert_int_equal(pair.client->events[0].event.kind, DEVICE_EVENT_CONNECTED);
	mighty_pair_free(&pair);
}

static void test_either_cipher(void **state) {
	static const uint8_t ciphers[] = {MIGHTY_CHACHA20_POLY1305, MIGHTY_AES_256_GCM};
	for (uint64_t i = 0; i < 2; i++) {
		struct mighty_pair pair = mighty_pair_new(20 + i, NULL);
		/* The client would rather have the other one: it gets what the server allows. */
		mighty_sim_config(pair.client)->ciphers[0] = ciphers[1 - i];
		mighty_sim_config(pair.client)->ciphers[1] = ciphers[i];
		mighty_sim_config(pair.server)->ciphers[0] = ciphers[i];
		mighty_sim_config(pair.server)->cipher_count = 1;
		mighty_sim_commit(pair.client);
		mighty_sim_commit(pair.server);
		start(&pair);
		assert_true(world_packet_arrives(pair.client, pair.server, 1, CLOCK_SECOND));
		assert_true(world_packet_arrives(pair.server, pair.client, 2, CLOCK_SECOND));
		assert_int_equal(pair.client_peer->current->session.send.algorithm,
						 i == 0 ? AEAD_CHACHA20_POLY1305 : AEAD_AES_256_GCM);
		mighty_pair_free(&pair);
	}
}

static void test_sizes(void **state) {
	struct mighty_pair pair = mighty_pair_up(30, NULL);
	pair.world->tap.recording = true;
	for (uint32_t size = INNER_HEADERS_V4 + INNER_PAYLOAD_MIN; size <= NODE_MTU; size++) {
		const struct inner inner = {.from = 2, .to = 1, .number = size, .size = size};
		tap_clear(&pair.world->tap);
		node_inject(pair.client, &inner);
		world_run(pair.world, DELAY);
		assert_int_equal(node_arrived(pair.server, pair.client, size), 1);
		const struct tap_record *record =
			tap_find(&pair.world->tap, &pair.client->v4, FIRST(MIGHTY_DATA), 0);
		assert_int_equal(record->size, size + MIGHTY_DATA_OVERHEAD);
		node_forget_arrivals(pair.server);
	}
	mighty_pair_free(&pair);
}

/* What a server tells its client is what the client is told. */
static void test_parameters(void **state) {
	struct mighty_pair pair = mighty_pair_new(40, NULL);
	struct mighty_config *config = mighty_sim_config(pair.server);
	config->tells.interface.mtu = 1380;
	config->rekey_seconds = 300;
	config->keepalive = 7;
	mighty_sim_commit(pair.server);
	start(&pair);
	world_run(pair.world, CLOCK_SECOND);
	struct parameters *told = mighty_news_take_told(pair.client_peer);
	assert_non_null(told);
	assert_int_equal(told->interface.mtu, 1380);
	assert_int_equal(told->interface.address_count, 2);
	assert_memory_equal(told->interface.addresses, pair.server_peer->addresses,
						2 * sizeof(struct prefix));
	assert_int_equal(told->rekey_seconds, 300);
	assert_int_equal(told->keepalive, 7);
	free(told);
	assert_null(mighty_news_take_told(pair.client_peer));
	/* The earlier of both ends' times. */
	assert_int_equal(pair.client_peer->current->rekey_after, 300 * CLOCK_SECOND);
	assert_int_equal(pair.client_peer->liveness.interval, 7 * CLOCK_SECOND);
	mighty_pair_free(&pair);
}

struct traffic {
	unsigned loss, duplicates, reorder;
	uint64_t jitter;
};

/* One packet each way a tenth of a second, over a bad link; nothing arrives twice or harmed. */
static void run_bad_link(uint64_t seed, const struct traffic *traffic,
						 const struct node_options *options) {
	enum { PACKETS = 600 };
	struct mighty_pair pair = mighty_pair_new(seed, options);
	const struct sim_link link = {
		.loss_percent = traffic->loss,
		.duplicate_percent = traffic->duplicates,
		.delay = DELAY,
		.jitter = traffic->jitter,
		.reorder_percent = traffic->reorder,
		.reorder_delay = 2 * CLOCK_SECOND,
	};
	world_set_link(pair.world, &link);
	start(&pair);
	const uint64_t begin = world_now(pair.world);
	while (!mighty_sim_is_connected(pair.server_peer)) {
		world_run(pair.world, CLOCK_SECOND / 10);
		assert_true(world_now(pair.world) - begin < 120 * CLOCK_SECOND);
	}
	world_run(pair.world, 3 * CLOCK_SECOND);
	for (uint32_t i = 0; i < PACKETS; i++) {
		world_packet(pair.client, pair.server, 10000 + i);
		world_packet(pair.server, pair.client, 20000 + i);
		world_run(pair.world, CLOCK_SECOND / 10);
	}
	world_run(pair.world, 5 * CLOCK_SECOND);
	const size_t there = node_arrived_from(pair.server, pair.client);
	const size_t back = node_arrived_from(pair.client, pair.server);
	/* Six deviations of the binomial distribution below its mean, and none above the number. */
	const size_t least = traffic->loss == 0 ? PACKETS : PACKETS * (100 - traffic->loss) / 100 - 70;
	assert_in_range(there, least, PACKETS);
	assert_in_range(back, least, PACKETS);
	for (uint32_t i = 0; i < PACKETS; i++) {
		assert_in_range(node_arrived(pair.server, pair.client, 10000 + i), 0, 1);
		assert_in_range(node_arrived(pair.client, pair.server, 20000 + i), 0, 1);
	}
	mighty_pair_free(&pair);
}

static void test_loss(void **state) {
	for (uint64_t seed = 50; seed < 60; seed++)
		run_bad_link(seed, &(struct traffic){.loss = 30}, NULL);
}

static void test_duplicates(void **state) {
	for (size_t i = 0; i < OPTIONS; i++)
		run_bad_link(60 + i, &(struct traffic){.duplicates = 60, .jitter = CLOCK_SECOND},
					 &options_of[i]);
}

static void test_reordering(void **state) {
	for (size_t i = 0; i < OPTIONS; i++)
		run_bad_link(70 + i, &(struct traffic){.reorder = 30, .jitter = CLOCK_SECOND},
					 &options_of[i]);
}

static void test_everything_at_once(void **state) {
	const struct traffic traffic = {
		.loss = 30, .duplicates = 30, .reorder = 20, .jitter = CLOCK_SECOND / 2};
	for (uint64_t seed = 80; seed < 90; seed++)
		run_bad_link(seed, &traffic, &options_of[seed % OPTIONS]);
}

/* Which datagrams pass, by type; and the first so many of one that do not. */
struct filter {
	enum mighty_type type;
	size_t lost, passed;
};

static bool lose_first(void *context, const struct endpoint *from, const struct endpoint *to,
					   struct slice datagram) {
	struct filter *filter = context;
	if (mighty_classify(datagram.data, datagram.size) != filter->type)
		return true;
	if (filter->lost > 0) {
		filter->lost--;
		return false;
	}
	filter->passed++;
	return true;
}

/* Each message of the handshake may be lost. */
static void test_lost_messages(void **state) {
	static const struct {
		enum mighty_type type;
		size_t lost;
		uint64_t at_least, at_most; /* until the server has a session */
	} rows[] = {
		{MIGHTY_REQUEST, 1, CLOCK_SECOND, 3 * CLOCK_SECOND},
		{MIGHTY_REQUEST, 3, 7 * CLOCK_SECOND, 11 * CLOCK_SECOND},
		{MIGHTY_RESPONSE, 2, 3 * CLOCK_SECOND, 5 * CLOCK_SECOND},
		{MIGHTY_COMPLETE, 1, 0, CLOCK_SECOND}, /* the keepalive behind it confirms */
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct mighty_pair pair = mighty_pair_new(100 + i, NULL);
		struct filter filter = {.type = rows[i].type, .lost = rows[i].lost};
		pair.world->tap.pass = lose_first;
		pair.world->tap.context = &filter;
		start(&pair);
		world_run(pair.world, rows[i].at_least);
		assert_int_equal(mighty_sim_is_connected(pair.server_peer), false);
		world_run(pair.world, rows[i].at_most - rows[i].at_least);
		assert_true(mighty_sim_is_connected(pair.server_peer));
		mighty_pair_free(&pair);
	}
}

/* Finalize alone does as well, and is repeated until the server has been heard of. */
static void test_finalize_alone(void **state) {
	struct mighty_pair pair = mighty_pair_new(110, NULL);
	struct filter filter = {.type = MIGHTY_KEEPALIVE, .lost = 5};
	pair.world->tap.recording = true;
	pair.world->tap.pass = lose_first;
	pair.world->tap.context = &filter;
	start(&pair);
	world_run(pair.world, CLOCK_SECOND / 2);
	assert_true(mighty_sim_is_connected(pair.server_peer));
	assert_false(pair.client_peer->current->proven);
	assert_int_equal(sent(&pair, pair.client, MIGHTY_COMPLETE), 2);
	world_run(pair.world, 2 * CLOCK_SECOND);
	assert_true(pair.client_peer->current->proven);
	const size_t repeated = sent(&pair, pair.client, MIGHTY_COMPLETE);
	world_run(pair.world, 8 * CLOCK_SECOND);
	assert_int_equal(sent(&pair, pair.client, MIGHTY_COMPLETE), repeated);
	mighty_pair_free(&pair);
}

/* What was sent before there was a session waits for it. */
static void test_staged(void **state) {
	struct mighty_pair pair = mighty_pair_new(120, NULL);
	node_link(pair.client, true);
	for (uint32_t number = 0; number < 20; number++)
		world_packet(pair.client, pair.server, number);
	world_run(pair.world, CLOCK_SECOND / 2);
	node_link(pair.server, true);
	world_run(pair.world, 2 * CLOCK_SECOND);
	for (uint32_t number = 0; number < 20; number++)
		assert_int_equal(node_arrived(pair.server, pair.client, number), 1);
	mighty_pair_free(&pair);
}

static bool lose_finalize(void *context, const struct endpoint *from, const struct endpoint *to,
						  struct slice datagram) {
	const enum mighty_type type = mighty_classify(datagram.data, datagram.size);
	return type == MIGHTY_REQUEST || type == MIGHTY_RESPONSE;
}

/* Three half-open sessions, 10 s; the oldest makes room. */
static void test_half_open(void **state) {
	struct mighty_pair pair = mighty_pair_new(130, NULL);
	struct filter filter = {.type = MIGHTY_RESPONSE, .lost = 100};
	size_t most = 0;
	pair.world->tap.recording = true;
	pair.world->tap.pass = lose_first;
	pair.world->tap.context = &filter;
	start(&pair);
	for (int i = 0; i < 90; i++) {
		world_run(pair.world, CLOCK_SECOND / 10);
		if (pair.server_peer->half_open_count > most)
			most = pair.server_peer->half_open_count;
	}
	/* Four hellos by now: at 0, 1, 3 and 7 s. */
	assert_int_equal(sent(&pair, pair.client, MIGHTY_REQUEST), 4);
	assert_int_equal(most, MIGHTY_HALF_OPEN_MAX);
	const struct mighty_session *newest = pair.server_peer->half_open[MIGHTY_HALF_OPEN_MAX - 1];
	assert_true(session_age(&newest->session, world_now(pair.world)) < 3 * CLOCK_SECOND);
	node_link(pair.client, false);
	world_run(pair.world, 11 * CLOCK_SECOND);
	assert_int_equal(pair.server_peer->half_open_count, 0);
	assert_null(pair.server_peer->current);
	mighty_pair_free(&pair);
}

/* Down and up before any shard looked, behind a command that finds the interface up again. */
static void test_down_and_up(void **state) {
	struct mighty_pair pair = mighty_pair_up(137, NULL);
	pair.world->tap.recording = true;
	mighty_sim_set_policy(pair.client, pair.client_peer, NULL);
	node_link(pair.client, false);
	node_link(pair.client, true);
	world_run(pair.world, CLOCK_SECOND);
	assert_true(mighty_sim_is_connected(pair.client_peer));
	assert_true(mighty_sim_is_connected(pair.server_peer));
	assert_int_equal(sent(&pair, pair.client, MIGHTY_DISCONNECT), 1);
	assert_int_equal(sent(&pair, pair.client, MIGHTY_REQUEST), 1);
	assert_true(world_packet_arrives(pair.client, pair.server, 1, DELAY));
	mighty_pair_free(&pair);
}

/* Who begins all the time gets no more answers than he has places: each takes a session id. */
static void test_hellos_without_end(void **state) {
	struct mighty_pair pair = mighty_pair_new(135, NULL);
	struct filter filter = {.type = MIGHTY_RESPONSE, .lost = 100};
	pair.world->tap.recording = true;
	pair.world->tap.pass = lose_first;
	pair.world->tap.context = &filter;
	node_link(pair.server, true);
	for (int i = 0; i < 20; i++) {
		node_link(pair.client, true);
		world_run(pair.world, CLOCK_SECOND / 20);
		node_link(pair.client, false);
	}
	assert_int_equal(sent(&pair, pair.client, MIGHTY_REQUEST), 20);
	assert_int_equal(sent(&pair, pair.server, MIGHTY_RESPONSE), MIGHTY_HALF_OPEN_MAX);
	world_run(pair.world, 2 * CLOCK_SECOND);
	node_link(pair.client, true);
	world_run(pair.world, CLOCK_SECOND / 20);
	assert_int_equal(sent(&pair, pair.server, MIGHTY_RESPONSE), MIGHTY_HALF_OPEN_MAX + 1);
	mighty_pair_free(&pair);
}

/* A client whose Finalize never arrives gives up after 10 s and begins again. */
static void test_never_finalized(void **state) {
	struct mighty_pair pair = mighty_pair_new(140, NULL);
	pair.world->tap.recording = true;
	pair.world->tap.pass = lose_finalize;
	start(&pair);
	world_run(pair.world, 9 * CLOCK_SECOND);
	assert_int_equal(sent(&pair, pair.client, MIGHTY_REQUEST), 1);
	assert_in_range(sent(&pair, pair.client, MIGHTY_COMPLETE), 5, 8);
	assert_false(mighty_sim_is_connected(pair.server_peer));
	world_run(pair.world, 2 * CLOCK_SECOND);
	assert_true(sent(&pair, pair.client, MIGHTY_REQUEST) >= 2);
	pair.world->tap.pass = NULL;
	world_run(pair.world, 20 * CLOCK_SECOND);
	assert_true(world_packet_arrives(pair.client, pair.server, 1, DELAY));
	assert_true(world_packet_arrives(pair.server, pair.client, 1, DELAY));
	mighty_pair_free(&pair);
}

/* Nobody answers: attempts after 1, 2, 4… s and up to a quarter more, at most once a minute. */
static void test_attempts(void **state) {
	struct mighty_pair pair = mighty_pair_new(150, NULL);
	pair.world->tap.recording = true;
	node_link(pair.client, true);
	world_run(pair.world, 1200 * CLOCK_SECOND);
	const struct tap *tap = &pair.world->tap;
	const size_t count = sent(&pair, pair.client, MIGHTY_REQUEST);
	uint64_t expected = CLOCK_SECOND;
	assert_in_range(count, 20, 30);
	for (size_t i = 1; i < count; i++) {
		const uint64_t gap = tap_find(tap, &pair.client->v4, FIRST(MIGHTY_REQUEST), i)->time -
							 tap_find(tap, &pair.client->v4, FIRST(MIGHTY_REQUEST), i - 1)->time;
		assert_in_range(gap, expected * 3 / 4, expected * 5 / 4);
		expected = expected * 2 > 60 * CLOCK_SECOND ? 60 * CLOCK_SECOND : expected * 2;
	}
	/* Ids are given back: no more than three attempts can be answered. */
	node_link(pair.server, true);
	world_run(pair.world, 80 * CLOCK_SECOND);
	assert_true(mighty_sim_is_connected(pair.client_peer));
	mighty_pair_free(&pair);
}

/* Its clock is wrong: a cookie in place of the time, with one more round trip. */
static void test_wrong_clock(void **state) {
	static const int64_t offsets[] = {-3600, 3600, -130, 130, 100000000};
	for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
		struct mighty_pair pair = mighty_pair_new(160 + i, NULL);
		pair.world->tap.recording = true;
		pair.client->wall_offset = (uint64_t)offsets[i] * CLOCK_SECOND;
		start(&pair);
		world_run(pair.world, 5 * DELAY);
		assert_true(mighty_sim_is_connected(pair.server_peer));
		assert_int_equal(sent(&pair, pair.client, MIGHTY_REQUEST), 2);
		assert_int_equal(sent(&pair, pair.server, MIGHTY_RESPONSE), 2);
		/* And once it is right again, the times in between do not count. */
		pair.client->wall_offset = 0;
		node_link(pair.client, false);
		node_link(pair.client, true);
		world_run(pair.world, CLOCK_SECOND);
		assert_true(mighty_sim_is_connected(pair.server_peer));
		mighty_pair_free(&pair);
	}
}

/* Clocks that jump while a session lasts do not end it, and its renewal is as good as any. */
static void test_clock_jumps(void **state) {
	static const int64_t offsets[] = {-7, 86400, -86400, 60, -60, -31536000, 0};
	struct mighty_pair pair = mighty_pair_up(170, NULL);
	for (uint32_t i = 0; i < 7; i++) {
		struct node *node = i % 2 ? pair.server : pair.client;
		node->wall_offset = (uint64_t)offsets[i] * CLOCK_SECOND;
		for (uint32_t second = 0; second < 620; second++) {
			world_run(pair.world, CLOCK_SECOND);
			assert_true(world_packet_arrives(pair.client, pair.server, second, DELAY));
			assert_true(world_packet_arrives(pair.server, pair.client, second, DELAY));
		}
		node_forget_arrivals(pair.client);
		node_forget_arrivals(pair.server);
	}
	mighty_pair_free(&pair);
}

/* Somebody with another PSK, or with none of ours at all, hears nothing. */
static void test_strangers(void **state) {
	struct mighty_pair pair = mighty_pair_new(180, NULL);
	struct node *stranger = mighty_sim_add(pair.world, MIGHTY_CLIENT, NULL);
	const struct endpoint endpoint = node_endpoint(pair.server);
	const struct mighty_peer *of_stranger =
		mighty_sim_add_server(stranger, MIGHTY_PAIR_PSK + 1, &endpoint, 1);
	pair.world->tap.recording = true;
	node_link(stranger, true);
	node_link(pair.server, true);
	world_run(pair.world, 60 * CLOCK_SECOND);
	assert_true(tap_count(&pair.world->tap, &stranger->v4, FIRST(MIGHTY_REQUEST)) >= 5);
	assert_int_equal(tap_count(&pair.world->tap, &pair.server->v4, 0), 0);
	assert_false(mighty_sim_is_connected(of_stranger));
	assert_int_equal(stranger->events[0].event.kind, DEVICE_EVENT_UNANSWERED);
	mighty_pair_free(&pair);
}

static void inject(struct node *from, uint8_t to, bool v6, uint32_t number) {
	const struct inner inner = {
		.v6 = v6, .from = from->number, .to = to, .number = number, .size = INNER_SIZE};
	node_inject(from, &inner);
}

/* One client's packets to another come out at the server only where that may be. */
static void test_client_to_client(void **state) {
	struct mighty_pair pair = mighty_pair_up(190, NULL);
	struct mighty_config *config = mighty_sim_config(pair.server);
	(void)mighty_sim_add_client(pair.server, MIGHTY_PAIR_PSK + 1, 3);
	uint32_t number = 0;
	for (int i = 0; i < 4; i++) {
		config->client_to_client = i % 2;
		mighty_sim_commit(pair.server);
		world_run(pair.world, 0);
		for (int v6 = 0; v6 < 2; v6++) {
			/* To another, to the server, and to another in between. */
			inject(pair.client, 3, v6, ++number);
			inject(pair.client, 1, v6, ++number);
			inject(pair.client, 3, v6, ++number);
			world_run(pair.world, DELAY);
			assert_int_equal(node_arrived(pair.server, pair.client, number - 2), i % 2);
			assert_int_equal(node_arrived(pair.server, pair.client, number - 1), 1);
			assert_int_equal(node_arrived(pair.server, pair.client, number), i % 2);
		}
	}
	mighty_pair_free(&pair);
}

static struct packet_policy *policy_of(const char *text) {
	struct packet_policy *policy;
	struct policy_rule rule;
	assert_null(policy_rule_read(text, POLICY_OF_PACKETS, &rule));
	assert_int_equal(packet_policy_new(&rule, 1, POLICY_ALLOW, &policy), ERR_OK);
	return policy;
}

/* What a client may send is judged at the server, and what it is sent is not. */
static void test_rules(void **state) {
	struct mighty_pair pair = mighty_pair_up(200, NULL);
	struct packet_policy *other = policy_of("deny 10.0.0.9"), *one = policy_of("deny 10.0.0.1");
	mighty_sim_set_policy(pair.server, pair.server_peer, other);
	assert_true(world_packet_arrives(pair.client, pair.server, 1, CLOCK_SECOND));
	mighty_sim_set_policy(pair.server, pair.server_peer, one);
	assert_false(world_packet_arrives(pair.client, pair.server, 2, CLOCK_SECOND));
	assert_true(world_packet_arrives(pair.server, pair.client, 3, CLOCK_SECOND));
	inject(pair.client, 1, true, 4);
	world_run(pair.world, DELAY);
	assert_int_equal(node_arrived(pair.server, pair.client, 4), 1);
	mighty_sim_set_policy(pair.server, pair.server_peer, NULL);
	assert_true(world_packet_arrives(pair.client, pair.server, 5, CLOCK_SECOND));
	mighty_pair_free(&pair);
	packet_policy_free(one);
	packet_policy_free(other);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),          cmocka_unit_test(test_without_traffic),
		cmocka_unit_test(test_either_cipher),      cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_parameters),         cmocka_unit_test(test_loss),
		cmocka_unit_test(test_duplicates),         cmocka_unit_test(test_reordering),
		cmocka_unit_test(test_everything_at_once), cmocka_unit_test(test_lost_messages),
		cmocka_unit_test(test_finalize_alone),     cmocka_unit_test(test_staged),
		cmocka_unit_test(test_half_open),          cmocka_unit_test(test_down_and_up),
		cmocka_unit_test(test_hellos_without_end), cmocka_unit_test(test_never_finalized),
		cmocka_unit_test(test_attempts),           cmocka_unit_test(test_wrong_clock),
		cmocka_unit_test(test_clock_jumps),        cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_client_to_client),   cmocka_unit_test(test_rules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
