#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/mux_script.h"

/* A hostile peer breaks one rule after the other; each has its error, and no other consequence. */

/* The connection failed: a GOAWAY with this error and nothing else, and the end after a while. */
static void expect_goaway(struct mux_fixture *fixture, uint32_t expected, uint32_t expected_last) {
	assert_int_equal(mux_state(fixture->end.mux), MUX_FAILED);
	assert_int_equal(mux_error(fixture->end.mux), expected);
	assert_int_equal(mux_script_hear(&fixture->peer), 1);
	const struct stream_frame *frame = mux_script_find(&fixture->peer, STREAM_FRAME_GOAWAY, 0);
	assert_non_null(frame);
	uint32_t last, error;
	assert_int_equal(stream_frame_read_goaway(frame->payload, &last, &error), ERR_OK);
	assert_int_equal(error, expected);
	assert_int_equal(last, expected_last);
	/* What comes now is not looked at. */
	size_t opened = fixture->end.opened;
	mux_script_open(&fixture->peer, 9001);
	assert_int_equal(fixture->end.opened, opened);
	assert_int_equal(mux_script_hear(&fixture->peer), 0);
	mux_end_advance(&fixture->end, MUX_CLOSE_TIMEOUT_SECONDS * CLOCK_SECOND - 1);
	assert_int_equal(mux_state(fixture->end.mux), MUX_FAILED);
	mux_end_advance(&fixture->end, 1);
	assert_int_equal(mux_state(fixture->end.mux), MUX_CLOSED);
	assert_true(mux_next(fixture->end.mux) == CLOCK_NEVER);
}

