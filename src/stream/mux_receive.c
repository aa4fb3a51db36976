#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stream/cipher.h"
#include "stream/mux_core.h"

/* The peer's frames, one handler a type. Any of them may end in mux_fail(), which ends reading. */

#define RESETS_SPAN (MUX_RESETS_SECONDS * CLOCK_SECOND)

/* What the id of a frame names. */
enum named {
	NAMED_NOBODY, /* never opened: a violation */
	NAMED_CLOSED, /* to be ignored */
	NAMED_STREAM,
};

static bool is_id_of_ours(const struct mux *mux, uint32_t id) {
	return id % 2 == mux->next_ours % 2;
}

static enum named find(const struct mux *mux, uint32_t id, struct mux_stream **out_stream) {
	struct mux_stream *stream = mux_table_find(&mux->table, id);
	if (stream && !stream->is_open_pending) {
		*out_stream = stream;
		return NAMED_STREAM;
	}
	bool was_used = is_id_of_ours(mux, id) ? id < mux->next_ours : id <= mux->highest_theirs;
	return id != 0 && was_used && !stream ? NAMED_CLOSED : NAMED_NOBODY;
}

/*
 * A client that opens streams and resets them makes the server connect for nothing, and is bound by
 * no window. More than MUX_RESETS_MAX of them within the span end the connection, whether he resets
 * them or breaks a rule so that we do.
 */
static void count_reset(struct mux *mux, const struct mux_stream *stream) {
	if (mux_stream_is_ours(stream) || mux->now - stream->opened_at > RESETS_SPAN)
		return;
	if (!mux->resets)
		mux->resets = calloc(MUX_RESETS_MAX, sizeof *mux->resets);
	if (!mux->resets) {
		mux_fail(mux, STREAM_ERROR_INTERNAL);
		return;
	}
	uint64_t *oldest = &mux->resets[mux->reset_count % MUX_RESETS_MAX];
	if (mux->reset_count >= MUX_RESETS_MAX && mux->now - *oldest <= RESETS_SPAN) {
		mux_fail(mux, STREAM_ERROR_ENHANCE_YOUR_CALM);
		return;
	}
	*oldest = mux->now;
	mux->reset_count++;
}

/* The stream breaks a rule of its own, which only its peer can make it do. */
static void violate(struct mux_stream *stream) {
	struct mux *mux = stream->mux;
	count_reset(mux, stream);
	if (mux->state < MUX_FAILED)
		mux_stream_shut(stream, STREAM_ERROR_STREAM_CLOSED, true);
}

/* What it brings cannot be held. */
static void reset(struct mux_stream *stream, enum stream_error error) {
	mux_stream_shut(stream, error, true);
}

static void evict(struct mux *mux) {
	struct quota_item *item;
	while ((item = quota_victim(mux->config.quota)) != NULL) {
		struct mux_stream *victim = list_item(&item->order, struct mux_stream, unread.order);
		struct mux *other = victim->mux;
		reset(victim, STREAM_ERROR_ENHANCE_YOUR_CALM);
		if (other != mux && other->config.ops->wake)
			other->config.ops->wake(other->config.context);
	}
}

static void keep_data(struct mux_stream *stream, struct slice data) {
	struct mux *mux = stream->mux;
	if (window_in_take(&stream->window_in, (uint32_t)data.size)) {
		mux_fail(mux, STREAM_ERROR_FLOW_CONTROL);
		return;
	}
	if (chunk_queue_append(&stream->in, &mux->pool, data.data, data.size)) {
		reset(stream, STREAM_ERROR_INTERNAL);
		return;
	}
	if (mux_stream_is_ours(stream))
		stream->is_connected = true;
	if (data.size == 0)
		return;
	padding_turn(&stream->padding);
	mux_stream_active(stream);
	mux_stream_tell(stream, MUX_NEWS_READABLE);
	if (!mux->config.quota)
		return;
	quota_add(mux->config.quota, &stream->unread, data.size);
	evict(mux);
}

static void on_data(struct mux *mux, const struct stream_frame *frame) {
	uint32_t size = (uint32_t)frame->payload.size;
	struct mux_stream *stream;
	enum named named = find(mux, frame->stream, &stream);
	if (named == NAMED_NOBODY) {
		mux_fail(mux, STREAM_ERROR_PROTOCOL);
		return;
	}
	if (window_in_take(&mux->window_in, size)) {
		mux_fail(mux, STREAM_ERROR_FLOW_CONTROL);
		return;
	}
	window_in_release(&mux->window_in, size); /* so that who does not read stops nobody else */
	mux_time_measure(mux, size);
	if (named == NAMED_CLOSED)
		return;
	if (stream->state == MUX_STREAM_HALF_CLOSED_REMOTE)
		violate(stream);
	else
		keep_data(stream, frame->payload);
}

