#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "proto/mighty_admission.h"

#define NOW (1000 * CLOCK_SECOND)
#define WALL UINT64_C(1700000000000)
#define WINDOW TIME_ORDER_WINDOW

static void counted_fill(void *context, void *out_data, size_t size) {
	uint32_t *count = context;
	memset(out_data, 0x11, size);
	++*count;
	memcpy(out_data, count, sizeof *count);
}

/* A server with one PSK, and a client that has it. */
static struct {
	uint32_t draws;
	struct random_source random;
	struct mighty_psk psk;
	struct mighty_client client;
	struct source_cookie cookies;
	struct time_order *order;
	struct seen *seen;
	struct mighty_admission admission;
	struct mighty_admission_input input;
	struct endpoint from;
	uint8_t hello[MIGHTY_CLIENT_HELLO_SIZE];
	struct mighty_admitted admitted;
	uint8_t answer[MIGHTY_COOKIE_ANSWER_SIZE];
	uint16_t next_id;
} f;

static const struct mighty_psk *find(void *context, const uint8_t id[static MIGHTY_PSK_ID_SIZE]) {
	return memcmp(id, f.psk.id, MIGHTY_PSK_ID_SIZE) == 0 ? &f.psk : NULL;
}

static void set_instance(uint8_t number) {
	const uint8_t instance[MIGHTY_INSTANCE_SIZE] = {number, 1};
	static const uint8_t ciphers[] = {MIGHTY_AES_256_GCM};
	assert_int_equal(mighty_client_init(&f.client, &f.psk, instance, ciphers, 1), ERR_OK);
}

static int setup(void **state) {
	const uint8_t secret[MIGHTY_PSK_SIZE] = {1};
	memset(&f, 0, sizeof f);
	f.random = (struct random_source){counted_fill, &f.draws};
	assert_int_equal(mighty_psk_init(&f.psk, secret), ERR_OK);
	set_instance(1);
	source_cookie_init(&f.cookies);
	assert_int_equal(time_order_new(&f.random, &f.order), ERR_OK);
	assert_int_equal(seen_new(&f.random, &f.seen), ERR_OK);
	assert_int_equal(endpoint_parse("192.0.2.1:5000", &f.from), ERR_OK);
	f.admission = (struct mighty_admission){find, NULL, &f.cookies, f.order, f.seen, &f.random};
	f.input = (struct mighty_admission_input){f.hello, sizeof f.hello, &f.from, NOW, WALL};
	return 0;
}

static int teardown(void **state) {
	time_order_free(f.order);
	seen_free(f.seen);
	return 0;
}

static void start(uint64_t time) {
	uint16_t forgotten;
	assert_int_equal(
		mighty_client_start(&f.client, &f.random, ++f.next_id, time, f.hello, &forgotten), ERR_OK);
}

static enum mighty_verdict judge(void) {
	return mighty_admission_judge(&f.admission, &f.input, &f.admitted, f.answer);
}

/* The client answers with the cookie. */
static void take_cookie(void) {
	assert_int_equal(mighty_client_take_cookie(&f.client, f.answer, sizeof f.answer, f.hello),
					 ERR_OK);
}

static void a_fresh_hello_is_admitted_once(void **state) {
	start(WALL);
	assert_int_equal(judge(), MIGHTY_ADMITTED);
	assert_ptr_equal(f.admitted.psk, &f.psk);
	assert_int_equal(f.admitted.hello.session_id, 1);
	assert_int_equal(judge(), MIGHTY_REPLAYED);
	f.from.port++; /* wherever it comes from */
	assert_int_equal(judge(), MIGHTY_REPLAYED);
	start(WALL); /* a fresh one has a later time by itself */
	assert_int_equal(judge(), MIGHTY_ADMITTED);
	mighty_client_done(&f.client);
	set_instance(1); /* the client has forgotten its last time */
	start(WALL);
	assert_int_equal(judge(), MIGHTY_REPLAYED);
	set_instance(2);
	start(WALL);
	assert_int_equal(judge(), MIGHTY_ADMITTED);
}

