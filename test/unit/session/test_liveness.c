#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "session/liveness.h"

#define SECOND CLOCK_SECOND
#define START (7 * SECOND)

/* Asked at every deadline up to the time; how many keepalives, and when it was dead (0: not). */
static unsigned run(struct liveness *liveness, uint64_t until, uint64_t *out_dead) {
	unsigned keepalives = 0;
	*out_dead = 0;
	for (uint64_t at = liveness_deadline(liveness); at <= until; at = liveness_deadline(liveness)) {
		assert_int_equal(liveness_expired(liveness, at - 1), LIVENESS_NOTHING);
		enum liveness_due due = liveness_expired(liveness, at);
		assert_int_not_equal(due, LIVENESS_NOTHING);
		keepalives += due == LIVENESS_KEEPALIVE;
		if (due == LIVENESS_DEAD)
			*out_dead = at;
	}
	return keepalives;
}

static void idle(void **state) {
	struct liveness liveness = {.interval = 0};
	uint64_t dead;
	assert_int_equal(liveness_deadline(&liveness), CLOCK_NEVER);
	assert_int_equal(liveness_expired(&liveness, UINT64_MAX - 1), LIVENESS_NOTHING);
	liveness_begin(&liveness, LIVENESS_INTERVAL, START);
	assert_int_equal(liveness_deadline(&liveness), START + 10 * SECOND);
	for (unsigned i = 1; i <= 10; i++) {
		assert_int_equal(run(&liveness, START + i * 10 * SECOND, &dead), 1);
		assert_int_equal(dead, 0);
		liveness_received(&liveness, START + i * 10 * SECOND);
	}
}

static void silence(void **state) {
	struct liveness liveness;
	uint64_t dead;
	liveness_begin(&liveness, LIVENESS_INTERVAL, START);
	/* Two missed are none. */
	assert_int_equal(run(&liveness, START + 29 * SECOND, &dead), 2);
	assert_int_equal(dead, 0);
	liveness_received(&liveness, START + 29 * SECOND);
	assert_int_equal(run(&liveness, START + 200 * SECOND, &dead), 3); /* at 30, 40, 50 s */
	assert_int_equal(dead, START + 60 * SECOND);
	/* Said once. */
	assert_int_equal(liveness_deadline(&liveness), CLOCK_NEVER);
	assert_int_equal(liveness_expired(&liveness, START + 300 * SECOND), LIVENESS_NOTHING);
	liveness_change(&liveness, SECOND);
	assert_int_equal(liveness_deadline(&liveness), CLOCK_NEVER);
	liveness_begin(&liveness, LIVENESS_INTERVAL, START + 300 * SECOND);
	assert_int_equal(liveness_deadline(&liveness), START + 310 * SECOND);
}

/* What is sent puts keepalives off, and says nothing of the other end. */
static void busy(void **state) {
	struct liveness liveness;
	liveness_begin(&liveness, LIVENESS_INTERVAL, START);
	for (unsigned i = 1; i <= 30; i++) {
		assert_int_equal(liveness_expired(&liveness, START + i * SECOND), LIVENESS_NOTHING);
		liveness_sent(&liveness, START + i * SECOND);
	}
	assert_int_equal(liveness_deadline(&liveness), START + 31 * SECOND);
	assert_int_equal(liveness_expired(&liveness, START + 31 * SECOND - 1), LIVENESS_NOTHING);
	assert_int_equal(liveness_expired(&liveness, START + 31 * SECOND), LIVENESS_DEAD);
	/* What is heard does not stand for what is to be sent. */
	liveness_begin(&liveness, LIVENESS_INTERVAL, START);
	liveness_received(&liveness, START + 9 * SECOND);
	assert_int_equal(liveness_expired(&liveness, START + 10 * SECOND), LIVENESS_KEEPALIVE);
	assert_int_equal(liveness_expired(&liveness, START + 10 * SECOND), LIVENESS_NOTHING);
}

static void intervals(void **state) {
	struct liveness liveness;
	uint64_t dead;
	liveness_begin(&liveness, 0, START);
	assert_int_equal(liveness_deadline(&liveness), CLOCK_NEVER);
	liveness_begin(&liveness, 4 * SECOND, START);
	assert_int_equal(run(&liveness, START + 100 * SECOND, &dead), 3);
	assert_int_equal(dead, START + 13 * SECOND);
	liveness_begin(&liveness, 4 * SECOND, START);
	liveness_change(&liveness, 2 * SECOND);
	assert_int_equal(run(&liveness, START + 100 * SECOND, &dead), 3);
	assert_int_equal(dead, START + 7 * SECOND);
	/* After a sleep it is dead, not asked to be kept. */
	liveness_begin(&liveness, 4 * SECOND, START);
	assert_int_equal(liveness_expired(&liveness, START + 3600 * SECOND), LIVENESS_DEAD);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle),
		cmocka_unit_test(silence),
		cmocka_unit_test(busy),
		cmocka_unit_test(intervals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
