/* Tunnels that have one port: whose sockets are open when, and what net is told of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/privileged_parts.h"

enum { SHARDS = 2, TUNNELS = 4 };

/* The test is the net process, at ends[1]. Slots are the tunnels' numbers. */
struct fixture {
	int ends[2];
	struct privileged privileged;
	struct privileged_ops ops;
};

static void add(struct fixture *fixture, uint16_t slot, const char *protocol) {
	struct attachment *attachment = calloc(1, sizeof *attachment);
	assert_non_null(attachment);
	attachment->privileged = &fixture->privileged;
	attachment->slot = slot;
	attachment->listener.descriptor = attachment->listener.watch = attachment->journal = -1;
	attachment->listen_again = attachment->link_at = attachment->retry_at = CLOCK_NEVER;
	(void)snprintf(attachment->protocol, sizeof attachment->protocol, "%s", protocol);
	assert_int_equal(address_parse("127.0.0.1", &attachment->request.listen), ERR_OK);
	attachment->tun.count = SHARDS;
	for (int i = 0; i < SHARDS; i++)
		attachment->tun.queues[i] = dup(0);
	fixture->privileged.attachments[slot] = attachment;
}

static int open_fixture(void **state) {
	struct fixture *fixture = calloc(1, sizeof *fixture);
	*state = fixture;
	log_init(LOG_SILENT, "test");
	if (!fixture || channel_pair(fixture->ends) || loop_new(&fixture->privileged.loop))
		return -1;
	struct privileged *privileged = &fixture->privileged;
	list_init(&privileged->asked);
	privileged->ops = &fixture->ops;
	privileged->signals = -1;
	privileged->ready_by = CLOCK_NEVER;
	privileged->net = (struct supervisor){
		.executable = -1, .channel = fixture->ends[0], .restart_at = CLOCK_NEVER};
	add(fixture, 0, "one");
	add(fixture, 1, "two");
	add(fixture, 2, "one");
	add(fixture, 3, "three");
	return 0;
}

static int close_fixture(void **state) {
	struct fixture *fixture = *state;
	privileged_done(&fixture->privileged); /* closes ends[0] */
	(void)close(fixture->ends[1]);
	free(fixture);
	return 0;
}

/* What net gets: errno, or 0, the port and which sockets they are. */
static int ask(struct fixture *fixture, uint16_t slot, uint16_t *port, uint32_t mark,
			   ino_t out_sockets[static SHARDS]) {
	struct process_message request = {.type = PROCESS_LISTEN, .request = 7, .tunnel = slot};
	request.listen.port = *port;
	request.listen.mark = mark;
	request.listen.shards = SHARDS;
	privileged_answer_listen(&fixture->privileged, &request);
	struct channel_message reply;
	assert_int_equal(channel_receive(fixture->ends[1], &reply), ERR_OK);
	assert_int_equal(reply.message.type, PROCESS_LISTENING);
	int number = (int)reply.message.listening.error;
	assert_int_equal(reply.count, number ? 0 : SHARDS);
	for (size_t i = 0; i < reply.count; i++) {
		struct stat status;
		assert_int_equal(fstat(reply.descriptors[i], &status), 0);
		out_sockets[i] = status.st_ino;
	}
	if (!number)
		*port = reply.message.listening.port;
	channel_message_done(&reply);
	return number;
}

static bool is_free(const struct fixture *fixture, uint16_t port) {
	struct listen listen;
	const struct listen_request request = {
		.port = port, .shards = 1, .address = fixture->privileged.attachments[0]->request.listen};
	int number = listen_open(&request, &listen);
	if (!number)
		listen_done(&listen);
	else
		assert_int_equal(number, EADDRINUSE);
	return !number;
}

