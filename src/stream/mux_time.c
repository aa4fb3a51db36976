#include <string.h>

#include "base/clock.h"
#include "stream/cipher.h"
#include "stream/mux_core.h"

/* Enough DATA for a round trip to matter to a window. */
enum { MEASURE_BYTES = WINDOW_INITIAL / 16 };

#define KEEPALIVE (MUX_KEEPALIVE_SECONDS * CLOCK_SECOND)
#define STREAM_IDLE (MUX_STREAM_IDLE_SECONDS * CLOCK_SECOND)
#define MEASURE_INTERVAL (MUX_MEASURE_MILLISECONDS * CLOCK_MILLISECOND)

/*
 * The next silence is borne for 0.5 to 1.5 intervals, so that keepalives have no rhythm. It is not
 * drawn again for each of many pieces that come.
 */
void mux_time_heard(struct mux *mux) {
	mux->heard_at = mux->now;
	mux->is_probed = false;
	if (mux->keepalive > 0 && mux->now - mux->drawn_at < CLOCK_SECOND)
		return;
	mux->drawn_at = mux->now;
	mux->keepalive = KEEPALIVE / 2 + KEEPALIVE * (random_u32(mux->config.random) >> 16) / 65536;
}

static void ask(struct mux *mux) {
	random_fill(mux->config.random, mux->ping.bytes, sizeof mux->ping.bytes);
	mux->ping.is_pending = true;
	mux->ping.received = 0;
}

void mux_time_measure(struct mux *mux, size_t bytes) {
	struct mux_ping *ping = &mux->ping;
	if (ping->received < MEASURE_BYTES)
		ping->received += (uint32_t)bytes;
	if (ping->is_pending || ping->received < MEASURE_BYTES)
		return;
	uint64_t pause = 0;
	if (ping->is_awaited)
		pause = KEEPALIVE; /* a peer that does not answer is asked again all the same */
	else if (mux->round_trip.latest > 0)
		pause = MEASURE_INTERVAL;
	if (mux->now - ping->sent_at >= pause)
		ask(mux);
}

void mux_time_pong(struct mux *mux, const uint8_t bytes[static STREAM_FRAME_PING_SIZE]) {
	struct mux_ping *ping = &mux->ping;
	if (!ping->is_awaited || memcmp(bytes, ping->bytes, sizeof ping->bytes) != 0)
		return; /* an answer to one that was given up */
	ping->is_awaited = false;
	round_trip_add(&mux->round_trip, mux->now - ping->sent_at, mux->now);
}

static uint64_t idle_end(const struct mux *mux) {
	if (list_is_empty(&mux->idle))
		return CLOCK_NEVER;
	return list_item(mux->idle.next, struct mux_stream, idle)->active_at + STREAM_IDLE;
}

/* When silence leads to a PING, or that to the end. */
static uint64_t silence_end(const struct mux *mux) {
	return mux->is_probed ? mux->probed_at + KEEPALIVE : mux->heard_at + mux->keepalive;
}

/* A machine that slept over both ends first asks. */
static void expire_silence(struct mux *mux) {
	if (mux->now < silence_end(mux))
		return;
	if (mux->is_probed) {
		mux_end(mux, STREAM_ERROR_INTERNAL);
		return;
	}
	mux->is_probed = true;
	mux->probed_at = mux->now;
	if (!mux->ping.is_pending)
		ask(mux);
}

static uint64_t earlier(uint64_t left, uint64_t right) {
	return left < right ? left : right;
}

uint64_t mux_next(const struct mux *mux) {
	if (!list_is_empty(&mux->news))
		return mux->now;
	if (mux->state == MUX_CLOSED)
		return idle_end(mux);
	if (mux->state == MUX_FAILED)
		return earlier(idle_end(mux), mux->close_at);
	uint64_t next = earlier(idle_end(mux), silence_end(mux));
	next = earlier(next, mux_padding_next(mux));
	uint64_t rekey = cipher_rekey_time(mux->config.seal);
	return rekey > mux->now ? earlier(next, rekey) : next; /* else it waits for the carrier */
}

static void expire_streams(struct mux *mux) {
	while (idle_end(mux) <= mux->now) {
		struct mux_stream *stream = list_item(mux->idle.next, struct mux_stream, idle);
		mux_stream_shut(stream, STREAM_ERROR_CANCEL, true);
	}
}

void mux_expire(struct mux *mux, uint64_t now) {
	mux_touch(mux, now);
	expire_streams(mux);
	if (mux->state == MUX_FAILED && mux->now >= mux->close_at) {
		mux_end(mux, mux->error);
	} else if (mux->state < MUX_FAILED) {
		expire_silence(mux);
		mux_padding_expire(mux);
	}
	mux_settle(mux);
}
