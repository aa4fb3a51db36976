#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/figure.h"
#include "base/stream_figure.h"
#include "base/text.h"

/*
 * What the control API says, version 1: one structure an object, with its JSON written and read
 * side by side (view_*.c). doc/api.md shows every object. Absent values are null in JSON.
 */

enum { VIEW_API_VERSION = 1, VIEW_PEERS_SHOWN = 50, VIEW_RULES_MAX = (64 << 10) - 1 /* bytes */ };

enum view_peer_state {
	VIEW_PEER_IDLE,       /* never a handshake, and nothing to send to it */
	VIEW_PEER_RESOLVING,  /* the endpoint's name has no address yet */
	VIEW_PEER_CONNECTING, /* handshakes go unanswered */
	VIEW_PEER_CONNECTED,  /* a handshake within the last 180 s */
	VIEW_PEER_QUIET,      /* the last one is older */
	VIEW_PEER_STATE_COUNT,
};
const char *view_peer_state_name(enum view_peer_state state); /* "idle", "resolving", … */

/* One of the ways that a client has to its server. */
struct view_path {
	struct endpoint endpoint;
	uint32_t round_trip; /* us; 0: nothing came back yet */
};

enum { VIEW_PATHS_MAX = 8 };

struct view_peer {
	char *tunnel; /* heap texts belong to the structure */
	char *name;
	char *origin; /* "file", "store", "wg" (neither: made through its socket) */
	uint8_t public_key[TEXT_KEY_SIZE];
	bool has_preshared_key;
	bool is_identity; /* the public key is none, but what the peer is called by */
	enum view_peer_state state;
	char *reason;             /* for a person; NULL: nothing to add */
	char *endpoint_name;      /* as configured, "vpn.example.org:51820"; NULL */
	struct endpoint endpoint; /* in use; ADDRESS_NONE: none */
	struct prefix *allowed_ips;
	size_t allowed_ip_count;
	uint16_t persistent_keepalive;
	uint16_t path_mtu; /* bytes of a packet inside that the path carries; 0: no limit found */
	size_t path_count;
	struct view_path paths[VIEW_PATHS_MAX];
	uint64_t latest_handshake; /* seconds since the Unix epoch, 0: never */
	uint64_t received, sent;   /* bytes */
	struct stream_peer_figure_set streams;
	char *rules; /* of its streams, one a line; NULL: none */
};

enum view_tunnel_state { VIEW_DOWN, VIEW_STARTING, VIEW_UP, VIEW_FAILED, VIEW_TUNNEL_STATE_COUNT };
const char *view_tunnel_state_name(enum view_tunnel_state state); /* "down", "starting", … */

/* What a tunnel's shards have counted since it came up, or since their process was started. */
struct view_data_path {
	char *aead; /* the back end: "openssl", "ipsec-mb" */
	bool has_tun_queue_drops;
	uint64_t tun_queue_drops; /* by the kernel, since the interface was made */
	size_t shard_count;
	struct figure_set shards[FIGURE_SHARDS_MAX];
};
void view_data_path_free(struct view_data_path *path); /* NULL-safe */
struct figure_set view_data_path_sum(const struct view_data_path *path);
/* Whether all shards have the flag. */
bool view_data_path_has(const struct view_data_path *path, enum figure flag);

/* What a tunnel's server gives its interface, as far as it was taken. */
struct view_pushed {
	struct prefix *addresses, *routes;
	size_t address_count, route_count;
	struct address *dns;
	size_t dns_count;
	char *search; /* domains, one a line; NULL: none */
	uint16_t mtu; /* 0: not said */
};
void view_pushed_free(struct view_pushed *pushed); /* NULL-safe */

enum view_kill_switch {
	VIEW_KILL_SWITCH_OFF,
	VIEW_KILL_SWITCH_ON,
	VIEW_KILL_SWITCH_BLOCKING, /* the tunnel is not up, and nothing leaves past it */
	VIEW_KILL_SWITCH_COUNT,
};
const char *view_tunnel_kill_switch_name(enum view_kill_switch kill_switch); /* "off", … */

/* How logins ended; only metrics tell. */
enum view_login {
	VIEW_LOGIN_ACCEPTED,
	VIEW_LOGIN_CREDENTIALS,
	VIEW_LOGIN_BUSY,
	VIEW_LOGIN_EXPIRED,
	VIEW_LOGIN_QUOTA,
	VIEW_LOGIN_DEVICES,
	VIEW_LOGIN_ADDRESS,
	VIEW_LOGIN_COUNT,
};

struct view_logins {
	bool are_known; /* it is a server whose clients log in */
	uint64_t of[VIEW_LOGIN_COUNT];
	uint64_t waiting;
};

struct view_tunnel {
	char *name;
	char *protocol;
	char *username; /* who logs in to its server, as the configuration says; NULL: not said */
	enum view_tunnel_state state;
	char *condition;          /* "connected", "reconnecting", …: see doc/api.md; NULL: not said */
	uint64_t condition_since; /* seconds since the Unix epoch; 0: not known */
	char *reason;             /* why its condition is what it is; NULL */
	bool autostart;
	enum view_kill_switch kill_switch;
	uint32_t kill_switch_restored; /* times that others took it away */
	bool has_public_key;
	uint8_t public_key[TEXT_KEY_SIZE];
	uint16_t listen_port;     /* 0: none */
	uint32_t fwmark, mtu;     /* mtu 0: not known while it is down */
	bool mtu_from_route;      /* else it is the configuration's */
	struct prefix *addresses; /* host bits kept */
	size_t address_count;
	struct view_pushed *pushed; /* NULL: nothing */
	/* For files made for others; NULL or empty where the configuration has none. */
	char *clients_endpoint;
	struct address *clients_dns;
	size_t clients_dns_count;
	struct prefix *clients_allowed_ips;
	size_t clients_allowed_ip_count;
	uint16_t clients_keepalive;

