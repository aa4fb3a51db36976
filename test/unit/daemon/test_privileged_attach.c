#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/privileged_parts.h"
#include "daemon/shared_text.h"

enum { SLOT = 3 };

/* What done() was called with, and how often. */
struct outcome {
	unsigned calls;
	int number;
	char text[PROCESS_TEXT_SIZE];
};

static void done(void *context, int number, const char *text) {
	struct outcome *outcome = context;
	outcome->calls++;
	outcome->number = number;
	strncpy(outcome->text, text, sizeof outcome->text - 1);
}

/* The test is the net process, at ends[1]. The attachment has no interface behind it. */
struct fixture {
	int ends[2];
	struct privileged privileged;
	struct attachment *attachment;
	struct outcome attached, detached, set;
};

static int open_fixture(void **state) {
	struct fixture *fixture = calloc(1, sizeof *fixture);
	*state = fixture;
	log_init(LOG_SILENT, "test");
	if (!fixture || channel_pair(fixture->ends) || loop_new(&fixture->privileged.loop))
		return -1;
	struct privileged *privileged = &fixture->privileged;
	list_init(&privileged->asked);
	privileged->signals = -1;
	privileged->ready_by = CLOCK_NEVER;
	privileged->net = (struct supervisor){
		.executable = -1, .channel = fixture->ends[0], .restart_at = CLOCK_NEVER};
	struct attachment *attachment = fixture->attachment = calloc(1, sizeof *attachment);
	attachment->privileged = privileged;
	attachment->slot = SLOT;
	attachment->listener.descriptor = attachment->listener.watch = -1;
	attachment->listen_again = attachment->link_at = attachment->retry_at = CLOCK_NEVER;
	attachment->state.mtu = 1420;
	memcpy(attachment->name, "um0", 4);
	attachment->journal = dup(0);
	attachment->tun.count = 2;
	attachment->tun.queues[0] = dup(0);
	attachment->tun.queues[1] = dup(0);
	return 0;
}

/* Frees the attachment, too, where the test gave it away. */
static int close_fixture(void **state) {
	struct fixture *fixture = *state;
	privileged_done(&fixture->privileged); /* closes ends[0] */
	(void)close(fixture->ends[1]);
	free(fixture);
	return 0;
}

static void attach(struct fixture *fixture) {
	assert_int_equal(
		privileged_attach(&fixture->privileged, fixture->attachment, done, &fixture->attached),
		ERR_OK);
}

static void detach(struct fixture *fixture) {
	privileged_detach(&fixture->privileged, fixture->attachment, done, &fixture->detached);
}

/* The request's number, which the answer must bear. */
static uint16_t hear(const struct fixture *fixture, enum process_type type, size_t descriptors) {
	struct channel_message message;
	assert_int_equal(channel_receive(fixture->ends[1], &message), ERR_OK);
	assert_int_equal(message.message.type, type);
	assert_int_equal(message.message.tunnel, SLOT);
	assert_int_equal(message.count, descriptors);
	assert_int_not_equal(message.message.request, 0);
	channel_message_done(&message);
	return message.message.request;
}

static void assert_silent(const struct fixture *fixture) {
	struct channel_message message;
	assert_int_equal(channel_receive(fixture->ends[1], &message), ERR_AGAIN);
}

static void answer(struct fixture *fixture, uint16_t request, int number) {
	struct process_message result = {.type = PROCESS_RESULT, .request = request};
	result.result.error = (uint32_t)number;
	memcpy(result.result.text, "text", 5);
	assert_true(privileged_take_result(&fixture->privileged, &result));
}

static void get_ready(struct fixture *fixture) {
	fixture->privileged.net.ready = true;
	privileged_attach_all(&fixture->privileged);
}

static void end_net(struct fixture *fixture) {
	fixture->privileged.net.ready = false;
	privileged_fail_asked(&fixture->privileged);
	privileged_net_ended(&fixture->privileged);
}

static void run(struct fixture *fixture) {
	privileged_run_attachment(fixture->attachment, clock_now());
}

