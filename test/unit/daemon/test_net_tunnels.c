#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/net_tunnels.h"
#include "daemon/shared_text.h"
#include "loop/loop.h"

/* Devices that note what is done to them. */
struct net_device {
	struct net_start start;
	uint32_t mtu;
	bool up;
	char last[32];
	struct process_sockets sockets;
	struct process_resolved resolved;
	struct process_verdict verdict;
};

static unsigned alive, drains_left;
static struct net_device *latest;

static enum err new_device(const struct net_start *start, struct net_device **out_device) {
	if (start->mtu == PROCESS_MTU_MIN)
		return ERR_UNSUPPORTED;
	struct net_device *device = calloc(1, sizeof *device);
	assert_non_null(device);
	device->start = *start;
	device->mtu = start->mtu;
	for (unsigned i = 0; i < start->shards; i++)
		assert_int_equal(close(start->queues[i]), 0);
	assert_int_equal(close(start->journal), 0);
	*out_device = latest = device;
	alive++;
	return ERR_OK;
}

static void free_device(struct net_device *device) {
	alive--;
	free(device);
}

static uint64_t drain_device(struct net_device *device, uint64_t now) {
	return drains_left-- > 0 ? now + CLOCK_MILLISECOND : CLOCK_NEVER;
}

static void link_device(struct net_device *device, uint32_t mtu, bool up) {
	device->mtu = mtu;
	device->up = up;
}

static int set_device(struct net_device *device, struct slice text) {
	(void)snprintf(device->last, sizeof device->last, "%.*s", (int)text.size,
				   (const char *)text.data);
	return strcmp(device->last, "wrong\n") == 0 ? EINVAL : 0;
}

static bool is_of_peers(const struct net_device *device, struct slice text) {
	return text.size > 0 && text.data[0] == 'p';
}

static int get_device(struct net_device *device, struct uapi_text *out_text) {
	uapi_put_line(out_text, device->start.name);
	return 0;
}

static uint64_t run_device(struct net_device *device, uint64_t now) {
	return now + device->start.slot;
}

static void take_sockets(struct net_device *device, const struct process_sockets *answer,
						 const int *descriptors, size_t count) {
	device->sockets = *answer;
	for (size_t i = 0; i < count; i++)
		assert_int_equal(close(descriptors[i]), 0);
}

static void take_addresses(struct net_device *device, const struct process_resolved *answer) {
	device->resolved = *answer;
}

static void take_verdict(struct net_device *device, const struct process_verdict *verdict) {
	device->verdict = *verdict;
}

static const struct net_device_ops ops = {
	.sockets = take_sockets,
	.resolved = take_addresses,
	.verdict = take_verdict,
	.new = new_device,
	.free = free_device,
	.drain = drain_device,
	.link = link_device,
	.set = set_device,
	.of_peers = is_of_peers,
	.get = get_device,
	.status = get_device,
	.run = run_device,
};

static const struct net_device_ops *find(const char *protocol) {
	return strcmp(protocol, "none") == 0 ? NULL : &ops;
}

/* The test is the privileged process at ends[0]. */
struct fixture {
	int ends[2];
	struct loop *loop;
	struct net_channel channel;
	struct net_peering peering;
	struct net_tunnels tunnels;
};

static int open_fixture(void **state) {
	struct fixture *fixture = calloc(1, sizeof *fixture);
	*state = fixture;
	log_init(LOG_SILENT, "test");
	if (!fixture || channel_pair(fixture->ends) || loop_new(&fixture->loop))
		return -1;
	net_channel_init(&fixture->channel, fixture->ends[1]);
	net_peering_init(&fixture->peering, fixture->loop, NULL, NULL);
	fixture->tunnels = (struct net_tunnels){
		.find = find,
		.defaults = {.aead = "auto", .loop = fixture->loop},
		.shared_log = true,
		.channel = &fixture->channel,
		.peering = &fixture->peering,
	};
	return 0;
}

static int close_fixture(void **state) {
	struct fixture *fixture = *state;
	net_tunnels_done(&fixture->tunnels);
	net_peering_done(&fixture->peering);
	net_channel_done(&fixture->channel);
	loop_free(fixture->loop);
	(void)close(fixture->ends[0]);
	(void)close(fixture->ends[1]);
	free(fixture);
	return alive == 0 ? 0 : -1;
}