static void strangers_hear_nothing_and_change_nothing(void **state) {
	start(WALL);
	for (size_t at = 0; at < sizeof f.hello; at++) {
		f.hello[at] ^= 1;
		const enum mighty_verdict verdict = judge();
		if (verdict == MIGHTY_ADMITTED || verdict == MIGHTY_COOKIE)
			fail_msg("byte %zu: %s", at, mighty_verdict_text(verdict));
		f.hello[at] ^= 1;
	}
	assert_int_equal(time_order_count(f.order), 0);
	assert_int_equal(seen_count(f.seen), 0);
	assert_false(f.cookies.secrets[0].drawn);
	f.input.size--;
	assert_int_equal(judge(), MIGHTY_UNREADABLE);
	f.input.size++;
	f.hello[95] ^= 1; /* in the PSK's id */
	assert_int_equal(judge(), MIGHTY_UNKNOWN);
	f.hello[95] ^= 1;
	f.hello[1199] ^= 1; /* in the MAC */
	assert_int_equal(judge(), MIGHTY_FORGED);
	/* Not even one whose time is wrong is told so. */
	set_instance(1);
	start(1);
	f.hello[1199] ^= 1;
	assert_int_equal(judge(), MIGHTY_FORGED);
	f.hello[1199] ^= 1;
	assert_int_equal(judge(), MIGHTY_COOKIE);
}

static void a_client_without_a_clock_gets_a_cookie(void **state) {
	start(5);
	assert_int_equal(judge(), MIGHTY_COOKIE);
	assert_int_equal(judge(), MIGHTY_COOKIE); /* nothing is kept of it */
	take_cookie();
	f.from.port++;
	assert_int_equal(judge(), MIGHTY_COOKIE); /* of another address it counts as none */
	f.from.port--;
	assert_int_equal(judge(), MIGHTY_ADMITTED);
	assert_true(f.admitted.hello.time == 5);
	/* Again while the cookie is good, and afterwards. */
	assert_int_equal(judge(), MIGHTY_REPLAYED);
	f.input.now += 2 * SOURCE_COOKIE_SECRET_AGE - 1;
	assert_int_equal(judge(), MIGHTY_REPLAYED);
	f.input.now += 1;
	assert_int_equal(judge(), MIGHTY_COOKIE);
	assert_int_equal(time_order_count(f.order), 0);
	/* Backwards: the time is not looked at. */
	set_instance(1);
	start(4);
	assert_int_equal(judge(), MIGHTY_COOKIE);
	take_cookie();
	assert_int_equal(judge(), MIGHTY_ADMITTED);
}

/* A cookie does not set the client's time, so one from the far future does not lock it out. */
static void a_clock_that_was_ahead_locks_nobody_out(void **state) {
	start(WALL + 1000 * WINDOW);
	assert_int_equal(judge(), MIGHTY_COOKIE);
	take_cookie();
	assert_int_equal(judge(), MIGHTY_ADMITTED);
	set_instance(1);
	start(WALL);
	assert_int_equal(judge(), MIGHTY_ADMITTED);
}

static void the_window_is_two_minutes(void **state) {
	start(WALL - WINDOW - 1);
	assert_int_equal(judge(), MIGHTY_COOKIE);
	start(WALL - WINDOW);
	assert_int_equal(judge(), MIGHTY_ADMITTED);
	start(WALL + WINDOW);
	assert_int_equal(judge(), MIGHTY_ADMITTED);
	start(WALL + WINDOW + 1);
	assert_int_equal(judge(), MIGHTY_COOKIE);
}

/* A holder of the PSK has so many places, and that is all. */
static void instances_and_cookies_are_bounded(void **state) {
	for (uint8_t i = 0; i < TIME_ORDER_GROUP_MAX; i++) {
		set_instance(i);
		start(WALL);
		assert_int_equal(judge(), MIGHTY_ADMITTED);
	}
	set_instance(200);
	start(WALL);
	assert_int_equal(judge(), MIGHTY_TOO_MANY);
	for (unsigned i = 0; i < SEEN_CLIENT_MAX; i++) {
		set_instance(200);
		start(5);
		assert_int_equal(judge(), MIGHTY_COOKIE);
		take_cookie();
		assert_int_equal(judge(), MIGHTY_ADMITTED);
	}
	set_instance(200);
	start(5);
	assert_int_equal(judge(), MIGHTY_COOKIE);
	take_cookie();
	assert_int_equal(judge(), MIGHTY_TOO_MANY);
}

static void verdicts_have_texts(void **state) {
	for (unsigned i = 0; i <= MIGHTY_VERDICTS; i++)
		assert_true(strlen(mighty_verdict_text(i)) > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(a_fresh_hello_is_admitted_once),
		TEST(strangers_hear_nothing_and_change_nothing),
		TEST(a_client_without_a_clock_gets_a_cookie),
		TEST(a_clock_that_was_ahead_locks_nobody_out),
		TEST(the_window_is_two_minutes),
		TEST(instances_and_cookies_are_bounded),
		cmocka_unit_test(verdicts_have_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
