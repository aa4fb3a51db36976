#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "wire/phaze_hello.h"

static struct phaze_client_hello make_client(bool cookie, bool ticket) {
	struct phaze_client_hello hello = {
		.session_id = 0xa1b2c3d4,
		.aes = true,
		.cipher_count = 3,
		.ciphers = {9, 1, 2},
		.has_cookie = cookie,
		.has_ticket = ticket,
	};
	memset(hello.random, 0x11, sizeof hello.random);
	memset(hello.key, 0x22, sizeof hello.key);
	if (cookie)
		memset(hello.cookie, 0x33, sizeof hello.cookie);
	if (ticket) {
		memset(hello.ticket_id, 0x44, sizeof hello.ticket_id);
		memset(hello.binder, 0x55, sizeof hello.binder);
	}
	return hello;
}

static enum err decode_client(const uint8_t *data, size_t size, struct phaze_client_hello *hello) {
	uint8_t *copy = malloc(size > 0 ? size : 1);
	assert_non_null(copy);
	memcpy(copy, data, size);
	enum err error = phaze_hello_decode_client(copy, size, hello);
	free(copy);
	return error;
}

static void client_hellos_go_there_and_back(void **state) {
	for (unsigned i = 0; i < 4; i++) {
		const struct phaze_client_hello hello = make_client(i & 1, i & 2);
		struct phaze_client_hello again;
		uint8_t data[PHAZE_CLIENT_HELLO_SIZE];
		assert_int_equal(phaze_hello_encode_client(&hello, data), ERR_OK);
		assert_int_equal(decode_client(data, sizeof data, &again), ERR_OK);
		assert_memory_equal(&hello, &again, sizeof hello);
		assert_int_equal(phaze_hello_classify(data, sizeof data), PHAZE_CLIENT_HELLO);
		/* Where things stand. */
		assert_memory_equal(data + 16, "\1\4\x9b\0\0\xa1\xb2\xc3\xd4\x11", 10);
		assert_memory_equal(data + 89, i & 2 ? "\3\3\x9\1\2" : "\1\3\x9\1\2", 5);
		assert_int_equal(data[94], i & 1 ? 32 : 0);
		assert_int_equal(data[1199], i & 2 ? 0x55 : 0);
		for (size_t size = 0; size < sizeof data; size++)
			assert_int_not_equal(decode_client(data, size, &again), ERR_OK);
	}
}

static void most_ciphers_fit(void **state) {
	struct phaze_client_hello hello = make_client(true, true), again;
	uint8_t data[PHAZE_CLIENT_HELLO_SIZE];
	hello.cipher_count = PHAZE_CIPHERS_MAX;
	memset(hello.ciphers, 7, sizeof hello.ciphers);
	assert_int_equal(phaze_hello_encode_client(&hello, data), ERR_OK);
	assert_int_equal(decode_client(data, sizeof data, &again), ERR_OK);
	assert_memory_equal(&hello, &again, sizeof hello);
	hello.cipher_count = PHAZE_CIPHERS_MAX + 1;
	assert_int_equal(phaze_hello_encode_client(&hello, data), ERR_INVALID);
	hello.cipher_count = 0;
	assert_int_equal(phaze_hello_encode_client(&hello, data), ERR_INVALID);
}

/* One byte of a good ClientHello with cookie and ticket is another. */
static void every_rule_of_a_client_hello_holds(void **state) {
	static const struct {
		size_t at;
		uint8_t value;
		enum err error;
	} rows[] = {
		{10, 1, ERR_MALFORMED},     /* a receiver */
		{9, 1, ERR_MALFORMED},      /* sealed, it would be */
		{16, 2, ERR_MALFORMED},     /* a Retry */
		{18, 0, ERR_MALFORMED},     /* another length */
		{20, 1, ERR_MALFORMED},     /* an offset */
		{89, 3 | 8, ERR_MALFORMED}, /* unknown flags */
		{89, 3 | 128, ERR_MALFORMED},
		{89, 4, ERR_UNSUPPORTED}, /* post-quantum */
		{89, 7, ERR_UNSUPPORTED},
		{89, 1, ERR_MALFORMED}, /* no ticket: then its bytes are no zeros */
		{90, 0, ERR_MALFORMED}, /* no cipher */
		{94, 31, ERR_MALFORMED},
		{94, 0, ERR_MALFORMED},  /* no cookie: a ticket of its bytes, and no zeros */
		{143, 1, ERR_MALFORMED}, /* the first and the last of the zeros */
		{1167, 1, ERR_MALFORMED},
		{142, 0, ERR_OK}, /* the ticket's last byte, the binder's first */
		{1168, 0, ERR_OK},
	};
	const struct phaze_client_hello hello = make_client(true, true);
	uint8_t data[PHAZE_CLIENT_HELLO_SIZE];
	struct phaze_client_hello again;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(phaze_hello_encode_client(&hello, data), ERR_OK);
		assert_int_not_equal(data[rows[i].at], rows[i].value);
		data[rows[i].at] = rows[i].value;
		assert_int_equal(decode_client(data, sizeof data, &again), rows[i].error);
	}
	assert_int_equal(phaze_hello_encode_client(&hello, data), ERR_OK);
	memset(data + 21, 0, 4); /* no session id */
	assert_int_equal(decode_client(data, sizeof data, &again), ERR_MALFORMED);
}