static void test_attached_once_net_is_ready(void **state) {
	struct fixture *fixture = *state;
	attach(fixture);
	assert_silent(fixture);
	assert_ptr_equal(fixture->privileged.attachments[SLOT], fixture->attachment);
	assert_int_equal(privileged_attach(&fixture->privileged, fixture->attachment, NULL, NULL),
					 ERR_EXISTS);
	get_ready(fixture);
	uint16_t request = hear(fixture, PROCESS_ATTACH, 3);
	assert_true(fixture->privileged.ready_by != CLOCK_NEVER);
	assert_int_equal(fixture->attached.calls, 0);
	answer(fixture, request, 0);
	assert_int_equal(fixture->attached.calls, 1);
	assert_int_equal(fixture->attached.number, 0);
	assert_int_equal(fixture->attachment->phase, ATTACHMENT_ATTACHED);
	assert_true(fixture->privileged.ready_by == CLOCK_NEVER);
}

static void test_news_of_the_link_follow_the_attachment(void **state) {
	struct fixture *fixture = *state;
	attach(fixture);
	fixture->attachment->state_unsent = true;
	privileged_send_link(fixture->attachment);
	assert_silent(fixture);
	get_ready(fixture);
	answer(fixture, hear(fixture, PROCESS_ATTACH, 3), 0);
	assert_silent(fixture); /* the state came with it */
	fixture->attachment->state_unsent = true;
	privileged_send_link(fixture->attachment);
	struct channel_message message;
	assert_int_equal(channel_receive(fixture->ends[1], &message), ERR_OK);
	assert_int_equal(message.message.type, PROCESS_LINK);
}

static void test_requests_have_a_time(void **state) {
	struct fixture *fixture = *state;
	struct privileged *privileged = &fixture->privileged;
	assert_true(privileged_asked_deadline(privileged) == CLOCK_NEVER);
	fixture->privileged.net.ready = true;
	uint64_t before = clock_now();
	attach(fixture);
	uint64_t first = privileged_asked_deadline(privileged);
	assert_true(first >= before + PRIVILEGED_ANSWER_TIMEOUT);
	assert_true(first <= clock_now() + PRIVILEGED_ANSWER_TIMEOUT);
	uint16_t request = hear(fixture, PROCESS_ATTACH, 3);
	detach(fixture);
	assert_true(privileged_asked_deadline(privileged) == first);
	answer(fixture, request, 0);
	assert_true(privileged_asked_deadline(privileged) >= first);
	assert_true(privileged_asked_deadline(privileged) != CLOCK_NEVER);
	/* The process is being ended: that is enough. */
	privileged_asked_expired(privileged);
	assert_true(privileged_asked_deadline(privileged) == CLOCK_NEVER);
	answer(fixture, hear(fixture, PROCESS_DETACH, 0), 0);
	assert_int_equal(fixture->detached.calls, 1);
}

static void test_refused(void **state) {
	struct fixture *fixture = *state;
	fixture->privileged.net.ready = true;
	attach(fixture);
	answer(fixture, hear(fixture, PROCESS_ATTACH, 3), EIO);
	assert_int_equal(fixture->attached.calls, 1);
	assert_int_equal(fixture->attached.number, EIO);
	assert_string_equal(fixture->attached.text, "text");
	detach(fixture);
	assert_int_equal(fixture->detached.calls, 0);
	run(fixture);
	assert_int_equal(fixture->detached.calls, 1);
	assert_null(fixture->privileged.attachments[SLOT]);
	assert_silent(fixture); /* the net process has nothing of it */
}

static void test_attached_again_after_the_end_of_net(void **state) {
	struct fixture *fixture = *state;
	fixture->privileged.net.ready = true;
	attach(fixture);
	answer(fixture, hear(fixture, PROCESS_ATTACH, 3), 0);
	end_net(fixture);
	assert_int_equal(fixture->attachment->phase, ATTACHMENT_WAITING);
	get_ready(fixture);
	/* A failure is nobody's now: it is tried again. */
	answer(fixture, hear(fixture, PROCESS_ATTACH, 3), EIO);
	assert_true(fixture->attachment->retry_at != CLOCK_NEVER);
	privileged_run_attachment(fixture->attachment, fixture->attachment->retry_at);
	answer(fixture, hear(fixture, PROCESS_ATTACH, 3), 0);
	assert_int_equal(fixture->attachment->phase, ATTACHMENT_ATTACHED);
	assert_int_equal(fixture->attached.calls, 1);
}

