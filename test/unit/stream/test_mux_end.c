#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/mux_core.h" /* for a connection that is near its last id */
#include "stream/mux_end.h"

/* How connections grow old and end: silence, idle streams, draining, ids that are used up. */

struct pair {
	struct mux_end client, server;
};

static struct pair *pair_new(void) {
	struct pair *pair = calloc(1, sizeof *pair);
	assert_non_null(pair);
	mux_end_init(&pair->client, MUX_INITIATOR);
	mux_end_init(&pair->server, MUX_RESPONDER);
	return pair;
}

static void pair_free(struct pair *pair) {
	mux_end_done(&pair->client);
	mux_end_done(&pair->server);
	free(pair);
}

static void exchange(struct pair *pair) {
	mux_end_exchange(&pair->client, &pair->server);
}

/* Lets both ends act as their deadlines say, for so long; frames that went. */
static size_t live(struct pair *pair, uint64_t span) {
	uint64_t end = pair->client.now + span;
	size_t bytes = 0;
	while (pair->client.now < end) {
		uint64_t left = mux_next(pair->client.mux), right = mux_next(pair->server.mux);
		uint64_t next = left < right ? left : right;
		assert_true(next > pair->client.now); /* it does not ask for the same moment again */
		if (next > end)
			next = end;
		pair->client.now = pair->server.now = next;
		mux_expire(pair->client.mux, next);
		mux_expire(pair->server.mux, next);
		bytes += mux_end_carry(&pair->client, &pair->server);
		bytes += mux_end_carry(&pair->server, &pair->client);
		exchange(pair);
	}
	return bytes;
}

static void silence_is_asked_about(void **state) {
	struct pair *pair = pair_new();
	assert_int_equal(live(pair, 15 * CLOCK_SECOND - 1), 0);
	size_t hour = live(pair, 3600 * CLOCK_SECOND);
	/* PING and PONG are 33 bytes each, every 15 to 45 s; who comes first saves the other's. */
	assert_in_range(hour, 3600 / 45 * 66, 3600 / 15 * 66);
	assert_int_equal(mux_state(pair->client.mux), MUX_OPEN);
	assert_int_equal(mux_state(pair->server.mux), MUX_OPEN);
	assert_true(mux_round_trip(pair->client.mux) + mux_round_trip(pair->server.mux) > 0);
	pair_free(pair);
}

static void a_silent_peer_is_given_up(void **state) {
	struct mux_end end;
	mux_end_init(&end, MUX_INITIATOR);
	mux_end_open(&end);
	uint8_t buffer[MUX_SEND_ROOM_MIN];
	assert_true(mux_send(end.mux, buffer, sizeof buffer, end.now) > 0);
	end.now = mux_next(end.mux);
	assert_in_range(end.now - MUX_END_BORN, 15 * CLOCK_SECOND, 45 * CLOCK_SECOND);
	mux_expire(end.mux, end.now);
	assert_true(mux_send(end.mux, buffer, sizeof buffer, end.now) > 0);
	uint64_t asked = end.now;
	end.now = mux_next(end.mux);
	assert_true(end.now == asked + 30 * CLOCK_SECOND);
	mux_end_advance(&end, 0);
	assert_int_equal(mux_state(end.mux), MUX_CLOSED);
	assert_int_equal(end.closed, 1);
	assert_int_equal(end.closed_error, STREAM_ERROR_INTERNAL);
	mux_end_done(&end);
}

/* A machine that slept asks before it gives up. */
static void sleep_is_no_silence(void **state) {
	struct pair *pair = pair_new();
	mux_end_advance(&pair->client, 8 * 3600 * CLOCK_SECOND);
	assert_int_equal(mux_state(pair->client.mux), MUX_OPEN);
	exchange(pair);
	mux_end_advance(&pair->client, 10 * CLOCK_SECOND);
	assert_int_equal(mux_state(pair->client.mux), MUX_OPEN);
	pair_free(pair);
}

