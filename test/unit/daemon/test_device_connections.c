#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/device_connections.h"
#include "loop/loop.h"
#include "transport/stream_transport.h"

enum { HEARD_MAX = 1 << 20 };

/* The device, and the privileged process. */
struct stage {
	struct net_start start;
	struct device_connections *connections;
	int listening;
	struct sockaddr_in at;
	size_t heard_size, received, ended;
	uint8_t heard[HEARD_MAX];
	struct device_caller caller; /* of the last */
	uint64_t last_ended;
	bool closes;          /* whoever says something */
	uint64_t waits_up_to; /* for verdicts: all connections with numbers up to this */
	unsigned asked[PROCESS_SOCKET_KINDS];
};

static struct stage stage;

static void received(struct device *device, const struct device_caller *caller, struct slice data) {
	assert_ptr_equal(device, &stage);
	assert_true(data.size > 0 && stage.heard_size + data.size <= HEARD_MAX);
	memcpy(stage.heard + stage.heard_size, data.data, data.size);
	stage.heard_size += data.size;
	stage.received++;
	stage.caller = *caller;
	if (stage.closes)
		device_connections_close(stage.connections, caller->connection);
}

static void ended(struct device *device, uint64_t connection) {
	assert_ptr_equal(device, &stage);
	stage.ended++;
	stage.last_ended = connection;
}

static bool waits(const struct device *device, uint64_t connection) {
	assert_ptr_equal(device, &stage);
	return connection <= stage.waits_up_to;
}

static const struct device_ops ops = {.received = received, .ended = ended, .waits = waits};

static enum err ask(void *context, uint8_t kind, uint8_t count) {
	stage.asked[kind] += count;
	return ERR_OK;
}

static void turn(void) {
	assert_int_equal(loop_wait(stage.start.loop, clock_now(), clock_now() + CLOCK_SECOND / 50),
					 ERR_OK);
	(void)device_connections_run(stage.connections, clock_now());
}

static void turns_until(const size_t *number, size_t value) {
	for (int i = 0; i < 500 && *number < value; i++)
		turn();
	assert_int_equal(*number, value);
}

static int set_up(void **state) {
	socklen_t size = sizeof stage.at;
	memset(&stage, 0, sizeof stage);
	stage.at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	stage.listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(stage.listening, (struct sockaddr *)&stage.at, size), 0);
	assert_int_equal(listen(stage.listening, 1024), 0);
	assert_int_equal(getsockname(stage.listening, (struct sockaddr *)&stage.at, &size), 0);
	assert_int_equal(loop_new(&stage.start.loop), ERR_OK);
	stage.start.streams = &stage.listening;
	stage.start.stream_count = 1;
	stage.start.callbacks.sockets = ask;
	assert_int_equal(
		device_connections_new(&stage.start, &ops, (struct device *)&stage, &stage.connections),
		ERR_OK);
	return 0;
}

static int tear_down(void **state) {
	device_connections_free(stage.connections);
	loop_free(stage.start.loop);
	(void)close(stage.listening);
	return 0;
}

/* From an address of 127.0.0.0/8. */
static int call_from(uint32_t host) {
	const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = {htonl(host)}};
	const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(descriptor, (const struct sockaddr *)&from, sizeof from), 0);
	assert_int_equal(connect(descriptor, (struct sockaddr *)&stage.at, sizeof stage.at), 0);
	return descriptor;
}

static int call(void) {
	return call_from(INADDR_LOOPBACK);
}

/* Whether the other end has closed it, or reset it. */
static bool is_closed(int descriptor) {
	uint8_t byte;
	const ssize_t got = recv(descriptor, &byte, 1, MSG_DONTWAIT);
	return got == 0 || (got < 0 && errno != EAGAIN);
}