/* Whole frames as bytes, after the peer opened stream 1; what each leads to. */
#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static const struct row {
	const char *what;
	const uint8_t *frame;
	size_t size;
	uint32_t error;
} rows[] = {
	{"a payload beyond the frame", BYTES(0, 0, 0, 1, 0, 9, 0, 1), STREAM_ERROR_FRAME_SIZE},
	{"bytes behind payload and padding", BYTES(0, 0, 0, 1, 0, 1, 0, 1, 2), STREAM_ERROR_FRAME_SIZE},
	{"type 0x0a", BYTES(0x0a, 0, 0, 0, 0, 0, 0), STREAM_ERROR_PROTOCOL},
	{"type 0x7f", BYTES(0x7f, 0, 0, 0, 0, 0, 0), STREAM_ERROR_PROTOCOL},
	{"DATA on stream 0", BYTES(0, 0, 0, 0, 0, 1, 0, 7), STREAM_ERROR_PROTOCOL},
	{"DATA on a stream never opened", BYTES(0, 0, 0, 3, 0, 1, 0, 7), STREAM_ERROR_PROTOCOL},
	{"DATA on a stream that only we may open", BYTES(0, 0, 0, 2, 0, 1, 0, 7),
	 STREAM_ERROR_PROTOCOL},
	{"OPEN on stream 0", BYTES(1, 0, 0, 0, 0, 7, 0, 1, 1, 2, 3, 4, 0, 80), STREAM_ERROR_PROTOCOL},
	{"OPEN with our parity", BYTES(1, 0, 0, 2, 0, 7, 0, 1, 1, 2, 3, 4, 0, 80),
	 STREAM_ERROR_PROTOCOL},
	{"OPEN of an open stream", BYTES(1, 0, 0, 1, 0, 7, 0, 1, 1, 2, 3, 4, 0, 80),
	 STREAM_ERROR_PROTOCOL},
	{"OPEN without a target", BYTES(1, 0, 0, 3, 0, 0, 0), STREAM_ERROR_FRAME_SIZE},
	{"OPEN with half an address", BYTES(1, 0, 0, 3, 0, 4, 0, 1, 1, 2, 3), STREAM_ERROR_FRAME_SIZE},
	{"OPEN with bytes behind it", BYTES(1, 0, 0, 3, 0, 8, 0, 1, 1, 2, 3, 4, 0, 80, 0),
	 STREAM_ERROR_FRAME_SIZE},
	{"OPEN with an unknown type of address", BYTES(1, 0, 0, 3, 0, 7, 0, 2, 1, 2, 3, 4, 0, 80),
	 STREAM_ERROR_PROTOCOL},
	{"OPEN with a name that is none", BYTES(1, 0, 0, 3, 0, 6, 0, 3, 2, '.', '.', 0, 80),
	 STREAM_ERROR_PROTOCOL},
	{"CLOSE on stream 0", BYTES(2, 0, 0, 0, 0, 0, 0), STREAM_ERROR_PROTOCOL},
	{"CLOSE of a stream never opened", BYTES(2, 0, 0, 3, 0, 0, 0), STREAM_ERROR_PROTOCOL},
	{"CLOSE with three bytes", BYTES(2, 0, 0, 1, 0, 3, 0, 0, 0, 7), STREAM_ERROR_FRAME_SIZE},
	{"CLOSE with five bytes", BYTES(2, 0, 0, 1, 0, 5, 0, 0, 0, 7, 7, 7), STREAM_ERROR_FRAME_SIZE},
	{"WINDOW_UPDATE with three bytes", BYTES(3, 0, 0, 1, 0, 3, 0, 0, 0, 7),
	 STREAM_ERROR_FRAME_SIZE},
	{"WINDOW_UPDATE of 0 for the connection", BYTES(3, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0),
	 STREAM_ERROR_PROTOCOL},
	{"WINDOW_UPDATE of 0 by who opened", BYTES(3, 0, 0, 1, 0, 4, 0, 0, 0, 0, 0),
	 STREAM_ERROR_PROTOCOL},
	{"WINDOW_UPDATE of a stream never opened", BYTES(3, 0, 0, 3, 0, 4, 0, 0, 0, 0, 1),
	 STREAM_ERROR_PROTOCOL},
	{"a stream's window beyond the largest", BYTES(3, 0, 0, 1, 0, 4, 0, 0, 0xfc, 0, 0),
	 STREAM_ERROR_FLOW_CONTROL},
	{"a stream's window beyond 32 bits", BYTES(3, 0, 0, 1, 0, 4, 0, 0xff, 0xff, 0xff, 0xff),
	 STREAM_ERROR_FLOW_CONTROL},
	{"the connection's window beyond the largest", BYTES(3, 0, 0, 0, 0, 4, 0, 0, 0xc0, 0, 0),
	 STREAM_ERROR_FLOW_CONTROL},
	{"PING on a stream", BYTES(4, 0, 0, 1, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8), STREAM_ERROR_PROTOCOL},
	{"PING with seven bytes", BYTES(4, 0, 0, 0, 0, 7, 0, 1, 2, 3, 4, 5, 6, 7),
	 STREAM_ERROR_FRAME_SIZE},
	{"PONG on a stream", BYTES(5, 0, 0, 1, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8), STREAM_ERROR_PROTOCOL},
	{"PONG with nine bytes", BYTES(5, 0, 0, 0, 0, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
	 STREAM_ERROR_FRAME_SIZE},
	{"GOAWAY on a stream", BYTES(6, 0, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0),
	 STREAM_ERROR_PROTOCOL},
	{"GOAWAY with four bytes", BYTES(6, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0), STREAM_ERROR_FRAME_SIZE},
	{"GOAWAY with a stream beyond the last", BYTES(6, 0, 0, 0, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0),
	 STREAM_ERROR_PROTOCOL},
	{"GOAWAY with a stream that is not ours", BYTES(6, 0, 0, 0, 0, 8, 0, 0, 0, 0, 1, 0, 0, 0, 0),
	 STREAM_ERROR_PROTOCOL},
	{"KEY_UPDATE on a stream", BYTES(8, 0, 0, 1, 0, 0, 0), STREAM_ERROR_PROTOCOL},
	{"KEY_UPDATE with a payload", BYTES(8, 0, 0, 0, 0, 1, 0, 7), STREAM_ERROR_FRAME_SIZE},
	{"SETTINGS on a stream", BYTES(9, 0, 0, 1, 0, 0, 0), STREAM_ERROR_PROTOCOL},
};

static void frames_that_break_a_rule(void **state) {
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];
		struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
		mux_script_open(&fixture->peer, 1);
		mux_script_hear(&fixture->peer);
		mux_script_say_raw(&fixture->peer, row->frame, row->size);
		if (mux_error(fixture->end.mux) != row->error)
			fail_msg("%s: %s", row->what, stream_error_name(mux_error(fixture->end.mux)));
		expect_goaway(fixture, row->error, row->error == STREAM_ERROR_NONE ? 0 : 1);
		assert_int_equal(fixture->end.closed, 1);
		assert_int_equal(fixture->end.closed_error, row->error);
		mux_fixture_free(fixture);
	}
}

