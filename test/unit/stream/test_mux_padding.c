#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/mux_script.h"
#include "stream/padding.h"

/* What an observer of the carrier sees of a connection that hides its sizes and times. */

static const uint16_t values[] = {700, 1500, 3000};
static const struct padding_sizes sizes = {values, sizeof values / sizeof *values};

static struct mux_fixture *fixture_with(enum stream_shaping shaping) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_INITIATOR, NULL);
	mux_set_padding(fixture->end.mux, padding_rules_of((uint8_t)shaping), &sizes);
	return fixture;
}

/* Bytes on the carrier of the next write, whose frames are then in the script. */
static size_t hear(struct mux_fixture *fixture) {
	size_t bytes = 0;
	mux_script_hear(&fixture->peer);
	for (size_t i = 0; i < fixture->peer.count; i++) {
		const struct stream_frame *frame = &fixture->peer.frames[i];
		bytes += CIPHER_OVERHEAD + STREAM_FRAME_HEADER_SIZE + frame->payload.size + frame->padding;
	}
	return bytes;
}

static void small_frames_are_padded(void **state) {
	struct mux_fixture *fixture = fixture_with(STREAM_SHAPING_BALANCED);
	size_t padded = 0;
	for (size_t i = 0; i < 50; i++) {
		mux_script_say(&fixture->peer, STREAM_FRAME_PING, 0, "12345678", 8);
		assert_in_range(hear(fixture), CIPHER_OVERHEAD + 64, CIPHER_OVERHEAD + 7 + 8 + 255);
		assert_int_equal(fixture->peer.count, 1);
		assert_int_equal(fixture->peer.frames[0].type, STREAM_FRAME_PONG);
		assert_memory_equal(fixture->peer.frames[0].payload.data, "12345678", 8);
		padded += fixture->peer.frames[0].padding;
	}
	assert_in_range(padded, 50 * 80, 50 * 180); /* 128 in the mean */
	mux_fixture_free(fixture);
}

static void first_writes_of_a_burst_are_enlarged(void **state) {
	struct mux_fixture *fixture = fixture_with(STREAM_SHAPING_BALANCED);
	struct mux_stream *stream = mux_end_open(&fixture->end);
	for (size_t i = 0; i < PADDING_BURSTS; i++) {
		assert_int_equal(mux_end_write_text(stream, "a small request"), 15);
		assert_in_range(hear(fixture), 700, 3000);
		assert_non_null(mux_script_find(&fixture->peer, STREAM_FRAME_PADDING, 0));
		/* What follows belongs to the same burst. */
		assert_int_equal(mux_end_write_text(stream, "more"), 4);
		assert_in_range(hear(fixture), CIPHER_OVERHEAD + 64, CIPHER_OVERHEAD + 7 + 4 + 255);
		assert_int_equal(fixture->peer.count, 1);
		mux_script_say(&fixture->peer, STREAM_FRAME_DATA, 1, "answer", 6);
	}
	assert_int_equal(mux_end_write_text(stream, "the ninth"), 9);
	assert_in_range(hear(fixture), CIPHER_OVERHEAD + 64, CIPHER_OVERHEAD + 7 + 9 + 255);
	/* Another stream has bursts of its own; one that is reset meanwhile has none. */
	mux_end_open(&fixture->end);
	mux_stream_reset(mux_end_open(&fixture->end), STREAM_ERROR_CANCEL);
	assert_in_range(hear(fixture), 700, 3000);
	mux_fixture_free(fixture);
}

static void bulk_is_left_alone(void **state) {
	struct mux_fixture *fixture = fixture_with(STREAM_SHAPING_STEALTH);
	static const uint8_t zeros[MUX_STAGED_MAX];
	struct mux_stream *stream = mux_end_open(&fixture->end);
	assert_int_equal(mux_stream_write(stream, zeros, sizeof zeros), sizeof zeros);
	assert_true(mux_has_output(fixture->end.mux));
	size_t bytes = hear(fixture);
	assert_in_range(bytes, sizeof zeros, sizeof zeros + sizeof zeros / 100 + 500);
	size_t data = 0;
	for (size_t i = 0; i < fixture->peer.count; i++)
		if (fixture->peer.frames[i].type == STREAM_FRAME_DATA)
			data += fixture->peer.frames[i].payload.size;
	assert_int_equal(data, sizeof zeros);
	mux_fixture_free(fixture);
}

