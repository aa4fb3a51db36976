#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include <nghttp2/nghttp2.h>

#include "base/cleanup.h"
#include "http2_pair.h"

/* The server against the client of the library: what web sites need, and what strangers try. */

enum { BODY_SIZE = 2000000, STREAMS = 600 };

struct world {
	struct http2_server *server;
	nghttp2_session *client;

	/* Of the server. */
	unsigned requests, too_large, writable;
	size_t fields, uploaded;
	bool upload_ended, consumes, answers;
	size_t written; /* of BODY_SIZE; SIZE_MAX: none is being sent */
	uint32_t last;
	unsigned closed[STREAMS];
	uint32_t closed_error;

	/* Of the client. */
	size_t got, refused;
	uint32_t reset_error;
	int status;
	bool ended;
};

static uint8_t byte_at(size_t at) {
	return (uint8_t)(at * 31 + at / 1009);
}

static void write_some(struct world *world, uint32_t stream) {
	static uint8_t bytes[BODY_SIZE];
	if (world->written == 0)
		for (size_t i = 0; i < BODY_SIZE; i++)
			bytes[i] = byte_at(i);
	while (world->written < BODY_SIZE) {
		size_t left = BODY_SIZE - world->written, taken;
		size_t size = left < 50000 ? left : 50000;
		assert_int_equal(http2_server_write(world->server, stream, bytes + world->written, size,
											size == left, &taken),
						 ERR_OK);
		world->written += taken;
		if (taken < size)
			return;
	}
}

static void on_request(void *context, uint32_t stream, const struct http2_field *fields,
					   size_t count, bool ended, bool too_large) {
	struct world *world = context;
	world->requests++;
	world->too_large += too_large;
	world->fields = count;
	world->last = stream;
	const struct http2_field answer[] = {http2_pair_field(":status", "200"),
										 http2_pair_field("server", "nginx")};
	if (world->answers)
		assert_int_equal(
			http2_server_answer(world->server, stream, answer, 2, world->written == SIZE_MAX),
			ERR_OK);
	if (world->written == 0)
		write_some(world, stream);
}

static void on_body(void *context, uint32_t stream, const uint8_t *data, size_t size, bool ended) {
	struct world *world = context;
	world->uploaded += size;
	world->upload_ended |= ended;
	if (world->consumes)
		http2_server_consumed(world->server, stream, size);
}

static void on_writable(void *context, uint32_t stream) {
	struct world *world = context;
	world->writable++;
	write_some(world, stream);
}

static void on_closed(void *context, uint32_t stream, uint32_t error) {
	struct world *world = context;
	assert_true(stream < 2 * STREAMS);
	world->closed[stream / 2]++;
	world->closed_error = error;
}

static int client_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
						 size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
						 void *context) {
	struct world *world = context;
	if (name_size == 7 && memcmp(name, ":status", 7) == 0)
		world->status = atoi((const char *)value);
	return 0;
}

static int client_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
					   size_t size, void *context) {
	struct world *world = context;
	for (size_t i = 0; i < size; i++, world->got++)
		assert_int_equal(data[i], byte_at(world->got));
	return 0;
}

static int client_closed(nghttp2_session *session, int32_t id, uint32_t error, void *context) {
	struct world *world = context;
	world->ended = true;
	world->reset_error = error;
	world->refused += error == NGHTTP2_REFUSED_STREAM;
	return 0;
}

static void world_init_with(struct world *world, const struct http2_setting *settings,
							size_t count) {
	static const struct http2_server_ops ops = {on_request, on_body, on_writable, on_closed};
	*world = (struct world){.answers = true, .consumes = true, .written = SIZE_MAX};
	const struct http2_server_options options = {
		.ops = &ops, .context = world, .settings = settings, .setting_count = count};
	assert_int_equal(http2_server_new(&options, &world->server), ERR_OK);
	nghttp2_session_callbacks *callbacks;
	assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, client_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, client_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, client_closed);
	/* It does not hold back what the server might refuse. */
	nghttp2_option *option;
	assert_int_equal(nghttp2_option_new(&option), 0);
	nghttp2_option_set_peer_max_concurrent_streams(option, 100000);
	nghttp2_option_set_no_http_messaging(option, 1);
	nghttp2_option_set_max_send_header_block_length(option, 1 << 20);
	assert_int_equal(nghttp2_session_client_new2(&world->client, callbacks, world, option), 0);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	assert_int_equal(nghttp2_submit_settings(world->client, NGHTTP2_FLAG_NONE, NULL, 0), 0);
}

