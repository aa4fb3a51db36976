#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stream/cipher.h"
#include "stream/mux_core.h"

/*
 * Frames into the buffer of one mux_send(). What is urgent and small goes first: the connection's
 * own frames, then streams' other than DATA (in the order in which they were asked for, so that
 * OPENs come by rising ids), then DATA in turns.
 */

enum {
	FRAMES_MAX = CIPHER_BATCH_MAX, /* that are sealed together */
	SHARE_MIN = 1024,              /* a smaller part of what waits is left for the next buffer */
};

/* Frames lie in data one behind the other, with room for the cipher's length and tag. */
struct output {
	struct mux *mux;
	uint8_t *data;
	size_t room, used;
	size_t sealed; /* bytes that are */
	size_t sizes[FRAMES_MAX];
	size_t count; /* frames behind them */
	bool has_failed;
};

static void seal(struct output *output) {
	struct mux *mux = output->mux;
	if (output->count > 0 && !output->has_failed)
		output->has_failed =
			cipher_seal(mux->config.seal, mux->config.worker, output->data + output->sealed,
						output->sizes, output->count) != ERR_OK;
	output->sealed = output->used;
	output->count = 0;
}

/* Whether a frame with so much payload fits. */
static bool has_room(const struct output *output, size_t payload) {
	return output->room - output->used >= CIPHER_OVERHEAD + STREAM_FRAME_HEADER_SIZE + payload;
}

/* Where the payload of the next frame is to be written. */
static uint8_t *payload_of(const struct output *output) {
	return output->data + output->used + CIPHER_LENGTH_SIZE + STREAM_FRAME_HEADER_SIZE;
}

/* The frame whose payload is there and has room, with so much padding as has room behind it. */
static void put_padded(struct output *output, struct stream_frame *frame) {
	uint8_t *at = output->data + output->used + CIPHER_LENGTH_SIZE;
	size_t room = output->room - output->used - CIPHER_OVERHEAD;
	size_t left = room - STREAM_FRAME_HEADER_SIZE - frame->payload.size;
	if (frame->padding > left)
		frame->padding = (uint8_t)left;
	size_t size;
	if (stream_frame_encode(frame, at, room, &size)) {
		output->has_failed = true; /* it had room, so it cannot */
		return;
	}
	if (frame->padding > 0)
		random_fill(output->mux->config.random, at + size - frame->padding, frame->padding);
	output->sizes[output->count++] = size;
	output->used += CIPHER_OVERHEAD + size;
	if (output->count == FRAMES_MAX)
		seal(output);
}

static void put(struct output *output, enum stream_frame_type type, uint32_t id, size_t payload) {
	struct stream_frame frame = {
		.type = (uint8_t)type,
		.stream = id,
		.payload = slice_of(payload_of(output), payload),
		.padding = padding_frame(&output->mux->padding, NULL, payload),
	};
	put_padded(output, &frame);
}

/* The same for a frame by which a stream speaks for its owner. */
static void put_of(struct output *output, enum stream_frame_type type, struct mux_stream *stream,
				   size_t payload) {
	struct stream_frame frame = {
		.type = (uint8_t)type,
		.stream = stream->id,
		.payload = slice_of(payload_of(output), payload),
		.padding = padding_frame(&output->mux->padding, &stream->padding, payload),
	};
	size_t before = output->used;
	put_padded(output, &frame);
	mux_padding_burst(stream, output->used - before);
}

/* A small frame; false when it has no room, and nothing happened. */
static bool put_bytes(struct output *output, enum stream_frame_type type, uint32_t id,
					  const void *payload, size_t size) {
	if (!has_room(output, size))
		return false;
	if (size > 0)
		memcpy(payload_of(output), payload, size);
	put(output, type, id, size);
	return true;
}

static bool put_u32(struct output *output, enum stream_frame_type type, uint32_t id,
					uint32_t value) {
	uint8_t payload[sizeof value];
	stream_frame_write_u32(payload, value);
	return put_bytes(output, type, id, payload, sizeof payload);
}

/* The connection's own frames */

static bool send_goaway(struct output *output) {
	struct mux *mux = output->mux;
	if (!mux->is_goaway_pending)
		return true;
	uint8_t payload[STREAM_FRAME_GOAWAY_SIZE];
	stream_frame_write_goaway(payload, mux->highest_theirs, mux->error);
	if (!put_bytes(output, STREAM_FRAME_GOAWAY, 0, payload, sizeof payload))
		return false;
	mux->is_goaway_pending = false;
	return true;
}

