#include "decoy_world.h"

#define DATE "Server: nginx\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

static size_t count(const char *text, const char *what) {
	size_t found = 0;
	for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
		found++;
	return found;
}

static void takes_any_pieces(void **state) {
	static const char request[] = "POST /zzz HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
								  "\r\n3\r\nabc\r\n0\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";
	for (size_t piece = 1; piece < sizeof request; piece++) {
		struct world *world = world_new(false, true);
		assert_int_equal(world_put(world, request, sizeof request - 1, piece), sizeof request - 1);
		assert_int_equal(count(world->client, "HTTP/1.1 404 Not Found\r\n"), 1);
		assert_int_equal(count(world->client, "HTTP/1.1 200 OK\r\n"), 1);
		assert_int_equal(count(world->client, "hello world\n"), 1);
		/* The one with a body cannot be taken over, and the other one is not the first. */
		assert_int_equal(world->candidates, 0);
		world_free(world);
	}
}

/* Status lines, and whether that is the end, as of nginx 1.22. */
static void ends_what_it_cannot_read(void **state) {
	static const struct {
		const char *request, *status;
	} rows[] = {
		{"foo / HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request"},
		{"GET / HTTP/1.1\r\n\r\n", "400 Bad Request"},
		{"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", "400 Bad Request"},
		{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400 Bad Request"},
		{"GET / HTTP/1.1\r\nHost: \r\n\r\n", "400 Bad Request"},
		{"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request"},
		{"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request"},
		{"CONNECT / HTTP/1.1\r\nHost: h\r\n\r\n", "405 Not Allowed"},
		{"F1 / HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request"},
		{"FOO\r\n", "400 Bad Request"},
		{" GET / HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request"},
		{"GET / HTTP/x\r\nHost: h\r\n\r\n", "400 Bad Request"},
		{"GET / HTTP/0.9\r\n\r\n", "400 Bad Request"},
		{"GET / HTTP/2", "505 HTTP Version Not Supported"},
		{"GET a HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request"},
		{"GET /../ HTTP/1.1\r\nHost: h\r\n\r\n", "400 Bad Request"},
		{"GET / HTTP/1.1\r\nHost: h\r\n y\r\n\r\n", "400 Bad Request"},
		{"\x16\x03\x01garbage\r\n\r\n", "400 Bad Request"},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400 Bad Request"},
		{"GET / HTTP/2.5\r\nHost: h\r\n\r\n", "505 HTTP Version Not Supported"},
		{"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", ""},
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
		 "400 Bad Request"},
		{"TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", "405 Not Allowed"},
		{"GET /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "200 OK"},
		{"GET /a.txt HTTP/1.0\r\n\r\n", "200 OK"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world *world = world_new(false, true);
		(void)world_text(world, rows[i].request);
		assert_int_equal(decoy_state(world->decoy), DECOY_FINISHED);
		char status[64];
		(void)snprintf(status, sizeof status, "HTTP/1.1 %s", rows[i].status);
		assert_int_equal(strncmp(world->client, status, strlen(status)), 0);
		assert_non_null(strstr(world->client, "\r\nConnection: close\r\n"));
		/* What comes behind is of no use, and does not wait. */
		assert_int_equal(decoy_put(world->decoy, world->now, (const uint8_t *)"x", 1), 1);
		world_free(world);
	}
	struct world *world = world_new(false, true);
	(void)world_text(world, "GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(decoy_state(world->decoy), DECOY_OPEN);
	assert_non_null(strstr(world->client, "\r\nConnection: keep-alive\r\n"));
	world_free(world);
}

/* Whatever may be a method is one, and so is a version: nothing of it is the connection's end. */
static void takes_what_may_be(void **state) {
	static const struct {
		const char *request, *status;
	} rows[] = {
		{"FOO / HTTP/1.1\r\nHost: h\r\n\r\n", "405 Not Allowed"},
		{"\r\nA-_ /zzz HTTP/1.1\r\nHost: h\r\n\r\n", "405 Not Allowed"},
		{"GETT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", "405 Not Allowed"},
		{"DESCRIBE / HTTP/1.1\r\nHost: h\r\n\r\n", "405 Not Allowed"},
		{"GET /a.txt HTTP/1.3\r\nHost: h\r\n\r\n", "200 OK"},
	};
	for (size_t piece = 1; piece < 100; piece += 98) {
		struct world *world = world_new(false, true);
		for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
			const char *text = rows[i].request;
			char status[64];
			(void)snprintf(status, sizeof status, "HTTP/1.1 %s", rows[i].status);
			memset(world->client, 0, sizeof status);
			world->client_size = 0;
			for (size_t at = 0, size; at < strlen(text); at += size) {
				char part[128];
				size = strlen(text + at) < piece ? strlen(text + at) : piece;
				(void)snprintf(part, sizeof part, "%.*s", (int)size, text + at);
				assert_int_equal(world_text(world, part), size);
			}
			assert_int_equal(strncmp(world->client, status, strlen(status)), 0);
			assert_int_equal(decoy_state(world->decoy), DECOY_OPEN);
		}
		world_free(world);
	}
}

/* HTTP/0.9: a line, of GET, and the body alone. */
static void answers_a_bare_line(void **state) {
	static const char *const requests[] = {"GET /a.txt\r\n", "GET /a.txt\n", "GET /a.txt\r\n\r\n",
										   "GET /a.txt\r\n\x01: x"};
	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
		struct world *world = world_new(false, true);
		(void)world_text(world, requests[i]);
		assert_string_equal(world->client, "hello world\n");
		assert_int_equal(decoy_state(world->decoy), DECOY_FINISHED);
		world_free(world);
	}
	struct world *world = world_new(false, true);
	(void)world_text(world, "HEAD /a.txt\r\n\r\n");
	assert_int_equal(strncmp(world->client, "<html>", 6), 0);
	assert_non_null(strstr(world->client, "400 Bad Request"));
	assert_int_equal(decoy_state(world->decoy), DECOY_FINISHED);
	world_free(world);
}

static void bounds_requests(void **state) {
	static char request[70000];
	struct world *world = world_new(false, true);
	(void)snprintf(request, sizeof request, "GET /%09000d HTTP/1.1\r\nHost: h\r\n\r\n", 0);
	(void)world_text(world, request);
	assert_int_equal(strncmp(world->client, "HTTP/1.1 414 Request-URI Too Large\r\n", 36), 0);
	world_free(world);
	world = world_new(false, true);
	(void)snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: h\r\nX: %09000d\r\n\r\n", 0);
	(void)world_text(world, request);
	assert_non_null(strstr(world->client, "<title>400 Request Header Or Cookie Too Large</title>"));
	assert_non_null(strstr(world->client, "Content-Length: 226\r\n"));
	world_free(world);
	world = world_new(false, true);
	for (unsigned i = 0; i < DECOY_REQUESTS_MAX; i++) {
		assert_int_equal(decoy_state(world->decoy), DECOY_OPEN);
		world->client_size = 0;
		(void)world_text(world, "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n");
	}
	assert_int_equal(decoy_state(world->decoy), DECOY_FINISHED);
	world_free(world);
}

static void says_no_body_to_head(void **state) {
	struct world *world = world_new(false, true);
	(void)world_text(world, "HEAD / HTTP/1.1\r\n\r\n");
	assert_int_equal(strncmp(world->client, "HTTP/1.1 400 Bad Request\r\n", 26), 0);
	assert_non_null(strstr(world->client, "\r\nContent-Length: 150\r\n"));
	assert_null(strstr(world->client, "<html>"));
	assert_int_equal(decoy_state(world->decoy), DECOY_FINISHED);
	world_free(world);
}

/* As nginx: before any answer about a file, and before no other. */
static void says_to_go_on(void **state) {
	static const struct {
		const char *request;
		bool is_said;
	} cases[] = {
		{"GET /a.txt HTTP/1.1\r\nHost: h\r\n", true},
		{"HEAD / HTTP/1.1\r\nHost: h\r\n", true},
		{"GET /a.txt HTTP/1.1\r\nHost: h\r\nIf-None-Match: *\r\n", true},
		{"GET /a.txt HTTP/1.1\r\nHost: h\r\nIf-Match: \"z\"\r\n", true},
		{"GET /a.txt HTTP/1.1\r\nHost: h\r\nRange: bytes=900-\r\n", true},
		{"GET /a.txt HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n", true},
		{"GET /a.txt HTTP/1.0\r\nHost: h\r\n", false},
		{"POST /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n", false},
		{"GET /zzz HTTP/1.1\r\nHost: h\r\n", false},
		{"GET /dir HTTP/1.1\r\nHost: h\r\n", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct world *world = world_new(false, true);
		char request[256];
		(void)snprintf(request, sizeof request, "%sExpect: 100-Continue\r\n\r\n", cases[i].request);
		(void)world_text(world, request);
		const bool is_said = strncmp(world->client, "HTTP/1.1 100 Continue\r\n\r\nHTTP", 29) == 0;
		if (is_said != cases[i].is_said)
			fail_msg("%s: %.60s", cases[i].request, world->client);
		world_free(world);
	}
}

/* A body in chunks has no length to be refused by: time bounds it, as it does nginx's. */
static void reads_chunks_for_a_while(void **state) {
	static char chunk[60000 + 16];
	struct world *world = world_new(false, true);
	(void)world_text(world, "GET /a.txt HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
	assert_int_equal(strncmp(world->client, "HTTP/1.1 200 OK\r\n", 17), 0);
	const size_t size = world->client_size;
	(void)snprintf(chunk, sizeof chunk, "ea60\r\n%060000d\r\n", 0);
	const uint64_t begin = world->now;
	while (decoy_state(world->decoy) == DECOY_OPEN) {
		assert_true(world->now <= begin + DECOY_LINGER_MAX);
		(void)world_text(world, chunk);
		world->now += CLOCK_SECOND;
		(void)decoy_run(world->decoy, world->now);
	}
	assert_int_equal(decoy_state(world->decoy), DECOY_CUT);
	assert_int_equal(world->now, begin + DECOY_LINGER_MAX);
	assert_int_equal(world->client_size, size);
	world_free(world);
}

/* A body that nobody wants is read for a while, so that the answer is not lost. */
static void lingers(void **state) {
	struct world *world = world_new(false, true);
	(void)world_text(world, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\nabc");
	assert_int_equal(strncmp(world->client, "HTTP/1.1 413 Request Entity Too Large\r\n", 39), 0);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(decoy_state(world->decoy), DECOY_OPEN);
		assert_int_equal(decoy_put(world->decoy, world->now, (const uint8_t *)"abc", 3), 3);
		uint64_t next = decoy_run(world->decoy, world->now);
		assert_int_equal(next, world->now + DECOY_LINGER_IDLE);
		world->now = next;
		if (i < 5)
			world->now--;
	}
	(void)decoy_run(world->decoy, world->now);
	assert_int_equal(decoy_state(world->decoy), DECOY_CUT);
	world_free(world);
	/* Its end is the answer's, too. */
	world = world_new(false, true);
	(void)world_text(
		world, "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 9\r\n\r\nabc");
	assert_int_equal(decoy_state(world->decoy), DECOY_OPEN);
	(void)world_text(world, "defghi");
	assert_int_equal(decoy_state(world->decoy), DECOY_FINISHED);
	world_free(world);
}

static void waits_for_the_verdict(void **state) {
	struct world *world = world_new(false, true);
	world->keeps_pending = true;
	static const char request[] =
		"GET /a.txt HTTP/1.1\r\nHost: h\r\nCookie: a=1; sid=abc_-9; b=2\r\n\r\n";
	assert_int_equal(world_text(world, request), sizeof request - 1);
	assert_string_equal(world->candidate, "abc_-9");
	assert_int_equal(world->client_size, 0);
	/* Nothing is taken, and nothing is due, until then. */
	assert_int_equal(decoy_put(world->decoy, world->now, (const uint8_t *)"GET", 3), 0);
	assert_int_equal(decoy_run(world->decoy, world->now + 1000 * CLOCK_SECOND), CLOCK_NEVER);
	world_refuse(world);
	world_run(world);
	assert_int_equal(strncmp(world->client, "HTTP/1.1 200 OK\r\n", 17), 0);
	world_free(world);
	static const char *const none[] = {"", "Cookie: x=1\r\n", "Cookie: sid=1; sid=2\r\n",
									   "Cookie: sid=1\r\nCookie: sid=2\r\n", "Cookie: sid=\r\n"};
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		char text[256];
		world = world_new(false, true);
		world->keeps_pending = true;
		(void)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n", none[i]);
		(void)world_text(world, text);
		assert_true(world->pending);
		assert_string_equal(world->candidate, "");
		world_refuse(world);
		world_run(world);
		world_free(world);
	}
}

static void hands_over(void **state) {
	struct world *world = world_new(false, true);
	world->keeps_pending = true;
	(void)world_text(world, "GET /a.txt HTTP/1.1\r\nHost: h\r\nCookie: sid=abc\r\n\r\n");
	world->pending = false;
	decoy_judged(world->decoy, world->now, true, slice_of_text("answer"));
	assert_int_equal(decoy_state(world->decoy), DECOY_RAW);
	world_run(world);
	assert_string_equal(
		world->client, "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
					   "Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n"
					   "Connection: keep-alive\r\n"
					   "Set-Cookie: sid=answer; Path=/; Secure; HttpOnly\r\n\r\n");
	assert_int_equal(decoy_put(world->decoy, world->now, (const uint8_t *)"raw", 3), 0);
	world_free(world);
	/* What could not be answered so is answered as ever. */
	static const char *const others[] = {"HEAD /a.txt HTTP/1.1\r\nHost: h\r\n\r\n",
										 "GET /a.txt HTTP/1.0\r\n\r\n"};
	for (size_t i = 0; i < 2; i++) {
		world = world_new(false, true);
		world->keeps_pending = true;
		(void)world_text(world, others[i]);
		world->pending = false;
		decoy_judged(world->decoy, world->now, true, slice_of_text("answer"));
		world_run(world);
		assert_int_not_equal(decoy_state(world->decoy), DECOY_RAW);
		assert_non_null(strstr(world->client, "ETag: \"6553f100-c\"\r\n"));
		assert_null(strstr(world->client, "answer"));
		world_free(world);
	}
}

static void sends_no_more_than_fits(void **state) {
	struct world *world = world_new(false, true);
	static const char request[] = "GET /big.png HTTP/1.1\r\nHost: h\r\n\r\n";
	assert_int_equal(
		decoy_put(world->decoy, world->now, (const uint8_t *)request, sizeof request - 1),
		sizeof request - 1);
	world_refuse(world);
	assert_true(decoy_waiting(world->decoy).size <= DECOY_OUTGOING_MAX);
	/* The next request waits for the end of the answer. */
	assert_int_equal(decoy_put(world->decoy, world->now, (const uint8_t *)"GET", 3), 0);
	world_run(world);
	const char *body = strstr(world->client, "\r\n\r\n") + 4;
	assert_int_equal(world->client + world->client_size - body, DECOY_SITE_BIG);
	const struct site_file *file = site_find(world->site, "/big.png", 8);
	assert_memory_equal(body, file->content.data, DECOY_SITE_BIG);
	world_free(world);
}

static void ends_in_time(void **state) {
	static const struct {
		const char *text;
		uint64_t timeout;
		enum decoy_state end; /* as of nginx 1.22 */
	} rows[] = {
		{"", DECOY_HEAD_TIMEOUT, DECOY_FINISHED},
		{"GET / HT", DECOY_HEAD_TIMEOUT, DECOY_CUT},
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", DECOY_IDLE_TIMEOUT, DECOY_FINISHED},
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET", DECOY_HEAD_TIMEOUT, DECOY_CUT},
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na", DECOY_LINGER_IDLE, DECOY_CUT},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world *world = world_new(false, true);
		if (rows[i].text[0])
			(void)world_text(world, rows[i].text);
		assert_int_equal(decoy_run(world->decoy, world->now), world->now + rows[i].timeout);
		world->now += rows[i].timeout - 1;
		(void)decoy_run(world->decoy, world->now);
		assert_int_equal(decoy_state(world->decoy), DECOY_OPEN);
		world->now++;
		(void)decoy_run(world->decoy, world->now);
		assert_int_equal(decoy_state(world->decoy), rows[i].end);
		world_free(world);
	}
	/* A client that is done gets its answer. */
	struct world *world = world_new(false, true);
	world->keeps_pending = true;
	(void)world_text(world, "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n");
	decoy_end(world->decoy, world->now);
	assert_int_equal(decoy_state(world->decoy), DECOY_OPEN);
	world_refuse(world);
	world_run(world);
	assert_non_null(strstr(world->client, "hello world\n"));
	assert_int_equal(decoy_state(world->decoy), DECOY_CUT);
	world_free(world);
}

/* TLS says that it is the end to who is still there, as nginx 1.22 does. */
static void ends_when_the_client_does(void **state) {
	static const struct {
		const char *text;
		enum decoy_state end;
	} rows[] = {
		{"", DECOY_CUT},
		{"GET / HT", DECOY_CUT},
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", DECOY_CUT},
		{"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", DECOY_FINISHED},
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na", DECOY_CUT},
		{"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 3\r\n\r\na",
		 DECOY_CUT},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world *world = world_new(false, true);
		if (rows[i].text[0])
			(void)world_text(world, rows[i].text);
		decoy_end(world->decoy, world->now);
		assert_int_equal(decoy_state(world->decoy), rows[i].end);
		assert_int_equal(decoy_put(world->decoy, world->now, (const uint8_t *)"x", 1), 1);
		world_free(world);
	}
}

static void answers_what_comes_without_tls(void **state) {
	static const char page[] =
		"HTTP/1.1 400 Bad Request\r\n" DATE "Content-Type: text/html\r\nContent-Length: 248\r\n"
		"Connection: close\r\n\r\n<html>\r\n<head><title>400 The plain HTTP request was sent to "
		"HTTPS port</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n"
		"<center>The plain HTTP request was sent to HTTPS port</center>\r\n"
		"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
	static const char *const requests[] = {
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		"\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.1\r\nH",
		"GET / HTTP/1.0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
		"FOO / HTTP/1.1\r\nHost: h\r\n\r\n",
	};
	/* There is a site, or a backend: neither is asked, and nobody judges. */
	for (size_t i = 0; i < 2 * sizeof requests / sizeof requests[0]; i++) {
		struct world *world = world_new_of(false, true, i % 2);
		(void)world_text(world, requests[i / 2]);
		assert_string_equal(world->client, page);
		assert_int_equal(decoy_state(world->decoy), DECOY_FINISHED);
		assert_int_equal(world->candidates + world->backend_count, 0);
		world_free(world);
	}
	static const struct {
		const char *request, *status;
	} others[] = {
		{"GET / HTTP/1.1\r\n\r\n", "400 Bad Request"},
		{"SSH-2.0-probe\r\n", "400 Bad Request"},
		{"hello\x01\x02", "400 Bad Request"},
		{"TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", "405 Not Allowed"},
		{"GET / HTTP/2.0\r\nHost: h\r\n\r\n", "505 HTTP Version Not Supported"},
	};
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		struct world *world = world_new_of(false, true, true);
		char title[64];
		(void)snprintf(title, sizeof title, "<title>%s</title>", others[i].status);
		(void)world_text(world, others[i].request);
		assert_non_null(strstr(world->client, title));
		assert_int_equal(decoy_state(world->decoy), DECOY_FINISHED);
		world_free(world);
	}
	/* Without the page where none is wanted, and not before a body's end has come, or time. */
	struct world *world = world_new_of(false, true, true);
	(void)world_text(world, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(world->client_size, strstr(page, "<html>") - page);
	world_free(world);
	world = world_new_of(false, true, true);
	(void)world_text(world, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\nhello");
	assert_string_equal(world->client, page);
	assert_int_equal(decoy_state(world->decoy), DECOY_OPEN);
	world->now = decoy_run(world->decoy, world->now);
	(void)decoy_run(world->decoy, world->now);
	assert_int_equal(decoy_state(world->decoy), DECOY_CUT);
	world_free(world);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_any_pieces),
		cmocka_unit_test(ends_what_it_cannot_read),
		cmocka_unit_test(takes_what_may_be),
		cmocka_unit_test(answers_a_bare_line),
		cmocka_unit_test(bounds_requests),
		cmocka_unit_test(says_to_go_on),
		cmocka_unit_test(reads_chunks_for_a_while),
		cmocka_unit_test(lingers),
		cmocka_unit_test(says_no_body_to_head),
		cmocka_unit_test(waits_for_the_verdict),
		cmocka_unit_test(hands_over),
		cmocka_unit_test(sends_no_more_than_fits),
		cmocka_unit_test(ends_in_time),
		cmocka_unit_test(ends_when_the_client_does),
		cmocka_unit_test(answers_what_comes_without_tls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
