#include "tunnel/stream_tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/stream_figure.h"
#include "base/wipe.h"
#include "crypto/tls_client.h"
#include "crypto/x25519.h"
#include "proto/stream_protocol.h"
#include "tunnel/front_ends.h"
#include "tunnel/stream_packets.h"
#include "tunnel/stream_status.h"
#include "tunnel/uplink.h"

/* A client's end, whole: its front ends, its interface, and the uplink that their streams go by. */

/* What is made of the options, and made again with others. */
struct means {
	struct stream_identity *identity;
	struct tls_client *tls;
};

struct stream_tunnel {
	const struct stream_host *host;
	const struct stream_protocol *protocol;
	const struct stream_peers *peers;
	struct stream_options options;
	struct means means;
	uint8_t public_key[X25519_KEY_SIZE];
	struct uplink *uplink;
	struct front_ends *ends;
	struct stream_packets *packets; /* NULL: no interface, and below no server */
	struct packets_peer *packets_peer;
	uint8_t packets_key[X25519_KEY_SIZE]; /* of packets_peer */
	bool is_ending;                       /* drain() was called */
};

static const char *const application_protocols[] = {"h2", "http/1.1"};

static void means_done(const struct stream_tunnel *tunnel, struct means *means) {
	tunnel->protocol->identity_free(means->identity);
	tls_client_free(means->tls);
	*means = (struct means){.identity = NULL};
}

static enum err means_make(const struct stream_tunnel *tunnel, const struct stream_options *options,
						   struct means *out_means) {
	struct means means = {.identity = NULL};
	const struct tls_client_options tls = {
		.roots = options->roots ? slice_of_text(options->roots) : slice_of(NULL, 0),
		.pins = options->pins,
		.pin_count = options->pin_count,
		.protocols = application_protocols,
		.protocol_count = sizeof application_protocols / sizeof *application_protocols,
	};
	const char *fault = NULL;
	enum err error = tls_client_new(&tls, &means.tls, &fault);
	if (error && fault)
		log_error("%show the server's certificate is checked: %s", tunnel->host->prefix, fault);
	if (!error)
		error = tunnel->protocol->identity_new(options->private_key, &means.identity);
	if (error) {
		means_done(tunnel, &means);
		return error;
	}
	*out_means = means;
	return ERR_OK;
}

/* The options are the tunnel's already. */
static struct uplink_options uplink_options_of(const struct stream_tunnel *tunnel) {
	return (struct uplink_options){
		.host = tunnel->host,
		.protocol = tunnel->protocol,
		.identity = tunnel->means.identity,
		.tls = tunnel->means.tls,
		.name = tunnel->options.server_name,
		.path = tunnel->options.path,
		.cookie = tunnel->options.cookie,
		.shaping = tunnel->options.shaping,
		.connections = tunnel->options.connections,
	};
}

/* A client has one peer, its server. */
static const struct stream_peer *server_of(const struct stream_tunnel *tunnel) {
	return stream_peers_count(tunnel->peers) > 0 ? stream_peers_at(tunnel->peers, 0) : NULL;
}

/* Its stream is gone before its connections are. */
static void leave_packets(struct stream_tunnel *tunnel, const struct stream_peer *server) {
	if (server && tunnel->packets_peer &&
		memcmp(server->public_key, tunnel->packets_key, X25519_KEY_SIZE) == 0)
		return;
	packets_peer_free(tunnel->packets_peer);
	tunnel->packets_peer = NULL;
}

static void join_packets(struct stream_tunnel *tunnel, const struct stream_peer *server) {
	enum err error;
	if (!tunnel->packets || !server)
		return;
	memcpy(tunnel->packets_key, server->public_key, X25519_KEY_SIZE);
	if (tunnel->packets_peer)
		error =
			packets_peer_set(tunnel->packets_peer, server->allowed_ips, server->allowed_ip_count);
	else
		error = packets_peer_new(tunnel->packets, server->allowed_ips, server->allowed_ip_count,
								 &tunnel->packets_peer);
	if (error)
		log_error("%spackets of its interface go nowhere: %s", tunnel->host->prefix,
				  err_text(error));
}

static void client_peers(struct stream_tunnel *tunnel) {
	const struct stream_peer *server = server_of(tunnel);
	struct uplink_peer peer;
	if (tunnel->is_ending)
		return;
	if (server) {
		peer.endpoint = server->endpoint;
		memcpy(peer.public_key, server->public_key, sizeof peer.public_key);
	}
	leave_packets(tunnel, server);
	uplink_set_peer(tunnel->uplink, server ? &peer : NULL);
	join_packets(tunnel, server);
}

/* All that is new about its peers, client_peers() sees afterwards. */
static void client_removed(struct stream_tunnel *tunnel, struct stream_peer *peer) {
}