/* Sparse writes leave a little later, in their order; nothing waits longer than the jitter. */
static void sparse_writes_are_put_off(void **state) {
	struct mux_fixture *fixture = fixture_with(STREAM_SHAPING_STEALTH);
	struct mux_end *end = &fixture->end;
	struct mux_stream *stream = mux_end_open(end);
	hear(fixture);
	size_t held = 0;
	for (size_t i = 0; i < 200; i++) {
		mux_script_say(&fixture->peer, STREAM_FRAME_PADDING, 0, NULL, 0); /* it lives */
		mux_end_advance(end, 200 * CLOCK_MILLISECOND);
		hear(fixture);
		mux_end_advance(end, 200 * CLOCK_MILLISECOND);
		uint8_t bytes[2] = {(uint8_t)i, 1};
		assert_int_equal(mux_stream_write(stream, bytes, 2), 2);
		uint64_t asked = end->now;
		bool has_come = false;
		for (size_t turn = 0; turn < 20 && !has_come; turn++) {
			hear(fixture);
			const struct stream_frame *frame =
				mux_script_find(&fixture->peer, STREAM_FRAME_DATA, 1);
			has_come = frame != NULL;
			if (has_come)
				assert_memory_equal(frame->payload.data, bytes, 2);
			else if (mux_next(end->mux) > end->now)
				mux_end_advance(end, mux_next(end->mux) - end->now);
			held += has_come || turn > 0 ? 0 : 1;
		}
		assert_true(has_come);
		assert_true(end->now - asked <= PADDING_JITTER);
	}
	assert_true(held > 150);
	/* More that comes to wait is bulk, and takes all with it. */
	mux_end_advance(end, CLOCK_SECOND / 2);
	hear(fixture);
	mux_end_advance(end, CLOCK_SECOND / 2);
	hear(fixture);
	mux_end_advance(end, CLOCK_SECOND / 5);
	static const uint8_t zeros[8192];
	do
		assert_int_equal(mux_stream_write(stream, zeros, 1), 1);
	while (hear(fixture) > 0 && (mux_end_advance(end, CLOCK_SECOND / 5), true));
	assert_false(mux_has_output(end->mux));
	assert_int_equal(mux_stream_write(stream, zeros, sizeof zeros), sizeof zeros);
	assert_true(mux_has_output(end->mux));
	assert_true(hear(fixture) > sizeof zeros);
	mux_fixture_free(fixture);
}

/* PADDING in silences: while there is a stream and for a minute after; and no earlier. */
static size_t idle_frames(struct mux_fixture *fixture, uint64_t span) {
	struct mux_end *end = &fixture->end;
	size_t count = 0;
	for (uint64_t until = end->now + span; end->now < until;) {
		uint64_t next = mux_next(end->mux);
		assert_true(next > end->now);
		mux_end_advance(end, (next < until ? next : until) - end->now);
		hear(fixture);
		for (size_t i = 0; i < fixture->peer.count; i++) {
			const struct stream_frame *frame = &fixture->peer.frames[i];
			if (frame->type == STREAM_FRAME_PING)
				mux_script_say(&fixture->peer, STREAM_FRAME_PONG, 0, frame->payload.data, 8);
			count += frame->type == STREAM_FRAME_PADDING;
		}
	}
	return count;
}

static void silences_are_broken(void **state) {
	struct mux_fixture *fixture = fixture_with(STREAM_SHAPING_BALANCED);
	assert_int_equal(idle_frames(fixture, 100 * CLOCK_SECOND), 0);
	struct mux_stream *stream = mux_end_open(&fixture->end);
	hear(fixture);
	assert_in_range(idle_frames(fixture, 100 * CLOCK_SECOND), 15, 28);
	mux_stream_reset(stream, STREAM_ERROR_CANCEL);
	hear(fixture);
	assert_in_range(idle_frames(fixture, 60 * CLOCK_SECOND), 8, 18);
	assert_in_range(idle_frames(fixture, 10 * CLOCK_SECOND), 0, 1);
	assert_int_equal(idle_frames(fixture, 100 * CLOCK_SECOND), 0);
	mux_fixture_free(fixture);
	fixture = fixture_with(STREAM_SHAPING_STEALTH);
	assert_in_range(idle_frames(fixture, 100 * CLOCK_SECOND), 80, 130);
	mux_fixture_free(fixture);
}