static void world_init(struct world *world) {
	world_init_with(world, NULL, 0);
}

static void world_done(struct world *world) {
	nghttp2_session_del(world->client);
	http2_server_free(world->server);
}

static bool down(struct world *world) {
	struct slice outgoing = http2_server_outgoing(world->server);
	size_t size = outgoing.size < 3000 ? outgoing.size : 3000;
	if (size > 0)
		assert_int_equal(nghttp2_session_mem_recv(world->client, outgoing.data, size), size);
	http2_server_sent(world->server, size);
	return size > 0;
}

/* What the client has to say, again where too much waits for it; false when nothing. */
static bool up(struct world *world) {
	const uint8_t *data;
	ssize_t size = nghttp2_session_mem_send(world->client, &data);
	assert_true(size >= 0);
	size_t taken = 0;
	/* Exactly as large, so that a sanitizer sees the first byte beyond it. */
	auto_free uint8_t *bytes = malloc((size_t)size + 1);
	if (size > 0)
		memcpy(bytes, data, (size_t)size);
	do
		assert_int_equal(http2_server_receive(world->server, bytes, (size_t)size, &taken), ERR_OK);
	while (size > 0 && taken == 0 && down(world));
	assert_int_equal(taken, size);
	return size > 0;
}

static void pump(struct world *world) {
	bool moved = true;
	while (moved) {
		moved = up(world);
		moved |= down(world);
	}
}

#define NV(name, value)                                                             \
	{                                                                               \
		(uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, sizeof(value) - 1, \
			NGHTTP2_NV_FLAG_NONE                                                    \
	}

static const nghttp2_nv get[] = {NV(":method", "GET"), NV(":scheme", "https"),
								 NV(":authority", "vpn.example.org"), NV(":path", "/"),
								 NV("connection", "close")};

static int32_t ask(struct world *world, nghttp2_data_provider *body) {
	int32_t id = nghttp2_submit_request(world->client, NULL, get, 4, body, NULL);
	assert_true(id > 0);
	return id;
}

static void test_answer(void **state) {
	struct world world;
	world_init(&world);
	(void)ask(&world, NULL);
	pump(&world);
	assert_int_equal(world.status, 200);
	assert_true(world.ended && world.reset_error == 0);
	assert_int_equal(world.closed[0], 1);
	assert_int_equal(world.got, 0);
	world_done(&world);
}

/* Two megabytes through a buffer of 32 KiB, at the client's pace. */
static void test_large_answer(void **state) {
	struct world world;
	world_init(&world);
	world.written = 0;
	(void)ask(&world, NULL);
	while (up(&world))
		;
	/* Nothing of it has been sent: a window, and a buffer, are all that was taken. */
	assert_true(http2_server_outgoing(world.server).size < HTTP2_WINDOW_INITIAL + 1000);
	assert_true(world.written <= HTTP2_WINDOW_INITIAL + HTTP2_SERVER_BODY_MAX);
	assert_true(world.written >= HTTP2_WINDOW_INITIAL);
	pump(&world);
	assert_int_equal(world.got, BODY_SIZE);
	assert_true(world.ended && world.reset_error == 0);
	assert_true(world.writable > 10);
	world_done(&world);
}

struct upload {
	size_t left;
	bool deferred;
};

static ssize_t read_upload(nghttp2_session *session, int32_t id, uint8_t *out_data, size_t room,
						   uint32_t *out_flags, nghttp2_data_source *source, void *context) {
	struct upload *upload = source->ptr;
	size_t size = upload->left < room ? upload->left : room;
	if (upload->deferred && size == 0)
		return NGHTTP2_ERR_DEFERRED;
	memset(out_data, 'u', size);
	upload->left -= size;
	if (upload->left == 0 && !upload->deferred)
		*out_flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)size;
}

