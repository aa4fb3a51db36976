#include "base/clock.h"
#include "stream/mux_core.h"

/* What of padding.h a connection asks, and when. */

enum { CONTROL_GUESS = 64 }; /* bytes of whatever waits that is no DATA */

void mux_set_padding(struct mux *mux, const struct padding_rules *rules,
					 const struct padding_sizes *sizes) {
	struct padding_rules kept = *rules;
	kept.bursts = rules->bursts && sizes;
	padding_init(&mux->padding, &kept, sizes, mux->config.random, mux->now);
	mux->held_until = 0;
	mux_padding_streams(mux);
}

void mux_padding_streams(struct mux *mux) {
	bool has_streams = !list_is_empty(&mux->all);
	if (has_streams != mux->padding.has_streams)
		padding_streams(&mux->padding, has_streams, mux->now);
}

void mux_padding_burst(struct mux_stream *stream, size_t size) {
	struct mux *mux = stream->mux;
	if (!mux->padding.rules.bursts || stream->padding.in_burst)
		return;
	size_t at = 0;
	while (at < mux->burst_count && mux->bursts[at].stream != stream)
		at++;
	if (at == MUX_BURSTS_MAX)
		return;
	if (at == mux->burst_count)
		mux->bursts[mux->burst_count++] = (struct mux_burst){.stream = stream};
	mux->bursts[at].size += size;
}

void mux_padding_forget(struct mux_stream *stream) {
	struct mux *mux = stream->mux;
	for (size_t i = 0; i < mux->burst_count; i++)
		if (mux->bursts[i].stream == stream)
			mux->bursts[i--] = mux->bursts[--mux->burst_count];
}

size_t mux_padding_extra(struct mux *mux) {
	size_t extra = 0;
	for (size_t i = 0; i < mux->burst_count; i++) {
		const struct mux_burst *burst = &mux->bursts[i];
		extra += padding_burst(&mux->padding, &burst->stream->padding, burst->size);
	}
	mux->burst_count = 0;
	extra += mux->idle_extra;
	mux->idle_extra = 0;
	return extra;
}

bool mux_padding_holds(const struct mux *mux) {
	return mux->held_until > mux->now && mux->staged < PADDING_BULK && mux->state < MUX_FAILED;
}

bool mux_padding_hold(struct mux *mux) {
	if (mux->state >= MUX_FAILED || !mux_send_is_due(mux))
		return false;
	mux->held_until = padding_hold(&mux->padding, mux->staged + CONTROL_GUESS, mux->now);
	return mux->held_until > mux->now;
}

/* A silence that lasts because the carrier is stuck is broken once, when it is not. */
void mux_padding_expire(struct mux *mux) {
	size_t extra = padding_idle(&mux->padding, mux->now);
	if (extra > 0)
		mux->idle_extra = extra;
}

uint64_t mux_padding_next(const struct mux *mux) {
	uint64_t next = padding_deadline(&mux->padding);
	return mux_padding_holds(mux) && mux->held_until < next ? mux->held_until : next;
}
