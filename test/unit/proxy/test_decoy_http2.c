#include "decoy_world.h"

#include <nghttp2/nghttp2.h>

#include "transport/http/http2_server.h"

/* The decoy against the library's client: many requests at once, and the one that takes over. */

enum { STREAMS = 2100 };

struct answer {
	int status;
	size_t size; /* of the body */
	bool ended;
	uint32_t error;
	char fields[1024];
};

struct peer {
	struct world *world;
	nghttp2_session *session;
	struct answer answers[STREAMS];
	bool goaway;
	size_t words;     /* that came with it */
	const char *body; /* of the request */
	size_t body_left;
};

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
					 size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
					 void *context) {
	struct answer *answer = &((struct peer *)context)->answers[frame->hd.stream_id / 2];
	size_t used = strlen(answer->fields);
	if (name_size == 7 && memcmp(name, ":status", 7) == 0)
		answer->status = atoi((const char *)value);
	(void)snprintf(answer->fields + used, sizeof answer->fields - used, "%.*s: %.*s\n",
				   (int)name_size, (const char *)name, (int)value_size, (const char *)value);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
				   size_t size, void *context) {
	((struct peer *)context)->answers[id / 2].size += size;
	return 0;
}

static int on_closed(nghttp2_session *session, int32_t id, uint32_t error, void *context) {
	struct answer *answer = &((struct peer *)context)->answers[id / 2];
	answer->ended = true;
	answer->error = error;
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
	struct peer *peer = context;
	if (frame->hd.type == NGHTTP2_GOAWAY) {
		peer->goaway = true;
		peer->words += frame->goaway.opaque_data_len;
	}
	return 0;
}

/* One that is not reading gives no window back. */
static struct peer *peer_new_of(bool with_site, bool reads) {
	nghttp2_option *option;
	struct peer *peer = calloc(1, sizeof *peer);
	nghttp2_session_callbacks *callbacks;
	assert_non_null(peer);
	peer->world = world_new(true, with_site);
	assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_closed);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	assert_int_equal(nghttp2_option_new(&option), 0);
	nghttp2_option_set_no_auto_window_update(option, !reads);
	assert_int_equal(nghttp2_session_client_new2(&peer->session, callbacks, peer, option), 0);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	assert_int_equal(nghttp2_submit_settings(peer->session, 0, NULL, 0), 0);
	return peer;
}

static struct peer *peer_new(bool with_site) {
	return peer_new_of(with_site, true);
}

static void peer_free(struct peer *peer) {
	world_free(peer->world);
	nghttp2_session_del(peer->session);
	free(peer);
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t room,
						 uint32_t *out_flags, nghttp2_data_source *source, void *context) {
	struct peer *peer = context;
	size_t size = peer->body_left < room ? peer->body_left : room;
	memset(out, 'x', size);
	peer->body_left -= size;
	if (peer->body_left == 0)
		*out_flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)size;
}

static int32_t ask(struct peer *peer, const char *method, const char *path, const char *cookie,
				   size_t body) {
	const nghttp2_data_provider provider = {.read_callback = read_body};
	const char *const text[][2] = {
		{":method", method}, {":scheme", "https"}, {":authority", "h"},
		{":path", path},     {"cookie", cookie},
	};
	nghttp2_nv list[5];
	for (size_t i = 0; i < 5; i++)
		list[i] = (nghttp2_nv){(uint8_t *)(uintptr_t)text[i][0], (uint8_t *)(uintptr_t)text[i][1],
							   strlen(text[i][0]), strlen(text[i][1]), 0};
	peer->body_left = body;
	int32_t id =
		nghttp2_submit_request(peer->session, NULL, list, 5, body ? &provider : NULL, NULL);
	assert_true(id > 0 && id / 2 < STREAMS);
	return id;
}

/* Bytes both ways until nothing moves. */
static void run(struct peer *peer) {
	struct world *world = peer->world;
	for (bool moved = true; moved;) {
		const uint8_t *data;
		ssize_t size;
		moved = false;
		while ((size = nghttp2_session_mem_send(peer->session, &data)) > 0) {
			assert_int_equal(world_put(world, data, (size_t)size, SIZE_MAX), size);
			moved = true;
		}
		world_run(world);
		if (world->client_size > 0) {
			moved = true;
			assert_int_equal(nghttp2_session_mem_recv(peer->session, (uint8_t *)world->client,
													  world->client_size),
							 world->client_size);
		}
		world->client_size = 0;
	}
}

