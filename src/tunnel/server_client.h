#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "tunnel/carrier_accept.h"
#include "tunnel/stream_peers.h"

/*
 * A server's client who has been let in at least once: his connections, and what he may do with
 * them. A handshake can be forged by whoever stole the server's key, so a connection counts only
 * from the first frame that opens; until then it can take no other's place.
 */

struct exits;
struct quota;
struct server_client;
struct stream_figure_set;
struct stream_host;
struct stream_options;
struct stream_packets;
struct uapi_text;

enum {
	SERVER_CLIENT_CARRIERS_MAX = 12, /* that are proved; beyond, the oldest is drained */
	SERVER_CLIENT_UNPROVED_MAX = 6,  /* beyond, the oldest of these ends */
};

struct server_client_setup {
	const struct stream_host *host;       /* outlives it, as all of these do */
	const struct stream_options *options; /* the owner changes them: see _refresh() */
	struct exits *exits;
	struct quota *memory;           /* of all clients */
	struct stream_packets *packets; /* NULL: there is no interface */
	struct stream_peer *peer;       /* becomes its owner */
};

/* ERR_NO_MEMORY, or ERR_LIMIT for more rules than there can be. */
enum err server_client_new(const struct server_client_setup *setup,
						   struct server_client **out_client);
/* Ends his connections, and is no longer the peer's owner. NULL-safe. */
void server_client_free(struct server_client *client);
/* They close when their streams have ended, that of an interface's packets at once; or now. */
void server_client_drain(struct server_client *client, bool now);
bool server_client_is_drained(const struct server_client *client);

/* Another connection of his, which becomes a carrier. On failure it is reset. */
enum err server_client_take(struct server_client *client, const struct carrier_accepted *accepted);

/*
 * The peer may have changed, or (all true) the options. ERR_NO_MEMORY, ERR_LIMIT: what was allowed
 * before still is.
 */
enum err server_client_refresh(struct server_client *client, bool all);

/* What he has, and what his streams came to, is added. */
void server_client_count(const struct server_client *client, struct stream_figure_set *figures);
/* The lines behind public_key: endpoint, handshake, bytes, streams. */
void server_client_status(const struct server_client *client, struct uapi_text *out_text);
