#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "crypto/tls_pair.h"
#include "http2_pair.h"

/* Both ends together: what makes the connection raw, and what does not. */

enum mode { ACCEPT, ACCEPT_LATER, DECLINE, SILENT };

struct world {
	struct http2_client *client;
	struct http2_server *server;
	enum mode mode;
	uint32_t stream;
	unsigned requests, closed;
	char cookie[64], order[256];
	uint8_t at_server[64], at_client[64]; /* raw bytes */
	size_t at_server_size, at_client_size;
};

static void accept_stream(struct world *world) {
	const struct http2_field fields[] = {
		http2_pair_field(":status", "200"),
		http2_pair_field("content-type", "text/html"),
		http2_pair_field("set-cookie", "id=two; Path=/; Secure"),
	};
	assert_int_equal(http2_server_take_over(world->server, world->stream, fields, 3), ERR_OK);
	assert_int_not_equal(http2_server_state(world->server), HTTP2_SERVER_OPEN);
	assert_int_equal(http2_server_take_over(world->server, world->stream, fields, 3), ERR_INVALID);
}

static void decline_stream(struct world *world, const char *cookie) {
	const struct http2_field fields[] = {
		http2_pair_field(":status", "404"),
		http2_pair_field("date", "Sat, 21 Nov 2026 23:47:33 GMT"),
		http2_pair_field("set-cookie", cookie),
	};
	size_t taken;
	assert_int_equal(http2_server_answer(world->server, world->stream, fields, 3, false), ERR_OK);
	assert_int_equal(http2_server_answer(world->server, world->stream, fields, 3, false),
					 ERR_EXISTS);
	assert_int_equal(http2_server_write(world->server, world->stream, (const uint8_t *)"not here",
										8, true, &taken),
					 ERR_OK);
	assert_int_equal(taken, 8);
}

static void on_request(void *context, uint32_t stream, const struct http2_field *fields,
					   size_t count, bool ended, bool too_large) {
	struct world *world = context;
	world->requests++;
	world->stream = stream;
	assert_true(ended && !too_large);
	for (size_t i = 0; i < count; i++)
		(void)snprintf(world->order + strlen(world->order),
					   sizeof world->order - strlen(world->order), "%.*s ",
					   (int)fields[i].name.size, (const char *)fields[i].name.data);
	struct slice cookie = http2_field_find(fields, count, "cookie");
	(void)snprintf(world->cookie, sizeof world->cookie, "%.*s", (int)cookie.size,
				   (const char *)cookie.data);
	if (world->mode == ACCEPT)
		accept_stream(world);
	if (world->mode == DECLINE)
		decline_stream(world, "id=no");
}

static void on_body(void *context, uint32_t stream, const uint8_t *data, size_t size, bool ended) {
	fail_msg("the client sends no body");
}

static void on_writable(void *context, uint32_t stream) {
}

static void on_closed(void *context, uint32_t stream, uint32_t error) {
	((struct world *)context)->closed++;
}

static const struct http2_server_ops ops = {on_request, on_body, on_writable, on_closed};

static void world_init(struct world *world, enum mode mode) {
	*world = (struct world){.mode = mode, .client = http2_pair_client("a=1; id=one")};
	const struct http2_server_options options = {.ops = &ops, .context = world};
	assert_int_equal(http2_server_new(&options, &world->server), ERR_OK);
}

static void world_done(struct world *world) {
	http2_client_free(world->client);
	http2_server_free(world->server);
}

static void keep(uint8_t *raw, size_t *raw_size, const uint8_t *data, size_t size) {
	assert_true(*raw_size + size <= 64);
	memcpy(raw + *raw_size, data, size);
	*raw_size += size;
}

static void to_server(struct world *world, const uint8_t *data, size_t size) {
	size_t taken = size + 1;
	assert_int_equal(http2_server_receive(world->server, data, size, &taken), ERR_OK);
	assert_true(taken <= size);
	if (taken < size) {
		assert_int_equal(http2_server_state(world->server), HTTP2_SERVER_RAW);
		keep(world->at_server, &world->at_server_size, data + taken, size - taken);
	}
}