static void answers(void **state) {
	struct peer *peer = peer_new(true);
	int32_t home = ask(peer, "GET", "/", "a=b", 0);
	run(peer);
	assert_string_equal(peer->answers[home / 2].fields,
						":status: 200\nserver: nginx\ndate: Sun, 06 Nov 1994 08:49:37 GMT\n"
						"content-type: text/html\ncontent-length: 14\n"
						"last-modified: Tue, 14 Nov 2023 22:13:20 GMT\netag: \"6553f100-e\"\n"
						"accept-ranges: bytes\n");
	assert_int_equal(peer->answers[home / 2].size, 14);
	assert_true(peer->answers[home / 2].ended);
	int32_t folder = ask(peer, "GET", "/dir", "a=b", 0);
	run(peer);
	assert_non_null(strstr(peer->answers[folder / 2].fields, "location: https://h:8443/dir/\n"));
	/* One after the other, each was the owner's to judge. */
	/* The first alone is judged, however many ask to be. */
	assert_int_equal(peer->world->candidates, 1);
	peer_free(peer);
}

/* What is sent by itself, as letters: the frames that begin in it; an end in capitals. */
static void next_records(struct peer *peer, char *out_text, size_t room) {
	static const char *const letters[] = {"dD", "hH", "p", "rR", "sS", "", "iI", "g", "w"};
	struct world *world = peer->world;
	size_t used = 0;
	for (struct slice piece; (piece = decoy_waiting(world->decoy)).size > 0;) {
		assert_int_equal(nghttp2_session_mem_recv(peer->session, piece.data, piece.size),
						 piece.size);
		for (size_t at = 0; at < piece.size;) {
			const uint8_t *head = piece.data + at;
			assert_true(head[3] < 9 && used + 2 < room);
			out_text[used++] = letters[head[3]][head[4] & 1];
			at += 9 + ((size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2]);
		}
		out_text[used++] = ' ';
		decoy_sent(world->decoy, world->now, piece.size);
	}
	out_text[used] = '\0';
}

static void put_all(struct peer *peer) {
	uint8_t bytes[4096];
	size_t size = 0;
	const uint8_t *data;
	for (ssize_t more; (more = nghttp2_session_mem_send(peer->session, &data)) > 0;) {
		assert_true(size + (size_t)more <= sizeof bytes);
		memcpy(bytes + size, data, (size_t)more);
		size += (size_t)more;
	}
	assert_int_equal(decoy_put(peer->world->decoy, peer->world->now, bytes, size), size);
}

/* Which frames share a TLS record, as measured with nginx 1.22. */
static void sends_records(void **state) {
	struct peer *peer = peer_new(true);
	char records[256];
	(void)ask(peer, "GET", "/", "a=b", 0);
	put_all(peer);
	next_records(peer, records, sizeof records);
	assert_string_equal(records, "");
	world_refuse(peer->world);
	next_records(peer, records, sizeof records);
	assert_string_equal(records, "swSh D ");
	put_all(peer);
	for (unsigned i = 0; i < 3; i++)
		(void)ask(peer, i == 1 ? "HEAD" : "GET", i == 2 ? "/missing" : "/a.txt", "a=b", 0);
	put_all(peer);
	next_records(peer, records, sizeof records);
	assert_string_equal(records, "hD H hD ");
	(void)nghttp2_submit_ping(peer->session, 0, NULL);
	(void)ask(peer, "GET", "/", "a=b", 0);
	put_all(peer);
	next_records(peer, records, sizeof records);
	assert_string_equal(records, "Ih D ");
	(void)ask(peer, "GET", "/big.png", "a=b", 0);
	put_all(peer);
	next_records(peer, records, sizeof records);
	assert_memory_equal(records, "hdddd dddd", strlen("hdddd dddd"));
	peer_free(peer);
}

static void answers_many(void **state) {
	struct peer *peer = peer_new(true);
	for (unsigned i = 0; i < 100; i++)
		(void)ask(peer, i % 10 ? "GET" : "HEAD", i % 2 ? "/big.png" : "/a.txt", "", 0);
	run(peer);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(peer->answers[i].status, 200);
		assert_true(peer->answers[i].ended);
		assert_int_equal(peer->answers[i].error, 0);
		assert_int_equal(peer->answers[i].size, i % 2 ? DECOY_SITE_BIG : i % 10 ? 12 : 0);
	}
	peer_free(peer);
}

