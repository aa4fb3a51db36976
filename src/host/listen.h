#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"

struct steering;

/* UDP sockets of one port: one per shard and family, v4 and v6 apart (IPV6_V6ONLY). */

enum {
	LISTEN_SHARDS_MAX = 16,
	LISTEN_BUFFER_SIZE = 7 << 20, /* bytes, of each socket and direction */
};

struct listen_request {
	uint16_t port; /* 0: one that is free in both families */
	uint32_t mark; /* SO_MARK, 0: none */
	unsigned shards;
	const struct steering *steering; /* of datagrams to the shards */
	/*
	 * Of this host, to bind to. ADDRESS_NONE or "::": all of both families; "0.0.0.0": all of v4;
	 * otherwise this one alone. Without a scope, so no link-local ones.
	 */
	struct address address;
};

struct listen {
	unsigned shards; /* 0: nothing is open */
	uint16_t port;
	uint32_t mark;
	struct address address; /* as it was asked for */
	bool has_v4, has_v6;
	int v4[LISTEN_SHARDS_MAX], v6[LISTEN_SHARDS_MAX]; /* non-blocking, close-on-exec */
};

/*
 * Opens and binds all of them, or none. Returns 0 or the errno value, as that is what the caller's
 * peer wants to know: EADDRINUSE, EACCES, EADDRNOTAVAIL for an address that is not this host's … Of
 * both families one that the host does not have is left out.
 */
int listen_open(const struct listen_request *request, struct listen *out_listen);

/* Whether they are what listen_open() would open, marks apart. */
bool listen_is_at(const struct listen *listen, const struct listen_request *request);

/* The same sockets by other descriptors: each copy is closed by itself. 0 or errno. */
int listen_copy(const struct listen *listen, struct listen *out_copy);

/* Sets SO_MARK on all sockets, which copies have in common; 0 or errno. */
int listen_mark(struct listen *listen, uint32_t mark);

/* Closes the sockets. Also for a zeroed struct. */
void listen_done(struct listen *listen);
