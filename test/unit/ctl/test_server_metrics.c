#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/examples.h"
#include "ctl/metrics.h"
#include "ctl/server.h"
#include "loop/control_loop.h"

/* The server on a socket for metrics; the loop runs in the test's own thread, some time at once. */

enum { ANSWER_SIZE = 1 << 18 };

struct shop {
	struct control_loop *loop;
	struct control_timer *timer;
	struct ctl_server *server;
	uint16_t port;
	bool later; /* questions are kept */
	unsigned asked;
	size_t peers; /* of the last question */
	struct ctl_request *kept;
};

static void answer(struct ctl_request *request) {
	struct view_status status = example_status();
	ctl_answer_metrics(request, &status);
	view_status_done(&status);
}

static void ask(void *context, struct ctl_request *request, const struct ctl_question *question) {
	struct shop *shop = context;
	assert_int_equal(question->kind, CTL_METRICS);
	shop->asked++;
	shop->peers = question->peers;
	if (shop->later)
		shop->kept = request;
	else
		answer(request);
}

static void stop(void *context) {
	struct shop *shop = context;
	control_loop_stop(shop->loop);
}

static void run_some(struct shop *shop) {
	control_timer_set(shop->timer, 50 * CLOCK_MILLISECOND);
	control_loop_run(shop->loop);
}

static void open_socket(struct shop *shop) {
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof name;
	int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(descriptor, (const struct sockaddr *)&name, sizeof name), 0);
	assert_int_equal(listen(descriptor, 8), 0);
	assert_int_equal(getsockname(descriptor, (struct sockaddr *)&name, &size), 0);
	shop->port = ntohs(name.sin_port);
	assert_int_equal(ctl_server_listen(shop->server, descriptor), ERR_OK);
}

static int set_up(void **state) {
	struct shop *shop = calloc(1, sizeof *shop);
	assert_non_null(shop);
	assert_int_equal(control_loop_new(&shop->loop), ERR_OK);
	assert_int_equal(control_timer_new(shop->loop, stop, shop, &shop->timer), ERR_OK);
	const struct ctl_server_options options = {.loop = shop->loop, .ask = ask, .context = shop};
	assert_int_equal(ctl_server_new(&options, &shop->server), ERR_OK);
	open_socket(shop);
	*state = shop;
	return 0;
}

static int tear_down(void **state) {
	struct shop *shop = *state;
	ctl_server_free(shop->server);
	control_timer_free(shop->timer);
	control_loop_free(shop->loop);
	free(shop);
	return 0;
}

/* -1: refused. */
static int connect_to(const struct shop *shop) {
	const struct sockaddr_in name = {.sin_family = AF_INET,
									 .sin_port = htons(shop->port),
									 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(descriptor >= 0);
	if (connect(descriptor, (const struct sockaddr *)&name, sizeof name) == 0)
		return descriptor;
	assert_int_equal(errno, ECONNREFUSED);
	(void)close(descriptor);
	return -1;
}

static int begin(const struct shop *shop, const char *method, const char *path) {
	char text[256];
	(void)snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
				   method, path);
	int descriptor = connect_to(shop);
	assert_true(descriptor >= 0);
	assert_int_equal(send(descriptor, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	return descriptor;
}

/* What is there. */
static const char *end(int descriptor) {
	static char text[ANSWER_SIZE];
	size_t size = 0;
	ssize_t count;
	while ((count = recv(descriptor, text + size, sizeof text - 1 - size, MSG_DONTWAIT)) > 0)
		size += (size_t)count;
	text[size] = '\0';
	(void)close(descriptor);
	return text;
}

static const char *exchange(struct shop *shop, const char *method, const char *path) {
	int descriptor = begin(shop, method, path);
	run_some(shop);
	return end(descriptor);
}

static void metrics_are_served(void **state) {
	struct shop *shop = *state;
	const char *text = exchange(shop, "GET", "/metrics");
	assert_int_equal(strncmp(text, "HTTP/1.1 200 ", 13), 0);
	assert_non_null(strstr(text, "\r\nContent-Type: " METRICS_CONTENT_TYPE "\r\n"));
	assert_non_null(strstr(text, "\numbra_process_start_time_seconds 1700000000\n"));
	assert_int_equal(shop->peers, METRICS_PEERS_MAX);
	text = exchange(shop, "HEAD", "/metrics");
	assert_int_equal(strncmp(text, "HTTP/1.1 200 ", 13), 0);
	assert_null(strstr(text, "umbra_process"));
	assert_int_equal(shop->asked, 2);
}

/* The API is not for this socket. */
static void nothing_else_is_served(void **state) {
	static const char *const rows[][3] = {
		{"GET", "/", "HTTP/1.1 404 "},           {"GET", "/v1/status", "HTTP/1.1 404 "},
		{"GET", "/metrics/", "HTTP/1.1 404 "},   {"GET", "/v1/events", "HTTP/1.1 404 "},
		{"POST", "/v1/reload", "HTTP/1.1 404 "}, {"POST", "/v1/tunnels/um0/down", "HTTP/1.1 404 "},
		{"POST", "/metrics", "HTTP/1.1 405 "},   {"DELETE", "/metrics", "HTTP/1.1 405 "},
	};
	struct shop *shop = *state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *text = exchange(shop, rows[i][0], rows[i][1]);
		if (strncmp(text, rows[i][2], strlen(rows[i][2])) != 0)
			fail_msg("%s %s: %s", rows[i][0], rows[i][1], text);
	}
	assert_int_equal(shop->asked, 0);
}

static void connections_are_limited(void **state) {
	struct shop *shop = *state;
	int descriptors[CTL_METRICS_CONNECTIONS_MAX + 1];
	shop->later = true;
	for (size_t i = 0; i <= CTL_METRICS_CONNECTIONS_MAX; i++) {
		descriptors[i] = begin(shop, "GET", "/metrics");
		run_some(shop);
	}
	assert_int_equal(shop->asked, CTL_METRICS_CONNECTIONS_MAX);
	for (size_t i = 0; i <= CTL_METRICS_CONNECTIONS_MAX; i++)
		(void)close(descriptors[i]);
}

/* A reload while a question waits for figures: the answer comes to nobody. */
static void the_socket_may_go_meanwhile(void **state) {
	struct shop *shop = *state;
	shop->later = true;
	int descriptor = begin(shop, "GET", "/metrics");
	run_some(shop);
	assert_non_null(shop->kept);
	assert_int_equal(ctl_server_listen(shop->server, -1), ERR_OK);
	assert_string_equal(end(descriptor), "");
	assert_int_equal(connect_to(shop), -1);
	answer(shop->kept);
	run_some(shop);
	/* And another one that is never answered. */
	open_socket(shop);
	descriptor = begin(shop, "GET", "/metrics");
	run_some(shop);
	open_socket(shop);
	shop->later = false;
	assert_int_equal(strncmp(exchange(shop, "GET", "/metrics"), "HTTP/1.1 200 ", 13), 0);
	(void)close(descriptor);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(metrics_are_served),
		TEST(nothing_else_is_served),
		TEST(connections_are_limited),
		TEST(the_socket_may_go_meanwhile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
