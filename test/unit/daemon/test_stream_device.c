#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/stream_device.h"
#include "loop/loop.h"
#include "proto/stream_protocol.h"
#include "tunnel/stream_tunnel.h"

#define KEY "0101010101010101010101010101010101010101010101010101010101010101"
#define OPTIONS                                                                        \
	"streams=1\nrole=client\nprivate_key=" KEY "\nshaping=0\ncookie=session\npath=/\n" \
	"listener=mixed 127.0.0.1:1080\nserver_name=example.org\npin=" KEY "\nconnections=2\n"

/* A client that wants one socket and one name, and leaves one stranger to others. */
struct stream_tunnel {
	struct stream_tunnel_start start;
	struct stream_options options;
	struct stream_socket_wish wish;
	struct stream_question question;
};

static atomic_int sockets_given, addresses_found, alive, peers_seen;

static void given(struct stream_socket_wish *wish, int descriptor, int number) {
	if (descriptor >= 0 && close(descriptor) == 0)
		sockets_given++;
	list_init(&wish->link);
}

static void answered(struct stream_question *question, enum err error,
					 const struct address *addresses, size_t count) {
	addresses_found += error ? 100 : (int)count;
}

static atomic_uint drained[2];
static atomic_bool is_empty;

static enum err make(const struct stream_tunnel_start *start, struct stream_options *options,
					 struct stream_tunnel **out_tunnel) {
	struct stream_tunnel *tunnel = calloc(1, sizeof *tunnel);
	if (!tunnel)
		return ERR_NO_MEMORY;
	tunnel->start = *start;
	tunnel->options = *options;
	*options = (struct stream_options){.role = STREAM_SERVER};
	*out_tunnel = tunnel;
	tunnel->wish.given = given;
	tunnel->question.answered = answered;
	list_init(&tunnel->wish.link);
	list_init(&tunnel->question.link);
	stream_host_socket(start->host, STREAM_SOCKET_TCP_V4, &tunnel->wish);
	stream_host_resolve(start->host, "example.org", &tunnel->question);
	struct endpoint from = {.port = 1, .address = {.family = ADDRESS_V4, .bytes = {127, 0, 0, 1}}};
	int stranger = stream_host_stranger(start->host, &from, "h2");
	if (stranger >= 0)
		(void)close(stranger);
	const struct stream_event event = {.kind = STREAM_EVENT_CONNECTED, .count = 5};
	stream_host_event(start->host, &event);
	alive++;
	return ERR_OK;
}

static void unmake(struct stream_tunnel *tunnel) {
	stream_host_cancel_socket(tunnel->start.host, &tunnel->wish);
	stream_host_cancel_question(tunnel->start.host, &tunnel->question);
	for (size_t i = 0; i < tunnel->start.listener_count; i++)
		(void)close(tunnel->start.listeners[i]);
	stream_options_done(&tunnel->options);
	free(tunnel);
	alive--;
}

static void drain(struct stream_tunnel *tunnel, bool now) {
	drained[now]++;
}

static bool is_drained(const struct stream_tunnel *tunnel) {
	return is_empty;
}

static enum err set_options(struct stream_tunnel *tunnel, struct stream_options *options) {
	stream_options_done(options);
	return ERR_OK;
}

static void change(struct stream_tunnel *tunnel) {
	peers_seen = (int)stream_peers_count(tunnel->start.peers);
}

static void remove_peer(struct stream_tunnel *tunnel, struct stream_peer *peer) {
}

static void nothing(struct stream_tunnel *tunnel) {
}

static void change_link(struct stream_tunnel *tunnel) {
}

static void put_status(struct stream_tunnel *tunnel, struct uapi_text *out_text) {
	uapi_put_line(out_text, "status=1");
}

const struct stream_tunnel_ops stream_client_ops = {
	.new = make,
	.free = unmake,
	.drain = drain,
	.is_drained = is_drained,
	.set = set_options,
	.peers = change,
	.removed = remove_peer,
	.network = nothing,
	.link = change_link,
	.status = put_status,
};
const struct stream_tunnel_ops stream_server_ops = {.new = NULL};

static const struct stream_protocol protocol = {.name = "some"};

const struct stream_protocol *stream_protocol_find(const char *name) {
	return strcmp(name, "some") == 0 ? &protocol : NULL;
}