/* A file without bytes is whole at once, though others use all the room there is. */
static void ends_without_bytes(void **state) {
	const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1000};
	struct peer *peer = peer_new_of(true, false);
	assert_int_equal(nghttp2_submit_settings(peer->session, 0, &window, 1), 0);
	for (unsigned i = 0; i < DECOY_FEEDS_MAX; i++)
		(void)ask(peer, "GET", "/big.png", "", 0);
	int32_t empty = ask(peer, "GET", "/empty.txt", "", 0);
	run(peer);
	assert_int_equal(peer->answers[0].status, 200);
	assert_false(peer->answers[0].ended);
	assert_int_equal(peer->answers[empty / 2].status, 200);
	assert_true(peer->answers[empty / 2].ended);
	peer_free(peer);
}

/* What was asked is not kept until the answer was read; nor what a backend has been told. */
static void forgets_requests(void **state) {
	enum { REQUESTS = 100, COOKIE = 30000, MANY = REQUESTS * COOKIE };
	const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1000};
	static char cookie[COOKIE + 1];
	memset(cookie, 'c', COOKIE);
	struct peer *peer = peer_new_of(true, false);
	assert_int_equal(nghttp2_submit_settings(peer->session, 0, &window, 1), 0);
	run(peer);
	size_t before = decoy_held(peer->world->decoy);
	assert_true(before > 0 && before < 100000);
	for (unsigned i = 0; i < REQUESTS; i++)
		(void)ask(peer, "GET", "/big.png", cookie, 0);
	run(peer);
	assert_int_equal(peer->answers[REQUESTS - 1].status, 200);
	assert_false(peer->answers[0].ended || peer->answers[REQUESTS - 1].ended);
	size_t held = decoy_held(peer->world->decoy);
	assert_true(held > DECOY_FEEDS_MAX * HTTP2_SERVER_BODY_MAX && held < MANY / 4);
	peer_free(peer);

	peer = peer_new(false);
	struct world *world = peer->world;
	for (unsigned i = 0; i < DECOY_BACKENDS_MAX + 1; i++)
		(void)ask(peer, "GET", "/", cookie, 0);
	run(peer);
	assert_int_equal(world->backend_count, DECOY_BACKENDS_MAX);
	/* The last one waits for a place; what the others' backends are to be told is there once. */
	held = decoy_held(world->decoy);
	assert_true(held > (DECOY_BACKENDS_MAX + 1) * COOKIE);
	assert_true(held < (DECOY_BACKENDS_MAX * 7 / 4) * COOKIE);
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	decoy_backend_put(world->backends[0], world->now, (const uint8_t *)answer, sizeof answer - 1);
	run(peer);
	assert_int_equal(peer->answers[0].status, 200);
	assert_int_equal(world->backend_count, DECOY_BACKENDS_MAX + 1);
	peer_free(peer);
}

/* More fields than are kept: nobody is served by the others, however soon the body comes. */
static void refuses_too_many_fields(void **state) {
	enum { FIELDS = HTTP2_FIELDS_MAX + 1, ROOM = 4096 };
	static const uint8_t body[] = {0, 0, 1, NGHTTP2_DATA, 0, 0, 0, 0, 1, 'x'};
	static const char *const text[][2] = {
		{":method", "POST"}, {":scheme", "https"}, {":authority", "h"}, {":path", "/"}, {"a", "b"}};
	const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0};
	for (unsigned round = 0; round < 4; round++) {
		const bool with_site = round & 1, together = round & 2;
		struct peer *peer = peer_new(with_site);
		struct world *world = peer->world;
		nghttp2_nv list[FIELDS];
		uint8_t bytes[ROOM];
		const uint8_t *data;
		size_t size = 0;
		for (size_t i = 0; i < FIELDS; i++) {
			const char *const *field = text[i < 4 ? i : 4];
			list[i] = (nghttp2_nv){(uint8_t *)(uintptr_t)field[0], (uint8_t *)(uintptr_t)field[1],
								   strlen(field[0]), strlen(field[1]), 0};
		}
		assert_int_equal(nghttp2_submit_settings(peer->session, 0, &window, 1), 0);
		assert_int_equal(nghttp2_submit_headers(peer->session, 0, -1, NULL, list, FIELDS, NULL), 1);
		for (ssize_t more; (more = nghttp2_session_mem_send(peer->session, &data)) > 0;) {
			assert_true(size + (size_t)more + sizeof body <= sizeof bytes);
			memcpy(bytes + size, data, (size_t)more);
			size += (size_t)more;
		}
		memcpy(bytes + size, body, sizeof body);
		size_t first = together ? size + sizeof body : size;
		assert_int_equal(world_put(world, bytes, first, SIZE_MAX), first);
		(void)world_put(world, bytes + first, size + sizeof body - first, SIZE_MAX);
		run(peer);
		assert_int_equal(peer->answers[0].status, 400);
		assert_int_equal(world->backend_count, 0);
		assert_int_equal(world->candidates, 0);
		assert_int_equal(decoy_state(world->decoy), DECOY_OPEN);
		peer_free(peer);
	}
}