static void idle_streams_are_reset(void **state) {
	struct pair *pair = pair_new();
	mux_end_open(&pair->client);
	struct mux_stream *busy = mux_end_open(&pair->client);
	exchange(pair);
	struct mux_stream *far = pair->server.last;
	assert_int_equal(mux_stream_id(far), mux_stream_id(busy));
	live(pair, 299 * CLOCK_SECOND);
	assert_int_equal(mux_end_write_text(busy, "x"), 1);
	exchange(pair);
	live(pair, 1 * CLOCK_SECOND);
	assert_int_equal(mux_stream_count(pair->client.mux), 1);
	assert_int_equal(mux_stream_count(pair->server.mux), 1);
	assert_int_equal(pair->client.closed + pair->server.closed, 2);
	assert_int_equal(pair->client.closed_error, STREAM_ERROR_CANCEL);
	live(pair, 298 * CLOCK_SECOND);
	assert_int_equal(mux_stream_count(pair->client.mux), 1);
	live(pair, 2 * CLOCK_SECOND);
	assert_int_equal(mux_stream_count(pair->client.mux), 0);
	assert_int_equal(mux_stream_count(pair->server.mux), 0);
	pair_free(pair);
}

static void draining_lets_streams_end(void **state) {
	struct pair *pair = pair_new();
	struct mux_stream *near = mux_end_open(&pair->client);
	exchange(pair);
	struct mux_stream *far = pair->server.last;
	mux_drain(pair->server.mux);
	exchange(pair);
	assert_int_equal(mux_state(pair->client.mux), MUX_DRAINING);
	struct target target = mux_end_target();
	struct mux_stream *none;
	assert_int_equal(mux_stream_open(pair->client.mux, &target, NULL, &none), ERR_CLOSED);
	assert_int_equal(mux_stream_open(pair->server.mux, &target, NULL, &none), ERR_CLOSED);
	assert_int_equal(mux_end_write_text(near, "last words"), 10);
	mux_stream_end(near);
	exchange(pair);
	assert_int_equal(mux_end_read(far, NULL, 100), 10);
	assert_int_equal(mux_state(pair->server.mux), MUX_DRAINING);
	mux_stream_end(far);
	exchange(pair);
	assert_int_equal(mux_state(pair->server.mux), MUX_CLOSED);
	assert_int_equal(mux_state(pair->client.mux), MUX_CLOSED);
	assert_int_equal(mux_error(pair->client.mux), STREAM_ERROR_NONE);
	assert_int_equal(pair->client.closed_error, STREAM_ERROR_NONE);
	assert_int_equal(pair->client.closed + pair->server.closed, 2);
	pair_free(pair);
}

/* What was under way when the peer went is told apart from what it looked at. */
static void streams_behind_the_last_are_refused(void **state) {
	struct pair *pair = pair_new();
	mux_end_open(&pair->client);
	exchange(pair);
	mux_drain(pair->server.mux);
	mux_end_open(&pair->client);
	mux_end_open(&pair->client);
	mux_end_carry(&pair->server, &pair->client);
	assert_int_equal(pair->client.closed, 2);
	assert_int_equal(pair->client.closed_error, STREAM_ERROR_REFUSED_STREAM);
	assert_int_equal(mux_stream_count(pair->client.mux), 1);
	exchange(pair);
	assert_int_equal(pair->server.opened, 1);
	assert_int_equal(mux_state(pair->server.mux), MUX_DRAINING);
	pair_free(pair);
}

static void draining_without_streams_ends_at_once(void **state) {
	struct pair *pair = pair_new();
	mux_drain(pair->client.mux);
	assert_int_equal(mux_state(pair->client.mux), MUX_DRAINING);
	exchange(pair);
	assert_int_equal(mux_state(pair->client.mux), MUX_CLOSED);
	assert_int_equal(mux_state(pair->server.mux), MUX_CLOSED);
	pair_free(pair);
}

