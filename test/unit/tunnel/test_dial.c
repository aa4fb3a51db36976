#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/socket_name.h"
#include "loop/control_loop.h"
#include "tunnel/dial.h"
#include "tunnel/stream_host.h"

/* Over the loopback interface. A timer of some seconds ends what would never end. */

enum { PATIENCE_SECONDS = 20, FILLERS = 4 };

struct desk {
	struct stream_host host;
	struct control_timer *patience;
	uint64_t skipped; /* ns that the clock is ahead */
	bool stands_still;
	unsigned sockets; /* asked for */
	unsigned refused; /* the first so many wishes get no socket */
	bool waits;       /* nobody is given anything until give() */
	struct list wishes;
	enum stream_socket kinds[DIAL_ENDPOINTS_MAX];
	struct dial *dial;
	bool free_inside;
	unsigned ended; /* times that a callback was called */
	bool within;    /* dial_new() is at work */
	int descriptor, number;
	struct endpoint peer;
	int fillers[FILLERS];
};

static uint64_t now(void *context) {
	struct desk *desk = context;
	return desk->stands_still ? 1 : clock_now() + desk->skipped;
}

static void give(struct desk *desk, enum stream_socket kind, struct stream_socket_wish *wish) {
	if (desk->sockets <= desk->refused) {
		wish->given(wish, -1, EMFILE);
		return;
	}
	int family = kind == STREAM_SOCKET_TCP_V4 ? AF_INET : AF_INET6;
	wish->given(wish, socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 0);
}

static void ask_socket(void *context, enum stream_socket kind, struct stream_socket_wish *wish) {
	struct desk *desk = context;
	desk->kinds[desk->sockets++] = kind;
	if (desk->waits)
		list_append(&desk->wishes, &wish->link);
	else
		give(desk, kind, wish);
}

static void cancel_socket(void *context, struct stream_socket_wish *wish) {
	(void)context;
	list_remove(&wish->link);
}

static const struct stream_host_ops host_ops = {
	.now = now, .socket = ask_socket, .cancel_socket = cancel_socket};

static void ended(struct desk *desk) {
	assert_false(desk->within);
	desk->ended++;
	if (desk->free_inside) {
		dial_free(desk->dial);
		desk->dial = NULL;
	}
	control_loop_stop(desk->host.loop);
}

static void made(void *context, int descriptor, const struct endpoint *peer) {
	struct desk *desk = context;
	desk->descriptor = descriptor;
	desk->peer = *peer;
	ended(desk);
}

static void failed(void *context, int number) {
	struct desk *desk = context;
	desk->number = number;
	ended(desk);
}

static void give_up(void *context) {
	(void)context;
	fail_msg("nothing happened for %d s", PATIENCE_SECONDS);
}

static int set_up(void **state) {
	static struct desk desk;
	desk = (struct desk){.descriptor = -1, .fillers = {-1, -1, -1, -1}};
	desk.host = (struct stream_host){.ops = &host_ops, .context = &desk, .prefix = ""};
	list_init(&desk.wishes);
	assert_int_equal(control_loop_new(&desk.host.loop), ERR_OK);
	assert_int_equal(control_timer_new(desk.host.loop, give_up, &desk, &desk.patience), ERR_OK);
	control_timer_set(desk.patience, PATIENCE_SECONDS * CLOCK_SECOND);
	*state = &desk;
	return 0;
}

static int tear_down(void **state) {
	struct desk *desk = *state;
	dial_free(desk->dial);
	if (desk->descriptor >= 0)
		close(desk->descriptor);
	for (size_t i = 0; i < FILLERS; i++)
		if (desk->fillers[i] >= 0)
			close(desk->fillers[i]);
	control_timer_free(desk->patience);
	control_loop_free(desk->host.loop);
	return 0;
}

