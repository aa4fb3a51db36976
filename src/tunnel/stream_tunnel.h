#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "tunnel/stream_host.h"
#include "tunnel/stream_options.h"
#include "tunnel/stream_peers.h"

/*
 * One end of a tunnel of streams, whole: a server (stream_server.c) or a client (stream_client.c).
 * Made when its first options have come, by the tunnel's thread, which makes all calls.
 */

struct stream_protocol;
struct uapi_text;

/* Opaque: belongs to who implements stream_tunnel_ops. */
struct stream_tunnel;

struct stream_tunnel_start {
	const struct stream_host *host; /* outlives the tunnel, as the next two do */
	const struct stream_protocol *protocol;
	struct stream_peers *peers; /* the owner changes it: see peers() */
	/* In the order of the options' listeners, as many; non-blocking. */
	const int *listeners;
	size_t listener_count;
	int queue;             /* of the interface; -1: there is none */
	bool header, tcp, udp; /* how it was opened: packets with a virtio header, TSO, USO */
};

struct stream_tunnel_ops {
	/*
	 * Takes listeners and queue over when it succeeds, and what the options have, which are
	 * empty then: *options is zeroed. On failure all is the caller's.
	 */
	enum err (*new)(const struct stream_tunnel_start *start, struct stream_options *options,
					struct stream_tunnel **out_tunnel);
	/* Ends all streams and connections. */
	void (*free)(struct stream_tunnel *tunnel);
	/*
	 * Before free(): nobody is let in and no connection made any more, and those that are there say
	 * so and close when their streams have ended. Called again with now, they close without waiting
	 * for that, in order.
	 */
	void (*drain)(struct stream_tunnel *tunnel, bool now);
	/* Whether nothing is left that free() would cut off. */
	bool (*is_drained)(const struct stream_tunnel *tunnel);
	/*
	 * Other options, taken over and zeroed on success, of the same role and with the same
	 * listeners: otherwise, and for what cannot be used (a certificate), ERR_INVALID or another
	 * error, and those of before stay.
	 */
	enum err (*set)(struct stream_tunnel *tunnel, struct stream_options *options);
	/* Peers came or changed; those that go were told before. */
	void (*peers)(struct stream_tunnel *tunnel);
	void (*removed)(struct stream_tunnel *tunnel, struct stream_peer *peer);
	/* Optional, a server's: a handshake that an earlier run has seen, as wire/decoy_link.h's entry.
	 */
	enum err (*seen)(struct stream_tunnel *tunnel, struct slice entry);
	/* Optional: all of these were said; until then nobody is served. Repeated: nothing happens. */
	void (*admit)(struct stream_tunnel *tunnel);
	/* Routes or addresses of the host changed, or it slept. */
	void (*network)(struct stream_tunnel *tunnel);
	/* The interface's state changed. */
	void (*link)(struct stream_tunnel *tunnel);
	/* The lines that answer a get operation, without any secret: its own, then its peers'. */
	void (*status)(struct stream_tunnel *tunnel, struct uapi_text *out_text);
};

/* stream_server.c, stream_client.c */
extern const struct stream_tunnel_ops stream_server_ops;
extern const struct stream_tunnel_ops stream_client_ops;