static void to_client(struct world *world, const uint8_t *data, size_t size) {
	size_t taken = size + 1;
	assert_int_equal(http2_client_receive(world->client, data, size, &taken), ERR_OK);
	assert_true(taken <= size);
	if (taken < size) {
		assert_int_equal(http2_client_state(world->client), HTTP2_CLIENT_RAW);
		keep(world->at_client, &world->at_client_size, data + taken, size - taken);
	}
}

/* Pieces of at most chunk bytes, until both are silent. */
static void pump(struct world *world, size_t chunk) {
	for (;;) {
		struct slice up = http2_client_outgoing(world->client);
		struct slice down = http2_server_outgoing(world->server);
		uint8_t bytes[4096];
		size_t size = up.size < chunk ? up.size : chunk;
		if (up.size == 0 && down.size == 0)
			return;
		if (size > 0) {
			memcpy(bytes, up.data, size);
			http2_client_sent(world->client, size);
			to_server(world, bytes, size);
		}
		down = http2_server_outgoing(world->server);
		size = down.size < chunk ? down.size : chunk;
		if (size > 0) {
			memcpy(bytes, down.data, size);
			http2_server_sent(world->server, size);
			to_client(world, bytes, size);
		}
	}
}

static void check_raw(struct world *world) {
	assert_int_equal(http2_client_state(world->client), HTTP2_CLIENT_RAW);
	assert_int_equal(http2_server_state(world->server), HTTP2_SERVER_RAW);
	to_server(world, (const uint8_t *)"raw up", 6);
	to_client(world, (const uint8_t *)"raw down", 8);
	assert_int_equal(world->at_server_size, 6);
	assert_memory_equal(world->at_server, "raw up", 6);
	assert_int_equal(world->at_client_size, 8);
	assert_memory_equal(world->at_client, "raw down", 8);
	assert_int_equal(http2_client_outgoing(world->client).size, 0);
	assert_int_equal(http2_server_outgoing(world->server).size, 0);
	size_t count;
	const struct http2_field *fields = http2_client_fields(world->client, &count);
	struct slice cookie = http2_field_find(fields, count, "set-cookie");
	assert_int_equal(cookie.size, 22);
	assert_memory_equal(cookie.data, "id=two; Path=/; Secure", 22);
}

static void test_accepted(void **state) {
	static const size_t chunks[] = {1, 2, 3, 8, 9, 10, 23, 24, 25, 100, 4096};
	for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
		struct world world;
		world_init(&world, ACCEPT);
		pump(&world, chunks[i]);
		assert_int_equal(world.requests, 1);
		assert_string_equal(world.cookie, "a=1; id=one");
		assert_string_equal(world.order, ":method :authority :scheme :path user-agent "
										 "accept-encoding cookie ");
		assert_int_equal(world.closed, 0);
		check_raw(&world);
		world_done(&world);
	}
}

/* The server thinks for a while, and the client's ACK comes before its answer. */
static void test_accepted_later(void **state) {
	struct world world;
	world_init(&world, ACCEPT_LATER);
	pump(&world, 4096);
	assert_int_equal(http2_client_state(world.client), HTTP2_CLIENT_ASKED);
	assert_int_equal(http2_server_state(world.server), HTTP2_SERVER_OPEN);
	accept_stream(&world);
	pump(&world, 5);
	check_raw(&world);
	world_done(&world);
}

