#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "engine/handshake_queue.h"
#include "engine/shard.h"
#include "proto/wireguard_limits.h"
#include "session/rate_limiter.h"
#include "sim/pair.h"
#include "sim/state.h"
#include "sim/stranger.h"
#include "wire/wireguard.h"

/* Enough to be under load, and to have room in the queue for others. */
enum { LOAD = HANDSHAKE_QUEUE_LOADED + 100 };

static struct pair pair_with_session(uint64_t seed, const struct node_options *options) {
	struct pair pair = pair_new_with(seed, NULL, options);
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	assert_true(world_packet_arrives(pair.right, pair.left, 1, CLOCK_SECOND));
	return pair;
}

/* Each answer is one message, smaller than what it answers, to whoever asked. */
static void test_cookies_under_load(void **state) {
	for (int family = ADDRESS_V4; family <= ADDRESS_V6; family += ADDRESS_V6 - ADDRESS_V4) {
		struct pair pair = pair_with_session(1, NULL);
		stranger_flood(pair.world, pair.right, LOAD, true, (enum address_family)family);
		world_run(pair.world, CLOCK_SECOND / 2);
		assert_int_equal(pair.world->tap.sent[WIREGUARD_COOKIE_REPLY], LOAD);
		assert_int_equal(pair.world->tap.sent[WIREGUARD_RESPONSE], 1);
		/* More than the queue holds, as each takes its time: what does not fit is forgotten. */
		const uint64_t *replies = &pair.world->tap.sent[WIREGUARD_COOKIE_REPLY];
		pair.right->clock_cost = 20 * CLOCK_MICROSECOND;
		stranger_flood(pair.world, pair.right, 3 * HANDSHAKE_QUEUE_SIZE, true,
					   (enum address_family)family);
		world_run(pair.world, CLOCK_SECOND / 2);
		assert_in_range(*replies, LOAD + HANDSHAKE_QUEUE_SIZE, LOAD + 2 * HANDSHAKE_QUEUE_SIZE);
		pair.right->clock_cost = 0;
		/* Load is remembered for a second. */
		uint64_t before = *replies;
		stranger_flood(pair.world, pair.right, 1, true, (enum address_family)family);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(*replies, before + 1);
		stranger_flood(pair.world, pair.right, HANDSHAKE_QUEUE_LOADED - 1, true,
					   (enum address_family)family);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(*replies, before + 1);
		pair_free(&pair);
	}
}

/* Who does not even know the public key gets nothing at all. */
static void test_no_answer_without_mac1(void **state) {
	struct pair pair = pair_with_session(2, NULL);
	uint64_t before = pair.world->tap.sent[WIREGUARD_COOKIE_REPLY];
	stranger_flood(pair.world, pair.right, LOAD, false, ADDRESS_V4);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(pair.world->tap.sent[WIREGUARD_COOKIE_REPLY], before);
	assert_int_equal(pair.world->tap.sent[WIREGUARD_RESPONSE], 1);
	pair_free(&pair);
}

/* A session goes on as if there was no flood, rekeying with its cookie included. */
static void test_session_in_flood(void **state) {
	const struct node_options variants[] = {{.shards = 1}, {.shards = 3}};
	for (size_t variant = 0; variant < 2; variant++) {
		struct pair pair = pair_with_session(3 + variant, &variants[variant]);
		const struct wireguard_session *first = pair.right_peer->current;
		uint32_t number = 100;
		for (; number < 100 + 300; number++) {
			/* Spread over the shards by the senders' addresses. */
			stranger_flood(pair.world, pair.right, variants[variant].shards * 300, true,
						   ADDRESS_V4);
			world_packet(pair.left, pair.right, number);
			world_packet(pair.right, pair.left, number);
			world_run(pair.world, CLOCK_SECOND / 2);
			assert_int_equal(node_arrived(pair.right, pair.left, number), 1);
			assert_int_equal(node_arrived(pair.left, pair.right, number), 1);
			node_forget_arrivals(pair.left);
			node_forget_arrivals(pair.right);
		}
		assert_ptr_not_equal(pair.right_peer->current, first);
		assert_true(pair.left_peer->cookies.cookie_born > 0);
		pair_free(&pair);
	}
}

