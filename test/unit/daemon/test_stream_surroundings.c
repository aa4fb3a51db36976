#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/stream_surroundings.h"
#include "loop/control_loop.h"

/* The test is net's main thread, and the tunnel. */
struct fixture {
	struct control_loop *loop;
	struct control_timer *timer;
	struct stream_outbox outbox;
	struct stream_surroundings *surroundings;
	const struct stream_host *host;
	unsigned wakes;
};

static void wake(void *context) {
	((struct fixture *)context)->wakes++;
}

static void stop(void *context) {
	control_loop_stop(((struct fixture *)context)->loop);
}

static int open_fixture(void **state) {
	struct fixture *fixture = calloc(1, sizeof *fixture);
	*state = fixture;
	if (!fixture || control_loop_new(&fixture->loop) ||
		control_timer_new(fixture->loop, stop, fixture, &fixture->timer))
		return -1;
	stream_outbox_init(&fixture->outbox, wake, fixture);
	if (stream_surroundings_new(fixture->loop, &fixture->outbox, "auto",
								"t: ", &fixture->surroundings))
		return -1;
	fixture->host = stream_surroundings_host(fixture->surroundings);
	return 0;
}

static int close_fixture(void **state) {
	struct fixture *fixture = *state;
	stream_surroundings_free(fixture->surroundings);
	stream_outbox_done(&fixture->outbox);
	control_timer_free(fixture->timer);
	control_loop_free(fixture->loop);
	free(fixture);
	return 0;
}

/* Some turns of the loop. */
static void turn(struct fixture *fixture) {
	control_timer_set(fixture->timer, 0);
	control_loop_run(fixture->loop);
}

struct wish {
	struct stream_socket_wish wish;
	unsigned calls;
	int descriptor, number;
};

static void given(struct stream_socket_wish *base, int descriptor, int number) {
	struct wish *wish = list_item(base, struct wish, wish);
	wish->calls++;
	wish->descriptor = descriptor;
	wish->number = number;
}

static void wish_for(struct fixture *fixture, struct wish *wish, enum stream_socket kind) {
	*wish = (struct wish){.wish = {.given = given}, .descriptor = -1};
	list_init(&wish->wish.link);
	stream_host_socket(fixture->host, kind, &wish->wish);
}

static void give(struct fixture *fixture, uint8_t kind, uint8_t count, int number) {
	const struct process_sockets answer = {kind, count, (uint32_t)number};
	int descriptors[PROCESS_SOCKETS_MAX];
	for (uint8_t i = 0; i < count; i++)
		assert_true((descriptors[i] = dup(0)) >= 0);
	stream_surroundings_sockets(fixture->surroundings, &answer, descriptors, count);
}

static uint8_t wanted(struct fixture *fixture, uint8_t kind) {
	return stream_outbox_take_wanted(&fixture->outbox, kind);
}

static void assert_has_one(const struct wish *wish) {
	assert_int_equal(wish->calls, 1);
	assert_int_equal(wish->number, 0);
	assert_int_equal(close(wish->descriptor), 0);
}

/* The first waits; later ones are there at once, and more are asked for before they are used up. */
static void test_sockets_ahead(void **state) {
	struct fixture *fixture = *state;
	struct wish wish;
	assert_int_equal(wanted(fixture, STREAM_SOCKET_TCP_V4), 0);
	wish_for(fixture, &wish, STREAM_SOCKET_TCP_V4);
	assert_int_equal(wish.calls, 0);
	uint8_t count = wanted(fixture, STREAM_SOCKET_TCP_V4);
	assert_int_equal(count, STREAM_SOCKETS_AHEAD + 1);
	assert_int_equal(wanted(fixture, STREAM_SOCKET_TCP_V6), 0);
	give(fixture, STREAM_SOCKET_TCP_V4, count, 0);
	assert_has_one(&wish);
	unsigned used = 0;
	for (uint8_t again = 0; again == 0; used++) {
		wish_for(fixture, &wish, STREAM_SOCKET_TCP_V4);
		assert_has_one(&wish);
		again = wanted(fixture, STREAM_SOCKET_TCP_V4);
	}
	assert_in_range(used, 1, STREAM_SOCKETS_AHEAD - 1);
}

