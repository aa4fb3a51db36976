#include "front_world.h"

#include "proxy/origin.h"

static const char get[] = "GET http://example.com:8080/a?b HTTP/1.1\r\n"
						  "Host: elsewhere\r\n"
						  "User-Agent: x\r\n"
						  "Proxy-Connection: keep-alive\r\n"
						  "Proxy-Authorization: Basic c2VjcmV0\r\n"
						  "Connection: keep-alive, X-Hop\r\n"
						  "X-Hop: 1\r\n"
						  "TE: trailers\r\n"
						  "Cookie: a=b\r\n\r\n";
static const char got[] = "GET /a?b HTTP/1.1\r\n"
						  "Host: example.com:8080\r\n"
						  "User-Agent: x\r\n"
						  "Cookie: a=b\r\n"
						  "Connection: close\r\n\r\n";

/* A world whose target is connected as soon as it is asked for. */
static struct world *ready(void) {
	struct world *world = world_new(NULL);
	world->opens_at_once = true;
	return world;
}

static void expect_target(struct world *world, const char *text) {
	world_send(world);
	assert_string_equal(world->target, text);
	world->target[world->target_size = 0] = '\0';
}

static void expect_client(struct world *world, const char *text) {
	world_send(world);
	assert_string_equal(world->client, text);
	world->client[world->client_size = 0] = '\0';
}

static void goes_on(void **state) {
	static const char answer[] = "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nConnection: close\r\n"
								 "Keep-Alive: timeout=5\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n"
								 "hello";
	for (size_t piece = 1; piece < sizeof get; piece += 7) {
		struct world *world = ready();
		for (int i = 0; i < 3; i++) {
			assert_int_equal(world_put(world, FRONT_CLIENT, get, sizeof get - 1, piece),
							 sizeof get - 1);
			world_expect(world, "open example.com:8080;");
			expect_target(world, got);
			/* Another request has to wait. */
			assert_int_equal(world_text(world, FRONT_CLIENT, get), 0);
			assert_int_equal(world_put(world, FRONT_TARGET, answer, sizeof answer - 1, piece),
							 sizeof answer - 1);
			world_expect(world, "release;");
			expect_client(world, "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nSet-Cookie: a\r\n"
								 "Set-Cookie: b\r\n\r\nhello");
			/* Behind the answer the target has nothing to say. */
			assert_int_equal(world_text(world, FRONT_TARGET, "more"), 0);
			front_end(world->front, world->now, FRONT_TARGET);
			assert_int_equal(front_run(world->front, world->now), world->now + FRONT_IDLE_TIMEOUT);
		}
		world_expect(world, "");
		/* Nobody wants more: without a word, which might be taken for an answer. */
		(void)front_run(world->front, world->now + FRONT_IDLE_TIMEOUT);
		world_expect(world, "close;");
		expect_client(world, "");
		world_free(world);
	}
}

/* Bodies pass as they are, up to their end. */
static void passes_bodies(void **state) {
	static const char head[] = "POST http://example.com HTTP/1.1\r\n"
							   "Transfer-Encoding: chunked\r\n\r\n";
	static const char body[] = "5\r\nhello\r\n0\r\n\r\n";
	static const char answer[] = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nLink: x\r\n\r\n"
								 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
								 "2;a\r\nhi\r\n0\r\nX: y\r\n\r\n";
	char both[sizeof head + sizeof body + 10], sent[sizeof both + 100];
	(void)snprintf(both, sizeof both, "%s%sGET", head, body);
	(void)snprintf(sent, sizeof sent,
				   "POST / HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n"
				   "Connection: close\r\n\r\n%s",
				   body);
	for (size_t piece = 1; piece < sizeof both; piece++) {
		struct world *world = ready();
		assert_int_equal(world_put(world, FRONT_CLIENT, both, strlen(both), piece),
						 strlen(both) - 3);
		world_expect(world, "open example.com:80;");
		expect_target(world, sent);
		(void)world_put(world, FRONT_TARGET, answer, sizeof answer - 1, piece);
		world_expect(world, "release;");
		expect_client(world, answer);
		world_free(world);
	}
}

