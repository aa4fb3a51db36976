#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

/*
 * How a tunnel or a peer is, in one word and for a reason that a person understands. Pure: what is
 * known goes in, the words come out; status, events and metrics all say the same.
 */

enum condition {
	CONDITION_DOWN,
	CONDITION_STARTING,
	CONDITION_FAILED,
	CONDITION_BLOCKED,      /* nothing gets out, as the kill switch is up */
	CONDITION_IDLE,         /* there has been nothing to connect for */
	CONDITION_CONNECTING,   /* never connected, and being tried */
	CONDITION_RECONNECTING, /* it was connected */
	CONDITION_CONNECTED,
	CONDITION_COUNT,
};
const char *condition_name(enum condition condition); /* "down", "starting", … */

enum { CONDITION_REASON_SIZE = 480 };

struct condition_result {
	enum condition condition;
	char reason[CONDITION_REASON_SIZE]; /* empty: the word says all */
};

/* A peer of a tunnel that is up. */
struct condition_peer {
	const char *endpoint_name; /* as configured, "vpn.example.org:51820"; NULL */
	struct endpoint endpoint;  /* in use; ADDRESS_NONE: none */
	bool connected;            /* keys of now were agreed on, or there is a session */
	bool was_connected;        /* ever */
	bool lost;                 /* its session ended, and it makes another one by itself */
	bool resolving;            /* the name's addresses are asked for */
	const char *name_problem;  /* why it has none; NULL */
	bool unreachable;          /* this host has no way there, as of a moment ago */
	uint32_t unanswered;       /* handshakes in a row */
	const char *why;           /* there is no connection, where that is known; NULL */
	uint64_t silent;           /* seconds since the first of them; 0: unknown */
};
struct condition_result condition_of_peer(const struct condition_peer *peer);

/* One lost initiation is no loss of a connection that lives. */
enum { CONDITION_UNANSWERED_MIN = 2 };

enum condition_state {
	CONDITION_IS_DOWN,
	CONDITION_IS_STARTING,
	CONDITION_IS_UP,
	CONDITION_HAS_FAILED
};

struct condition_tunnel {
	enum condition_state state;
	const char *reason; /* of the state; of sockets that could not be opened; empty: none */
	bool kill_switch;   /* it is up: what does not go through the tunnel goes nowhere */
	uint64_t connected; /* peers */
	/* The one that a tunnel is for, such as a client's server; NULL: there are several, or none. */
	const struct condition_peer *only;
};
struct condition_result condition_of_tunnel(const struct condition_tunnel *tunnel);