static void assert_answer(const struct fixture *fixture, uint16_t slot, int number) {
	struct channel_message message;
	assert_int_equal(channel_receive(fixture->ends[0], &message), ERR_OK);
	assert_int_equal(message.message.type, PROCESS_RESULT);
	assert_int_equal(message.message.request, 42);
	assert_int_equal(message.message.tunnel, slot);
	assert_int_equal(message.message.result.error, number);
	assert_true(number == 0 || strlen(message.message.result.text) > 0);
}

static struct channel_message message_of(enum process_type type, uint16_t slot) {
	return (struct channel_message){
		.message = {.type = type, .request = 42, .tunnel = slot},
	};
}

static void attach(struct fixture *fixture, uint16_t slot, uint32_t mtu, size_t queues,
				   int expected) {
	struct channel_message message = message_of(PROCESS_ATTACH, slot);
	(void)snprintf(message.message.attach.name, PROCESS_NAME_SIZE, "um%u", slot);
	message.message.attach.mtu = mtu;
	message.message.attach.shards = 2;
	for (message.count = 0; message.count < 1 + queues; message.count++)
		message.descriptors[message.count] = dup(fixture->ends[0]);
	net_tunnels_attach(&fixture->tunnels, &message);
	assert_int_equal(message.count, expected ? 1 + queues : 0);
	channel_message_done(&message);
	assert_answer(fixture, slot, expected);
}