static void ids_are_used_up(void **state) {
	struct pair *pair = pair_new();
	pair->client.mux->next_ours = STREAM_ID_MAX - 200;
	for (uint32_t id = STREAM_ID_MAX - 200; id < STREAM_ID_MAX; id += 2) {
		struct mux_stream *stream = mux_end_open(&pair->client);
		if (id < STREAM_ID_MAX - 2)
			mux_stream_reset(stream, STREAM_ERROR_CANCEL);
	}
	assert_int_equal(mux_stream_id(mux_end_open(&pair->client)), 16777215);
	struct target target = mux_end_target();
	struct mux_stream *none;
	assert_int_equal(mux_state(pair->client.mux), MUX_OPEN);
	assert_int_equal(mux_stream_open(pair->client.mux, &target, NULL, &none), ERR_EXPIRED);
	assert_int_equal(mux_state(pair->client.mux), MUX_DRAINING);
	/* The two that are left were opened before. */
	exchange(pair);
	assert_int_equal(mux_state(pair->server.mux), MUX_DRAINING);
	assert_int_equal(pair->server.opened, 2);
	assert_int_equal(mux_stream_count(pair->client.mux), 2);
	pair_free(pair);
}

static void the_carrier_breaks(void **state) {
	struct pair *pair = pair_new();
	mux_end_open(&pair->client);
	mux_end_open(&pair->client);
	exchange(pair);
	mux_abort(pair->server.mux, STREAM_ERROR_INTERNAL);
	assert_int_equal(mux_state(pair->server.mux), MUX_CLOSED);
	assert_int_equal(pair->server.closed, 2);
	assert_int_equal(pair->server.closed_error, STREAM_ERROR_INTERNAL);
	assert_int_equal(mux_stream_count(pair->server.mux), 0);
	mux_abort(pair->server.mux, STREAM_ERROR_INTERNAL);
	assert_int_equal(pair->server.closed, 2);
	pair_free(pair);
}

/* Nobody takes half an answer for a whole one, and a whole one is not lost. */
static void only_whole_streams_end_in_peace(void **state) {
	struct pair *pair = pair_new();
	struct mux_stream *whole = mux_end_open(&pair->client);
	exchange(pair);
	struct mux_stream *far = pair->server.last;
	assert_int_equal(mux_end_write_text(far, "answer"), 6);
	mux_stream_end(far);
	mux_stream_end(whole);
	exchange(pair);
	mux_end_open(&pair->client);
	exchange(pair);
	assert_int_equal(mux_end_write_text(pair->server.last, "half"), 4);
	exchange(pair);
	mux_stream_reset(pair->server.last, STREAM_ERROR_NONE);
	exchange(pair);
	assert_int_equal(pair->client.closed, 1);
	assert_int_equal(pair->client.closed_error, STREAM_ERROR_CANCEL);
	mux_end_open(&pair->client);
	mux_abort(pair->client.mux, STREAM_ERROR_NONE);
	assert_int_equal(pair->client.closed, 2);
	assert_int_equal(pair->client.closed_error, STREAM_ERROR_CANCEL);
	assert_int_equal(mux_stream_count(pair->client.mux), 1);
	assert_true(mux_next(pair->client.mux) <= pair->client.now + 300 * CLOCK_SECOND);
	uint8_t read[6];
	assert_int_equal(mux_end_read(whole, read, 6), 6);
	assert_memory_equal(read, "answer", 6);
	assert_true(mux_stream_is_at_end(whole));
	mux_expire(pair->client.mux, pair->client.now);
	assert_int_equal(pair->client.closed, 3);
	assert_int_equal(pair->client.closed_error, STREAM_ERROR_NONE);
	assert_true(mux_next(pair->client.mux) == CLOCK_NEVER);
	pair_free(pair);
}

