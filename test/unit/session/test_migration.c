#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "session/migration.h"

enum { PING_SIZE = 49, PACKET = 1000, SMALLEST = 40 };

static const struct endpoint home = {{{192, 0, 2, 1}, ADDRESS_V4}, 1000, 0};
static const struct endpoint away = {{{192, 0, 2, 1}, ADDRESS_V4}, 1001, 0};
static const struct endpoint third = {{{0x20, 1}, ADDRESS_V6}, 1000, 0};

static void fill(void *context, void *out_data, size_t size) {
	uint8_t *next = context, *data = out_data;
	for (size_t i = 0; i < size; i++)
		data[i] = ++*next;
}

struct bench {
	struct migration migration;
	uint8_t next;
	uint64_t now, sequence;
};

static struct bench begun(void) {
	struct bench bench = {.now = 5 * CLOCK_SECOND};
	migration_begin(&bench.migration, &home);
	return bench;
}

static enum migration_place late(struct bench *bench, const struct endpoint *from,
								 uint64_t sequence, size_t bytes) {
	const struct random_source random = {fill, &bench->next};
	return migration_seen(&bench->migration, from, sequence, bytes, &random, bench->now);
}

static enum migration_place seen(struct bench *bench, const struct endpoint *from) {
	return late(bench, from, ++bench->sequence, PACKET);
}

static unsigned pings(struct bench *bench, struct migration_ping out_pings[static 2]) {
	unsigned count = 0;
	while (migration_ping(&bench->migration, PING_SIZE, &out_pings[count % 2]))
		assert_true(++count <= 2);
	return count;
}

static bool is_at(const struct bench *bench, const struct endpoint *endpoint) {
	return endpoint_equal(&bench->migration.home, endpoint);
}

static void moves(void **state) {
	struct bench bench = begun();
	struct migration_ping ping[2];
	assert_int_equal(seen(&bench, &home), MIGRATION_HERE);
	assert_int_equal(pings(&bench, ping), 0);
	assert_int_equal(migration_deadline(&bench.migration), CLOCK_NEVER);
	assert_int_equal(seen(&bench, &away), MIGRATION_ELSEWHERE);
	assert_int_equal(pings(&bench, ping), 2);
	assert_true(endpoint_equal(&ping[0].to, &home) && endpoint_equal(&ping[1].to, &away));
	for (uint8_t i = 0; i < MIGRATION_TOKEN_SIZE; i++) {
		assert_int_equal(ping[0].token[i], i + 1);
		assert_int_equal(ping[1].token[i], MIGRATION_TOKEN_SIZE + i + 1);
	}
	/* Whatever else comes from there proves nothing. */
	for (int i = 0; i < 10; i++)
		assert_int_equal(seen(&bench, &away), MIGRATION_ELSEWHERE);
	assert_int_equal(pings(&bench, ping), 0);
	assert_true(is_at(&bench, &home));
	assert_true(migration_pong(&bench.migration, &away, ping[1].token));
	assert_true(is_at(&bench, &away));
	assert_int_equal(migration_deadline(&bench.migration), CLOCK_NEVER);
	assert_int_equal(seen(&bench, &away), MIGRATION_HERE);
	assert_false(migration_pong(&bench.migration, &away, ping[1].token));
}

/* Only what is newer than everything before, under the newest key. */
static void late_ones(void **state) {
	struct bench bench = begun();
	struct migration_ping ping[2];
	assert_int_equal(late(&bench, &home, 100, PACKET), MIGRATION_HERE);
	assert_int_equal(late(&bench, &home, 99, PACKET), MIGRATION_UNKNOWN);
	assert_int_equal(late(&bench, &away, 100, PACKET), MIGRATION_UNKNOWN);
	assert_int_equal(late(&bench, &away, 99, PACKET), MIGRATION_UNKNOWN);
	assert_int_equal(pings(&bench, ping), 0);
	migration_rekeyed(&bench.migration);
	assert_true(is_at(&bench, &home));
	assert_int_equal(late(&bench, &away, 1, PACKET), MIGRATION_ELSEWHERE);
	assert_int_equal(pings(&bench, ping), 2);
	/* What was under way before the move does not end the question. */
	bench = begun();
	assert_int_equal(late(&bench, &away, 100, PACKET), MIGRATION_ELSEWHERE);
	assert_int_equal(late(&bench, &home, 99, PACKET), MIGRATION_UNKNOWN);
	assert_int_equal(pings(&bench, ping), 2);
	assert_true(migration_pong(&bench.migration, &away, ping[1].token));
}

/* The old one answers, the new one does not: a copy with a forged source. */
static void copies(void **state) {
	struct bench bench = begun();
	struct migration_ping ping[2];
	for (int i = 0; i < 100; i++) {
		enum migration_place place = seen(&bench, i % 2 ? &away : &third);
		assert_int_equal(place, i % 2 ? MIGRATION_UNKNOWN : MIGRATION_ELSEWHERE);
		assert_int_equal(pings(&bench, ping), i % 2 ? 0 : 2);
		bench.now += CLOCK_SECOND / 2;
		assert_true(is_at(&bench, &home));
		assert_int_equal(seen(&bench, &home), MIGRATION_HERE);
		assert_int_equal(migration_deadline(&bench.migration), CLOCK_NEVER);
		/* Passed on by who is there, and too late. */
		assert_false(migration_pong(&bench.migration, &third, ping[1].token));
	}
	assert_true(is_at(&bench, &home));
}

