#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/log.h"
#include "wire/process.h"

enum { REQUEST = 0x1234, SLOT = 0x3f, HEADER = 6 };

#define HEAD(type) 4, type, 0x12, 0x34, 0, SLOT
#define HEAD_WITHOUT_SLOT(type) 4, type, 0x12, 0x34, 0, 0
#define NAME 'u', 'm', '0', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0

/* One message of each type, in order, and the bytes it must be. */
static const struct {
	struct process_message message;
	size_t size;
	uint8_t data[80];
} rows[] = {
	{
		{.type = PROCESS_START, .start = {"um0", LOG_DEBUG, 1}},
		24,
		{HEAD_WITHOUT_SLOT(0), NAME, LOG_DEBUG, 1},
	},
	{{.type = PROCESS_PEERING}, 6, {HEAD_WITHOUT_SLOT(1)}},
	{
		{.type = PROCESS_ATTACH,
		 .tunnel = SLOT,
		 .attach = {"um0", 1420, 2, true, PROCESS_OFFLOAD_HEADER | PROCESS_OFFLOAD_UDP, "p", 32}},
		46,
		{HEAD(2), NAME, 0, 0, 5, 0x8c, 2, 1, 5, 'p', [6 + 39] = 32},
	},
	{{.type = PROCESS_DETACH, .tunnel = SLOT}, 6, {HEAD(3)}},
	{
		{.type = PROCESS_LINK, .tunnel = SLOT, .link = {65535, true}},
		11,
		{HEAD(4), 0, 0, 0xff, 0xff, 1},
	},
	{{.type = PROCESS_CONNECTION, .tunnel = SLOT}, 6, {HEAD(5)}},
	{
		{.type = PROCESS_LISTENING, .tunnel = SLOT, .listening = {0, 51820, 2, 2}},
		14,
		{HEAD(6), 0, 0, 0, 0, 0xca, 0x6c, 2, 2},
	},
	{
		{.type = PROCESS_MARKED, .tunnel = SLOT, .marked = {4095}},
		10,
		{HEAD(7), 0, 0, 0x0f, 0xff},
	},
	{{.type = PROCESS_SET, .tunnel = SLOT}, 6, {HEAD(8)}},
	{{.type = PROCESS_GET, .tunnel = SLOT}, 6, {HEAD(9)}},
	{
		{.type = PROCESS_TEXT, .tunnel = SLOT, .result = {0, ""}},
		12,
		{HEAD(10), 0, 0, 0, 0, 0, 0},
	},
	{
		{.type = PROCESS_EVENT,
		 .tunnel = SLOT,
		 .event = {PROCESS_EVENT_UNANSWERED, {1, 2}, 4, {192, 0, 2, 1}, 51820, 0, 3, "no"}},
		70,
		{HEAD(11), 2, 1, 2, [6 + 33] = 4, 192, 0, 2, 1, [6 + 50] = 0xca, 0x6c, [6 + 59] = 3, 0, 2,
		 'n', 'o'},
	},
	{{.type = PROCESS_CONFIGURE}, 6, {HEAD_WITHOUT_SLOT(12)}},
	{
		{.type = PROCESS_STATE,
		 .tunnel = SLOT,
		 .state = {"um0", PROCESS_STATE_FAILED, 1, 0x01020304, "why"}},
		33,
		{HEAD(13), NAME, 3, 1, 1, 2, 3, 4, 0, 3, 'w', 'h', 'y'},
	},
	{{.type = PROCESS_UP, .order = {"um0"}}, 22, {HEAD_WITHOUT_SLOT(14), NAME}},
	{{.type = PROCESS_DOWN, .order = {"um0"}}, 22, {HEAD_WITHOUT_SLOT(15), NAME}},
	{{.type = PROCESS_RELOAD}, 6, {HEAD_WITHOUT_SLOT(16)}},
	{{.type = PROCESS_LOG, .log = {LOG_INFO}}, 7, {HEAD_WITHOUT_SLOT(17), LOG_INFO}},
	{{.type = PROCESS_ROUTES, .tunnel = SLOT}, 6, {HEAD(18)}},
	{
		{.type = PROCESS_RESULT, .tunnel = SLOT, .result = {22, "no"}},
		14,
		{HEAD(19), 0, 0, 0, 22, 0, 2, 'n', 'o'},
	},
	{{.type = PROCESS_READY}, 6, {HEAD_WITHOUT_SLOT(20)}},
	{
		{.type = PROCESS_LISTEN, .tunnel = SLOT, .listen = {51820, 0x01020304, 16}},
		13,
		{HEAD(21), 0xca, 0x6c, 1, 2, 3, 4, 16},
	},
	{
		{.type = PROCESS_MARK, .tunnel = SLOT, .mark = {0xfffefdfc}},
		10,
		{HEAD(22), 0xff, 0xfe, 0xfd, 0xfc},
	},
	{{.type = PROCESS_JOURNAL, .tunnel = SLOT}, 6, {HEAD(23)}},
	{{.type = PROCESS_UNLISTEN, .tunnel = SLOT}, 6, {HEAD(24)}},
	{{.type = PROCESS_STOP}, 6, {HEAD_WITHOUT_SLOT(25)}},
	{{.type = PROCESS_METRICS}, 6, {HEAD_WITHOUT_SLOT(26)}},
	{
		{.type = PROCESS_NETWORK, .network = {PROCESS_CHANGE_ROUTES | PROCESS_CHANGE_CLOCK}},
		7,
		{HEAD_WITHOUT_SLOT(27), 5},
	},
	{
		{.type = PROCESS_SPLIT, .order = {"um0"}},
		22,
		{HEAD_WITHOUT_SLOT(28), 'u', 'm', '0'},
	},
	{{.type = PROCESS_SOCKET, .socket = {6, true}}, 8, {HEAD_WITHOUT_SLOT(29), 6, 1}},
	{
		{.type = PROCESS_ENDPOINT,
		 .tunnel = SLOT,
		 .endpoint = {{1, 2}, 4, {192, 0, 2, 1}, 51820, 0}},
		61,
		{HEAD(30), 1, 2, [6 + 32] = 4, 192, 0, 2, 1, [6 + 49] = 0xca, 0x6c},
	},
	{{.type = PROCESS_UPSTREAM, .tunnel = SLOT, .upstream = {false, 15}}, 8, {HEAD(31), 0, 15}},
	{{.type = PROCESS_STEP}, 6, {HEAD_WITHOUT_SLOT(32)}},
	{{.type = PROCESS_STREAM, .upstream = {true, 1}}, 8, {HEAD_WITHOUT_SLOT(33), 1, 1}},
	{
		{.type = PROCESS_ADDRESSES,
		 .tunnel = SLOT,
		 .addresses = {true, 300, 2, {{4, {192, 0, 2, 1}}, {6, {0x20, 1, [15] = 7}}}}},
		46,
		{HEAD(34), 1, 0, 0, 1, 44, 2, 4, 192, 0, 2, 1, [6 + 23] = 6, 0x20, 1, [6 + 39] = 7},
	},
	{
		{.type = PROCESS_RESOLVERS,
		 .resolvers = {2, {{4, {192, 0, 2, 53}, 53}, {6, {0x20, 1, 0xd, 0xb8}, 5353}}}},
		45,
		{HEAD_WITHOUT_SLOT(35), 2, 4, 192, 0, 2, 53, [6 + 18] = 0, 53, 6, 0x20, 1, 0xd, 0xb8,
		 [6 + 37] = 0x14, 0xe9},
	},
	{
		{.type = PROCESS_SOCKETS, .tunnel = SLOT, .sockets = {PROCESS_SOCKET_UDP_V6, 32, 0}},
		12,
		{HEAD(36), 3, 32, 0, 0, 0, 0},
	},
	{
		{.type = PROCESS_RESOLVE, .tunnel = SLOT, .resolve = {0x01020304, "a.b"}},
		14,
		{HEAD(37), 1, 2, 3, 4, 3, 'a', '.', 'b'},
	},
	{
		{.type = PROCESS_RESOLVED,
		 .tunnel = SLOT,
		 .resolved =
			 {0x01020304, PROCESS_FOUND, 2, {{6, {0x20, 1, [15] = 7}}, {4, {192, 0, 2, 1}}}}},
		46,
		{HEAD(38), 1, 2, 3, 4, 0, 2, 6, 0x20, 1, [6 + 22] = 7, 4, 192, 0, 2, 1},
	},
	{
		{.type = PROCESS_STRANGER, .tunnel = SLOT, .stranger = {1, 4, {192, 0, 2, 1}, 51820, 0}},
		30,
		{HEAD(39), 1, 4, 192, 0, 2, 1, [6 + 18] = 0xca, 0x6c},
	},
	{{.type = PROCESS_SITE, .tunnel = SLOT}, 6, {HEAD(40)}},
	{{.type = PROCESS_BACKEND, .tunnel = SLOT}, 6, {HEAD(41)}},
	{{.type = PROCESS_SETTINGS, .tunnel = SLOT, .settings = {{1, 2, [31] = 3}}},
	 38,
	 {HEAD(42), 1, 2, [6 + 31] = 3}},
	{{.type = PROCESS_LOGIN, .tunnel = SLOT, .login = {0x0102030405060708}},
	 14,
	 {HEAD(43), 1, 2, 3, 4, 5, 6, 7, 8}},
	{{.type = PROCESS_ABANDON, .tunnel = SLOT, .login = {1}}, 14, {HEAD(44), [6 + 7] = 1}},
	{{.type = PROCESS_VERDICT, .tunnel = SLOT, .verdict = {2, 0, {1, 2, [31] = 3}, true}},
	 48,
	 {HEAD(45), [6 + 7] = 2, 0, 1, 2, [6 + 40] = 3, 1}},
	{{.type = PROCESS_TICKET, .tunnel = SLOT, .ticket = {{1, [31] = 2}, {3, [31] = 4}, 5, 1, {6}}},
	 80,
	 {HEAD(46), 1, [6 + 31] = 2, 3, [6 + 63] = 4, [6 + 71] = 5, 1, 6}},
	{{.type = PROCESS_USED, .tunnel = SLOT, .used = {{1, [31] = 2}, 0x0102}},
	 46,
	 {HEAD(47), 1, [6 + 31] = 2, [6 + 38] = 1, 2}},
};
enum { ROWS = sizeof rows / sizeof rows[0] };
_Static_assert(ROWS == (int)PROCESS_TYPE_COUNT, "one row a type");

