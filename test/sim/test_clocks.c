#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/wireguard_limits.h"
#include "sim/pair.h"
#include "wire/wireguard.h"

#define MINUTE (60 * CLOCK_SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* One packet each way a second; returns how many were lost. */
static size_t lose(const struct pair *pair, uint32_t first, uint32_t seconds) {
	size_t arrived = 0;
	for (uint32_t number = first; number < first + seconds; number++) {
		world_packet(pair->left, pair->right, number);
		world_packet(pair->right, pair->left, number);
		world_run(pair->world, CLOCK_SECOND);
		arrived += node_arrived(pair->right, pair->left, number);
		arrived += node_arrived(pair->left, pair->right, number);
		node_forget_arrivals(pair->left);
		node_forget_arrivals(pair->right);
	}
	return 2 * seconds - arrived;
}

static void assert_flows(const struct pair *pair, uint32_t first, uint32_t seconds) {
	assert_int_equal(lose(pair, first, seconds), 0);
}

/*
 * After a sleep the ends do not agree on the session's age: the end that slept refuses it while the
 * other one, were it to renew it, does not yet. What comes in the meantime is lost, once.
 */
static void assert_flows_after(const struct pair *pair, uint64_t slept) {
	bool agreed = slept < WIREGUARD_REJECT_AFTER_TIME - WIREGUARD_REKEY_AFTER_TIME ||
				  slept >= WIREGUARD_REJECT_AFTER_TIME;
	assert_in_range(lose(pair, 100, 200), 0, agreed ? 0 : 1);
	assert_flows(pair, 300, 200);
}

/* The wall clock of one end is set; several handshakes later all is as before. */
static void run_wall_jump(uint64_t seed, bool initiator, uint64_t jump) {
	struct pair pair = pair_new(seed, NULL);
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	assert_flows(&pair, 10, 10);
	struct node *node = initiator ? pair.left : pair.right;
	node->wall_offset += jump;
	uint64_t before = pair.world->tap.sent[WIREGUARD_RESPONSE];
	assert_flows(&pair, 100, 400);
	assert_true(pair.world->tap.sent[WIREGUARD_RESPONSE] >= before + 3);
	/* And back to where it was. */
	node->wall_offset -= jump;
	before = pair.world->tap.sent[WIREGUARD_RESPONSE];
	assert_flows(&pair, 1000, 400);
	assert_true(pair.world->tap.sent[WIREGUARD_RESPONSE] >= before + 3);
	/* Each initiation was answered: none was taken for a replay of an older one. */
	assert_int_equal(pair.world->tap.sent[WIREGUARD_INITIATION],
					 pair.world->tap.sent[WIREGUARD_RESPONSE]);
	pair_free(&pair);
}

static void test_wall_clock_jumps(void **state) {
	const uint64_t jumps[] = {CLOCK_MILLISECOND, CLOCK_SECOND, 5 * HOUR, 400 * DAY};
	for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
		run_wall_jump(10 + i, true, jumps[i]);
		run_wall_jump(20 + i, false, jumps[i]);
		run_wall_jump(30 + i, true, -jumps[i]);
		run_wall_jump(40 + i, false, -jumps[i]);
	}
}

/* The last handshake that `get` shows follows the wall clock. */
static void test_last_handshake_time(void **state) {
	struct pair pair = pair_new(50, NULL);
	char value[64];
	node_get_value(pair.left, pair.right, "last_handshake_time_sec", value, sizeof value);
	assert_string_equal(value, "0");
	world_run(pair.world, 7 * CLOCK_SECOND);
	pair.right->wall_offset = -(3 * CLOCK_SECOND);
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	node_get_value(pair.left, pair.right, "last_handshake_time_sec", value, sizeof value);
	assert_string_equal(value, "1700000007");
	node_get_value(pair.right, pair.left, "last_handshake_time_sec", value, sizeof value);
	assert_string_equal(value, "1700000004");
	pair_free(&pair);
}