/* Nothing comes of these. */
static const struct ignored_row {
	const char *what;
	const uint8_t *frame;
	size_t size;
} ignored[] = {
	{"type 0x80", BYTES(0x80, 0, 0, 3, 0, 1, 1, 7, 0)},
	{"type 0xff", BYTES(0xff, 0, 0, 0, 0, 0, 0)},
	{"PADDING", BYTES(7, 0, 0, 0, 0, 3, 2, 1, 2, 3, 0, 0)},
	{"PADDING of a stream", BYTES(7, 0, 0, 1, 0, 0, 0)},
	{"a PONG that nobody asked for", BYTES(5, 0, 0, 0, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8)},
	{"empty DATA", BYTES(0, 0, 0, 1, 0, 0, 0)},
	{"DATA of a closed stream", BYTES(0, 0, 0, 5, 0, 1, 0, 7)},
	{"CLOSE of a closed stream", BYTES(2, 0, 0, 5, 0, 0, 0)},
	{"a reset of a closed stream", BYTES(2, 0, 0, 5, 0, 4, 0, 0, 0, 0, 7)},
	{"WINDOW_UPDATE of a closed stream", BYTES(3, 0, 0, 5, 0, 4, 0, 0, 0, 0, 0)},
	{"DATA of a stream that was skipped", BYTES(0, 0, 0, 3, 0, 1, 0, 7)},
};

static void frames_to_be_ignored(void **state) {
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
		struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
		mux_script_open(&fixture->peer, 1);
		mux_script_open(&fixture->peer, 5);
		mux_script_say_u32(&fixture->peer, STREAM_FRAME_CLOSE, 5, STREAM_ERROR_CANCEL);
		assert_int_equal(fixture->end.closed, 1);
		mux_script_say_raw(&fixture->peer, ignored[i].frame, ignored[i].size);
		if (mux_state(fixture->end.mux) != MUX_OPEN)
			fail_msg("%s", ignored[i].what);
		assert_int_equal(mux_script_hear(&fixture->peer), 0);
		assert_int_equal(fixture->end.closed, 1);
		assert_int_equal(mux_stream_count(fixture->end.mux), 1);
		mux_fixture_free(fixture);
	}
}

static void what_does_not_open_ends_it_in_silence(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	mux_script_open(&fixture->peer, 1);
	uint8_t garbage[300];
	memset(garbage, 0x5a, sizeof garbage);
	for (size_t i = 0; i < 300 && mux_state(fixture->end.mux) == MUX_OPEN; i++)
		mux_receive(fixture->end.mux, garbage, sizeof garbage, fixture->end.now);
	assert_int_equal(mux_state(fixture->end.mux), MUX_CLOSED);
	assert_int_equal(mux_script_hear(&fixture->peer), 0);
	assert_int_equal(fixture->end.closed, 1);
	mux_fixture_free(fixture);
}

/* As a client: who may open what, and what is said to be reached. */

