#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/connections.h"
#include "daemon/net.h"
#include "loop/loop.h"

/* A device that answers with what it was told. */
struct net_device {
	char last[64];
	int number;     /* errno to answer with */
	unsigned lines; /* of a get */
	unsigned gets, sets;
};

static int set(struct net_device *device, struct slice text) {
	device->sets++;
	size_t size = text.size < sizeof device->last - 1 ? text.size : sizeof device->last - 1;
	memcpy(device->last, text.data, size);
	device->last[size] = '\0';
	return device->number;
}

static int get(struct net_device *device, struct uapi_text *out_text) {
	device->gets++;
	for (unsigned i = 0; i < device->lines; i++)
		uapi_put_line(out_text, "line=0123456789");
	return device->number;
}

static const struct net_device_ops ops = {.set = set, .get = get};

struct fixture {
	struct loop *loop;
	struct net_device device;
	struct connections *connections;
};

static int open_fixture(void **state) {
	struct fixture *fixture = calloc(1, sizeof *fixture);
	*state = fixture;
	if (!fixture || loop_new(&fixture->loop))
		return -1;
	return connections_new(fixture->loop, &ops, &fixture->device, &fixture->connections) ? -1 : 0;
}

static int close_fixture(void **state) {
	struct fixture *fixture = *state;
	connections_free(fixture->connections);
	loop_free(fixture->loop);
	free(fixture);
	return 0;
}

static int attach(struct fixture *fixture) {
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	connections_add(fixture->connections, ends[1]);
	return ends[0];
}

static void turn(struct fixture *fixture) {
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(loop_wait(fixture->loop, 0, 0), ERR_OK);
}

static void say(int client, const char *text) {
	assert_int_equal(write(client, text, strlen(text)), strlen(text));
}

static void assert_hears(int client, const char *expected) {
	char text[256] = "";
	ssize_t size = read(client, text, sizeof text - 1);
	assert_int_equal(size, strlen(expected));
	assert_string_equal(text, expected);
}

static void assert_closed(int client) {
	char byte;
	assert_int_equal(read(client, &byte, 1), 0);
	assert_int_equal(close(client), 0);
}

static void test_operations_and_answers(void **state) {
	struct fixture *fixture = *state;
	int client = attach(fixture);
	fixture->device.lines = 1;
	say(client, "get=1\n\nset=1\na=b\n\n");
	turn(fixture);
	assert_hears(client, "line=0123456789\nerrno=0\n\nerrno=0\n\n");
	assert_string_equal(fixture->device.last, "a=b\n");
	fixture->device.number = 22;
	say(client, "get=1\n\n");
	turn(fixture);
	assert_hears(client, "errno=22\n\n");
	/* wg(8) expects the sign here, and none there. */
	say(client, "set=1\n\n");
	turn(fixture);
	assert_hears(client, "errno=-22\n\n");
	assert_int_equal(close(client), 0);
	turn(fixture);
}

/* As wireguard-go: a get that is too long has an answer, what is neither get=1 nor set=1 none. */
static void test_wrong_operations_are_closed(void **state) {
	static const struct {
		const char *text, *answers;
	} cases[] = {
		{"set=1\nx=y\n\nhello\n\nget=1\n\n", "errno=0\n\n"},
		{"set=1\n\nget=2\n\n", "errno=0\n\n"},
		{"set=1\n\nset=2\n\n", "errno=0\n\n"},
		{"set=1\n\nget=1\nx=1\n\n", "errno=0\n\nerrno=-22\n\n"},
	};
	struct fixture *fixture = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		fixture->device.sets = 0;
		int client = attach(fixture);
		say(client, cases[i].text);
		turn(fixture);
		assert_hears(client, cases[i].answers);
		assert_closed(client);
		assert_int_equal(fixture->device.sets, 1);
		assert_int_equal(fixture->device.gets, 0);
	}
}

static void test_half_closed_client_gets_its_answer(void **state) {
	struct fixture *fixture = *state;
	int client = attach(fixture);
	say(client, "get=1\n\n");
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	turn(fixture);
	assert_hears(client, "errno=0\n\n");
	assert_closed(client);
}