/* All that the client says after the answer, in one go: ACK and raw bytes. */
static void test_raw_behind_the_ack(void **state) {
	struct world world;
	world_init(&world, ACCEPT);
	uint8_t bytes[4096];
	for (int i = 0; i < 2; i++) {
		struct slice piece = http2_client_outgoing(world.client);
		memcpy(bytes, piece.data, piece.size);
		http2_client_sent(world.client, piece.size);
		to_server(&world, bytes, piece.size);
		assert_int_not_equal(http2_server_state(world.server), HTTP2_SERVER_RAW);
	}
	assert_int_equal(http2_server_state(world.server), HTTP2_SERVER_HANDING_OVER);
	/* The server's raw bytes may stand right behind its HEADERS. */
	struct slice down = http2_server_outgoing(world.server);
	memcpy(bytes, down.data, down.size);
	memcpy(bytes + down.size, "raw down", 8);
	to_client(&world, bytes, down.size + 8);
	http2_server_sent(world.server, down.size);
	assert_int_equal(world.at_client_size, 8);
	struct slice ack = http2_client_outgoing(world.client);
	static const uint8_t expected[] = {0, 0, 0, 4, 1, 0, 0, 0, 0};
	assert_int_equal(ack.size, sizeof expected);
	assert_memory_equal(ack.data, expected, sizeof expected);
	memcpy(bytes, ack.data, ack.size);
	memcpy(bytes + ack.size, "raw up", 6);
	to_server(&world, bytes, ack.size + 6);
	assert_int_equal(world.at_server_size, 6);
	assert_memory_equal(world.at_server, "raw up", 6);
	assert_int_equal(http2_server_state(world.server), HTTP2_SERVER_RAW);
	world_done(&world);
}