static int set_any(struct fixture *fixture, uint16_t slot, const char *text, bool sealed,
				   bool peers_alone) {
	struct channel_message message = message_of(PROCESS_SET, slot);
	message.count = 1;
	if (sealed) {
		assert_int_equal(shared_text_new(slice_of_text(text), &message.descriptors[0]), ERR_OK);
	} else {
		message.descriptors[0] = memfd_create("text", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		assert_int_equal(write(message.descriptors[0], text, strlen(text)), strlen(text));
	}
	int number = net_tunnels_set(&fixture->tunnels, &message, peers_alone);
	channel_message_done(&message);
	return number;
}

static int set(struct fixture *fixture, uint16_t slot, const char *text, bool sealed) {
	return set_any(fixture, slot, text, sealed, false);
}

static void get(struct fixture *fixture, uint16_t slot, const char *expected) {
	int descriptor;
	char *text;
	size_t size;
	assert_int_equal(net_tunnels_get(&fixture->tunnels, slot, &descriptor), 0);
	assert_int_equal(shared_text_read(descriptor, &text, &size), ERR_OK);
	assert_string_equal(text, expected);
	free(text);
	assert_int_equal(close(descriptor), 0);
}

static void test_tunnels_come_and_go(void **state) {
	struct fixture *fixture = *state;
	attach(fixture, 3, 1420, 2, 0);
	attach(fixture, PROCESS_TUNNELS_MAX - 1, 1420, 2, 0);
	assert_int_equal(alive, 2);
	get(fixture, 3, "um3\n");
	get(fixture, PROCESS_TUNNELS_MAX - 1, "um63\n");
	struct channel_message message = message_of(PROCESS_DETACH, 3);
	net_tunnels_detach(&fixture->tunnels, &message.message);
	assert_answer(fixture, 3, 0);
	assert_int_equal(alive, 1);
	int descriptor = -1;
	assert_int_equal(net_tunnels_get(&fixture->tunnels, 3, &descriptor), ENODEV);
	get(fixture, PROCESS_TUNNELS_MAX - 1, "um63\n");
	attach(fixture, 3, 1420, 2, 0);
	get(fixture, 3, "um3\n");
}

/* A device ends when it is ready to, and only then is that answered. */
static void test_tunnels_end_in_peace(void **state) {
	struct fixture *fixture = *state;
	attach(fixture, 3, 1420, 2, 0);
	attach(fixture, 4, 1420, 2, 0);
	struct channel_message message = message_of(PROCESS_DETACH, 3), early;
	drains_left = 2;
	net_tunnels_detach(&fixture->tunnels, &message.message);
	uint64_t now = clock_now() + CLOCK_SECOND;
	assert_int_equal(net_tunnels_run(&fixture->tunnels, now - CLOCK_SECOND / 2),
					 now - CLOCK_SECOND / 2 + 3);
	assert_int_equal(channel_receive(fixture->ends[0], &early), ERR_AGAIN);
	get(fixture, 3, "um3\n");
	assert_int_equal(net_tunnels_run(&fixture->tunnels, now), now + 4);
	assert_answer(fixture, 3, 0);
	assert_int_equal(alive, 1);
	/* All of them, without an answer. */
	drains_left = 1;
	net_tunnels_drain(&fixture->tunnels);
	assert_false(net_tunnels_are_drained(&fixture->tunnels));
	(void)net_tunnels_run(&fixture->tunnels, now);
	assert_true(net_tunnels_are_drained(&fixture->tunnels));
	assert_int_equal(alive, 1);
	drains_left = 0;
}

static void test_refused(void **state) {
	struct fixture *fixture = *state;
	attach(fixture, 3, 1420, 1, EIO);            /* too few descriptors */
	attach(fixture, 3, PROCESS_MTU_MIN, 2, EIO); /* the device's refusal */
	assert_int_equal(alive, 0);
	attach(fixture, 3, 1420, 2, 0);
	attach(fixture, 3, 1420, 2, EIO); /* taken */
	assert_int_equal(alive, 1);
}

static void test_set(void **state) {
	struct fixture *fixture = *state;
	assert_int_equal(set(fixture, 3, "a=b\n", true), ENODEV);
	attach(fixture, 3, 1420, 2, 0);
	assert_int_equal(set(fixture, 3, "a=b\n", true), 0);
	assert_int_equal(set(fixture, 3, "wrong\n", true), EINVAL);
	/* What its sender could still change is not looked at. */
	assert_int_equal(set(fixture, 3, "a=c\n", false), EINVAL);
	/* What found no place in this process is no fault of the text. */
	struct channel_message message = message_of(PROCESS_SET, 3);
	assert_int_equal(net_tunnels_set(&fixture->tunnels, &message, false), EMFILE);
	/* Who may change peers alone changes nothing else. */
	assert_int_equal(set_any(fixture, 3, "p=1\n", true, true), 0);
	assert_int_equal(set_any(fixture, 3, "wrong\n", true, true), EPERM);
}

static void test_event_names_its_tunnel(void **state) {
	struct fixture *fixture = *state;
	int ends[2];
	assert_int_equal(channel_pair(ends), ERR_OK);
	attach(fixture, 3, 1420, 2, 0);
	assert_string_equal(latest->start.prefix, "um3: ");
	const struct net_event event = {.kind = PROCESS_EVENT_UNANSWERED, .count = 5};
	/* Nobody is there to be told. */
	latest->start.callbacks.event(latest->start.callbacks.context, &event);
	net_peering_take(&fixture->peering, ends[1]);
	latest->start.callbacks.event(latest->start.callbacks.context, &event);
	struct channel_message message;
	assert_int_equal(channel_receive(ends[0], &message), ERR_OK);
	assert_int_equal(message.message.type, PROCESS_EVENT);
	assert_int_equal(message.message.tunnel, 3);
	assert_int_equal(message.message.event.count, 5);
	assert_int_equal(channel_receive(ends[0], &message), ERR_AGAIN);
	assert_int_equal(close(ends[0]), 0);
}

/* Without an interface, and of what protocol it is. */
static void test_streams(void **state) {
	struct fixture *fixture = *state;
	for (unsigned good = 0; good < 2; good++) {
		struct channel_message message = message_of(PROCESS_ATTACH, 3);
		memcpy(message.message.attach.name, "web", 4);
		(void)snprintf(message.message.attach.protocol, PROCESS_NAME_SIZE, "%s",
					   good ? "some" : "none");
		message.message.attach.streams = 2;
		for (message.count = 0; message.count < 3; message.count++)
			message.descriptors[message.count] = dup(fixture->ends[0]);
		net_tunnels_attach(&fixture->tunnels, &message);
		if (good) {
			assert_string_equal(latest->start.protocol, "some");
			assert_int_equal(latest->start.shards, 0);
			assert_int_equal(latest->start.stream_count, 2);
			assert_ptr_equal(latest->start.streams, message.descriptors + 1);
			assert_int_equal(close(message.descriptors[1]) | close(message.descriptors[2]), 0);
		}
		channel_message_done(&message);
		assert_answer(fixture, 3, good ? 0 : EIO);
	}
	const struct net_callbacks *callbacks = &latest->start.callbacks;
	struct process_message question = {.type = PROCESS_RESOLVE, .resolve = {7, "example.org"}};
	assert_int_equal(callbacks->tell(callbacks->context, &question, -1), ERR_CLOSED);
	assert_int_equal(question.tunnel, 3);
	struct channel_message message;
	assert_int_equal(callbacks->sockets(callbacks->context, PROCESS_SOCKET_UDP_V6, 9), ERR_OK);
	assert_int_equal(channel_receive(fixture->ends[0], &message), ERR_OK);
	assert_int_equal(message.message.type, PROCESS_SOCKETS);
	assert_int_equal(message.message.tunnel, 3);
	assert_int_equal(message.message.sockets.count, 9);
}

static void test_verdicts(void **state) {
	struct fixture *fixture = *state;
	attach(fixture, 3, 1420, 2, 0);
	struct process_message message = {
		.type = PROCESS_VERDICT, .tunnel = 3, .verdict = {.id = 7, .reject = PROCESS_REJECT_BUSY}};
	net_tunnels_verdict(&fixture->tunnels, &message);
	assert_int_equal(latest->verdict.id, 7);
	message.tunnel = 4; /* is not there */
	net_tunnels_verdict(&fixture->tunnels, &message);
}

/* What is asked for reaches who asked; of another size than it says, as a failure. */
static void test_answers_for_streams(void **state) {
	struct fixture *fixture = *state;
	attach(fixture, 3, 1420, 2, 0);
	for (uint8_t count = 1; count <= 2; count++) {
		struct channel_message message = message_of(PROCESS_SOCKETS, 3);
		message.message.sockets = (struct process_sockets){PROCESS_SOCKET_TCP_V4, 2, 0};
		for (message.count = 0; message.count < count; message.count++)
			message.descriptors[message.count] = dup(0);
		net_tunnels_sockets(&fixture->tunnels, &message);
		channel_message_done(&message);
		assert_int_equal(latest->sockets.count, count == 2 ? 2 : 0);
		assert_int_equal(latest->sockets.error, count == 2 ? 0 : EMFILE);
	}
	struct process_message message = {
		.type = PROCESS_RESOLVED, .tunnel = 3, .resolved = {7, PROCESS_FOUND_NONE, 0, {{0}}}};
	net_tunnels_resolved(&fixture->tunnels, &message);
	assert_int_equal(latest->resolved.id, 7);
	message.tunnel = 4; /* is not there */
	net_tunnels_resolved(&fixture->tunnels, &message);
}

static void test_each_has_its_own_deadline(void **state) {
	struct fixture *fixture = *state;
	assert_true(net_tunnels_run(&fixture->tunnels, 1000) == CLOCK_NEVER);
	attach(fixture, 9, 1420, 2, 0);
	attach(fixture, 4, 1420, 2, 0);
	assert_int_equal(net_tunnels_run(&fixture->tunnels, 1000), 1004);
}

static void test_connections_of_each(void **state) {
	struct fixture *fixture = *state;
	attach(fixture, 3, 1420, 2, 0);
	attach(fixture, 4, 1420, 2, 0);
	int clients[2];
	for (uint16_t i = 0; i < 2; i++) {
		int ends[2];
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
		struct channel_message message = message_of(PROCESS_CONNECTION, 3 + i);
		message.descriptors[message.count++] = ends[1];
		net_tunnels_connection(&fixture->tunnels, &message);
		channel_message_done(&message);
		clients[i] = ends[0];
		assert_int_equal(write(ends[0], "get=1\n\n", 7), 7);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(loop_wait(fixture->loop, 0, 0), ERR_OK);
	static const char *const expected[] = {"um3\nerrno=0\n\n", "um4\nerrno=0\n\n"};
	for (uint16_t i = 0; i < 2; i++) {
		char text[64] = "";
		assert_true(read(clients[i], text, sizeof text - 1) > 0);
		assert_string_equal(text, expected[i]);
	}
	/* They end with their tunnel. */
	struct channel_message message = message_of(PROCESS_DETACH, 3);
	net_tunnels_detach(&fixture->tunnels, &message.message);
	assert_answer(fixture, 3, 0);
	char byte;
	assert_int_equal(read(clients[0], &byte, 1), 0);
	assert_int_equal(read(clients[1], &byte, 1), -1);
	assert_int_equal(close(clients[0]), 0);
	assert_int_equal(close(clients[1]), 0);
}

#define row(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void) {
	const struct CMUnitTest tests[] = {
		row(test_tunnels_come_and_go),
		row(test_tunnels_end_in_peace),
		row(test_refused),
		row(test_set),
		row(test_each_has_its_own_deadline),
		row(test_connections_of_each),
		row(test_event_names_its_tunnel),
		row(test_streams),
		row(test_answers_for_streams),
		row(test_verdicts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
