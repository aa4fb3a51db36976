#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/mux_script.h"

/* Peers that keep the letter of the rules to spend what is ours, and how the honest ones fare. */

/* Frames that come in one piece, so that nothing is told between them. */
struct piece {
	struct mux_script *peer;
	uint8_t data[4096];
	size_t size;
};

static void add(struct piece *piece, unsigned type, uint32_t stream, struct slice payload) {
	struct stream_frame frame = {.type = (uint8_t)type, .stream = stream, .payload = payload};
	uint8_t *at = piece->data + piece->size;
	size_t room = sizeof piece->data - piece->size - CIPHER_OVERHEAD, size;
	assert_int_equal(stream_frame_encode(&frame, at + CIPHER_LENGTH_SIZE, room, &size), ERR_OK);
	assert_int_equal(cipher_seal(piece->peer->seal, piece->peer->end->worker, at, &size, 1),
					 ERR_OK);
	piece->size += size + CIPHER_OVERHEAD;
}

static void say(struct piece *piece) {
	mux_receive(piece->peer->end->mux, piece->data, piece->size, piece->peer->end->now);
	piece->size = 0;
}

static void add_open(struct piece *piece, uint32_t stream) {
	struct target target = mux_end_target();
	uint8_t payload[TARGET_SIZE_MAX];
	size_t size;
	assert_int_equal(target_encode(&target, payload, sizeof payload, &size), ERR_OK);
	add(piece, STREAM_FRAME_OPEN, stream, slice_of(payload, size));
}

static void add_reset(struct piece *piece, uint32_t stream, uint32_t error) {
	uint8_t payload[STREAM_FRAME_RESET_SIZE];
	stream_frame_write_u32(payload, error);
	add(piece, STREAM_FRAME_CLOSE, stream, slice_of(payload, sizeof payload));
}

/* Who makes us reset his streams has opened and reset them. */
static void makes_us_reset(bool by_data) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	uint32_t id = 1;
	for (size_t i = 0; i <= MUX_RESETS_MAX; i++, id += 2) {
		assert_int_equal(mux_state(fixture->end.mux), MUX_OPEN);
		mux_script_open(&fixture->peer, id);
		mux_script_say(&fixture->peer, STREAM_FRAME_CLOSE, id, NULL, 0);
		if (by_data)
			mux_script_say(&fixture->peer, STREAM_FRAME_DATA, id, "x", 1);
		else
			mux_script_say(&fixture->peer, STREAM_FRAME_CLOSE, id, NULL, 0);
		assert_int_equal(fixture->end.closed, i + 1);
		mux_script_hear(&fixture->peer);
	}
	assert_int_equal(mux_state(fixture->end.mux), MUX_FAILED);
	assert_int_equal(mux_error(fixture->end.mux), STREAM_ERROR_ENHANCE_YOUR_CALM);
	mux_fixture_free(fixture);
}

static void makes_us_reset_by_data_behind_the_end(void **state) {
	makes_us_reset(true);
}

static void makes_us_reset_by_a_second_end(void **state) {
	makes_us_reset(false);
}

/* Who resets one and opens another is not over the limit, however his bytes are cut. */
static void replaces_streams_at_the_limit(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	struct piece piece = {.peer = &fixture->peer};
	uint32_t id = 1;
	for (size_t i = 0; i < MUX_STREAMS_MAX; i++, id += 2)
		mux_script_open(&fixture->peer, id);
	for (uint32_t i = 0; i < 10; i++) {
		add_reset(&piece, 1 + 2 * i, STREAM_ERROR_CANCEL);
		add_open(&piece, id + 2 * i);
	}
	say(&piece);
	assert_int_equal(fixture->end.closed, 10);
	assert_int_equal(fixture->end.opened, MUX_STREAMS_MAX + 10);
	assert_int_equal(mux_script_hear(&fixture->peer), 0);
	add_open(&piece, id + 20); /* one too many is one too many all the same */
	say(&piece);
	assert_int_equal(fixture->end.opened, MUX_STREAMS_MAX + 10);
	assert_int_equal(mux_script_hear(&fixture->peer), 1);
	mux_fixture_free(fixture);
}

/* A reset is no end of data, whatever code it has: something may be missing. */
static void resets_with_no_error(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	struct piece piece = {.peer = &fixture->peer};
	add_open(&piece, 1);
	add(&piece, STREAM_FRAME_DATA, 1, slice_of("half of it", 10));
	add_reset(&piece, 1, STREAM_ERROR_NONE);
	say(&piece);
	assert_int_equal(fixture->end.closed, 1);
	assert_int_equal(fixture->end.closed_error, STREAM_ERROR_CANCEL);
	mux_fixture_free(fixture);
}

/* What the owner is told of a stream that was reset with news of it still untold. */
struct reader {
	size_t readable, closed;
	bool at_end;
};