static void opens_with_our_parity(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_INITIATOR, NULL);
	mux_script_open(&fixture->peer, 3);
	expect_goaway(fixture, STREAM_ERROR_PROTOCOL, 0);
	mux_fixture_free(fixture);
}

static void opens_in_falling_order(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	mux_script_open(&fixture->peer, 7);
	mux_script_open(&fixture->peer, 5);
	expect_goaway(fixture, STREAM_ERROR_PROTOCOL, 7);
	mux_fixture_free(fixture);
}

static void opens_what_a_client_does_not_offer(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_INITIATOR, NULL);
	fixture->end.refusal = STREAM_ERROR_REFUSED_STREAM;
	mux_script_open(&fixture->peer, 2);
	mux_fixture_expect_reset(fixture, 2, STREAM_ERROR_REFUSED_STREAM);
	assert_int_equal(mux_stream_count(fixture->end.mux), 0);
	mux_fixture_free(fixture);
}

static void connects_twice(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_INITIATOR, NULL);
	mux_end_open(&fixture->end);
	mux_script_hear(&fixture->peer);
	mux_script_say_u32(&fixture->peer, STREAM_FRAME_WINDOW_UPDATE, 1, 0);
	assert_int_equal(fixture->end.connected, 1);
	mux_script_say_u32(&fixture->peer, STREAM_FRAME_WINDOW_UPDATE, 1, 0);
	expect_goaway(fixture, STREAM_ERROR_PROTOCOL, 0);
	mux_fixture_free(fixture);
}

static void connects_behind_data(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_INITIATOR, NULL);
	mux_end_open(&fixture->end);
	mux_script_hear(&fixture->peer);
	mux_script_say(&fixture->peer, STREAM_FRAME_DATA, 1, "x", 1);
	mux_script_say_u32(&fixture->peer, STREAM_FRAME_WINDOW_UPDATE, 1, 0);
	expect_goaway(fixture, STREAM_ERROR_PROTOCOL, 0);
	mux_fixture_free(fixture);
}

static void answers_before_it_was_asked(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_INITIATOR, NULL);
	mux_end_open(&fixture->end); /* its OPEN is not sent */
	mux_script_say(&fixture->peer, STREAM_FRAME_DATA, 1, "x", 1);
	expect_goaway(fixture, STREAM_ERROR_PROTOCOL, 0);
	mux_fixture_free(fixture);
}

/* Streams */

static void sends_data_behind_its_end(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	mux_script_open(&fixture->peer, 1);
	mux_script_open(&fixture->peer, 3);
	mux_script_say(&fixture->peer, STREAM_FRAME_CLOSE, 1, NULL, 0);
	mux_script_say(&fixture->peer, STREAM_FRAME_DATA, 1, "x", 1);
	assert_int_equal(fixture->end.closed_error, STREAM_ERROR_STREAM_CLOSED);
	mux_fixture_expect_reset(fixture, 1, STREAM_ERROR_STREAM_CLOSED);
	assert_int_equal(mux_stream_count(fixture->end.mux), 1);
	mux_fixture_free(fixture);
}

static void ends_twice(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	mux_script_open(&fixture->peer, 1);
	mux_script_say(&fixture->peer, STREAM_FRAME_CLOSE, 1, NULL, 0);
	mux_script_say(&fixture->peer, STREAM_FRAME_CLOSE, 1, NULL, 0);
	mux_fixture_expect_reset(fixture, 1, STREAM_ERROR_STREAM_CLOSED);
	mux_fixture_free(fixture);
}

