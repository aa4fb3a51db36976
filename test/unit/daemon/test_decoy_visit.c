#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/decoy_visit.h"
#include "loop/control_loop.h"
#include "proxy/decoy_site.h"
#include "wire/decoy_link.h"

/* One visit on a real loop, whose net process and web server behind are the test. */

enum { TURN = 2 /* ms */, TURNS_MAX = 5000 };

struct world {
	struct control_loop *loop;
	struct control_timer *timer;
	struct site *site;
	struct decoy_visit *visit; /* NULL: it has ended */
	int net;
	struct decoy_visit_backend *backend; /* that waits for its connection */
	unsigned kept, connects, forgotten;
	bool keeps;
	size_t held, held_max;
	uint8_t data[DECOY_LINK_MESSAGE_MAX];
	size_t size;
};

static enum err on_keep(void *context, const struct decoy_link_entry *entry) {
	struct world *world = context;
	assert_int_equal(entry->timestamp, 77);
	world->kept++;
	return world->keeps ? ERR_OK : ERR_IO;
}

static bool on_connect(void *context, struct decoy_visit_backend *backend) {
	struct world *world = context;
	world->backend = backend;
	return ++world->connects > 0;
}

static void on_forget(void *context, struct decoy_visit_backend *backend) {
	struct world *world = context;
	world->forgotten++;
	if (world->backend == backend)
		world->backend = NULL;
}

static bool on_holds(void *context, size_t size) {
	struct world *world = context;
	world->held = size;
	return size <= world->held_max;
}

static void on_ended(void *context, struct decoy_visit *visit) {
	struct world *world = context;
	assert_ptr_equal(visit, world->visit);
	decoy_visit_free(visit);
	world->visit = NULL;
}

static const struct decoy_visit_ops ops = {on_keep, on_connect, on_forget, on_holds, on_ended};

static void on_time(void *context) {
	control_loop_stop(((struct world *)context)->loop);
}

static void turn(struct world *world) {
	control_timer_set(world->timer, TURN * CLOCK_MILLISECOND);
	control_loop_run(world->loop);
}

static struct world *world_new(bool http2, bool with_site) {
	struct world *world = calloc(1, sizeof *world);
	int ends[2];
	struct endpoint peer;
	assert_non_null(world);
	assert_int_equal(control_loop_new(&world->loop), ERR_OK);
	assert_int_equal(control_timer_new(world->loop, on_time, world, &world->timer), ERR_OK);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
	assert_int_equal(endpoint_parse("192.0.2.9:1234", &peer), ERR_OK);
	world->net = ends[0];
	world->keeps = true;
	world->held_max = SIZE_MAX;
	world->site = with_site ? decoy_site_new(false) : NULL;
	const struct decoy_visit_options options = {
		.loop = world->loop,
		.descriptor = ends[1],
		.ops = &ops,
		.context = world,
		.http2 = http2,
		.site = world->site,
		.cookie = "sid",
		.peer = &peer,
		.port = 443,
	};
	assert_int_equal(decoy_visit_new(&options, &world->visit), ERR_OK);
	return world;
}

static void world_free(struct world *world) {
	decoy_visit_free(world->visit);
	assert_int_equal(world->connects, world->forgotten);
	site_release(world->site);
	if (world->net >= 0)
		(void)close(world->net);
	control_timer_free(world->timer);
	control_loop_free(world->loop);
	free(world);
}

static void tell(struct world *world, const struct decoy_link_message *message) {
	uint8_t data[DECOY_LINK_MESSAGE_MAX];
	size_t size;
	assert_int_equal(decoy_link_encode(message, data, sizeof data, &size), ERR_OK);
	assert_int_equal(send(world->net, data, size, 0), size);
}

static void tell_text(struct world *world, enum decoy_link_type type, const char *text) {
	const struct decoy_link_message message = {.type = type, .bytes = slice_of_text(text)};
	tell(world, &message);
}

/* The next message; views stay until the next call. */
static struct decoy_link_message expect(struct world *world, enum decoy_link_type type) {
	struct decoy_link_message message = {.type = 0};
	for (int i = 0; i < TURNS_MAX; i++) {
		ssize_t size = recv(world->net, world->data, sizeof world->data, 0);
		if (size > 0) {
			assert_int_equal(decoy_link_decode(DECOY_LINK_NET, world->data, (size_t)size, &message),
							 ERR_OK);
			assert_int_equal(message.type, type);
			return message;
		}
		assert_true(size < 0);
		turn(world);
	}
	fail_msg("no message of type %d", (int)type);
	return message;
}

static void expect_text(struct world *world, enum decoy_link_type type, const char *part) {
	struct decoy_link_message message = expect(world, type);
	assert_non_null(memmem(message.bytes.data, message.bytes.size, part, strlen(part)));
}

static void expect_end(struct world *world) {
	for (int i = 0; i < TURNS_MAX && world->visit; i++)
		turn(world);
	assert_null(world->visit);
	assert_int_equal(recv(world->net, world->data, sizeof world->data, 0), 0);
}

static void refuse(struct world *world) {
	const struct decoy_link_message verdict = {.type = DECOY_LINK_VERDICT};
	tell(world, &verdict);
}