static struct process_message message_of(enum process_type type) {
	struct process_message message = rows[type].message;
	message.request = REQUEST;
	return message;
}

static void decode_row(enum process_type type, struct process_message *out_message) {
	assert_int_equal(process_decode(rows[type].data, rows[type].size, out_message), ERR_OK);
}

static void assert_encodes(const struct process_message *message, bool good) {
	uint8_t data[PROCESS_MESSAGE_MAX];
	size_t size;
	assert_int_equal(process_encode(message, data, &size), good ? ERR_OK : ERR_INVALID);
}

static void test_known_bytes(void **state) {
	for (size_t i = 0; i < ROWS; i++) {
		uint8_t data[PROCESS_MESSAGE_MAX], again[PROCESS_MESSAGE_MAX];
		size_t size = 0;
		struct process_message message = message_of((enum process_type)i);
		assert_int_equal(message.type, i);
		assert_int_equal(process_encode(&message, data, &size), ERR_OK);
		assert_int_equal(size, rows[i].size);
		assert_memory_equal(data, rows[i].data, size);
		assert_int_equal(process_decode(data, size, &message), ERR_OK);
		assert_int_equal(message.type, i);
		assert_int_equal(message.request, REQUEST);
		assert_int_equal(message.tunnel, rows[i].message.tunnel);
		assert_int_equal(process_encode(&message, again, &size), ERR_OK);
		assert_memory_equal(again, data, size);
	}
}

