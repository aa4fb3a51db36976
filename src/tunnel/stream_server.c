#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wipe.h"
#include "crypto/tls_server.h"
#include "crypto/x25519.h"
#include "stream/quota.h"
#include "transport/tcp/tcp_acceptor.h"
#include "transport/tls/tls_stream.h"
#include "tunnel/connection_limit.h"
#include "tunnel/exits.h"
#include "tunnel/server_client.h"
#include "tunnel/stream_packets.h"
#include "tunnel/stream_status.h"
#include "tunnel/stream_tunnel.h"
#include "wire/decoy_link.h"
#include "wire/stream_settings.h"

/*
 * A server of streams: everybody who connects is a stranger (tunnel/carrier_accept.h) until a
 * handshake lets him in; then he is a client (tunnel/server_client.h), whose streams lead where his
 * rules let them (tunnel/exits.h). Nobody is let in twice by one handshake: until all that an
 * earlier run has seen was said, who connects waits in the kernel.
 */

static const char *const protocols[] = {"h2", "http/1.1"};

/* What the options come to; made whole, and exchanged as a whole. */
struct ready {
	struct stream_identity *identity;
	struct tls_server *tls;
	uint8_t public_key[X25519_KEY_SIZE];
};

struct stream_tunnel {
	const struct stream_host *host;
	const struct stream_protocol *protocol;
	struct stream_peers *peers;
	struct stream_options options;
	struct ready ready;
	struct allowed *allowed;
	bool is_allowed_stale; /* peers came or went */
	struct seen *seen;
	struct connection_limit *limit;
	struct exits *exits;
	struct quota *memory;
	struct list strangers;
	/* Descriptors before admit(), acceptors from then on. */
	int listeners[STREAM_LISTENERS_MAX];
	struct tcp_acceptor *acceptors[STREAM_LISTENERS_MAX];
	size_t listener_count;
	bool is_admitting;
	bool is_ending;                 /* drain() was called */
	struct stream_packets *packets; /* NULL: there is no interface */
	struct log_kind refused, broken;
	/* Of the server itself, and counters of clients that are gone. */
	struct stream_figure_set figures;
};

struct stranger {
	struct list link;
	struct stream_tunnel *server;
	struct carrier_accept *accept;
	struct endpoint from;
};

/* Options */

static void ready_done(const struct stream_protocol *protocol, struct ready *ready) {
	if (ready->identity)
		protocol->identity_free(ready->identity);
	tls_server_free(ready->tls);
	*ready = (struct ready){.tls = NULL};
}

static enum err ready_init(const struct stream_host *host, const struct stream_protocol *protocol,
						   const struct stream_options *options, struct ready *out_ready) {
	struct ready ready = {.tls = NULL};
	const struct tls_server_options tls = {
		.certificates = slice_of_text(options->certificates ?: ""),
		.key = slice_of_text(options->certificate_key ?: ""),
		.protocols = protocols,
		.protocol_count = sizeof protocols / sizeof protocols[0],
	};
	const char *fault = NULL;
	enum err error = tls_server_new(&tls, &ready.tls, &fault);
	if (error) {
		log_error("%stls: %s", host->prefix, fault ?: err_text(error));
		return error;
	}
	error = protocol->identity_new(options->private_key, &ready.identity)
				?: x25519_public(options->private_key, ready.public_key);
	if (error) {
		ready_done(protocol, &ready);
		return error;
	}
	*out_ready = ready;
	return ERR_OK;
}

/* Judging */

/* By key, which is the name here too: names of people may come twice. */
static enum err list_allowed(struct stream_tunnel *server) {
	const size_t count = stream_peers_count(server->peers);
	struct allowed_client *clients = calloc(count + 1, sizeof *clients);
	struct allowed *allowed = NULL;
	if (!clients)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		const struct stream_peer *peer = stream_peers_at(server->peers, i);
		memcpy(clients[i].public_key, peer->public_key, X25519_KEY_SIZE);
		text_key_encode(peer->public_key, clients[i].name);
	}
	enum err error = allowed_new(clients, count, server->host->random, NULL, &allowed);
	free(clients);
	if (error)
		return error;
	allowed_free(server->allowed);
	server->allowed = allowed;
	server->is_allowed_stale = false;
	return ERR_OK;
}

