#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/mux_script.h"
#include "wire/stream_settings.h"

/* Two ends that keep the rules. Time stands still unless a test moves it. */

struct pair {
	struct mux_end client, server;
};

static struct pair *pair_new(const struct cipher_rules *rules) {
	struct pair *pair = calloc(1, sizeof *pair);
	assert_non_null(pair);
	mux_end_init_with(&pair->client, MUX_INITIATOR, (struct mux_end_setup){.rules = rules});
	mux_end_init_with(&pair->server, MUX_RESPONDER, (struct mux_end_setup){.rules = rules});
	return pair;
}

static void pair_free(struct pair *pair) {
	assert_true(mux_error(pair->client.mux) == STREAM_ERROR_NONE);
	assert_true(mux_error(pair->server.mux) == STREAM_ERROR_NONE);
	mux_end_done(&pair->client);
	mux_end_done(&pair->server);
	free(pair);
}

static void exchange(struct pair *pair) {
	mux_end_exchange(&pair->client, &pair->server);
}

static void advance(struct pair *pair, uint64_t by) {
	pair->client.now += by;
	pair->server.now += by;
}

static void a_stream_lives_and_ends(void **state) {
	struct pair *pair = pair_new(NULL);
	struct mux_stream *near = mux_end_open(&pair->client);
	assert_int_equal(mux_stream_id(near), 1);
	assert_int_equal(mux_end_write_text(near, "GET /"), 5); /* with the OPEN */
	exchange(pair);
	assert_int_equal(pair->server.opened, 1);
	char text[TARGET_TEXT_SIZE];
	target_format(&pair->server.target, text);
	assert_string_equal(text, "example.com:443");
	struct mux_stream *far = pair->server.last;
	uint8_t read[64];
	assert_int_equal(mux_end_read(far, read, sizeof read), 5);
	assert_memory_equal(read, "GET /", 5);
	assert_false(mux_stream_is_at_end(far));

	assert_int_equal(pair->client.connected, 0);
	mux_stream_connected(far);
	mux_stream_connected(far); /* once is enough */
	exchange(pair);
	assert_int_equal(pair->client.connected, 1);

	/* The client has said all, the server goes on. */
	mux_stream_end(near);
	assert_int_equal(mux_end_write_text(near, "more"), 0);
	exchange(pair);
	assert_true(mux_stream_is_at_end(far));
	assert_int_equal(pair->server.closed, 0);
	assert_int_equal(mux_end_write_text(far, "hello"), 5);
	exchange(pair);
	assert_int_equal(mux_end_read(near, read, 2), 2);
	assert_int_equal(mux_end_write_text(far, " world"), 6);
	mux_stream_end(far);
	exchange(pair);
	assert_int_equal(pair->server.closed, 1);
	assert_int_equal(pair->server.closed_error, STREAM_ERROR_NONE);
	/* Here something is unread, so it is still there. */
	assert_int_equal(pair->client.closed, 0);
	assert_false(mux_stream_is_at_end(near));
	assert_int_equal(mux_end_read(near, read, sizeof read), 9);
	assert_memory_equal(read, "llo world", 9);
	assert_true(mux_stream_is_at_end(near));
	assert_true(mux_next(pair->client.mux) <= pair->client.now);
	mux_expire(pair->client.mux, pair->client.now);
	assert_int_equal(pair->client.closed, 1);
	assert_int_equal(mux_stream_count(pair->client.mux), 0);
	assert_int_equal(mux_stream_count(pair->server.mux), 0);
	pair_free(pair);
}

static void both_open_streams(void **state) {
	struct pair *pair = pair_new(NULL);
	for (uint32_t i = 0; i < 20; i++) {
		assert_int_equal(mux_stream_id(mux_end_open(&pair->client)), 1 + 2 * i);
		assert_int_equal(mux_stream_id(mux_end_open(&pair->server)), 2 + 2 * i);
	}
	exchange(pair);
	assert_int_equal(pair->client.opened, 20);
	assert_int_equal(pair->server.opened, 20);
	assert_int_equal(mux_stream_count(pair->server.mux), 40);
	pair_free(pair);
}

