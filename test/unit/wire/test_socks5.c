#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "wire/socks5.h"

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

/* A decoder of some message, which writes it again with its encoder. */
typedef enum err (*turner)(const uint8_t *data, size_t size, uint8_t *out_data, size_t room,
						   size_t *out_size, size_t *out_used);

static enum err turn_greeting(const uint8_t *data, size_t size, uint8_t *out_data, size_t room,
							  size_t *out_size, size_t *out_used) {
	struct socks5_greeting message;
	enum err error = socks5_greeting_decode(data, size, &message, out_used);
	return error ? error : socks5_greeting_encode(&message, out_data, room, out_size);
}

static enum err turn_method(const uint8_t *data, size_t size, uint8_t *out_data, size_t room,
							size_t *out_size, size_t *out_used) {
	uint8_t method;
	enum err error = socks5_method_decode(data, size, &method, out_used);
	return error ? error
				 : socks5_method_encode((enum socks5_method)method, out_data, room, out_size);
}

static enum err turn_password(const uint8_t *data, size_t size, uint8_t *out_data, size_t room,
							  size_t *out_size, size_t *out_used) {
	struct socks5_password message;
	enum err error = socks5_password_decode(data, size, &message, out_used);
	return error ? error : socks5_password_encode(&message, out_data, room, out_size);
}

static enum err turn_password_reply(const uint8_t *data, size_t size, uint8_t *out_data,
									size_t room, size_t *out_size, size_t *out_used) {
	bool accepted;
	enum err error = socks5_password_reply_decode(data, size, &accepted, out_used);
	return error ? error : socks5_password_reply_encode(accepted, out_data, room, out_size);
}

static enum err turn_request(const uint8_t *data, size_t size, uint8_t *out_data, size_t room,
							 size_t *out_size, size_t *out_used) {
	struct socks5_request message;
	enum err error = socks5_request_decode(data, size, &message, out_used);
	return error ? error : socks5_request_encode(&message, out_data, room, out_size);
}

static enum err turn_answer(const uint8_t *data, size_t size, uint8_t *out_data, size_t room,
							size_t *out_size, size_t *out_used) {
	struct socks5_answer message;
	enum err error = socks5_answer_decode(data, size, &message, out_used);
	return error ? error : socks5_answer_encode(&message, out_data, room, out_size);
}

/* The example is decoded whole, from no less of it, and written as it was, in no less room. */
static void expect(turner turn, const uint8_t *data, size_t size) {
	uint8_t more[300], again[300];
	size_t used = 4711, written = 4711;
	memcpy(more, data, size);
	memset(more + size, 5, sizeof more - size);
	for (size_t i = 0; i < size; i++) {
		uint8_t *cut = malloc(i + 1);
		assert_non_null(cut);
		memcpy(cut, data, i);
		assert_int_equal(turn(cut, i, again, sizeof again, &written, &used), ERR_TRUNCATED);
		free(cut);
	}
	for (size_t room = 0; room < size; room++)
		assert_int_equal(turn(data, size, again, room, &written, &used), ERR_LIMIT);
	assert_int_equal(written, 4711);
	assert_int_equal(turn(more, sizeof more, again, sizeof again, &written, &used), ERR_OK);
	assert_int_equal(used, size);
	assert_int_equal(written, size);
	assert_memory_equal(again, data, size);
}

static void messages(void **state) {
	expect(turn_greeting, BYTES(5, 0));
	expect(turn_greeting, BYTES(5, 3, 0, 1, 2));
	expect(turn_method, BYTES(5, 2));
	expect(turn_method, BYTES(5, 255));
	expect(turn_password, BYTES(1, 0, 0));
	expect(turn_password, BYTES(1, 2, 'm', 'e', 3, 'k', 'e', 'y'));
	expect(turn_password_reply, BYTES(1, 0));
	expect(turn_password_reply, BYTES(1, 1));
	expect(turn_request, BYTES(5, 1, 0, 1, 192, 0, 2, 1, 1, 187));
	expect(turn_request,
		   BYTES(5, 3, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 53));
	expect(turn_request, BYTES(5, 77, 0, 3, 4, 'a', '.', 'd', 'e', 0, 0));
	expect(turn_answer, BYTES(5, 0, 0, 1, 127, 0, 0, 1, 0, 80));
	expect(turn_answer, BYTES(5, 8, 0, 3, 1, 'x', 0, 80));
}

static void requests(void **state) {
	struct socks5_request request;
	struct socks5_greeting greeting;
	size_t used;
	assert_int_equal(socks5_greeting_decode(BYTES(5, 2, 0, 2), &greeting, &used), ERR_OK);
	assert_true(socks5_greeting_offers(&greeting, SOCKS5_METHOD_NONE));
	assert_true(socks5_greeting_offers(&greeting, SOCKS5_METHOD_PASSWORD));
	assert_false(socks5_greeting_offers(&greeting, SOCKS5_METHOD_UNACCEPTABLE));
	assert_int_equal(
		socks5_request_decode(BYTES(5, 1, 0, 3, 4, 'a', '.', 'd', 'e', 1, 187), &request, &used),
		ERR_OK);
	assert_int_equal(request.command, SOCKS5_CONNECT);
	assert_int_equal(request.target.type, TARGET_NAME);
	assert_string_equal(request.target.name, "a.de");
	assert_int_equal(request.target.port, 443);
	assert_false(request.target.udp);
	/* The text of an address is that address: policies are about those. */
	assert_int_equal(
		socks5_request_decode(BYTES(5, 3, 0, 3, 7, '1', '.', '2', '.', '3', '.', '4', 0, 53),
							  &request, &used),
		ERR_OK);
	assert_int_equal(request.target.type, TARGET_V4);
	assert_int_equal(request.target.address.bytes[3], 4);
	assert_true(request.target.udp);
}

