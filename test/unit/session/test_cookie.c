#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "session/cookie.h"

#include "../../vectors/cookie.h"

#define MAC1_LABEL "mac1----"
#define COOKIE_LABEL "cookie--"

enum { MESSAGE_SIZE = 72 };

#define START (1000 * CLOCK_SECOND)

/* Every draw is different, and counted. */
struct counter_source {
	uint8_t draws;
};

static void counted_fill(void *context, void *out_data, size_t size) {
	struct counter_source *source = context;
	source->draws++;
	for (size_t i = 0; i < size; i++)
		((uint8_t *)out_data)[i] = (uint8_t)(source->draws * 101 + i);
}

/* One end that sends a message, one that receives it. */
struct ends {
	struct counter_source counter;
	struct random_source random;
	struct cookie_jar jar;
	struct cookie_checker checker;
	struct endpoint from;
	uint8_t message[MESSAGE_SIZE];
	uint8_t nonce[XAEAD_NONCE_SIZE];
	uint8_t sealed[COOKIE_SEALED_SIZE];
};

/* Of one test; freed after it. */
static struct cookie_checker made[8];
static size_t made_count;

static void make_checker(struct ends *ends, const struct cookie_keys *keys) {
	assert_true(made_count < sizeof made / sizeof *made);
	assert_int_equal(cookie_checker_init(&ends->checker, keys), ERR_OK);
	made[made_count++] = ends->checker;
}

static int free_checkers(void **state) {
	while (made_count > 0)
		cookie_checker_done(&made[--made_count]);
	return 0;
}

static void ends_init(struct ends *ends) {
	memset(ends, 0, sizeof *ends);
	ends->random = (struct random_source){counted_fill, &ends->counter};
	uint8_t public_key[X25519_KEY_SIZE];
	memset(public_key, 0x42, sizeof public_key);
	struct cookie_keys keys;
	assert_int_equal(cookie_keys_init(&keys, MAC1_LABEL, COOKIE_LABEL, public_key), ERR_OK);
	cookie_jar_init(&ends->jar, &keys);
	make_checker(ends, &keys);
	assert_int_equal(endpoint_parse("192.0.2.1:51820", &ends->from), ERR_OK);
	memset(ends->message, 0x77, sizeof ends->message);
}

static struct slice message_of(const struct ends *ends) {
	return slice_of(ends->message, sizeof ends->message);
}

static const uint8_t *mac2_of(const struct ends *ends) {
	return ends->message + MESSAGE_SIZE - COOKIE_MAC_SIZE;
}

static void add_macs(struct ends *ends, uint64_t now) {
	assert_int_equal(cookie_add_macs(&ends->jar, ends->message, MESSAGE_SIZE, now), ERR_OK);
}

static void make(struct ends *ends, uint64_t now) {
	assert_int_equal(cookie_make(&ends->checker, message_of(ends), &ends->from, &ends->random, now,
								 ends->nonce, ends->sealed),
					 ERR_OK);
}

static enum err take(struct ends *ends, uint64_t now) {
	return cookie_take(&ends->jar, ends->nonce, ends->sealed, now);
}

static bool mac2_is_good(struct ends *ends, uint64_t now) {
	return cookie_check_mac2(&ends->checker, message_of(ends), &ends->from, now);
}

/* A cookie asked for, made and taken at start. */
static void reach_cookie(struct ends *ends, uint64_t start) {
	ends_init(ends);
	add_macs(ends, start);
	make(ends, start);
	assert_int_equal(take(ends, start), ERR_OK);
}

static void known_answers(void **state) {
	for (size_t i = 0; i < sizeof cookie_vectors / sizeof *cookie_vectors; i++) {
		const struct cookie_vector *v = &cookie_vectors[i];
		struct ends ends;
		ends_init(&ends);
		struct cookie_keys keys;
		assert_int_equal(cookie_keys_init(&keys, MAC1_LABEL, COOKIE_LABEL, v->public_key), ERR_OK);
		cookie_jar_init(&ends.jar, &keys);
		make_checker(&ends, &keys);
		memcpy(ends.checker.secret, v->secret, sizeof v->secret);
		ends.checker.secret_born = START;
		assert_int_equal(address_parse(v->address, &ends.from.address), ERR_OK);
		ends.from.port = v->port;

		memcpy(ends.message, v->body, sizeof v->body);
		add_macs(&ends, START);
		assert_memory_equal(ends.message, v->body, sizeof v->body);
		assert_memory_equal(ends.message + sizeof v->body, v->mac1, COOKIE_MAC_SIZE);
		assert_true(wipe_is_zero(mac2_of(&ends), COOKIE_MAC_SIZE));
		assert_int_equal(cookie_take(&ends.jar, v->nonce, v->sealed, START), ERR_OK);
		assert_memory_equal(ends.jar.cookie, v->cookie, COOKIE_SIZE);
		add_macs(&ends, START);
		assert_memory_equal(ends.message + sizeof v->body, v->mac1, COOKIE_MAC_SIZE);
		assert_memory_equal(mac2_of(&ends), v->mac2, COOKIE_MAC_SIZE);
		assert_true(mac2_is_good(&ends, START));
	}
}