/* The carrier is about to be freed: nobody may go on reading what it holds. */
static void a_discarded_connection_tells_everybody(void **state) {
	struct pair *pair = pair_new();
	mux_end_open(&pair->client);
	mux_end_open(&pair->client);
	exchange(pair);
	struct mux_stream *whole = mux_end_open(&pair->client);
	exchange(pair);
	struct mux_stream *far = pair->server.last;
	assert_int_equal(mux_end_write_text(far, "answer"), 6);
	mux_stream_end(far);
	mux_stream_end(whole);
	exchange(pair);
	mux_abort(pair->client.mux, STREAM_ERROR_INTERNAL);
	assert_int_equal(pair->client.closed, 2);
	assert_int_equal(mux_stream_count(pair->client.mux), 1);
	mux_discard(pair->client.mux, STREAM_ERROR_INTERNAL);
	assert_int_equal(pair->client.closed, 3);
	assert_int_equal(pair->client.closed_error, STREAM_ERROR_INTERNAL);
	assert_int_equal(mux_stream_count(pair->client.mux), 0);
	/* All at once. */
	mux_discard(pair->server.mux, STREAM_ERROR_INTERNAL);
	assert_int_equal(mux_stream_count(pair->server.mux), 0);
	assert_int_equal(mux_state(pair->server.mux), MUX_CLOSED);
	pair_free(pair);
}

/* What an owner may do from within what he is told. */

static void reset_at_once(void *context, struct mux_stream *stream) {
	struct mux_end *end = context;
	end->readable++;
	mux_stream_reset(stream, STREAM_ERROR_CANCEL);
}

static enum stream_error reset_when_opened(void *context, struct mux_stream *stream,
										   const struct target *target) {
	struct mux_end *end = context;
	end->opened++;
	mux_stream_reset(stream, STREAM_ERROR_CANCEL);
	return end->refusal;
}

static void echo(void *context, struct mux_stream *stream) {
	for (struct slice part; (part = mux_stream_peek(stream)).size > 0;) {
		size_t taken = mux_stream_write(stream, part.data, part.size);
		if (taken == 0)
			return;
		mux_stream_consume(stream, taken);
	}
	if (mux_stream_is_at_end(stream))
		mux_stream_end(stream);
}

static void closed_is_counted(void *context, struct mux_stream *stream, uint32_t error) {
	struct mux_end *end = context;
	end->closed++;
}

static const struct mux_ops resetting_ops = {
	.connected = reset_at_once,
	.opened = mux_end_opened,
	.readable = reset_at_once,
	.writable = reset_at_once,
	.closed = closed_is_counted,
};

static const struct mux_ops refusing_ops = {
	.opened = reset_when_opened,
	.readable = reset_at_once,
	.writable = reset_at_once,
	.closed = closed_is_counted,
};

static const struct mux_ops echoing_ops = {
	.opened = mux_end_opened,
	.readable = echo,
	.writable = echo,
	.closed = closed_is_counted,
};

static struct pair *pair_with(const struct mux_ops *ops) {
	struct pair *pair = calloc(1, sizeof *pair);
	assert_non_null(pair);
	mux_end_init(&pair->client, MUX_INITIATOR);
	mux_end_init_with(&pair->server, MUX_RESPONDER,
					  (struct mux_end_setup){.ops = ops, .context = &pair->server});
	return pair;
}

static void owners_reset_from_within(void **state) {
	struct pair *pair = pair_with(&resetting_ops);
	struct mux_stream *near = mux_end_open(&pair->client);
	assert_int_equal(mux_end_write_text(near, "x"), 1);
	mux_stream_end(near);
	exchange(pair);
	assert_int_equal(pair->server.readable, 1);
	assert_int_equal(pair->server.closed, 0);
	assert_int_equal(pair->client.closed, 1);
	assert_int_equal(pair->client.closed_error, STREAM_ERROR_CANCEL);
	assert_int_equal(mux_stream_count(pair->server.mux), 0);
	pair_free(pair);
}

