#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "session/seen.h"

#define NOW UINT64_C(1700000000000)

static void zero_fill(void *context, void *out_data, size_t size) {
	memset(out_data, 0, size);
}

static const struct random_source zeros = {zero_fill, NULL};

static int set_up(void **state) {
	struct seen *seen = NULL;
	if (seen_new(&zeros, &seen))
		return -1;
	*state = seen;
	return 0;
}

static int tear_down(void **state) {
	seen_free(*state);
	return 0;
}

static struct seen_entry entry(uint32_t client, uint32_t random, uint64_t timestamp) {
	struct seen_entry entry = {.client = {1}, .timestamp = timestamp};
	memcpy(entry.client + 28, &client, sizeof client);
	memcpy(entry.random + 12, &random, sizeof random);
	return entry;
}

static enum err take(struct seen *seen, uint32_t client, uint32_t random, uint64_t timestamp,
					 uint64_t now) {
	const struct seen_entry one = entry(client, random, timestamp);
	const size_t count = seen_count(seen);
	const enum err checked = seen_check(seen, &one, now);
	assert_int_equal(seen_count(seen), count);
	const enum err taken = seen_take(seen, &one, now);
	if (checked)
		assert_int_equal(taken, checked);
	if (taken)
		assert_true(seen_count(seen) <= count);
	return taken;
}

/* The same without a look before and behind, for many. */
static void fill(struct seen *seen, uint32_t client, uint32_t random, uint64_t timestamp,
				 uint64_t now) {
	const struct seen_entry one = entry(client, random, timestamp);
	assert_int_equal(seen_take(seen, &one, now), ERR_OK);
}

static void once(void **state) {
	struct seen *seen = *state;
	assert_int_equal(take(seen, 1, 1, NOW, NOW), ERR_OK);
	assert_int_equal(take(seen, 1, 1, NOW, NOW), ERR_REPLAY);
	assert_int_equal(take(seen, 1, 1, NOW + 1, NOW), ERR_REPLAY); /* another timestamp is no help */
	assert_int_equal(take(seen, 1, 2, NOW, NOW), ERR_OK);
	assert_int_equal(take(seen, 2, 1, NOW, NOW), ERR_OK); /* of somebody else */
	assert_int_equal(seen_count(seen), 3);
}

static void window(void **state) {
	struct seen *seen = *state;
	assert_int_equal(take(seen, 1, 1, NOW - SEEN_WINDOW - 1, NOW), ERR_EXPIRED);
	assert_int_equal(take(seen, 1, 2, NOW + SEEN_WINDOW + 1, NOW), ERR_EXPIRED);
	assert_int_equal(take(seen, 1, 3, 0, NOW), ERR_EXPIRED);
	assert_int_equal(take(seen, 1, 4, UINT64_MAX, NOW), ERR_EXPIRED);
	assert_int_equal(seen_count(seen), 0);
	assert_int_equal(take(seen, 1, 1, NOW - SEEN_WINDOW, NOW), ERR_OK);
	assert_int_equal(take(seen, 1, 2, NOW + SEEN_WINDOW, NOW), ERR_OK);
	/* the ends of time */
	assert_int_equal(take(seen, 1, 5, 0, 0), ERR_OK);
	assert_int_equal(take(seen, 1, 6, UINT64_MAX, UINT64_MAX), ERR_OK);
	assert_int_equal(take(seen, 1, 6, UINT64_MAX, UINT64_MAX), ERR_REPLAY);
}