static enum err on_judge(void *context, const uint8_t *exporter, struct slice text,
						 struct stream_admitted *out_admitted) {
	struct stranger *stranger = context;
	struct stream_tunnel *server = stranger->server;
	/* A list that is too old may hold somebody who was shut out. */
	enum err error = server->is_allowed_stale ? list_allowed(server) : ERR_OK;
	if (error)
		return error;
	const struct stream_judge judge = {
		.identity = server->ready.identity,
		.allowed = server->allowed,
		.seen = server->seen,
		.random = server->host->random,
	};
	const uint64_t now = stream_host_wall_now(server->host) / CLOCK_MILLISECOND;
	error = server->protocol->admit(&judge, exporter, now, text,
									server->options.shaping != STREAM_SHAPING_NONE, out_admitted);
	/* Who asks with nothing is a visitor of the site. */
	if (error && text.size > 0 && out_admitted->verdict) {
		char from[ENDPOINT_TEXT_SIZE];
		endpoint_format(&stranger->from, from);
		log_limited(&server->refused, LOG_DEBUG, "%s%s is not let in: %s", server->host->prefix,
					from, out_admitted->verdict);
	}
	return error;
}

/* Clients that go: what was counted of them stays. */
static void drop_client(struct stream_tunnel *server, struct server_client *client) {
	struct stream_figure_set figures = {.are_known = true};
	if (!client)
		return;
	server_client_count(client, &figures);
	for (enum stream_figure i = 0; i < STREAM_FIGURE_COUNT; i++)
		if (stream_figure_kind(i) == FIGURE_COUNTER)
			server->figures.of[i] += figures.of[i];
	server_client_free(client);
}

/* Strangers */

static void stranger_free(struct stranger *stranger) {
	connection_limit_leave(stranger->server->limit, &stranger->from.address);
	list_remove(&stranger->link);
	carrier_accept_free(stranger->accept);
	free(stranger);
}

static enum err client_of(struct stream_tunnel *server, const uint8_t public_key[X25519_KEY_SIZE],
						  struct server_client **out_client) {
	struct stream_peer *peer = stream_peers_find(server->peers, public_key);
	if (!peer)
		return ERR_NOT_FOUND; /* he was removed since he was let in */
	if (peer->owner) {
		*out_client = peer->owner;
		return ERR_OK;
	}
	const struct server_client_setup setup = {
		.host = server->host,
		.options = &server->options,
		.exits = server->exits,
		.memory = server->memory,
		.packets = server->packets,
		.peer = peer,
	};
	return server_client_new(&setup, out_client);
}

static void on_taken(void *context, struct carrier_accept *accept,
					 const struct carrier_accepted *accepted) {
	struct stranger *stranger = context;
	struct stream_tunnel *server = stranger->server;
	struct server_client *client = NULL;
	enum err error = client_of(server, accepted->client, &client);
	if (error)
		tls_stream_abort(accepted->tls);
	else
		error = server_client_take(client, accepted);
	server->figures.of[STREAM_FIGURE_ADMITTED] += error == ERR_OK;
	if (error && error != ERR_NOT_FOUND)
		log_limited(&server->broken, LOG_WARNING, "%sa client's connection: %s",
					server->host->prefix, err_text(error));
	stranger_free(stranger);
}

static void on_ended(void *context, struct carrier_accept *accept) {
	struct stranger *stranger = context;
	stranger->server->figures.of[STREAM_FIGURE_DECOYED] += carrier_accept_is_shown(accept);
	stranger_free(stranger);
}