/* A turn has a budget for handshakes: data that came with them is through before they are done. */
static void test_budget(void **state) {
	struct pair pair = pair_with_session(5, NULL);
	struct shard *shard = engine_shard(pair.right->engine, 0);
	const struct lane *lane = list_item(shard->lanes.next, struct lane, shard_link);
	struct endpoint left = node_endpoint(pair.left), right = node_endpoint(pair.right);
	pair.world->tap.recording = true;
	world_packet(pair.left, pair.right, 7);
	world_packet(pair.left, pair.right, 8);
	const struct sim_link broken = {.loss_percent = 100};
	world_set_link(pair.world, &broken);
	world_run(pair.world, 0);
	const struct tap_record *first = tap_find(&pair.world->tap, &pair.left->v4, WIREGUARD_DATA, 0);
	const struct tap_record *second = tap_find(&pair.world->tap, &pair.left->v4, WIREGUARD_DATA, 1);

	/* In one go: 800 initiations that each take 20 us, and a packet behind them. */
	struct stranger stranger;
	stranger_init(&stranger, pair.right, "198.51.100.1:1000");
	uint8_t initiation[WIREGUARD_INITIATION_SIZE];
	stranger_make(&stranger, initiation);
	for (uint16_t i = 0; i < 800; i++) {
		const struct endpoint from = {.address = stranger.at.address, .port = i};
		assert_true(node_receive(pair.right, &from, &right, initiation, sizeof initiation));
	}
	assert_true(node_receive(pair.right, &left, &right, first->data, first->size));
	pair.right->clock_cost = 20 * CLOCK_MICROSECOND;
	uint64_t before = node_now(pair.right);
	shard_turn(shard);
	assert_int_equal(node_arrived(pair.right, pair.left, 7), 1);
	assert_false(handshake_queue_is_empty(lane->handshakes));
	assert_in_range(node_now(pair.right) - before, SHARD_HANDSHAKE_BUDGET,
					2 * SHARD_HANDSHAKE_BUDGET);
	/* It wants another turn at once, in which new data comes first again. */
	assert_int_equal(shard_next(shard), 0);
	assert_true(node_receive(pair.right, &left, &right, second->data, second->size));
	shard_turn(shard);
	assert_int_equal(node_arrived(pair.right, pair.left, 8), 1);
	assert_false(handshake_queue_is_empty(lane->handshakes));
	/* And in the end all is done. */
	for (size_t turns = 0; shard_next(shard) == 0; turns++) {
		assert_true(turns < 1000);
		shard_turn(shard);
	}
	assert_int_equal(pair.world->tap.sent[WIREGUARD_COOKIE_REPLY], 800);
	pair_free(&pair);
}

/* A client that answers the cookie gets its session at the second try, which comes soon. */
static void test_client_in_flood(void **state) {
	for (uint64_t seed = 10; seed < 15; seed++) {
		struct pair pair = pair_new(seed, NULL);
		uint64_t start = world_now(pair.world);
		world_packet(pair.left, pair.right, 1);
		while (node_arrived(pair.right, pair.left, 1) == 0) {
			stranger_flood(pair.world, pair.right, LOAD, true, ADDRESS_V4);
			world_run(pair.world, CLOCK_SECOND / 10);
			assert_true(world_now(pair.world) - start < CLOCK_SECOND);
		}
		assert_true(world_now(pair.world) - start > WIREGUARD_COOKIE_INTERVAL);
		assert_true(pair.left_peer->cookies.cookie_born > 0);
		assert_int_equal(pair.world->tap.sent[WIREGUARD_INITIATION], 2);
		assert_int_equal(pair.world->tap.sent[WIREGUARD_RESPONSE], 1);
		pair_free(&pair);
	}
}

/* As right would answer left's last initiation under load. */
static void answer_with_cookie(const struct pair *pair) {
	const struct tap_record *record =
		tap_last(&pair->world->tap, &pair->left->v4, WIREGUARD_INITIATION);
	struct endpoint left = node_endpoint(pair->left), right = node_endpoint(pair->right);
	struct cookie_keys keys;
	struct cookie_checker checker;
	struct wireguard_initiation decoded;
	assert_int_equal(wireguard_decode_initiation(record->data, record->size, &decoded), ERR_OK);
	assert_int_equal(cookie_keys_init(&keys, "mac1----", "cookie--", pair->right->public_key),
					 ERR_OK);
	assert_int_equal(cookie_checker_init(&checker, &keys), ERR_OK);
	struct wireguard_cookie_reply reply = {.receiver = decoded.sender};
	assert_int_equal(cookie_make(&checker, slice_of(record->data, record->size), &left,
								 sim_random(pair->world->network), world_now(pair->world),
								 reply.nonce, reply.sealed_cookie),
					 ERR_OK);
	cookie_checker_done(&checker);
	uint8_t bytes[WIREGUARD_COOKIE_REPLY_SIZE];
	wireguard_encode_cookie_reply(&reply, bytes);
	state_offer(pair->left, &right, bytes, sizeof bytes);
}