static void refused(void **state) {
	static const struct {
		turner turn;
		uint8_t data[16];
		uint8_t size;
		enum err error;
	} rows[] = {
		{turn_greeting, {4}, 1, ERR_MALFORMED},
		{turn_method, {4}, 1, ERR_MALFORMED},
		{turn_password, {5}, 1, ERR_MALFORMED},
		{turn_password_reply, {0}, 1, ERR_MALFORMED},
		{turn_request, {5, 1, 1}, 3, ERR_MALFORMED},
		{turn_request, {5, 1, 0, 0}, 4, ERR_UNSUPPORTED},
		{turn_request, {5, 1, 0, 2}, 4, ERR_UNSUPPORTED},
		{turn_request, {5, 1, 0, 0x81}, 4, ERR_UNSUPPORTED},
		/* Whole, but no names. */
		{turn_request, {5, 1, 0, 3, 0, 0, 80}, 7, ERR_INVALID},
		{turn_request, {5, 1, 0, 3, 1, '/', 0, 80}, 8, ERR_INVALID},
		{turn_request, {5, 1, 0, 3, 3, 'a', 0, 'b', 0, 80}, 10, ERR_INVALID},
		{turn_request, {5, 1, 0, 3, 3, 'a', 0, 'b', 0}, 9, ERR_TRUNCATED},
		{turn_answer, {5, 0, 0, 3, 2, '.', '.', 0, 80}, 9, ERR_INVALID},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t again[16];
		size_t written = 0, used = 0;
		assert_int_equal(
			rows[i].turn(rows[i].data, rows[i].size, again, sizeof again, &written, &used),
			rows[i].error);
		if (rows[i].error == ERR_INVALID)
			assert_int_equal(used, rows[i].size);
	}
	const struct socks5_answer packets = {.bound = {.type = TARGET_PACKETS}};
	const struct socks5_answer empty = {.bound = {.type = TARGET_V6}};
	const struct socks5_password large = {{(const uint8_t *)"", 256}, {NULL, 0}};
	uint8_t room[600];
	size_t size = 4711;
	assert_int_equal(socks5_answer_encode(&packets, room, sizeof room, &size), ERR_INVALID);
	assert_int_equal(socks5_answer_encode(&empty, room, sizeof room, &size), ERR_INVALID);
	assert_int_equal(socks5_password_encode(&large, room, sizeof room, &size), ERR_INVALID);
	assert_int_equal(size, 4711);
}

static void datagrams(void **state) {
	static const uint8_t data[] = {0, 0, 0, 3, 4, 'a', '.', 'd', 'e', 0, 53, 'h', 'i'};
	uint8_t again[SOCKS5_UDP_HEADER_MAX], bad[sizeof data];
	struct target target;
	struct slice payload;
	size_t size;
	for (size_t i = 0; i < sizeof data - 2; i++)
		assert_int_equal(socks5_udp_decode(data, i, &target, &payload), ERR_TRUNCATED);
	assert_int_equal(socks5_udp_decode(data, sizeof data - 2, &target, &payload), ERR_OK);
	assert_int_equal(payload.size, 0);
	assert_int_equal(socks5_udp_decode(data, sizeof data, &target, &payload), ERR_OK);
	assert_int_equal(payload.size, 2);
	assert_memory_equal(payload.data, "hi", 2);
	assert_string_equal(target.name, "a.de");
	assert_true(target.udp);
	assert_int_equal(socks5_udp_encode(&target, again, sizeof again, &size), ERR_OK);
	assert_int_equal(size, sizeof data - 2);
	assert_memory_equal(again, data, size);
	assert_int_equal(socks5_udp_encode(&target, again, size - 1, &size), ERR_LIMIT);
	static const struct {
		size_t at;
		uint8_t value;
		enum err error;
	} rows[] = {
		{0, 1, ERR_MALFORMED},      {1, 1, ERR_MALFORMED},   {2, 1, ERR_UNSUPPORTED},
		{2, 0x80, ERR_UNSUPPORTED}, {3, 9, ERR_UNSUPPORTED}, {5, ' ', ERR_INVALID},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		memcpy(bad, data, sizeof bad);
		bad[rows[i].at] = rows[i].value;
		assert_int_equal(socks5_udp_decode(bad, sizeof bad, &target, &payload), rows[i].error);
	}
	/* The largest there is. */
	memset(target.name, 'a', TARGET_NAME_MAX);
	for (size_t i = 50; i < TARGET_NAME_MAX; i += 50)
		target.name[i] = '.';
	assert_int_equal(socks5_udp_encode(&target, again, sizeof again, &size), ERR_OK);
	assert_int_equal(size, SOCKS5_UDP_HEADER_MAX);
	assert_int_equal(socks5_udp_decode(again, size, &target, &payload), ERR_OK);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(requests),
		cmocka_unit_test(refused),
		cmocka_unit_test(datagrams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
