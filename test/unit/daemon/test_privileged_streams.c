#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/privileged_parts.h"

enum { SLOT = 3 };

/* The test is the net process, at ends[1]; the attachment has no interface. */
struct fixture {
	int ends[2];
	struct privileged privileged;
	struct attachment *attachment;
	char problem[ATTACHMENT_PROBLEM_SIZE];
};

static bool may_open(struct privileged *privileged, const struct attachment *attachment,
					 uint8_t kind, struct stream_socket_request *out_request) {
	assert_int_equal(attachment->slot, SLOT);
	if (kind != PROCESS_SOCKET_UDP_V4)
		return false;
	*out_request = (struct stream_socket_request){.datagrams = true, .family = ADDRESS_V4};
	return true;
}

static const struct privileged_ops ops = {.may_open = may_open}, ops_without = {.gone = NULL};

static enum err make(struct fixture *fixture, const struct stream_socket_request *streams,
					 size_t count) {
	const struct attachment_request request = {
		.name = "web", .protocol = "any", .streams = streams, .stream_count = count};
	return attachment_new(&fixture->privileged, SLOT, &request, &fixture->attachment,
						  fixture->problem);
}

static int open_fixture(void **state) {
	struct fixture *fixture = calloc(1, sizeof *fixture);
	*state = fixture;
	log_init(LOG_SILENT, "test");
	if (!fixture || channel_pair(fixture->ends) || loop_new(&fixture->privileged.loop))
		return -1;
	struct privileged *privileged = &fixture->privileged;
	list_init(&privileged->asked);
	privileged->ops = &ops;
	privileged->signals = -1;
	privileged->ready_by = CLOCK_NEVER;
	privileged->net = (struct supervisor){
		.executable = -1, .channel = fixture->ends[0], .restart_at = CLOCK_NEVER, .ready = true};
	return 0;
}

static int close_fixture(void **state) {
	struct fixture *fixture = *state;
	privileged_done(&fixture->privileged); /* closes ends[0] */
	(void)close(fixture->ends[1]);
	free(fixture);
	return 0;
}

static struct stream_socket_request any_port(bool datagrams) {
	struct stream_socket_request request = {.datagrams = datagrams};
	assert_int_equal(endpoint_parse("127.0.0.1:0", &request.at), ERR_OK);
	return request;
}

static void hear(const struct fixture *fixture, enum process_type type,
				 struct channel_message *out_message) {
	assert_int_equal(channel_receive(fixture->ends[1], out_message), ERR_OK);
	assert_int_equal(out_message->message.type, type);
	assert_int_equal(out_message->message.tunnel, SLOT);
}

static int option(int descriptor, int name) {
	int value = -1;
	socklen_t size = sizeof value;
	assert_int_equal(getsockopt(descriptor, SOL_SOCKET, name, &value, &size), 0);
	return value;
}

/* The sockets stay open for the next net process. */
static void test_attached_without_interface(void **state) {
	struct fixture *fixture = *state;
	const struct stream_socket_request streams[] = {any_port(false), any_port(true)};
	assert_int_equal(make(fixture, streams, 2), ERR_OK);
	assert_int_equal(privileged_attach(&fixture->privileged, fixture->attachment, NULL, NULL),
					 ERR_OK);
	for (unsigned run = 0; run < 2; run++) {
		struct channel_message message;
		hear(fixture, PROCESS_ATTACH, &message);
		assert_string_equal(message.message.attach.protocol, "any");
		assert_int_equal(message.message.attach.shards, 0);
		assert_int_equal(message.message.attach.mtu, 0);
		assert_int_equal(message.message.attach.streams, 2);
		assert_int_equal(message.count, 3);
		assert_true(option(message.descriptors[1], SO_ACCEPTCONN));
		assert_int_equal(option(message.descriptors[2], SO_TYPE), SOCK_DGRAM);
		channel_message_done(&message);
		fixture->privileged.net.ready = false;
		privileged_fail_asked(&fixture->privileged);
		privileged_net_ended(&fixture->privileged);
		fixture->privileged.net.ready = true;
		privileged_attach_all(&fixture->privileged);
	}
}