static void retries_go_there_and_back(void **state) {
	struct phaze_retry retry = {.receiver = 7}, again;
	uint8_t data[PHAZE_RETRY_SIZE + 6] = {0};
	memset(retry.random, 0x11, sizeof retry.random);
	memset(retry.cookie, 0x22, sizeof retry.cookie);
	phaze_hello_encode_retry(&retry, data);
	assert_memory_equal(data + 10, "\0\0\0\7\0\x45\2\0\x40\0\0\x11", 12);
	assert_int_equal(phaze_hello_decode_retry(data, PHAZE_RETRY_SIZE, &again), ERR_OK);
	assert_memory_equal(&retry, &again, sizeof retry);
	assert_int_equal(phaze_hello_classify(data, PHAZE_RETRY_SIZE), PHAZE_RETRY);
	for (size_t size = 0; size <= sizeof data; size++)
		assert_true(size == PHAZE_RETRY_SIZE ||
					phaze_hello_decode_retry(data, size, &again) != ERR_OK);
	data[13] = 0; /* to nobody */
	assert_int_equal(phaze_hello_decode_retry(data, PHAZE_RETRY_SIZE, &again), ERR_MALFORMED);
}

static void server_hellos_go_there_and_back(void **state) {
	struct phaze_server_hello hello = {.receiver = 7, .session_id = 8, .cipher = 2}, again;
	uint8_t data[PHAZE_SERVER_HELLO_SIZE];
	memset(hello.random, 0x11, sizeof hello.random);
	memset(hello.key, 0x22, sizeof hello.key);
	for (unsigned i = 0; i < 2; i++) {
		hello.ticket_accepted = i;
		memset(&again, 0, sizeof again);
		phaze_hello_encode_server(&hello, data);
		assert_memory_equal(data + 10, "\0\0\0\7\0\x4b\3\0\x46\0\0\0\0\0\x8\x11", 16);
		assert_memory_equal(data + 89, i ? "\2\1" : "\2\0", 2);
		assert_int_equal(phaze_hello_decode_server(data, sizeof data, &again), ERR_OK);
		assert_memory_equal(&hello, &again, sizeof hello);
		assert_int_equal(phaze_hello_classify(data, sizeof data), PHAZE_SERVER_HELLO);
	}
	for (unsigned bit = 1; bit < 8; bit++) { /* unknown flags */
		data[90] = (uint8_t)(1 << bit);
		assert_int_equal(phaze_hello_decode_server(data, sizeof data, &again), ERR_MALFORMED);
	}
	data[90] = 0;
	data[24] = 0; /* no session id */
	assert_int_equal(phaze_hello_decode_server(data, sizeof data, &again), ERR_MALFORMED);
}

/* Each decoder takes its own message alone, also of another's size. */
static void messages_are_not_taken_for_others(void **state) {
	const struct phaze_client_hello client = make_client(false, false);
	const struct phaze_server_hello server = {.receiver = 1, .session_id = 2, .cipher = 1};
	const struct phaze_retry retry = {.receiver = 1};
	uint8_t data[3][PHAZE_CLIENT_HELLO_SIZE];
	static const size_t sizes[] = {PHAZE_CLIENT_HELLO_SIZE, PHAZE_RETRY_SIZE,
								   PHAZE_SERVER_HELLO_SIZE};
	assert_int_equal(phaze_hello_encode_client(&client, data[0]), ERR_OK);
	phaze_hello_encode_retry(&retry, data[1]);
	phaze_hello_encode_server(&server, data[2]);
	for (size_t i = 0; i < 3; i++) {
		struct phaze_client_hello client_again;
		struct phaze_retry retry_again;
		struct phaze_server_hello server_again;
		assert_int_equal(phaze_hello_decode_client(data[i], sizes[i], &client_again) == ERR_OK,
						 i == 0);
		assert_int_equal(phaze_hello_decode_retry(data[i], sizes[i], &retry_again) == ERR_OK,
						 i == 1);
		assert_int_equal(phaze_hello_decode_server(data[i], sizes[i], &server_again) == ERR_OK,
						 i == 2);
		data[i][16] = (uint8_t)(1 + (i + 1) % 3); /* its size, another's type */
		assert_int_equal(phaze_hello_classify(data[i], sizes[i]) != 0, i == 1);
	}
}

/* Transcripts leave the offset out, and the header. */
static void parts_are_type_length_and_body(void **state) {
	const struct phaze_server_hello hello = {.receiver = 1, .session_id = 2, .cipher = 1};
	uint8_t data[PHAZE_SERVER_HELLO_SIZE];
	struct slice parts[2];
	phaze_hello_encode_server(&hello, data);
	phaze_hello_parts(data, sizeof data, parts);
	assert_int_equal(parts[0].size, 3);
	assert_memory_equal(parts[0].data, "\3\0\x46", 3);
	assert_int_equal(parts[1].size, 70);
	assert_memory_equal(parts[1].data, "\0\0\0\2", 4);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_hellos_go_there_and_back),
		cmocka_unit_test(most_ciphers_fit),
		cmocka_unit_test(every_rule_of_a_client_hello_holds),
		cmocka_unit_test(retries_go_there_and_back),
		cmocka_unit_test(server_hellos_go_there_and_back),
		cmocka_unit_test(messages_are_not_taken_for_others),
		cmocka_unit_test(parts_are_type_length_and_body),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
