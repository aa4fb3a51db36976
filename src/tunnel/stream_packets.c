#include "tunnel/stream_packets.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "engine/trie.h"
#include "stream/mux.h"
#include "tunnel/carrier.h"
#include "tunnel/packet_stream.h"
#include "tunnel/packet_uplink.h"
#include "tunnel/stream_host.h"
#include "tunnel/tun_port.h"
#include "wire/ip.h"

struct stream_packets {
	struct stream_packets_options options;
	struct tun_port *port;
	struct trie *trie;            /* of packets_peer */
	const struct trie_view *view; /* of it as it is now; NULL: to be made */
};

struct packets_peer {
	struct stream_packets *packets;
	struct prefix *prefixes;
	size_t count;
	struct packet_stream *stream; /* NULL: none */
	struct packet_uplink *uplink; /* a client's */
	struct packets_figures figures;
};

/* The table */

static void changed(struct stream_packets *packets) {
	if (packets->view)
		trie_view_release(packets->trie, packets->view);
	packets->view = NULL;
}

static struct packets_peer *find(struct stream_packets *packets, uint8_t family,
								 const uint8_t *address) {
	if (!packets->view && trie_publish(packets->trie, &packets->view)) {
		packets->view = NULL;
		return NULL;
	}
	return family == ADDRESS_V4 ? trie_lookup_v4(packets->view, address)
								: trie_lookup_v6(packets->view, address);
}

/* Those that are still his. */
static void take_away(struct packets_peer *peer) {
	struct trie *trie = peer->packets->trie;
	changed(peer->packets);
	for (size_t i = 0; i < peer->count; i++)
		if (trie_find(trie, &peer->prefixes[i]) == peer)
			(void)!trie_remove(trie, &peer->prefixes[i]);
	free(peer->prefixes);
	peer->prefixes = NULL;
	peer->count = 0;
}

enum err packets_peer_set(struct packets_peer *peer, const struct prefix *prefixes, size_t count) {
	struct prefix *copy = calloc(count > 0 ? count : 1, sizeof *copy);
	if (!copy)
		return ERR_NO_MEMORY;
	if (count > 0)
		memcpy(copy, prefixes, count * sizeof *copy);
	take_away(peer);
	peer->prefixes = copy;
	peer->count = count;
	enum err error = ERR_OK;
	for (size_t i = 0; i < count && !error; i++)
		error = trie_insert(peer->packets->trie, &copy[i], peer);
	return error;
}

/* From the interface */

static void on_port_packet(void *context, const uint8_t *data, size_t size) {
	struct stream_packets *packets = context;
	struct ip_packet packet;
	if (ip_parse(data, size, &packet))
		return;
	struct packets_peer *peer = find(packets, packet.family, packet.destination);
	if (!peer)
		return;
	enum err error = peer->stream ? packet_stream_put(peer->stream, data, packet.size) : ERR_CLOSED;
	if (error) {
		peer->figures.dropped++;
		return;
	}
	peer->figures.sent++;
	peer->figures.sent_bytes += packet.size;
	/* What is early does not stop the interface, which would keep packets of long ago. */
	if (peer->uplink && packet_stream_carrier(peer->stream) &&
		packet_stream_waiting(peer->stream) > 0)
		tun_port_pause(packets->port, true);
}

/* From the stream */

static void on_packet(void *context, uint8_t *data, size_t size) {
	struct packets_peer *peer = context;
	struct ip_packet packet;
	if (ip_parse(data, size, &packet) ||
		find(peer->packets, packet.family, packet.source) != peer) {
		peer->figures.strange++;
		return;
	}
	peer->figures.received++;
	peer->figures.received_bytes += packet.size;
	tun_port_write(peer->packets->port, data, packet.size);
}

static void on_come(void *context) {
	const struct packets_peer *peer = context;
	tun_port_flush(peer->packets->port);
}

static void on_drained(void *context) {
	const struct packets_peer *peer = context;
	if (peer->uplink)
		tun_port_pause(peer->packets->port, false);
}

