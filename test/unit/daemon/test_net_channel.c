#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/net_channel.h"
#include "daemon/shared_text.h"
#include "wire/process_settings.h"

enum { SLOT = 5 };

/* The test is the privileged process, at ends[0]; its replies are sent before they are asked for.
 */
struct fixture {
	int ends[2];
	struct net_channel channel;
	struct net_channel_tunnel tunnel;
	struct net_callbacks callbacks;
};

static int open_fixture(void **state) {
	struct fixture *fixture = calloc(1, sizeof *fixture);
	*state = fixture;
	if (!fixture || channel_pair(fixture->ends))
		return -1;
	net_channel_init(&fixture->channel, fixture->ends[1]);
	fixture->tunnel = (struct net_channel_tunnel){.channel = &fixture->channel, .slot = SLOT};
	fixture->callbacks = net_channel_callbacks(&fixture->tunnel);
	return 0;
}

static int close_fixture(void **state) {
	struct fixture *fixture = *state;
	net_channel_done(&fixture->channel);
	(void)close(fixture->ends[0]);
	(void)close(fixture->ends[1]);
	free(fixture);
	return 0;
}

static void say(const struct fixture *fixture, struct process_message message) {
	assert_int_equal(channel_send(fixture->ends[0], &message, NULL, 0), ERR_OK);
}

static struct process_message link_of(uint16_t slot, uint32_t mtu) {
	struct process_message message = {.type = PROCESS_LINK, .tunnel = slot};
	message.link.mtu = mtu;
	return message;
}

static void mark(struct fixture *fixture) {
	/* The first request's number is 1. */
	say(fixture, (struct process_message){.type = PROCESS_MARKED, .request = 1, .tunnel = SLOT});
	assert_int_equal(fixture->callbacks.mark(fixture->callbacks.context, 7), 0);
}

static struct process_message hear(const struct fixture *fixture) {
	struct channel_message message;
	assert_int_equal(channel_receive(fixture->ends[0], &message), ERR_OK);
	channel_message_done(&message);
	return message.message;
}

static void assert_next(struct fixture *fixture, enum process_type type, uint16_t slot) {
	struct channel_message message;
	assert_int_equal(net_channel_next(&fixture->channel, &message), ERR_OK);
	assert_int_equal(message.message.type, type);
	assert_int_equal(message.message.tunnel, slot);
	channel_message_done(&message);
}

static void test_requests_name_their_tunnel(void **state) {
	struct fixture *fixture = *state;
	mark(fixture);
	struct process_message message = hear(fixture);
	assert_int_equal(message.type, PROCESS_MARK);
	assert_int_equal(message.tunnel, SLOT);
	assert_int_equal(message.mark.mark, 7);
	fixture->callbacks.close_sockets(fixture->callbacks.context);
	message = hear(fixture);
	assert_int_equal(message.type, PROCESS_UNLISTEN);
	assert_int_equal(message.tunnel, SLOT);
}

static void test_what_comes_meanwhile_is_kept_in_order(void **state) {
	struct fixture *fixture = *state;
	say(fixture, (struct process_message){.type = PROCESS_DETACH, .request = 9, .tunnel = 1});
	say(fixture, (struct process_message){.type = PROCESS_SET, .request = 10, .tunnel = 2});
	/* A reply that came too late. */
	say(fixture, (struct process_message){.type = PROCESS_MARKED, .request = 4711});
	say(fixture, (struct process_message){.type = PROCESS_LOG});
	say(fixture, (struct process_message){.type = PROCESS_STOP});
	mark(fixture);
	assert_int_equal(fixture->channel.kept_count, 4);
	assert_next(fixture, PROCESS_DETACH, 1);
	assert_next(fixture, PROCESS_SET, 2);
	assert_next(fixture, PROCESS_LOG, 0);
	assert_next(fixture, PROCESS_STOP, 0);
	struct channel_message message;
	assert_int_equal(net_channel_next(&fixture->channel, &message), ERR_AGAIN);
}

static void test_latest_link_of_each_tunnel(void **state) {
	struct fixture *fixture = *state;
	say(fixture, link_of(1, 1280));
	say(fixture, link_of(2, 1300));
	say(fixture, link_of(1, 1400));
	mark(fixture);
	assert_int_equal(fixture->channel.kept_count, 2);
	struct channel_message message;
	assert_int_equal(net_channel_next(&fixture->channel, &message), ERR_OK);
	assert_int_equal(message.message.tunnel, 1);
	assert_int_equal(message.message.link.mtu, 1400);
	assert_next(fixture, PROCESS_LINK, 2);
}

