#include "tunnel/packet_uplink.h"

#include <stdlib.h>

#include "loop/control_loop.h"
#include "tunnel/packet_stream.h"
#include "tunnel/stream_host.h"
#include "tunnel/uplink.h"

struct packet_uplink {
	struct packet_uplink_options options;
	struct uplink_wish wish;
	struct uplink_watch watch;
	struct packet_stream *made;  /* NULL: none, until the next try */
	bool is_waiting;             /* for the wish */
	uint64_t delay;              /* ns before the next try */
	struct control_timer *timer; /* of the next try; while there is a stream, of keeping it */
};

static void later(struct packet_uplink *uplink) {
	uplink->made = NULL;
	uplink->is_waiting = false;
	control_timer_set(uplink->timer, uplink->delay);
	uplink->delay = uplink->delay > 0 ? 2 * uplink->delay : PACKET_UPLINK_RETRY;
	if (uplink->delay > PACKET_UPLINK_RETRY_MAX)
		uplink->delay = PACKET_UPLINK_RETRY_MAX;
}

static void opened(struct uplink_wish *wish, struct carrier *carrier, struct mux_stream *stream) {
	struct packet_uplink *uplink = list_item(wish, struct packet_uplink, wish);
	uplink->is_waiting = false;
	packet_stream_begin(uplink->made, carrier, stream);
	control_timer_set(uplink->timer, PACKET_UPLINK_KEEPALIVE);
}

static void refused(struct uplink_wish *wish, enum refusal refusal) {
	struct packet_uplink *uplink = list_item(wish, struct packet_uplink, wish);
	if (refusal == REFUSAL_CARRIER) {
		uplink->made = NULL;
		uplink->is_waiting = false;
		control_timer_stop(uplink->timer);
		uplink_await(uplink->options.uplink, &uplink->watch);
	} else {
		later(uplink);
	}
	uplink->options.refused(uplink->options.context);
}

static void try(struct packet_uplink *uplink) {
	uplink->made = uplink->options.make(uplink->options.context);
	if (!uplink->made) {
		later(uplink);
		return;
	}
	uplink->wish.user = packet_stream_user(uplink->made);
	uplink->is_waiting = true;
	uplink_open(uplink->options.uplink, &uplink->wish);
}

static void again(struct uplink_watch *watch) {
	try(list_item(watch, struct packet_uplink, watch));
}

static void due(void *context) {
	struct packet_uplink *uplink = context;
	if (!uplink->made) {
		try(uplink);
	} else if (!uplink->is_waiting) {
		control_timer_set(uplink->timer, PACKET_UPLINK_KEEPALIVE);
		packet_stream_keep_alive(uplink->made);
	}
}

void packet_uplink_connected(struct packet_uplink *uplink) {
	uplink->delay = 0;
}

void packet_uplink_ended(struct packet_uplink *uplink) {
	later(uplink);
}

enum err packet_uplink_new(const struct packet_uplink_options *options,
						   struct packet_uplink **out_uplink) {
	struct packet_uplink *uplink = calloc(1, sizeof *uplink);
	if (!uplink)
		return ERR_NO_MEMORY;
	*uplink = (struct packet_uplink){
		.options = *options,
		.wish = {.target = {.type = TARGET_PACKETS}, .opened = opened, .refused = refused},
		.watch = {.again = again},
		.delay = PACKET_UPLINK_RETRY,
	};
	list_init(&uplink->wish.link);
	list_init(&uplink->watch.link);
	enum err error = control_timer_new(options->host->loop, due, uplink, &uplink->timer);
	if (error) {
		free(uplink);
		return error;
	}
	/* By the timer, so that the owner has it when its functions are called. */
	control_timer_set(uplink->timer, 0);
	*out_uplink = uplink;
	return ERR_OK;
}

void packet_uplink_free(struct packet_uplink *uplink) {
	if (!uplink)
		return;
	if (uplink->is_waiting)
		uplink_cancel(uplink->options.uplink, &uplink->wish);
	uplink_forget(uplink->options.uplink, &uplink->watch);
	control_timer_free(uplink->timer);
	free(uplink);
}
