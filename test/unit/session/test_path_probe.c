#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "session/path_probe.h"

enum { FLOOR = PATH_PROBE_FLOOR_V6, TARGET = 1420 };
#define MILLISECOND CLOCK_MILLISECOND

/* A path that carries so much, and the other end behind it. */
struct bench {
	struct path_probe probe;
	uint64_t now, delay;
	uint32_t carries;    /* 0: nobody is there */
	unsigned sent, lose; /* probes to lose first */
	uint16_t waiting_size[64];
	uint64_t waiting_nonce[64], waiting_at[64];
	unsigned waiting;
};

static void transmit(struct bench *bench) {
	uint16_t size;
	while (path_probe_next(&bench->probe, &size)) {
		bench->sent++;
		if (bench->lose > 0) {
			bench->lose--;
			continue;
		}
		if (size > bench->carries)
			continue;
		assert_true(bench->waiting < 64);
		bench->waiting_size[bench->waiting] = size;
		bench->waiting_nonce[bench->waiting] = bench->probe.nonce;
		bench->waiting_at[bench->waiting++] = bench->now + bench->delay;
	}
}

/* Until the time; answers come in the order of their probes. */
static void run(struct bench *bench, uint64_t until) {
	for (;;) {
		uint64_t next = path_probe_deadline(&bench->probe);
		bool answer = bench->waiting > 0 && bench->waiting_at[0] < next;
		if (answer)
			next = bench->waiting_at[0];
		if (next > until)
			break;
		bench->now = next;
		if (answer) {
			uint16_t size = bench->waiting_size[0];
			uint64_t nonce = bench->waiting_nonce[0];
			bench->waiting--;
			for (unsigned i = 0; i < bench->waiting; i++) {
				bench->waiting_size[i] = bench->waiting_size[i + 1];
				bench->waiting_nonce[i] = bench->waiting_nonce[i + 1];
				bench->waiting_at[i] = bench->waiting_at[i + 1];
			}
			path_probe_answered(&bench->probe, nonce, size, bench->now);
		} else {
			path_probe_expired(&bench->probe, next);
		}
		transmit(bench);
	}
	bench->now = until;
}

static struct bench begun(uint32_t carries, uint32_t floor, uint32_t target) {
	struct bench bench = {.carries = carries, .now = CLOCK_SECOND, .delay = 20 * MILLISECOND};
	path_probe_begin(&bench.probe, floor, target, bench.now);
	transmit(&bench);
	return bench;
}

/* One hello, one large probe: that is all where everything passes. */
static void test_wide(void **state) {
	struct bench bench = begun(1500, FLOOR, TARGET);
	run(&bench, 2 * CLOCK_SECOND);
	assert_true(bench.probe.known);
	assert_int_equal(bench.probe.phase, PATH_PROBE_DONE);
	assert_int_equal(bench.probe.limit, 0);
	assert_int_equal(bench.sent, 2);
	assert_int_equal(path_probe_deadline(&bench.probe), CLOCK_NEVER);
}

