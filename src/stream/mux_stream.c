#include <stdlib.h>
#include <string.h>

#include "stream/mux_core.h"

bool mux_stream_is_ours(const struct mux_stream *stream) {
	return stream->id % 2 == (stream->mux->config.role == MUX_INITIATOR ? 1 : 0);
}

enum err mux_stream_new(struct mux *mux, uint32_t id, struct mux_stream **out_stream) {
	struct mux_stream *stream = calloc(1, sizeof *stream);
	if (!stream)
		return ERR_NO_MEMORY;
	*stream = (struct mux_stream){
		.mux = mux,
		.id = id,
		.opened_at = mux->now,
		.active_at = mux->now,
		.window_out = {.left = WINDOW_INITIAL},
	};
	enum err error = mux_table_add(&mux->table, stream);
	if (error) {
		free(stream);
		return error;
	}
	window_in_init(&stream->window_in, WINDOW_INITIAL, mux->now);
	quota_item_init(&stream->unread);
	list_init(&stream->control);
	list_init(&stream->ready);
	list_init(&stream->news_order);
	list_append(&mux->all, &stream->all);
	list_append(&mux->idle, &stream->idle);
	mux_padding_streams(mux);
	*(mux_stream_is_ours(stream) ? &mux->count_ours : &mux->count_theirs) += 1;
	*out_stream = stream;
	return ERR_OK;
}

static size_t staged_of(const struct mux_stream *stream) {
	return stream->out.size - (stream->is_open_pending ? stream->open_size : 0);
}

void mux_stream_unstage(const struct mux_stream *stream, size_t size) {
	stream->mux->staged -= size;
	if (stream->mux->config.quota)
		quota_unstage(stream->mux->config.quota, size);
}

static void drop_buffers(struct mux_stream *stream) {
	struct mux *mux = stream->mux;
	mux_stream_unstage(stream, staged_of(stream));
	chunk_queue_clear(&stream->out, &mux->pool);
	chunk_queue_clear(&stream->in, &mux->pool);
	if (mux->config.quota)
		quota_forget(mux->config.quota, &stream->unread);
}

void mux_stream_free(struct mux_stream *stream) {
	struct mux *mux = stream->mux;
	if (stream->state != MUX_STREAM_CLOSED)
		mux_table_remove(&mux->table, stream);
	drop_buffers(stream);
	mux_padding_forget(stream);
	list_remove(&stream->all);
	mux_padding_streams(mux);
	list_remove(&stream->idle);
	list_remove(&stream->control);
	list_remove(&stream->ready);
	list_remove(&stream->news_order);
	*(mux_stream_is_ours(stream) ? &mux->count_ours : &mux->count_theirs) -= 1;
	if (mux->told == stream)
		mux->told = NULL;
	free(stream);
}

void mux_stream_tell(struct mux_stream *stream, enum mux_news news) {
	if (stream->is_detached)
		return;
	if (stream->news == 0)
		list_append(&stream->mux->news, &stream->news_order);
	stream->news |= (uint8_t)news;
}

void mux_stream_active(struct mux_stream *stream) {
	if (list_is_empty(&stream->idle))
		return; /* a closed one, of which only a frame or news is left */
	stream->active_at = stream->mux->now;
	list_remove(&stream->idle);
	list_append(&stream->mux->idle, &stream->idle);
}

void mux_stream_queue_control(struct mux_stream *stream) {
	if (list_is_empty(&stream->control))
		list_append(&stream->mux->control, &stream->control);
}

/* Not before most of it is free, so that it is filled by few large writes. */
void mux_stream_tell_room(struct mux_stream *stream) {
	if (!stream->is_room_wanted || staged_of(stream) > 0 || mux_stream_room(stream) == 0)
		return;
	stream->is_room_wanted = false;
	mux_stream_tell(stream, MUX_NEWS_WRITABLE);
}

/* No frame of it means anything any more. */
static void leave_table(struct mux_stream *stream) {
	if (stream->state == MUX_STREAM_CLOSED)
		return;
	mux_table_remove(&stream->mux->table, stream);
	stream->state = MUX_STREAM_CLOSED;
	list_remove(&stream->control);
	list_remove(&stream->ready);
}

void mux_stream_finish(struct mux_stream *stream) {
	leave_table(stream);
	if (stream->in.size == 0)
		mux_stream_tell(stream, MUX_NEWS_CLOSED);
}

void mux_stream_shut(struct mux_stream *stream, uint32_t error, bool tells_peer) {
	tells_peer = tells_peer && stream->state != MUX_STREAM_CLOSED && !stream->is_open_pending;
	leave_table(stream);
	drop_buffers(stream);
	stream->is_open_pending = false;
	list_remove(&stream->idle);
	/* Its owner is not to take it for an end of data: something may be missing. */
	stream->error = error != STREAM_ERROR_NONE ? error : STREAM_ERROR_CANCEL;
	if (tells_peer) {
		stream->is_reset_pending = true;
		mux_stream_queue_control(stream);
	}
	if (!stream->is_detached)
		mux_stream_tell(stream, MUX_NEWS_CLOSED);
	else if (!stream->is_reset_pending)
		mux_stream_free(stream);
}

/* What streams' owners call */