static void test_fields_of_tunnels(void **state) {
	struct process_message message;
	decode_row(PROCESS_ATTACH, &message);
	assert_string_equal(message.attach.name, "um0");
	assert_int_equal(message.attach.mtu, 1420);
	assert_int_equal(message.attach.shards, 2);
	assert_true(message.attach.up);
	assert_int_equal(message.attach.offloads, 5);
	assert_string_equal(message.attach.protocol, "p");
	assert_int_equal(message.attach.streams, 32);
	decode_row(PROCESS_LINK, &message);
	assert_int_equal(message.link.mtu, 65535);
	assert_true(message.link.up);
	decode_row(PROCESS_LISTEN, &message);
	assert_int_equal(message.listen.port, 51820);
	assert_int_equal(message.listen.mark, 0x01020304);
	assert_int_equal(message.listen.shards, 16);
	decode_row(PROCESS_LISTENING, &message);
	assert_int_equal(message.listening.error, 0);
	assert_int_equal(message.listening.port, 51820);
	assert_int_equal(message.listening.v4, 2);
	assert_int_equal(message.listening.v6, 2);
	decode_row(PROCESS_MARK, &message);
	assert_int_equal(message.mark.mark, 0xfffefdfc);
	decode_row(PROCESS_MARKED, &message);
	assert_int_equal(message.marked.error, 4095);
	decode_row(PROCESS_EVENT, &message);
	assert_int_equal(message.event.kind, PROCESS_EVENT_UNANSWERED);
	assert_int_equal(message.event.public_key[1], 2);
	assert_int_equal(message.event.family, 4);
	assert_memory_equal(message.event.address, ((uint8_t[]){192, 0, 2, 1, 0}), 5);
	assert_int_equal(message.event.port, 51820);
	assert_int_equal(message.event.count, 3);
	assert_string_equal(message.event.text, "no");
}