/* The client may send as much as the owner has worked on, and a window. */
static void test_upload(void **state) {
	struct world world;
	world_init(&world);
	world.answers = world.consumes = false;
	struct upload upload = {.left = 1000000};
	nghttp2_data_provider body = {.source.ptr = &upload, .read_callback = read_upload};
	int32_t id = ask(&world, &body);
	pump(&world);
	assert_int_equal(world.requests, 1);
	assert_int_equal(world.uploaded, 65536);
	http2_server_consumed(world.server, (uint32_t)id, 60000);
	pump(&world);
	assert_int_equal(world.uploaded, 65536 + 60000);
	assert_false(world.upload_ended);
	world.consumes = true;
	http2_server_consumed(world.server, (uint32_t)id, SIZE_MAX);
	pump(&world);
	assert_int_equal(world.uploaded, 1000000);
	assert_true(world.upload_ended);
	world_done(&world);
}

/* All that is outgoing at once; a reset is there by itself. */
static bool down_by_pieces(struct world *world) {
	enum { HEADER_SIZE = 9 };
	struct slice piece = http2_server_outgoing(world->server);
	for (size_t at = 0; at < piece.size;) {
		const uint8_t *header = piece.data + at;
		size_t size = (size_t)header[0] << 16 | (size_t)header[1] << 8 | header[2];
		if (header[3] == NGHTTP2_RST_STREAM)
			assert_int_equal(piece.size, HEADER_SIZE + size);
		at += HEADER_SIZE + size;
	}
	if (piece.size > 0)
		assert_int_equal(nghttp2_session_mem_recv(world->client, piece.data, piece.size),
						 piece.size);
	http2_server_sent(world->server, piece.size);
	return piece.size > 0;
}

static void pump_by_pieces(struct world *world) {
	bool moved = true;
	while (moved) {
		moved = up(world);
		moved |= down_by_pieces(world);
	}
}

/* Who has his answer uploads no more: nobody would bound it. */
static void test_upload_behind_its_answer(void **state) {
	for (int with_body = 0; with_body < 2; with_body++) {
		struct world world;
		world_init(&world);
		world.written = with_body ? 0 : SIZE_MAX;
		struct upload upload = {.left = 100 << 20};
		nghttp2_data_provider body = {.source.ptr = &upload, .read_callback = read_upload};
		(void)ask(&world, &body);
		pump_by_pieces(&world);
		assert_int_equal(world.status, 200);
		assert_int_equal(world.got, with_body ? BODY_SIZE : 0);
		assert_true(world.ended);
		assert_int_equal(world.reset_error, NGHTTP2_NO_ERROR);
		assert_int_equal(world.closed[0], 1);
		assert_true(upload.left > 50 << 20);
		/* What was under way counts for nobody else. */
		(void)ask(&world, NULL);
		pump(&world);
		assert_int_equal(world.requests, 2);
		world_done(&world);
	}
}

/* Two uploads that nobody works on, given up one after the other, leave the third its window. */
static void test_given_up_uploads(void **state) {
	static const struct http2_setting none = {HTTP2_MAX_CONCURRENT_STREAMS, 10};
	struct world world;
	world_init_with(&world, &none, 1);
	world.answers = world.consumes = false;
	for (size_t i = 1; i <= 3; i++) {
		struct upload upload = {.left = 60000, .deferred = true};
		nghttp2_data_provider body = {.source.ptr = &upload, .read_callback = read_upload};
		int32_t id = ask(&world, &body);
		pump(&world);
		assert_int_equal(world.uploaded, i * 60000);
		http2_server_reset(world.server, (uint32_t)id, HTTP2_CANCEL);
		pump(&world);
	}
	world_done(&world);
}

static void test_too_large(void **state) {
	static nghttp2_nv many[HTTP2_FIELDS_MAX + 50];
	static char value[HTTP2_FIELDS_SIZE_MAX];
	for (size_t i = 0; i < sizeof many / sizeof *many; i++)
		many[i] = i < 4 ? get[i] : (nghttp2_nv)NV("x", "y");
	struct world world;
	world_init(&world);
	assert_true(nghttp2_submit_request(world.client, NULL, many, HTTP2_FIELDS_MAX, NULL, NULL) > 0);
	pump(&world);
	assert_int_equal(world.fields, HTTP2_FIELDS_MAX);
	assert_int_equal(world.too_large, 0);
	assert_true(
		nghttp2_submit_request(world.client, NULL, many, HTTP2_FIELDS_MAX + 50, NULL, NULL) > 0);
	pump(&world);
	assert_int_equal(world.fields, HTTP2_FIELDS_MAX);
	assert_int_equal(world.too_large, 1);
	memset(value, 'v', sizeof value);
	many[4].value = (uint8_t *)value;
	many[4].valuelen = sizeof value;
	assert_true(nghttp2_submit_request(world.client, NULL, many, 6, NULL, NULL) > 0);
	pump(&world);
	assert_int_equal(world.too_large, 2);
	assert_int_equal(world.fields, 4);
	assert_int_equal(http2_server_state(world.server), HTTP2_SERVER_OPEN);
	world_done(&world);
}