static void test_net_ends_while_attaching(void **state) {
	struct fixture *fixture = *state;
	fixture->privileged.net.ready = true;
	attach(fixture);
	(void)hear(fixture, PROCESS_ATTACH, 3);
	end_net(fixture);
	assert_int_equal(fixture->attached.calls, 1);
	assert_int_equal(fixture->attached.number, EPIPE);
	assert_int_equal(fixture->attachment->phase, ATTACHMENT_WAITING);
	assert_true(fixture->attachment->retry_at == CLOCK_NEVER);
}

static void test_detached(void **state) {
	struct fixture *fixture = *state;
	fixture->privileged.net.ready = true;
	attach(fixture);
	answer(fixture, hear(fixture, PROCESS_ATTACH, 3), 0);
	detach(fixture);
	uint16_t request = hear(fixture, PROCESS_DETACH, 0);
	assert_int_equal(fixture->detached.calls, 0);
	assert_ptr_equal(fixture->privileged.attachments[SLOT], fixture->attachment);
	answer(fixture, request, 0);
	assert_int_equal(fixture->detached.calls, 1);
	assert_int_equal(fixture->detached.number, 0);
	assert_null(fixture->privileged.attachments[SLOT]);
}

static void test_detached_while_attaching(void **state) {
	struct fixture *fixture = *state;
	fixture->privileged.net.ready = true;
	attach(fixture);
	uint16_t attaching = hear(fixture, PROCESS_ATTACH, 3);
	detach(fixture);
	uint16_t detaching = hear(fixture, PROCESS_DETACH, 0);
	answer(fixture, attaching, 0);
	assert_int_equal(fixture->attached.calls, 0); /* forgotten */
	assert_int_equal(fixture->detached.calls, 0);
	answer(fixture, detaching, 0);
	assert_int_equal(fixture->detached.calls, 1);
}

/* The attachment is freed then: nothing of it may be touched by what comes later. */
static void test_detach_answered_before_attach(void **state) {
	struct fixture *fixture = *state;
	fixture->privileged.net.ready = true;
	attach(fixture);
	uint16_t attaching = hear(fixture, PROCESS_ATTACH, 3);
	detach(fixture);
	answer(fixture, hear(fixture, PROCESS_DETACH, 0), 0);
	assert_int_equal(fixture->detached.calls, 1);
	assert_null(fixture->privileged.attachments[SLOT]);
	answer(fixture, attaching, 0);
	assert_int_equal(fixture->attached.calls, 0);
}

static void test_net_ends_while_detaching(void **state) {
	struct fixture *fixture = *state;
	fixture->privileged.net.ready = true;
	attach(fixture);
	answer(fixture, hear(fixture, PROCESS_ATTACH, 3), 0);
	detach(fixture);
	(void)hear(fixture, PROCESS_DETACH, 0);
	end_net(fixture);
	assert_int_equal(fixture->detached.calls, 1);
	assert_int_equal(fixture->detached.number, 0);
	assert_null(fixture->privileged.attachments[SLOT]);
	get_ready(fixture);
	assert_silent(fixture);
}

static void test_full_channel_delays_detaching(void **state) {
	struct fixture *fixture = *state;
	fixture->privileged.net.ready = true;
	attach(fixture);
	answer(fixture, hear(fixture, PROCESS_ATTACH, 3), 0);
	const struct process_message filler = {.type = PROCESS_STOP};
	unsigned count = 0;
	while (channel_send(fixture->ends[0], &filler, NULL, 0) == ERR_OK)
		count++;
	detach(fixture);
	assert_int_equal(fixture->attachment->phase, ATTACHMENT_DETACHING);
	assert_true(fixture->attachment->retry_at != CLOCK_NEVER);
	struct channel_message message;
	while (count-- > 0)
		assert_int_equal(channel_receive(fixture->ends[1], &message), ERR_OK);
	privileged_run_attachment(fixture->attachment, fixture->attachment->retry_at);
	answer(fixture, hear(fixture, PROCESS_DETACH, 0), 0);
	assert_int_equal(fixture->detached.calls, 1);
}

