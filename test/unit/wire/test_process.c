#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/log.h"
#include "wire/process.h"

enum { REQUEST = 0x1234 };

/* One message of each type, and the bytes it must be. */
static const struct {
	struct process_message message;
	size_t size;
	uint8_t data[40];
} rows[] = {
	{
		{.type = PROCESS_START,
		 .request = REQUEST,
		 .start = {"wg0", 1420, 2, LOG_DEBUG, true, PROCESS_OFFLOAD_HEADER | PROCESS_OFFLOAD_UDP}},
		28,
		{1, 0, 0x12, 0x34, 'w', 'g', '0', 0, 0, 0,    0, 0,         0, 0,
		 0, 0, 0,    0,    0,   0,   0,   0, 5, 0x8c, 2, LOG_DEBUG, 1, 5},
	},
	{
		{.type = PROCESS_LINK, .request = REQUEST, .link = {65535, true}},
		9,
		{1, 1, 0x12, 0x34, 0, 0, 0xff, 0xff, 1},
	},
	{{.type = PROCESS_CONNECTION, .request = REQUEST}, 4, {1, 2, 0x12, 0x34}},
	{
		{.type = PROCESS_LISTENING, .request = REQUEST, .listening = {0, 51820, 2, 2}},
		12,
		{1, 3, 0x12, 0x34, 0, 0, 0, 0, 0xca, 0x6c, 2, 2},
	},
	{
		{.type = PROCESS_MARKED, .request = REQUEST, .marked = {4095}},
		8,
		{1, 4, 0x12, 0x34, 0, 0, 0x0f, 0xff},
	},
	{{.type = PROCESS_STOP, .request = REQUEST}, 4, {1, 5, 0x12, 0x34}},
	{{.type = PROCESS_READY, .request = REQUEST}, 4, {1, 6, 0x12, 0x34}},
	{
		{.type = PROCESS_LISTEN, .request = REQUEST, .listen = {51820, 0x01020304, 16}},
		11,
		{1, 7, 0x12, 0x34, 0xca, 0x6c, 1, 2, 3, 4, 16},
	},
	{
		{.type = PROCESS_MARK, .request = REQUEST, .mark = {0xfffefdfc}},
		8,
		{1, 8, 0x12, 0x34, 0xff, 0xfe, 0xfd, 0xfc},
	},
	{{.type = PROCESS_JOURNAL, .request = REQUEST}, 4, {1, 9, 0x12, 0x34}},
	{{.type = PROCESS_UNLISTEN, .request = REQUEST}, 4, {1, 10, 0x12, 0x34}},
};
enum { ROWS = sizeof rows / sizeof rows[0] };
_Static_assert(ROWS == (int)PROCESS_TYPE_COUNT, "one row a type");

static void test_known_bytes(void **state) {
	for (size_t i = 0; i < ROWS; i++) {
		uint8_t data[PROCESS_MESSAGE_MAX];
		size_t size = 0;
		struct process_message message;
		assert_int_equal(rows[i].message.type, i);
		assert_int_equal(process_encode(&rows[i].message, data, &size), ERR_OK);
		assert_int_equal(size, rows[i].size);
		assert_memory_equal(data, rows[i].data, size);
		assert_int_equal(process_decode(data, size, &message), ERR_OK);
		assert_int_equal(message.type, i);
		assert_int_equal(message.request, REQUEST);
		uint8_t again[PROCESS_MESSAGE_MAX];
		assert_int_equal(process_encode(&message, again, &size), ERR_OK);
		assert_memory_equal(again, data, size);
	}
}

static void test_decoded_fields(void **state) {
	struct process_message message;
	assert_int_equal(process_decode(rows[PROCESS_START].data, 28, &message), ERR_OK);
	assert_string_equal(message.start.name, "wg0");
	assert_int_equal(message.start.mtu, 1420);
	assert_int_equal(message.start.shards, 2);
	assert_int_equal(message.start.log_level, LOG_DEBUG);
	assert_true(message.start.up);
	assert_int_equal(message.start.offloads, 5);
	assert_int_equal(process_decode(rows[PROCESS_LINK].data, 9, &message), ERR_OK);
	assert_int_equal(message.link.mtu, 65535);
	assert_true(message.link.up);
	assert_int_equal(process_decode(rows[PROCESS_LISTEN].data, 11, &message), ERR_OK);
	assert_int_equal(message.listen.port, 51820);
	assert_int_equal(message.listen.mark, 0x01020304);
	assert_int_equal(message.listen.shards, 16);
	assert_int_equal(process_decode(rows[PROCESS_LISTENING].data, 12, &message), ERR_OK);
	assert_int_equal(message.listening.error, 0);
	assert_int_equal(message.listening.port, 51820);
	assert_int_equal(message.listening.v4, 2);
	assert_int_equal(message.listening.v6, 2);
	assert_int_equal(process_decode(rows[PROCESS_MARK].data, 8, &message), ERR_OK);
	assert_int_equal(message.mark.mark, 0xfffefdfc);
	assert_int_equal(process_decode(rows[PROCESS_MARKED].data, 8, &message), ERR_OK);
	assert_int_equal(message.marked.error, 4095);
}

static void test_every_other_size(void **state) {
	for (size_t i = 0; i < ROWS; i++) {
		uint8_t data[PROCESS_MESSAGE_MAX] = {0};
		struct process_message message, before;
		memset(&message, 0xee, sizeof message);
		memcpy(&before, &message, sizeof message);
		memcpy(data, rows[i].data, rows[i].size);
		for (size_t size = 0; size <= sizeof data; size++) {
			if (size == rows[i].size)
				continue;
			assert_int_equal(process_decode(data, size, &message),
							 size < rows[i].size ? ERR_TRUNCATED : ERR_TRAILING);
			assert_memory_equal(&message, &before, sizeof message);
		}
	}
}