static bool send_pongs(struct output *output) {
	struct mux *mux = output->mux;
	while (mux->pong_count > 0) {
		if (!put_bytes(output, STREAM_FRAME_PONG, 0, mux->pongs[0], sizeof mux->pongs[0]))
			return false;
		mux->pong_count--;
		memmove(mux->pongs[0], mux->pongs[1], mux->pong_count * sizeof mux->pongs[0]);
	}
	return true;
}

static bool send_ping(struct output *output) {
	struct mux_ping *ping = &output->mux->ping;
	if (!ping->is_pending)
		return true;
	if (!put_bytes(output, STREAM_FRAME_PING, 0, ping->bytes, sizeof ping->bytes))
		return false;
	ping->is_pending = false;
	ping->is_awaited = true;
	ping->sent_at = output->mux->now;
	return true;
}

static bool send_window(struct output *output, struct window_in *window, uint32_t id) {
	if (!window_in_is_due(window))
		return true;
	if (!has_room(output, STREAM_FRAME_WINDOW_UPDATE_SIZE))
		return false;
	struct mux *mux = output->mux;
	uint32_t increment = window_in_grant(window, mux->now, round_trip_shortest(&mux->round_trip));
	return put_u32(output, STREAM_FRAME_WINDOW_UPDATE, id, increment);
}

static bool send_settings(struct output *output) {
	struct mux *mux = output->mux;
	if (!mux->settings)
		return true;
	if (!put_bytes(output, STREAM_FRAME_SETTINGS, 0, mux->settings, mux->settings_size))
		return false;
	free(mux->settings);
	mux->settings = NULL;
	return true;
}

static bool send_refusals(struct output *output) {
	struct mux *mux = output->mux;
	size_t done = 0;
	while (done < mux->refusal_count &&
		   put_u32(output, STREAM_FRAME_CLOSE, mux->refusals[done], STREAM_ERROR_REFUSED_STREAM))
		done++;
	mux->refusal_count -= done;
	if (done > 0 && mux->refusal_count > 0)
		memmove(mux->refusals, mux->refusals + done, mux->refusal_count * sizeof *mux->refusals);
	return mux->refusal_count == 0;
}

/* KEY_UPDATE is the last frame under the old key. */
static bool send_key_update(struct output *output) {
	struct mux *mux = output->mux;
	if (!mux->is_rekey_wanted && !cipher_is_rekey_due(mux->config.seal, mux->now))
		return true;
	if (!put_bytes(output, STREAM_FRAME_KEY_UPDATE, 0, NULL, 0))
		return false;
	seal(output);
	if (!output->has_failed)
		output->has_failed = cipher_rekey(mux->config.seal, mux->now) != ERR_OK;
	mux->is_rekey_wanted = false;
	return true;
}

static bool send_connection(struct output *output) {
	if (output->mux->state == MUX_FAILED) {
		(void)send_goaway(output);
		return false;
	}
	return send_key_update(output) && send_pongs(output) && send_ping(output) &&
		   send_window(output, &output->mux->window_in, 0) && send_settings(output) &&
		   send_refusals(output);
}

/* Streams' frames other than DATA */

static bool send_open(struct output *output, struct mux_stream *stream) {
	if (!stream->is_open_pending)
		return true;
	if (!has_room(output, stream->open_size))
		return false;
	chunk_queue_take(&stream->out, &stream->mux->pool, payload_of(output), stream->open_size);
	put_of(output, STREAM_FRAME_OPEN, stream, stream->open_size);
	stream->is_open_pending = false;
	return true;
}

static bool send_connected(struct output *output, struct mux_stream *stream) {
	if (!stream->is_connect_pending)
		return true;
	if (!put_u32(output, STREAM_FRAME_WINDOW_UPDATE, stream->id, 0))
		return false;
	stream->is_connect_pending = false;
	return true;
}

/* Both of its ends may have been sent by this; it is still there. */
static bool send_end(struct output *output, struct mux_stream *stream) {
	bool is_due =
		stream->is_end_wanted && stream->out.size == 0 &&
		(stream->state == MUX_STREAM_OPEN || stream->state == MUX_STREAM_HALF_CLOSED_REMOTE);
	if (!is_due)
		return true;
	if (!has_room(output, 0))
		return false;
	put_of(output, STREAM_FRAME_CLOSE, stream, 0);
	if (!mux_stream_is_ours(stream))
		stream->is_connected = true;
	if (stream->state == MUX_STREAM_OPEN)
		stream->state = MUX_STREAM_HALF_CLOSED_LOCAL;
	else
		mux_stream_finish(stream);
	return true;
}

static bool send_reset(struct output *output, struct mux_stream *stream) {
	if (!put_u32(output, STREAM_FRAME_CLOSE, stream->id, stream->error))
		return false;
	stream->is_reset_pending = false;
	list_remove(&stream->control);
	if (stream->is_detached)
		mux_stream_free(stream);
	return true;
}