static void both_ways(void **state) {
	const int descriptor = call();
	uint8_t bytes[100];
	assert_int_equal(send(descriptor, "hello", 5, 0), 5);
	turns_until(&stage.heard_size, 5);
	assert_memory_equal(stage.heard, "hello", 5);
	assert_true(stage.caller.is_incoming);
	assert_int_equal(stage.caller.from.address.family, ADDRESS_V4);
	assert_int_equal(stage.caller.from.address.bytes[0], 127);
	const uint64_t number = stage.caller.connection;
	assert_int_equal(device_connections_write(stage.connections, number, slice_of("you", 3)),
					 ERR_OK);
	assert_int_equal(recv(descriptor, bytes, sizeof bytes, 0), 3);
	assert_memory_equal(bytes, "you", 3);
	assert_int_equal(device_connections_write(stage.connections, number + 1, slice_of("x", 1)),
					 ERR_NOT_FOUND);
	(void)close(descriptor);
	turns_until(&stage.ended, 1);
	assert_int_equal(stage.last_ended, number);
	assert_int_equal(device_connections_write(stage.connections, number, slice_of("x", 1)),
					 ERR_NOT_FOUND);
}

static void closed_by_the_device(void **state) {
	const int descriptor = call();
	stage.closes = true;
	assert_int_equal(send(descriptor, "hello", 5, 0), 5);
	turns_until(&stage.received, 1);
	assert_true(is_closed(descriptor));
	assert_int_equal(stage.ended, 0);
	(void)close(descriptor);
}

/* What the other end does not read waits, up to a limit; then it all arrives. */
static void slow_readers(void **state) {
	static uint8_t chunk[8192], bytes[65536];
	const int descriptor = call();
	size_t sent = 0, got = 0;
	enum err error = ERR_OK;
	assert_int_equal(send(descriptor, "x", 1, 0), 1);
	turns_until(&stage.received, 1);
	const uint64_t number = stage.caller.connection;
	while (!error && sent < ((size_t)64 << 20)) {
		memset(chunk, (int)(sent / sizeof chunk), sizeof chunk);
		error = device_connections_write(stage.connections, number, slice_of(chunk, sizeof chunk));
		sent += error ? 0 : sizeof chunk;
	}
	assert_int_equal(error, ERR_LIMIT);
	struct stream_transport transport;
	assert_int_equal(device_connections_hand_over(stage.connections, number, &transport),
					 ERR_AGAIN);
	while (got < sent) {
		const ssize_t part = recv(descriptor, bytes, sizeof bytes, MSG_DONTWAIT);
		if (part <= 0) {
			turn();
			continue;
		}
		for (size_t i = 0; i < (size_t)part; i++)
			assert_int_equal(bytes[i], (uint8_t)((got + i) / sizeof chunk));
		got += (size_t)part;
	}
	assert_int_equal(device_connections_hand_over(stage.connections, number, &transport), ERR_OK);
	stream_transport_done(&transport);
	(void)close(descriptor);
}

/* Whoever has it reads what comes from then on. */
static void handed_over(void **state) {
	struct stream_transport transport;
	uint8_t bytes[10];
	size_t size;
	const int descriptor = call();
	assert_int_equal(send(descriptor, "x", 1, 0), 1);
	turns_until(&stage.received, 1);
	assert_int_equal(
		device_connections_hand_over(stage.connections, stage.caller.connection, &transport),
		ERR_OK);
	assert_int_equal(send(descriptor, "yz", 2, 0), 2);
	turn();
	assert_int_equal(stage.received, 1);
	assert_int_equal(transport.ops->read(transport.context, bytes, sizeof bytes, &size), ERR_OK);
	assert_int_equal(size, 2);
	assert_int_equal(transport.ops->read(transport.context, bytes, sizeof bytes, &size), ERR_AGAIN);
	assert_int_equal(
		device_connections_hand_over(stage.connections, stage.caller.connection, &transport),
		ERR_NOT_FOUND);
	(void)close(descriptor);
	assert_int_equal(transport.ops->read(transport.context, bytes, sizeof bytes, &size),
					 ERR_CLOSED);
	stream_transport_done(&transport);
	assert_int_equal(stage.ended, 0);
}