/* The whole of its first words is known byte by byte, and each piece comes alone. */
static void test_first_pieces(void **state) {
	static const uint8_t words[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
								   "\x00\x00\x18\x04\x00\x00\x00\x00\x00"
								   "\x00\x01\x00\x01\x00\x00\x00\x02\x00\x00\x00\x00"
								   "\x00\x04\x00\x60\x00\x00\x00\x06\x00\x04\x00\x00"
								   "\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\xef\x00\x01";
	struct http2_client *client = http2_pair_client("id=one");
	struct slice piece = http2_client_outgoing(client);
	assert_int_equal(piece.size, 87 - 17); /* a record of TLS 1.3 has 17 bytes more inside */
	assert_int_equal(piece.size, sizeof words - 1);
	assert_memory_equal(piece.data, words, piece.size);
	http2_client_sent(client, 30);
	assert_int_equal(http2_client_outgoing(client).size, 40);
	http2_client_sent(client, 40);
	/* HEADERS with END_STREAM, END_HEADERS and PRIORITY: on stream 0, exclusive, weight 256. */
	piece = http2_client_outgoing(client);
	assert_int_equal(piece.data[3], 1);
	assert_int_equal(piece.data[4], 0x25);
	static const uint8_t priority[] = {0x80, 0, 0, 0, 255};
	assert_memory_equal(piece.data + 9, priority, sizeof priority);
	assert_int_equal(9 + (piece.data[1] << 8 | piece.data[2]), piece.size);
	http2_client_sent(client, piece.size);
	assert_int_equal(http2_client_outgoing(client).size, 0);
	http2_client_free(client);
}

/* The length of the only record that waits (RFC 8446 section 5.1). */
static size_t record_length(const struct tls *tls) {
	struct slice outgoing = tls_outgoing(tls);
	assert_true(outgoing.size > 5);
	size_t length = (size_t)outgoing.data[3] << 8 | outgoing.data[4];
	assert_int_equal(outgoing.size, 5 + length);
	return length;
}

/* Inside TLS: the records are a browser's, until both ends talk raw over one exporter's secret. */
static void test_over_tls(void **state) {
	struct certificate_pair certificate;
	tls_pair_certificate(&certificate);
	struct tls_server *server = tls_pair_server(&certificate);
	struct tls_client *client = tls_pair_client(&certificate);
	struct tls up = tls_pair_connect(client, "vpn.example.org", slice_of(NULL, 0)), down;
	struct tls_pair_sink at_client = {.size = 0}, at_server = {.size = 0};
	assert_int_equal(tls_server_accept(server, &down), ERR_OK);
	tls_pair_pump(&up, &down, SIZE_MAX, &at_client, &at_server);
	struct world world;
	world_init(&world, ACCEPT);
	size_t records[3] = {0}, taken;
	for (int i = 0; i < 3; i++) {
		struct slice piece = http2_client_outgoing(world.client);
		assert_int_equal(tls_seal(&up, piece.data, piece.size, &taken), ERR_OK);
		http2_client_sent(world.client, taken);
		records[i] = record_length(&up);
		tls_pair_pump(&up, &down, SIZE_MAX, &at_client, &at_server);
		to_server(&world, at_server.bytes, at_server.size);
		at_server.size = 0;
		struct slice answer = http2_server_outgoing(world.server);
		assert_int_equal(tls_seal(&down, answer.data, answer.size, &taken), ERR_OK);
		http2_server_sent(world.server, taken);
		tls_pair_pump(&up, &down, SIZE_MAX, &at_client, &at_server);
		to_client(&world, at_client.bytes, at_client.size);
		at_client.size = 0;
	}
	assert_int_equal(records[0], 87);
	assert_true(records[1] > 100);
	assert_int_equal(records[2], 26);
	check_raw(&world);
	world_done(&world);
	tls_done(&up);
	tls_done(&down);
	tls_client_free(client);
	tls_server_free(server);
	free(at_client.bytes);
	free(at_server.bytes);
}

static void test_declined(void **state) {
	struct world world;
	world_init(&world, DECLINE);
	pump(&world, 7);
	assert_int_equal(http2_client_state(world.client), HTTP2_CLIENT_ANSWERED);
	assert_int_equal(http2_server_state(world.server), HTTP2_SERVER_OPEN);
	size_t count;
	const struct http2_field *fields = http2_client_fields(world.client, &count);
	assert_int_equal(http2_field_find(fields, count, ":status").size, 3);
	assert_memory_equal(http2_field_find(fields, count, ":status").data, "404", 3);
	assert_int_equal(http2_field_find(fields, count, "date").size, 29);
	assert_null(http2_field_find(fields, count, "server").data);
	struct slice body = http2_client_body(world.client);
	assert_int_equal(body.size, 8);
	assert_memory_equal(body.data, "not here", 8);
	assert_int_equal(world.closed, 1);
	size_t taken;
	assert_int_equal(
		http2_server_write(world.server, world.stream, (const uint8_t *)"x", 1, true, &taken),
		ERR_NOT_FOUND);
	world_done(&world);
}

/* A cookie of another name, of the right one with another value, and none, leave it HTTP/2. */
static void test_other_cookies(void **state) {
	static const char *const cookies[] = {"other=two", "id=no; Path=/", "Path=/; id=two"};
	for (size_t i = 0; i < 3; i++) {
		struct world world;
		world_init(&world, SILENT);
		pump(&world, 4096);
		decline_stream(&world, cookies[i]);
		pump(&world, 4096);
		assert_int_equal(http2_client_state(world.client), HTTP2_CLIENT_ANSWERED);
		world_done(&world);
	}
}

static void test_interim_answer(void **state) {
	/* SETTINGS; HEADERS 103; HEADERS 200 with the cookie, spelled out without compression. */
	static const uint8_t answer[] = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
									"\x00\x00\x0d\x01\x04\x00\x00\x00\x01\x00\x07:status\x03"
									"103"
									"\x00\x00\x1f\x01\x04\x00\x00\x00\x01\x00\x07:status\x03"
									"200\x00\x0aset-cookie\x05"
									"id=ok"
									"tail";
	struct http2_client *client = http2_pair_client("id=one");
	size_t taken;
	assert_int_equal(http2_client_receive(client, answer, sizeof answer - 1, &taken), ERR_OK);
	assert_int_equal(http2_client_state(client), HTTP2_CLIENT_RAW);
	assert_int_equal(taken, sizeof answer - 1 - 4);
	http2_client_free(client);
}

/* The cookie on an answer that is over with its HEADERS, spelled out as above. */
static void test_ended_answer(void **state) {
	static const uint8_t answer[] = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
									"\x00\x00\x1f\x01\x05\x00\x00\x00\x01\x00\x07:status\x03"
									"200\x00\x0aset-cookie\x05"
									"id=ok";
	struct http2_client *client = http2_pair_client("id=one");
	size_t taken;
	assert_int_equal(http2_client_receive(client, answer, sizeof answer - 1, &taken), ERR_OK);
	assert_int_equal(http2_client_state(client), HTTP2_CLIENT_ANSWERED);
	http2_client_free(client);
}

static void test_reset_before_answer(void **state) {
	struct world world;
	world_init(&world, SILENT);
	pump(&world, 4096);
	http2_server_reset(world.server, world.stream, HTTP2_INTERNAL_ERROR);
	http2_server_reset(world.server, 77, HTTP2_INTERNAL_ERROR);
	pump(&world, 4096);
	assert_int_equal(http2_client_state(world.client), HTTP2_CLIENT_FAILED);
	assert_int_equal(world.closed, 1);
	size_t count, taken;
	assert_null(http2_client_fields(world.client, &count));
	assert_int_equal(count, 0);
	assert_int_equal(http2_client_receive(world.client, (const uint8_t *)"x", 1, &taken),
					 ERR_MALFORMED);
	world_done(&world);
}

static void test_shutdown(void **state) {
	struct world world;
	world_init(&world, SILENT);
	pump(&world, 4096);
	http2_server_shutdown(world.server);
	pump(&world, 4096);
	assert_int_equal(http2_server_state(world.server), HTTP2_SERVER_OPEN);
	decline_stream(&world, "other=1");
	pump(&world, 4096);
	assert_int_equal(http2_client_state(world.client), HTTP2_CLIENT_ANSWERED);
	assert_int_equal(http2_server_state(world.server), HTTP2_SERVER_CLOSED);
	world_done(&world);
}

static void test_strangers_words(void **state) {
	struct world world;
	world_init(&world, SILENT);
	size_t taken = 7;
	assert_int_equal(
		http2_server_receive(world.server, (const uint8_t *)"GET / HTTP/1.1\r\n\r\n", 18, &taken),
		ERR_MALFORMED);
	assert_int_equal(taken, 7);
	assert_int_equal(http2_server_state(world.server), HTTP2_SERVER_CLOSED);
	assert_int_equal(http2_client_receive(
						 world.client, (const uint8_t *)"HTTP/1.1 400 Bad Request\r\n", 26, &taken),
					 ERR_OK);
	assert_int_equal(http2_client_state(world.client), HTTP2_CLIENT_FAILED);
	world_done(&world);
}

static void test_refused_options(void **state) {
	const struct http2_field fields[] = {http2_pair_field(":method", "GET"),
										 http2_pair_field("Upper", "x")};
	struct http2_client_options options = {
		.fields = fields, .field_count = 1, .cookie = "id", .accepts = http2_pair_accepts};
	struct http2_client *client = NULL;
	assert_int_equal(http2_client_new(&options, &client), ERR_OK);
	http2_client_free(client);
	client = NULL;
	options.field_count = 2;
	assert_int_equal(http2_client_new(&options, &client), ERR_INVALID);
	options.field_count = 0;
	assert_int_equal(http2_client_new(&options, &client), ERR_INVALID);
	options.field_count = 1;
	options.weight = 257;
	assert_int_equal(http2_client_new(&options, &client), ERR_INVALID);
	options.weight = 0;
	options.setting_count = HTTP2_SETTINGS_MAX + 1;
	options.settings = http2_pair_settings;
	assert_int_equal(http2_client_new(&options, &client), ERR_INVALID);
	assert_null(client);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),           cmocka_unit_test(test_accepted_later),
		cmocka_unit_test(test_raw_behind_the_ack), cmocka_unit_test(test_first_pieces),
		cmocka_unit_test(test_over_tls),           cmocka_unit_test(test_declined),
		cmocka_unit_test(test_other_cookies),      cmocka_unit_test(test_interim_answer),
		cmocka_unit_test(test_ended_answer),       cmocka_unit_test(test_reset_before_answer),
		cmocka_unit_test(test_shutdown),           cmocka_unit_test(test_strangers_words),
		cmocka_unit_test(test_refused_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