/* Nothing more is told of it, though there was more to tell. */
static void owners_reset_at_the_first_news(void **state) {
	struct mux_end client, server;
	mux_end_init_with(&client, MUX_INITIATOR,
					  (struct mux_end_setup){.ops = &resetting_ops, .context = &client});
	mux_end_init(&server, MUX_RESPONDER);
	mux_end_open(&client);
	mux_end_exchange(&client, &server);
	mux_stream_connected(server.last);
	assert_int_equal(mux_end_write_text(server.last, "x"), 1);
	mux_stream_end(server.last);
	mux_end_exchange(&client, &server);
	assert_int_equal(client.readable, 1); /* which counts `connected` here */
	assert_int_equal(client.closed, 0);
	assert_int_equal(server.closed, 1);
	mux_end_done(&client);
	mux_end_done(&server);
}

static void owners_reset_what_is_being_opened(void **state) {
	struct pair *pair = pair_with(&refusing_ops);
	pair->server.refusal = STREAM_ERROR_CONNECT; /* too late: the reset says CANCEL */
	mux_end_open(&pair->client);
	exchange(pair);
	assert_int_equal(pair->server.opened, 1);
	assert_int_equal(pair->client.closed_error, STREAM_ERROR_CANCEL);
	assert_int_equal(mux_stream_count(pair->server.mux), 0);
	pair_free(pair);
}

static void owners_write_from_within(void **state) {
	struct pair *pair = pair_with(&echoing_ops);
	struct mux_stream *near = mux_end_open(&pair->client);
	static uint8_t sent[3000000], read[sizeof sent];
	for (size_t i = 0; i < sizeof sent; i++)
		sent[i] = (uint8_t)(i * 7 >> 5);
	size_t written = 0, come = 0;
	for (size_t i = 0; i < 10000 && come < sizeof sent; i++) {
		written += mux_stream_write(near, sent + written, sizeof sent - written);
		mux_end_carry(&pair->client, &pair->server);
		mux_end_carry(&pair->server, &pair->client);
		come += mux_end_read(near, read + come, sizeof read - come);
	}
	assert_int_equal(come, sizeof sent);
	assert_memory_equal(read, sent, sizeof sent);
	mux_stream_end(near);
	exchange(pair);
	assert_int_equal(pair->client.closed, 1);
	assert_int_equal(pair->server.closed, 1);
	pair_free(pair);
}

/* A server that saw no stream says that its last one was 0. */
static void a_server_without_streams_drains(void **state) {
	struct pair *pair = pair_new();
	mux_drain(pair->server.mux);
	exchange(pair);
	assert_int_equal(mux_error(pair->client.mux), STREAM_ERROR_NONE);
	assert_int_equal(mux_state(pair->client.mux), MUX_CLOSED);
	pair_free(pair);
}

/* Who reads slowly is not idle, though nothing comes any more. */
static void reading_is_no_idleness(void **state) {
	struct pair *pair = pair_new();
	assert_int_equal(mux_end_write_text(mux_end_open(&pair->client), "slow"), 4);
	exchange(pair);
	struct mux_stream *far = pair->server.last;
	live(pair, 200 * CLOCK_SECOND);
	mux_stream_consume(far, 1);
	pair->client.now = pair->server.now += 200 * CLOCK_SECOND;
	mux_expire(pair->server.mux, pair->server.now);
	assert_int_equal(pair->server.closed, 0);
	pair_free(pair);
}

/* A target that is slow to reach has its time from when it was. */
static void connecting_is_no_idleness(void **state) {
	struct pair *pair = pair_new();
	mux_end_open(&pair->client);
	exchange(pair);
	pair->client.now = pair->server.now += 200 * CLOCK_SECOND;
	mux_stream_connected(pair->server.last);
	exchange(pair);
	mux_end_advance(&pair->client, 200 * CLOCK_SECOND);
	assert_int_equal(pair->client.connected, 1);
	assert_int_equal(pair->client.closed, 0);
	pair_free(pair);
}