static void test_unfinished_operation_is_not_done(void **state) {
	struct fixture *fixture = *state;
	int client = attach(fixture);
	say(client, "set=1\na=b\n");
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	turn(fixture);
	assert_closed(client);
	assert_int_equal(fixture->device.sets, 0);
}

static void test_slow_reader(void **state) {
	enum { LINES = 200000, LINE = sizeof "line=0123456789\n" - 1 };
	struct fixture *fixture = *state;
	int slow = attach(fixture), other = attach(fixture);
	fixture->device.lines = LINES;
	say(slow, "get=1\n\nset=1\n\n");
	turn(fixture);
	assert_int_equal(fixture->device.sets, 0);
	fixture->device.lines = 0;
	say(other, "get=1\n\n");
	turn(fixture);
	assert_hears(other, "errno=0\n\n");
	size_t total = 0, expected = LINES * LINE + 2 * strlen("errno=0\n\n");
	static char buffer[65536];
	while (total < expected) {
		ssize_t size = read(slow, buffer, sizeof buffer);
		if (size > 0)
			total += (size_t)size;
		else
			turn(fixture);
	}
	assert_int_equal(total, expected);
	assert_int_equal(fixture->device.sets, 1);
	assert_int_equal(close(slow) | close(other), 0);
	turn(fixture);
}

static void test_one_stream_does_not_hold_up_others(void **state) {
	struct fixture *fixture = *state;
	int busy = attach(fixture), other = attach(fixture);
	static char many[500 * 7];
	for (size_t i = 0; i < 500; i++)
		memcpy(many + 7 * i, "set=1\n\n", 7);
	assert_int_equal(write(busy, many, sizeof many), sizeof many);
	say(other, "get=1\n\n");
	assert_int_equal(loop_wait(fixture->loop, 0, 0), ERR_OK);
	assert_int_equal(fixture->device.gets, 1);
	assert_true(fixture->device.sets > 0 && fixture->device.sets < 500);
	/* The rest lies in our buffer, nothing more arrives. */
	static char answers[65536];
	for (unsigned i = 0; i < 64; i++) {
		turn(fixture);
		(void)!read(busy, answers, sizeof answers);
	}
	assert_int_equal(fixture->device.sets, 500);
	assert_int_equal(close(busy) | close(other), 0);
	turn(fixture);
}

static void test_more_than_places(void **state) {
	enum { TOTAL = CONNECTIONS_MAX + CONNECTIONS_WAITING_MAX + 1 };
	struct fixture *fixture = *state;
	int clients[TOTAL];
	for (size_t i = 0; i < TOTAL; i++) {
		clients[i] = attach(fixture);
		if (i < TOTAL - 1)
			say(clients[i], "get=1\n\n");
	}
	assert_closed(clients[TOTAL - 1]);
	for (unsigned i = 0; i < 8; i++)
		turn(fixture);
	assert_int_equal(fixture->device.gets, CONNECTIONS_MAX);
	/* Each that leaves makes room for the one that waited longest. */
	for (size_t i = 0; i < TOTAL - 1; i++) {
		assert_hears(clients[i], "errno=0\n\n");
		assert_int_equal(close(clients[i]), 0);
		turn(fixture);
	}
	assert_int_equal(fixture->device.gets, TOTAL - 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_operations_and_answers, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(test_wrong_operations_are_closed, open_fixture,
										close_fixture),
		cmocka_unit_test_setup_teardown(test_half_closed_client_gets_its_answer, open_fixture,
										close_fixture),
		cmocka_unit_test_setup_teardown(test_unfinished_operation_is_not_done, open_fixture,
										close_fixture),
		cmocka_unit_test_setup_teardown(test_slow_reader, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(test_one_stream_does_not_hold_up_others, open_fixture,
										close_fixture),
		cmocka_unit_test_setup_teardown(test_more_than_places, open_fixture, close_fixture),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