/* A new stream's OPEN, which stands in front of its data. */
static enum err put_target(struct mux_stream *stream, const struct target *target) {
	uint8_t payload[TARGET_SIZE_MAX];
	size_t size;
	enum err error = target_encode(target, payload, sizeof payload, &size);
	if (!error)
		error = chunk_queue_append(&stream->out, &stream->mux->pool, payload, size);
	if (error)
		return error;
	stream->open_size = (uint16_t)size;
	stream->is_open_pending = true;
	return ERR_OK;
}

enum err mux_stream_open(struct mux *mux, const struct target *target, void *owner,
						 struct mux_stream **out_stream) {
	if (mux->state != MUX_OPEN)
		return ERR_CLOSED;
	if (mux->next_ours > STREAM_ID_MAX) {
		mux_drain(mux);
		return ERR_EXPIRED;
	}
	if (mux->count_ours >= MUX_STREAMS_MAX)
		return ERR_LIMIT;
	struct mux_stream *stream;
	enum err error = mux_stream_new(mux, mux->next_ours, &stream);
	if (error)
		return error;
	error = put_target(stream, target);
	if (error) {
		mux_stream_free(stream);
		return error;
	}
	stream->owner = owner;
	mux->next_ours += 2;
	mux_stream_queue_control(stream);
	*out_stream = stream;
	return ERR_OK;
}

uint32_t mux_stream_id(const struct mux_stream *stream) {
	return stream->id;
}

uint64_t mux_stream_active_at(const struct mux_stream *stream) {
	return stream->active_at;
}

void mux_stream_set_owner(struct mux_stream *stream, void *owner) {
	stream->owner = owner;
}

void *mux_stream_owner(const struct mux_stream *stream) {
	return stream->owner;
}

void mux_stream_connected(struct mux_stream *stream) {
	if (stream->is_connected || stream->state == MUX_STREAM_CLOSED || mux_stream_is_ours(stream))
		return;
	stream->is_connected = true;
	stream->is_connect_pending = true;
	mux_stream_queue_control(stream);
}

size_t mux_stream_room(const struct mux_stream *stream) {
	if (stream->is_end_wanted || stream->state == MUX_STREAM_CLOSED)
		return 0;
	const struct mux *mux = stream->mux;
	size_t staged = staged_of(stream);
	size_t most = mux->staged < MUX_STAGED_TOTAL ? MUX_STAGED_MAX : MUX_TURN_MAX;
	if (mux->config.quota && quota_is_short(mux->config.quota))
		most = MUX_STAGED_MIN;
	if (most > stream->window_out.left)
		most = stream->window_out.left;
	return staged < most ? most - staged : 0;
}

size_t mux_stream_write(struct mux_stream *stream, const void *data, size_t size) {
	size_t taken = mux_stream_room(stream);
	if (taken > size)
		taken = size;
	if (chunk_queue_append(&stream->out, &stream->mux->pool, data, taken))
		taken = 0;
	stream->mux->staged += taken;
	if (stream->mux->config.quota)
		quota_stage(stream->mux->config.quota, taken);
	if (taken < size && !stream->is_end_wanted)
		stream->is_room_wanted = true;
	if (taken > 0 && list_is_empty(&stream->ready))
		list_append(&stream->mux->ready, &stream->ready);
	return taken;
}

void mux_stream_end(struct mux_stream *stream) {
	if (stream->is_end_wanted || stream->state == MUX_STREAM_CLOSED)
		return;
	stream->is_end_wanted = true;
	stream->is_room_wanted = false;
	if (staged_of(stream) == 0)
		mux_stream_queue_control(stream);
}

struct slice mux_stream_peek(const struct mux_stream *stream) {
	return chunk_queue_front(&stream->in);
}

size_t mux_stream_peek_parts(const struct mux_stream *stream, struct slice *out_parts,
							 size_t count) {
	return chunk_queue_parts(&stream->in, out_parts, count);
}

void mux_stream_consume(struct mux_stream *stream, size_t size) {
	struct mux *mux = stream->mux;
	chunk_queue_drop(&stream->in, &mux->pool, size);
	if (mux->config.quota)
		quota_release(mux->config.quota, &stream->unread, size);
	mux_stream_active(stream);
	if (stream->state == MUX_STREAM_CLOSED) {
		if (stream->in.size == 0)
			mux_stream_tell(stream, MUX_NEWS_CLOSED);
		return;
	}
	window_in_release(&stream->window_in, (uint32_t)size);
	if (window_in_is_due(&stream->window_in) && stream->state != MUX_STREAM_HALF_CLOSED_REMOTE)
		mux_stream_queue_control(stream);
}

bool mux_stream_is_at_end(const struct mux_stream *stream) {
	bool has_ended = stream->state == MUX_STREAM_HALF_CLOSED_REMOTE ||
					 (stream->state == MUX_STREAM_CLOSED && stream->error == STREAM_ERROR_NONE);
	return has_ended && stream->in.size == 0;
}

void mux_stream_reset(struct mux_stream *stream, enum stream_error error) {
	struct mux *mux = stream->mux;
	if (mux->told == stream)
		mux->told = NULL;
	stream->is_detached = true;
	stream->news = 0;
	list_remove(&stream->news_order);
	mux_stream_shut(stream, error, true);
}
