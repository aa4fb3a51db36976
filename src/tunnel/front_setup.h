#pragma once

#include <stdint.h>

/* What a client's front ends have in common: where their streams come from, and what they count. */

struct farewell;
struct stream_host;
struct uplink;

struct front_figures {
	uint64_t connections, sessions; /* TCP connections, and senders of datagrams, in all */
	uint64_t declined;              /* one too many of them */
	uint64_t refused;               /* targets that could not be reached, or were not allowed */
	uint64_t received, sent;        /* bytes of and to TCP connections that streams carried, ... */
	uint64_t datagrams_received, datagrams_sent; /* and datagrams */
	uint64_t datagrams_dropped;               /* of those that came, as their stream had no room */
	uint32_t open_connections, open_sessions; /* now */
};

/* All of it outlives the front ends. */
struct front_setup {
	const struct stream_host *host;
	struct uplink *uplink;
	struct farewell *farewell;
	struct front_figures *figures;
};