static const uint64_t suspensions[] = {
	10 * CLOCK_SECOND, 100 * CLOCK_SECOND, 179 * CLOCK_SECOND, 180 * CLOCK_SECOND,
	5 * MINUTE,        9 * MINUTE,         10 * MINUTE,        HOUR,
	10 * HOUR,         30 * DAY,
};

/* The machine wakes up and sends at once: the packet waits for one handshake and no longer. */
static void test_suspended_sender(void **state) {
	for (size_t i = 0; i < sizeof suspensions / sizeof suspensions[0]; i++) {
		for (int who = 0; who < 2; who++) {
			struct pair pair = pair_new(60 + i, NULL);
			assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
			assert_flows(&pair, 10, 3);
			struct node *sleeper = who ? pair.right : pair.left;
			struct node *other = who ? pair.left : pair.right;
			sleeper->clock_offset += suspensions[i];
			uint64_t start = world_now(pair.world);
			assert_true(world_packet_arrives(sleeper, other, 5, MINUTE));
			uint64_t trips =
				suspensions[i] < WIREGUARD_REJECT_AFTER_TIME - 10 * CLOCK_SECOND ? 1 : 3;
			assert_int_equal(world_now(pair.world) - start, trips * PAIR_DELAY);
			assert_true(world_packet_arrives(other, sleeper, 6, PAIR_DELAY));
			assert_flows_after(&pair, suspensions[i]);
			pair_free(&pair);
		}
	}
}

/* The other end sends first, under a session that the sleeper holds for too old. */
static void test_suspended_receiver(void **state) {
	for (size_t i = 0; i < sizeof suspensions / sizeof suspensions[0]; i++) {
		for (int who = 0; who < 2; who++) {
			struct pair pair = pair_new(80 + i, NULL);
			assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
			assert_flows(&pair, 10, 3);
			/* Nothing is owed to anybody. */
			world_run(pair.world, 15 * CLOCK_SECOND);
			struct node *sleeper = who ? pair.right : pair.left;
			struct node *other = who ? pair.left : pair.right;
			sleeper->clock_offset += suspensions[i];
			/* Nobody answers, and so within 15 s and the jitter there is a new handshake. */
			world_packet(other, sleeper, 5);
			world_run(pair.world,
					  WIREGUARD_NEW_HANDSHAKE_TIMEOUT + WIREGUARD_REKEY_JITTER + 2 * PAIR_DELAY);
			assert_true(world_packet_arrives(other, sleeper, 6, PAIR_DELAY));
			assert_true(world_packet_arrives(sleeper, other, 7, PAIR_DELAY));
			assert_flows_after(&pair, suspensions[i]);
			pair_free(&pair);
		}
	}
}

/* A handshake that was under way when the machine fell asleep goes on, and its packet with it. */
static void test_suspended_in_handshake(void **state) {
	for (size_t i = 0; i < sizeof suspensions / sizeof suspensions[0]; i++) {
		struct pair pair = pair_new(100 + i, NULL);
		/* With keys of before, whose end falls into the sleep. */
		assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
		world_run(pair.world, 200 * CLOCK_SECOND);
		const struct sim_link broken = {.loss_percent = 100};
		world_set_link(pair.world, &broken);
		world_packet(pair.left, pair.right, 5);
		world_run(pair.world, CLOCK_SECOND);
		const struct sim_link link = {.delay = PAIR_DELAY};
		world_set_link(pair.world, &link);
		pair.left->clock_offset += suspensions[i];
		world_run(pair.world, WIREGUARD_REKEY_TIMEOUT + WIREGUARD_REKEY_JITTER + 3 * PAIR_DELAY);
		assert_int_equal(node_arrived(pair.right, pair.left, 5), 1);
		assert_flows_after(&pair, suspensions[i]);
		pair_free(&pair);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wall_clock_jumps),       cmocka_unit_test(test_last_handshake_time),
		cmocka_unit_test(test_suspended_sender),       cmocka_unit_test(test_suspended_receiver),
		cmocka_unit_test(test_suspended_in_handshake),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