/* In their order; who does not wait any more gets none. */
static void test_wishes_wait(void **state) {
	enum { WISHES = 40 };
	struct fixture *fixture = *state;
	struct wish wishes[WISHES];
	for (unsigned i = 0; i < WISHES; i++)
		wish_for(fixture, &wishes[i], STREAM_SOCKET_UDP_V6);
	assert_int_equal(wanted(fixture, STREAM_SOCKET_UDP_V6), STREAM_SOCKETS_AHEAD + 1);
	stream_host_cancel_socket(fixture->host, &wishes[1].wish);
	stream_host_cancel_socket(fixture->host, &wishes[1].wish);
	give(fixture, STREAM_SOCKET_UDP_V6, 2, 0);
	assert_has_one(&wishes[0]);
	assert_int_equal(wishes[1].calls, 0);
	assert_has_one(&wishes[2]);
	assert_int_equal(wishes[3].calls, 0);
	/* As many as one message brings. */
	assert_int_equal(wanted(fixture, STREAM_SOCKET_UDP_V6), PROCESS_SOCKETS_MAX);
	give(fixture, STREAM_SOCKET_UDP_V6, 0, EMFILE);
	for (unsigned i = 3; i < WISHES; i++) {
		assert_int_equal(wishes[i].calls, 1);
		assert_int_equal(wishes[i].descriptor, -1);
		assert_int_equal(wishes[i].number, EMFILE);
	}
}

/* After a change of the configuration they would have another mark. */
static void test_stale_sockets(void **state) {
	struct fixture *fixture = *state;
	struct wish first, second;
	wish_for(fixture, &first, STREAM_SOCKET_TCP_V4);
	assert_true(wanted(fixture, STREAM_SOCKET_TCP_V4) > 0);
	stream_surroundings_forget_sockets(fixture->surroundings);
	give(fixture, STREAM_SOCKET_TCP_V4, 3, 0);
	assert_int_equal(first.calls, 0);
	assert_true(wanted(fixture, STREAM_SOCKET_TCP_V4) > 0);
	give(fixture, STREAM_SOCKET_TCP_V4, 3, 0);
	assert_has_one(&first);
	stream_surroundings_forget_sockets(fixture->surroundings);
	wish_for(fixture, &second, STREAM_SOCKET_TCP_V4);
	assert_int_equal(second.calls, 0);
	/* What nobody asked for is closed. */
	give(fixture, STREAM_SOCKET_UDP_V4, 2, 0);
	wish_for(fixture, &first, STREAM_SOCKET_UDP_V4);
	assert_int_equal(first.calls, 0);
	stream_host_cancel_socket(fixture->host, &first.wish);
	stream_host_cancel_socket(fixture->host, &second.wish);
}

struct question {
	struct stream_question question;
	unsigned calls;
	enum err error;
	size_t count;
	struct address first;
	struct question *leaves; /* when this one is answered */
	const struct stream_host *host;
};

static void answered(struct stream_question *base, enum err error, const struct address *addresses,
					 size_t count) {
	struct question *question = list_item(base, struct question, question);
	question->calls++;
	question->error = error;
	question->count = count;
	if (count > 0)
		question->first = addresses[0];
	if (question->leaves)
		stream_host_cancel_question(question->host, &question->leaves->question);
}

static void ask(struct fixture *fixture, struct question *question, const char *name) {
	*question = (struct question){.question = {.answered = answered}};
	list_init(&question->question.link);
	stream_host_resolve(fixture->host, name, &question->question);
}

static struct stream_notice take(struct fixture *fixture, enum stream_notice_kind kind) {
	struct stream_notice *notice = stream_outbox_take(&fixture->outbox);
	assert_non_null(notice);
	assert_int_equal(notice->kind, kind);
	struct stream_notice copy = *notice;
	free(notice);
	return copy;
}

static void test_names(void **state) {
	struct fixture *fixture = *state;
	struct question first, second;
	ask(fixture, &first, "example.org");
	ask(fixture, &second, "example.net");
	struct stream_notice notice = take(fixture, STREAM_NOTICE_RESOLVE);
	assert_string_equal(notice.resolve.name, "example.org");
	assert_string_equal(take(fixture, STREAM_NOTICE_RESOLVE).resolve.name, "example.net");
	struct process_resolved found = {.id = notice.resolve.id + 7};
	stream_surroundings_resolved(fixture->surroundings, &found); /* nobody's */
	found = (struct process_resolved){notice.resolve.id, PROCESS_FOUND, 1, {{4, {192, 0, 2, 1}}}};
	stream_surroundings_resolved(fixture->surroundings, &found);
	stream_surroundings_resolved(fixture->surroundings, &found);
	assert_int_equal(first.calls, 1);
	assert_int_equal(first.error, ERR_OK);
	assert_int_equal(first.count, 1);
	assert_int_equal(first.first.bytes[0], 192);
	stream_host_cancel_question(fixture->host, &second.question);
	stream_host_cancel_question(fixture->host, &second.question);
	assert_int_equal(second.calls, 0);
}

