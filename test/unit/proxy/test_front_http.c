#include "front_world.h"

#include "proxy/connection_fields.h"
#include "proxy/rewrite.h"

static void connects(void **state) {
	static const char request[] = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n"
								  "Proxy-Connection: keep-alive\r\n\r\n\x16\x03\x01";
	for (size_t piece = 1; piece < sizeof request; piece++) {
		struct world *world = world_new(NULL);
		assert_int_equal(world_put(world, FRONT_CLIENT, request, sizeof request - 1, piece),
						 sizeof request - 4);
		world_expect(world, "open example.com:443;");
		assert_int_equal(world->client_size, 0);
		front_opened(world->front, world->now);
		world_expect(world, "relay;");
		assert_string_equal(world->client, "HTTP/1.1 200 Connection established\r\n\r\n");
		/* What was behind the head is the owner's to pass on. */
		assert_int_equal(world_text(world, FRONT_CLIENT, "\x16\x03\x01"), 0);
		assert_int_equal(front_waiting(world->front, FRONT_TARGET).size, 0);
		world_free(world);
	}
	struct world *world = world_new(NULL);
	(void)world_text(world, FRONT_CLIENT, "CONNECT [2001:db8::1]:22 HTTP/1.0\r\n\r\n");
	world_expect(world, "open [2001:db8::1]:22;");
	front_end(world->front, world->now, FRONT_CLIENT);
	front_opened(world->front, world->now);
	world_expect(world, "relay;");
	world_free(world);
}

static void tells_why_not(void **state) {
	static const struct {
		enum refusal refusal;
		const char *status;
	} rows[] = {
		{REFUSAL_INTERNAL, "HTTP/1.1 500 "},    {REFUSAL_CARRIER, "HTTP/1.1 503 "},
		{REFUSAL_NOT_ALLOWED, "HTTP/1.1 403 "}, {REFUSAL_UNREACHABLE, "HTTP/1.1 502 "},
		{REFUSAL_TIMEOUT, "HTTP/1.1 504 "},     {REFUSAL_BUSY, "HTTP/1.1 503 "},
	};
	for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
		struct world *world = world_new(NULL);
		world->opens_at_once = true;
		world->refusal = rows[i / 2].refusal;
		(void)world_text(world, FRONT_CLIENT,
						 i % 2 ? "CONNECT example.com:443 HTTP/1.1\r\n\r\n"
							   : "GET http://example.com:443/ HTTP/1.1\r\n\r\n");
		world_expect(world, "open example.com:443;close;");
		world_expect_status(world, rows[i / 2].status);
		/* The whole page, to the byte. */
		const char *length = strstr(world->client, "Content-Length: ");
		const char *body = strstr(world->client, "\r\n\r\n");
		assert_non_null(length);
		assert_non_null(body);
		assert_int_equal(strlen(body + 4), strtoul(length + 16, NULL, 10));
		assert_non_null(strstr(world->client, "\r\nConnection: close\r\n"));
		assert_int_equal(world->target_size, 0);
		world_free(world);
	}
	struct world *world = world_new(NULL);
	world->opens_at_once = true;
	world->refusal = REFUSAL_BUSY;
	(void)world_text(world, FRONT_CLIENT, "HEAD http://example.com/ HTTP/1.1\r\n\r\n");
	assert_string_equal(world->client + world->client_size - 4, "\r\n\r\n");
	world_free(world);
}