/* Those that came together cannot be taken over, and are nobody's to judge. */
static void judges_only_the_lonely(void **state) {
	struct peer *peer = peer_new(true);
	const uint8_t *data;
	uint8_t all[4096];
	size_t used = 0;
	ssize_t size;
	(void)ask(peer, "GET", "/", "sid=1", 0);
	(void)ask(peer, "GET", "/", "sid=2", 0);
	while ((size = nghttp2_session_mem_send(peer->session, &data)) > 0) {
		memcpy(all + used, data, (size_t)size);
		used += (size_t)size;
	}
	assert_int_equal(world_put(peer->world, all, used, SIZE_MAX), used);
	assert_int_equal(peer->world->candidates, 0);
	run(peer);
	assert_true(peer->answers[0].ended && peer->answers[1].ended);
	(void)ask(peer, "GET", "/zzz", "sid=1", 0);
	run(peer);
	assert_int_equal(peer->world->candidates, 0);
	assert_int_equal(peer->answers[2].status, 404);
	peer_free(peer);
	peer = peer_new(true);
	(void)ask(peer, "POST", "/zzz", "sid=1", 5);
	run(peer);
	assert_int_equal(peer->world->candidates, 0);
	assert_int_equal(peer->answers[0].status, 404);
	peer_free(peer);
}

static void hands_over(void **state) {
	struct peer *peer = peer_new(true);
	struct world *world = peer->world;
	run(peer); /* SETTINGS and their ACKs */
	world->keeps_pending = true;
	int32_t id = ask(peer, "GET", "/", "x=1; sid=abc", 0);
	run(peer);
	assert_true(world->pending);
	assert_string_equal(world->candidate, "abc");
	world->pending = false;
	decoy_judged(world->decoy, world->now, true, slice_of_text("answer"));
	assert_int_equal(decoy_state(world->decoy), DECOY_RAW);
	assert_int_equal(decoy_put(world->decoy, world->now, (const uint8_t *)"raw", 3), 0);
	run(peer);
	assert_non_null(
		strstr(peer->answers[id / 2].fields, "set-cookie: sid=answer; Path=/; Secure; HttpOnly\n"));
	assert_false(peer->answers[id / 2].ended);
	peer_free(peer);
}

/* As browsers begin: all in one flight, and the SETTINGS ACK behind the server's. */
static void hands_over_when_acknowledged(void **state) {
	struct peer *peer = peer_new(true);
	struct world *world = peer->world;
	const uint8_t *data;
	ssize_t size;
	world->keeps_pending = true;
	(void)ask(peer, "GET", "/", "sid=abc", 0);
	while ((size = nghttp2_session_mem_send(peer->session, &data)) > 0)
		assert_int_equal(decoy_put(world->decoy, world->now, data, (size_t)size), size);
	assert_true(world->pending);
	world->pending = false;
	decoy_judged(world->decoy, world->now, true, slice_of_text("answer"));
	assert_int_equal(decoy_state(world->decoy), DECOY_OPEN);
	static const uint8_t ack_and_raw[] = {0, 0, 0, 4, 1, 0, 0, 0, 0, 'r', 'a', 'w'};
	assert_int_equal(decoy_put(world->decoy, world->now, ack_and_raw, sizeof ack_and_raw), 9);
	assert_int_equal(decoy_state(world->decoy), DECOY_RAW);
	assert_true(decoy_waiting(world->decoy).size > 0);
	peer_free(peer);
}

static void bounds_connections(void **state) {
	struct peer *peer = peer_new(true);
	for (unsigned i = 0; i < DECOY_REQUESTS_MAX; i++) {
		assert_false(peer->goaway);
		(void)ask(peer, "HEAD", "/a.txt", "", 0);
		run(peer);
	}
	assert_true(peer->goaway);
	assert_int_equal(decoy_state(peer->world->decoy), DECOY_FINISHED);
	peer_free(peer);
}

static void ends_in_time(void **state) {
	struct peer *peer = peer_new(true);
	struct world *world = peer->world;
	assert_int_equal(decoy_run(world->decoy, world->now), world->now + DECOY_HEAD_TIMEOUT);
	(void)ask(peer, "GET", "/a.txt", "", 0);
	run(peer);
	assert_int_equal(decoy_run(world->decoy, world->now), world->now + DECOY_IDLE_TIMEOUT);
	world->now += DECOY_IDLE_TIMEOUT;
	(void)decoy_run(world->decoy, world->now);
	assert_int_equal(decoy_state(world->decoy), DECOY_FINISHED);
	run(peer);
	assert_true(peer->goaway);
	peer_free(peer);
}