/* The test is net's main thread, and the other processes. */
struct fixture {
	struct loop *loop;
	struct net_start start;
	struct net_device *device;
	int journal, listener;
	unsigned full; /* how often the channel is */
	unsigned sockets, questions, strangers, events, journals;
	bool nobody; /* control is not there */
	struct process_resolve question;
};

static enum err want_sockets(void *context, uint8_t kind, uint8_t count) {
	struct fixture *fixture = context;
	if (fixture->full > 0) {
		fixture->full--;
		return ERR_AGAIN;
	}
	assert_int_equal(kind, PROCESS_SOCKET_TCP_V4);
	fixture->sockets += count;
	return ERR_OK;
}

static enum err tell_control(void *context, struct process_message *message, int descriptor) {
	struct fixture *fixture = context;
	if (message->type == PROCESS_STRANGER) {
		fixture->strangers += message->stranger.http == PROCESS_HTTP2;
		assert_int_equal(close(descriptor), 0);
		return ERR_OK;
	}
	assert_int_equal(message->type, PROCESS_RESOLVE);
	fixture->question = message->resolve;
	fixture->questions++;
	return fixture->nobody ? ERR_CLOSED : ERR_OK;
}

static void take_event(void *context, const struct net_event *event) {
	struct fixture *fixture = context;
	fixture->events += event->count;
}

static int keep_journal(void *context, int descriptor) {
	struct fixture *fixture = context;
	assert_int_equal(close(fixture->journal), 0);
	fixture->journal = dup(descriptor);
	fixture->journals++;
	return 0;
}

/* The next run of the process: what it takes over is a copy. */
static void begin(struct fixture *fixture) {
	fixture->listener = dup(0);
	fixture->start = (struct net_start){
		.name = "web",
		.prefix = "web: ",
		.protocol = "some",
		.stream_count = 1,
		.streams = &fixture->listener,
		.aead = "auto",
		.journal = dup(fixture->journal),
		.loop = fixture->loop,
		.callbacks =
			{
				.context = fixture,
				.journal = keep_journal,
				.event = take_event,
				.sockets = want_sockets,
				.tell = tell_control,
			},
	};
	assert_int_equal(stream_device_ops.new(&fixture->start, &fixture->device), ERR_OK);
}

static int open_fixture(void **state) {
	struct fixture *fixture = calloc(1, sizeof *fixture);
	*state = fixture;
	log_init(LOG_SILENT, "test");
	sockets_given = addresses_found = peers_seen = 0;
	if (!fixture || loop_new(&fixture->loop))
		return -1;
	fixture->journal = memfd_create("journal", MFD_CLOEXEC);
	begin(fixture);
	return 0;
}

static int close_fixture(void **state) {
	struct fixture *fixture = *state;
	stream_device_ops.free(fixture->device);
	loop_free(fixture->loop);
	(void)close(fixture->journal);
	free(fixture);
	return alive == 0 ? 0 : -1;
}

static int set(struct fixture *fixture, const char *text) {
	return stream_device_ops.set(fixture->device, slice_of_text(text));
}

static uint64_t run(struct fixture *fixture) {
	assert_int_equal(loop_wait(fixture->loop, 0, 0), ERR_OK);
	return stream_device_ops.run(fixture->device, 1000);
}

/* All jobs of before are done when this is. */
static void settle(struct fixture *fixture) {
	struct uapi_text text = {.data = NULL};
	assert_int_equal(stream_device_ops.status(fixture->device, &text), 0);
	assert_int_equal(text.size, alive ? strlen("status=1\n") : 0);
	uapi_text_done(&text);
}

/* For two seconds in peace, then in order, and not longer than it takes. */
static void test_ends(void **state) {
	struct fixture *fixture = *state;
	uint64_t now = 100 * CLOCK_SECOND, begun = now, ended = 0;
	assert_int_equal(set(fixture, OPTIONS), 0);
	is_empty = false;
	drained[false] = drained[true] = 0;
	for (uint64_t next; (next = stream_device_ops.drain(fixture->device, now)) != CLOCK_NEVER;) {
		assert_in_range(next, now + 1, now + CLOCK_SECOND / 2);
		if (drained[true] > 0 && ended == 0)
			ended = now;
		now = next;
	}
	assert_int_equal(drained[false], 1);
	assert_in_range(ended - begun, 2 * CLOCK_SECOND, 2100 * CLOCK_MILLISECOND);
	assert_in_range(now - begun, 2400 * CLOCK_MILLISECOND, 3 * CLOCK_SECOND);
	is_empty = true;
	assert_int_equal(stream_device_ops.drain(fixture->device, begun), CLOCK_NEVER);
}