static void wrong_pongs(void **state) {
	struct bench bench = begun();
	struct migration_ping ping[2];
	assert_int_equal(seen(&bench, &away), MIGRATION_ELSEWHERE);
	assert_int_equal(pings(&bench, ping), 2);
	assert_false(migration_pong(&bench.migration, &away, ping[0].token));
	assert_false(migration_pong(&bench.migration, &home, ping[1].token));
	assert_false(migration_pong(&bench.migration, &third, ping[1].token));
	ping[1].token[7] ^= 1;
	assert_false(migration_pong(&bench.migration, &away, ping[1].token));
	ping[1].token[7] ^= 1;
	assert_true(is_at(&bench, &home));
	assert_true(migration_pong(&bench.migration, &away, ping[1].token));
	/* Of the question before. */
	bench.now += MIGRATION_INTERVAL;
	assert_int_equal(seen(&bench, &third), MIGRATION_ELSEWHERE);
	assert_false(migration_pong(&bench.migration, &third, ping[1].token));
	assert_true(is_at(&bench, &away));
}

static void once_a_second(void **state) {
	struct bench bench = begun();
	struct migration_ping ping[2];
	assert_int_equal(seen(&bench, &away), MIGRATION_ELSEWHERE);
	assert_int_equal(pings(&bench, ping), 2);
	assert_true(migration_pong(&bench.migration, &away, ping[1].token));
	bench.now += MIGRATION_INTERVAL - 1;
	assert_int_equal(seen(&bench, &home), MIGRATION_UNKNOWN);
	migration_begin(&bench.migration, &away);
	assert_int_equal(seen(&bench, &home), MIGRATION_UNKNOWN);
	assert_int_equal(pings(&bench, ping), 0);
	bench.now++;
	assert_int_equal(seen(&bench, &home), MIGRATION_ELSEWHERE);
	/* Who does not answer keeps nobody out for longer than that. */
	assert_int_equal(seen(&bench, &third), MIGRATION_UNKNOWN);
	bench.now += MIGRATION_INTERVAL;
	assert_int_equal(seen(&bench, &third), MIGRATION_ELSEWHERE);
	assert_int_equal(pings(&bench, ping), 2);
	assert_true(migration_pong(&bench.migration, &third, ping[1].token));
	assert_true(is_at(&bench, &third));
}

static void three_times(void **state) {
	struct bench bench = begun();
	struct migration_ping ping[2];
	assert_int_equal(late(&bench, &away, 1, SMALLEST), MIGRATION_ELSEWHERE);
	assert_int_equal(pings(&bench, ping), 2); /* 49 of 120 */
	assert_false(migration_may_answer(&bench.migration, &third, 1));
	assert_false(migration_may_answer(&bench.migration, &away, 3 * SMALLEST - PING_SIZE + 1));
	assert_true(migration_may_answer(&bench.migration, &away, 3 * SMALLEST - PING_SIZE));
	assert_false(migration_may_answer(&bench.migration, &away, 1));
	assert_true(migration_may_answer(&bench.migration, &home, 100000));
	bench.now += MIGRATION_WAIT;
	migration_expired(&bench.migration, bench.now);
	assert_int_equal(pings(&bench, ping), 1);
	assert_true(endpoint_equal(&ping[0].to, &home));
	/* A packet that is late brings room, too. */
	assert_int_equal(late(&bench, &away, 1, SMALLEST), MIGRATION_ELSEWHERE);
	assert_int_equal(pings(&bench, ping), 1);
	assert_true(endpoint_equal(&ping[0].to, &away));
	migration_begin(&bench.migration, &home);
	assert_false(migration_may_answer(&bench.migration, &away, 0));
}

static void repeats(void **state) {
	struct bench bench = begun();
	struct migration_ping ping[2];
	uint8_t token[MIGRATION_TOKEN_SIZE];
	assert_int_equal(seen(&bench, &away), MIGRATION_ELSEWHERE);
	for (unsigned i = 0; i < MIGRATION_TRIES; i++) {
		assert_int_equal(pings(&bench, ping), 2);
		if (i > 0)
			assert_memory_equal(ping[1].token, token, sizeof token);
		memcpy(token, ping[1].token, sizeof token);
		bench.now += (MIGRATION_WAIT << i) - 1;
		migration_expired(&bench.migration, bench.now);
		assert_int_equal(pings(&bench, ping), 0);
		bench.now++;
		assert_int_equal(migration_deadline(&bench.migration), bench.now);
		migration_expired(&bench.migration, bench.now);
	}
	/* Neither answered: all stays as it was, and the next packet from there asks again. */
	assert_int_equal(pings(&bench, ping), 0);
	assert_int_equal(migration_deadline(&bench.migration), CLOCK_NEVER);
	assert_false(migration_pong(&bench.migration, &away, token));
	assert_true(is_at(&bench, &home));
	assert_int_equal(late(&bench, &away, ++bench.sequence, SMALLEST), MIGRATION_ELSEWHERE);
	assert_int_equal(pings(&bench, ping), 2);
	assert_int_equal(migration_deadline(&bench.migration), bench.now + MIGRATION_WAIT);
	assert_false(migration_may_answer(&bench.migration, &away, 3 * SMALLEST - PING_SIZE + 1));
	assert_true(migration_pong(&bench.migration, &away, ping[1].token));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves),         cmocka_unit_test(late_ones),
		cmocka_unit_test(copies),        cmocka_unit_test(wrong_pongs),
		cmocka_unit_test(once_a_second), cmocka_unit_test(three_times),
		cmocka_unit_test(repeats),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