static void test_too_many_streams(void **state) {
	struct world world;
	world_init(&world);
	world.answers = false;
	for (int i = 0; i < HTTP2_SERVER_STREAMS_MAX + 20; i++)
		(void)ask(&world, NULL);
	while (up(&world))
		; /* before it knows of the limit */
	pump(&world);
	assert_int_equal(world.requests, HTTP2_SERVER_STREAMS_MAX);
	assert_int_equal(world.refused, 20);
	const struct http2_field answer = http2_pair_field(":status", "204");
	assert_int_equal(http2_server_answer(world.server, 1, &answer, 1, true), ERR_OK);
	assert_int_equal(http2_server_answer(world.server, 2, &answer, 1, true), ERR_NOT_FOUND);
	assert_int_equal(http2_server_answer(world.server, 0, &answer, 1, true), ERR_NOT_FOUND);
	assert_int_equal(http2_server_answer(world.server, UINT32_MAX, &answer, 1, true),
					 ERR_NOT_FOUND);
	pump(&world);
	assert_int_equal(world.closed[0], 1);
	(void)ask(&world, NULL);
	pump(&world);
	assert_int_equal(world.requests, HTTP2_SERVER_STREAMS_MAX + 1);
	/* The rest are told that nobody waits any more. */
	http2_server_free(world.server);
	unsigned closed = 0;
	for (int i = 0; i < STREAMS; i++)
		closed += world.closed[i];
	assert_int_equal(closed, HTTP2_SERVER_STREAMS_MAX + 1);
	world.server = NULL;
	world_done(&world);
}

static void test_reset_by_client(void **state) {
	struct world world;
	world_init(&world);
	world.written = 0;
	int32_t id = ask(&world, NULL);
	while (up(&world))
		;
	assert_int_equal(nghttp2_submit_rst_stream(world.client, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL),
					 0);
	while (up(&world))
		;
	assert_int_equal(world.closed[0], 1);
	assert_int_equal(world.closed_error, HTTP2_CANCEL);
	size_t taken;
	assert_int_equal(
		http2_server_write(world.server, (uint32_t)id, (const uint8_t *)"x", 1, true, &taken),
		ERR_NOT_FOUND);
	http2_server_consumed(world.server, (uint32_t)id, 100);
	world_done(&world);
}

/* What a message may not have never comes upward. */
static void test_wrong_message(void **state) {
	struct world world;
	world_init(&world);
	assert_true(nghttp2_submit_request(world.client, NULL, get, 5, NULL, NULL) > 0);
	assert_true(nghttp2_submit_request(world.client, NULL, get, 3, NULL, NULL) > 0);
	pump(&world);
	assert_int_equal(world.requests, 0);
	assert_int_equal(world.reset_error, HTTP2_PROTOCOL_ERROR);
	const struct http2_field wrong = http2_pair_field("Bad Name", "x");
	world.answers = false;
	int32_t id = ask(&world, NULL);
	pump(&world);
	assert_int_equal(http2_server_answer(world.server, (uint32_t)id, &wrong, 1, true), ERR_INVALID);
	assert_int_equal(http2_server_answer(world.server, (uint32_t)id, &wrong, 0, true), ERR_INVALID);
	world_done(&world);
}

/* Somebody who asks for answers and reads none: nothing more is taken, or he is dropped. */
static void test_flood(void **state) {
	struct world world;
	world_init(&world);
	while (up(&world))
		;
	static const uint8_t ping[17] = {0, 0, 8, 6};
	size_t pings = 0;
	enum err error = ERR_OK;
	for (; !error && pings < 100000; pings++) {
		size_t taken = 0;
		error = http2_server_receive(world.server, ping, sizeof ping, &taken);
		if (!error && taken == 0)
			break;
	}
	assert_true(pings < 100000);
	assert_true(http2_server_outgoing(world.server).size < HTTP2_OUTGOING_MAX + 100000);
	world_done(&world);
}