static void test_link_stays_behind_a_change_of_hands(void **state) {
	struct fixture *fixture = *state;
	say(fixture, link_of(1, 1280));
	say(fixture, (struct process_message){.type = PROCESS_DETACH, .request = 9, .tunnel = 1});
	say(fixture, link_of(1, 1400));
	mark(fixture);
	assert_next(fixture, PROCESS_LINK, 1);
	assert_next(fixture, PROCESS_DETACH, 1);
	assert_next(fixture, PROCESS_LINK, 1);
}

static void test_too_many_requests_are_refused(void **state) {
	enum { PART = 32 };
	struct fixture *fixture = *state;
	/* In parts, as the channel holds less than all. */
	for (uint16_t i = 0; i <= NET_CHANNEL_KEPT_MAX / PART; i++) {
		for (uint16_t j = 0; j < PART; j++)
			say(fixture, (struct process_message){.type = PROCESS_SET, .request = 100 + j});
		say(fixture, (struct process_message){.type = PROCESS_MARKED, .request = i + 1});
		assert_int_equal(fixture->callbacks.mark(fixture->callbacks.context, 7), 0);
		assert_int_equal(hear(fixture).type, PROCESS_MARK);
	}
	assert_int_equal(fixture->channel.kept_count, NET_CHANNEL_KEPT_MAX);
	for (uint16_t j = 0; j < PART; j++) {
		struct process_message message = hear(fixture);
		assert_int_equal(message.type, PROCESS_RESULT);
		assert_int_equal(message.request, 100 + j);
		assert_int_equal(message.result.error, ENOBUFS);
	}
}

static void test_answer(void **state) {
	struct fixture *fixture = *state;
	const struct process_message request = {.type = PROCESS_SET, .request = 3, .tunnel = SLOT};
	net_channel_answer(&fixture->channel, &request, EINVAL, "wrong");
	struct process_message message = hear(fixture);
	assert_int_equal(message.type, PROCESS_RESULT);
	assert_int_equal(message.request, 3);
	assert_int_equal(message.tunnel, SLOT);
	assert_int_equal(message.result.error, EINVAL);
	assert_string_equal(message.result.text, "wrong");
	assert_false(fixture->channel.lost);
	assert_int_equal(close(fixture->ends[0]), 0);
	fixture->ends[0] = -1;
	net_channel_answer(&fixture->channel, &request, 0, "");
	assert_true(fixture->channel.lost);
}

/* As sealed memory, whose key is in the message. */
static void test_settings(void **state) {
	struct fixture *fixture = *state;
	static const uint8_t key[PROCESS_KEY_SIZE] = {7, [31] = 9};
	struct interface_settings settings = {.mtu = 1300, .route_count = 1}, read;
	assert_int_equal(prefix_parse("10.9.0.0/16", &settings.routes[0]), ERR_OK);
	void *context = fixture->callbacks.context;
	assert_int_equal(fixture->callbacks.settings(context, key, &settings), 0);
	struct channel_message message;
	assert_int_equal(channel_receive(fixture->ends[0], &message), ERR_OK);
	assert_int_equal(message.message.type, PROCESS_SETTINGS);
	assert_int_equal(message.message.tunnel, SLOT);
	assert_memory_equal(message.message.settings.public_key, key, sizeof key);
	assert_int_equal(message.count, 1);
	char *data;
	size_t size;
	assert_int_equal(shared_text_read(message.descriptors[0], &data, &size), ERR_OK);
	assert_int_equal(process_settings_decode((const uint8_t *)data, size, &read), ERR_OK);
	assert_true(interface_settings_equal(&settings, &read));
	free(data);
	channel_message_done(&message);
	settings.mtu = 100;
	assert_int_equal(fixture->callbacks.settings(context, key, &settings), EINVAL);
}

#define row(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void) {
	const struct CMUnitTest tests[] = {
		row(test_requests_name_their_tunnel),
		row(test_what_comes_meanwhile_is_kept_in_order),
		row(test_latest_link_of_each_tunnel),
		row(test_link_stays_behind_a_change_of_hands),
		row(test_too_many_requests_are_refused),
		row(test_answer),
		row(test_settings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