static void labels_have_their_size(void **state) {
	const uint8_t public_key[X25519_KEY_SIZE] = {1};
	struct cookie_keys keys = {0};
	assert_int_equal(cookie_keys_init(&keys, "mac1---", COOKIE_LABEL, public_key), ERR_INVALID);
	assert_int_equal(cookie_keys_init(&keys, MAC1_LABEL, "cookie---", public_key), ERR_INVALID);
	assert_true(wipe_is_zero(&keys, sizeof keys));
}

static void mac1_covers_every_byte(void **state) {
	struct ends ends;
	ends_init(&ends);
	assert_false(cookie_check_mac1(&ends.checker, message_of(&ends)));
	add_macs(&ends, START);
	assert_true(cookie_check_mac1(&ends.checker, message_of(&ends)));
	for (size_t i = 0; i < MESSAGE_SIZE - COOKIE_MAC_SIZE; i++) {
		ends.message[i] ^= 0x80;
		assert_false(cookie_check_mac1(&ends.checker, message_of(&ends)));
		ends.message[i] ^= 0x80;
	}
	ends.message[MESSAGE_SIZE - 1] ^= 1; /* mac2 is none of its business */
	assert_true(cookie_check_mac1(&ends.checker, message_of(&ends)));
	assert_false(cookie_check_mac1(&ends.checker, slice_of(ends.message, MESSAGE_SIZE - 1)));
	assert_false(cookie_check_mac1(&ends.checker, slice_of(ends.message + 1, MESSAGE_SIZE - 1)));
}

static void mac1_of_another_receiver(void **state) {
	struct ends ends;
	ends_init(&ends);
	add_macs(&ends, START);
	const uint8_t public_key[X25519_KEY_SIZE] = {1};
	struct cookie_keys keys;
	assert_int_equal(cookie_keys_init(&keys, MAC1_LABEL, COOKIE_LABEL, public_key), ERR_OK);
	cookie_checker_change(&ends.checker, &keys);
	assert_false(cookie_check_mac1(&ends.checker, message_of(&ends)));
	cookie_jar_init(&ends.jar, &keys);
	add_macs(&ends, START);
	assert_true(cookie_check_mac1(&ends.checker, message_of(&ends)));
}

static void messages_too_short(void **state) {
	struct ends ends;
	reach_cookie(&ends, START);
	struct ends before = ends;
	struct slice shorter = slice_of(ends.message, COOKIE_MACS_SIZE - 1);
	assert_int_equal(cookie_add_macs(&ends.jar, ends.message, shorter.size, START), ERR_INVALID);
	assert_false(cookie_check_mac1(&ends.checker, shorter));
	assert_false(cookie_check_mac2(&ends.checker, shorter, &ends.from, START));
	assert_false(cookie_check_mac1(&ends.checker, (struct slice){0}));
	assert_int_equal(cookie_make(&ends.checker, shorter, &ends.from, &ends.random, START,
								 ends.nonce, ends.sealed),
					 ERR_INVALID);
	assert_memory_equal(&ends, &before, sizeof ends);
	/* MACs and nothing else are a message */
	struct slice empty = slice_of(ends.message, COOKIE_MACS_SIZE);
	assert_int_equal(cookie_add_macs(&ends.jar, ends.message, empty.size, START), ERR_OK);
	assert_true(cookie_check_mac1(&ends.checker, empty));
	assert_true(cookie_check_mac2(&ends.checker, empty, &ends.from, START));
}

