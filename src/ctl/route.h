#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "ctl/server.h"

/* Which question a request's method and path are, by one table. */

enum {
	ROUTE_SEGMENT_SIZE = 256, /* of a decoded name or key, with its NUL */
	ROUTE_ALLOW_SIZE = 32,
	ROUTE_PEERS_MAX = 1000000,      /* of "peers=" */
	ROUTE_EVENTS = CTL_METRICS + 1, /* the one kind that is no question to the server's owner */
};

/* As sent: not decoded. Values of the query are NULL when they are not in it. */
struct route_request {
	struct slice method, path;
	const char *peers, *after;
};

enum route_body {
	ROUTE_NO_BODY,
	ROUTE_PEER_REQUEST,
	ROUTE_LEVEL,
	ROUTE_LOGIN,
	ROUTE_USER_ADD,
	ROUTE_USER_CHANGE,
};

struct route {
	unsigned kind; /* enum ctl_kind, ROUTE_EVENTS */
	enum route_body body;
	bool has_tunnel, has_peer, has_user;
	/* Decoded. */
	char tunnel[ROUTE_SEGMENT_SIZE], peer[ROUTE_SEGMENT_SIZE], user[ROUTE_SEGMENT_SIZE];
	size_t peers; /* of the query, or the default */
	bool has_after;
	uint64_t after;
};

/*
 * ERR_NOT_FOUND: there is no such path; ERR_UNSUPPORTED: the path has other methods, which are in
 * out_allow; ERR_MALFORMED: a part is badly encoded or a number is none.
 */
enum err route_find(const struct route_request *request, struct route *out_route,
					char out_allow[static ROUTE_ALLOW_SIZE]);