	uint64_t peer_count, connected_count, received, sent; /* over all peers */
	struct view_data_path *data_path;                     /* NULL: it is not up, or has not said */
	struct stream_figure_set streams;
	struct view_logins logins;
	struct view_peer *peers; /* those with the latest handshakes first */
	size_t shown;            /* of peers; peer_count - shown are left out */
};

/* Whose name servers are asked: those of tunnels, or this host's own. */
enum view_upstream { VIEW_UPSTREAM_SYSTEM, VIEW_UPSTREAM_TUNNEL, VIEW_UPSTREAM_COUNT };
const char *view_upstream_name(enum view_upstream upstream); /* "system", "tunnel" */

/* What the step between programs and name servers has counted since the process was started. */
struct view_dns_step {
	struct {
		uint64_t questions, answers; /* taken, given */
		uint64_t failed;             /* answers: no server had one, or its addresses had no way */
	} of[VIEW_UPSTREAM_COUNT];
	uint64_t refused; /* questions that were malformed, nobody's or too many */
	uint64_t strange; /* messages of servers that answer nothing */
};

struct view_status {
	unsigned api; /* VIEW_API_VERSION */
	char *version;
	char *node;
	char *configuration; /* path */
	char *log_level;
	uint64_t pid, started; /* seconds since the Unix epoch */
	uint64_t net_restarts; /* of the process that moves packets */
	struct view_dns_step dns_step;
	struct view_tunnel *tunnels;
	size_t tunnel_count;
};

struct view_event {
	uint64_t sequence; /* 1, 2, … of this run of the daemon */
	uint64_t time;     /* milliseconds since the Unix epoch */
	char *kind;        /* "tunnel.up", "tunnel.down", "tunnel.failed",
						  "tunnel.condition", "peer.unreachable", "peer.added", "peer.removed",
						  "peer.connected", "peer.moved", "peer.unanswered", "peer.resolved",
						  "peer.ended", "peer.refused",
						  "user.added", "user.changed", "user.removed",
						  "configuration.reloaded", "configuration.refused", "log.level" */
	char *tunnel;      /* NULL: none */
	char *peer;        /* its name; NULL: none */
	char *message;     /* for a person */
};

struct view_error {
	unsigned status; /* of HTTP */
	char *code;      /* "not_found", "exists", "invalid", "unavailable", "failed", … */
	char *message;   /* may have several lines: a refused configuration's faults */
};

void view_peer_done(struct view_peer *peer);
void view_tunnel_done(struct view_tunnel *tunnel);
void view_status_done(struct view_status *status);
void view_event_done(struct view_event *event);
void view_error_done(struct view_error *error);

/*
 * JSON, in heap memory of the caller (free; keys may be inside: see view_peer_request), with a NUL
 * behind its size bytes. Readers take strangers' texts: sizes are bounded (ERR_LIMIT), unknown
 * members ignored, ERR_MALFORMED for what does not fit.
 */
enum err view_peer_encode(const struct view_peer *peer, char **out_text, size_t *out_size);
enum err view_peer_decode(const char *text, size_t size, struct view_peer *out_peer);
enum err view_peers_encode(const struct view_peer *peers, size_t count, char **out_text,
						   size_t *out_size); /* {"peers": […]} */
enum err view_peers_decode(const char *text, size_t size, struct view_peer **out_peers,
						   size_t *out_count);
enum err view_tunnel_encode(const struct view_tunnel *tunnel, char **out_text, size_t *out_size);
enum err view_tunnel_decode(const char *text, size_t size, struct view_tunnel *out_tunnel);
enum err view_status_encode(const struct view_status *status, char **out_text, size_t *out_size);
enum err view_status_decode(const char *text, size_t size, struct view_status *out_status);
enum err view_event_encode(const struct view_event *event, char **out_text, size_t *out_size);
enum err view_event_decode(const char *text, size_t size, struct view_event *out_event);
enum err view_error_encode(const struct view_error *error, char **out_text, size_t *out_size);
enum err view_error_decode(const char *text, size_t size, struct view_error *out_error);

/* {"message": …}, the answer where there is nothing to show. */
enum err view_message_encode(const char *message, char **out_text, size_t *out_size);
enum err view_message_decode(const char *text, size_t size, char **out_message);

/* The body of a request to add a peer. Bodies of requests are strict: no unknown members. */
struct view_peer_request {
	char *name; /* NULL: the key's first characters */
	uint8_t public_key[TEXT_KEY_SIZE];
	bool has_preshared_key;
	uint8_t preshared_key[TEXT_KEY_SIZE]; /* wiped by _done */
	char *endpoint;                       /* "host:port"; NULL: none */
	struct prefix *allowed_ips;           /* none: the daemon takes the next free addresses */
	size_t allowed_ip_count;
	uint16_t persistent_keepalive;
	char *rules; /* of its streams, one a line; NULL: none */
};
void view_peer_request_done(struct view_peer_request *request);
enum err view_peer_request_encode(const struct view_peer_request *request, char **out_text,
								  size_t *out_size); /* wipe and free it */
/* On failure out_problem says which member is wrong and what would be right. */
enum { VIEW_PROBLEM_SIZE = 160 };
enum err view_peer_request_decode(const char *text, size_t size,
								  struct view_peer_request *out_request,
								  char out_problem[static VIEW_PROBLEM_SIZE]);

/* {"level": …}, the body that sets how much is logged; a word that log_level_parse() takes. */
enum err view_level_encode(const char *level, char **out_text, size_t *out_size);
enum err view_level_decode(const char *text, size_t size, char **out_level,
						   char out_problem[static VIEW_PROBLEM_SIZE]);
