#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "crypto/aead.h"
#include "transport/udp/udp.h"

/*
 * What a datagram protocol brings to the engine. Everything is called on the shard that owns the
 * peer or lane named, never from two threads at once. Time is shard->now.
 */

struct interface;
struct ip_packet;
struct lane;
struct peer;
struct session;
struct shard;
struct snapshot;
struct stream_link;

enum { HANDSHAKE_DATAGRAM_MAX = 1536 };

/* What parse() says of a datagram. */
enum incoming_kind {
	INCOMING_FOREIGN,   /* not this protocol's: the listener asks the next one of its lanes */
	INCOMING_NOBODYS,   /* of no session that is or was: it ends the connection that brought it */
	INCOMING_DROP,      /* of a session that ended, too old, replayed */
	INCOMING_DATA,      /* the job is filled in, open it */
	INCOMING_HANDSHAKE, /* queue it; it may wait and may be lost */
	INCOMING_ELSEWHERE, /* another shard owns it */
};

/* A sealed datagram on its way in, between parse() and received(). */
struct incoming {
	struct peer *peer;
	struct session *session;
	uint64_t counter, counter_limit;
	uint32_t wire_size; /* bytes of the datagram, for accounting */
	uint16_t shard;     /* with INCOMING_ELSEWHERE: the owner */
	uint8_t message;    /* not 0: what is inside is for message(), nothing for the TUN queue */
};

/* Authentic datagrams of one session that came in a row. */
struct received_run {
	uint32_t packets;      /* all, empty ones (keepalives) included */
	uint32_t data_packets; /* those with something inside that is no control frame */
	uint64_t wire_bytes;   /* sum of the datagrams' sizes */
	/* Of the last one that is no message; NULL: all are. */
	const struct endpoint *from;
	const struct udp_source *to;
	/* The one with the highest counter of its session so far, where that is no message. */
	const struct udp_received *newest; /* NULL: none */
};

/* A handshake datagram, copied out of the receive buffers. */
struct handshake_datagram {
	struct endpoint from;
	struct udp_source to;
	uint16_t size;
	uint8_t data[HANDSHAKE_DATAGRAM_MAX];
};

struct protocol_ops {
	const char *name;
	uint8_t front;        /* bytes of header before a sealed packet */
	uint8_t tail;         /* bytes behind it (the tag) */
	uint8_t padding_unit; /* packets are padded to a multiple of it, a power of two, ≤ the MTU */

	/* Finds the session of a datagram and prepares its opening in place. Changes nothing. */
	enum incoming_kind (*parse)(struct lane *lane, uint8_t *data, size_t size,
								struct incoming *out_incoming, struct aead_job *out_job);

	/* Takes one handshake datagram off the queue. */
	void (*handshake)(struct lane *lane, const struct handshake_datagram *datagram);

	/* After a run of authentic packets was opened: timers, roaming, key rotation. */
	void (*received)(struct lane *lane, struct peer *peer, struct session *session,
					 const struct received_run *run);

	/*
	 * The session for count packets that are about to leave, with room for so many counters; NULL
	 * when there is none: the packets are staged and wanted() is called.
	 */
	struct session *(*outgoing)(struct lane *lane, struct peer *peer, uint32_t count);
	void (*wanted)(struct lane *lane, struct peer *peer);

	/* Writes the header of packet counter at slot and completes the job (nonce, associated data).
	 */
	void (*frame)(struct lane *lane, const struct session *session, uint64_t counter, uint8_t *slot,
				  struct aead_job *job);

	/* After packets were queued: timers, rekeying. data is false for keepalives only. */
	void (*sent)(struct lane *lane, struct peer *peer, struct session *session, bool data);

	/*
	 * Where parse() names messages: an authentic one, not seen before. received() follows, also for
	 * those packets of the session that came before it in the same run.
	 */
	void (*message)(struct lane *lane, const struct incoming *incoming,
					const struct udp_received *origin, const uint8_t *data, size_t size);

	/*
	 * Optional: whether a packet from the peer, whose source is its own, may go on to the TUN
	 * queue. Asked for each packet.
	 */
	bool (*permits)(struct lane *lane, const struct peer *peer, const struct ip_packet *packet,
					const uint8_t *data);

	/*
	 * Optional, together: packets may also come over a peer's connection (engine/stream_link.h).
	 * The size of the one that begins at data, of which more may be missing than is there:
	 * ERR_AGAIN where too little is there to tell, any other error where it is none.
	 */
	enum err (*packet_size)(const uint8_t *data, size_t size, size_t *out_size);
	/* A connection has ended by itself; it is gone when this returns. */
	void (*link_lost)(struct lane *lane, struct peer *peer, struct stream_link *link);

	/* Optional: a control frame (wire/control_frame.h) came in the peer's session. */
	void (*control)(struct lane *lane, struct peer *peer, const uint8_t *data, size_t size);

	/* The peer's deadline has passed; sets the next one. */
	void (*expired)(struct lane *lane, struct peer *peer);

	/* Optional: nothing can be sent to the peer now, as this host has no way there. */
	void (*no_route)(struct lane *lane, struct peer *peer);

	/* The lane has another snapshot, the interface went up or down. */
	void (*reconfigured)(struct lane *lane, const struct snapshot *before);

	/* Per-lane state, in lane->protocol_state; at the end also what the lane's peers hold. */
	enum err (*lane_init)(struct lane *lane);
	void (*lane_done)(struct lane *lane);
};