static const struct carrier_accept_ops accept_ops = {
	.judge = on_judge,
	.taken = on_taken,
	.ended = on_ended,
};

/* Of that source the one that has said nothing for longest goes. Whether there is one. */
static bool make_room(struct stream_tunnel *server, const struct address *crowded) {
	struct stranger *silent = NULL;
	uint64_t since = CARRIER_ACCEPT_STAYS;
	list_for_each (link, &server->strangers) {
		struct stranger *stranger = list_item(link, struct stranger, link);
		const uint64_t at = carrier_accept_silent_since(stranger->accept);
		if (at >= since || !connection_limit_is_one(&stranger->from.address, crowded))
			continue;
		silent = stranger;
		since = at;
	}
	if (!silent)
		return false;
	server->figures.of[STREAM_FIGURE_DECLINED]++;
	carrier_accept_dismiss(silent->accept);
	return true;
}

/* Whether there is a place, which is then taken. */
static bool enter(struct stream_tunnel *server, const struct address *from) {
	struct address crowded;
	switch (connection_limit_enter(server->limit, from, stream_host_now(server->host), &crowded)) {
	case CONNECTION_LIMIT_ENTERED:
		return true;
	case CONNECTION_LIMIT_INSTEAD:
		if (make_room(server, &crowded))
			return true;
		connection_limit_leave(server->limit, from);
		return false;
	case CONNECTION_LIMIT_REFUSED:
		break;
	}
	return false;
}

static void on_accepted(void *context, int descriptor, const struct endpoint *from) {
	struct stream_tunnel *server = context;
	server->figures.of[STREAM_FIGURE_ACCEPTED]++;
	if (!enter(server, &from->address)) {
		server->figures.of[STREAM_FIGURE_DECLINED]++;
		(void)close(descriptor);
		return;
	}
	struct stranger *stranger = calloc(1, sizeof *stranger);
	if (!stranger) {
		connection_limit_leave(server->limit, &from->address);
		(void)close(descriptor);
		return;
	}
	*stranger = (struct stranger){.server = server, .from = *from};
	list_append(&server->strangers, &stranger->link);
	const struct carrier_accept_setup setup = {
		.host = server->host,
		.ops = &accept_ops,
		.context = stranger,
		.descriptor = descriptor,
		.from = *from,
		.server = server->ready.tls,
		.exporter_label = server->protocol->exporter_label,
	};
	enum err error = carrier_accept_new(&setup, &stranger->accept);
	if (!error)
		return;
	log_limited(&server->broken, LOG_WARNING, "%sa connection: %s", server->host->prefix,
				err_text(error));
	stranger_free(stranger);
}

/* Its life */

static void end_connections(struct stream_tunnel *server) {
	for (size_t i = 0; i < stream_peers_count(server->peers); i++) {
		struct stream_peer *peer = stream_peers_at(server->peers, i);
		drop_client(server, peer->owner);
	}
	list_for_each (link, &server->strangers)
		stranger_free(list_item(link, struct stranger, link));
}

static void close_listeners(struct stream_tunnel *server) {
	for (size_t i = 0; i < server->listener_count; i++) {
		tcp_acceptor_free(server->acceptors[i]);
		server->acceptors[i] = NULL;
		if (server->listeners[i] >= 0)
			(void)close(server->listeners[i]);
		server->listeners[i] = -1;
	}
}

/* As a web server that is stopped, it has no time for strangers. */
static void server_drain(struct stream_tunnel *server, bool now) {
	/* The privileged process has these sockets, too: the kernel would go on taking connections. */
	for (size_t i = 0; i < server->listener_count; i++)
		tcp_acceptor_refuse(server->acceptors[i]);
	server->is_ending = true;
	close_listeners(server);
	list_for_each (link, &server->strangers)
		stranger_free(list_item(link, struct stranger, link));
	for (size_t i = 0; i < stream_peers_count(server->peers); i++) {
		const struct stream_peer *peer = stream_peers_at(server->peers, i);
		if (peer->owner)
			server_client_drain(peer->owner, now);
	}
}

