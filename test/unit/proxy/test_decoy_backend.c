#include "decoy_world.h"

/* The decoy before another web server. */

#define ASKED \
	"Host: h\r\nX-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n"
#define OURS "Server: nginx\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

static struct decoy_backend *backend_of(struct world *world, size_t place) {
	assert_true(place < world->backend_count);
	assert_non_null(world->backends[place]);
	return world->backends[place];
}

static void expect_asked(struct world *world, size_t place, const char *text) {
	struct slice waiting = decoy_backend_waiting(backend_of(world, place));
	assert_int_equal(waiting.size, strlen(text));
	assert_memory_equal(waiting.data, text, waiting.size);
	decoy_backend_sent(backend_of(world, place), world->now, waiting.size);
}

/* In pieces, as far as there is room. */
static void say(struct world *world, size_t place, const char *text, size_t size, size_t piece) {
	for (size_t used = 0; used < size && world->backends[place];) {
		size_t room = decoy_backend_room(world->backends[place]);
		assert_true(room > 0);
		size_t part = size - used < piece ? size - used : piece;
		part = part < room ? part : room;
		decoy_backend_put(world->backends[place], world->now, (const uint8_t *)text + used, part);
		used += part;
		world_run(world);
	}
}

static void passes_requests(void **state) {
	static const struct {
		const char *request, *asked;
	} rows[] = {
		{"GET /a?b=c HTTP/1.1\r\nHost: h\r\nConnection: close, X-Y\r\nX-Y: 1\r\nTE: trailers\r\n"
		 "Upgrade: websocket\r\nAccept: */*\r\nX-Forwarded-For: 1.2.3.4\r\nCookie: sid=1\r\n"
		 "Proxy-Authorization: x\r\n\r\n",
		 "GET /a?b=c HTTP/1.1\r\n" ASKED "Cookie: sid=1\r\nAccept: */*\r\n\r\n"},
		{"GET http://x:1/a HTTP/1.1\r\nHost: h\r\n\r\n",
		 "GET /a HTTP/1.1\r\nHost: x:1\r\nX-Forwarded-For: 192.0.2.9\r\n"
		 "X-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"},
		{"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Type: t\r\n\r\nabc",
		 "POST /p HTTP/1.1\r\n" ASKED "Content-Length: 3\r\nContent-Type: t\r\n\r\nabc"},
		{"POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "2;x=y\r\nab\r\n1\r\nc\r\n0\r\nT: 1\r\n\r\n",
		 "POST /p HTTP/1.1\r\n" ASKED "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world *world = world_new(false, false);
		assert_int_equal(world_text(world, rows[i].request), strlen(rows[i].request));
		expect_asked(world, 0, rows[i].asked);
		world_free(world);
	}
	struct world *world = world_new(false, false);
	(void)world_text(world, "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(world->backend_count, 0);
	assert_int_equal(strncmp(world->client, "HTTP/1.1 405 ", 13), 0);
	world_free(world);
}

static void passes_answers(void **state) {
	static const struct {
		const char *method, *said;
		bool ends; /* with the connection */
		const char *answer;
	} rows[] = {
		{"GET",
		 "HTTP/1.1 200 Fine\r\nServer: x\r\nX-A: 1\r\nContent-Type: t\r\nContent-Length: 3\r\n"
		 "Connection: close, X-B\r\nX-B: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nabc",
		 false,
		 "HTTP/1.1 200 Fine\r\n" OURS "Content-Type: t\r\nContent-Length: 3\r\n"
		 "Connection: keep-alive\r\nX-A: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nabc"},
		{"GET",
		 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
		 false,
		 "HTTP/1.1 200 OK\r\n" OURS "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
		 "3\r\nabc\r\n0\r\n\r\n"},
		{"GET", "HTTP/1.0 200 OK\r\n\r\nabc", true,
		 "HTTP/1.1 200 OK\r\n" OURS "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
		 "3\r\nabc\r\n0\r\n\r\n"},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false,
		 "HTTP/1.1 200 OK\r\n" OURS "Content-Length: 3\r\nConnection: keep-alive\r\n\r\n"},
		{"GET", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", false,
		 "HTTP/1.1 304 Not Modified\r\n" OURS "Connection: keep-alive\r\nETag: \"x\"\r\n\r\n"},
		{"GET", "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n", false,
		 "HTTP/1.1 204 No\r\n" OURS "Connection: keep-alive\r\n\r\n"},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false,
		 "HTTP/1.1 200 OK\r\n" OURS "Content-Length: 0\r\nConnection: keep-alive\r\n\r\n"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world *world = world_new(false, false);
		char request[128];
		(void)snprintf(request, sizeof request, "%s / HTTP/1.1\r\nHost: h\r\n\r\n", rows[i].method);
		(void)world_text(world, request);
		say(world, 0, rows[i].said, strlen(rows[i].said), SIZE_MAX);
		if (rows[i].ends)
			decoy_backend_ended(backend_of(world, 0), world->now);
		world_run(world);
		assert_string_equal(world->client, rows[i].answer);
		assert_null(world->backends[0]);
		/* The next one has a connection of its own. */
		assert_int_equal(decoy_state(world->decoy), DECOY_OPEN);
		(void)world_text(world, "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
		expect_asked(world, 1, "GET /2 HTTP/1.1\r\n" ASKED "\r\n");
		world_free(world);
	}
}

static void passes_any_pieces(void **state) {
	static const char said[] =
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
	for (size_t piece = 1; piece < sizeof said; piece++) {
		struct world *world = world_new(true, false);
		decoy_free(world->decoy);
		const struct decoy_options options = {
			.ops = &world_ops, .context = world, .cookie = "sid", .peer = ""};
		assert_int_equal(decoy_new(&options, world->now, &world->decoy), ERR_OK);
		(void)world_text(world, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
		say(world, 0, said, sizeof said - 1, piece);
		/* HTTP/1.0 knows no chunks: the end of the connection is the end. */
		assert_int_equal(decoy_state(world->decoy), DECOY_FINISHED);
		assert_non_null(strstr(world->client, "\r\nConnection: close\r\n\r\nabc"));
		assert_int_equal(world->client[world->client_size - 1], 'c');
		world_free(world);
	}
}

static void tells_what_went_wrong(void **state) {
	static const struct {
		const char *said; /* NULL: it fails; "": it ends */
		const char *status;
	} rows[] = {
		{NULL, "502 Bad Gateway"},
		{"", "502 Bad Gateway"},
		{"rubbish\r\n\r\n", "502 Bad Gateway"},
		{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
		 "502 Bad Gateway"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world *world = world_new(false, false);
		(void)world_text(world, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
		if (!rows[i].said)
			decoy_backend_failed(backend_of(world, 0), world->now);
		else if (!rows[i].said[0])
			decoy_backend_ended(backend_of(world, 0), world->now);
		else
			say(world, 0, rows[i].said, strlen(rows[i].said), SIZE_MAX);
		world_run(world);
		assert_int_equal(strncmp(world->client + 9, rows[i].status, strlen(rows[i].status)), 0);
		assert_null(world->backends[0]);
		assert_int_equal(decoy_state(world->decoy), DECOY_OPEN);
		world_free(world);
	}
	struct world *world = world_new(false, false);
	(void)world_text(world, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	world->now += DECOY_BACKEND_TIMEOUT - 1;
	(void)decoy_run(world->decoy, world->now);
	assert_non_null(world->backends[0]);
	world->now++;
	(void)decoy_run(world->decoy, world->now);
	world_run(world);
	assert_int_equal(strncmp(world->client, "HTTP/1.1 504 Gateway Time-out\r\n", 31), 0);
	assert_null(world->backends[0]);
	/* What broke in the middle is no whole answer. */
	(void)world_text(world, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	static const char half[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n";
	say(world, 1, half, sizeof half - 1, SIZE_MAX);
	decoy_backend_ended(backend_of(world, 1), world->now);
	world_run(world);
	assert_int_equal(decoy_state(world->decoy), DECOY_FINISHED);
	assert_null(strstr(world->client, "\r\n0\r\n\r\n"));
	world_free(world);
}

static void keeps_no_more_than_fits(void **state) {
	struct world *world = world_new(false, false);
	static uint8_t bytes[100000];
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
	static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
	(void)decoy_put(world->decoy, world->now, (const uint8_t *)request, sizeof request - 1);
	world_refuse(world);
	decoy_backend_put(backend_of(world, 0), world->now, (const uint8_t *)head, sizeof head - 1);
	/* A client that does not read holds its backend back. */
	size_t put = 0;
	for (size_t room; (room = decoy_backend_room(backend_of(world, 0))) > 0; put += room) {
		assert_true(put < 300000);
		decoy_backend_put(backend_of(world, 0), world->now, bytes, room);
	}
	assert_true(decoy_waiting(world->decoy).size <= DECOY_OUTGOING_MAX);
	size_t resumed = world->resumed;
	world_run(world);
	assert_true(world->resumed > resumed);
	assert_true(decoy_backend_room(backend_of(world, 0)) > 0);
	world_free(world);
	/* A backend that does not read, its client. */
	world = world_new(false, false);
	(void)world_text(world, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
	put = 0;
	for (size_t taken; (taken = decoy_put(world->decoy, world->now, bytes, 10000)) > 0;)
		put += taken;
	assert_in_range(put, 10000, 100000);
	decoy_backend_sent(backend_of(world, 0), world->now, 50000);
	assert_true(decoy_put(world->decoy, world->now, bytes, 10000) > 0);
	world_free(world);
	/* And no more than nginx takes. */
	world = world_new(false, false);
	(void)world_text(world, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n");
	assert_int_equal(strncmp(world->client, "HTTP/1.1 413 ", 13), 0);
	assert_int_equal(world->backend_count, 0);
	world_free(world);
}

static void asks_for_the_body(void **state) {
	struct world *world = world_new(false, false);
	(void)world_text(world, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"
							"Expect: 100-continue\r\n\r\n");
	assert_string_equal(world->client, "HTTP/1.1 100 Continue\r\n\r\n");
	assert_non_null(world->backends[0]);
	world_free(world);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_requests),         cmocka_unit_test(passes_answers),
		cmocka_unit_test(passes_any_pieces),       cmocka_unit_test(tells_what_went_wrong),
		cmocka_unit_test(keeps_no_more_than_fits), cmocka_unit_test(asks_for_the_body),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