/* A drained connection does not end before what is put off was written. */
static void what_is_put_off_is_not_lost(void **state) {
	struct mux_fixture *fixture = fixture_with(STREAM_SHAPING_STEALTH);
	struct mux_end *end = &fixture->end;
	mux_script_say(&fixture->peer, STREAM_FRAME_PING, 0, "12345678", 8);
	hear(fixture);
	size_t heard = 0;
	mux_end_advance(end, 300 * CLOCK_MILLISECOND);
	hear(fixture);
	mux_drain(end->mux);
	mux_end_advance(end, 0);
	for (size_t i = 0; i < 100 && mux_state(end->mux) != MUX_CLOSED; i++) {
		hear(fixture);
		heard += mux_script_find(&fixture->peer, STREAM_FRAME_GOAWAY, 0) != NULL;
		mux_end_advance(end, CLOCK_MILLISECOND);
	}
	assert_int_equal(mux_state(end->mux), MUX_CLOSED);
	assert_int_equal(heard, 1);
	mux_fixture_free(fixture);
}

/* While much comes, what we answer is not put off: windows have to be given back. */
static void answers_to_bulk_are_not_put_off(void **state) {
	struct mux_fixture *fixture = fixture_with(STREAM_SHAPING_STEALTH);
	static const uint8_t zeros[8192];
	mux_end_open(&fixture->end);
	while (hear(fixture) == 0)
		mux_end_advance(&fixture->end, CLOCK_MILLISECOND);
	for (size_t i = 0; i < 50; i++) {
		mux_end_advance(&fixture->end, 10 * CLOCK_MILLISECOND);
		mux_script_say(&fixture->peer, STREAM_FRAME_DATA, 1, zeros, sizeof zeros);
		mux_end_read(fixture->end.last, NULL, sizeof zeros);
		mux_script_say(&fixture->peer, STREAM_FRAME_PING, 0, "12345678", 8);
		assert_true(hear(fixture) > 0);
	}
	mux_fixture_free(fixture);
}

static void the_goaway_of_an_error_is_not_put_off(void **state) {
	struct mux_fixture *fixture = fixture_with(STREAM_SHAPING_STEALTH);
	size_t held = 0;
	mux_end_open(&fixture->end);
	while (hear(fixture) == 0)
		mux_end_advance(&fixture->end, CLOCK_MILLISECOND);
	for (size_t i = 0; i < 100 && held == 0; i++) {
		mux_end_advance(&fixture->end, 300 * CLOCK_MILLISECOND);
		hear(fixture);
		mux_end_advance(&fixture->end, 300 * CLOCK_MILLISECOND);
		mux_script_say(&fixture->peer, STREAM_FRAME_PING, 0, "12345678", 8);
		held = hear(fixture) == 0;
		if (held == 0)
			mux_script_say(&fixture->peer, STREAM_FRAME_PADDING, 0, NULL, 0);
	}
	assert_int_equal(held, 1);
	assert_false(mux_has_output(fixture->end.mux));
	mux_script_say(&fixture->peer, STREAM_FRAME_DATA, 0, "x", 1);
	assert_true(mux_has_output(fixture->end.mux));
	assert_true(hear(fixture) > 0);
	assert_int_equal(fixture->peer.frames[0].type, STREAM_FRAME_GOAWAY);
	/* It stays the reason when the carrier breaks. */
	mux_abort(fixture->end.mux, STREAM_ERROR_INTERNAL);
	assert_int_equal(mux_error(fixture->end.mux), STREAM_ERROR_PROTOCOL);
	mux_fixture_free(fixture);
}

/* Without sizes there are no bursts to enlarge; all else is padded. */
static void sizes_may_be_missing(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_INITIATOR, NULL);
	mux_set_padding(fixture->end.mux, padding_rules_of(STREAM_SHAPING_BALANCED), NULL);
	mux_end_open(&fixture->end);
	assert_in_range(hear(fixture), CIPHER_OVERHEAD + 64, CIPHER_OVERHEAD + 7 + 16 + 255);
	assert_int_equal(fixture->peer.count, 1);
	mux_fixture_free(fixture);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_frames_are_padded),
		cmocka_unit_test(first_writes_of_a_burst_are_enlarged),
		cmocka_unit_test(bulk_is_left_alone),
		cmocka_unit_test(sparse_writes_are_put_off),
		cmocka_unit_test(silences_are_broken),
		cmocka_unit_test(what_is_put_off_is_not_lost),
		cmocka_unit_test(answers_to_bulk_are_not_put_off),
		cmocka_unit_test(the_goaway_of_an_error_is_not_put_off),
		cmocka_unit_test(sizes_may_be_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