static void test_shared(void **state) {
	struct fixture *fixture = *state;
	ino_t first[SHARDS], second[SHARDS], third[SHARDS];
	uint16_t port = 0, same;
	assert_int_equal(ask(fixture, 0, &port, 0, first), 0);
	assert_int_not_equal(port, 0);
	same = port;
	assert_int_equal(ask(fixture, 1, &same, 0, second), 0);
	assert_int_equal(same, port);
	assert_memory_equal(first, second, sizeof first);
	/* Whoever asks again gets the same again; one of a protocol is there already. */
	assert_int_equal(ask(fixture, 0, &same, 0, third), 0);
	assert_memory_equal(first, third, sizeof first);
	assert_int_equal(ask(fixture, 2, &same, 0, third), EADDRINUSE);
	/* The one that opened them gives them up, or goes: they are the other's still. */
	privileged_unlisten(&fixture->privileged, 0);
	assert_false(is_free(fixture, port));
	assert_int_equal(ask(fixture, 3, &same, 0, third), 0);
	assert_memory_equal(first, third, sizeof first);
	/* Now there is none of protocol one; and then one of three goes with all it has. */
	assert_int_equal(ask(fixture, 2, &same, 0, third), 0);
	attachment_free(fixture->privileged.attachments[3]);
	attachment_free(fixture->privileged.attachments[1]);
	assert_false(is_free(fixture, port));
	assert_int_equal(ask(fixture, 2, &same, 0, third), 0);
	assert_memory_equal(first, third, sizeof first);
	privileged_unlisten(&fixture->privileged, 2);
	assert_true(is_free(fixture, port));
}

/* "Any" is one of its own, and another address is another port. */
static void test_apart(void **state) {
	struct fixture *fixture = *state;
	ino_t first[SHARDS], second[SHARDS];
	uint16_t port = 0, any = 0;
	assert_int_equal(ask(fixture, 0, &port, 0, first), 0);
	assert_int_equal(ask(fixture, 1, &any, 0, second), 0);
	assert_int_not_equal(port, any);
	assert_int_not_equal(first[0], second[0]);
	struct attachment *elsewhere = fixture->privileged.attachments[3];
	assert_int_equal(address_parse("127.0.0.2", &elsewhere->request.listen), ERR_OK);
	assert_int_equal(ask(fixture, 3, &port, 0, second), 0);
	assert_int_not_equal(first[0], second[0]);
	/* From a port that it shares to its own: the other keeps what it has. */
	assert_int_equal(ask(fixture, 1, &port, 0, second), 0);
	assert_memory_equal(first, second, sizeof first);
	any = 0;
	assert_int_equal(ask(fixture, 0, &any, 0, second), 0);
	assert_int_not_equal(first[0], second[0]);
	assert_false(is_free(fixture, port));
}

/* Marks belong to sockets: who has another one has other sockets. */
static void test_marks(void **state) {
	struct fixture *fixture = *state;
	ino_t first[SHARDS], second[SHARDS];
	uint16_t port = 0;
	assert_int_equal(ask(fixture, 0, &port, 0, first), 0);
	assert_int_equal(ask(fixture, 1, &port, 99, second), EADDRINUSE);
	assert_int_equal(ask(fixture, 1, &port, 0, second), 0);
	const struct process_message mark = {.type = PROCESS_MARK, .tunnel = 1, .mark = {99}};
	privileged_answer_mark(&fixture->privileged, &mark);
	struct channel_message reply;
	assert_int_equal(channel_receive(fixture->ends[1], &reply), ERR_OK);
	/* Not every account that runs tests may set one. */
	uint32_t expected = reply.message.marked.error ? 0 : 99;
	channel_message_done(&reply);
	for (uint16_t slot = 0; slot < 2; slot++) {
		const struct listen *sockets = &fixture->privileged.attachments[slot]->sockets;
		uint32_t value = 1;
		socklen_t size = sizeof value;
		assert_int_equal(sockets->mark, expected);
		assert_int_equal(getsockopt(sockets->v4[0], SOL_SOCKET, SO_MARK, &value, &size), 0);
		assert_int_equal(value, expected);
	}
}

/* The next net process asks anew: what the last one had is closed, whoever had it. */
static void test_net_ends(void **state) {
	struct fixture *fixture = *state;
	ino_t sockets[SHARDS];
	uint16_t port = 0;
	assert_int_equal(ask(fixture, 0, &port, 0, sockets), 0);
	assert_int_equal(ask(fixture, 1, &port, 0, sockets), 0);
	privileged_net_ended(&fixture->privileged);
	assert_true(is_free(fixture, port));
	/* In the other order this time. */
	ino_t first[SHARDS], second[SHARDS];
	assert_int_equal(ask(fixture, 1, &port, 0, first), 0);
	assert_int_equal(ask(fixture, 0, &port, 0, second), 0);
	assert_memory_equal(first, second, sizeof first);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shared, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(test_apart, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(test_marks, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(test_net_ends, open_fixture, close_fixture),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