static enum err set(struct fixture *fixture) {
	return privileged_set(&fixture->privileged, fixture->attachment, slice_of_text("a=b\n"), done,
						  &fixture->set);
}

static void test_set(void **state) {
	struct fixture *fixture = *state;
	attach(fixture);
	assert_int_equal(set(fixture), ERR_CLOSED);
	get_ready(fixture);
	answer(fixture, hear(fixture, PROCESS_ATTACH, 3), 0);
	assert_int_equal(set(fixture), ERR_OK);
	struct channel_message message;
	assert_int_equal(channel_receive(fixture->ends[1], &message), ERR_OK);
	assert_int_equal(message.message.type, PROCESS_SET);
	assert_int_equal(message.message.tunnel, SLOT);
	assert_int_equal(message.count, 1);
	char *text;
	size_t size;
	assert_int_equal(shared_text_read(message.descriptors[0], &text, &size), ERR_OK);
	assert_string_equal(text, "a=b\n");
	free(text);
	channel_message_done(&message);
	assert_int_equal(fixture->set.calls, 0);
	answer(fixture, message.message.request, EINVAL);
	assert_int_equal(fixture->set.calls, 1);
	assert_int_equal(fixture->set.number, EINVAL);
	const struct process_message late = {.type = PROCESS_RESULT,
										 .request = message.message.request};
	assert_false(privileged_take_result(&fixture->privileged, &late));
}

static void test_many_wait(void **state) {
	struct fixture *fixture = *state;
	struct channel_message message;
	attach(fixture);
	get_ready(fixture);
	(void)hear(fixture, PROCESS_ATTACH, 3);
	unsigned sent = 1;
	for (; sent < PRIVILEGED_ASKED_MAX; sent++) {
		assert_int_equal(set(fixture), ERR_OK);
		assert_int_equal(channel_receive(fixture->ends[1], &message), ERR_OK);
		channel_message_done(&message);
	}
	assert_int_equal(set(fixture), ERR_LIMIT);
	end_net(fixture);
	assert_int_equal(fixture->set.calls, sent - 1);
	assert_int_equal(fixture->set.number, EPIPE);
	assert_int_equal(fixture->privileged.asked_count, 0);
}

static void test_lowest_free_slot(void **state) {
	struct fixture *fixture = *state;
	uint16_t slot = 99;
	assert_int_equal(privileged_free_slot(&fixture->privileged, &slot), ERR_OK);
	assert_int_equal(slot, 0);
	for (uint16_t i = 0; i < PROCESS_TUNNELS_MAX; i++)
		fixture->privileged.attachments[i] = fixture->attachment;
	assert_int_equal(privileged_free_slot(&fixture->privileged, &slot), ERR_LIMIT);
	fixture->privileged.attachments[SLOT] = NULL;
	assert_int_equal(privileged_free_slot(&fixture->privileged, &slot), ERR_OK);
	assert_int_equal(slot, SLOT);
	memset(fixture->privileged.attachments, 0, sizeof fixture->privileged.attachments);
	attachment_free(fixture->attachment);
}

#define row(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void) {
	const struct CMUnitTest tests[] = {
		row(test_attached_once_net_is_ready),
		row(test_news_of_the_link_follow_the_attachment),
		row(test_requests_have_a_time),
		row(test_refused),
		row(test_attached_again_after_the_end_of_net),
		row(test_net_ends_while_attaching),
		row(test_detached),
		row(test_detached_while_attaching),
		row(test_detach_answered_before_attach),
		row(test_net_ends_while_detaching),
		row(test_full_channel_delays_detaching),
		row(test_set),
		row(test_many_wait),
		row(test_lowest_free_slot),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