static void release(struct stream_tunnel *tunnel) {
	packets_peer_free(tunnel->packets_peer);
	stream_packets_free(tunnel->packets);
	front_ends_free(tunnel->ends);
	uplink_free(tunnel->uplink);
	means_done(tunnel, &tunnel->means);
	free(tunnel);
}

static void client_free(struct stream_tunnel *tunnel) {
	if (!tunnel)
		return;
	stream_options_done(&tunnel->options);
	release(tunnel);
}

/* Programs that ask meanwhile are told that there is no connection. */
static void client_drain(struct stream_tunnel *tunnel, bool now) {
	tunnel->is_ending = true;
	packets_peer_free(tunnel->packets_peer);
	tunnel->packets_peer = NULL;
	uplink_drain(tunnel->uplink, now);
}

static bool client_is_drained(const struct stream_tunnel *tunnel) {
	return uplink_is_drained(tunnel->uplink);
}

/* Of a second descriptor: the first is the caller's until all has succeeded. */
static enum err make_packets(struct stream_tunnel *tunnel,
							 const struct stream_tunnel_start *given) {
	if (given->queue < 0)
		return ERR_OK;
	auto_close int queue = fcntl(given->queue, F_DUPFD_CLOEXEC, 0);
	if (queue < 0)
		return err_from_errno(errno);
	const struct stream_packets_options options = {
		.host = tunnel->host,
		.queue = queue,
		.header = given->header,
		.tcp = given->tcp,
		.udp = given->udp,
		.uplink = tunnel->uplink,
	};
	enum err error = stream_packets_new(&options, &tunnel->packets);
	if (!error)
		(void)cleanup_steal_descriptor(&queue);
	return error;
}

static enum err start(struct stream_tunnel *tunnel, const struct stream_tunnel_start *given) {
	struct stream_options *options = &tunnel->options;
	enum err error = x25519_public(options->private_key, tunnel->public_key)
						 ?: means_make(tunnel, options, &tunnel->means);
	if (error)
		return error;
	const struct uplink_options uplink = uplink_options_of(tunnel);
	return uplink_new(&uplink, &tunnel->uplink)
			   ?: make_packets(tunnel, given)
			   ?: front_ends_new(tunnel->host, tunnel->uplink, options, given->listeners,
								 &tunnel->ends);
}

static enum err client_new(const struct stream_tunnel_start *given, struct stream_options *options,
						   struct stream_tunnel **out_tunnel) {
	if (options->role != STREAM_CLIENT || options->listener_count != given->listener_count)
		return ERR_INVALID;
	struct stream_tunnel *tunnel = calloc(1, sizeof *tunnel);
	if (!tunnel)
		return ERR_NO_MEMORY;
	*tunnel = (struct stream_tunnel){.host = given->host,
									 .protocol = given->protocol,
									 .peers = given->peers,
									 .options = *options};
	enum err error = start(tunnel, given);
	if (error) {
		wipe(&tunnel->options, sizeof tunnel->options); /* what it points to is the caller's */
		release(tunnel);
		return error;
	}
	wipe(options, sizeof *options);
	if (given->queue >= 0)
		(void)close(given->queue);
	client_peers(tunnel);
	*out_tunnel = tunnel;
	return ERR_OK;
}

/* Other options */

static bool texts_equal(const char *left, const char *right) {
	return strcmp(left ? left : "", right ? right : "") == 0;
}

/* Whether connections that were made with the one may stay with the other. */
static bool connections_equal(const struct stream_options *left,
							  const struct stream_options *right) {
	return wipe_equal(left->private_key, right->private_key, sizeof left->private_key) &&
		   left->shaping == right->shaping && texts_equal(left->cookie, right->cookie) &&
		   texts_equal(left->path, right->path) && left->connections == right->connections &&
		   texts_equal(left->server_name, right->server_name) &&
		   texts_equal(left->roots, right->roots) && left->pin_count == right->pin_count &&
		   memcmp(left->pins, right->pins, left->pin_count * sizeof left->pins[0]) == 0;
}

/* With other means the connections end, and with them what they were made with may go. */
static void replace(struct stream_tunnel *tunnel, struct stream_options *options,
					struct means *means) {
	struct stream_options before = tunnel->options;
	struct means means_before = tunnel->means;
	bool is_same = connections_equal(&before, options);
	tunnel->options = *options;
	wipe(options, sizeof *options);
	if (is_same) {
		means_done(tunnel, means);
	} else {
		tunnel->means = *means;
		const struct uplink_options uplink = uplink_options_of(tunnel);
		uplink_configure(tunnel->uplink, &uplink);
		means_done(tunnel, &means_before);
	}
	stream_options_done(&before);
	wipe(&before, sizeof before);
}

