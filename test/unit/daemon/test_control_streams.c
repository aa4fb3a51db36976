#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/channel.h"
#include "daemon/control_streams.h"
#include "loop/control_loop.h"
#include "transport/dns/resolver.h"

enum { SLOT = 5 };

/* The test is the net process, at ends[1]. Names are those of /etc/hosts: nobody is asked. */
struct fixture {
	struct control control;
	struct control_timer *timer;
	int ends[2];
};

static int no_socket(void *context, int family, int type) {
	errno = EPERM;
	return -1;
}

static void receive(void *context, struct channel_message *message) {
}

static void lost(void *context, enum err error) {
}

static void settled(void *context) {
}

static void stop(void *context) {
	control_loop_stop(((struct fixture *)context)->control.loop);
}

static int open_fixture(void **state) {
	struct fixture *fixture = calloc(1, sizeof *fixture);
	*state = fixture;
	log_init(LOG_SILENT, "test");
	if (!fixture || channel_pair(fixture->ends) || control_loop_new(&fixture->control.loop) ||
		control_timer_new(fixture->control.loop, stop, fixture, &fixture->timer))
		return -1;
	struct control *control = &fixture->control;
	const struct control_channel_options options = {
		.loop = control->loop, .receive = receive, .lost = lost, .settled = settled};
	const struct resolver_options resolver = {
		.loop = control->loop, .open_socket = no_socket, .servers = "127.0.0.1"};
	control_channel_init(&control->net, &options);
	if (control_channel_open(&control->net, fixture->ends[0]) ||
		resolver_new(&resolver, &control->resolver))
		return -1;
	return control_streams_open(control) ? -1 : 0;
}

static int close_fixture(void **state) {
	struct fixture *fixture = *state;
	resolver_free(fixture->control.resolver);
	control_streams_done(&fixture->control);
	control_channel_close(&fixture->control.net);
	control_timer_free(fixture->timer);
	control_loop_free(fixture->control.loop);
	(void)close(fixture->ends[1]);
	free(fixture);
	return 0;
}

static void turn(struct fixture *fixture) {
	control_timer_set(fixture->timer, 1000000);
	control_loop_run(fixture->control.loop);
}

static void ask(struct fixture *fixture, uint32_t id, const char *name) {
	struct process_message message = {
		.type = PROCESS_RESOLVE, .tunnel = SLOT, .resolve = {.id = id}};
	(void)snprintf(message.resolve.name, sizeof message.resolve.name, "%s", name);
	control_streams_resolve(&fixture->control, &message);
}

static bool hear(struct fixture *fixture, struct process_resolved *out_answer) {
	struct channel_message message;
	for (int i = 0; i < 50; i++) {
		if (channel_receive(fixture->ends[1], &message) == ERR_OK) {
			assert_int_equal(message.message.type, PROCESS_RESOLVED);
			assert_int_equal(message.message.tunnel, SLOT);
			*out_answer = message.message.resolved;
			return true;
		}
		turn(fixture);
	}
	return false;
}

/* From the file of hosts, which has this one everywhere. */
static void test_a_name_of_this_host(void **state) {
	struct fixture *fixture = *state;
	struct process_resolved answer;
	ask(fixture, 7, "localhost");
	assert_true(hear(fixture, &answer));
	assert_int_equal(answer.id, 7);
	assert_int_equal(answer.result, PROCESS_FOUND);
	assert_true(answer.count > 0);
}

static void test_what_is_no_name(void **state) {
	struct fixture *fixture = *state;
	struct process_resolved answer;
	ask(fixture, 8, "not a name");
	assert_true(hear(fixture, &answer));
	assert_int_equal(answer.id, 8);
	assert_int_equal(answer.result, PROCESS_FOUND_NONE);
}

/* Without sockets nobody can be asked, and the limit holds before that is known. */
static void test_bounds(void **state) {
	struct fixture *fixture = *state;
	struct process_resolved answer;
	char name[64];
	for (unsigned i = 0; i <= CONTROL_RESOLVES_MAX; i++) {
		(void)snprintf(name, sizeof name, "name%u.example", i);
		ask(fixture, i, name);
	}
	assert_true(hear(fixture, &answer));
	assert_int_equal(answer.id, CONTROL_RESOLVES_MAX);
	assert_int_equal(answer.result, PROCESS_FOUND_LIMIT);
	unsigned unanswered = 0;
	while (unanswered < CONTROL_RESOLVES_MAX && hear(fixture, &answer))
		unanswered += answer.result == PROCESS_FOUND_UNANSWERED;
	assert_int_equal(unanswered, CONTROL_RESOLVES_MAX);
}

/* What another process asked for is not told the next one. */
static void test_next_net_process(void **state) {
	struct fixture *fixture = *state;
	struct process_resolved answer;
	ask(fixture, 9, "localhost");
	fixture->control.net_starts++;
	assert_false(hear(fixture, &answer));
	ask(fixture, 10, "localhost");
	assert_true(hear(fixture, &answer));
	assert_int_equal(answer.id, 10);
}

static void test_without_a_resolver(void **state) {
	struct fixture *fixture = *state;
	struct process_resolved answer;
	resolver_free(fixture->control.resolver);
	fixture->control.resolver = NULL;
	ask(fixture, 11, "localhost");
	assert_true(hear(fixture, &answer));
	assert_int_equal(answer.result, PROCESS_FOUND_UNANSWERED);
}

#define row(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void) {
	const struct CMUnitTest tests[] = {
		row(test_a_name_of_this_host), row(test_what_is_no_name),    row(test_bounds),
		row(test_next_net_process),    row(test_without_a_resolver),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
