#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/tcp_listener.h"

static struct endpoint endpoint_of(const char *text) {
	struct endpoint endpoint = {.port = 0};
	assert_int_equal(endpoint_parse(text, &endpoint), ERR_OK);
	return endpoint;
}

static uint16_t port_of(int descriptor) {
	struct sockaddr_in name = {.sin_family = AF_UNSPEC};
	socklen_t size = sizeof name;
	assert_int_equal(getsockname(descriptor, (struct sockaddr *)&name, &size), 0);
	return ntohs(name.sin_port); /* where sockaddr_in6 has it as well */
}

static int connect_v4(uint16_t port) {
	const struct sockaddr_in name = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(descriptor >= 0);
	int failed = connect(descriptor, (const struct sockaddr *)&name, sizeof name);
	(void)close(descriptor);
	return failed;
}

static void it_listens(void **state) {
	struct endpoint at = endpoint_of("127.0.0.1:0");
	int descriptor = -1, other = -1;
	assert_int_equal(tcp_listener_open(&at, &descriptor), 0);
	assert_true(fcntl(descriptor, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(descriptor, F_GETFD) & FD_CLOEXEC);
	at.port = port_of(descriptor);
	assert_int_equal(connect_v4(at.port), 0);
	assert_int_equal(tcp_listener_open(&at, &other), EADDRINUSE);
	assert_int_equal(other, -1);
	/* Again at once, although the connection of above may linger. */
	(void)close(descriptor);
	assert_int_equal(tcp_listener_open(&at, &descriptor), 0);
	(void)close(descriptor);
}

static void all_addresses_are_both_families(void **state) {
	const struct endpoint at = endpoint_of("[::]:0");
	int descriptor = -1;
	int failed = tcp_listener_open(&at, &descriptor);
	if (failed == EAFNOSUPPORT)
		skip();
	assert_int_equal(failed, 0);
	assert_int_equal(connect_v4(port_of(descriptor)), 0);
	(void)close(descriptor);
}

static void an_address_of_others_is_refused(void **state) {
	const struct endpoint at = endpoint_of("192.0.2.1:0");
	int descriptor = -1;
	assert_int_equal(tcp_listener_open(&at, &descriptor), EADDRNOTAVAIL);
	assert_int_equal(descriptor, -1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_listens),
		cmocka_unit_test(all_addresses_are_both_families),
		cmocka_unit_test(an_address_of_others_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
