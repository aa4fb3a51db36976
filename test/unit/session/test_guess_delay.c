#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "session/guess_delay.h"

#define START (1000 * CLOCK_SECOND)

static void zero_fill(void *context, void *out_data, size_t size) {
	memset(out_data, 0, size);
}

static int set_up(void **state) {
	static const struct random_source zeros = {zero_fill, NULL};
	struct guess_delay *delay = NULL;
	if (guess_delay_new(&zeros, &delay))
		return -1;
	*state = delay;
	return 0;
}

static int tear_down(void **state) {
	guess_delay_free(*state);
	return 0;
}

static uint64_t key_of(const struct guess_delay *delay, const char *user, const char *from) {
	struct address address;
	assert_int_equal(address_parse(from, &address), ERR_OK);
	return guess_delay_key(delay, slice_of_text(user), &address);
}

static void test_doubles_to_its_bound(void **state) {
	struct guess_delay *delay = *state;
	uint64_t key = key_of(delay, "alice", "192.0.2.1"), now = START, wait = CLOCK_SECOND;
	assert_int_equal(guess_delay_left(delay, key, now), 0);
	for (int i = 0; i < 12; i++) {
		guess_delay_wrong(delay, key, now);
		assert_int_equal(guess_delay_left(delay, key, now), wait);
		assert_int_equal(guess_delay_left(delay, key, now + wait - 1), 1);
		assert_int_equal(guess_delay_left(delay, key, now + wait), 0);
		now += wait;
		wait = wait < GUESS_DELAY_MAX ? 2 * wait : wait;
	}
	assert_int_equal(wait, GUESS_DELAY_MAX);
}

static void test_begins_again(void **state) {
	struct guess_delay *delay = *state;
	uint64_t key = key_of(delay, "alice", "192.0.2.1");
	for (int i = 0; i < 5; i++)
		guess_delay_wrong(delay, key, START);
	assert_int_equal(guess_delay_left(delay, key, START), 16 * CLOCK_SECOND);
	guess_delay_right(delay, key);
	assert_int_equal(guess_delay_left(delay, key, START), 0);
	guess_delay_right(delay, key);
	guess_delay_wrong(delay, key, START);
	assert_int_equal(guess_delay_left(delay, key, START), CLOCK_SECOND);
	guess_delay_wrong(delay, key, START + GUESS_DELAY_FORGET - 1);
	assert_int_equal(guess_delay_left(delay, key, START + GUESS_DELAY_FORGET - 1),
					 2 * CLOCK_SECOND);
	guess_delay_wrong(delay, key, START + 2 * GUESS_DELAY_FORGET);
	assert_int_equal(guess_delay_left(delay, key, START + 2 * GUESS_DELAY_FORGET), CLOCK_SECOND);
}

/* The user with his network, and neither alone. */
static void test_who_is_counted_together(void **state) {
	struct guess_delay *delay = *state;
	uint64_t key = key_of(delay, "alice", "192.0.2.1");
	assert_int_equal(key_of(delay, "alice", "192.0.2.254"), key);
	assert_int_not_equal(key_of(delay, "alice", "192.0.3.1"), key);
	assert_int_not_equal(key_of(delay, "bob", "192.0.2.1"), key);
	assert_int_not_equal(key_of(delay, "alic", "192.0.2.1"), key);
	key = key_of(delay, "alice", "2001:db8::1");
	assert_int_equal(key_of(delay, "alice", "2001:db8::ffff:0:0:1"), key);
	assert_int_not_equal(key_of(delay, "alice", "2001:db8:0:1::1"), key);
	guess_delay_wrong(delay, key, START);
	assert_int_equal(guess_delay_left(delay, key_of(delay, "alice", "192.0.2.1"), START), 0);
}

/* One more than there is room for costs the oldest, and who came back in between is not that. */
static void test_full(void **state) {
	struct guess_delay *delay = *state;
	uint64_t keys[3];
	char user[16];
	for (unsigned i = 0; i < GUESS_DELAY_ENTRIES_MAX; i++) {
		(void)snprintf(user, sizeof user, "user%u", i);
		uint64_t key = key_of(delay, user, "192.0.2.1");
		guess_delay_wrong(delay, key, START);
		if (i < 3)
			keys[i] = key;
	}
	guess_delay_wrong(delay, keys[0], START);
	guess_delay_wrong(delay, key_of(delay, "one more", "192.0.2.1"), START);
	assert_int_equal(guess_delay_left(delay, keys[0], START), 2 * CLOCK_SECOND);
	assert_int_equal(guess_delay_left(delay, keys[1], START), 0);
	assert_int_equal(guess_delay_left(delay, keys[2], START), CLOCK_SECOND);
	/* A place that is free again is taken first. */
	guess_delay_right(delay, keys[0]);
	guess_delay_wrong(delay, key_of(delay, "another", "192.0.2.1"), START);
	assert_int_equal(guess_delay_left(delay, keys[2], START), CLOCK_SECOND);
}

#define row(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		row(test_doubles_to_its_bound),
		row(test_begins_again),
		row(test_who_is_counted_together),
		row(test_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
