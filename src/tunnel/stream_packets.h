#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "wire/stream_frame.h"

/*
 * IP packets of a tunnel of streams: between its interface and one stream (TARGET_PACKETS) a peer.
 *
 *     the interface ─ destination: longest prefix ─▶ the peer's stream, or dropped
 *     the interface ◀─ source: within the peer's prefixes, else dropped ─ a peer's stream
 *
 * A client has one peer, its server, to whom it keeps a stream open (tunnel/packet_uplink.h); while
 * that takes no more the interface is not read. A server's peers open theirs; who of them takes no
 * more loses packets, and the others none.
 */

struct carrier;
struct mux_stream;
struct packets_peer;
struct stream_host;
struct stream_packets;
struct uplink;

struct stream_packets_options {
	const struct stream_host *host;
	int queue;             /* of the interface; taken over on success */
	bool header, tcp, udp; /* as of stream_tunnel_start */
	struct uplink *uplink; /* a client's; NULL: a server */
};

/* ERR_NO_MEMORY, or what the loop says. */
enum err stream_packets_new(const struct stream_packets_options *options,
							struct stream_packets **out_packets);
/* Its peers are freed before. NULL-safe. */
void stream_packets_free(struct stream_packets *packets);

/* The interface has another state than before. */
void stream_packets_retry(struct stream_packets *packets);

/*
 * A peer, with the prefixes that are his, which are copied. Of equal prefixes of several peers the
 * last one set counts. A client opens its stream now, and again whenever it ends.
 */
enum err packets_peer_new(struct stream_packets *packets, const struct prefix *prefixes,
						  size_t count, struct packets_peer **out_peer);
/* Resets his stream: to be called before its carrier is freed. NULL-safe. */
void packets_peer_free(struct packets_peer *peer);
/* ERR_NO_MEMORY: some of his prefixes may lead nowhere until it succeeds. */
enum err packets_peer_set(struct packets_peer *peer, const struct prefix *prefixes, size_t count);

/*
 * A server's, to be called from carrier_ops.opened for TARGET_PACKETS. The stream takes the place
 * of the one before, which is reset.
 */
enum stream_error packets_peer_open(struct packets_peer *peer, struct carrier *carrier,
									struct mux_stream *stream);
/* The carrier is about to be freed while it has streams. Not needed after carrier_ops.closed. */
void packets_peer_leave(struct packets_peer *peer, const struct carrier *carrier);

struct packets_figures {
	bool is_open;            /* there is a stream */
	uint64_t received, sent; /* packets of and to the peer */
	uint64_t received_bytes, sent_bytes;
	uint64_t strange; /* received ones with a source that is not his, or that are no packets */
	uint64_t dropped; /* that his stream did not take, or without a stream */
};
void packets_peer_figures(const struct packets_peer *peer, struct packets_figures *out_figures);