/* One source has so many: its own oldest gives way. With others it is the oldest of all. */
static void crowds(void **state) {
	enum { SOURCES = DEVICE_CONNECTIONS_IN_MAX / DEVICE_CONNECTIONS_SOURCE_MAX };
	enum { SHARE = DEVICE_CONNECTIONS_SOURCE_MAX };
	int descriptors[DEVICE_CONNECTIONS_IN_MAX], one_more, first;
	size_t count = 0;
	for (uint32_t source = 0; source < SOURCES; source++) {
		first = call_from(INADDR_LOOPBACK + source * 256 + 100);
		for (uint32_t i = 0; i < SHARE - 1; i++)
			descriptors[count++] = call_from(INADDR_LOOPBACK + source * 256 + i);
		assert_false(is_closed(first));
		descriptors[count++] = call_from(INADDR_LOOPBACK + source * 256 + SHARE);
		assert_int_equal(stage.ended, source);
		turns_until(&stage.ended, source + 1);
		assert_true(is_closed(first));
		(void)close(first);
	}
	for (size_t i = 0; i < count; i++)
		assert_false(is_closed(descriptors[i]));
	one_more = call_from(INADDR_LOOPBACK + SOURCES * 256);
	turns_until(&stage.ended, SOURCES + 1);
	assert_true(is_closed(descriptors[0]));
	assert_false(is_closed(descriptors[1]));
	/* There is room again where some leave. */
	for (size_t i = 0; i < count; i++)
		(void)close(descriptors[i]);
	(void)close(one_more);
	turns_until(&stage.ended, SOURCES + DEVICE_CONNECTIONS_IN_MAX + 1);
}

/* Who waits for a verdict gives way to nobody; where all do, nobody else is taken. */
static void waiting_ones(void **state) {
	enum { SHARE = DEVICE_CONNECTIONS_SOURCE_MAX };
	int descriptors[SHARE], one_more;
	stage.waits_up_to = SHARE - 1;
	for (uint32_t i = 0; i < SHARE; i++)
		descriptors[i] = call_from(INADDR_LOOPBACK + i);
	one_more = call_from(INADDR_LOOPBACK + 100);
	turns_until(&stage.ended, 1);
	assert_false(is_closed(one_more));
	assert_true(is_closed(descriptors[SHARE - 1]));
	for (uint32_t i = 0; i < SHARE - 1; i++)
		assert_false(is_closed(descriptors[i]));
	(void)close(descriptors[SHARE - 1]);
	stage.waits_up_to = SHARE + 1;
	descriptors[SHARE - 1] = one_more;
	one_more = call_from(INADDR_LOOPBACK + 100);
	for (int i = 0; i < 500 && !is_closed(one_more); i++)
		turn();
	assert_true(is_closed(one_more));
	for (uint32_t i = 0; i < SHARE; i++) {
		assert_false(is_closed(descriptors[i]));
		(void)close(descriptors[i]);
	}
	(void)close(one_more);
	assert_int_equal(stage.ended, 1);
}

/* Who says nothing is closed, who has said something is the device's to judge. */
static void silent(void **state) {
	const int quiet = call(), loud = call();
	assert_int_equal(send(loud, "x", 1, 0), 1);
	turns_until(&stage.received, 1);
	const uint64_t now = clock_now();
	const uint64_t next = device_connections_run(stage.connections, now);
	assert_true(next > now && next <= now + DEVICE_CONNECTIONS_SILENCE);
	assert_int_equal(device_connections_run(stage.connections, next - 1), next);
	assert_false(is_closed(quiet));
	assert_int_equal(device_connections_run(stage.connections, next), CLOCK_NEVER);
	assert_true(is_closed(quiet));
	assert_false(is_closed(loud));
	assert_int_equal(stage.ended, 0);
	(void)close(quiet);
	(void)close(loud);
}

