#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/text.h"
#include "bench/arrivals/arrival.h"
#include "crypto/csprng.h"
#include "handshake/mighty.h"
#include "wire/keepalive.h"

enum { NUMBER = 7, SERVER_ID = 0x1234 };

#define NOW (5 * CLOCK_SECOND)
#define WALL (UINT64_C(1700000000) * CLOCK_SECOND)

/* A client, and the server's end of its handshake. */
struct ends {
	const struct arrival_ops *ops;
	void *client;
	struct mighty_psk psk;
	struct mighty_keys keys;
	struct mighty_confirmation confirmation;
};

static int set_up(void **state) {
	struct ends *ends = calloc(1, sizeof *ends);
	char line[ARRIVAL_LINE_SIZE];
	uint8_t secret[MIGHTY_PSK_SIZE];
	assert_non_null(ends);
	ends->ops = arrival_find("mighty");
	assert_non_null(ends->ops);
	ends->client = calloc(1, ends->ops->size);
	assert_non_null(ends->client);
	assert_int_equal(ends->ops->describe(NUMBER, line), ERR_OK);
	assert_int_equal(text_key_decode(line, strlen(line), secret), ERR_OK);
	assert_int_equal(mighty_psk_init(&ends->psk, secret), ERR_OK);
	assert_int_equal(ends->ops->init(ends->client, NUMBER, NULL), ERR_OK);
	*state = ends;
	return 0;
}

static int tear_down(void **state) {
	struct ends *ends = *state;
	ends->ops->done(ends->client);
	free(ends->client);
	free(ends);
	return 0;
}

static struct mighty_client_hello hello_of(struct ends *ends) {
	struct mighty_client_hello hello;
	struct slice sent;
	assert_true(ends->ops->send(ends->client, &sent));
	assert_int_equal(mighty_decode_client_hello(sent.data, sent.size, &hello), ERR_OK);
	assert_int_equal(mighty_accept(&ends->psk, &hello), ERR_OK);
	assert_false(ends->ops->send(ends->client, &sent));
	return hello;
}

static struct mighty_client_hello begin(struct ends *ends) {
	assert_int_equal(ends->ops->begin(ends->client, ends->ops->ways[0], NOW, WALL), ERR_OK);
	assert_int_equal(ends->ops->state(ends->client), ARRIVAL_UNDER_WAY);
	struct mighty_client_hello hello = hello_of(ends);
	/* Later than the one before, even within a millisecond. */
	assert_true(hello.time >= WALL / CLOCK_MILLISECOND);
	return hello;
}

static void answer(struct ends *ends, const struct mighty_client_hello *hello) {
	static const uint8_t ciphers[] = {MIGHTY_CHACHA20_POLY1305};
	static const struct parameters parameters;
	const struct mighty_offer offer = {SERVER_ID, ciphers, 1, &parameters};
	uint8_t datagram[MIGHTY_SERVER_HELLO_SIZE_MAX];
	size_t size;
	assert_int_equal(mighty_respond(&ends->psk, hello, &csprng, &offer, datagram, &size,
									&ends->keys, &ends->confirmation),
					 ERR_OK);
	ends->ops->receive(ends->client, datagram, size, NOW);
}

static void expect_confirmation(struct ends *ends, uint32_t sequence) {
	struct mighty_header header;
	struct slice sent;
	assert_true(ends->ops->send(ends->client, &sent));
	assert_int_equal(mighty_finalize_check(&ends->confirmation, sent.data, sent.size), ERR_OK);
	assert_true(ends->ops->send(ends->client, &sent));
	assert_int_equal(mighty_decode_header(sent.data, sent.size, &header), ERR_OK);
	assert_int_equal(header.type, MIGHTY_KEEPALIVE);
	assert_int_equal(header.session_id, SERVER_ID);
	assert_int_equal(header.sequence, sequence);
	assert_false(ends->ops->send(ends->client, &sent));
}

/* The server's keepalive; sealed with another key where the session is not this one. */
static void keep_alive(struct ends *ends, bool ours) {
	const struct mighty_header header = {MIGHTY_KEEPALIVE, ends->keys.remote_id, 1,
										 MIGHTY_SEALED_OVERHEAD + KEEPALIVE_SIZE};
	static const uint8_t nonce[AEAD_NONCE_SIZE], plain[KEEPALIVE_SIZE];
	uint8_t datagram[MIGHTY_DATA_OVERHEAD + sizeof plain];
	mighty_encode_sealed(&header, nonce, datagram);
	assert_int_equal(aead_seal_with(ends->keys.algorithm,
									ours ? ends->keys.send : ends->keys.receive, nonce,
									slice_of(datagram, MIGHTY_HEADER_SIZE), plain, sizeof plain,
									datagram + MIGHTY_DATA_FRONT),
					 ERR_OK);
	ends->ops->receive(ends->client, datagram, sizeof datagram, NOW);
}

static void test_arrives_and_comes_again(void **state) {
	struct ends *ends = *state;
	for (int i = 0; i < 2; i++) {
		struct mighty_client_hello hello = begin(ends);
		answer(ends, &hello);
		expect_confirmation(ends, 1);
		assert_int_equal(ends->ops->state(ends->client), ARRIVAL_UNDER_WAY);
		keep_alive(ends, false);
		assert_int_equal(ends->ops->state(ends->client), ARRIVAL_UNDER_WAY);
		keep_alive(ends, true);
		assert_int_equal(ends->ops->state(ends->client), ARRIVAL_THERE);
		assert_true(ends->ops->deadline(ends->client) == CLOCK_NEVER);
	}
}

static void test_follows_a_cookie(void **state) {
	struct ends *ends = *state;
	static const uint8_t cookie[MIGHTY_COOKIE_SIZE] = {1, 2, 3};
	uint8_t datagram[MIGHTY_COOKIE_ANSWER_SIZE];
	struct mighty_client_hello hello = begin(ends);
	assert_int_equal(mighty_answer_cookie(&ends->psk, &hello, cookie, datagram), ERR_OK);
	ends->ops->receive(ends->client, datagram, sizeof datagram, NOW);
	hello = hello_of(ends);
	assert_true(hello.has_cookie);
	answer(ends, &hello);
	expect_confirmation(ends, 1);
}

static void test_repeats_what_is_not_answered(void **state) {
	struct ends *ends = *state;
	(void)begin(ends);
	uint64_t due = ends->ops->deadline(ends->client);
	assert_true(due > NOW && due <= NOW + 2 * CLOCK_SECOND);
	ends->ops->expire(ends->client, due, WALL + due - NOW);
	struct mighty_client_hello hello = hello_of(ends);
	answer(ends, &hello);
	expect_confirmation(ends, 1);
	due = ends->ops->deadline(ends->client);
	assert_true(due > NOW && due <= NOW + CLOCK_SECOND);
	ends->ops->expire(ends->client, due, WALL);
	expect_confirmation(ends, 2);
}

static void test_unknown_ways(void **state) {
	struct ends *ends = *state;
	assert_int_equal(ends->ops->begin(ends->client, "ticket", NOW, WALL), ERR_INVALID);
	assert_null(arrival_find("wireguard"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_arrives_and_comes_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_follows_a_cookie, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_repeats_what_is_not_answered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unknown_ways, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
