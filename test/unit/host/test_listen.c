#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/listen.h"
#include "host/steering.h"

/* Real sockets, whose datagrams stay on the loopback interface. */

static const struct steering rules = {.rules = {{0x04000000, 4}}, .count = 1, .mask = 15};

static struct listen open_shards(unsigned shards) {
	const struct listen_request request = {.shards = shards, .steering = &rules};
	struct listen listen = {0};
	assert_int_equal(listen_open(&request, &listen), 0);
	assert_int_equal(listen.shards, shards);
	assert_true(listen.has_v4 || listen.has_v6);
	assert_true(listen.port > 0);
	return listen;
}

static uint16_t port_of(int descriptor) {
	struct sockaddr_storage address = {0};
	socklen_t size = sizeof address;
	assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &size), 0);
	return ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
											  : ((struct sockaddr_in6 *)&address)->sin6_port);
}

static void test_families_share_the_port(void **state) {
	struct listen listen = open_shards(4);
	for (unsigned i = 0; i < 4; i++) {
		if (listen.has_v4)
			assert_int_equal(port_of(listen.v4[i]), listen.port);
		if (listen.has_v6)
			assert_int_equal(port_of(listen.v6[i]), listen.port);
	}
	listen_done(&listen);
	assert_int_equal(listen.shards, 0);
}

/* Somebody else's port is found out, although all shards of ours would share it. */
static void test_busy_port(void **state) {
	for (unsigned shards = 1; shards <= 3; shards++) {
		struct listen first = open_shards(shards), second = {0};
		for (unsigned others = 1; others <= 3; others++) {
			const struct listen_request request = {
				.port = first.port, .shards = others, .steering = &rules};
			assert_int_equal(listen_open(&request, &second), EADDRINUSE);
			assert_int_equal(second.shards, 0);
		}
		uint16_t port = first.port;
		listen_done(&first);
		const struct listen_request again = {.port = port, .shards = shards, .steering = &rules};
		assert_int_equal(listen_open(&again, &second), 0);
		assert_int_equal(second.port, port);
		listen_done(&second);
	}
}

/* A port that one family has taken is given up in the other. */
static void test_failure_leaves_nothing(void **state) {
	struct listen holder = open_shards(1);
	if (!holder.has_v4 || !holder.has_v6) {
		listen_done(&holder);
		skip();
	}
	uint16_t port = holder.port;
	assert_int_equal(close(holder.v4[0]), 0);
	holder.has_v4 = false;
	struct listen other = {0};
	const struct listen_request request = {.port = port, .shards = 2, .steering = &rules};
	assert_int_equal(listen_open(&request, &other), EADDRINUSE);
	int probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	assert_int_equal(bind(probe, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(close(probe), 0);
	listen_done(&holder);
}

static void test_steered_to_the_named_socket(void **state) {
	enum { SHARDS = 4 };
	struct listen listen = open_shards(SHARDS);
	int sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_in to = {.sin_family = AF_INET,
								   .sin_port = htons(listen.port),
								   .sin_addr = {htonl(INADDR_LOOPBACK)}};
	for (uint8_t index = 0; listen.has_v4 && index < 32; index++) {
		const uint8_t datagram[8] = {4, 0, 0, 0, index, 1, 2, 3};
		assert_int_equal(
			sendto(sender, datagram, sizeof datagram, 0, (const struct sockaddr *)&to, sizeof to),
			sizeof datagram);
		struct pollfd items[SHARDS];
		for (unsigned i = 0; i < SHARDS; i++)
			items[i] = (struct pollfd){.fd = listen.v4[i], .events = POLLIN};
		assert_int_equal(poll(items, SHARDS, 2000), 1);
		unsigned expected = (index & 15) % SHARDS;
		assert_int_equal(items[expected].revents, POLLIN);
		uint8_t received[16];
		assert_int_equal(recv(listen.v4[expected], received, sizeof received, 0), sizeof datagram);
	}
	assert_int_equal(close(sender), 0);
	listen_done(&listen);
}

static void test_bad_requests(void **state) {
	struct listen listen = {0};
	assert_int_equal(listen_open(&(struct listen_request){.shards = 0}, &listen), EINVAL);
	assert_int_equal(listen_open(&(struct listen_request){.shards = 17}, &listen), EINVAL);
	listen_done(&listen);
	assert_int_equal(listen_mark(&listen, 7), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_families_share_the_port),
		cmocka_unit_test(test_busy_port),
		cmocka_unit_test(test_failure_leaves_nothing),
		cmocka_unit_test(test_steered_to_the_named_socket),
		cmocka_unit_test(test_bad_requests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