/* From the first moment at which it may be taken until the last it is taken once. */
static void remembered_as_long_as_needed(void **state) {
	struct seen *seen = *state;
	const uint64_t timestamp = NOW + SEEN_WINDOW;
	assert_int_equal(take(seen, 1, 1, timestamp, NOW), ERR_OK);
	for (uint64_t now = NOW; now <= timestamp + SEEN_WINDOW; now += SEEN_WINDOW / 10) {
		seen_trim(seen, now);
		assert_int_equal(take(seen, 1, 1, timestamp, now), ERR_REPLAY);
	}
	seen_trim(seen, timestamp + SEEN_WINDOW);
	assert_int_equal(seen_count(seen), 1);
	assert_int_equal(take(seen, 1, 1, timestamp, timestamp + SEEN_WINDOW + 1), ERR_EXPIRED);
	seen_trim(seen, timestamp + SEEN_WINDOW + 1);
	assert_int_equal(seen_count(seen), 0);
}

static void a_client_has_64(void **state) {
	struct seen *seen = *state;
	for (uint32_t i = 0; i < SEEN_CLIENT_MAX; i++)
		assert_int_equal(take(seen, 1, i, NOW + i, NOW), ERR_OK);
	assert_int_equal(take(seen, 1, 1000, NOW, NOW), ERR_LIMIT);
	assert_int_equal(take(seen, 2, 1000, NOW, NOW), ERR_OK);
	/* the oldest is over: there is one place, and no more */
	const uint64_t later = NOW + SEEN_WINDOW + 1;
	assert_int_equal(take(seen, 1, 1000, later, later), ERR_OK);
	assert_int_equal(take(seen, 1, 1001, later, later), ERR_LIMIT);
	assert_int_equal(take(seen, 1, 1, NOW + 1, later), ERR_REPLAY);
	assert_int_equal(seen_count(seen), SEEN_CLIENT_MAX + 1);
}

/* What is over stays while there is room: a clock that is put back lets no replay in. */
static void clock_put_back(void **state) {
	struct seen *seen = *state;
	assert_int_equal(take(seen, 1, 1, NOW, NOW), ERR_OK);
	const uint64_t later = NOW + 10 * SEEN_WINDOW;
	assert_int_equal(take(seen, 1, 2, later, later), ERR_OK);
	assert_int_equal(take(seen, 1, 1, NOW, NOW), ERR_REPLAY);
	assert_int_equal(take(seen, 1, 3, NOW, NOW), ERR_OK);
}

/* A clock that was far ahead does not lock a client out for ever. */
static void clock_was_ahead(void **state) {
	struct seen *seen = *state;
	const uint64_t ahead = NOW + 1000 * SEEN_WINDOW;
	for (uint32_t i = 0; i < SEEN_CLIENT_MAX; i++)
		assert_int_equal(take(seen, 1, i, ahead, ahead), ERR_OK);
	assert_int_equal(take(seen, 1, 1000, ahead, ahead), ERR_LIMIT);
	for (uint32_t i = 0; i < SEEN_CLIENT_MAX; i++)
		assert_int_equal(take(seen, 1, 2000 + i, NOW, NOW), ERR_OK);
	assert_int_equal(take(seen, 1, 3000, NOW, NOW), ERR_LIMIT);
}

static void bounded_in_total(void **state) {
	struct seen *seen = *state;
	const uint32_t clients = SEEN_ENTRIES_MAX / SEEN_CLIENT_MAX;
	for (uint32_t i = 0; i < SEEN_ENTRIES_MAX; i++)
		fill(seen, i % clients, i, NOW + i, NOW + i);
	assert_int_equal(take(seen, clients, 1, NOW, NOW), ERR_LIMIT);
	assert_int_equal(seen_count(seen), SEEN_ENTRIES_MAX);
	/* one is over: one more may come, and then none before the next is over */
	const uint64_t later = NOW + SEEN_WINDOW + 1;
	assert_int_equal(take(seen, clients, 1, later, later), ERR_OK);
	assert_int_equal(take(seen, clients, 2, later, later), ERR_LIMIT);
	assert_int_equal(take(seen, clients, 2, later + 1, later + 1), ERR_OK);
	assert_int_equal(take(seen, clients, 3, later + 1, later + 1), ERR_LIMIT);
	assert_int_equal(seen_count(seen), SEEN_ENTRIES_MAX);
}