static void opens_more_than_the_limit(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	uint32_t id = 1;
	for (size_t i = 0; i < MUX_STREAMS_MAX; i++, id += 2)
		mux_script_open(&fixture->peer, id);
	assert_int_equal(fixture->end.opened, MUX_STREAMS_MAX);
	assert_int_equal(mux_script_hear(&fixture->peer), 0);
	mux_script_open(&fixture->peer, id);
	assert_int_equal(fixture->end.opened, MUX_STREAMS_MAX);
	/* Data for the refused one is under way, and is ignored. */
	mux_script_say(&fixture->peer, STREAM_FRAME_DATA, id, "early", 5);
	mux_fixture_expect_reset(fixture, id, STREAM_ERROR_REFUSED_STREAM);
	assert_int_equal(mux_stream_count(fixture->end.mux), MUX_STREAMS_MAX);
	assert_int_equal(fixture->end.closed, 0);
	/* One goes, and there is room for one. */
	mux_script_say_u32(&fixture->peer, STREAM_FRAME_CLOSE, 1, STREAM_ERROR_CANCEL);
	mux_script_open(&fixture->peer, id + 2);
	assert_int_equal(fixture->end.opened, MUX_STREAMS_MAX + 1);
	mux_fixture_free(fixture);
}

/* Nobody can make refusals pile up by not reading them. */
static void does_not_hear_refusals(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	uint32_t id = 1;
	for (size_t i = 0; i < MUX_STREAMS_MAX + MUX_REFUSALS_MAX; i++, id += 2)
		mux_script_open(&fixture->peer, id);
	assert_int_equal(mux_state(fixture->end.mux), MUX_OPEN);
	mux_script_open(&fixture->peer, id);
	expect_goaway(fixture, STREAM_ERROR_ENHANCE_YOUR_CALM, id);
	mux_fixture_free(fixture);
}

/* The same for those that their owner refuses: they count until the peer could know. */
static void does_not_hear_what_the_owner_refuses(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	fixture->end.refusal = STREAM_ERROR_CONNECT;
	uint32_t id = 1;
	for (size_t i = 0; i < MUX_STREAMS_MAX + MUX_REFUSALS_MAX; i++, id += 2)
		mux_script_open(&fixture->peer, id);
	assert_int_equal(mux_stream_count(fixture->end.mux), MUX_STREAMS_MAX);
	assert_int_equal(fixture->end.opened, MUX_STREAMS_MAX);
	mux_script_open(&fixture->peer, id);
	expect_goaway(fixture, STREAM_ERROR_ENHANCE_YOUR_CALM, id);
	mux_fixture_free(fixture);
}

static void opens_and_resets(struct mux_fixture *fixture, uint32_t *id, size_t count) {
	for (size_t i = 0; i < count; i++, *id += 2) {
		mux_script_open(&fixture->peer, *id);
		mux_script_say_u32(&fixture->peer, STREAM_FRAME_CLOSE, *id, STREAM_ERROR_CANCEL);
	}
}

static void opens_and_resets_too_many(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	uint32_t id = 1;
	opens_and_resets(fixture, &id, MUX_RESETS_MAX);
	assert_int_equal(mux_state(fixture->end.mux), MUX_OPEN);
	mux_end_advance(&fixture->end, 10 * CLOCK_SECOND);
	opens_and_resets(fixture, &id, 1);
	expect_goaway(fixture, STREAM_ERROR_ENHANCE_YOUR_CALM, id - 2);
	mux_fixture_free(fixture);
}

static void opens_and_resets_slowly_enough(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	uint32_t id = 1;
	for (size_t i = 0; i < 10; i++) {
		opens_and_resets(fixture, &id, MUX_RESETS_MAX);
		assert_int_equal(mux_state(fixture->end.mux), MUX_OPEN);
		mux_end_advance(&fixture->end, 10 * CLOCK_SECOND + 1);
	}
	mux_fixture_free(fixture);
}