static void a_reset_ends_both_directions(void **state) {
	struct pair *pair = pair_new(NULL);
	struct mux_stream *near = mux_end_open(&pair->client);
	assert_int_equal(mux_end_write_text(near, "data"), 4);
	exchange(pair);
	mux_stream_reset(pair->server.last, STREAM_ERROR_CONNECT);
	assert_int_equal(mux_end_write_text(near, "still under way"), 15);
	exchange(pair);
	assert_int_equal(pair->client.closed, 1);
	assert_int_equal(pair->client.closed_error, STREAM_ERROR_CONNECT);
	assert_int_equal(pair->server.closed, 0); /* its owner knows */
	assert_int_equal(mux_stream_count(pair->client.mux) + mux_stream_count(pair->server.mux), 0);
	/* One that the peer never heard of leaves no trace but its id. */
	mux_stream_reset(mux_end_open(&pair->client), STREAM_ERROR_CANCEL);
	assert_false(mux_has_output(pair->client.mux));
	assert_int_equal(mux_stream_id(mux_end_open(&pair->client)), 5);
	exchange(pair);
	assert_int_equal(pair->server.opened, 2);
	pair_free(pair);
}

static void a_refusal_says_why(void **state) {
	struct pair *pair = pair_new(NULL);
	pair->server.refusal = STREAM_ERROR_REFUSED_STREAM;
	mux_end_open(&pair->client);
	exchange(pair);
	assert_int_equal(pair->client.closed_error, STREAM_ERROR_REFUSED_STREAM);
	assert_int_equal(pair->server.closed, 0);
	assert_int_equal(mux_stream_count(pair->server.mux), 0);
	pair_free(pair);
}

static void at_most_so_many_of_ours(void **state) {
	struct pair *pair = pair_new(NULL);
	for (size_t i = 0; i < MUX_STREAMS_MAX; i++)
		mux_end_open(&pair->client);
	struct target target = mux_end_target();
	struct mux_stream *stream = NULL;
	assert_int_equal(mux_stream_open(pair->client.mux, &target, NULL, &stream), ERR_LIMIT);
	assert_null(stream);
	exchange(pair);
	assert_int_equal(pair->server.opened, MUX_STREAMS_MAX);
	pair_free(pair);
}

/* Fills the stream from zeros until its windows are full; what went in. */
static size_t write_all(struct pair *pair, struct mux_stream *stream, size_t most) {
	static const uint8_t zeros[100000];
	size_t total = 0, taken;
	do {
		size_t size = most - total < sizeof zeros ? most - total : sizeof zeros;
		taken = mux_stream_write(stream, zeros, size);
		total += taken;
		exchange(pair);
	} while (taken > 0 && total < most);
	return total;
}

static void windows_bound_what_is_sent(void **state) {
	struct pair *pair = pair_new(NULL);
	struct mux_stream *near = mux_end_open(&pair->client);
	assert_int_equal(write_all(pair, near, SIZE_MAX / 2), WINDOW_INITIAL);
	struct mux_stream *far = pair->server.last;
	size_t told = pair->client.writable;
	advance(pair, CLOCK_SECOND); /* so slowly that the window does not grow */
	/* Less than a quarter that was read is not worth an update. */
	mux_stream_consume(far, 1);
	exchange(pair);
	assert_int_equal(pair->client.writable, told);
	assert_int_equal(mux_stream_room(near), 0);
	assert_int_equal(mux_end_read(far, NULL, WINDOW_INITIAL / 4 - 1), WINDOW_INITIAL / 4 - 1);
	exchange(pair);
	assert_int_equal(pair->client.writable, told + 1);
	assert_int_equal(write_all(pair, near, SIZE_MAX / 2), WINDOW_INITIAL / 4);
	pair_free(pair);
}

