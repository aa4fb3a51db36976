#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/net_peering.h"

/* The test is the control process. */
struct fixture {
	struct loop *loop;
	struct net_peering peering;
	int control;
	unsigned requests, answers;
	uint16_t last;
};

static void answer(void *context, struct channel_message *message) {
	struct fixture *fixture = context;
	if (message->message.type == PROCESS_RESOLVED) {
		fixture->answers++;
		return;
	}
	fixture->requests++;
	fixture->last = message->message.request;
	const struct process_message reply = {.type = PROCESS_RESULT, .request = fixture->last};
	net_peering_answer(&fixture->peering, &reply, -1);
}

static int attach(struct fixture *fixture) {
	int ends[2];
	assert_int_equal(channel_pair(ends), ERR_OK);
	net_peering_take(&fixture->peering, ends[1]);
	return ends[0];
}

static int open_fixture(void **state) {
	struct fixture *fixture = calloc(1, sizeof *fixture);
	*state = fixture;
	log_init(LOG_SILENT, "test");
	if (!fixture || loop_new(&fixture->loop))
		return -1;
	net_peering_init(&fixture->peering, fixture->loop, answer, fixture);
	fixture->control = attach(fixture);
	return 0;
}

static int close_fixture(void **state) {
	struct fixture *fixture = *state;
	net_peering_done(&fixture->peering);
	loop_free(fixture->loop);
	if (fixture->control >= 0)
		(void)close(fixture->control);
	free(fixture);
	return 0;
}

static void turn(struct fixture *fixture) {
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(loop_wait(fixture->loop, 0, 0), ERR_OK);
}

static void ask(const struct fixture *fixture, enum process_type type, uint16_t request) {
	const struct process_message message = {.type = type, .request = request, .tunnel = 3};
	assert_int_equal(channel_send(fixture->control, &message, NULL, 0), ERR_OK);
}

static enum err hear(const struct fixture *fixture, struct process_message *out_message) {
	struct channel_message message;
	enum err error = channel_receive(fixture->control, &message);
	if (!error) {
		*out_message = message.message;
		channel_message_done(&message);
	}
	return error;
}

static const struct net_event moved = {
	.kind = PROCESS_EVENT_MOVED,
	.public_key = {1, 2, 3},
	.endpoint = {.address = {.family = ADDRESS_V4, .bytes = {192, 0, 2, 1}}, .port = 51820},
	.count = 4,
};

static void test_requests_are_answered(void **state) {
	struct fixture *fixture = *state;
	struct process_message message;
	ask(fixture, PROCESS_SET, 7);
	ask(fixture, PROCESS_GET, 8);
	turn(fixture);
	assert_int_equal(fixture->requests, 2);
	assert_int_equal(hear(fixture, &message), ERR_OK);
	assert_int_equal(message.request, 7);
	assert_int_equal(hear(fixture, &message), ERR_OK);
	assert_int_equal(message.request, 8);
}

static void test_event(void **state) {
	struct fixture *fixture = *state;
	struct process_message message;
	net_peering_event(&fixture->peering, 9, &moved);
	assert_int_equal(hear(fixture, &message), ERR_OK);
	assert_int_equal(message.type, PROCESS_EVENT);
	assert_int_equal(message.tunnel, 9);
	assert_int_equal(message.event.kind, PROCESS_EVENT_MOVED);
	assert_memory_equal(message.event.public_key, moved.public_key, PROCESS_KEY_SIZE);
	assert_int_equal(message.event.family, ADDRESS_V4);
	assert_memory_equal(message.event.address, moved.endpoint.address.bytes, 16);
	assert_int_equal(message.event.port, 51820);
	assert_int_equal(message.event.count, 4);
}

static unsigned fill(struct fixture *fixture) {
	const struct process_message message = {.type = PROCESS_EVENT};
	unsigned count = 0;
	while (channel_send(fixture->peering.descriptor, &message, NULL, 0) == ERR_OK)
		count++;
	assert_true(count > 0);
	return count;
}

static void test_full_channel(void **state) {
	struct fixture *fixture = *state;
	struct process_message message = {.type = PROCESS_STOP};
	unsigned count = fill(fixture);
	ask(fixture, PROCESS_SET, 7);
	ask(fixture, PROCESS_SET, 8);
	turn(fixture);
	/* The second one is not read before the first one's reply is away. */
	assert_int_equal(fixture->requests, 1);
	net_peering_event(&fixture->peering, 9, &moved); /* dropped */
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(hear(fixture, &message), ERR_OK);
		assert_int_equal(message.tunnel, 0);
	}
	turn(fixture);
	assert_int_equal(fixture->requests, 2);
	for (uint16_t request = 7; request <= 8; request++) {
		assert_int_equal(hear(fixture, &message), ERR_OK);
		assert_int_equal(message.type, PROCESS_RESULT);
		assert_int_equal(message.request, request);
	}
	assert_int_equal(hear(fixture, &message), ERR_AGAIN);
	/* And it goes on. */
	ask(fixture, PROCESS_GET, 9);
	turn(fixture);
	assert_int_equal(hear(fixture, &message), ERR_OK);
	assert_int_equal(message.request, 9);
}

static enum err send_one(struct fixture *fixture, uint32_t id, int descriptor) {
	const struct process_message message = {
		.type = PROCESS_RESOLVE, .tunnel = 5, .resolve = {id, "example.org"}};
	return net_peering_send(&fixture->peering, &message, descriptor);
}