/* Who gets cookies for ever, but never a response, hurries once and then is as patient as ever. */
static void test_cookies_without_end(void **state) {
	struct pair pair = pair_new(16, NULL);
	pair.world->tap.recording = true;
	const struct sim_link broken = {.loss_percent = 100};
	world_set_link(pair.world, &broken);
	world_packet(pair.left, pair.right, 1);
	world_run(pair.world, 0);
	const uint64_t *sent = &pair.world->tap.sent[WIREGUARD_INITIATION];
	assert_int_equal(*sent, 1);
	answer_with_cookie(&pair);
	assert_int_equal(*sent, 1);
	world_run(pair.world, WIREGUARD_COOKIE_INTERVAL);
	assert_int_equal(*sent, 2);
	uint64_t before = world_now(pair.world);
	for (uint64_t count = 2; count < 10; count++) {
		answer_with_cookie(&pair);
		while (*sent == count)
			world_run(pair.world, 10 * CLOCK_MILLISECOND);
		assert_int_equal(*sent, count + 1);
		assert_true(world_now(pair.world) - before >= WIREGUARD_REKEY_TIMEOUT);
		before = world_now(pair.world) - 10 * CLOCK_MILLISECOND;
	}
	pair_free(&pair);
}

/* The initiator too may be under load: then the response needs a cookie. */
static void test_initiator_under_load(void **state) {
	struct pair pair = pair_new(20, NULL);
	uint64_t start = world_now(pair.world);
	world_packet(pair.left, pair.right, 1);
	while (node_arrived(pair.right, pair.left, 1) == 0) {
		stranger_flood(pair.world, pair.left, LOAD, true, ADDRESS_V4);
		world_run(pair.world, CLOCK_SECOND / 10);
		assert_true(world_now(pair.world) - start < 12 * CLOCK_SECOND);
	}
	assert_true(pair.right_peer->cookies.cookie_born > 0);
	pair_free(&pair);
}

static void make_load(const struct pair *pair) {
	stranger_flood(pair->world, pair->right, LOAD, true, ADDRESS_V4);
	world_run(pair->world, PAIR_DELAY);
}

/* Fetches a cookie under load; nothing else is answered. */
static void fetch_cookie(struct stranger *stranger) {
	size_t responses = stranger_count(stranger, WIREGUARD_RESPONSE);
	stranger_initiate(stranger);
	world_run(stranger->world, PAIR_DELAY);
	assert_true(stranger_take_cookie(stranger));
	assert_int_equal(stranger_count(stranger, WIREGUARD_RESPONSE), responses);
}

static void test_cookie_is_bound(void **state) {
	static const char *const elsewhere[] = {"198.51.100.1:1001", "198.51.100.2:1000",
											"[2001:db8:1::1]:1000"};
	struct pair pair = pair_with_session(30, NULL);
	pair.world->tap.recording = true;
	struct stranger stranger;
	stranger_init(&stranger, pair.right, "198.51.100.1:1000");
	stranger_introduce(&stranger);
	make_load(&pair);
	fetch_cookie(&stranger);
	struct endpoint home = stranger.at;
	for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
		assert_int_equal(endpoint_parse(elsewhere[i], &stranger.at), ERR_OK);
		stranger_initiate(&stranger);
		world_run(pair.world, PAIR_DELAY);
		assert_int_equal(stranger_count(&stranger, WIREGUARD_RESPONSE), 0);
		assert_int_equal(stranger_count(&stranger, WIREGUARD_COOKIE_REPLY), 1);
	}
	stranger.at = home;
	stranger_initiate(&stranger);
	world_run(pair.world, PAIR_DELAY);
	assert_int_equal(stranger_count(&stranger, WIREGUARD_RESPONSE), 1);

	/* After two minutes the secret is another. */
	world_run(pair.world, COOKIE_SECRET_AGE);
	make_load(&pair);
	stranger.jar.cookie_born = world_now(pair.world);
	stranger_initiate(&stranger);
	world_run(pair.world, PAIR_DELAY);
	assert_int_equal(stranger_count(&stranger, WIREGUARD_RESPONSE), 1);
	assert_int_equal(stranger_count(&stranger, WIREGUARD_COOKIE_REPLY), 2);
	pair_free(&pair);
}

enum { STRANGERS = 80 };

/* Distinct peers, so that no other limit than that of their addresses counts. */
static size_t answered(const struct stranger *strangers, size_t count) {
	size_t sum = 0;
	for (size_t i = 0; i < count; i++) {
		bool is_first = true;
		for (size_t j = 0; j < i; j++)
			is_first = is_first && !endpoint_equal(&strangers[j].at, &strangers[i].at);
		if (is_first)
			sum += stranger_count(&strangers[i], WIREGUARD_RESPONSE);
	}
	return sum;
}