static void test_sockets(void **state) {
	struct fixture *fixture = *state;
	fixture->full = 1;
	assert_int_equal(set(fixture, OPTIONS), 0);
	assert_true(run(fixture) != CLOCK_NEVER);
	assert_int_equal(fixture->sockets, 0);
	assert_true(run(fixture) == CLOCK_NEVER);
	assert_true(fixture->sockets > 1);
	const int descriptors[] = {dup(0), dup(0)};
	const struct process_sockets answer = {PROCESS_SOCKET_TCP_V4, 2, 0};
	stream_device_ops.sockets(fixture->device, &answer, descriptors, 2);
	settle(fixture);
	assert_int_equal(sockets_given, 1);
}

static void test_names(void **state) {
	struct fixture *fixture = *state;
	assert_int_equal(set(fixture, OPTIONS), 0);
	(void)run(fixture);
	assert_int_equal(fixture->questions, 1);
	assert_string_equal(fixture->question.name, "example.org");
	const struct process_resolved answer = {
		fixture->question.id, PROCESS_FOUND, 2, {{4, {192, 0, 2, 1}}, {4, {192, 0, 2, 2}}}};
	stream_device_ops.resolved(fixture->device, &answer);
	settle(fixture);
	assert_int_equal(addresses_found, 2);
}

static void test_nobody_resolves(void **state) {
	struct fixture *fixture = *state;
	fixture->nobody = true;
	assert_int_equal(set(fixture, OPTIONS), 0);
	(void)run(fixture);
	settle(fixture);
	assert_int_equal(addresses_found, 100);
}

static void test_others_are_told(void **state) {
	struct fixture *fixture = *state;
	assert_int_equal(set(fixture, OPTIONS), 0);
	(void)run(fixture);
	assert_int_equal(fixture->strangers, 1);
	assert_int_equal(fixture->events, 5);
}

static void test_of_peers(void **state) {
	struct fixture *fixture = *state;
	assert_true(stream_device_ops.of_peers(fixture->device, slice_of_text("public_key=" KEY "\n")));
	assert_true(stream_device_ops.of_peers(fixture->device, slice_of_text("admit=1\n")));
	assert_false(stream_device_ops.of_peers(fixture->device, slice_of_text(OPTIONS)));
}

/* What counts is there again in the next run, also when the journal was written anew meanwhile. */
static void test_next_run(void **state) {
	struct fixture *fixture = *state;
	enum { LINES = 40000 };
	const char line[] = "allowed_ip=10.0.0.1/32\n", head[] = "public_key=" KEY "\n";
	char *text = malloc(sizeof head + LINES * sizeof line);
	assert_non_null(text);
	char *end = stpcpy(text, head);
	for (unsigned i = 0; i < LINES; i++)
		end = stpcpy(end, line);
	assert_int_equal(set(fixture, OPTIONS "public_key=" KEY "\n"), 0);
	assert_int_equal(set(fixture, "seen=AAEC\n"), EINVAL); /* a client has no memory */
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(set(fixture, text), 0);
		(void)run(fixture);
	}
	free(text);
	assert_int_equal(fixture->journals, 1);
	stream_device_ops.free(fixture->device);
	peers_seen = 0;
	begin(fixture);
	settle(fixture);
	assert_int_equal(alive, 1);
	assert_int_equal(peers_seen, 1);
}

static void test_refused(void **state) {
	struct fixture *fixture = *state;
	struct net_device *device = NULL;
	struct net_start start = fixture->start;
	start.journal = fixture->journal;
	memcpy(start.protocol, "none", 5);
	assert_int_equal(stream_device_ops.new(&start, &device), ERR_UNSUPPORTED);
	start = fixture->start;
	start.journal = fixture->journal;
	start.shards = 2;
	assert_int_equal(stream_device_ops.new(&start, &device), ERR_UNSUPPORTED);
	assert_int_equal(set(fixture, "nonsense=1\n"), EINVAL);
}

#define row(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void) {
	const struct CMUnitTest tests[] = {
		row(test_ends),
		row(test_sockets),
		row(test_names),
		row(test_nobody_resolves),
		row(test_others_are_told),
		row(test_of_peers),
		row(test_next_run),
		row(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