static bool server_is_drained(const struct stream_tunnel *server) {
	for (size_t i = 0; i < stream_peers_count(server->peers); i++) {
		const struct stream_peer *peer = stream_peers_at(server->peers, i);
		if (peer->owner && !server_client_is_drained(peer->owner))
			return false;
	}
	return true;
}

static void server_done(struct stream_tunnel *server) {
	stream_packets_free(server->packets);
	exits_free(server->exits);
	quota_free(server->memory);
	connection_limit_free(server->limit);
	seen_free(server->seen);
	allowed_free(server->allowed);
	ready_done(server->protocol, &server->ready);
	free(server);
}

static void server_free(struct stream_tunnel *server) {
	if (!server)
		return;
	close_listeners(server);
	end_connections(server);
	stream_options_done(&server->options);
	server_done(server);
}

static enum err packets_init(struct stream_tunnel *server,
							 const struct stream_tunnel_start *start) {
	const struct stream_packets_options options = {
		.host = start->host,
		.queue = start->queue,
		.header = start->header,
		.tcp = start->tcp,
		.udp = start->udp,
	};
	return stream_packets_new(&options, &server->packets);
}

/* What may be unread: of the memory for streams' bytes two thirds, as a third may be unsent. */
static size_t memory_of(const struct stream_options *options) {
	const uint64_t bytes = (uint64_t)(options->memory ?: STREAM_MEMORY_DEFAULT) << 20;
	return bytes / 3 * 2 < SIZE_MAX ? (size_t)(bytes / 3 * 2) : SIZE_MAX;
}

static enum err server_new(const struct stream_tunnel_start *start, struct stream_options *options,
						   struct stream_tunnel **out_tunnel) {
	if (options->role != STREAM_SERVER || start->listener_count != options->listener_count ||
		start->listener_count > STREAM_LISTENERS_MAX)
		return ERR_INVALID;
	struct stream_tunnel *server = calloc(1, sizeof *server);
	if (!server)
		return ERR_NO_MEMORY;
	server->host = start->host;
	server->protocol = start->protocol;
	server->peers = start->peers;
	list_init(&server->strangers);
	enum err error = ready_init(start->host, start->protocol, options, &server->ready)
						 ?: seen_new(start->host->random, &server->seen)
						 ?: connection_limit_new(&server->limit)
						 ?: quota_new(memory_of(options), NULL, &server->memory)
						 ?: exits_new(start->host, exits_places(), &server->exits) ?: list_allowed(server);
	/* The last that may fail: it takes the interface's queue. */
	if (!error && start->queue >= 0)
		error = packets_init(server, start);
	if (error) {
		server_done(server);
		return error;
	}
	memcpy(server->listeners, start->listeners, start->listener_count * sizeof(int));
	server->listener_count = start->listener_count;
	server->options = *options;
	*options = (struct stream_options){.role = STREAM_SERVER};
	*out_tunnel = server;
	return ERR_OK;
}

static void refresh_clients(struct stream_tunnel *server, bool all) {
	for (size_t i = 0; i < stream_peers_count(server->peers); i++) {
		struct stream_peer *peer = stream_peers_at(server->peers, i);
		enum err error = peer->owner ? server_client_refresh(peer->owner, all) : ERR_OK;
		if (!error)
			continue;
		/* Not with rights that he may not have any more. */
		log_error("%srules of %s: %s", server->host->prefix, peer->name, err_text(error));
		drop_client(server, peer->owner);
	}
}