static void test_fields_of_orders(void **state) {
	struct process_message message;
	decode_row(PROCESS_START, &message);
	assert_string_equal(message.start.name, "um0");
	assert_int_equal(message.start.log_level, LOG_DEBUG);
	assert_int_equal(message.start.log_json, 1);
	decode_row(PROCESS_STATE, &message);
	assert_string_equal(message.state.name, "um0");
	assert_int_equal(message.state.state, PROCESS_STATE_FAILED);
	assert_string_equal(message.state.text, "why");
	decode_row(PROCESS_DOWN, &message);
	assert_string_equal(message.order.name, "um0");
	decode_row(PROCESS_LOG, &message);
	assert_int_equal(message.log.level, LOG_INFO);
	decode_row(PROCESS_RESULT, &message);
	assert_int_equal(message.result.error, 22);
	assert_string_equal(message.result.text, "no");
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
		const uint8_t data[] = {(uint8_t)version, PROCESS_STOP, 0, 0, 0, 0};
		assert_int_equal(process_decode(data, sizeof data, &message),
						 version == PROCESS_VERSION ? ERR_OK : ERR_UNSUPPORTED);
	}
	for (unsigned type = PROCESS_TYPE_COUNT; type < 256; type++) {
		const uint8_t data[] = {PROCESS_VERSION, (uint8_t)type, 0, 0, 0, 0};
		assert_int_equal(process_decode(data, sizeof data, &message), ERR_MALFORMED);
	}
}

/* One byte of a good message changed to each value; how many of the values are good. */
static unsigned count_good(enum process_type type, size_t offset) {
	unsigned good = 0;
	for (unsigned value = 0; value < 256; value++) {
		uint8_t data[sizeof rows[0].data];
		struct process_message message;
		memcpy(data, rows[type].data, sizeof data);
		data[offset] = (uint8_t)value;
		enum err error = process_decode(data, rows[type].size, &message);
		assert_true(error == ERR_OK || error == ERR_MALFORMED);
		good += error == ERR_OK;
	}
	return good;
}