static enum err client_set(struct stream_tunnel *tunnel, struct stream_options *options) {
	struct means means;
	uint8_t public_key[X25519_KEY_SIZE];
	if (options->role != STREAM_CLIENT ||
		!stream_listeners_equal(options->listeners, options->listener_count,
								tunnel->options.listeners, tunnel->options.listener_count))
		return ERR_INVALID;
	enum err error =
		x25519_public(options->private_key, public_key) ?: means_make(tunnel, options, &means);
	if (error)
		return error;
	error = front_ends_set(tunnel->ends, options);
	if (error) {
		means_done(tunnel, &means);
		return error;
	}
	memcpy(tunnel->public_key, public_key, sizeof public_key);
	replace(tunnel, options, &means);
	return ERR_OK;
}

/* News of the surroundings */

static void client_network(struct stream_tunnel *tunnel) {
	uplink_hurry(tunnel->uplink);
}

static void client_link(struct stream_tunnel *tunnel) {
	if (tunnel->packets)
		stream_packets_retry(tunnel->packets);
}

static struct stream_figure_set count_all(const struct stream_tunnel *tunnel,
										  const struct uplink_figures *uplink) {
	struct stream_figure_set set = {.are_known = true};
	struct packets_figures packets = {.dropped = 0};
	if (tunnel->packets_peer)
		packets_peer_figures(tunnel->packets_peer, &packets);
	for (size_t i = 0; i < uplink->connection_count; i++)
		set.of[STREAM_FIGURE_STREAMS] += uplink->connections[i].streams;
	set.of[STREAM_FIGURE_CONNECTIONS] = uplink->connection_count;
	set.of[STREAM_FIGURE_ADMITTED] = uplink->made;
	set.of[STREAM_FIGURE_DECOYED] = uplink->declined;
	front_ends_count(tunnel->ends, &set);
	set.of[STREAM_FIGURE_PACKETS_DROPPED] = packets.dropped;
	return set;
}

/*
 * A connection that is open is one that was heard of: silence ends it (stream/mux.h). So it counts
 * as a handshake of now.
 */
static uint64_t handshake_of(const struct stream_tunnel *tunnel,
							 const struct uplink_figures *uplink) {
	if (uplink->heard_at == 0)
		return 0;
	return stream_host_wall_now(tunnel->host) - (stream_host_now(tunnel->host) - uplink->heard_at);
}

/* Why there is no connection; nothing is said of an attempt that has just begun. */
static void put_problem(const struct uplink_figures *figures, struct uapi_text *out_text) {
	static const uint64_t patience = 2 * CLOCK_SECOND;
	if (figures->connection_count > 0)
		return;
	if (figures->why[0])
		uapi_put_text(out_text, "problem", figures->why);
	else if (figures->dialling > patience)
		uapi_put_text(out_text, "problem", "it does not answer");
}

static void client_status(struct stream_tunnel *tunnel, struct uapi_text *out_text) {
	const struct stream_peer *server = server_of(tunnel);
	struct uplink_figures figures;
	uplink_figures(tunnel->uplink, &figures);
	const struct stream_figure_set all = count_all(tunnel, &figures);
	struct stream_peer_figure_set its = {.are_known = true};
	for (size_t i = 0; i < figures.connection_count; i++)
		stream_status_add(&its, &figures.connections[i]);
	uapi_put_key(out_text, "own_public_key", tunnel->public_key);
	stream_status_put(out_text, &all);
	put_problem(&figures, out_text);
	if (!server)
		return;
	uint64_t handshake = handshake_of(tunnel, &figures);
	uapi_put_key(out_text, "public_key", server->public_key);
	if (server->endpoint.address.family != ADDRESS_NONE)
		uapi_put_endpoint(out_text, "endpoint", &server->endpoint);
	uapi_put_number(out_text, "last_handshake_time_sec", handshake / CLOCK_SECOND);
	uapi_put_number(out_text, "last_handshake_time_nsec", handshake % CLOCK_SECOND);
	uapi_put_number(out_text, "tx_bytes", figures.sent);
	uapi_put_number(out_text, "rx_bytes", figures.received);
	stream_status_put_peer(out_text, &its);
	for (size_t i = 0; i < server->allowed_ip_count; i++)
		uapi_put_prefix(out_text, "allowed_ip", &server->allowed_ips[i]);
}

const struct stream_tunnel_ops stream_client_ops = {
	.new = client_new,
	.free = client_free,
	.drain = client_drain,
	.is_drained = client_is_drained,
	.set = client_set,
	.peers = client_peers,
	.removed = client_removed,
	.network = client_network,
	.link = client_link,
	.status = client_status,
};