static void refuse(struct mux *mux, uint32_t id) {
	if (!mux->refusals)
		mux->refusals = calloc(MUX_REFUSALS_MAX, sizeof *mux->refusals);
	if (!mux->refusals)
		mux_fail(mux, STREAM_ERROR_INTERNAL);
	else if (mux->refusal_count == MUX_REFUSALS_MAX)
		mux_fail(mux, STREAM_ERROR_ENHANCE_YOUR_CALM);
	else
		mux->refusals[mux->refusal_count++] = id;
}

static void on_open(struct mux *mux, const struct stream_frame *frame) {
	const struct mux_ops *ops = mux->config.ops;
	uint32_t id = frame->stream;
	if (id == 0 || is_id_of_ours(mux, id) || id <= mux->highest_theirs) {
		mux_fail(mux, STREAM_ERROR_PROTOCOL);
		return;
	}
	struct target target;
	enum err error = target_decode(frame->payload.data, frame->payload.size, &target);
	if (error) {
		bool is_size = error == ERR_TRUNCATED || error == ERR_TRAILING;
		mux_fail(mux, is_size ? STREAM_ERROR_FRAME_SIZE : STREAM_ERROR_PROTOCOL);
		return;
	}
	mux->highest_theirs = id;
	if (mux->count_theirs >= MUX_STREAMS_MAX)
		mux_settle(mux); /* those of which only news is left do not count */
	struct mux_stream *stream;
	if (mux->state != MUX_OPEN || mux->count_theirs >= MUX_STREAMS_MAX || !ops->opened ||
		mux_stream_new(mux, id, &stream)) {
		refuse(mux, id);
		return;
	}
	mux->told = stream;
	enum stream_error refusal = ops->opened(mux->config.context, stream, &target);
	bool is_there = mux->told != NULL; /* its owner has not reset it by himself */
	mux->told = NULL;
	if (is_there && refusal != STREAM_ERROR_NONE)
		mux_stream_reset(stream, refusal);
}

static void on_end(struct mux_stream *stream) {
	if (mux_stream_is_ours(stream))
		stream->is_connected = true;
	switch (stream->state) {
	case MUX_STREAM_OPEN:
		stream->state = MUX_STREAM_HALF_CLOSED_REMOTE;
		mux_stream_tell(stream, MUX_NEWS_READABLE);
		break;
	case MUX_STREAM_HALF_CLOSED_LOCAL:
		mux_stream_tell(stream, MUX_NEWS_READABLE);
		mux_stream_finish(stream);
		break;
	case MUX_STREAM_HALF_CLOSED_REMOTE: /* a second end */
		violate(stream);
		break;
	case MUX_STREAM_CLOSED:
		break;
	}
}

static void on_close(struct mux *mux, const struct stream_frame *frame) {
	bool is_reset;
	uint32_t error;
	if (stream_frame_read_close(frame->payload, &is_reset, &error)) {
		mux_fail(mux, STREAM_ERROR_FRAME_SIZE);
		return;
	}
	struct mux_stream *stream;
	enum named named = find(mux, frame->stream, &stream);
	if (named == NAMED_NOBODY) {
		mux_fail(mux, STREAM_ERROR_PROTOCOL);
	} else if (named == NAMED_STREAM && is_reset) {
		count_reset(mux, stream);
		if (mux->state < MUX_FAILED)
			mux_stream_shut(stream, error, false);
	} else if (named == NAMED_STREAM) {
		on_end(stream);
	}
}

/* An increment of 0: the target of a stream of ours is reached. */
static void on_connected(struct mux_stream *stream) {
	if (!mux_stream_is_ours(stream) || stream->is_connected) {
		mux_fail(stream->mux, STREAM_ERROR_PROTOCOL);
		return;
	}
	stream->is_connected = true;
	mux_stream_active(stream);
	mux_stream_tell(stream, MUX_NEWS_CONNECTED);
}

static void on_window_update(struct mux *mux, const struct stream_frame *frame) {
	uint32_t increment;
	if (stream_frame_read_window_update(frame->payload, &increment)) {
		mux_fail(mux, STREAM_ERROR_FRAME_SIZE);
		return;
	}
	struct mux_stream *stream = NULL;
	enum named named = NAMED_STREAM;
	if (frame->stream != 0)
		named = find(mux, frame->stream, &stream);
	if (named == NAMED_CLOSED)
		return;
	if (named == NAMED_NOBODY || (increment == 0 && !stream)) {
		mux_fail(mux, STREAM_ERROR_PROTOCOL);
		return;
	}
	if (increment == 0)
		on_connected(stream);
	else if (window_out_grant(stream ? &stream->window_out : &mux->window_out, increment))
		mux_fail(mux, STREAM_ERROR_FLOW_CONTROL);
	else if (stream)
		mux_stream_tell_room(stream);
}