static bool send_control_of(struct output *output, struct mux_stream *stream) {
	if (stream->is_reset_pending)
		return send_reset(output, stream);
	if (!send_open(output, stream) || !send_connected(output, stream))
		return false;
	if (stream->state != MUX_STREAM_HALF_CLOSED_REMOTE &&
		!send_window(output, &stream->window_in, stream->id))
		return false;
	if (!send_end(output, stream))
		return false;
	list_remove(&stream->control);
	return true;
}

static bool send_control(struct output *output) {
	struct list *control = &output->mux->control;
	while (!list_is_empty(control))
		if (!send_control_of(output, list_item(control->next, struct mux_stream, control)))
			return false;
	return true;
}

/* DATA */

/* One stream's turn: one frame. False when the buffer has no room for a fair part of it. */
static bool send_turn(struct output *output, struct mux_stream *stream) {
	struct mux *mux = output->mux;
	size_t overhead = CIPHER_OVERHEAD + STREAM_FRAME_HEADER_SIZE;
	size_t room = output->room - output->used;
	size_t size = MUX_TURN_MAX;
	if (size > stream->out.size)
		size = stream->out.size;
	if (size > mux->window_out.left)
		size = mux->window_out.left;
	if (room < overhead + size && room < overhead + SHARE_MIN)
		return false;
	if (size > room - overhead)
		size = room - overhead;
	chunk_queue_take(&stream->out, &mux->pool, payload_of(output), size);
	put_of(output, STREAM_FRAME_DATA, stream, size);
	mux_stream_unstage(stream, size);
	mux->window_out.left -= (uint32_t)size;
	stream->window_out.left -= (uint32_t)size;
	if (!mux_stream_is_ours(stream))
		stream->is_connected = true; /* it may not be said behind data */
	mux_stream_active(stream);
	list_remove(&stream->ready);
	if (stream->out.size > 0)
		list_append(&mux->ready, &stream->ready);
	else if (stream->is_end_wanted)
		mux_stream_queue_control(stream);
	mux_stream_tell_room(stream);
	return true;
}

static bool has_data(const struct mux *mux) {
	return !list_is_empty(&mux->ready) && mux->window_out.left > 0;
}

static void send_data(struct output *output) {
	struct mux *mux = output->mux;
	while (has_data(mux)) {
		if (!send_turn(output, list_item(mux->ready.next, struct mux_stream, ready)))
			return;
		if (!send_control(output)) /* an end right behind its data */
			return;
	}
}

/* PADDING frames that enlarge this write, as far as the buffer has room for them. */
static void send_padding(struct output *output) {
	size_t extra = mux_padding_extra(output->mux);
	while (extra > 0) {
		size_t size = padding_take(&extra);
		if (!has_room(output, size))
			return;
		random_fill(output->mux->config.random, payload_of(output), size);
		struct stream_frame frame = {
			.type = STREAM_FRAME_PADDING,
			.payload = slice_of(payload_of(output), size),
		};
		put_padded(output, &frame);
	}
}

bool mux_send_is_due(const struct mux *mux) {
	if (mux->state >= MUX_FAILED)
		return mux->is_goaway_pending;
	return mux->is_goaway_pending || mux->pong_count > 0 || mux->ping.is_pending ||
		   window_in_is_due(&mux->window_in) || mux->settings || mux->refusal_count > 0 ||
		   mux->is_rekey_wanted || cipher_is_rekey_due(mux->config.seal, mux->now) ||
		   !list_is_empty(&mux->control) || has_data(mux) || mux->idle_extra > 0;
}

bool mux_has_output(const struct mux *mux) {
	return mux_send_is_due(mux) && !mux_padding_holds(mux);
}

size_t mux_send(struct mux *mux, uint8_t *out_data, size_t room, uint64_t now) {
	mux_touch(mux, now);
	if (mux->state == MUX_CLOSED || room < MUX_SEND_ROOM_MIN || mux_padding_hold(mux))
		return 0;
	struct output output = {.mux = mux, .data = out_data, .room = room};
	/* A GOAWAY stands behind the OPENs that came before it: they are still looked at. */
	if (send_connection(&output) && send_control(&output) && send_goaway(&output))
		send_data(&output);
	if (mux->state < MUX_FAILED)
		send_padding(&output);
	seal(&output);
	if (output.used > 0)
		padding_written(&mux->padding, output.used, mux->now);
	if (output.has_failed)
		mux_end(mux, STREAM_ERROR_INTERNAL);
	mux_settle(mux);
	return output.has_failed ? 0 : output.used;
}