/* Bytes that do not come to a frame are no sign of life. */
static void dripping_is_silence(void **state) {
	struct pair *pair = pair_new();
	uint8_t frame[MUX_SEND_ROOM_MIN];
	mux_end_open(&pair->client);
	assert_true(mux_send(pair->client.mux, frame, sizeof frame, pair->client.now) > 20);
	uint64_t next = mux_next(pair->server.mux);
	mux_receive(pair->server.mux, frame, 10, pair->server.now + CLOCK_SECOND);
	assert_true(mux_next(pair->server.mux) == next);
	pair_free(pair);
}

struct both {
	struct mux_stream *streams[2];
	size_t told, closed;
};

static void reset_the_other(void *context, struct mux_stream *stream) {
	struct both *both = context;
	both->told++;
	mux_stream_reset(both->streams[stream == both->streams[0]], STREAM_ERROR_CANCEL);
}

static void closed_of_both(void *context, struct mux_stream *stream, uint32_t error) {
	struct both *both = context;
	both->closed++;
}

/* What was to be told of it is not, also while its reset is not written. */
static void owners_reset_another_from_within(void **state) {
	static const struct mux_ops ops = {
		.readable = reset_the_other, .writable = reset_the_other, .closed = closed_of_both};
	struct both both = {0};
	struct mux_end client, server;
	mux_end_init_with(&client, MUX_INITIATOR,
					  (struct mux_end_setup){.ops = &ops, .context = &both});
	mux_end_init(&server, MUX_RESPONDER);
	for (size_t i = 0; i < 2; i++) {
		both.streams[i] = mux_end_open(&client);
		mux_end_carry(&client, &server);
		assert_int_equal(mux_end_write_text(server.last, "x"), 1);
	}
	mux_end_carry(&server, &client);
	assert_int_equal(both.told, 1);
	mux_end_exchange(&client, &server);
	assert_int_equal(both.told, 1);
	assert_int_equal(both.closed, 0);
	assert_int_equal(server.closed, 1);
	mux_end_done(&client);
	mux_end_done(&server);
}

/* Nobody is to wait for resets that will never be written. */
static void resets_end_with_the_connection(void **state) {
	struct pair *pair = pair_new();
	struct mux_stream *streams[3];
	for (size_t i = 0; i < 3; i++)
		streams[i] = mux_end_open(&pair->client);
	exchange(pair);
	mux_stream_reset(streams[0], STREAM_ERROR_CANCEL);
	mux_stream_reset(streams[2], STREAM_ERROR_CONNECT);
	assert_int_equal(mux_stream_count(pair->client.mux), 3);
	mux_abort(pair->client.mux, STREAM_ERROR_INTERNAL);
	assert_int_equal(mux_state(pair->client.mux), MUX_CLOSED);
	assert_int_equal(mux_stream_count(pair->client.mux), 0);
	assert_int_equal(pair->client.closed, 1);
	assert_false(mux_has_output(pair->client.mux));
	pair_free(pair);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silence_is_asked_about),
		cmocka_unit_test(a_silent_peer_is_given_up),
		cmocka_unit_test(sleep_is_no_silence),
		cmocka_unit_test(idle_streams_are_reset),
		cmocka_unit_test(draining_lets_streams_end),
		cmocka_unit_test(streams_behind_the_last_are_refused),
		cmocka_unit_test(draining_without_streams_ends_at_once),
		cmocka_unit_test(ids_are_used_up),
		cmocka_unit_test(the_carrier_breaks),
		cmocka_unit_test(only_whole_streams_end_in_peace),
		cmocka_unit_test(a_discarded_connection_tells_everybody),
		cmocka_unit_test(owners_reset_from_within),
		cmocka_unit_test(owners_reset_at_the_first_news),
		cmocka_unit_test(owners_reset_what_is_being_opened),
		cmocka_unit_test(owners_write_from_within),
		cmocka_unit_test(a_server_without_streams_drains),
		cmocka_unit_test(reading_is_no_idleness),
		cmocka_unit_test(connecting_is_no_idleness),
		cmocka_unit_test(dripping_is_silence),
		cmocka_unit_test(owners_reset_another_from_within),
		cmocka_unit_test(resets_end_with_the_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