static void test_versions_and_types(void **state) {
	struct process_message message;
	for (unsigned version = 0; version < 256; version++) {
		const uint8_t data[] = {(uint8_t)version, PROCESS_STOP, 0, 0};
		assert_int_equal(process_decode(data, sizeof data, &message),
						 version == 1 ? ERR_OK : ERR_UNSUPPORTED);
	}
	for (unsigned type = PROCESS_TYPE_COUNT; type < 256; type++) {
		const uint8_t data[] = {1, (uint8_t)type, 0, 0};
		assert_int_equal(process_decode(data, sizeof data, &message), ERR_MALFORMED);
	}
}

/* One byte of a good message changed to each value; how many of the values are good. */
static unsigned count_good(enum process_type type, size_t offset) {
	unsigned good = 0;
	for (unsigned value = 0; value < 256; value++) {
		uint8_t data[40];
		struct process_message message;
		memcpy(data, rows[type].data, sizeof data);
		data[offset] = (uint8_t)value;
		enum err error = process_decode(data, rows[type].size, &message);
		assert_true(error == ERR_OK || error == ERR_MALFORMED);
		good += error == ERR_OK;
	}
	return good;
}

static void test_bounds_of_bytes(void **state) {
	assert_int_equal(count_good(PROCESS_START, 4), 255); /* the name's first: not NUL */
	assert_int_equal(count_good(PROCESS_START, 6), 256); /* its last: shorter is fine */
	assert_int_equal(count_good(PROCESS_START, 5), 255); /* NUL: a letter behind it */
	assert_int_equal(count_good(PROCESS_START, 9), 1);   /* behind its end */
	assert_int_equal(count_good(PROCESS_START, 19), 1);  /* its last place */
	assert_int_equal(count_good(PROCESS_START, 20), 1);  /* MTU ≥ 2^24 */
	assert_int_equal(count_good(PROCESS_START, 24), 16); /* shards */
	assert_int_equal(count_good(PROCESS_START, 25), LOG_DEBUG + 1);
	assert_int_equal(count_good(PROCESS_START, 26), 2); /* up */
	assert_int_equal(count_good(PROCESS_START, 27), 8); /* offloads */
	assert_int_equal(count_good(PROCESS_LINK, 8), 2);
	assert_int_equal(count_good(PROCESS_LINK, 5), 1);
	assert_int_equal(count_good(PROCESS_LISTEN, 10), 16);
	assert_int_equal(count_good(PROCESS_LISTENING, 10), 2); /* as many as v6, or none */
	assert_int_equal(count_good(PROCESS_LISTENING, 11), 2);
	assert_int_equal(count_good(PROCESS_LISTENING, 7), 1); /* an error with sockets */
	assert_int_equal(count_good(PROCESS_MARKED, 6), 16);   /* errno ≤ 4095 */
}

static void test_mtu(void **state) {
	static const struct {
		uint32_t mtu;
		bool good;
	} mtus[] = {{0, false}, {67, false}, {68, true}, {65535, true}, {65536, false}};
	for (size_t i = 0; i < sizeof mtus / sizeof mtus[0]; i++) {
		struct process_message message = {.type = PROCESS_LINK, .link = {mtus[i].mtu, false}};
		uint8_t data[PROCESS_MESSAGE_MAX];
		size_t size;
		assert_int_equal(process_encode(&message, data, &size),
						 mtus[i].good ? ERR_OK : ERR_INVALID);
	}
}

static void test_listening(void **state) {
	static const struct {
		uint32_t error;
		uint8_t v4, v6;
		bool good;
	} cases[] = {
		{0, 1, 1, true},  {0, 16, 16, true}, {0, 4, 0, true},   {0, 0, 4, true},
		{0, 0, 0, false}, {0, 2, 3, false},  {0, 17, 0, false}, {0, 17, 17, false},
		{98, 0, 0, true}, {98, 1, 0, false}, {98, 0, 1, false}, {4096, 0, 0, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct process_message message = {
			.type = PROCESS_LISTENING,
			.listening = {cases[i].error, 1, cases[i].v4, cases[i].v6},
		};
		uint8_t data[PROCESS_MESSAGE_MAX];
		size_t size;
		assert_int_equal(process_encode(&message, data, &size),
						 cases[i].good ? ERR_OK : ERR_INVALID);
	}
}

static void test_encoder_refuses(void **state) {
	uint8_t data[PROCESS_MESSAGE_MAX] = {0xee};
	size_t size = 4711;
	struct process_message message = rows[PROCESS_START].message;
	memset(message.start.name, 'x', sizeof message.start.name); /* no NUL */
	assert_int_equal(process_encode(&message, data, &size), ERR_INVALID);
	message = rows[PROCESS_START].message;
	message.start.name[0] = '\0';
	assert_int_equal(process_encode(&message, data, &size), ERR_INVALID);
	message = rows[PROCESS_LISTEN].message;
	message.listen.shards = 0;
	assert_int_equal(process_encode(&message, data, &size), ERR_INVALID);
	message = (struct process_message){.type = PROCESS_TYPE_COUNT};
	assert_int_equal(process_encode(&message, data, &size), ERR_INVALID);
	assert_int_equal(size, 4711);
	assert_int_equal(data[0], 0xee);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_bytes),      cmocka_unit_test(test_decoded_fields),
		cmocka_unit_test(test_every_other_size), cmocka_unit_test(test_versions_and_types),
		cmocka_unit_test(test_bounds_of_bytes),  cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_listening),        cmocka_unit_test(test_encoder_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