/* A port of the address; it listens, or (backlog < 0) refuses. */
static struct endpoint port_at(const char *address, int backlog, int *out_descriptor) {
	struct endpoint at = {.port = 0};
	assert_int_equal(address_parse(address, &at.address), ERR_OK);
	union socket_name name;
	socklen_t size = socket_name_fill(&at, &name);
	int descriptor = socket(name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(descriptor >= 0);
	assert_int_equal(bind(descriptor, &name.any, size), 0);
	if (backlog >= 0)
		assert_int_equal(listen(descriptor, backlog), 0);
	assert_int_equal(getsockname(descriptor, &name.any, &size), 0);
	/* The port is at the same place in both. */
	at.port = ntohs(name.v4.sin_port);
	*out_descriptor = descriptor;
	return at;
}

/* One that says nothing: its queue is full, so that the kernel drops what else would connect. */
static struct endpoint silent_port(struct desk *desk, int *out_descriptor) {
	struct endpoint at = port_at("127.0.0.1", 0, out_descriptor);
	union socket_name name;
	socklen_t size = socket_name_fill(&at, &name);
	for (size_t i = 0; i < FILLERS; i++) {
		desk->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(desk->fillers[i], &name.any, size);
	}
	return at;
}

static void begin(struct desk *desk, const struct endpoint *endpoints, size_t count) {
	struct dial_options options = {.host = &desk->host,
								   .endpoints = endpoints,
								   .count = count,
								   .made = made,
								   .failed = failed,
								   .context = desk};
	desk->within = true;
	assert_int_equal(dial_new(&options, &desk->dial), ERR_OK);
	desk->within = false;
}

static void run(struct desk *desk, const struct endpoint *endpoints, size_t count) {
	begin(desk, endpoints, count);
	control_loop_run(desk->host.loop);
	assert_int_equal(desk->ended, 1);
}

static void the_first_that_answers(void **state) {
	struct desk *desk = *state;
	int listener;
	struct endpoint at = port_at("127.0.0.1", 5, &listener);
	struct endpoint both[] = {at, at};
	run(desk, both, 2);
	assert_true(desk->descriptor >= 0);
	assert_true(endpoint_equal(&desk->peer, &at));
	/* Only the first was tried, and what it gave is connected. */
	assert_int_equal(desk->sockets, 1);
	assert_int_equal(send(desk->descriptor, "x", 1, MSG_NOSIGNAL), 1);
	close(listener);
}

static void one_that_refuses_makes_way_at_once(void **state) {
	struct desk *desk = *state;
	int closed, listener;
	struct endpoint endpoints[] = {port_at("::1", -1, &closed), port_at("127.0.0.1", 5, &listener)};
	/* By this clock no time passes: none begins because of it. */
	desk->stands_still = true;
	run(desk, endpoints, 2);
	assert_true(endpoint_equal(&desk->peer, &endpoints[1]));
	assert_int_equal(desk->kinds[0], STREAM_SOCKET_TCP_V6);
	assert_int_equal(desk->kinds[1], STREAM_SOCKET_TCP_V4);
	close(closed);
	close(listener);
}

static void one_that_is_silent_makes_way_in_time(void **state) {
	struct desk *desk = *state;
	int silent, listener;
	struct endpoint endpoints[] = {silent_port(desk, &silent), port_at("127.0.0.1", 5, &listener)};
	uint64_t before = clock_now();
	run(desk, endpoints, 2);
	assert_true(endpoint_equal(&desk->peer, &endpoints[1]));
	assert_true(clock_now() - before >= DIAL_STAGGER);
	close(silent);
	close(listener);
}

static void patience_ends(void **state) {
	struct desk *desk = *state;
	int silent;
	struct endpoint at = silent_port(desk, &silent);
	struct endpoint endpoints[] = {at, at, at};
	begin(desk, endpoints, 3);
	desk->skipped = DIAL_PATIENCE;
	control_loop_run(desk->host.loop);
	assert_int_equal(desk->ended, 1);
	assert_int_equal(desk->number, ETIMEDOUT);
	assert_int_equal(desk->descriptor, -1);
	close(silent);
}

static void what_got_furthest_is_told(void **state) {
	struct desk *desk = *state;
	int closed;
	/* This host has no way by TCP to a group. */
	struct endpoint nowhere = {.address = {.family = ADDRESS_V4, .bytes = {255, 255, 255, 255}},
							   .port = 9};
	struct endpoint endpoints[] = {nowhere, port_at("127.0.0.1", -1, &closed), nowhere};
	run(desk, endpoints, 3);
	assert_int_equal(desk->number, ECONNREFUSED);
	assert_int_equal(desk->sockets, 3);
	close(closed);

	dial_free(desk->dial);
	desk->ended = 0;
	run(desk, &nowhere, 1);
	assert_int_equal(desk->number, ENETUNREACH);
}

static void without_sockets(void **state) {
	struct desk *desk = *state;
	desk->refused = 2;
	desk->free_inside = true;
	int listener;
	struct endpoint at = port_at("127.0.0.1", 5, &listener);
	struct endpoint endpoints[] = {at, at, at};
	run(desk, endpoints, 2);
	assert_int_equal(desk->number, EMFILE);
	/* The third one gets one. */
	desk->ended = desk->sockets = 0;
	run(desk, endpoints, 3);
	assert_true(desk->descriptor >= 0);
	close(listener);
}

static void late_sockets(void **state) {
	struct desk *desk = *state;
	desk->waits = true;
	int listener;
	struct endpoint at = port_at("127.0.0.1", 5, &listener);
	begin(desk, &at, 1);
	assert_false(list_is_empty(&desk->wishes));
	struct list *first = list_take_first(&desk->wishes);
	give(desk, STREAM_SOCKET_TCP_V4, list_item(first, struct stream_socket_wish, link));
	control_loop_run(desk->host.loop);
	assert_true(desk->descriptor >= 0);
	/* Who is freed wishes for nothing any more. */
	dial_free(desk->dial);
	begin(desk, &at, 1);
	assert_false(list_is_empty(&desk->wishes));
	dial_free(desk->dial);
	desk->dial = NULL;
	assert_true(list_is_empty(&desk->wishes));
	close(listener);
}

static void given_up_under_way(void **state) {
	struct desk *desk = *state;
	int silent;
	struct endpoint at = silent_port(desk, &silent);
	begin(desk, &at, 1);
	dial_free(desk->dial);
	desk->dial = NULL;
	assert_int_equal(desk->ended, 0);
	close(silent);

	struct dial_options none = {.host = &desk->host, .made = made, .failed = failed};
	assert_int_equal(dial_new(&none, &desk->dial), ERR_INVALID);
	dial_free(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_that_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_that_refuses_makes_way_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_that_is_silent_makes_way_in_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(patience_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_got_furthest_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_sockets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(late_sockets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(given_up_under_way, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