/* As nginx does: a client's end, and frames of unknown types, mean nothing; not in a block. */
static void takes_no_notice(void **state) {
	enum { HEADER = 9, LARGE = 70000, UNKNOWN = 0xfa };
	static const struct {
		uint8_t type, end; /* of its stream's number */
		size_t size;
	} rows[] = {
		{NGHTTP2_GOAWAY, 0, 8},          {NGHTTP2_GOAWAY, 7, LARGE}, {UNKNOWN, 0, 0},
		{NGHTTP2_PRIORITY_UPDATE, 3, 4}, {UNKNOWN, 1, LARGE},
	};
	static uint8_t frame[HEADER + LARGE];
	struct peer *peer = peer_new(true);
	struct world *world = peer->world;
	const uint8_t *data;
	/* Before the settings are acknowledged, and after. */
	ssize_t size = nghttp2_session_mem_send(peer->session, &data);
	assert_int_equal(decoy_put(world->decoy, world->now, data, (size_t)size), size);
	for (unsigned round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
			memset(frame, 0xff, sizeof frame);
			const uint8_t head[HEADER] = {(uint8_t)(rows[i].size >> 16),
										  (uint8_t)(rows[i].size >> 8),
										  (uint8_t)rows[i].size,
										  rows[i].type,
										  0xff,
										  0,
										  0,
										  0,
										  rows[i].end};
			memcpy(frame, head, sizeof head);
			size_t whole = HEADER + rows[i].size, first = i % 2 ? whole : 5;
			assert_int_equal(decoy_put(world->decoy, world->now, frame, first), first);
			assert_int_equal(decoy_put(world->decoy, world->now, frame + first, whole - first),
							 whole - first);
			assert_int_equal(decoy_state(world->decoy), DECOY_OPEN);
		}
		int32_t stream = ask(peer, "GET", "/a.txt", "", 0);
		run(peer);
		assert_int_equal(peer->answers[stream / 2].status, 200);
		assert_true(peer->answers[stream / 2].ended);
	}
	assert_false(peer->goaway);
	/* HEADERS without END_HEADERS, and no CONTINUATION. */
	static const uint8_t block[] = {0, 0, 1, NGHTTP2_HEADERS, 0, 0, 0, 0, 5, 0x82,
									0, 0, 1, UNKNOWN,         0, 0, 0, 0, 5, 0};
	(void)decoy_put(world->decoy, world->now, block, sizeof block);
	assert_int_equal(decoy_state(world->decoy), DECOY_FINISHED);
	peer_free(peer);
}

/* One that is too short to be one. */
static void ends_on_a_short_goaway(void **state) {
	static const uint8_t goaway[] = {0, 0, 4, NGHTTP2_GOAWAY, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	struct peer *peer = peer_new(true);
	run(peer);
	(void)decoy_put(peer->world->decoy, peer->world->now, goaway, sizeof goaway);
	assert_int_equal(decoy_state(peer->world->decoy), DECOY_FINISHED);
	peer_free(peer);
}

/* A library's own words would tell which one it is. */
static void ends_without_words(void **state) {
	static const uint8_t data_on_no_stream[] = {0, 0, 1, NGHTTP2_DATA, 0, 0, 0, 0, 0, 'x'};
	struct peer *peer = peer_new(true);
	struct world *world = peer->world;
	run(peer);
	(void)decoy_put(world->decoy, world->now, data_on_no_stream, sizeof data_on_no_stream);
	run(peer);
	assert_true(peer->goaway);
	assert_int_equal(peer->words, 0);
	peer_free(peer);
}

static void ends_what_it_cannot_read(void **state) {
	struct world *world = world_new(true, true);
	(void)world_text(world, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(decoy_state(world->decoy), DECOY_FINISHED);
	assert_int_equal(world->candidates, 0);
	world_free(world);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(sends_records),
		cmocka_unit_test(answers_many),
		cmocka_unit_test(ends_without_bytes),
		cmocka_unit_test(forgets_requests),
		cmocka_unit_test(refuses_too_many_fields),
		cmocka_unit_test(judges_only_the_lonely),
		cmocka_unit_test(hands_over),
		cmocka_unit_test(hands_over_when_acknowledged),
		cmocka_unit_test(bounds_connections),
		cmocka_unit_test(ends_in_time),
		cmocka_unit_test(takes_no_notice),
		cmocka_unit_test(ends_on_a_short_goaway),
		cmocka_unit_test(ends_without_words),
		cmocka_unit_test(ends_what_it_cannot_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