static void rejects(void **state) {
	static const struct {
		const char *request, *status;
	} rows[] = {
		/* To a web server, of which this is none. */
		{"GET / HTTP/1.1\r\nHost: 127.0.0.1:1080\r\n\r\n", "HTTP/1.1 400 "},
		{"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 "},
		{"GET https://example.com/ HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
		{"GET ftp://example.com/ HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
		{"GET http:/// HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
		{"GET http://user@example.com/ HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
		{"GET http://example.com:0/ HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
		{"GET http://example.com:65536/ HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
		{"GET http://127.1/ HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
		{"CONNECT example.com HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
		{"CONNECT example.com:0 HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
		{"CONNECT http://example.com:80/ HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
		{"TRACE http://example.com/ HTTP/1.1\r\n\r\n", "HTTP/1.1 501 "},
		{"BREW http://example.com/ HTTP/1.1\r\n\r\n", "HTTP/1.1 501 "},
		{"GET http://example.com/ HTTP/2.0\r\n\r\n", "HTTP/1.1 505 "},
		{"GET http://example.com/ HTTP/1.1\r\nA\r\n\r\n", "HTTP/1.1 400 "},
		{"POST http://example.com/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		 "HTTP/1.1 400 "},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (size_t piece = 1; piece <= 100; piece += 99) {
			struct world *world = world_new(NULL);
			(void)world_put(world, FRONT_CLIENT, rows[i].request, strlen(rows[i].request), piece);
			world_expect(world, "close;");
			if (strncmp(world->client, rows[i].status, strlen(rows[i].status)) != 0)
				print_message("%s%s\n", rows[i].request, world->client);
			world_expect_status(world, rows[i].status);
			world_free(world);
		}
	}
}

static void refuses_large_heads(void **state) {
	struct world *world = world_new(NULL);
	static char text[HTTP1_HEAD_MAX + 100];
	memset(text, 'a', sizeof text);
	memcpy(text, "GET ", 4);
	assert_int_equal(world_put(world, FRONT_CLIENT, text, sizeof text, 1000), sizeof text);
	world_expect(world, "close;");
	world_expect_status(world, "HTTP/1.1 431 ");
	world_free(world);
	/* More names in Connection than are looked at. */
	world = world_new(NULL);
	(void)world_text(world, FRONT_CLIENT, "GET http://example.com/ HTTP/1.1\r\nConnection: ");
	for (size_t i = 0; i <= CONNECTION_FIELDS_MAX; i++)
		(void)world_text(world, FRONT_CLIENT, "a,");
	(void)world_text(world, FRONT_CLIENT, "\r\n\r\n");
	world_expect(world, "close;");
	world_expect_status(world, "HTTP/1.1 400 ");
	world_free(world);
}

static void asks_for_passwords(void **state) {
	static const struct credential alice = {"alice", "secret"};
	static const struct {
		const char *fields, *news;
	} rows[] = {
		{"", "close;"},
		{"Proxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\n", "open example.com:443;"},
		{"proxy-authorization: basic  YWxpY2U6c2VjcmV0\r\n", "open example.com:443;"},
		{"Proxy-Authorization: Basic YWxpY2U6c2VjcmV1\r\n", "close;"},
		{"Proxy-Authorization: Bearer YWxpY2U6c2VjcmV0\r\n", "close;"},
		/* Meant for the target. */
		{"Authorization: Basic YWxpY2U6c2VjcmV0\r\n", "close;"},
		{"Proxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\nProxy-Authorization: Basic eA==\r\n",
		 "close;"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world *world = world_new(&alice);
		(void)world_text(world, FRONT_CLIENT, "CONNECT example.com:443 HTTP/1.1\r\n");
		(void)world_text(world, FRONT_CLIENT, rows[i].fields);
		(void)world_text(world, FRONT_CLIENT, "\r\n");
		world_expect(world, rows[i].news);
		if (strcmp(rows[i].news, "close;") == 0) {
			world_expect_status(world, "HTTP/1.1 407 ");
			assert_non_null(strstr(world->client, "\r\nProxy-Authenticate: Basic realm="));
		}
		world_free(world);
	}
}

static void has_deadlines(void **state) {
	struct world *world = world_new(NULL);
	(void)world_text(world, FRONT_CLIENT, "GET http://example.com/ HT");
	world->now += FRONT_HEAD_TIMEOUT - 1;
	(void)world_text(world, FRONT_CLIENT, "TP/1.1\r\n");
	uint64_t deadline = front_run(world->front, world->now);
	assert_int_equal(deadline, world->now + 1);
	(void)front_run(world->front, deadline);
	world_expect(world, "close;");
	world_expect_status(world, "HTTP/1.1 408 ");
	world_free(world);
	/* Nothing was said: nothing is answered. */
	world = world_new(NULL);
	(void)front_run(world->front, world->now + FRONT_HEAD_TIMEOUT);
	world_expect(world, "close;");
	assert_int_equal(world->client_size, 0);
	world_free(world);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connects),
		cmocka_unit_test(tells_why_not),
		cmocka_unit_test(rejects),
		cmocka_unit_test(refuses_large_heads),
		cmocka_unit_test(asks_for_passwords),
		cmocka_unit_test(has_deadlines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
