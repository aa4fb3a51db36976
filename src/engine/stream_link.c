#include "engine/stream_link.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "engine/path_stream.h"
#include "engine/path_udp.h"
#include "engine/shard.h"
#include "engine/shard_in.h"

struct stream_link {
	struct path_stream out; /* first: a peer's path has it */
	struct shard_deferred deferred;
	struct list readable_link; /* in the shard's list while there may be something to read */
	struct loop_source source;
	struct shard *shard;
	struct udp_received origin; /* of all packets; no bytes */
	uint8_t *rest;              /* the beginning of a packet whose end has not come yet */
	size_t rest_size, rest_room;
};

enum err stream_link_new(const struct stream_link_options *options, struct stream_link **out_link) {
	struct stream_transport transport = options->transport;
	const size_t early = options->early.size;
	struct stream_link *link = early <= STREAM_LINK_PACKET_MAX ? calloc(1, sizeof *link) : NULL;
	uint8_t *rest = link && early > 0 ? malloc(early) : NULL;
	if (!link || (early > 0 && !rest)) {
		free(link);
		stream_transport_done(&transport);
		return early <= STREAM_LINK_PACKET_MAX ? ERR_NO_MEMORY : ERR_LIMIT;
	}
	path_stream_init(&link->out, transport);
	list_init(&link->readable_link);
	link->origin = (struct udp_received){.from = options->from, .to = options->to};
	if (early > 0)
		memcpy(rest, options->early.data, early);
	link->rest = rest;
	link->rest_size = link->rest_room = early;
	*out_link = link;
	return ERR_OK;
}

void stream_link_free(struct stream_link *link) {
	if (!link)
		return;
	list_remove(&link->readable_link);
	path_stream_done(&link->out);
	free(link->rest);
	free(link);
}

static void release(struct shard_deferred *deferred) {
	stream_link_free(list_item(deferred, struct stream_link, deferred));
}

static void look_at(struct stream_link *link) {
	list_remove(&link->readable_link);
	list_append(&link->shard->readable, &link->readable_link);
}

static void ready(void *context, uint32_t events) {
	struct stream_link *link = context;
	if (events & EPOLLOUT)
		path_stream_writable(&link->out);
	if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) || link->out.broken)
		look_at(link);
}

void stream_link_attach(struct stream_link *link, struct lane *lane, struct peer *peer) {
	struct path_stream *out = &link->out;
	const int descriptor = out->transport.ops->descriptor(out->transport.context);
	link->shard = lane->shard;
	link->deferred.release = release;
	link->source = (struct loop_source){.ready = ready, .context = link};
	out->lane = lane;
	out->peer = peer;
	/* What cannot be waited for is asked every turn. */
	if (descriptor >= 0 &&
		loop_add(lane->shard->loop, descriptor, EPOLLIN, &link->source) == ERR_OK)
		out->loop = lane->shard->loop;
	lane_count(&lane->counters.streams, 1);
	look_at(link);
}

void stream_link_use(struct stream_link *link) {
	struct path *path = &link->out.peer->paths[0];
	path->ops = &path_stream_ops;
	path->stream = &link->out;
}

void stream_link_end(struct stream_link *link) {
	struct path_stream *out = link ? &link->out : NULL;
	if (!out || !out->peer)
		return;
	struct path *path = &out->peer->paths[0];
	if (path->stream == out) {
		path->ops = &path_udp_ops;
		path->stream = NULL;
	}
	lane_count(&out->lane->counters.streams, (uint64_t)-1);
	if (out->loop)
		loop_remove(out->loop, out->transport.ops->descriptor(out->transport.context));
	list_remove(&link->readable_link);
	out->loop = NULL;
	out->peer = NULL;
	out->lane = NULL;
	shard_defer(link->shard, &link->deferred);
}

/* By itself: the protocol has to know. */
static void lose(struct stream_link *link) {
	struct peer *peer = link->out.peer;
	struct lane *lane = link->out.lane;
	if (!peer)
		return; /* what came in has ended it already */
	lane->protocol->link_lost(lane, peer, link);
	stream_link_end(link);
}

/* Keeps what lies behind the last whole packet; false: that is too much for one. */
static bool keep_rest(struct stream_link *link, const uint8_t *data, size_t size) {
	if (size > STREAM_LINK_PACKET_MAX)
		return false;
	if (size > link->rest_room) {
		uint8_t *larger = realloc(link->rest, size);
		if (!larger)
			return false;
		link->rest = larger;
		link->rest_room = size;
	}
	if (size > 0)
		memcpy(link->rest, data, size);
	link->rest_size = size;
	return true;
}

/* Takes the whole packets; false where something else is among them. */
static bool take_packets(struct stream_link *link, uint8_t *data, size_t size) {
	struct lane *lane = link->out.lane;
	size_t at = 0, packet = 0;
	bool good = true;
	shard_in_begin(link->shard);
	/* What comes in may end the link. */
	while (good && link->out.peer) {
		const enum err error = lane->protocol->packet_size(data + at, size - at, &packet);
		if (error == ERR_AGAIN || (error == ERR_OK && packet > size - at))
			break;
		good = error == ERR_OK && packet > 0 &&
			   shard_in_take(link->shard, lane, link->out.peer, &link->origin, data + at, packet);
		at += good ? packet : 0;
	}
	good &= shard_in_finish(link->shard, lane);
	return good && keep_rest(link, data + at, size - at);
}

/* Returns how much came; it is looked at again where there may be more. */
static size_t receive_once(struct stream_link *link, uint8_t *data, bool *out_more) {
	const struct stream_transport *transport = &link->out.transport;
	size_t got = 0;
	*out_more = false;
	if (link->rest_size > 0)
		memcpy(data, link->rest, link->rest_size);
	const enum err error = link->out.broken
							   ? ERR_IO
							   : transport->ops->read(transport->context, data + link->rest_size,
													  STREAM_LINK_READ, &got);
	const bool alive = error == ERR_OK || error == ERR_AGAIN;
	/* What was read of it early is whole packets, and counts though it has ended meanwhile. */
	if (!take_packets(link, data, link->rest_size + got) || !alive) {
		lose(link);
		return got;
	}
	*out_more = got == STREAM_LINK_READ;
	return got;
}

bool stream_link_receive_all(struct shard *shard) {
	if (list_is_empty(&shard->readable))
		return false;
	uint8_t *data = shard->stream_buffer + UDP_RECEIVE_HEADROOM;
	struct list asked; /* those without a descriptor are asked every turn */
	list_init(&asked);
	size_t bytes = 0;
	while (bytes < STREAM_LINK_TURN_BYTES && !list_is_empty(&shard->readable)) {
		struct list *first = list_take_first(&shard->readable);
		struct stream_link *link = list_item(first, struct stream_link, readable_link);
		bool more;
		bytes += receive_once(link, data, &more);
		if (link->out.peer && more)
			look_at(link);
		else if (link->out.peer && !link->out.loop)
			list_append(&asked, &link->readable_link);
	}
	const bool left = !list_is_empty(&shard->readable);
	list_for_each (item, &asked)
		look_at(list_item(item, struct stream_link, readable_link));
	return left;
}
