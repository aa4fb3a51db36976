#include "stream/mux.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stream/mux_core.h"
#include "wire/stream_settings.h"

enum err mux_new(const struct mux_config *config, uint64_t now, struct mux **out_mux) {
	struct mux *mux = calloc(1, sizeof *mux);
	if (!mux)
		return ERR_NO_MEMORY;
	mux->config = *config;
	mux->now = now;
	mux->next_ours = config->role == MUX_INITIATOR ? 1 : 2;
	mux->table.seed = random_u32(config->random);
	list_init(&mux->all);
	list_init(&mux->idle);
	list_init(&mux->control);
	list_init(&mux->ready);
	list_init(&mux->news);
	window_in_init(&mux->window_in, WINDOW_CONNECTION_INITIAL, now);
	mux->window_out.left = WINDOW_CONNECTION_INITIAL;
	mux_set_padding(mux, padding_rules_of(STREAM_SHAPING_NONE), NULL);
	mux_time_heard(mux);
	*out_mux = mux;
	return ERR_OK;
}

void mux_free(struct mux *mux) {
	if (!mux)
		return;
	list_for_each (link, &mux->all)
		mux_stream_free(list_item(link, struct mux_stream, all));
	chunk_queue_pool_done(&mux->pool);
	free(mux->table.slots);
	free(mux->settings);
	free(mux->refusals);
	free(mux->resets);
	free(mux);
}

enum mux_state mux_state(const struct mux *mux) {
	return mux->state;
}

uint32_t mux_error(const struct mux *mux) {
	return mux->error;
}

size_t mux_stream_count(const struct mux *mux) {
	return mux->count_ours + mux->count_theirs;
}

uint64_t mux_round_trip(const struct mux *mux) {
	return round_trip_shortest(&mux->round_trip);
}

struct mux_windows mux_windows(const struct mux *mux) {
	return (struct mux_windows){.send = mux->window_out.left, .receive = mux->window_in.size};
}

/* Never back: what is measured here are differences. */
void mux_touch(struct mux *mux, uint64_t now) {
	if (now > mux->now)
		mux->now = now;
}

/* All but those that ended in peace: what came of them is whole, and may be read. */
static void shut_all(struct mux *mux, uint32_t error) {
	list_for_each (link, &mux->idle) { /* those that are not shut */
		struct mux_stream *stream = list_item(link, struct mux_stream, idle);
		if (stream->state != MUX_STREAM_CLOSED)
			mux_stream_shut(stream, error, false);
	}
}

void mux_fail(struct mux *mux, enum stream_error error) {
	if (mux->state >= MUX_FAILED)
		return;
	mux->state = MUX_FAILED;
	mux->error = error;
	mux->is_goaway_pending = true;
	mux->close_at = mux->now + MUX_CLOSE_TIMEOUT_SECONDS * CLOCK_SECOND;
	shut_all(mux, error);
}

/* Nothing is written any more, and who asked for these does not wait for them. */
static void forget_resets(struct mux *mux) {
	list_for_each (link, &mux->control) {
		struct mux_stream *stream = list_item(link, struct mux_stream, control);
		if (!stream->is_reset_pending)
			continue;
		stream->is_reset_pending = false;
		list_remove(&stream->control);
		if (stream->is_detached)
			mux_stream_free(stream);
	}
}

void mux_end(struct mux *mux, uint32_t error) {
	if (mux->state == MUX_CLOSED)
		return;
	if (mux->state != MUX_FAILED)
		mux->error = error;
	mux->state = MUX_CLOSED;
	mux->is_goaway_pending = false;
	shut_all(mux, error);
	forget_resets(mux);
}

void mux_drain(struct mux *mux) {
	if (mux->state != MUX_OPEN)
		return;
	mux->state = MUX_DRAINING;
	mux->is_goaway_pending = true;
}

void mux_abort(struct mux *mux, enum stream_error error) {
	mux_end(mux, error);
	mux_settle(mux);
}

void mux_discard(struct mux *mux, enum stream_error error) {
	mux_end(mux, error);
	list_for_each (link, &mux->all) {
		struct mux_stream *stream = list_item(link, struct mux_stream, all);
		if (!stream->is_detached && stream->error == STREAM_ERROR_NONE)
			mux_stream_shut(stream, error, false);
	}
	mux_settle(mux);
}

/* The owner may have reset the stream, which frees it: `told` says so. */
static void tell(struct mux *mux, struct mux_stream *stream) {
	const struct mux_ops *ops = mux->config.ops;
	void *context = mux->config.context;
	uint8_t news = stream->news;
	stream->news = 0;
	mux->told = stream;
	if (news & MUX_NEWS_CONNECTED && ops->connected)
		ops->connected(context, stream);
	if (mux->told && news & MUX_NEWS_READABLE)
		ops->readable(context, stream);
	if (mux->told && news & MUX_NEWS_WRITABLE)
		ops->writable(context, stream);
	if (mux->told && news & MUX_NEWS_CLOSED) {
		ops->closed(context, stream, stream->error);
		if (mux->told) {
			stream->is_detached = true;
			stream->news = 0; /* of what he did from within */
			list_remove(&stream->news_order);
			if (!stream->is_reset_pending)
				mux_stream_free(stream);
		}
	}
	mux->told = NULL;
}

void mux_settle(struct mux *mux) {
	struct list *link;
	while ((link = list_take_first(&mux->news)) != NULL)
		tell(mux, list_item(link, struct mux_stream, news_order));
	if (mux->state == MUX_DRAINING && list_is_empty(&mux->all) && !mux_send_is_due(mux))
		mux->state = MUX_CLOSED;
}

enum err mux_send_settings(struct mux *mux, struct slice payload) {
	if (mux->state >= MUX_FAILED)
		return ERR_CLOSED;
	if (payload.size > STREAM_SETTINGS_SIZE_MAX)
		return ERR_LIMIT;
	if (mux->settings)
		return ERR_AGAIN;
	mux->settings = malloc(payload.size + 1); /* there may be none in them */
	if (!mux->settings)
		return ERR_NO_MEMORY;
	if (payload.size > 0)
		memcpy(mux->settings, payload.data, payload.size);
	mux->settings_size = payload.size;
	return ERR_OK;
}

void mux_rekey(struct mux *mux) {
	mux->is_rekey_wanted = true;
}