/* One question serves all who ask for the same name while it is under way. */
static void test_one_name(void **state) {
	struct fixture *fixture = *state;
	struct question questions[5], other;
	for (size_t i = 0; i < 4; i++)
		ask(fixture, &questions[i], "example.org");
	uint32_t id = take(fixture, STREAM_NOTICE_RESOLVE).resolve.id;
	ask(fixture, &other, "example.net");
	assert_int_not_equal(take(fixture, STREAM_NOTICE_RESOLVE).resolve.id, id);
	/* The one that was asked first may leave, and take any other with it. */
	stream_host_cancel_question(fixture->host, &questions[0].question);
	questions[1].leaves = &questions[2];
	questions[1].host = fixture->host;
	ask(fixture, &questions[4], "example.org");
	assert_null(stream_outbox_take(&fixture->outbox));
	const struct process_resolved found = {id, PROCESS_FOUND, 1, {{4, {192, 0, 2, 1}}}};
	stream_surroundings_resolved(fixture->surroundings, &found);
	const unsigned calls[] = {0, 1, 0, 1, 1};
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(questions[i].calls, calls[i]);
	assert_int_equal(questions[4].first.bytes[0], 192);
	assert_int_equal(other.calls, 0);
	/* What is over is asked anew. */
	ask(fixture, &questions[0], "example.org");
	assert_int_not_equal(take(fixture, STREAM_NOTICE_RESOLVE).resolve.id, id);
	stream_host_cancel_question(fixture->host, &questions[0].question);
	stream_host_cancel_question(fixture->host, &other.question);
}

/* Later, not from inside, also where nobody else is asked. */
static void test_questions_have_a_limit(void **state) {
	static struct question questions[STREAM_QUESTIONS_MAX + 1];
	struct fixture *fixture = *state;
	struct question wrong;
	for (size_t i = 0; i <= STREAM_QUESTIONS_MAX; i++)
		ask(fixture, &questions[i], "example.org");
	ask(fixture, &wrong, "");
	assert_int_equal(questions[STREAM_QUESTIONS_MAX].calls + wrong.calls, 0);
	turn(fixture);
	assert_int_equal(questions[STREAM_QUESTIONS_MAX].calls, 1);
	assert_int_equal(questions[STREAM_QUESTIONS_MAX].error, ERR_LIMIT);
	assert_int_equal(wrong.error, ERR_NOT_FOUND);
	for (size_t i = 0; i < STREAM_QUESTIONS_MAX; i++) {
		assert_int_equal(questions[i].calls, 0);
		stream_host_cancel_question(fixture->host, &questions[i].question);
	}
	ask(fixture, &wrong, "example.org");
	turn(fixture);
	assert_int_equal(wrong.calls, 0);
	stream_host_cancel_question(fixture->host, &wrong.question);
}

static void test_strangers(void **state) {
	struct fixture *fixture = *state;
	struct endpoint from;
	assert_int_equal(endpoint_parse("192.0.2.7:40000", &from), ERR_OK);
	int end = stream_host_stranger(fixture->host, &from, "h2");
	assert_true(end >= 0 && (fcntl(end, F_GETFL) & O_NONBLOCK));
	struct stream_notice notice = take(fixture, STREAM_NOTICE_STRANGER);
	assert_int_equal(notice.stranger.http, PROCESS_HTTP2);
	assert_int_equal(notice.stranger.family, ADDRESS_V4);
	assert_int_equal(notice.stranger.port, 40000);
	assert_int_equal(send(end, "x", 1, 0), 1);
	char byte;
	assert_int_equal(recv(notice.descriptor, &byte, 1, 0), 1);
	assert_int_equal(close(end) | close(notice.descriptor), 0);
	end = stream_host_stranger(fixture->host, &from, "plain");
	notice = take(fixture, STREAM_NOTICE_STRANGER);
	assert_int_equal(notice.stranger.http, PROCESS_HTTP_PLAIN);
	assert_int_equal(close(end) | close(notice.descriptor), 0);
	/* Those that are not taken are bounded. */
	unsigned count = 0;
	for (end = 0; end >= 0 && count <= STREAM_OUTBOX_MAX; count++) {
		end = stream_host_stranger(fixture->host, &from, "http/1.1");
		if (end >= 0)
			assert_int_equal(close(end), 0);
	}
	assert_true(count <= STREAM_OUTBOX_MAX + 1);
}

static void test_events(void **state) {
	struct fixture *fixture = *state;
	const struct stream_event event = {
		.kind = STREAM_EVENT_UNANSWERED, .public_key = {1, 2}, .count = 3};
	stream_host_event(fixture->host, &event);
	struct stream_notice notice = take(fixture, STREAM_NOTICE_EVENT);
	assert_int_equal(notice.event.kind, PROCESS_EVENT_UNANSWERED);
	assert_int_equal(notice.event.public_key[1], 2);
	assert_int_equal(notice.event.count, 3);
	assert_int_equal(fixture->wakes, 1);
}

#define row(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void) {
	const struct CMUnitTest tests[] = {
		row(test_sockets_ahead), row(test_wishes_wait), row(test_stale_sockets),
		row(test_names),         row(test_one_name),    row(test_questions_have_a_limit),
		row(test_strangers),     row(test_events),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
