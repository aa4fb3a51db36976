#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "tunnel/exit_udp.h"
#include "tunnel/exits_world.h"
#include "wire/stream_datagram.h"

static void put_datagram(const struct near *near, const char *text) {
	uint8_t header[STREAM_DATAGRAM_HEADER_SIZE];
	stream_datagram_header(strlen(text), header);
	write_all(near, header, sizeof header);
	write_all(near, text, strlen(text));
}

/* The stream brought exactly this datagram since the last look. */
static void expect_datagram(struct near *near, const char *text) {
	uint8_t header[STREAM_DATAGRAM_HEADER_SIZE];
	stream_datagram_header(strlen(text), header);
	assert_int_equal(near->size, sizeof header + strlen(text));
	assert_memory_equal(near->heard, header, sizeof header);
	assert_memory_equal(near->heard + sizeof header, text, strlen(text));
	near->size = 0;
}

static struct near *open_session(struct world *world) {
	world->target = fake_stream_host_datagrams(&world->at);
	struct near *near = open_stream(world, "127.0.0.1", world->at.port, true);
	assert_true(near->is_connected);
	return near;
}

static void answer_datagram(struct world *world, const char *text) {
	struct sockaddr_in from;
	socklen_t size = sizeof from;
	char bytes[100];
	while (recvfrom(world->target, bytes, sizeof bytes, MSG_PEEK, (struct sockaddr *)&from,
					&size) >= 0 &&
		   recv(world->target, bytes, sizeof bytes, 0) >= 0)
		;
	assert_int_equal(sendto(world->target, text, strlen(text), 0, (struct sockaddr *)&from, size),
					 strlen(text));
	turn(world);
}

static void carries_datagrams(void **state) {
	(void)state;
	struct world *world = world_new();
	struct near *near = open_session(world);
	assert_int_equal(figures(world).sessions, 1);
	put_datagram(near, "one");
	put_datagram(near, "");
	put_datagram(near, "three");
	turn(world);
	expect_socket(world->target, "one");
	expect_socket(world->target, "");
	char bytes[100];
	assert_int_equal(recv(world->target, bytes, sizeof bytes, MSG_PEEK), 5);
	answer_datagram(world, "answer");
	expect_datagram(near, "answer");
	/* In pieces. */
	write_all(near, "\0", 1);
	turn(world);
	write_all(near, "\5he", 3);
	turn(world);
	write_all(near, "llo", 3);
	turn(world);
	expect_socket(world->target, "hello");
	/* Somebody else knows the port, and is not heard. */
	struct endpoint other;
	int stranger = fake_stream_host_datagrams(&other);
	struct sockaddr_in name = {.sin_family = AF_INET};
	socklen_t size = sizeof name;
	put_datagram(near, "where");
	turn(world);
	assert_int_equal(
		recvfrom(world->target, bytes, sizeof bytes, 0, (struct sockaddr *)&name, &size), 5);
	assert_int_equal(sendto(stranger, "boo", 3, 0, (struct sockaddr *)&name, size), 3);
	turn(world);
	assert_int_equal(near->size, 0);
	(void)close(stranger);
	/* Nobody is there any more: no reason to end. */
	(void)close(world->target);
	world->target = -1;
	put_datagram(near, "lost");
	turn(world);
	put_datagram(near, "lost, too");
	turn(world);
	assert_false(near->is_closed);
	mux_stream_end(near->stream);
	expect_closed(world, near, STREAM_ERROR_NONE);
	assert_int_equal(figures(world).sessions, 0);
	world_free(world);
}

static void expires_without_datagrams(void **state) {
	(void)state;
	struct world *world = world_new();
	struct near *near = open_session(world);
	open_user(world, &world->near[1], "127.0.0.1", world->at.port, true);
	turn(world);
	fake_stream_host_advance(&world->fake, EXIT_UDP_IDLE - CLOCK_SECOND);
	put_datagram(near, "still there");
	turn(world);
	assert_false(world->near[1].is_closed);
	fake_stream_host_advance(&world->fake, CLOCK_SECOND);
	assert_true(world->near[1].is_closed);
	assert_int_equal(world->near[1].error, STREAM_ERROR_CANCEL);
	assert_false(near->is_closed);
	/* What comes back counts as well. */
	fake_stream_host_advance(&world->fake, EXIT_UDP_IDLE - 2 * CLOCK_SECOND);
	answer_datagram(world, "yes");
	fake_stream_host_advance(&world->fake, EXIT_UDP_IDLE - CLOCK_SECOND);
	assert_false(near->is_closed);
	fake_stream_host_advance(&world->fake, CLOCK_SECOND);
	expect_closed(world, near, STREAM_ERROR_CANCEL);
	assert_int_equal(figures(world).sessions, 0);
	world_free(world);
}

/* The newest are dropped while the client takes nothing; what is there stays whole. */
static void drops_what_does_not_fit(void **state) {
	(void)state;
	struct world *world = world_new();
	struct near *near = open_session(world);
	put_datagram(near, "begin");
	turn(world);
	struct sockaddr_in name = {.sin_family = AF_INET};
	socklen_t size = sizeof name;
	char bytes[1200] = "";
	assert_int_equal(
		recvfrom(world->target, bytes, sizeof bytes, 0, (struct sockaddr *)&name, &size), 5);
	world->carriers.is_stalled = true;
	enum { MANY = 200 };
	for (unsigned i = 0; i < MANY; i++) {
		bytes[0] = (char)i;
		assert_int_equal(
			sendto(world->target, bytes, sizeof bytes, 0, (struct sockaddr *)&name, size),
			sizeof bytes);
		turn(world);
	}
	world->carriers.is_stalled = false;
	turn(world);
	enum { WHOLE = STREAM_DATAGRAM_HEADER_SIZE + sizeof bytes };
	assert_int_equal(near->size % WHOLE, 0);
	assert_in_range(near->size / WHOLE, 40, MANY - 1);
	assert_int_equal(figures(world).dropped, MANY - near->size / WHOLE);
	for (size_t i = 0; i < near->size / WHOLE; i++)
		assert_int_equal(near->heard[i * WHOLE + STREAM_DATAGRAM_HEADER_SIZE], i);
	near->size = 0;
	assert_int_equal(sendto(world->target, "new", 3, 0, (struct sockaddr *)&name, size), 3);
	turn(world);
	expect_datagram(near, "new");
	world_free(world);
}

static void makes_room_for_new_sessions(void **state) {
	(void)state;
	struct world *world = world_new();
	struct near *first = open_session(world);
	struct near *others = calloc(EXIT_UDP_SESSIONS_MAX, sizeof *others);
	assert_non_null(others);
	for (unsigned i = 0; i < EXIT_UDP_SESSIONS_MAX; i++) {
		open_user(world, &others[i], "127.0.0.1", world->at.port, true);
		fake_stream_host_turn(&world->fake);
		if (i == EXIT_UDP_SESSIONS_MAX - 2) {
			assert_false(others[0].is_closed);
			put_datagram(first, "x");
			turn(world);
		}
	}
	/* The first one was active since, so that the second one had to go. */
	assert_false(first->is_closed);
	assert_true(others[0].is_closed);
	assert_false(others[1].is_closed);
	assert_int_equal(figures(world).sessions, EXIT_UDP_SESSIONS_MAX);
	exits_client_free(world->client);
	world->client = NULL;
	turn(world);
	free(others);
	world_free(world);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_datagrams),
		cmocka_unit_test(expires_without_datagrams),
		cmocka_unit_test(drops_what_does_not_fit),
		cmocka_unit_test(makes_room_for_new_sessions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