/* The place that gets free first may be of one that came after it was known that all are needed. */
static void bounded_in_total_with_an_old_one_last(void **state) {
	struct seen *seen = *state;
	const uint32_t clients = SEEN_ENTRIES_MAX / SEEN_CLIENT_MAX;
	for (uint32_t i = 0; i < SEEN_ENTRIES_MAX; i++)
		fill(seen, i % clients, i, NOW, NOW);
	const uint64_t later = NOW + SEEN_WINDOW + 1;
	assert_int_equal(take(seen, clients, 1, later, later), ERR_OK);
	assert_int_equal(seen_count(seen), 1);
	for (uint32_t i = 1; i < SEEN_ENTRIES_MAX; i++)
		fill(seen, i % clients, i, i == 7 ? later - SEEN_WINDOW : later, later);
	assert_int_equal(take(seen, clients, 2, later, later), ERR_LIMIT);
	assert_int_equal(take(seen, clients, 2, later, later + 1), ERR_OK);
	assert_int_equal(take(seen, clients, 3, later, later + 1), ERR_LIMIT);
}

static void clients_are_bounded(void **state) {
	struct seen *seen = *state;
	for (uint32_t i = 0; i < SEEN_CLIENTS_MAX; i++)
		fill(seen, i, 1, NOW, NOW);
	assert_int_equal(take(seen, SEEN_CLIENTS_MAX, 1, NOW, NOW), ERR_LIMIT);
	assert_int_equal(take(seen, 5, 2, NOW, NOW), ERR_OK);
	const uint64_t later = NOW + SEEN_WINDOW + 1;
	assert_int_equal(take(seen, SEEN_CLIENTS_MAX, 1, later, later), ERR_OK);
	assert_int_equal(seen_count(seen), 1);
}

/* Room is made by dropping, among others, the very client who needs it. */
static void a_client_that_was_dropped(void **state) {
	struct seen *seen = *state;
	fill(seen, 0, 1, NOW, NOW);
	for (uint32_t i = 1; i < SEEN_ENTRIES_MAX; i++)
		fill(seen, 1 + i / SEEN_CLIENT_MAX, i, NOW, NOW);
	const uint64_t later = NOW + SEEN_WINDOW + 1;
	fill(seen, 0, 2, later, later);
	assert_int_equal(seen_count(seen), 1);
	assert_int_equal(take(seen, 0, 2, later, later), ERR_REPLAY);
}

struct copy {
	struct seen *into;
	uint64_t now;
	size_t count;
};

static void copy_entry(void *context, const struct seen_entry *entry) {
	struct copy *copy = context;
	copy->count++;
	assert_int_equal(seen_import(copy->into, entry, copy->now), ERR_OK);
}

static size_t copy_all(const struct seen *from, struct seen *into, uint64_t now) {
	struct copy copy = {.into = into, .now = now};
	const struct seen_reader reader = {copy_entry, &copy};
	seen_export(from, now, &reader);
	return copy.count;
}

static void survives_a_restart(void **state) {
	struct seen *seen = *state, *after = NULL;
	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(take(seen, i / 10, i, NOW + 1000 * i, NOW), ERR_OK);
	assert_int_equal(seen_new(&zeros, &after), ERR_OK);
	const uint64_t now = NOW + SEEN_WINDOW + 50 * 1000;
	assert_int_equal(copy_all(seen, after, now), 150); /* the others' time is over */
	assert_int_equal(copy_all(seen, after, now), 150); /* once more adds nothing */
	assert_int_equal(seen_count(after), 150);
	for (uint32_t i = 50; i < 200; i++)
		assert_int_equal(take(after, i / 10, i, NOW + 1000 * i, now), ERR_REPLAY);
	seen_free(after);
}

