#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/stream_socket.h"

static struct stream_socket_request request_of(const char *at, bool datagrams) {
	struct stream_socket_request request = {.datagrams = datagrams};
	assert_int_equal(endpoint_parse(at, &request.at), ERR_OK);
	return request;
}

static int option(int descriptor, int level, int name) {
	int value = -1;
	socklen_t size = sizeof value;
	assert_int_equal(getsockopt(descriptor, level, name, &value, &size), 0);
	return value;
}

static struct endpoint bound_at(int descriptor) {
	struct sockaddr_storage name;
	socklen_t size = sizeof name;
	struct endpoint at = {.port = 0};
	assert_int_equal(getsockname(descriptor, (struct sockaddr *)&name, &size), 0);
	at.port = ntohs(name.ss_family == AF_INET ? ((struct sockaddr_in *)&name)->sin_port
											  : ((struct sockaddr_in6 *)&name)->sin6_port);
	return at;
}

static void assert_not_blocking(int descriptor) {
	assert_true(fcntl(descriptor, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(descriptor, F_GETFD) & FD_CLOEXEC);
}

/* A second one cannot have the port of the first, of either kind. */
static void test_listening(void **state) {
	for (unsigned datagrams = 0; datagrams < 2; datagrams++) {
		struct stream_socket_request request = request_of("127.0.0.1:0", datagrams);
		int first, second;
		assert_int_equal(stream_socket_listen(&request, &first), 0);
		assert_not_blocking(first);
		assert_int_equal(option(first, SOL_SOCKET, SO_ACCEPTCONN), !datagrams);
		assert_int_equal(option(first, SOL_SOCKET, SO_TYPE), datagrams ? SOCK_DGRAM : SOCK_STREAM);
		request.at.port = bound_at(first).port;
		assert_int_equal(stream_socket_listen(&request, &second), EADDRINUSE);
		assert_int_equal(close(first), 0);
		assert_int_equal(stream_socket_listen(&request, &second), 0);
		assert_int_equal(close(second), 0);
	}
}

static void test_both_families(void **state) {
	const struct stream_socket_request request = request_of("[::]:0", false);
	int descriptor;
	int number = stream_socket_listen(&request, &descriptor);
	if (number == EAFNOSUPPORT)
		skip();
	assert_int_equal(number, 0);
	assert_int_equal(option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	assert_int_equal(close(descriptor), 0);
}

static void test_an_address_of_others(void **state) {
	const struct stream_socket_request request = request_of("192.0.2.1:0", false);
	int descriptor = -7;
	assert_int_equal(stream_socket_listen(&request, &descriptor), EADDRNOTAVAIL);
	assert_int_equal(descriptor, -7);
}

/* Unbound unless an address is said, and of the family that is asked for. */
static void test_for_connecting(void **state) {
	static const struct {
		bool datagrams;
		uint8_t family;
		int domain;
	} kinds[] = {
		{false, ADDRESS_V4, AF_INET},
		{false, ADDRESS_V6, AF_INET6},
		{true, ADDRESS_V4, AF_INET},
		{true, ADDRESS_V6, AF_INET6},
	};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const struct stream_socket_request request = {.datagrams = kinds[i].datagrams,
													  .family = kinds[i].family};
		int descriptor;
		int number = stream_socket_open(&request, &descriptor);
		if (number == EAFNOSUPPORT && kinds[i].family == ADDRESS_V6)
			continue;
		assert_int_equal(number, 0);
		assert_not_blocking(descriptor);
		assert_int_equal(option(descriptor, SOL_SOCKET, SO_DOMAIN), kinds[i].domain);
		assert_int_equal(option(descriptor, SOL_SOCKET, SO_TYPE),
						 kinds[i].datagrams ? SOCK_DGRAM : SOCK_STREAM);
		assert_int_equal(bound_at(descriptor).port, 0);
		assert_int_equal(close(descriptor), 0);
	}
	const struct stream_socket_request bound = request_of("127.0.0.1:0", true);
	int descriptor;
	assert_int_equal(stream_socket_open(&bound, &descriptor), 0);
	assert_int_not_equal(bound_at(descriptor).port, 0);
	assert_int_equal(close(descriptor), 0);
}

/* Setting one takes a right that tests may lack. */
static void test_mark(void **state) {
	const struct stream_socket_request request = {.family = ADDRESS_V4, .mark = 0x756d0001};
	int descriptor;
	int number = stream_socket_open(&request, &descriptor);
	if (number == EPERM)
		skip();
	assert_int_equal(number, 0);
	assert_int_equal(option(descriptor, SOL_SOCKET, SO_MARK), 0x756d0001);
	assert_int_equal(close(descriptor), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listening),
		cmocka_unit_test(test_both_families),
		cmocka_unit_test(test_an_address_of_others),
		cmocka_unit_test(test_for_connecting),
		cmocka_unit_test(test_mark),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