/* Their number stands between the two parts of their endpoints. */
static void prepare_strangers(struct stranger *strangers, const struct pair *pair,
							  const char *front, const char *back) {
	for (unsigned i = 0; i < STRANGERS; i++) {
		char at[ENDPOINT_TEXT_SIZE];
		(void)snprintf(at, sizeof at, "%s%u%s", front, i + 1, back);
		stranger_init(&strangers[i], pair->right, at);
		stranger_introduce(&strangers[i]);
		make_load(pair);
		fetch_cookie(&strangers[i]);
	}
	world_run(pair->world, 2 * CLOCK_SECOND);
}

/* How many of all are answered when they call at once, and then one each 10 ms for two seconds. */
static void assert_limited(const char *front, const char *back, size_t sources, uint64_t seed) {
	static struct stranger strangers[STRANGERS];
	struct pair pair = pair_with_session(seed, NULL);
	pair.world->tap.recording = true;
	prepare_strangers(strangers, &pair, front, back);
	make_load(&pair);
	for (size_t i = 0; i < STRANGERS; i++)
		stranger_initiate(&strangers[i]);
	world_run(pair.world, PAIR_DELAY);
	size_t burst = RATE_LIMITER_BURST * sources;
	if (burst > STRANGERS)
		burst = STRANGERS;
	assert_int_equal(answered(strangers, STRANGERS), burst);
	if (sources > 1) {
		pair_free(&pair);
		return;
	}
	for (size_t i = 0; i < 200; i++) {
		if (i % 50 == 0)
			make_load(&pair);
		stranger_initiate(&strangers[i % STRANGERS]);
		world_run(pair.world, 10 * CLOCK_MILLISECOND);
	}
	world_run(pair.world, PAIR_DELAY);
	assert_in_range(answered(strangers, STRANGERS), burst + 2 * RATE_LIMITER_PER_SECOND - 1,
					burst + 2 * RATE_LIMITER_PER_SECOND + 2);
	pair_free(&pair);
}

static void test_rate_limit(void **state) {
	/* Ports of one address, addresses; addresses of one /64, and /64s. */
	assert_limited("198.51.100.1:", "", 1, 40);
	assert_limited("198.51.100.", ":1000", STRANGERS, 41);
	assert_limited("[2001:db8:5::", "]:1000", 1, 42);
	assert_limited("[2001:db8:5:", "::1]:1000", STRANGERS, 43);
}

/* Replayed and reflected: a flood of true initiations, from spoofed addresses, the peer's included.
 */
static void test_recorded_initiations(void **state) {
	struct pair pair = pair_new(50, NULL);
	pair.world->tap.recording = true;
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	world_run(pair.world, 30 * CLOCK_SECOND);
	const struct tap_record *record =
		tap_find(&pair.world->tap, &pair.left->v4, WIREGUARD_INITIATION, 0);
	struct endpoint to = node_endpoint(pair.right);
	for (size_t count = 1; count <= HANDSHAKE_QUEUE_SIZE; count *= 32) {
		struct state before[2], after[2];
		state_take(pair.left, pair.left_peer, &before[0]);
		state_take(pair.right, pair.right_peer, &before[1]);
		uint64_t replies = pair.world->tap.sent[WIREGUARD_COOKIE_REPLY];
		for (size_t i = 0; i < count; i++) {
			struct endpoint from = node_endpoint(pair.left);
			if (i % 2)
				from.port = (uint16_t)i;
			assert_int_equal(
				sim_send(pair.world->network, &from, &to, slice_of(record->data, record->size)),
				ERR_OK);
		}
		world_run(pair.world, 3 * PAIR_DELAY);
		state_take(pair.left, pair.left_peer, &after[0]);
		state_take(pair.right, pair.right_peer, &after[1]);
		replies = pair.world->tap.sent[WIREGUARD_COOKIE_REPLY] - replies;
		assert_int_equal(replies, count >= HANDSHAKE_QUEUE_LOADED ? count : 0);
		/* Left may keep the cookie: it is a true one. */
		memcpy(&before[0].peer.cookies, &after[0].peer.cookies, sizeof after[0].peer.cookies);
		before[0].sent += replies;
		before[1].sent += replies;
		assert_true(state_equal(&before[0], &after[0]));
		assert_true(state_equal(&before[1], &after[1]));
	}
	assert_int_equal(pair.world->tap.sent[WIREGUARD_RESPONSE], 1);
	pair_free(&pair);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cookies_under_load),  cmocka_unit_test(test_no_answer_without_mac1),
		cmocka_unit_test(test_session_in_flood),    cmocka_unit_test(test_budget),
		cmocka_unit_test(test_client_in_flood),     cmocka_unit_test(test_initiator_under_load),
		cmocka_unit_test(test_cookie_is_bound),     cmocka_unit_test(test_rate_limit),
		cmocka_unit_test(test_cookies_without_end), cmocka_unit_test(test_recorded_initiations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