static void consume_nothing(void *context, struct mux_stream *stream) {
	struct reader *reader = context;
	reader->readable++;
	reader->at_end = mux_stream_is_at_end(stream);
	mux_stream_consume(stream, mux_stream_peek(stream).size);
}

static void count_closed(void *context, struct mux_stream *stream, uint32_t error) {
	struct reader *reader = context;
	reader->closed++;
}

static enum stream_error take(void *context, struct mux_stream *stream,
							  const struct target *target) {
	return STREAM_ERROR_NONE;
}

static void closed_is_said_once(void **state) {
	static const struct mux_ops ops = {.opened = take,
									   .readable = consume_nothing,
									   .writable = consume_nothing,
									   .closed = count_closed};
	struct reader reader = {0};
	struct mux_end end;
	struct mux_script peer;
	mux_end_init_with(&end, MUX_RESPONDER, (struct mux_end_setup){.ops = &ops, .context = &reader});
	mux_script_init(&peer, &end, MUX_INITIATOR);
	struct piece piece = {.peer = &peer};
	add_open(&piece, 1);
	add(&piece, STREAM_FRAME_DATA, 1, slice_of("x", 1));
	add(&piece, STREAM_FRAME_CLOSE, 1, slice_of(NULL, 0));
	add(&piece, STREAM_FRAME_DATA, 1, slice_of("y", 1)); /* we reset it */
	say(&piece);
	assert_int_equal(reader.readable, 1);
	assert_false(reader.at_end);
	assert_int_equal(reader.closed, 1);
	mux_script_hear(&peer);
	mux_end_advance(&end, 0);
	assert_int_equal(reader.closed, 1);
	assert_int_equal(mux_stream_count(end.mux), 0);
	mux_script_done(&peer);
	mux_end_done(&end);
}

/* Only the first GOAWAY is acted on, or each of many would be a walk over all streams. */
static void goes_away_again_and_again(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_INITIATOR, NULL);
	mux_end_open(&fixture->end);
	mux_end_open(&fixture->end);
	mux_script_hear(&fixture->peer);
	uint8_t payload[STREAM_FRAME_GOAWAY_SIZE];
	stream_frame_write_goaway(payload, 3, STREAM_ERROR_NONE);
	mux_script_say(&fixture->peer, STREAM_FRAME_GOAWAY, 0, payload, sizeof payload);
	stream_frame_write_goaway(payload, 1, STREAM_ERROR_NONE);
	mux_script_say(&fixture->peer, STREAM_FRAME_GOAWAY, 0, payload, sizeof payload);
	assert_int_equal(mux_state(fixture->end.mux), MUX_DRAINING);
	assert_int_equal(fixture->end.closed, 0);
	assert_int_equal(mux_script_hear(&fixture->peer), 1);
	/* One with an error is looked at as ever. */
	stream_frame_write_goaway(payload, 3, STREAM_ERROR_INTERNAL);
	mux_script_say(&fixture->peer, STREAM_FRAME_GOAWAY, 0, payload, sizeof payload);
	assert_int_equal(mux_state(fixture->end.mux), MUX_CLOSED);
	assert_int_equal(fixture->end.closed, 2);
	mux_fixture_free(fixture);
}

/* Randomness is asked for once a silence, not for each piece that comes. */
static void little_randomness_is_drawn(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	mux_script_open(&fixture->peer, 1);
	uint64_t seed = fixture->end.seed;
	for (size_t i = 0; i < 100; i++)
		mux_script_say(&fixture->peer, STREAM_FRAME_DATA, 1, "x", 1);
	assert_true(fixture->end.seed == seed);
	mux_end_advance(&fixture->end, CLOCK_SECOND);
	mux_script_say(&fixture->peer, STREAM_FRAME_DATA, 1, "x", 1);
	assert_true(fixture->end.seed != seed);
	mux_fixture_free(fixture);
}

/* Nothing behind a broken rule is looked at, though it was opened with it. */
static void goes_on_behind_an_error(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
	struct piece piece = {.peer = &fixture->peer};
	static const uint8_t zeros[1000]; /* more than a KEY_UPDATE, which would be opened alone */
	add(&piece, STREAM_FRAME_DATA, 0, slice_of(zeros, sizeof zeros));
	add(&piece, STREAM_FRAME_SETTINGS, 0, slice_of(zeros, 5));
	say(&piece);
	assert_int_equal(mux_error(fixture->end.mux), STREAM_ERROR_PROTOCOL);
	assert_int_equal(fixture->end.settings, 0);
	mux_fixture_free(fixture);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_us_reset_by_data_behind_the_end),
		cmocka_unit_test(makes_us_reset_by_a_second_end),
		cmocka_unit_test(replaces_streams_at_the_limit),
		cmocka_unit_test(resets_with_no_error),
		cmocka_unit_test(closed_is_said_once),
		cmocka_unit_test(goes_away_again_and_again),
		cmocka_unit_test(little_randomness_is_drawn),
		cmocka_unit_test(goes_on_behind_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