/* Nor from somebody whose windows are open and who does not read. */
static void test_reads_nothing(void **state) {
	struct world world;
	world_init(&world);
	world.written = 0;
	const nghttp2_settings_entry wide = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, INT32_MAX};
	assert_int_equal(nghttp2_submit_settings(world.client, NGHTTP2_FLAG_NONE, &wide, 1), 0);
	assert_int_equal(
		nghttp2_session_set_local_window_size(world.client, NGHTTP2_FLAG_NONE, 0, INT32_MAX), 0);
	(void)ask(&world, NULL);
	while (world.requests == 0)
		assert_true(up(&world));
	size_t waiting = http2_server_outgoing(world.server).size, taken = 1;
	assert_true(waiting > 0 && waiting < HTTP2_SERVER_BODY_MAX + 1000);
	static const uint8_t ping[17] = {0, 0, 8, 6};
	assert_int_equal(http2_server_receive(world.server, ping, sizeof ping, &taken), ERR_OK);
	assert_int_equal(taken, 0);
	pump(&world);
	assert_int_equal(world.got, BODY_SIZE);
	world_done(&world);
}

static void test_take_over_refused(void **state) {
	struct world world;
	world_init(&world);
	world.answers = false;
	const struct http2_field answer = http2_pair_field(":status", "200");
	/* Two at once; then a request whose body is not there yet. */
	(void)ask(&world, NULL);
	int32_t second = ask(&world, NULL);
	pump(&world);
	assert_int_equal(http2_server_take_over(world.server, 1, &answer, 1), ERR_INVALID);
	assert_int_equal(http2_server_answer(world.server, 1, &answer, 1, true), ERR_OK);
	pump(&world);
	assert_int_equal(http2_server_answer(world.server, (uint32_t)second, &answer, 1, true), ERR_OK);
	pump(&world);
	struct upload upload = {.left = 5, .deferred = true};
	nghttp2_data_provider body = {.source.ptr = &upload, .read_callback = read_upload};
	int32_t third = ask(&world, &body);
	pump(&world);
	assert_int_equal(world.uploaded, 5);
	assert_int_equal(http2_server_take_over(world.server, (uint32_t)third, &answer, 1),
					 ERR_INVALID);
	assert_int_equal(http2_server_take_over(world.server, 99, &answer, 1), ERR_INVALID);
	assert_int_equal(http2_server_state(world.server), HTTP2_SERVER_OPEN);
	world_done(&world);
}

/* A client that goes on with HTTP/2 after the answer gets nothing of it. */
static void test_talks_on(void **state) {
	struct world world;
	world_init(&world);
	world.answers = false;
	(void)ask(&world, NULL);
	while (up(&world))
		;
	const struct http2_field answer = http2_pair_field(":status", "200");
	assert_int_equal(http2_server_take_over(world.server, 1, &answer, 1), ERR_OK);
	size_t before = http2_server_outgoing(world.server).size;
	assert_int_equal(http2_server_state(world.server), HTTP2_SERVER_HANDING_OVER);
	(void)ask(&world, NULL);
	assert_int_equal(nghttp2_submit_ping(world.client, NGHTTP2_FLAG_NONE, NULL), 0);
	while (up(&world))
		;
	assert_int_equal(world.requests, 1);
	assert_int_equal(http2_server_outgoing(world.server).size, before);
	assert_int_equal(http2_server_state(world.server), HTTP2_SERVER_HANDING_OVER);
	/* The ACK ends it; behind that, nothing is taken any more. */
	static const uint8_t bytes[] = {0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 8, 6};
	size_t taken;
	assert_int_equal(http2_server_receive(world.server, bytes, sizeof bytes, &taken), ERR_OK);
	assert_int_equal(taken, 9);
	assert_int_equal(http2_server_state(world.server), HTTP2_SERVER_RAW);
	assert_int_equal(http2_server_receive(world.server, bytes, sizeof bytes, &taken), ERR_OK);
	assert_int_equal(taken, 0);
	assert_int_equal(http2_server_outgoing(world.server).size, before);
	world_done(&world);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_large_answer),
		cmocka_unit_test(test_upload),
		cmocka_unit_test(test_upload_behind_its_answer),
		cmocka_unit_test(test_given_up_uploads),
		cmocka_unit_test(test_reads_nothing),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_too_many_streams),
		cmocka_unit_test(test_reset_by_client),
		cmocka_unit_test(test_wrong_message),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_take_over_refused),
		cmocka_unit_test(test_talks_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