static enum err server_set(struct stream_tunnel *server, struct stream_options *options) {
	struct ready ready;
	if (options->role != STREAM_SERVER ||
		!stream_listeners_equal(options->listeners, options->listener_count,
								server->options.listeners, server->options.listener_count) ||
		options->interface != server->options.interface)
		return ERR_INVALID;
	enum err error = ready_init(server->host, server->protocol, options, &ready);
	if (error)
		return error;
	/* Whoever was let in by another key is let in again, or not. */
	if (!wipe_equal(server->options.private_key, options->private_key, X25519_KEY_SIZE))
		end_connections(server);
	ready_done(server->protocol, &server->ready);
	server->ready = ready;
	stream_options_done(&server->options);
	server->options = *options;
	*options = (struct stream_options){.role = STREAM_SERVER};
	quota_set_limit(server->memory, memory_of(&server->options));
	refresh_clients(server, true);
	return ERR_OK;
}

static void server_peers(struct stream_tunnel *server) {
	server->is_allowed_stale = true;
	refresh_clients(server, false);
}

static void server_removed(struct stream_tunnel *server, struct stream_peer *peer) {
	server->is_allowed_stale = true;
	drop_client(server, peer->owner);
}

static enum err server_seen(struct stream_tunnel *server, struct slice bytes) {
	struct decoy_link_entry entry;
	enum err error = decoy_link_decode_entry(bytes, &entry);
	if (error)
		return error;
	struct seen_entry seen = {.timestamp = entry.timestamp};
	memcpy(seen.client, entry.client, sizeof seen.client);
	memcpy(seen.random, entry.random, sizeof seen.random);
	return seen_import(server->seen, &seen, stream_host_wall_now(server->host) / CLOCK_MILLISECOND);
}

static void server_admit(struct stream_tunnel *server) {
	if (server->is_admitting || server->is_ending)
		return;
	server->is_admitting = true;
	for (size_t i = 0; i < server->listener_count; i++) {
		const struct tcp_acceptor_options options = {
			.loop = server->host->loop,
			.descriptor = server->listeners[i],
			.accepted = on_accepted,
			.context = server,
		};
		server->listeners[i] = -1;
		enum err error = tcp_acceptor_new(&options, &server->acceptors[i]);
		if (error)
			log_error("%slistener %zu: %s", server->host->prefix, i, err_text(error));
	}
}

static void server_network(struct stream_tunnel *server) {
}

static void server_link(struct stream_tunnel *server) {
	if (server->packets)
		stream_packets_retry(server->packets);
}

static void put_peer(const struct stream_peer *peer, struct uapi_text *out_text) {
	uapi_put_key(out_text, "public_key", peer->public_key);
	uapi_put_number(out_text, "protocol_version", 1);
	if (peer->owner)
		server_client_status(peer->owner, out_text);
	for (size_t i = 0; i < peer->allowed_ip_count; i++)
		uapi_put_prefix(out_text, "allowed_ip", &peer->allowed_ips[i]);
}

static void server_status(struct stream_tunnel *server, struct uapi_text *out_text) {
	uapi_put_key(out_text, "own_public_key", server->ready.public_key);
	if (server->listener_count > 0)
		uapi_put_number(out_text, "listen_port", server->options.listeners[0].at.port);
	struct stream_figure_set figures = server->figures;
	figures.are_known = true;
	for (size_t i = 0; i < stream_peers_count(server->peers); i++) {
		const struct stream_peer *peer = stream_peers_at(server->peers, i);
		if (peer->owner)
			server_client_count(peer->owner, &figures);
	}
	stream_status_put(out_text, &figures);
	for (size_t i = 0; i < stream_peers_count(server->peers); i++)
		put_peer(stream_peers_at(server->peers, i), out_text);
}

const struct stream_tunnel_ops stream_server_ops = {
	.new = server_new,
	.free = server_free,
	.drain = server_drain,
	.is_drained = server_is_drained,
	.set = server_set,
	.peers = server_peers,
	.removed = server_removed,
	.seen = server_seen,
	.admit = server_admit,
	.network = server_network,
	.link = server_link,
	.status = server_status,
};