/* An answer to its end of the connection, and one that is there before the request is. */
static void closes(void **state) {
	struct world *world = ready();
	(void)world_text(world, FRONT_CLIENT, get);
	(void)world_text(world, FRONT_TARGET, "HTTP/1.0 200 OK\r\n\r\nall");
	(void)world_text(world, FRONT_TARGET, " of it");
	world_expect(world, "open example.com:8080;");
	front_end(world->front, world->now, FRONT_TARGET);
	world_expect(world, "release;close;");
	expect_client(world, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it");
	world_free(world);

	/* No bytes at all change nothing. */
	world = ready();
	assert_int_equal(front_put(world->front, world->now, FRONT_CLIENT, NULL, 0), 0);
	(void)world_text(world, FRONT_CLIENT, get);
	assert_int_equal(front_put(world->front, world->now, FRONT_TARGET, NULL, 0), 0);
	world_expect(world, "open example.com:8080;");
	world_free(world);

	world = ready();
	(void)world_text(world, FRONT_CLIENT,
					 "POST http://example.com/ HTTP/1.1\r\nContent-Length: 100\r\n\r\nbegin");
	(void)world_text(world, FRONT_TARGET, "HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n");
	world_expect(world, "open example.com:80;release;close;");
	expect_client(world, "HTTP/1.1 413 Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	world_free(world);

	/* An old client; one that asks for it; one that has ended. */
	static const char *const requests[] = {
		"GET http://example.com/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		"GET http://example.com/ HTTP/1.1\r\nConnection: close\r\n\r\n",
		"GET http://example.com/ HTTP/1.1\r\n\r\n",
	};
	for (size_t i = 0; i < 3; i++) {
		world = ready();
		(void)world_text(world, FRONT_CLIENT, requests[i]);
		if (i == 2)
			front_end(world->front, world->now, FRONT_CLIENT);
		assert_non_null(strstr(world->target, i == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n"));
		(void)world_text(world, FRONT_TARGET, "HTTP/1.1 204 \r\n\r\n");
		world_expect(world, "open example.com:80;release;close;");
		expect_client(world, "HTTP/1.1 204 \r\nConnection: close\r\n\r\n");
		world_free(world);
	}
}

static void knows_head(void **state) {
	struct world *world = ready();
	(void)world_text(world, FRONT_CLIENT, "HEAD http://example.com/ HTTP/1.1\r\n\r\n");
	(void)world_text(world, FRONT_TARGET, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
	world_expect(world, "open example.com:80;release;");
	expect_client(world, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
	/* And forgets it; a request has its own time from its first byte on. */
	world->now += FRONT_IDLE_TIMEOUT - 1;
	(void)world_text(world, FRONT_CLIENT, "GET / HTTP");
	assert_int_equal(front_run(world->front, world->now), world->now + FRONT_HEAD_TIMEOUT);
	(void)front_run(world->front, world->now + FRONT_HEAD_TIMEOUT);
	world_expect(world, "close;");
	assert_non_null(strstr(world->client, "did not come in time"));
	world_free(world);
}

/* What a target may not say, and the client hears of it as long as nothing was said. */
static void distrusts_targets(void **state) {
	static const char *const answers[] = {
		"SSH-2.0-OpenSSH\r\n",
		"HTTP/1.1 101 Switching Protocols\r\n\r\n",
		"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Len",
		"",
	};
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		struct world *world = ready();
		(void)world_text(world, FRONT_CLIENT, get);
		(void)world_text(world, FRONT_TARGET, answers[i]);
		front_end(world->front, world->now, FRONT_TARGET);
		world_expect(world, "open example.com:8080;release;close;");
		world_expect_status(world, "HTTP/1.1 502 ");
		world_free(world);
	}
	/* In the middle of it, nothing is added to it. */
	for (int i = 0; i < 3; i++) {
		struct world *world = ready();
		(void)world_text(world, FRONT_CLIENT, get);
		(void)world_text(world, FRONT_TARGET,
						 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na");
		world->client_size = 0;
		if (i == 0)
			(void)world_text(world, FRONT_TARGET, "z\r\nHTTP/1.1 200 OK\r\n\r\n");
		else if (i == 1)
			front_end(world->front, world->now, FRONT_TARGET);
		else
			front_refused(world->front, world->now, REFUSAL_CARRIER);
		world_expect(world, i == 2 ? "open example.com:8080;close;"
								   : "open example.com:8080;release;close;");
		assert_int_equal(world->client_size, 0);
		world_free(world);
	}
}

static void gives_up_with_its_client(void **state) {
	for (int i = 0; i < 3; i++) {
		struct world *world = ready();
		world->opens_at_once = i > 0;
		(void)world_text(world, FRONT_CLIENT,
						 "POST http://example.com/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
		if (i == 2) {
			(void)world_text(world, FRONT_CLIENT, "nonsense\r\n");
			world_expect(world, "open example.com:80;release;close;");
			world_expect_status(world, "HTTP/1.1 400 ");
		} else {
			front_end(world->front, world->now, FRONT_CLIENT);
			front_opened(world->front, world->now);
			world_expect(world, "open example.com:80;release;close;");
			expect_client(world, "");
		}
		world_free(world);
	}
}

/* Whoever does not read makes the other side wait, and nothing grows. */
static void bounds_what_waits(void **state) {
	static const char piece[1000];
	struct world *world = ready();
	(void)world_text(world, FRONT_CLIENT,
					 "POST http://example.com/ HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n");
	(void)world_text(world, FRONT_TARGET, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
	world->never_reads = true;
	for (int side = FRONT_CLIENT; side <= FRONT_TARGET; side++) {
		size_t total = 0, more;
		do {
			more = front_put(world->front, world->now, (enum front_side)side,
							 (const uint8_t *)piece, sizeof piece);
			total += more;
		} while (more > 0);
		enum front_side other = side == FRONT_CLIENT ? FRONT_TARGET : FRONT_CLIENT;
		assert_int_equal(total, FRONT_BODY_ROOM);
		assert_int_equal(front_waiting(world->front, other).size, total);
		front_sent(world->front, other, 10);
		assert_int_equal(front_put(world->front, world->now, (enum front_side)side,
								   (const uint8_t *)piece, sizeof piece),
						 10);
	}
	world_free(world);
	/* Interim answers without end. */
	world = ready();
	(void)world_text(world, FRONT_CLIENT, get);
	world->never_reads = true;
	static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
	size_t count = 0;
	while (front_put(world->front, world->now, FRONT_TARGET, (const uint8_t *)interim,
					 sizeof interim - 1) > 0)
		assert_true(++count < 10000);
	assert_true(front_waiting(world->front, FRONT_CLIENT).size < FRONT_BODY_ROOM + 100);
	world_expect(world, "open example.com:8080;");
	world_free(world);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on),
		cmocka_unit_test(passes_bodies),
		cmocka_unit_test(closes),
		cmocka_unit_test(knows_head),
		cmocka_unit_test(distrusts_targets),
		cmocka_unit_test(gives_up_with_its_client),
		cmocka_unit_test(bounds_what_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