/* Nothing is left open, and a person reads which it was. */
static void test_address_in_use(void **state) {
	struct fixture *fixture = *state;
	struct stream_socket_request streams[] = {any_port(false), any_port(false)};
	int taken;
	assert_int_equal(stream_socket_listen(&streams[0], &taken), 0);
	struct sockaddr_in name;
	socklen_t size = sizeof name;
	assert_int_equal(getsockname(taken, (struct sockaddr *)&name, &size), 0);
	streams[1].at = streams[0].at;
	streams[1].at.port = ntohs(name.sin_port);
	assert_int_equal(make(fixture, streams, 2), ERR_ADDRESS_IN_USE);
	assert_non_null(strstr(fixture->problem, "TCP 127.0.0.1:"));
	assert_non_null(strstr(fixture->problem, "it is in use"));
	assert_int_equal(close(taken), 0);
	assert_int_equal(make(fixture, streams, 1), ERR_OK);
	attachment_free(fixture->attachment);
}

static void test_too_many(void **state) {
	struct fixture *fixture = *state;
	struct stream_socket_request streams[PROCESS_LISTENERS_MAX + 1];
	for (size_t i = 0; i <= PROCESS_LISTENERS_MAX; i++)
		streams[i] = any_port(false);
	assert_int_equal(make(fixture, streams, PROCESS_LISTENERS_MAX + 1), ERR_LIMIT);
}

static void ask(struct fixture *fixture, uint8_t kind, uint8_t count, uint32_t error) {
	const struct process_message message = {
		.type = PROCESS_SOCKETS, .tunnel = SLOT, .sockets = {kind, count, error}};
	privileged_answer_streams(&fixture->privileged, &message);
}

static void test_sockets(void **state) {
	struct fixture *fixture = *state;
	struct channel_message message;
	ask(fixture, PROCESS_SOCKET_UDP_V4, 1, 0);
	hear(fixture, PROCESS_SOCKETS, &message); /* of no tunnel */
	assert_int_equal(message.message.sockets.error, ENODEV);
	assert_int_equal(make(fixture, NULL, 0), ERR_OK);
	fixture->privileged.attachments[SLOT] = fixture->attachment;
	ask(fixture, PROCESS_SOCKET_UDP_V4, 5, 0);
	hear(fixture, PROCESS_SOCKETS, &message);
	assert_int_equal(message.message.sockets.kind, PROCESS_SOCKET_UDP_V4);
	assert_int_equal(message.message.sockets.error, 0);
	assert_int_equal(message.message.sockets.count, 5);
	assert_int_equal(message.count, 5);
	assert_int_equal(option(message.descriptors[4], SO_TYPE), SOCK_DGRAM);
	channel_message_done(&message);
}

static void assert_refused(struct fixture *fixture, int number) {
	struct channel_message message;
	hear(fixture, PROCESS_SOCKETS, &message);
	assert_int_equal(message.message.sockets.error, number);
	assert_int_equal(message.count, 0);
}

static void test_what_the_configuration_has_not(void **state) {
	struct fixture *fixture = *state;
	assert_int_equal(make(fixture, NULL, 0), ERR_OK);
	fixture->privileged.attachments[SLOT] = fixture->attachment;
	ask(fixture, PROCESS_SOCKET_TCP_V4, 1, 0);
	assert_refused(fixture, EPERM);
	assert_int_equal(fixture->privileged.refused, 1);
	ask(fixture, PROCESS_SOCKET_UDP_V4, 0, 1); /* an answer, not a request */
	assert_refused(fixture, EINVAL);
	fixture->privileged.ops = &ops_without;
	ask(fixture, PROCESS_SOCKET_UDP_V4, 1, 0);
	assert_refused(fixture, EPERM);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(test_attached_without_interface),
		WITH_FIXTURE(test_address_in_use),
		WITH_FIXTURE(test_too_many),
		WITH_FIXTURE(test_sockets),
		WITH_FIXTURE(test_what_the_configuration_has_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
