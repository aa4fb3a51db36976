#pragma once

#include <stdbool.h>

#include "base/address.h"
#include "base/error.h"
#include "base/slice.h"
#include "transport/stream_transport.h"
#include "transport/udp/udp.h"

/*
 * A connection of bytes (TCP) that carries a peer's packets both ways in place of datagrams, one
 * behind the other, on the shard that owns the peer. How far a packet goes its protocol tells
 * (protocol_ops.packet_size); each is opened and delivered as a datagram would be. It ends when the
 * other end closes it, and when something in it is no packet of this peer or does not open. What
 * goes out: path_stream.h.
 */

struct lane;
struct peer;
struct shard;
struct stream_link;

enum {
	STREAM_LINK_PACKET_MAX = 66 * 1024,  /* bytes of a packet, header and all */
	STREAM_LINK_READ = 64 * 1024,        /* of one connection at a time, then it is others' turn */
	STREAM_LINK_TURN_BYTES = 256 * 1024, /* of all of a shard's in one turn */
	/* Of struct shard's stream_buffer. */
	STREAM_LINK_BUFFER = UDP_RECEIVE_HEADROOM + STREAM_LINK_PACKET_MAX + STREAM_LINK_READ,
};

struct stream_link_options {
	struct stream_transport transport; /* taken over, also on failure */
	struct endpoint from;              /* the other end, as received packets name it */
	struct udp_source to;
	struct slice early; /* what was read of it already, at most STREAM_LINK_PACKET_MAX */
};

/* Any thread. ERR_LIMIT, ERR_NO_MEMORY. */
enum err stream_link_new(const struct stream_link_options *options, struct stream_link **out_link);
/* One that was never attached. */
void stream_link_free(struct stream_link *link);

/*
 * All below on the owner's shard. Packets of the attached peer are read from now on, beside what
 * comes by other ways. Who attached it ends it, before the peer is detached, unless link_lost()
 * told that it is gone.
 */
void stream_link_attach(struct stream_link *link, struct lane *lane, struct peer *peer);
/* The peer's packets leave by it from now on, and by no other way. */
void stream_link_use(struct stream_link *link);
/*
 * NULL-safe; a second time nothing happens, in the same turn. What is queued is still written as
 * far as there is room; what leaves after that are datagrams again, if this was the way.
 */
void stream_link_end(struct stream_link *link);

/* Reads of all that have something; true: the budget is used, and something may be left. */
bool stream_link_receive_all(struct shard *shard);