/* A machine that starts in 1970 keeps what it reads; the clock comes right later. */
static void restart_with_a_wrong_clock(void **state) {
	struct seen *seen = *state, *after = NULL;
	for (uint32_t i = 0; i < SEEN_CLIENT_MAX; i++)
		assert_int_equal(take(seen, 1, i, NOW, NOW), ERR_OK);
	assert_int_equal(seen_new(&zeros, &after), ERR_OK);
	assert_int_equal(copy_all(seen, after, 5), SEEN_CLIENT_MAX);
	assert_int_equal(take(after, 1, 3, NOW, NOW), ERR_REPLAY);
	const struct seen_entry one_more = entry(1, 1000, NOW);
	assert_int_equal(seen_import(after, &one_more, NOW), ERR_LIMIT);
	seen_free(after);
}

/* Against a list that never forgets, with clocks that jump and clients that come back. */
enum { STEPS = 20000, CLIENTS = 3, RANDOMS = 400 };

struct model {
	struct {
		bool taken;
		uint64_t timestamp;
	} of[CLIENTS][RANDOMS];
};

static unsigned needed_of(const struct model *model, uint32_t client, uint64_t now) {
	unsigned count = 0;
	for (uint32_t i = 0; i < RANDOMS; i++) {
		uint64_t timestamp = model->of[client][i].timestamp;
		uint64_t distance = timestamp > now ? timestamp - now : now - timestamp;
		count += model->of[client][i].taken && distance <= SEEN_WINDOW;
	}
	return count;
}

static void against_a_model(void **state) {
	struct seen *seen = *state;
	auto_free struct model *model = calloc(1, sizeof *model);
	assert_non_null(model);
	unsigned short chance[3] = {1, 2, 3};
	uint64_t now = NOW;
	unsigned outcomes[ERR_COUNT] = {0};
	for (int step = 0; step < STEPS; step++) {
		const uint32_t client = (uint32_t)nrand48(chance) % CLIENTS;
		const uint32_t random = (uint32_t)nrand48(chance) % RANDOMS;
		now += (uint64_t)nrand48(chance) % 1000; /* clocks go forward here */
		const uint64_t timestamp =
			now - SEEN_WINDOW - 20000 + (uint64_t)nrand48(chance) % (2 * SEEN_WINDOW + 40000);
		const uint64_t distance = timestamp > now ? timestamp - now : now - timestamp;
		if (nrand48(chance) % 500 == 0)
			seen_trim(seen, now);
		const enum err error = take(seen, client, random, timestamp, now);
		const bool taken = model->of[client][random].taken;
		const uint64_t before = model->of[client][random].timestamp;
		const bool needed = taken && before + SEEN_WINDOW >= now;
		outcomes[error]++;
		if (distance > SEEN_WINDOW) {
			assert_int_equal(error, ERR_EXPIRED);
		} else if (needed) {
			assert_int_equal(error, ERR_REPLAY);
		} else if (error == ERR_REPLAY) {
			assert_true(taken); /* remembered for longer than it had to be */
		} else {
			bool full = needed_of(model, client, now) == SEEN_CLIENT_MAX;
			assert_int_equal(error, full ? ERR_LIMIT : ERR_OK);
		}
		if (!error) {
			model->of[client][random].taken = true;
			model->of[client][random].timestamp = timestamp;
		}
	}
	assert_true(outcomes[ERR_OK] > 500 && outcomes[ERR_REPLAY] > 500 && outcomes[ERR_LIMIT] > 500 &&
				outcomes[ERR_EXPIRED] > 500);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(window, set_up, tear_down),
		cmocka_unit_test_setup_teardown(remembered_as_long_as_needed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_client_has_64, set_up, tear_down),
		cmocka_unit_test_setup_teardown(clock_put_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(clock_was_ahead, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bounded_in_total, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bounded_in_total_with_an_old_one_last, set_up, tear_down),
		cmocka_unit_test_setup_teardown(clients_are_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_client_that_was_dropped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(survives_a_restart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(restart_with_a_wrong_clock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(against_a_model, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