static void admit(struct world *world) {
	const struct decoy_link_message verdict = {
		.type = DECOY_LINK_VERDICT,
		.admitted = true,
		.bytes = slice_of_text("answer"),
		.entry = {.timestamp = 77},
	};
	tell(world, &verdict);
}

static const char request[] = "GET /a.txt HTTP/1.1\r\nHost: h\r\nCookie: sid=abc\r\n\r\n";

static void serves_strangers(void **state) {
	struct world *world = world_new(false, true);
	tell_text(world, DECOY_LINK_DATA, request);
	expect_text(world, DECOY_LINK_CANDIDATE, "abc");
	/* What comes before the verdict waits. */
	tell_text(world, DECOY_LINK_DATA, "GET /zzz HTTP/1.1\r\nHost: h\r\n\r\n");
	refuse(world);
	expect_text(world, DECOY_LINK_DATA, "hello world\n");
	expect_text(world, DECOY_LINK_DATA, "404 Not Found");
	assert_int_equal(world->kept, 0);
	tell_text(world, DECOY_LINK_END, "");
	(void)expect(world, DECOY_LINK_CUT);
	expect_end(world);
	world_free(world);
}

/* More than the link holds goes out in its order, as there is room. */
static void serves_much(void **state) {
	struct world *world = world_new(false, true);
	tell_text(world, DECOY_LINK_DATA,
			  "GET /big.png HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	(void)expect(world, DECOY_LINK_CANDIDATE);
	refuse(world);
	for (int i = 0; i < 20; i++)
		turn(world);
	size_t total = 0, head = 0;
	const struct site_file *file = site_find(world->site, "/big.png", 8);
	while (total < head + DECOY_SITE_BIG) {
		struct decoy_link_message message = expect(world, DECOY_LINK_DATA);
		const uint8_t *body =
			total == 0 ? memmem(message.bytes.data, message.bytes.size, "\r\n\r\n", 4) : NULL;
		size_t skip = body ? (size_t)(body + 4 - message.bytes.data) : 0;
		head = total == 0 ? skip : head;
		assert_memory_equal(message.bytes.data + skip,
							file->content.data + (total == 0 ? 0 : total - head),
							message.bytes.size - skip);
		total += message.bytes.size;
	}
	(void)expect(world, DECOY_LINK_FINISH);
	expect_end(world);
	world_free(world);
}

static void hands_over(void **state) {
	struct world *world = world_new(false, true);
	tell_text(world, DECOY_LINK_DATA, request);
	expect_text(world, DECOY_LINK_CANDIDATE, "abc");
	tell_text(world, DECOY_LINK_DATA, "early");
	admit(world);
	expect_text(world, DECOY_LINK_DATA, "Set-Cookie: sid=answer;");
	(void)expect(world, DECOY_LINK_RAW);
	assert_int_equal(world->kept, 1);
	tell_text(world, DECOY_LINK_DATA, "late");
	tell_text(world, DECOY_LINK_STOP, "");
	expect_text(world, DECOY_LINK_BACK, "early");
	expect_text(world, DECOY_LINK_BACK, "late");
	expect_end(world);
	world_free(world);
}

/* Who could be let in twice is not let in. */
static void keeps_before_it_answers(void **state) {
	struct world *world = world_new(false, true);
	world->keeps = false;
	tell_text(world, DECOY_LINK_DATA, request);
	(void)expect(world, DECOY_LINK_CANDIDATE);
	admit(world);
	expect_text(world, DECOY_LINK_DATA, "hello world\n");
	assert_int_equal(world->kept, 1);
	world_free(world);
}

static void speaks_first_in_http2(void **state) {
	struct world *world = world_new(true, true);
	struct decoy_link_message message = expect(world, DECOY_LINK_DATA);
	assert_true(message.bytes.size > 9);
	assert_int_equal(message.bytes.data[3], 4); /* SETTINGS */
	tell_text(world, DECOY_LINK_DATA, "this is no HTTP/2 at all, whatever it is");
	for (;;) {
		turn(world);
		ssize_t size = recv(world->net, world->data, sizeof world->data, 0);
		if (size > 0 && world->data[0] == DECOY_LINK_FINISH)
			break;
		assert_true(size != 0);
	}
	expect_end(world);
	world_free(world);
}

static void asks_the_backend(void **state) {
	struct world *world = world_new(false, false);
	int ends[2];
	char text[512];
	tell_text(world, DECOY_LINK_DATA, request);
	(void)expect(world, DECOY_LINK_CANDIDATE);
	refuse(world);
	for (int i = 0; i < TURNS_MAX && !world->backend; i++)
		turn(world);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	struct decoy_visit_backend *backend = world->backend;
	assert_non_null(backend);
	world->backend = NULL;
	decoy_visit_connected(backend, ends[1]);
	ssize_t size = -1;
	for (int i = 0; i < TURNS_MAX && size < 0; i++) {
		turn(world);
		size = recv(ends[0], text, sizeof text - 1, 0);
	}
	assert_true(size > 0);
	text[size] = '\0';
	assert_non_null(strstr(text, "GET /a.txt HTTP/1.1\r\n"));
	assert_non_null(strstr(text, "X-Forwarded-For: 192.0.2.9\r\n"));
	assert_non_null(strstr(text, "Cookie: sid=abc\r\n"));
	static const char answer[] = "HTTP/1.1 200 OK\r\nX-Mine: 1\r\n\r\nbehind";
	assert_int_equal(send(ends[0], answer, sizeof answer - 1, 0), sizeof answer - 1);
	(void)close(ends[0]);
	expect_text(world, DECOY_LINK_DATA, "X-Mine: 1\r\n");
	/* Its body may come in another record, and its end in one more. */
	tell_text(world, DECOY_LINK_END, "");
	for (;;) {
		ssize_t got = recv(world->net, world->data, sizeof world->data, 0);
		assert_true(got != 0);
		if (got > 0 && world->data[0] == DECOY_LINK_CUT)
			break;
		turn(world);
	}
	expect_end(world);
	world_free(world);
}

static void tells_that_there_is_none(void **state) {
	struct world *world = world_new(false, false);
	tell_text(world, DECOY_LINK_DATA, request);
	(void)expect(world, DECOY_LINK_CANDIDATE);
	refuse(world);
	for (int i = 0; i < TURNS_MAX && !world->backend; i++)
		turn(world);
	struct decoy_visit_backend *backend = world->backend;
	world->backend = NULL;
	decoy_visit_connected(backend, -1);
	expect_text(world, DECOY_LINK_DATA, "502 Bad Gateway");
	/* One that is asked for when the client goes is forgotten. */
	tell_text(world, DECOY_LINK_DATA, request);
	for (int i = 0; i < TURNS_MAX && !world->backend; i++)
		turn(world);
	(void)close(world->net);
	world->net = -1;
	for (int i = 0; i < TURNS_MAX && world->visit; i++)
		turn(world);
	assert_null(world->visit);
	assert_null(world->backend);
	assert_int_equal(world->forgotten, 2);
	world_free(world);
}

static void ends_with_what_it_does_not_know(void **state) {
	static const uint8_t rubbish[][2] = {{0}, {99}, {DECOY_LINK_RAW}};
	for (size_t i = 0; i < 3; i++) {
		struct world *world = world_new(false, true);
		assert_int_equal(send(world->net, rubbish[i], 1, 0), 1);
		expect_end(world);
		world_free(world);
	}
	/* A verdict that nobody asked for, and STOP before RAW. */
	struct world *world = world_new(false, true);
	refuse(world);
	expect_end(world);
	world_free(world);
	world = world_new(false, true);
	tell_text(world, DECOY_LINK_STOP, "");
	expect_end(world);
	world_free(world);
}

/* Who sends and does not read is made to wait: a web server does not end that. */
static void waits_for_who_does_not_read(void **state) {
	static const char requests[] =
		"GET /big.png HTTP/1.1\r\nHost: h\r\nRange: bytes=0-179999\r\n\r\n"
		"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";
	static const uint8_t more[1 + DECOY_LINK_DATA_MAX] = {DECOY_LINK_DATA};
	struct world *world = world_new(false, true);
	tell_text(world, DECOY_LINK_DATA, requests);
	(void)expect(world, DECOY_LINK_CANDIDATE);
	refuse(world);
	size_t sent = 0;
	for (int idle = 0; idle < 5 && sent < 4 << 20;) {
		if (send(world->net, more, sizeof more, MSG_NOSIGNAL) > 0) {
			sent += DECOY_LINK_DATA_MAX;
			idle = 0;
			continue;
		}
		idle = errno == EAGAIN ? idle + 1 : 5;
		turn(world);
	}
	assert_non_null(world->visit);
	assert_true(sent < 1 << 20);
	world_free(world);
}

/* What waits for a verdict counts, too. */
static void ends_when_it_holds_too_much(void **state) {
	static char text[DECOY_LINK_DATA_MAX];
	struct world *world = world_new(false, true);
	memset(text, 'x', sizeof text - 1);
	tell_text(world, DECOY_LINK_DATA, request);
	(void)expect(world, DECOY_LINK_CANDIDATE);
	const size_t before = world->held;
	for (int i = 0; i < 10; i++)
		tell_text(world, DECOY_LINK_DATA, text);
	for (int i = 0; i < TURNS_MAX && world->held < before + 9 * sizeof text; i++)
		turn(world);
	assert_true(world->held > before + 9 * sizeof text);
	assert_non_null(world->visit);
	world->held_max = world->held - 1;
	tell_text(world, DECOY_LINK_DATA, "x");
	expect_end(world);
	world_free(world);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serves_strangers),
		cmocka_unit_test(serves_much),
		cmocka_unit_test(waits_for_who_does_not_read),
		cmocka_unit_test(hands_over),
		cmocka_unit_test(keeps_before_it_answers),
		cmocka_unit_test(speaks_first_in_http2),
		cmocka_unit_test(asks_the_backend),
		cmocka_unit_test(tells_that_there_is_none),
		cmocka_unit_test(ends_with_what_it_does_not_know),
		cmocka_unit_test(ends_when_it_holds_too_much),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