/* Old streams may all be reset at once: a browser that is closed. */
static void resets_old_streams(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	for (uint32_t id = 1; id < 2 * MUX_STREAMS_MAX; id += 2)
		mux_script_open(&fixture->peer, id);
	mux_end_advance(&fixture->end, 10 * CLOCK_SECOND + 1);
	for (uint32_t id = 1; id < 2 * MUX_STREAMS_MAX; id += 2)
		mux_script_say_u32(&fixture->peer, STREAM_FRAME_CLOSE, id, STREAM_ERROR_CANCEL);
	assert_int_equal(mux_state(fixture->end.mux), MUX_OPEN);
	assert_int_equal(mux_stream_count(fixture->end.mux), 0);
	mux_fixture_free(fixture);
}

static void pings_without_listening(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	for (size_t i = 0; i < MUX_PONGS_MAX; i++)
		mux_script_say(&fixture->peer, STREAM_FRAME_PING, 0, "12345678", 8);
	assert_int_equal(mux_state(fixture->end.mux), MUX_OPEN);
	mux_script_say(&fixture->peer, STREAM_FRAME_PING, 0, "12345678", 8);
	expect_goaway(fixture, STREAM_ERROR_ENHANCE_YOUR_CALM, 0);
	mux_fixture_free(fixture);
}

static void settings_that_are_refused(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	mux_script_say(&fixture->peer, STREAM_FRAME_SETTINGS, 0, "12345", 5);
	assert_int_equal(fixture->end.settings, 5);
	fixture->end.settings_answer = ERR_MALFORMED;
	mux_script_say(&fixture->peer, STREAM_FRAME_SETTINGS, 0, "12345", 5);
	expect_goaway(fixture, STREAM_ERROR_PROTOCOL, 0);
	mux_fixture_free(fixture);
}

/* Windows */

static void exceeds_a_streams_window(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	mux_script_open(&fixture->peer, 1);
	mux_fixture_say_data(fixture, 1, 262144);
	assert_int_equal(mux_state(fixture->end.mux), MUX_OPEN);
	mux_fixture_say_data(fixture, 1, 1);
	expect_goaway(fixture, STREAM_ERROR_FLOW_CONTROL, 1);
	mux_fixture_free(fixture);
}

/* Ignored bytes count as well, and come back as credit only by an update that was written. */
static void exceeds_the_connections_window(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	mux_script_open(&fixture->peer, 1);
	mux_script_say_u32(&fixture->peer, STREAM_FRAME_CLOSE, 1, STREAM_ERROR_CANCEL);
	mux_fixture_say_data(fixture, 1, 16 * 262144);
	assert_int_equal(mux_state(fixture->end.mux), MUX_OPEN);
	mux_fixture_say_data(fixture, 1, 1);
	expect_goaway(fixture, STREAM_ERROR_FLOW_CONTROL, 1);
	mux_fixture_free(fixture);
}

static void ignored_data_is_credited(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	mux_script_open(&fixture->peer, 1);
	mux_script_say_u32(&fixture->peer, STREAM_FRAME_CLOSE, 1, STREAM_ERROR_CANCEL);
	size_t credited = 0;
	for (size_t i = 0; i < 1000; i++) {
		mux_fixture_say_data(fixture, 1, 32768);
		mux_script_hear(&fixture->peer);
		const struct stream_frame *frame =
			mux_script_find(&fixture->peer, STREAM_FRAME_WINDOW_UPDATE, 0);
		uint32_t increment = 0;
		if (frame)
			assert_int_equal(stream_frame_read_window_update(frame->payload, &increment), ERR_OK);
		credited += increment;
		assert_null(mux_script_find(&fixture->peer, STREAM_FRAME_WINDOW_UPDATE, 1));
	}
	assert_int_equal(mux_state(fixture->end.mux), MUX_OPEN);
	assert_true(credited >= 1000 * 32768 - 16 * 262144 / 2 - 32768);
	mux_fixture_free(fixture);
}