/* In order, without a bound on how long but on how many. */
static void test_messages_wait_for_room(void **state) {
	struct fixture *fixture = *state;
	struct process_message message;
	unsigned count = fill(fixture);
	for (uint32_t id = 0; id < NET_PEERING_WAITING_MAX; id++)
		assert_int_equal(send_one(fixture, id, -1), ERR_OK);
	assert_int_equal(send_one(fixture, 0, dup(0)), ERR_LIMIT);
	ask(fixture, PROCESS_GET, 7);
	turn(fixture);
	for (; count > 0; count--)
		assert_int_equal(hear(fixture, &message), ERR_OK);
	for (uint32_t id = 0; id < NET_PEERING_WAITING_MAX;) {
		turn(fixture);
		while (hear(fixture, &message) == ERR_OK) {
			if (message.type == PROCESS_RESULT)
				continue; /* the answer may overtake them */
			assert_int_equal(message.type, PROCESS_RESOLVE);
			assert_int_equal(message.resolve.id, id++);
		}
	}
	assert_int_equal(fixture->requests, 1);
	assert_int_equal(fixture->peering.watched, EPOLLIN);
}

static void test_what_waits_goes_with_its_reader(void **state) {
	struct fixture *fixture = *state;
	(void)fill(fixture);
	assert_int_equal(send_one(fixture, 1, dup(0)), ERR_OK);
	assert_int_equal(close(fixture->control), 0);
	fixture->control = -1;
	turn(fixture);
	assert_int_equal(fixture->peering.descriptor, -1);
	assert_int_equal(fixture->peering.waiting_count, 0);
	assert_int_equal(send_one(fixture, 2, dup(0)), ERR_CLOSED);
}

static void test_answers_to_questions(void **state) {
	struct fixture *fixture = *state;
	const struct process_message message = {
		.type = PROCESS_RESOLVED, .tunnel = 5, .resolved = {1, PROCESS_FOUND_NONE, 0, {{0}}}};
	assert_int_equal(channel_send(fixture->control, &message, NULL, 0), ERR_OK);
	turn(fixture);
	assert_int_equal(fixture->answers, 1);
	assert_int_not_equal(fixture->peering.descriptor, -1);
}

/* The end of a session waits for room, and what happens then comes after it. */
static void test_ends_of_sessions_wait(void **state) {
	struct fixture *fixture = *state;
	struct process_message message;
	struct net_event ended = moved;
	ended.kind = PROCESS_EVENT_ENDED;
	struct net_event refused = moved;
	refused.kind = PROCESS_EVENT_REFUSED;
	refused.text = "wrong password";
	unsigned count = fill(fixture);
	net_peering_event(&fixture->peering, 9, &moved); /* dropped */
	net_peering_event(&fixture->peering, 9, &ended);
	net_peering_event(&fixture->peering, 9, &moved);
	net_peering_event(&fixture->peering, 9, &refused);
	for (; count > 0; count--)
		assert_int_equal(hear(fixture, &message), ERR_OK);
	turn(fixture);
	assert_int_equal(hear(fixture, &message), ERR_OK);
	assert_int_equal(message.event.kind, PROCESS_EVENT_ENDED);
	assert_int_equal(hear(fixture, &message), ERR_OK);
	assert_int_equal(message.event.kind, PROCESS_EVENT_MOVED);
	assert_string_equal(message.event.text, "");
	assert_int_equal(hear(fixture, &message), ERR_OK);
	assert_int_equal(message.event.kind, PROCESS_EVENT_REFUSED);
	assert_string_equal(message.event.text, "wrong password");
	assert_int_equal(hear(fixture, &message), ERR_AGAIN);
}

static void test_gone_while_a_reply_waits(void **state) {
	struct fixture *fixture = *state;
	(void)fill(fixture);
	ask(fixture, PROCESS_SET, 7);
	turn(fixture);
	assert_true(fixture->peering.answering);
	assert_int_equal(close(fixture->control), 0);
	fixture->control = -1;
	turn(fixture);
	assert_int_equal(fixture->peering.descriptor, -1);
	assert_false(fixture->peering.answering);
	net_peering_event(&fixture->peering, 9, &moved); /* to nobody */
}

static void test_new_one_replaces_the_old(void **state) {
	struct fixture *fixture = *state;
	struct process_message message;
	int before = fixture->control;
	(void)fill(fixture);
	ask(fixture, PROCESS_SET, 7);
	turn(fixture);
	fixture->control = attach(fixture);
	assert_false(fixture->peering.answering);
	ask(fixture, PROCESS_GET, 1);
	turn(fixture);
	assert_int_equal(hear(fixture, &message), ERR_OK);
	assert_int_equal(message.request, 1);
	assert_int_equal(hear(fixture, &message), ERR_AGAIN);
	assert_int_equal(close(before), 0);
}

static void test_anything_else_ends_it(void **state) {
	struct fixture *fixture = *state;
	struct process_message message;
	ask(fixture, PROCESS_DETACH, 1);
	ask(fixture, PROCESS_SET, 2);
	turn(fixture);
	assert_int_equal(fixture->requests, 0);
	assert_int_equal(fixture->peering.descriptor, -1);
	assert_int_equal(hear(fixture, &message), ERR_CLOSED);
}

#define row(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void) {
	const struct CMUnitTest tests[] = {
		row(test_requests_are_answered),
		row(test_event),
		row(test_full_channel),
		row(test_messages_wait_for_room),
		row(test_what_waits_goes_with_its_reader),
		row(test_answers_to_questions),
		row(test_ends_of_sessions_wait),
		row(test_gone_while_a_reply_waits),
		row(test_new_one_replaces_the_old),
		row(test_anything_else_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
