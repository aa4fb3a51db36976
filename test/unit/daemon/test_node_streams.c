#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "daemon/node_core.h"
#include "daemon/node_streams.h"
#include "tunnel/plan.h"

static struct endpoint at(const char *text) {
	struct endpoint endpoint;
	assert_int_equal(endpoint_parse(text, &endpoint), ERR_OK);
	return endpoint;
}

static unsigned kinds_of(const struct config_tunnel *tunnel) {
	struct stream_socket_request request;
	unsigned kinds = 0;
	for (uint8_t kind = 0; kind <= PROCESS_SOCKET_KINDS; kind++)
		if (node_streams_has_socket(tunnel, 5, kind, &request))
			kinds |= 1U << kind;
	return kinds;
}

enum {
	TCP = 1U << PROCESS_SOCKET_TCP_V4 | 1U << PROCESS_SOCKET_TCP_V6,
	UDP = 1U << PROCESS_SOCKET_UDP_V4 | 1U << PROCESS_SOCKET_UDP_V6,
	ASSOCIATION = 1U << PROCESS_SOCKET_ASSOCIATION,
};

static void test_kinds(void **state) {
	struct config_tunnel tunnel = {.carries_streams = true, .role = CONFIG_SERVER};
	assert_int_equal(kinds_of(&tunnel), TCP | UDP);
	tunnel.role = CONFIG_CLIENT;
	assert_int_equal(kinds_of(&tunnel), TCP);
	tunnel.proxy.listen = at("127.0.0.1:1080");
	assert_int_equal(kinds_of(&tunnel), TCP | ASSOCIATION);
	tunnel.carries_streams = false;
	assert_int_equal(kinds_of(&tunnel), 0);
}

static const char *const udp_and_tcp[] = {"udp", "tcp"};

/* A client that logs in by TCP connects to its server, a server's clients come. */
static void test_logins(void **state) {
	struct config_tunnel config = {
		.logs_in = true, .role = CONFIG_CLIENT, .listen = at("192.0.2.1:443")};
	struct node_tunnel tunnel = {.config = &config, .slot = 5};
	struct stream_socket_request sockets[STREAM_LISTENERS_MAX];
	struct attachment_request request = {.shards = 4};
	assert_int_equal(kinds_of(&config), 0);
	config.login.transport = CONFIG_OVER_TCP;
	assert_int_equal(kinds_of(&config), TCP);
	config.fwmark.value = 77;
	assert_true(node_streams_has_socket(&config, 5, PROCESS_SOCKET_TCP_V6, &sockets[0]));
	assert_int_equal(sockets[0].mark, 77);
	assert_int_equal(sockets[0].family, ADDRESS_V6);
	config.login.transport = CONFIG_OVER_EITHER;
	assert_int_equal(kinds_of(&config), TCP);
	node_streams_request(&tunnel, sockets, &request);
	assert_int_equal(request.stream_count, 0);
	config.role = CONFIG_SERVER;
	config.login.transports = (struct config_texts){udp_and_tcp, 1};
	node_streams_request(&tunnel, sockets, &request);
	assert_int_equal(request.stream_count, 0);
	config.login.transports.count = 2;
	assert_int_equal(kinds_of(&config), 0);
	node_streams_request(&tunnel, sockets, &request);
	assert_int_equal(request.stream_count, 1);
	assert_int_equal(request.shards, 4);
	assert_int_equal(sockets[0].mark, 77);
	assert_true(endpoint_equal(&sockets[0].at, &config.listen));
	assert_false(sockets[0].datagrams);
}

/* What goes to the server bears the tunnel's mark; what goes to programs here does not. */
static void test_marks_and_addresses(void **state) {
	struct config_tunnel tunnel = {.carries_streams = true, .role = CONFIG_CLIENT};
	struct stream_socket_request request;
	tunnel.fwmark.value = 77;
	tunnel.proxy.listen = at("127.0.0.1:1080");
	assert_true(node_streams_has_socket(&tunnel, 5, PROCESS_SOCKET_TCP_V6, &request));
	assert_int_equal(request.mark, 77);
	assert_int_equal(request.family, ADDRESS_V6);
	assert_false(request.datagrams);
	assert_int_equal(request.at.address.family, ADDRESS_NONE);
	assert_true(node_streams_has_socket(&tunnel, 5, PROCESS_SOCKET_ASSOCIATION, &request));
	assert_int_equal(request.mark, 0);
	assert_true(request.datagrams);
	assert_int_equal(request.at.port, 0);
	assert_int_equal(request.at.address.bytes[0], 127);
}

static void test_request(void **state) {
	struct config_tunnel config = {
		.carries_streams = true, .role = CONFIG_SERVER, .listen = at("192.0.2.1:443")};
	struct node_tunnel tunnel = {.config = &config, .slot = 5};
	struct stream_socket_request sockets[STREAM_LISTENERS_MAX];
	struct attachment_request request = {.shards = 4};
	config.fwmark.value = 77;
	node_streams_request(&tunnel, sockets, &request);
	assert_int_equal(request.stream_count, 1);
	assert_int_equal(request.shards, 0);
	assert_int_equal(sockets[0].mark, 77);
	assert_int_equal(sockets[0].at.port, 443);
	assert_false(sockets[0].datagrams);
	const struct config_forward forward = {
		.protocol = CONFIG_UDP, .listen = at("127.0.0.1:53"), .target = {"192.0.2.1", 53}};
	struct prefix address;
	assert_int_equal(prefix_parse("10.80.0.2/24", &address), ERR_OK);
	config.role = CONFIG_CLIENT;
	config.listen = (struct endpoint){.port = 0};
	config.proxy.listen = at("127.0.0.1:1080");
	config.forwards = &forward;
	config.forward_count = 1;
	config.addresses.items = &address;
	config.addresses.count = 1;
	node_streams_request(&tunnel, sockets, &request);
	assert_int_equal(request.stream_count, 2);
	assert_int_equal(request.shards, 1);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(sockets[i].mark, 0);
		assert_int_equal(sockets[i].at.port, sockets[i].datagrams ? 53 : 1080);
	}
	assert_true(sockets[0].datagrams != sockets[1].datagrams);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_logins),
		cmocka_unit_test(test_marks_and_addresses),
		cmocka_unit_test(test_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