static void round_trip(void **state) {
	struct ends ends;
	ends_init(&ends);
	add_macs(&ends, START);
	assert_true(wipe_is_zero(mac2_of(&ends), COOKIE_MAC_SIZE));
	assert_false(mac2_is_good(&ends, START)); /* no secret yet */
	make(&ends, START);
	assert_false(mac2_is_good(&ends, START)); /* there is one now, zeros do not fit it */
	assert_int_equal(take(&ends, START), ERR_OK);
	ends.message[0] ^= 1; /* the next message is another one */
	add_macs(&ends, START + 1);
	assert_true(cookie_check_mac1(&ends.checker, message_of(&ends)));
	assert_true(mac2_is_good(&ends, START + 1));
	for (size_t i = 0; i < MESSAGE_SIZE; i++) {
		ends.message[i] ^= 1;
		assert_false(mac2_is_good(&ends, START + 1));
		ends.message[i] ^= 1;
	}
	assert_true(mac2_is_good(&ends, START + 1));
}

static void other_address_or_port(void **state) {
	static const char *const others[] = {
		"192.0.2.1:51821",    "192.0.2.1:27850", /* the port's bytes swapped */
		"192.0.2.1:52076",    "192.0.2.2:51820",    "193.0.2.1:51820",
		"[c000:201::]:51820", "[::c000:201]:51820", "[::ffff:192.0.2.1]:51820",
	};
	struct ends ends;
	reach_cookie(&ends, START);
	add_macs(&ends, START);
	struct endpoint right = ends.from;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		assert_int_equal(endpoint_parse(others[i], &ends.from), ERR_OK);
		assert_false(mac2_is_good(&ends, START));
	}
	ends.from = right;
	assert_true(mac2_is_good(&ends, START));

	/* every bit of an IPv6 address counts */
	assert_int_equal(endpoint_parse("[2001:db8::1]:51820", &ends.from), ERR_OK);
	make(&ends, START);
	assert_int_equal(take(&ends, START), ERR_OK);
	add_macs(&ends, START);
	assert_true(mac2_is_good(&ends, START));
	for (size_t i = 0; i < ADDRESS_V6_SIZE; i++) {
		ends.from.address.bytes[i] ^= 1;
		assert_false(mac2_is_good(&ends, START));
		ends.from.address.bytes[i] ^= 1;
	}
}

static void secret_rotates(void **state) {
	struct ends ends;
	reach_cookie(&ends, START);
	uint8_t secret[HASH_SIZE];
	memcpy(secret, ends.checker.secret, sizeof secret);
	add_macs(&ends, START);
	assert_true(mac2_is_good(&ends, START + COOKIE_SECRET_AGE - 1));
	assert_false(mac2_is_good(&ends, START + COOKIE_SECRET_AGE));

	/* nonces are drawn in batches, a secret when the old one ends */
	uint8_t draws = ends.counter.draws;
	make(&ends, START + COOKIE_SECRET_AGE - 1);
	assert_int_equal(ends.counter.draws, draws);
	assert_memory_equal(ends.checker.secret, secret, sizeof secret);
	make(&ends, START + COOKIE_SECRET_AGE);
	assert_int_equal(ends.counter.draws, draws + 1);
	assert_memory_not_equal(ends.checker.secret, secret, sizeof secret);

	/* the old cookie fits no more, the new one does for its own 120 s */
	assert_false(mac2_is_good(&ends, START + COOKIE_SECRET_AGE));
	assert_int_equal(take(&ends, START + COOKIE_SECRET_AGE), ERR_OK);
	add_macs(&ends, START + COOKIE_SECRET_AGE);
	assert_true(mac2_is_good(&ends, START + COOKIE_SECRET_AGE));
	assert_true(mac2_is_good(&ends, START + 2 * COOKIE_SECRET_AGE - 1));
	assert_false(mac2_is_good(&ends, START + 2 * COOKIE_SECRET_AGE));
}

static void nonces_differ(void **state) {
	enum { MANY = 3 * COOKIE_NONCES };
	struct ends ends;
	reach_cookie(&ends, START);
	uint8_t nonces[MANY][XAEAD_NONCE_SIZE];
	for (size_t i = 0; i < MANY; i++) {
		make(&ends, START);
		memcpy(nonces[i], ends.nonce, sizeof nonces[i]);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(nonces[i], nonces[j], sizeof nonces[i]);
	}
}

/* Another key of ours: cookies and MACs for the old one are worth nothing. */
static void keys_change(void **state) {
	struct ends ends;
	reach_cookie(&ends, START);
	add_macs(&ends, START);
	assert_true(mac2_is_good(&ends, START));
	const uint8_t public_key[X25519_KEY_SIZE] = {1};
	struct cookie_keys keys, before = ends.checker.keys;
	assert_int_equal(cookie_keys_init(&keys, MAC1_LABEL, COOKIE_LABEL, public_key), ERR_OK);
	cookie_checker_change(&ends.checker, &keys);
	assert_false(mac2_is_good(&ends, START));
	make(&ends, START);
	assert_int_equal(take(&ends, START), ERR_AUTHENTICATION);
	cookie_checker_change(&ends.checker, &before);
	make(&ends, START);
	assert_int_equal(take(&ends, START), ERR_OK);
	add_macs(&ends, START);
	assert_true(cookie_check_mac1(&ends.checker, message_of(&ends)));
	assert_true(mac2_is_good(&ends, START));
}

