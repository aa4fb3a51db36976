#include "engine/listener.h"

#include <assert.h>
#include <string.h>
#include <sys/epoll.h>

#include "engine/shard.h"

static void v4_ready(void *context, uint32_t events) {
	(void)events; /* errors are met, and cleared, by reading */
	struct listener *listener = context;
	listener->v4_ready = true;
}

static void v6_ready(void *context, uint32_t events) {
	(void)events;
	struct listener *listener = context;
	listener->v6_ready = true;
}

enum err listener_init(struct listener *listener, struct port *port, struct shard *shard) {
	memset(listener, 0, sizeof *listener);
	list_init(&listener->shard_link);
	listener->port = port;
	listener->shard = shard;
	listener->v4_source = (struct loop_source){.ready = v4_ready, .context = listener};
	listener->v6_source = (struct loop_source){.ready = v6_ready, .context = listener};
	return outbox_init(&listener->outbox, shard->worker, &listener->v4, &listener->v6);
}

static void watch(struct listener *listener, const struct transport *transport,
				  const struct loop_source *source, bool *out_ready) {
	*out_ready = false;
	if (!transport->ops)
		return;
	int descriptor = transport->ops->descriptor(transport->context);
	/* What cannot be waited for is asked every turn. */
	*out_ready =
		descriptor < 0 || loop_add(listener->shard->loop, descriptor, EPOLLIN, source) != ERR_OK;
}

static void unwatch(struct listener *listener, const struct transport *transport) {
	if (!transport->ops)
		return;
	int descriptor = transport->ops->descriptor(transport->context);
	if (descriptor >= 0)
		loop_remove(listener->shard->loop, descriptor);
}

void listener_set_transports(struct listener *listener, struct transport v4, struct transport v6) {
	unwatch(listener, &listener->v4);
	unwatch(listener, &listener->v6);
	transport_done(&listener->v4);
	transport_done(&listener->v6);
	listener->v4 = v4;
	listener->v6 = v6;
	if (v4.ops && v4.ops->count_in)
		v4.ops->count_in(v4.context, &listener->v4_counters);
	if (v6.ops && v6.ops->count_in)
		v6.ops->count_in(v6.context, &listener->v6_counters);
	watch(listener, &v4, &listener->v4_source, &listener->v4_ready);
	watch(listener, &v6, &listener->v6_source, &listener->v6_ready);
}

void listener_done(struct listener *listener) {
	outbox_done(&listener->outbox);
	listener->shard = NULL;
}

void listener_add_lane(struct listener *listener, struct lane *lane) {
	assert(listener->lane_count < LISTENER_LANES_MAX);
	if (listener->lane_count == 0)
		list_append(&listener->shard->listeners, &listener->shard_link);
	listener->lanes[listener->lane_count++] = lane;
}

void listener_remove_lane(struct listener *listener, const struct lane *lane) {
	size_t at = 0;
	while (at < listener->lane_count && listener->lanes[at] != lane)
		at++;
	if (at == listener->lane_count)
		return;
	outbox_flush(&listener->outbox);
	listener->lane_count--;
	memmove(&listener->lanes[at], &listener->lanes[at + 1],
			(listener->lane_count - at) * sizeof listener->lanes[0]);
	if (listener->lane_count > 0)
		return;
	listener_set_transports(listener, (struct transport){.ops = NULL},
							(struct transport){.ops = NULL});
	shard_count_traffic(listener, &listener->shard->left);
	list_remove(&listener->shard_link);
}