/* The carrier does not take anything: what may be written is bounded all the same. */
static void staged_bytes_are_bounded(void **state) {
	struct pair *pair = pair_new(NULL);
	static const uint8_t zeros[1 << 20];
	struct mux_stream *streams[MUX_STREAMS_MAX];
	size_t total = 0;
	for (size_t i = 0; i < MUX_STREAMS_MAX; i++) {
		streams[i] = mux_end_open(&pair->client);
		size_t taken = mux_stream_write(streams[i], zeros, sizeof zeros);
		assert_int_equal(taken, total < MUX_STAGED_TOTAL ? MUX_STAGED_MAX : MUX_TURN_MAX);
		total += taken;
	}
	enum { FULL = (MUX_STAGED_TOTAL + MUX_STAGED_MAX - 1) / MUX_STAGED_MAX };
	assert_int_equal(total, FULL * MUX_STAGED_MAX + (MUX_STREAMS_MAX - FULL) * MUX_TURN_MAX);
	/* All of them are told, once there is room. */
	exchange(pair);
	assert_int_equal(pair->client.writable, MUX_STREAMS_MAX);
	mux_stream_reset(streams[0], STREAM_ERROR_CANCEL);
	pair_free(pair);
}

/* A stream with much to say does not keep the others waiting: turns are of one frame. */
static void turns_are_fair(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_INITIATOR, NULL);
	struct mux_end *end = &fixture->end;
	struct mux_script *peer = &fixture->peer;
	static const uint8_t zeros[MUX_STAGED_MAX];
	struct mux_stream *streams[4];
	for (size_t i = 0; i < 4; i++) {
		streams[i] = mux_end_open(end);
		size_t size = i < 3 ? sizeof zeros : 100;
		assert_int_equal(mux_stream_write(streams[i], zeros, size), size);
	}
	mux_stream_end(streams[3]);
	mux_script_hear(peer);
	static const uint32_t order[] = {1, 3, 5, 7, 1, 3, 5, 1, 3, 5};
	size_t at = 0;
	for (size_t i = 0; i < peer->count && at < sizeof order / sizeof *order; i++) {
		if (peer->frames[i].type != STREAM_FRAME_DATA)
			continue;
		assert_int_equal(peer->frames[i].stream, order[at++]);
		assert_true(peer->frames[i].payload.size <= MUX_TURN_MAX);
	}
	assert_int_equal(at, sizeof order / sizeof *order);
	/* The end of the short one stands right behind its data. */
	const struct stream_frame *end_of_short = mux_script_find(peer, STREAM_FRAME_CLOSE, 7);
	assert_non_null(end_of_short);
	assert_int_equal(end_of_short[-1].stream, 7);
	assert_int_equal(end_of_short[-1].type, STREAM_FRAME_DATA);
	mux_fixture_free(fixture);
}

/* Who writes whenever he is told, as much as there is room for, makes frames of the full size. */
static void a_flow_makes_full_frames(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_INITIATOR, NULL);
	static const uint8_t zeros[2 * MUX_STAGED_MAX];
	struct mux_stream *stream = mux_end_open(&fixture->end);
	for (size_t round = 0; round < 3; round++) {
		assert_int_equal(fixture->end.writable, round);
		assert_int_equal(mux_stream_write(stream, zeros, sizeof zeros), MUX_STAGED_MAX);
		mux_script_hear(&fixture->peer);
		size_t full = 0;
		for (size_t i = 0; i < fixture->peer.count; i++) {
			const struct stream_frame *frame = &fixture->peer.frames[i];
			if (frame->type != STREAM_FRAME_DATA)
				continue;
			/* Only in the first write the OPEN takes some of the last one's room. */
			assert_true(round == 0 || frame->payload.size == MUX_TURN_MAX);
			full += frame->payload.size == MUX_TURN_MAX;
		}
		assert_true(full >= (round == 0 ? 3 : 4));
	}
	mux_fixture_free(fixture);
}

/* There is no news of every little room: it is told when all that was written is on its way. */
static void room_is_told_when_all_has_left(void **state) {
	struct pair *pair = pair_new(NULL);
	static const uint8_t zeros[2 * MUX_STAGED_MAX];
	struct mux_stream *stream = mux_end_open(&pair->client);
	exchange(pair);
	assert_int_equal(mux_stream_write(stream, zeros, sizeof zeros), MUX_STAGED_MAX);
	uint8_t frames[MUX_SEND_ROOM_MIN];
	for (size_t i = 0; i < MUX_STAGED_MAX / MUX_TURN_MAX; i++) {
		assert_int_equal(pair->client.writable, 0);
		size_t size = mux_send(pair->client.mux, frames, sizeof frames, pair->client.now);
		mux_receive(pair->server.mux, frames, size, pair->server.now);
		assert_int_equal(mux_stream_room(stream), (i + 1) * MUX_TURN_MAX);
	}
	assert_int_equal(pair->client.writable, 1);
	pair_free(pair);
}

