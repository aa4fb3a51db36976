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

static const struct steering_rule list[] = {{0x04000000, UINT32_MAX, 4, 0}};
static const struct steering rules = {.rules = list, .count = 1, .mask = 15};

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

static struct listen_request at(const char *text) {
	struct listen_request request = {.shards = 2, .steering = &rules};
	assert_int_equal(address_parse(text, &request.address), ERR_OK);
	return request;
}

static void address_of(int descriptor, char text[static ADDRESS_TEXT_SIZE]) {
	struct sockaddr_storage storage = {0};
	socklen_t size = sizeof storage;
	assert_int_equal(getsockname(descriptor, (struct sockaddr *)&storage, &size), 0);
	bool is_v4 = storage.ss_family == AF_INET;
	struct address address =
		is_v4 ? address_from_bytes(ADDRESS_V4,
								   (const uint8_t *)&((struct sockaddr_in *)&storage)->sin_addr)
			  : address_from_bytes(ADDRESS_V6,
								   (const uint8_t *)&((struct sockaddr_in6 *)&storage)->sin6_addr);
	address_format(&address, text);
}

static void test_one_address(void **state) {
	static const char *const texts[] = {"0.0.0.0", "127.0.0.1", "127.0.0.2"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct listen listen = {0};
		const struct listen_request request = at(texts[i]);
		assert_int_equal(listen_open(&request, &listen), 0);
		assert_true(listen.has_v4);
		assert_false(listen.has_v6);
		for (unsigned shard = 0; shard < 2; shard++) {
			char text[ADDRESS_TEXT_SIZE];
			address_of(listen.v4[shard], text);
			assert_string_equal(text, texts[i]);
			assert_int_equal(port_of(listen.v4[shard]), listen.port);
		}
		listen_done(&listen);
	}
}

static void test_one_v6_address(void **state) {
	struct listen probe = open_shards(1), listen = {0};
	bool has_v6 = probe.has_v6;
	listen_done(&probe);
	const struct listen_request request = at("::1"), everywhere = at("::");
	int number = listen_open(&request, &listen);
	if (!has_v6 || number == EADDRNOTAVAIL)
		skip();
	assert_int_equal(number, 0);
	assert_false(listen.has_v4);
	assert_true(listen.has_v6);
	char text[ADDRESS_TEXT_SIZE];
	address_of(listen.v6[1], text);
	assert_string_equal(text, "::1");
	listen_done(&listen);
	/* Unspecified, it means both families. */
	assert_int_equal(listen_open(&everywhere, &listen), 0);
	assert_true(listen.has_v4 && listen.has_v6);
	listen_done(&listen);
}

/* Two tunnels may have one port at two addresses, and not at one. */
static void test_port_of_two_addresses(void **state) {
	struct listen first = {0}, second = {0};
	struct listen_request request = at("127.0.0.1");
	assert_int_equal(listen_open(&request, &first), 0);
	request.port = first.port;
	assert_int_equal(listen_open(&request, &second), EADDRINUSE);
	struct listen_request other = at("127.0.0.2");
	other.port = first.port;
	assert_int_equal(listen_open(&other, &second), 0);
	assert_int_equal(second.port, first.port);
	listen_done(&first);
	listen_done(&second);
}

/* An address of somebody else is no family that is missing. */
static void test_foreign_address(void **state) {
	struct listen listen = {0};
	const struct listen_request request = at("192.0.2.1");
	assert_int_equal(listen_open(&request, &listen), EADDRNOTAVAIL);
	assert_int_equal(listen.shards, 0);
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
		cmocka_unit_test(test_one_address),
		cmocka_unit_test(test_one_v6_address),
		cmocka_unit_test(test_port_of_two_addresses),
		cmocka_unit_test(test_foreign_address),
		cmocka_unit_test(test_bad_requests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