static void on_ping(struct mux *mux, const struct stream_frame *frame) {
	if (frame->payload.size != STREAM_FRAME_PING_SIZE)
		mux_fail(mux, STREAM_ERROR_FRAME_SIZE);
	else if (mux->pong_count == MUX_PONGS_MAX)
		mux_fail(mux, STREAM_ERROR_ENHANCE_YOUR_CALM);
	else
		memcpy(mux->pongs[mux->pong_count++], frame->payload.data, STREAM_FRAME_PING_SIZE);
}

static void on_pong(struct mux *mux, const struct stream_frame *frame) {
	if (frame->payload.size != STREAM_FRAME_PING_SIZE)
		mux_fail(mux, STREAM_ERROR_FRAME_SIZE);
	else
		mux_time_pong(mux, frame->payload.data);
}

static void on_goaway(struct mux *mux, const struct stream_frame *frame) {
	uint32_t last, error;
	if (stream_frame_read_goaway(frame->payload, &last, &error)) {
		bool is_size = frame->payload.size != STREAM_FRAME_GOAWAY_SIZE;
		mux_fail(mux, is_size ? STREAM_ERROR_FRAME_SIZE : STREAM_ERROR_PROTOCOL);
		return;
	}
	if (error != STREAM_ERROR_NONE) {
		mux_end(mux, error);
		return;
	}
	if (last != 0 && !is_id_of_ours(mux, last)) {
		mux_fail(mux, STREAM_ERROR_PROTOCOL);
		return;
	}
	if (mux->is_peer_draining)
		return; /* each would be a walk over all streams */
	mux->is_peer_draining = true;
	mux_drain(mux);
	list_for_each (link, &mux->all) { /* those it will never look at may be tried elsewhere */
		struct mux_stream *stream = list_item(link, struct mux_stream, all);
		if (stream->state != MUX_STREAM_CLOSED && mux_stream_is_ours(stream) && stream->id > last)
			mux_stream_shut(stream, STREAM_ERROR_REFUSED_STREAM, false);
	}
}

static void on_settings(struct mux *mux, const struct stream_frame *frame) {
	const struct mux_ops *ops = mux->config.ops;
	if (ops->settings && ops->settings(mux->config.context, frame->payload))
		mux_fail(mux, STREAM_ERROR_PROTOCOL);
}

/* The cipher that opened it has the next key already. */
static void on_key_update(struct mux *mux, const struct stream_frame *frame) {
	if (frame->payload.size != 0)
		mux_fail(mux, STREAM_ERROR_FRAME_SIZE);
}

static void on_padding(struct mux *mux, const struct stream_frame *frame) {
}

static const struct {
	void (*handle)(struct mux *mux, const struct stream_frame *frame);
	bool is_of_connection; /* only on stream 0 */
} handlers[] = {
	[STREAM_FRAME_DATA] = {on_data, false},
	[STREAM_FRAME_OPEN] = {on_open, false},
	[STREAM_FRAME_CLOSE] = {on_close, false},
	[STREAM_FRAME_WINDOW_UPDATE] = {on_window_update, false},
	[STREAM_FRAME_PING] = {on_ping, true},
	[STREAM_FRAME_PONG] = {on_pong, true},
	[STREAM_FRAME_GOAWAY] = {on_goaway, true},
	[STREAM_FRAME_PADDING] = {on_padding, false},
	[STREAM_FRAME_KEY_UPDATE] = {on_key_update, true},
	[STREAM_FRAME_SETTINGS] = {on_settings, true},
};

static void receive_frame(struct mux *mux, struct slice sealed) {
	struct stream_frame frame;
	if (stream_frame_decode(sealed.data, sealed.size, &frame)) {
		mux_fail(mux, STREAM_ERROR_FRAME_SIZE);
		return;
	}
	if (frame.type >= STREAM_FRAME_IGNORED_MIN)
		return;
	bool is_known = frame.type < sizeof handlers / sizeof *handlers;
	if (!is_known || (handlers[frame.type].is_of_connection && frame.stream != 0))
		mux_fail(mux, STREAM_ERROR_PROTOCOL);
	else
		handlers[frame.type].handle(mux, &frame);
}

void mux_receive(struct mux *mux, uint8_t *data, size_t size, uint64_t now) {
	mux_touch(mux, now);
	padding_received(&mux->padding, size, mux->now);
	while (size > 0 && mux->state < MUX_FAILED) {
		struct cipher_frames frames;
		if (cipher_open(mux->config.open, mux->config.worker, data, size, &frames)) {
			mux_end(mux, STREAM_ERROR_PROTOCOL); /* without a word: who sent this is a stranger */
			break;
		}
		if (frames.count > 0)
			mux_time_heard(mux);
		for (size_t i = 0; i < frames.count && mux->state < MUX_FAILED; i++)
			receive_frame(mux, frames.frames[i]);
		data += frames.used;
		size -= frames.used;
	}
	mux_settle(mux);
}