/* An answer to a PING does not stand behind data that was written before it came. */
static void small_frames_overtake_data(void **state) {
	struct mux_fixture *fixture = mux_fixture_new(MUX_INITIATOR, NULL);
	struct mux_end *end = &fixture->end;
	struct mux_script *peer = &fixture->peer;
	static const uint8_t zeros[MUX_STAGED_MAX];
	assert_int_equal(mux_stream_write(mux_end_open(end), zeros, sizeof zeros), sizeof zeros);
	assert_int_equal(mux_send_settings(end->mux, slice_of("12345", 5)), ERR_OK);
	mux_script_say(peer, STREAM_FRAME_PING, 0, "12345678", 8);
	mux_script_hear(peer);
	assert_int_equal(peer->frames[0].type, STREAM_FRAME_PONG);
	assert_memory_equal(peer->frames[0].payload.data, "12345678", 8);
	assert_int_equal(peer->frames[1].type, STREAM_FRAME_SETTINGS);
	assert_memory_equal(peer->frames[1].payload.data, "12345", 5);
	assert_int_equal(peer->frames[2].type, STREAM_FRAME_OPEN);
	assert_int_equal(peer->frames[3].type, STREAM_FRAME_DATA);
	mux_fixture_free(fixture);
}

static void settings_are_bounded(void **state) {
	struct pair *pair = pair_new(NULL);
	static const uint8_t zeros[STREAM_SETTINGS_SIZE_MAX + 1];
	assert_int_equal(mux_send_settings(pair->client.mux, slice_of(zeros, sizeof zeros)), ERR_LIMIT);
	assert_int_equal(mux_send_settings(pair->client.mux, slice_of(zeros, STREAM_SETTINGS_SIZE_MAX)),
					 ERR_OK);
	assert_int_equal(mux_send_settings(pair->client.mux, slice_of(zeros, 1)), ERR_AGAIN);
	exchange(pair);
	assert_int_equal(pair->server.settings, STREAM_SETTINGS_SIZE_MAX);
	assert_int_equal(mux_send_settings(pair->client.mux, slice_of(zeros, 1)), ERR_OK);
	exchange(pair);
	assert_int_equal(pair->server.settings, STREAM_SETTINGS_SIZE_MAX + 1);
	pair_free(pair);
}

/* Reading measures the round trip: what the PING took there, and its answer back. */
static void the_round_trip_is_measured(void **state) {
	struct pair *pair = pair_new(NULL);
	struct mux_stream *near = mux_end_open(&pair->client);
	static const uint8_t zeros[MUX_STAGED_MAX];
	assert_int_equal(mux_stream_write(near, zeros, sizeof zeros), sizeof zeros);
	assert_true(mux_round_trip(pair->server.mux) == 0);
	mux_end_carry(&pair->client, &pair->server);
	uint8_t ping[MUX_SEND_ROOM_MIN];
	size_t size = mux_send(pair->server.mux, ping, sizeof ping, pair->server.now);
	assert_true(size > 0);
	advance(pair, 30 * CLOCK_MILLISECOND);
	mux_receive(pair->client.mux, ping, size, pair->client.now);
	advance(pair, 20 * CLOCK_MILLISECOND);
	mux_end_carry(&pair->client, &pair->server);
	assert_true(mux_round_trip(pair->server.mux) == 50 * CLOCK_MILLISECOND);
	pair_free(pair);
}

static const struct cipher_rules short_lived = {
	.rekey_frames = 10, .rekey_age = 3600 * CLOCK_SECOND, .frames_max = 20000};