static void old_cookie_is_not_used(void **state) {
	const uint64_t age = 115 * CLOCK_SECOND;
	struct ends ends;
	reach_cookie(&ends, START);
	add_macs(&ends, START + age - 1);
	assert_true(mac2_is_good(&ends, START + age - 1));
	add_macs(&ends, START + age);
	assert_true(cookie_check_mac1(&ends.checker, message_of(&ends)));
	assert_true(wipe_is_zero(mac2_of(&ends), COOKIE_MAC_SIZE));
}

static void forged_reply_changes_nothing(void **state) {
	struct ends ends;
	ends_init(&ends);
	add_macs(&ends, START);
	make(&ends, START);
	struct cookie_jar before = ends.jar;
	for (size_t i = 0; i < sizeof ends.sealed; i++) {
		ends.sealed[i] ^= 1;
		assert_int_equal(take(&ends, START), ERR_AUTHENTICATION);
		ends.sealed[i] ^= 1;
	}
	for (size_t i = 0; i < sizeof ends.nonce; i++) {
		ends.nonce[i] ^= 1;
		assert_int_equal(take(&ends, START), ERR_AUTHENTICATION);
		ends.nonce[i] ^= 1;
	}
	assert_memory_equal(&ends.jar, &before, sizeof before);
	assert_int_equal(take(&ends, START), ERR_OK);
}

static void reply_to_an_older_message(void **state) {
	struct ends ends;
	ends_init(&ends);
	add_macs(&ends, START);
	make(&ends, START);
	ends.message[0] ^= 1;
	add_macs(&ends, START);
	assert_int_equal(take(&ends, START), ERR_AUTHENTICATION);
}

static void reply_to_nothing(void **state) {
	struct ends ends;
	ends_init(&ends);
	add_macs(&ends, START);
	make(&ends, START);
	cookie_jar_init(&ends.jar, &ends.checker.keys);
	struct cookie_jar before = ends.jar;
	assert_int_equal(take(&ends, START), ERR_NOT_FOUND);
	assert_memory_equal(&ends.jar, &before, sizeof before);
}

static void reply_is_taken_once(void **state) {
	struct ends ends;
	reach_cookie(&ends, START);
	struct cookie_jar before = ends.jar;
	assert_int_equal(take(&ends, START + CLOCK_SECOND), ERR_NOT_FOUND);
	assert_memory_equal(&ends.jar, &before, sizeof before);
}

static void clock_edges(void **state) {
	struct ends ends;
	/* a clock that starts at 0: all works from its first tick on */
	reach_cookie(&ends, 0);
	assert_int_not_equal(ends.checker.secret_born, 0);
	add_macs(&ends, 1);
	assert_true(mac2_is_good(&ends, 1));
	/* one that goes backwards: neither the secret nor the cookie counts as young */
	reach_cookie(&ends, START);
	add_macs(&ends, START);
	assert_false(mac2_is_good(&ends, START - 1));
	add_macs(&ends, START - 1);
	assert_true(wipe_is_zero(mac2_of(&ends), COOKIE_MAC_SIZE));
	make(&ends, START - 1);
	assert_int_equal(ends.checker.secret_born, START - 1);
	/* one at its end */
	reach_cookie(&ends, UINT64_MAX);
	add_macs(&ends, UINT64_MAX);
	assert_true(mac2_is_good(&ends, UINT64_MAX));
	assert_false(mac2_is_good(&ends, 0));
}

int main(void) {
#define TEST(name) cmocka_unit_test_teardown(name, free_checkers)
	const struct CMUnitTest tests[] = {
		TEST(known_answers),
		TEST(labels_have_their_size),
		TEST(mac1_covers_every_byte),
		TEST(mac1_of_another_receiver),
		TEST(messages_too_short),
		TEST(round_trip),
		TEST(other_address_or_port),
		TEST(secret_rotates),
		TEST(nonces_differ),
		TEST(old_cookie_is_not_used),
		TEST(forged_reply_changes_nothing),
		TEST(reply_to_an_older_message),
		TEST(reply_to_nothing),
		TEST(reply_is_taken_once),
		TEST(clock_edges),
		TEST(keys_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
