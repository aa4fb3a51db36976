#include "tunnel/farewell.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/list.h"
#include "loop/control_loop.h"
#include "tunnel/carrier.h"
#include "tunnel/stream_host.h"
#include "tunnel/stream_user.h"

struct farewell {
	const struct stream_host *host;
	struct control_timer *timer;
	struct list leaving; /* in the order of their ends */
	uint64_t resets[FAREWELL_RESETS_MAX];
	size_t reset_count; /* ever; the place of the oldest */
};

struct leaving {
	struct stream_user user;
	struct list link;
	struct farewell *farewell;
	struct carrier *carrier;
	struct mux_stream *stream;
	uint64_t until;
	size_t thrown; /* bytes */
	bool is_read;
};

static void forget(struct leaving *leaving) {
	list_remove(&leaving->link);
	free(leaving);
}

static void reset(struct leaving *leaving) {
	mux_stream_reset(leaving->stream, STREAM_ERROR_CANCEL);
	carrier_touch(leaving->carrier);
	forget(leaving);
}

/* Whether there were few enough resets; then it is one of them. */
static bool may_reset(struct farewell *farewell) {
	uint64_t now = stream_host_now(farewell->host);
	uint64_t *oldest = &farewell->resets[farewell->reset_count % FAREWELL_RESETS_MAX];
	if (farewell->reset_count >= FAREWELL_RESETS_MAX && now - *oldest <= FAREWELL_TIME)
		return false;
	*oldest = now;
	farewell->reset_count++;
	return true;
}

static struct leaving *of_user(struct stream_user *user) {
	return list_item(user, struct leaving, user);
}

/* Throws away what came. */
static void readable(struct stream_user *user) {
	struct leaving *leaving = of_user(user);
	for (struct slice part;
		 leaving->is_read && (part = mux_stream_peek(leaving->stream)).size > 0;) {
		leaving->thrown += part.size;
		mux_stream_consume(leaving->stream, part.size);
		leaving->is_read = leaving->thrown <= FAREWELL_BYTES_MAX;
	}
	carrier_touch(leaving->carrier);
	if (!leaving->is_read && leaving->thrown > 0 && may_reset(leaving->farewell))
		reset(leaving);
}

static void writable(struct stream_user *user) {
	(void)user;
}

static void closed(struct stream_user *user, uint32_t error) {
	(void)error;
	forget(of_user(user));
}

static const struct stream_user_ops user_ops = {
	.readable = readable,
	.writable = writable,
	.closed = closed,
};

static void arm(struct farewell *farewell) {
	if (list_is_empty(&farewell->leaving))
		return;
	uint64_t now = stream_host_now(farewell->host);
	uint64_t until = list_item(farewell->leaving.next, struct leaving, link)->until;
	control_timer_set(farewell->timer, until > now ? until - now : 0);
}

static void due(void *context) {
	struct farewell *farewell = context;
	uint64_t now = stream_host_now(farewell->host);
	list_for_each (link, &farewell->leaving) {
		struct leaving *leaving = list_item(link, struct leaving, link);
		if (leaving->until > now)
			break;
		reset(leaving);
	}
	arm(farewell);
}

enum err farewell_new(const struct stream_host *host, struct farewell **out_farewell) {
	struct farewell *farewell = calloc(1, sizeof *farewell);
	if (!farewell)
		return ERR_NO_MEMORY;
	farewell->host = host;
	list_init(&farewell->leaving);
	enum err error = control_timer_new(host->loop, due, farewell, &farewell->timer);
	if (error) {
		free(farewell);
		return error;
	}
	*out_farewell = farewell;
	return ERR_OK;
}

void farewell_free(struct farewell *farewell) {
	if (!farewell)
		return;
	list_for_each (link, &farewell->leaving)
		reset(list_item(link, struct leaving, link));
	control_timer_free(farewell->timer);
	free(farewell);
}

/* The stream is gone where there is no memory for it. */
static struct leaving *take(struct farewell *farewell, struct carrier *carrier,
							struct mux_stream *stream, bool is_read) {
	struct leaving *leaving = calloc(1, sizeof *leaving);
	carrier_touch(carrier);
	if (!leaving) {
		mux_stream_reset(stream, STREAM_ERROR_CANCEL);
		return NULL;
	}
	*leaving = (struct leaving){
		.user.ops = &user_ops,
		.farewell = farewell,
		.carrier = carrier,
		.stream = stream,
		.until = stream_host_now(farewell->host) + FAREWELL_TIME,
		.is_read = is_read,
	};
	mux_stream_set_owner(stream, &leaving->user);
	bool was_idle = list_is_empty(&farewell->leaving);
	list_append(&farewell->leaving, &leaving->link);
	if (was_idle)
		arm(farewell);
	return leaving;
}

void farewell_end(struct farewell *farewell, struct carrier *carrier, struct mux_stream *stream) {
	struct leaving *leaving = take(farewell, carrier, stream, true);
	if (!leaving)
		return;
	mux_stream_end(stream);
	readable(&leaving->user);
}

void farewell_reset(struct farewell *farewell, struct carrier *carrier, struct mux_stream *stream) {
	if (may_reset(farewell)) {
		mux_stream_reset(stream, STREAM_ERROR_CANCEL);
		carrier_touch(carrier);
	} else {
		(void)take(farewell, carrier, stream, false);
	}
}