/* Each direction by itself, as often as it is due, and nothing is lost. */
static void keys_change_by_count_and_age(void **state) {
	struct pair *pair = pair_new(&short_lived);
	struct mux_stream *near = mux_end_open(&pair->client);
	exchange(pair);
	for (size_t i = 0; i < 200; i++) {
		uint8_t byte = (uint8_t)i, read = 0;
		assert_int_equal(mux_stream_write(near, &byte, 1), 1);
		exchange(pair);
		assert_int_equal(mux_end_read(pair->server.last, &read, 1), 1);
		assert_int_equal(read, byte);
	}
	assert_false(mux_has_output(pair->client.mux));
	uint64_t rekey = mux_next(pair->client.mux);
	assert_true(rekey <= pair->client.now + 3600 * CLOCK_SECOND);
	assert_false(cipher_is_rekey_due(pair->client.seal, pair->client.now));
	advance(pair, 3600 * CLOCK_SECOND);
	assert_true(cipher_is_rekey_due(pair->client.seal, pair->client.now));
	exchange(pair);
	assert_false(cipher_is_rekey_due(pair->client.seal, pair->client.now));
	assert_false(cipher_is_rekey_due(pair->server.seal, pair->server.now));
	mux_rekey(pair->client.mux);
	assert_int_equal(mux_end_write_text(near, "after"), 5);
	exchange(pair);
	uint8_t read[5];
	assert_int_equal(mux_end_read(pair->server.last, read, 5), 5);
	assert_memory_equal(read, "after", 5);
	pair_free(pair);
}

/* What was written to streams that are reset no longer keeps others from writing. */
static void what_is_reset_is_not_staged(void **state) {
	struct pair *pair = pair_new(NULL);
	static const uint8_t zeros[MUX_STAGED_MAX];
	for (size_t i = 0; i < 2 * MUX_STAGED_TOTAL / MUX_STAGED_MAX; i++) {
		struct mux_stream *stream = mux_end_open(&pair->client);
		assert_int_equal(mux_stream_write(stream, zeros, sizeof zeros), sizeof zeros);
		mux_stream_reset(stream, STREAM_ERROR_CANCEL);
	}
	pair_free(pair);
}

/* An end says as much as data: too late for "connected". */
static void connected_is_not_said_behind_an_end(void **state) {
	struct pair *pair = pair_new(NULL);
	mux_end_open(&pair->client);
	exchange(pair);
	mux_stream_end(pair->server.last);
	exchange(pair);
	mux_stream_connected(pair->server.last);
	exchange(pair);
	assert_int_equal(pair->client.connected, 0);
	pair_free(pair);
}

/* At most twice a second, and one that is not answered is not asked again under load. */
static void the_round_trip_is_measured_now_and_then(void **state) {
	for (int answers = 0; answers < 2; answers++) {
		struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, NULL);
		static const uint8_t zeros[32768];
		size_t pings = 0;
		mux_script_open(&fixture->peer, 1);
		for (size_t i = 0; i < 100; i++) {
			mux_script_say(&fixture->peer, STREAM_FRAME_DATA, 1, zeros, sizeof zeros);
			mux_end_read(fixture->end.last, NULL, sizeof zeros);
			mux_script_hear(&fixture->peer);
			const struct stream_frame *ping = mux_script_find(&fixture->peer, STREAM_FRAME_PING, 0);
			pings += ping != NULL;
			mux_end_advance(&fixture->end, 100 * CLOCK_MILLISECOND);
			if (ping && answers)
				mux_script_say(&fixture->peer, STREAM_FRAME_PONG, 0, ping->payload.data, 8);
		}
		assert_in_range(pings, answers ? 15 : 1, answers ? 21 : 1);
		mux_fixture_free(fixture);
	}
}

/* The key's age has a deadline of its own, which the carrier may keep from being met. */
static void a_keys_age_is_a_deadline(void **state) {
	static const struct cipher_rules rules = {
		.rekey_frames = 1000, .rekey_age = 5 * CLOCK_SECOND, .frames_max = 20000};
	struct pair *pair = pair_new(&rules);
	assert_true(mux_next(pair->client.mux) == MUX_END_BORN + 5 * CLOCK_SECOND);
	mux_end_advance(&pair->client, 5 * CLOCK_SECOND);
	assert_true(mux_has_output(pair->client.mux));
	assert_true(mux_next(pair->client.mux) > pair->client.now);
	pair_free(pair);
}