/* A reader that stands still stops its stream, and nobody else. */
static void unread_streams_do_not_stop_others(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	for (uint32_t id = 1; id < 2 * 40; id += 2) { /* more than the connection's window */
		mux_script_open(&fixture->peer, id);
		mux_fixture_say_data(fixture, id, 262144);
		mux_script_hear(&fixture->peer);
		assert_null(mux_script_find(&fixture->peer, STREAM_FRAME_WINDOW_UPDATE, id));
	}
	assert_int_equal(mux_state(fixture->end.mux), MUX_OPEN);
	assert_int_equal(fixture->end.closed, 0);
	mux_fixture_free(fixture);
}

/* GOAWAY */

static void goes_away_with_an_error(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	mux_script_open(&fixture->peer, 1);
	uint8_t payload[STREAM_FRAME_GOAWAY_SIZE];
	stream_frame_write_goaway(payload, 0, 4711);
	mux_script_say(&fixture->peer, STREAM_FRAME_GOAWAY, 0, payload, sizeof payload);
	assert_int_equal(mux_state(fixture->end.mux), MUX_CLOSED);
	assert_int_equal(mux_error(fixture->end.mux), 4711);
	assert_int_equal(fixture->end.closed_error, 4711);
	assert_int_equal(mux_script_hear(&fixture->peer), 0);
	mux_fixture_free(fixture);
}

static void opens_after_our_goaway(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	mux_script_open(&fixture->peer, 1);
	mux_drain(fixture->end.mux);
	mux_script_open(&fixture->peer, 3);
	assert_int_equal(fixture->end.opened, 1);
	mux_script_hear(&fixture->peer);
	assert_non_null(mux_script_find(&fixture->peer, STREAM_FRAME_GOAWAY, 0));
	const struct stream_frame *frame = mux_script_find(&fixture->peer, STREAM_FRAME_CLOSE, 3);
	assert_non_null(frame);
	assert_int_equal(frame->payload.data[3], STREAM_ERROR_REFUSED_STREAM);
	assert_int_equal(mux_state(fixture->end.mux), MUX_DRAINING);
	assert_int_equal(fixture->end.closed, 0);
	mux_fixture_free(fixture);
}

static void connects_behind_an_end(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_INITIATOR, NULL);
	mux_end_open(&fixture->end);
	mux_script_hear(&fixture->peer);
	mux_script_say(&fixture->peer, STREAM_FRAME_CLOSE, 1, NULL, 0);
	mux_script_say_u32(&fixture->peer, STREAM_FRAME_WINDOW_UPDATE, 1, 0);
	expect_goaway(fixture, STREAM_ERROR_PROTOCOL, 0);
	mux_fixture_free(fixture);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_that_break_a_rule),
		cmocka_unit_test(frames_to_be_ignored),
		cmocka_unit_test(what_does_not_open_ends_it_in_silence),
		cmocka_unit_test(opens_with_our_parity),
		cmocka_unit_test(opens_in_falling_order),
		cmocka_unit_test(opens_what_a_client_does_not_offer),
		cmocka_unit_test(connects_twice),
		cmocka_unit_test(connects_behind_data),
		cmocka_unit_test(answers_before_it_was_asked),
		cmocka_unit_test(sends_data_behind_its_end),
		cmocka_unit_test(ends_twice),
		cmocka_unit_test(opens_more_than_the_limit),
		cmocka_unit_test(does_not_hear_refusals),
		cmocka_unit_test(does_not_hear_what_the_owner_refuses),
		cmocka_unit_test(opens_and_resets_too_many),
		cmocka_unit_test(opens_and_resets_slowly_enough),
		cmocka_unit_test(resets_old_streams),
		cmocka_unit_test(pings_without_listening),
		cmocka_unit_test(settings_that_are_refused),
		cmocka_unit_test(exceeds_a_streams_window),
		cmocka_unit_test(exceeds_the_connections_window),
		cmocka_unit_test(ignored_data_is_credited),
		cmocka_unit_test(unread_streams_do_not_stop_others),
		cmocka_unit_test(goes_away_with_an_error),
		cmocka_unit_test(opens_after_our_goaway),
		cmocka_unit_test(connects_behind_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