/* Whatever it carries is found to a few bytes, in time. */
static void test_narrow(void **state) {
	static const struct {
		uint32_t floor, target, seconds;
	} rows[] = {{FLOOR, TARGET, 4}, {PATH_PROBE_FLOOR_V4, 1440, 4}, {FLOOR, 8920, 6}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (uint32_t carries = rows[i].floor; carries < rows[i].target; carries++) {
			struct bench bench = begun(carries, rows[i].floor, rows[i].target);
			run(&bench, (1 + rows[i].seconds) * CLOCK_SECOND);
			assert_int_equal(bench.probe.phase, PATH_PROBE_DONE);
			assert_in_range(bench.probe.limit, carries > PATH_PROBE_CLOSE ? carries - 8 : 0,
							carries);
			assert_true(bench.sent < 250);
		}
}

/* Who does not answer is asked three times a session, with the smallest probe, and no more. */
static void test_nobody(void **state) {
	struct bench bench = begun(0, FLOOR, TARGET);
	run(&bench, 60 * CLOCK_SECOND);
	assert_int_equal(bench.sent, 3);
	assert_int_equal(bench.probe.phase, PATH_PROBE_OFF);
	assert_int_equal(bench.probe.limit, 0);
	path_probe_used(&bench.probe, bench.now);
	path_probe_moved(&bench.probe, FLOOR, TARGET, bench.now);
	transmit(&bench);
	assert_int_equal(bench.sent, 3);
	path_probe_begin(&bench.probe, FLOOR, TARGET, bench.now);
	transmit(&bench);
	assert_int_equal(bench.sent, 4);
}

/* Lost probes are repeated, and none of this is taken for a narrow path. */
static void test_loss(void **state) {
	for (unsigned lose = 1; lose <= 2; lose++) {
		struct bench bench = begun(1500, FLOOR, TARGET);
		run(&bench, bench.now + 25 * MILLISECOND);
		bench.waiting = 0; /* the large one's answer */
		bench.lose = lose - 1;
		run(&bench, 10 * CLOCK_SECOND);
		assert_int_equal(bench.probe.phase, PATH_PROBE_DONE);
		assert_int_equal(bench.probe.limit, 0);
	}
}

/* An answer that is late counts all the same: a machine stood still, a queue was long. */
static void test_late(void **state) {
	struct bench bench = begun(1500, FLOOR, TARGET);
	run(&bench, bench.now + 25 * MILLISECOND);
	bench.delay = 1100 * MILLISECOND; /* more than three waits */
	bench.waiting_at[0] += bench.delay;
	run(&bench, 8 * CLOCK_SECOND);
	assert_int_equal(bench.probe.phase, PATH_PROBE_DONE);
	assert_int_equal(bench.probe.limit, 0);
}

/* A path that becomes narrow is noticed while packets are sent; one that is idle costs nothing. */
static void test_becomes_narrow(void **state) {
	struct bench bench = begun(1500, FLOOR, TARGET);
	run(&bench, 100 * CLOCK_SECOND);
	assert_int_equal(bench.sent, 2);
	bench.carries = 1300;
	path_probe_used(&bench.probe, bench.now);
	transmit(&bench);
	run(&bench, bench.now + 4 * CLOCK_SECOND);
	assert_in_range(bench.probe.limit, 1292, 1300);
	/* It is confirmed, too, and tried to be raised after a while. */
	unsigned sent = bench.sent;
	for (unsigned i = 0; i < 20; i++) {
		run(&bench, bench.now + 3 * CLOCK_SECOND);
		path_probe_used(&bench.probe, bench.now);
		transmit(&bench);
	}
	assert_int_equal(bench.sent, sent + 20);
	bench.carries = 1500;
	run(&bench, bench.now + PATH_PROBE_RAISE);
	path_probe_used(&bench.probe, bench.now);
	transmit(&bench);
	run(&bench, bench.now + CLOCK_SECOND);
	assert_int_equal(bench.probe.limit, 0);
}

/* Silence of everything says nothing of sizes. */
static void test_away(void **state) {
	struct bench bench = begun(1500, FLOOR, TARGET);
	run(&bench, 4 * CLOCK_SECOND);
	bench.carries = 0;
	path_probe_used(&bench.probe, bench.now);
	transmit(&bench);
	run(&bench, bench.now + 10 * CLOCK_SECOND);
	assert_int_equal(bench.probe.phase, PATH_PROBE_DONE);
	assert_int_equal(bench.probe.limit, 0);
}

/* Somebody who asks is known from then on; a path that moved is measured anew. */
static void test_met_and_moved(void **state) {
	struct bench bench = {.carries = 1350, .now = CLOCK_SECOND, .delay = MILLISECOND};
	path_probe_meet(&bench.probe, FLOOR, TARGET, bench.now);
	transmit(&bench);
	run(&bench, 5 * CLOCK_SECOND);
	assert_in_range(bench.probe.limit, 1342, 1350);
	uint32_t before = bench.probe.limit;
	bench.carries = 1500;
	path_probe_moved(&bench.probe, FLOOR, TARGET, bench.now);
	assert_int_equal(bench.probe.limit, before);
	transmit(&bench);
	run(&bench, bench.now + CLOCK_SECOND);
	assert_int_equal(bench.probe.limit, 0);
	/* What is wanted is less now than was found. */
	bench.carries = 1300;
	path_probe_moved(&bench.probe, FLOOR, TARGET, bench.now);
	transmit(&bench);
	run(&bench, bench.now + 4 * CLOCK_SECOND);
	path_probe_moved(&bench.probe, FLOOR, 1280, bench.now);
	assert_int_equal(bench.probe.limit, 0);
}

/* A search into which silence fell is made again: a limit of before is not for ever. */
static void test_away_while_raising(void **state) {
	struct bench bench = begun(1300, FLOOR, TARGET);
	run(&bench, 6 * CLOCK_SECOND);
	assert_in_range(bench.probe.limit, 1292, 1300);
	bench.carries = 0;
	path_probe_moved(&bench.probe, FLOOR, TARGET, bench.now);
	transmit(&bench);
	run(&bench, bench.now + 10 * CLOCK_SECOND);
	assert_int_equal(bench.probe.phase, PATH_PROBE_DONE);
	assert_in_range(bench.probe.limit, 1292, 1300);
	bench.carries = 1500;
	path_probe_used(&bench.probe, bench.now);
	transmit(&bench);
	run(&bench, bench.now + CLOCK_SECOND);
	assert_int_equal(bench.probe.limit, 0);
}

/*
 * Who moves all the time, to addresses where nobody answers, has few bytes sent there; once it
 * stays, it is measured.
 */
static void test_moves_all_the_time(void **state) {
	struct bench bench = begun(1300, FLOOR, TARGET);
	run(&bench, 6 * CLOCK_SECOND);
	bench.carries = 0;
	unsigned sent = bench.sent;
	for (unsigned i = 0; i < 1000; i++) {
		path_probe_moved(&bench.probe, FLOOR, TARGET, bench.now);
		transmit(&bench);
		run(&bench, bench.now + 10 * MILLISECOND);
	}
	run(&bench, bench.now + 10 * CLOCK_SECOND);
	assert_true(bench.sent - sent <= 11 * (2 * PATH_PROBE_TRIES - 1));
	bench.carries = 1400;
	path_probe_moved(&bench.probe, FLOOR, TARGET, bench.now);
	transmit(&bench);
	path_probe_moved(&bench.probe, FLOOR, TARGET, bench.now);
	transmit(&bench);
	run(&bench, bench.now + 5 * CLOCK_SECOND);
	assert_in_range(bench.probe.limit, 1392, 1400);
}

/* The interface's MTU became so small that all of it passes: no limit, and nothing is due. */
static void test_target_below_floor(void **state) {
	struct bench bench = begun(1300, FLOOR, TARGET);
	run(&bench, 6 * CLOCK_SECOND);
	path_probe_moved(&bench.probe, FLOOR, FLOOR, bench.now);
	unsigned sent = bench.sent;
	transmit(&bench);
	assert_int_equal(bench.sent, sent);
	assert_int_equal(bench.probe.limit, 0);
	assert_int_equal(path_probe_deadline(&bench.probe), CLOCK_NEVER);
	assert_false(path_probe_is_due(&bench.probe, bench.now + PATH_PROBE_RAISE));
	path_probe_moved(&bench.probe, FLOOR, TARGET, bench.now);
	transmit(&bench);
	run(&bench, bench.now + 5 * CLOCK_SECOND);
	assert_in_range(bench.probe.limit, 1292, 1300);
}

/* Answers to what was not asked change nothing. */
static void test_strange_answers(void **state) {
	struct bench bench = begun(0, FLOOR, TARGET);
	path_probe_answered(&bench.probe, bench.probe.nonce + 1, PATH_PROBE_HELLO_SIZE, bench.now);
	path_probe_answered(&bench.probe, bench.probe.nonce - 1, PATH_PROBE_HELLO_SIZE, bench.now);
	path_probe_answered(&bench.probe, bench.probe.nonce, 49, bench.now);
	assert_int_equal(bench.probe.phase, PATH_PROBE_HELLO);
	struct path_probe off = {.phase = PATH_PROBE_OFF};
	path_probe_answered(&off, 0, 0, 1);
	path_probe_expired(&off, UINT64_MAX - 1);
	path_probe_begin(&off, TARGET, TARGET, 1);
	path_probe_begin(&off, FLOOR, 65476, 1);
	path_probe_meet(&off, TARGET, FLOOR, 1);
	assert_int_equal(off.phase, PATH_PROBE_OFF);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wide),
		cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_becomes_narrow),
		cmocka_unit_test(test_away),
		cmocka_unit_test(test_met_and_moved),
		cmocka_unit_test(test_away_while_raising),
		cmocka_unit_test(test_moves_all_the_time),
		cmocka_unit_test(test_target_below_floor),
		cmocka_unit_test(test_strange_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
