#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/mux_script.h"
#include "stream/quota.h"

/* What a client's connections, and all clients', may make us hold. */

static const uint8_t zeros[32768];

static void client_exceeds_its_quota(void **state) {
	struct quota *quota;
	assert_int_equal(quota_new(1 << 20, NULL, &quota), ERR_OK);
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, quota);
	struct mux_fixture *other = mux_fixture_new(MUX_RESPONDER, quota); /* of the same client */
	mux_script_open(&other->peer, 1);
	mux_fixture_say_data(other, 1, 262144);
	struct mux_stream *streams[5];
	for (uint32_t i = 0; i < 5; i++) {
		mux_script_open(&fixture->peer, 1 + 2 * i);
		streams[i] = fixture->end.last;
		if (i < 3)
			mux_fixture_say_data(fixture, 1 + 2 * i, 262144);
	}
	assert_int_equal(quota_used(quota), 1 << 20);
	/* The other connection's stream was read last, then stream 1; so stream 3 waits for longest. */
	mux_stream_consume(other->end.last, 1);
	mux_stream_consume(streams[0], 1);
	mux_fixture_say_data(fixture, 7, 2);
	assert_int_equal(fixture->end.closed, 0);
	mux_fixture_say_data(fixture, 7, 1);
	assert_int_equal(fixture->end.closed, 1);
	assert_int_equal(fixture->end.closed_error, STREAM_ERROR_ENHANCE_YOUR_CALM);
	mux_fixture_expect_reset(fixture, 3, STREAM_ERROR_ENHANCE_YOUR_CALM);
	/* After three more, which are read in between, it is the other connection's turn. */
	mux_fixture_say_data(fixture, 9, 262144);
	assert_int_equal(fixture->end.closed, 2); /* 5 waited for longest */
	mux_stream_consume(streams[3], 1);
	mux_stream_consume(streams[0], 1);
	mux_fixture_say_data(fixture, 7, 262144 - 3);
	assert_int_equal(other->end.wakes, 0);
	mux_script_open(&fixture->peer, 11);
	mux_fixture_say_data(fixture, 11, 5);
	assert_int_equal(other->end.wakes, 1);
	assert_int_equal(other->end.closed, 0);
	mux_fixture_expect_reset(other, 1, STREAM_ERROR_ENHANCE_YOUR_CALM);
	assert_int_equal(other->end.closed, 1);
	mux_fixture_free(other);
	mux_fixture_free(fixture);
	assert_int_equal(quota_used(quota), 0);
	quota_free(quota);
}

/* What a client does not take is bounded over all its connections, and still moves. */
static void client_takes_nothing(void **state) {
	enum { STREAMS = 16, SHARE = STREAMS / 2 * MUX_STAGED_MAX };
	struct quota *quota;
	assert_int_equal(quota_new(2 * SHARE, NULL, &quota), ERR_OK);
	struct mux_fixture *fixture = mux_fixture_new(MUX_RESPONDER, quota);
	struct mux_fixture *other = mux_fixture_new(MUX_RESPONDER, quota); /* of the same client */
	for (uint32_t i = 0; i < STREAMS; i++) {
		struct mux_fixture *of = i % 2 ? fixture : other;
		mux_script_open(&of->peer, 1 + 2 * (i / 2));
		const size_t taken = mux_stream_write(of->end.last, zeros, sizeof zeros) +
							 mux_stream_write(of->end.last, zeros, sizeof zeros);
		assert_int_equal(taken, i < STREAMS / 2 ? MUX_STAGED_MAX : MUX_STAGED_MIN);
	}
	assert_int_equal(quota_staged(quota), SHARE + STREAMS / 2 * MUX_STAGED_MIN);
	/* Once it takes something there is room again. */
	assert_int_equal(mux_stream_room(fixture->end.last), 0);
	while (mux_script_hear(&other->peer) > 0)
		continue;
	while (mux_script_hear(&fixture->peer) > 0)
		continue;
	assert_int_equal(quota_staged(quota), 0);
	assert_int_equal(mux_stream_room(fixture->end.last), MUX_STAGED_MAX);
	assert_true(mux_stream_write(fixture->end.last, zeros, sizeof zeros) > 0);
	mux_fixture_free(other);
	mux_fixture_free(fixture);
	assert_int_equal(quota_staged(quota), 0);
	quota_free(quota);
}

/* One client's unread bytes cost him a stream where all have as many as they may. */
static void all_exceed_their_quota(void **state) {
	struct quota *total, *quotas[2];
	struct mux_fixture *fixtures[2];
	assert_int_equal(quota_new(300000, NULL, &total), ERR_OK);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(quota_new(1 << 20, total, &quotas[i]), ERR_OK);
		fixtures[i] = mux_fixture_new(MUX_RESPONDER, quotas[i]);
		mux_script_open(&fixtures[i]->peer, 1);
	}
	mux_fixture_say_data(fixtures[0], 1, 200000);
	mux_fixture_say_data(fixtures[1], 1, 100000);
	assert_int_equal(fixtures[0]->end.closed + fixtures[1]->end.closed, 0);
	mux_fixture_say_data(fixtures[1], 1, 1);
	assert_int_equal(fixtures[0]->end.wakes, 1);
	mux_fixture_expect_reset(fixtures[0], 1, STREAM_ERROR_ENHANCE_YOUR_CALM);
	assert_int_equal(fixtures[0]->end.closed, 1);
	assert_int_equal(fixtures[1]->end.closed, 0);
	for (size_t i = 0; i < 2; i++) {
		mux_fixture_free(fixtures[i]);
		quota_free(quotas[i]);
	}
	assert_int_equal(quota_used(total), 0);
	quota_free(total);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_exceeds_its_quota),
		cmocka_unit_test(client_takes_nothing),
		cmocka_unit_test(all_exceed_their_quota),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