static int socket_of(enum address_family family) {
	return socket(family == ADDRESS_V4 ? AF_INET : AF_INET6,
				  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* What is written before the connection is made leaves when it is. */
static void going_out(void **state) {
	struct endpoint to = {.port = ntohs(stage.at.sin_port), .address.family = ADDRESS_V4};
	uint64_t number;
	memcpy(to.address.bytes, &stage.at.sin_addr, 4);
	assert_int_equal(device_connections_connect(stage.connections, &to, &number), ERR_OK);
	assert_int_equal(stage.asked[PROCESS_SOCKET_TCP_V4], 1);
	assert_int_equal(device_connections_write(stage.connections, number, slice_of("early", 5)),
					 ERR_OK);
	const struct process_sockets answer = {.kind = PROCESS_SOCKET_TCP_V4, .count = 1};
	const int descriptor = socket_of(ADDRESS_V4);
	device_connections_sockets(stage.connections, &answer, &descriptor, 1);
	/* It leads to our own listening socket. */
	turns_until(&stage.heard_size, 5);
	assert_memory_equal(stage.heard, "early", 5);
	assert_int_not_equal(stage.caller.connection, number);
	assert_int_equal(
		device_connections_write(stage.connections, stage.caller.connection, slice_of("answer", 6)),
		ERR_OK);
	turns_until(&stage.heard_size, 11);
	assert_int_equal(stage.caller.connection, number);
	assert_false(stage.caller.is_incoming);
	assert_true(endpoint_equal(&stage.caller.from, &to));
	device_connections_close(stage.connections, number);
	turns_until(&stage.ended, 1);
}

/* Nobody listens there; there is no socket; it was given up before there was one. */
static void going_nowhere(void **state) {
	struct endpoint to = {.port = 9, .address = {.family = ADDRESS_V4, .bytes = {127, 0, 0, 1}}};
	const struct process_sockets answer = {.kind = PROCESS_SOCKET_TCP_V4, .count = 1};
	const struct process_sockets none = {.kind = PROCESS_SOCKET_TCP_V6, .error = EAFNOSUPPORT};
	uint64_t numbers[DEVICE_CONNECTIONS_OUT_MAX + 1];
	assert_int_equal(device_connections_connect(stage.connections, &to, &numbers[0]), ERR_OK);
	int descriptor = socket_of(ADDRESS_V4);
	device_connections_sockets(stage.connections, &answer, &descriptor, 1);
	turns_until(&stage.ended, 1);
	assert_int_equal(stage.last_ended, numbers[0]);
	to.address = (struct address){.family = ADDRESS_V6, .bytes = {[15] = 1}};
	assert_int_equal(device_connections_connect(stage.connections, &to, &numbers[0]), ERR_OK);
	device_connections_sockets(stage.connections, &none, NULL, 0);
	assert_int_equal(stage.ended, 2);
	assert_int_equal(stage.last_ended, numbers[0]);
	for (size_t i = 0; i < DEVICE_CONNECTIONS_OUT_MAX; i++)
		assert_int_equal(device_connections_connect(stage.connections, &to, &numbers[i]), ERR_OK);
	assert_int_equal(
		device_connections_connect(stage.connections, &to, &numbers[DEVICE_CONNECTIONS_OUT_MAX]),
		ERR_LIMIT);
	for (size_t i = 0; i < DEVICE_CONNECTIONS_OUT_MAX; i++)
		device_connections_close(stage.connections, numbers[i]);
	descriptor = socket_of(ADDRESS_V4);
	device_connections_sockets(stage.connections, &answer, &descriptor, 1);
	assert_int_equal(fcntl(descriptor, F_GETFD), -1);
	assert_int_equal(stage.ended, 2);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(closed_by_the_device, set_up, tear_down),
		cmocka_unit_test_setup_teardown(slow_readers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(handed_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(crowds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(waiting_ones, set_up, tear_down),
		cmocka_unit_test_setup_teardown(silent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(going_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(going_nowhere, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