/* A small buffer takes some of the connection's frames, the next one the rest. */
static void refusals_go_on_in_the_next_buffer(void **state) {
	struct pair *pair = pair_new(NULL);
	static const uint8_t zeros[STREAM_SETTINGS_SIZE_MAX];
	uint8_t buffer[MUX_SEND_ROOM_MIN];
	mux_drain(pair->server.mux); /* so all are refused */
	for (size_t i = 0; i < MUX_REFUSALS_MAX; i++)
		mux_end_open(&pair->client);
	mux_end_carry(&pair->client, &pair->server);
	assert_int_equal(mux_send_settings(pair->server.mux, slice_of(zeros, sizeof zeros)), ERR_OK);
	size_t size = mux_send(pair->server.mux, buffer, sizeof buffer, pair->server.now);
	mux_receive(pair->client.mux, buffer, size, pair->client.now);
	assert_in_range(pair->client.closed, 1, MUX_REFUSALS_MAX - 1);
	assert_int_equal(mux_stream_count(pair->client.mux) + pair->client.closed, MUX_REFUSALS_MAX);
	assert_true(mux_state(pair->client.mux) == MUX_OPEN); /* GOAWAY is behind them */
	size = mux_send(pair->server.mux, buffer, sizeof buffer, pair->server.now);
	mux_receive(pair->client.mux, buffer, size, pair->client.now);
	assert_int_equal(pair->client.closed, MUX_REFUSALS_MAX);
	pair_free(pair);
}

/* What was sent no longer keeps others from writing, however much it was. */
static void what_is_sent_is_not_staged(void **state) {
	struct pair *pair = pair_new(NULL);
	static const uint8_t zeros[MUX_STAGED_MAX];
	for (size_t i = 0; i < 2 * MUX_STAGED_TOTAL / WINDOW_INITIAL; i++)
		assert_int_equal(write_all(pair, mux_end_open(&pair->client), WINDOW_INITIAL),
						 WINDOW_INITIAL);
	struct mux_stream *last = mux_end_open(&pair->client);
	assert_int_equal(mux_stream_write(last, zeros, sizeof zeros), sizeof zeros);
	pair_free(pair);
}

/* An owner who has not read all yet hears of the end all the same. */
static void an_end_is_news(void **state) {
	struct pair *pair = pair_new(NULL);
	struct mux_stream *near = mux_end_open(&pair->client);
	mux_stream_end(near);
	exchange(pair);
	struct mux_stream *far = pair->server.last;
	assert_int_equal(mux_end_write_text(far, "all"), 3);
	exchange(pair);
	assert_int_equal(pair->client.readable, 1);
	mux_stream_end(far);
	exchange(pair);
	assert_int_equal(pair->client.readable, 2);
	assert_int_equal(pair->client.closed, 0);
	pair_free(pair);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_lives_and_ends),
		cmocka_unit_test(both_open_streams),
		cmocka_unit_test(a_reset_ends_both_directions),
		cmocka_unit_test(a_refusal_says_why),
		cmocka_unit_test(at_most_so_many_of_ours),
		cmocka_unit_test(windows_bound_what_is_sent),
		cmocka_unit_test(staged_bytes_are_bounded),
		cmocka_unit_test(turns_are_fair),
		cmocka_unit_test(a_flow_makes_full_frames),
		cmocka_unit_test(room_is_told_when_all_has_left),
		cmocka_unit_test(small_frames_overtake_data),
		cmocka_unit_test(settings_are_bounded),
		cmocka_unit_test(the_round_trip_is_measured),
		cmocka_unit_test(keys_change_by_count_and_age),
		cmocka_unit_test(what_is_reset_is_not_staged),
		cmocka_unit_test(connected_is_not_said_behind_an_end),
		cmocka_unit_test(the_round_trip_is_measured_now_and_then),
		cmocka_unit_test(a_keys_age_is_a_deadline),
		cmocka_unit_test(refusals_go_on_in_the_next_buffer),
		cmocka_unit_test(what_is_sent_is_not_staged),
		cmocka_unit_test(an_end_is_news),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