static void test_slots(void **state) {
	static const enum process_type without[] = {
		PROCESS_START,  PROCESS_PEERING, PROCESS_CONFIGURE, PROCESS_RELOAD,    PROCESS_LOG,
		PROCESS_READY,  PROCESS_STOP,    PROCESS_METRICS,   PROCESS_NETWORK,   PROCESS_SPLIT,
		PROCESS_SOCKET, PROCESS_STEP,    PROCESS_STREAM,    PROCESS_RESOLVERS,
	};
	for (enum process_type type = 0; type < PROCESS_TYPE_COUNT; type++) {
		unsigned slots = PROCESS_TUNNELS_MAX;
		for (size_t i = 0; i < sizeof without / sizeof without[0]; i++)
			slots = without[i] == type ? 1 : slots;
		assert_int_equal(count_good(type, 5), slots);
		assert_int_equal(count_good(type, 4), 1);
		struct process_message message = message_of(type);
		message.tunnel = (uint16_t)slots;
		assert_encodes(&message, false);
		message.tunnel = (uint16_t)(slots - 1);
		assert_encodes(&message, true);
	}
}

static void test_bounds_of_bytes(void **state) {
	static const struct {
		enum process_type type;
		size_t offset; /* in the body */
		unsigned good;
	} cases[] = {
		{PROCESS_SOCKET, 0, 2}, /* 4 or 6 */
		{PROCESS_SOCKET, 1, 2},
		{PROCESS_ATTACH, 0, 255},  /* the name's first: not NUL */
		{PROCESS_ATTACH, 2, 256},  /* its last: shorter is fine */
		{PROCESS_ATTACH, 1, 255},  /* NUL: a letter behind it */
		{PROCESS_ATTACH, 5, 1},    /* behind its end */
		{PROCESS_ATTACH, 15, 1},   /* its last place */
		{PROCESS_ATTACH, 16, 1},   /* MTU ≥ 2^24 */
		{PROCESS_ATTACH, 20, 16},  /* shards */
		{PROCESS_ATTACH, 21, 2},   /* up */
		{PROCESS_ATTACH, 22, 8},   /* offloads */
		{PROCESS_ATTACH, 23, 256}, /* the protocol's first: none is one, too */
		{PROCESS_ATTACH, 25, 1},   /* behind its end */
		{PROCESS_ATTACH, 39, PROCESS_LISTENERS_MAX + 1},
		{PROCESS_SOCKETS, 0, PROCESS_SOCKET_KINDS},
		{PROCESS_SOCKETS, 1, PROCESS_SOCKETS_MAX}, /* not 0 without an error */
		{PROCESS_SOCKETS, 5, 1},                   /* an error with sockets */
		{PROCESS_RESOLVE, 5, 255},                 /* a NUL inside a name */
		{PROCESS_RESOLVED, 4, 1},                  /* nothing found, with addresses */
		{PROCESS_RESOLVED, 6, 1},                  /* v6: zeros must be behind v4 */
		{PROCESS_RESOLVED, 23, 2},                 /* v4, or v6 */
		{PROCESS_RESOLVED, 28, 1},                 /* behind a v4 address */
		{PROCESS_STRANGER, 0, PROCESS_HTTP_PLAIN + 1},
		{PROCESS_STRANGER, 1, 2},
		{PROCESS_STRANGER, 6, 1},
		{PROCESS_STRANGER, 23, 1}, /* a scope of v4 */
		{PROCESS_LINK, 4, 2},
		{PROCESS_LINK, 1, 1},
		{PROCESS_LISTEN, 6, 16},
		{PROCESS_LISTENING, 6, 2}, /* as many as v6, or none */
		{PROCESS_LISTENING, 7, 2},
		{PROCESS_LISTENING, 3, 1}, /* an error with sockets */
		{PROCESS_MARKED, 2, 16},   /* errno ≤ 4095 */
		{PROCESS_EVENT, 0, PROCESS_EVENT_REFUSED + 1},
		{PROCESS_EVENT, 33, 2}, /* v4 or v6: without an endpoint nothing follows */
		{PROCESS_EVENT, 34, 256},
		{PROCESS_EVENT, 38, 1}, /* behind a v4 address */
		{PROCESS_EVENT, 49, 1},
		{PROCESS_EVENT, 55, 1},    /* a scope of v4 */
		{PROCESS_ENDPOINT, 32, 2}, /* v4 or v6 */
		{PROCESS_ENDPOINT, 37, 1},
		{PROCESS_ENDPOINT, 48, 1},
		{PROCESS_ENDPOINT, 49, 256},
		{PROCESS_ENDPOINT, 54, 1},
		{PROCESS_RESOLVERS, 1, 2},    /* v4, zeros behind it: or v6 */
		{PROCESS_RESOLVERS, 6, 1},    /* behind a v4 address */
		{PROCESS_RESOLVERS, 19, 255}, /* not port 0 */
		{PROCESS_START, 0, 255},      /* empty: a letter behind it */
		{PROCESS_START, 16, LOG_DEBUG + 1},
		{PROCESS_START, 17, 2},
		{PROCESS_STATE, 0, 255},
		{PROCESS_STATE, 16, PROCESS_STATE_FAILED + 1},
		{PROCESS_STATE, 17, 2},   /* kill switch */
		{PROCESS_STATE, 24, 255}, /* a NUL inside a text */
		{PROCESS_UP, 0, 255},
		{PROCESS_DOWN, 15, 1},
		{PROCESS_LOG, 0, LOG_DEBUG + 1},
		{PROCESS_NETWORK, 0, 7}, /* any of three bits, but not none */
		{PROCESS_RESULT, 2, 16},
		{PROCESS_RESULT, 7, 255},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(count_good(cases[i].type, HEADER + cases[i].offset), cases[i].good);
}

static void test_texts(void **state) {
	uint8_t data[PROCESS_MESSAGE_MAX];
	size_t size;
	struct process_message message = message_of(PROCESS_STATE), decoded;
	memset(message.state.text, 'x', sizeof message.state.text);
	assert_encodes(&message, false); /* no NUL */
	message.state.text[PROCESS_TEXT_SIZE - 1] = '\0';
	assert_int_equal(process_encode(&message, data, &size), ERR_OK);
	assert_int_equal(size, HEADER + 16 + 1 + 1 + 4 + 2 + PROCESS_TEXT_SIZE - 1);
	assert_int_equal(process_decode(data, size, &decoded), ERR_OK);
	assert_string_equal(decoded.state.text, message.state.text);
	/* One longer than there is room for. */
	data[HEADER + 22] = PROCESS_TEXT_SIZE >> 8;
	data[HEADER + 23] = PROCESS_TEXT_SIZE & 0xff;
	data[size] = 'x';
	assert_int_equal(process_decode(data, size + 1, &decoded), ERR_MALFORMED);
}

static void test_start_without_name(void **state) {
	uint8_t data[PROCESS_MESSAGE_MAX];
	size_t size;
	struct process_message message = {.type = PROCESS_START}, decoded;
	assert_int_equal(process_encode(&message, data, &size), ERR_OK);
	assert_int_equal(process_decode(data, size, &decoded), ERR_OK);
	assert_string_equal(decoded.start.name, "");
}

static void test_events_endpoints(void **state) {
	struct process_message message = message_of(PROCESS_EVENT);
	message.event.family = 6;
	message.event.scope = 3;
	message.event.address[15] = 1;
	assert_encodes(&message, true);
	message.event.family = 5;
	assert_encodes(&message, false);
	message.event.family = 0;
	assert_encodes(&message, false);
	memset(message.event.address, 0, sizeof message.event.address);
	message.event.port = 0;
	assert_encodes(&message, false);
	message.event.scope = 0;
	assert_encodes(&message, true);
}

static void test_addresses(void **state) {
	struct process_message message = message_of(PROCESS_ADDRESSES);
	message.addresses.count = 0;
	assert_encodes(&message, false);
	message.addresses.count = PROCESS_ADDRESSES_MAX;
	assert_encodes(&message, false); /* those behind the second have no family */
	for (size_t i = 0; i < PROCESS_ADDRESSES_MAX; i++)
		message.addresses.items[i].family = 6;
	assert_encodes(&message, true);
	message.addresses.count++;
	assert_encodes(&message, false);
	message = message_of(PROCESS_ADDRESSES);
	message.addresses.items[0].bytes[4] = 1;
	assert_encodes(&message, false);
	message = message_of(PROCESS_UPSTREAM);
	message.upstream.server = PROCESS_SERVERS_MAX;
	assert_encodes(&message, false);
	message = message_of(PROCESS_UPSTREAM);
	message.upstream.system = true;
	assert_encodes(&message, false); /* of a slot as well */
}

static void test_streams(void **state) {
	struct process_message message = message_of(PROCESS_ATTACH);
	message.attach.shards = 0;
	assert_encodes(&message, false);
	message.attach.mtu = 0;
	message.attach.offloads = 0;
	assert_encodes(&message, false);
	message.attach.up = false;
	assert_encodes(&message, true);
	message.attach.streams = PROCESS_LISTENERS_MAX + 1;
	assert_encodes(&message, false);
	message = message_of(PROCESS_SOCKETS);
	message.sockets.error = 24;
	assert_encodes(&message, false);
	message.sockets.count = 0;
	assert_encodes(&message, true);
	message.sockets.error = 0;
	assert_encodes(&message, false);
	message.sockets.count = PROCESS_SOCKETS_MAX + 1;
	assert_encodes(&message, false);
	message = message_of(PROCESS_RESOLVE);
	memset(message.resolve.name, 'x', sizeof message.resolve.name);
	assert_encodes(&message, false); /* no NUL */
	message.resolve.name[PROCESS_HOST_SIZE - 1] = '\0';
	assert_encodes(&message, true);
	message.resolve.name[0] = '\0';
	assert_encodes(&message, false);
	message = message_of(PROCESS_RESOLVED);
	message.resolved.count = PROCESS_FOUND_MAX + 1;
	assert_encodes(&message, false);
	message.resolved.count = 0;
	assert_encodes(&message, false);
	message.resolved.result = PROCESS_FOUND_NONE;
	assert_encodes(&message, true);
	message.resolved.result = PROCESS_FOUND_LIMIT + 1;
	assert_encodes(&message, false);
	message = message_of(PROCESS_STRANGER);
	message.stranger.port = 0;
	assert_encodes(&message, false);
	message = message_of(PROCESS_STRANGER);
	message.stranger.http = PROCESS_HTTP_PLAIN + 1;
	assert_encodes(&message, false);
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
	struct process_message message = rows[PROCESS_ATTACH].message;
	memset(message.attach.name, 'x', sizeof message.attach.name); /* no NUL */
	assert_int_equal(process_encode(&message, data, &size), ERR_INVALID);
	message = rows[PROCESS_UP].message;
	message.order.name[0] = '\0';
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
		cmocka_unit_test(test_known_bytes),
		cmocka_unit_test(test_fields_of_tunnels),
		cmocka_unit_test(test_fields_of_orders),
		cmocka_unit_test(test_every_other_size),
		cmocka_unit_test(test_versions_and_types),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_bounds_of_bytes),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_start_without_name),
		cmocka_unit_test(test_events_endpoints),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_listening),
		cmocka_unit_test(test_encoder_refuses),
		cmocka_unit_test(test_streams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