static void on_connected(void *context) {
	struct packets_peer *peer = context;
	peer->figures.is_open = true;
	packet_uplink_connected(peer->uplink);
}

/* His stream is gone, or will not be. */
static void let_go(struct packets_peer *peer) {
	packet_stream_free(peer->stream);
	peer->stream = NULL;
	peer->figures.is_open = false;
	on_drained(peer);
}

static void on_ended(void *context, uint32_t error) {
	(void)error;
	struct packets_peer *peer = context;
	let_go(peer);
	if (peer->uplink)
		packet_uplink_ended(peer->uplink);
}

static const struct packet_stream_ops stream_ops = {.connected = on_connected,
													.packet = on_packet,
													.come = on_come,
													.drained = on_drained,
													.ended = on_ended};

/* A client's */

static struct packet_stream *make(void *context) {
	struct packets_peer *peer = context;
	return packet_stream_new(&stream_ops, peer, &peer->stream) ? NULL : peer->stream;
}

static void on_refused(void *context) {
	let_go(context);
}

/* A server's */

enum stream_error packets_peer_open(struct packets_peer *peer, struct carrier *carrier,
									struct mux_stream *stream) {
	struct packet_stream *fresh;
	if (packet_stream_new(&stream_ops, peer, &fresh))
		return STREAM_ERROR_INTERNAL;
	let_go(peer);
	peer->stream = fresh;
	peer->figures.is_open = true;
	packet_stream_begin(fresh, carrier, stream);
	mux_stream_connected(stream);
	carrier_touch(carrier);
	return STREAM_ERROR_NONE;
}

void packets_peer_leave(struct packets_peer *peer, const struct carrier *carrier) {
	if (peer->stream && packet_stream_carrier(peer->stream) == carrier) {
		let_go(peer);
		if (peer->uplink)
			packet_uplink_ended(peer->uplink);
	}
}

/* Their lives */

enum err packets_peer_new(struct stream_packets *packets, const struct prefix *prefixes,
						  size_t count, struct packets_peer **out_peer) {
	struct packets_peer *peer = calloc(1, sizeof *peer);
	if (!peer)
		return ERR_NO_MEMORY;
	peer->packets = packets;
	enum err error = packets_peer_set(peer, prefixes, count);
	if (!error && packets->options.uplink) {
		struct packet_uplink_options options = {.host = packets->options.host,
												.uplink = packets->options.uplink,
												.make = make,
												.refused = on_refused,
												.context = peer};
		error = packet_uplink_new(&options, &peer->uplink);
	}
	if (error) {
		packets_peer_free(peer);
		return error;
	}
	*out_peer = peer;
	return ERR_OK;
}

void packets_peer_free(struct packets_peer *peer) {
	if (!peer)
		return;
	packet_uplink_free(peer->uplink);
	let_go(peer);
	take_away(peer);
	free(peer);
}

void packets_peer_figures(const struct packets_peer *peer, struct packets_figures *out_figures) {
	*out_figures = peer->figures;
}

enum err stream_packets_new(const struct stream_packets_options *options,
							struct stream_packets **out_packets) {
	struct stream_packets *packets = calloc(1, sizeof *packets);
	if (!packets)
		return ERR_NO_MEMORY;
	packets->options = *options;
	struct tun_port_options port = {.host = options->host,
									.descriptor = options->queue,
									.header = options->header,
									.tcp = options->tcp,
									.udp = options->udp,
									.packet = on_port_packet,
									.context = packets};
	enum err error = trie_new(&packets->trie);
	if (!error)
		error = tun_port_new(&port, &packets->port);
	if (error) {
		trie_free(packets->trie);
		free(packets);
		return error;
	}
	*out_packets = packets;
	return ERR_OK;
}

void stream_packets_free(struct stream_packets *packets) {
	if (!packets)
		return;
	tun_port_free(packets->port);
	changed(packets);
	trie_free(packets->trie);
	free(packets);
}

void stream_packets_retry(struct stream_packets *packets) {
	tun_port_retry(packets->port);
}
