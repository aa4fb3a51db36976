#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/random.h"
#include "wire/dns_name.h"

/*
 * A DNS forwarder for this host's own programs: it hands questions on to the servers that a name's
 * domain has and answers back, remembers nothing, and has the addresses of some names granted
 * before anybody learns them. Bytes and `now` in; bytes and the next deadline out: sockets are the
 * owner's (transport/dns/forwarder_io.h).
 *
 *   query ──▶ ASKING ──answer──▶ (GRANTING ──granted──▶) answered
 *               │ no answer for FORWARDER_TIMEOUT, or a useless one
 *               └──▶ ASKING the next server … ──▶ SERVFAIL
 *
 * An answer counts when it comes from the server and to the socket that was asked, with our id, a
 * random one, and the question; everything else is as if it had not come. Bytes of a message are
 * passed on as they are, but for the id.
 *
 * A question that comes by TCP is asked by TCP. A truncated answer is handed on as such, empty: who
 * asked repeats it by TCP.
 */

enum {
	FORWARDER_OUTSTANDING_MAX = 1024,
	FORWARDER_CLIENT_MAX = 128,   /* outstanding, of one client's port or connection */
	FORWARDER_GRANTING_MAX = 256, /* answers that wait for their addresses to be granted */
	FORWARDER_QUERY_MAX = 4096,   /* bytes */
	FORWARDER_GROUPS_MAX = 65,    /* of servers */
	FORWARDER_SERVERS_MAX = 4,    /* of a group */
	FORWARDER_TRIES_MAX = 4,      /* of one question */
};

#define FORWARDER_TIMEOUT (2 * CLOCK_SECOND)
#define FORWARDER_STREAM_TIMEOUT (5 * CLOCK_SECOND)
#define FORWARDER_GRANT_TIMEOUT CLOCK_SECOND

/* What addresses are granted for. */
struct forwarder_grant {
	uint16_t slot;
	uint8_t kind;
	bool required; /* an answer whose addresses are not granted is withheld */
};

/* One domain; the longest that covers a name counts. */
struct forwarder_route {
	struct dns_name domain; /* the root covers everything */
	size_t group;
};
struct forwarder_rule {
	struct dns_name domain;
	struct forwarder_grant grant;
};

struct forwarder_group {
	size_t servers;                        /* 0: its questions fail at once */
	size_t sockets[FORWARDER_SERVERS_MAX]; /* for UDP, of each server */
};

/* Where an answer goes. */
struct forwarder_client {
	uint64_t stream;      /* the connection's number; 0: by UDP */
	struct endpoint from; /* by UDP */
};

struct forwarder_ops {
	/* Sends a query to a group's server from one of its sockets. */
	void (*ask)(void *context, size_t group, size_t server, size_t socket, const uint8_t *data,
				size_t size);
	/* The same by TCP; ends in forwarder_stream_answered(). False: it cannot be done. */
	bool (*ask_stream)(void *context, uint32_t ticket, size_t group, size_t server,
					   const uint8_t *data, size_t size);
	/* Nobody waits for that stream any more. */
	void (*drop_stream)(void *context, uint32_t ticket);
	void (*answer)(void *context, const struct forwarder_client *client, const uint8_t *data,
				   size_t size);
	/* Ends in forwarder_granted(), maybe from inside. False: it cannot be done. */
	bool (*grant)(void *context, uint32_t ticket, const struct forwarder_grant *grant,
				  const struct address *addresses, size_t count, uint32_t ttl);
};

struct forwarder_options {
	const struct forwarder_ops *ops;
	void *context;
	const struct random_source *random;
	const struct forwarder_group *groups; /* copied, like the lists below */
	size_t group_count;
	const struct forwarder_route *routes; /* a name that none covers is refused */
	size_t route_count;
	const struct forwarder_rule *rules;
	size_t rule_count;
};

struct forwarder_figures {
	uint64_t questions, answers; /* of clients, to clients */
	uint64_t failed;             /* answers that were SERVFAIL of ours */
	uint64_t refused;            /* questions that were not taken: malformed, or too many */
	uint64_t strange;            /* datagrams and messages of servers that answer nothing */
};

/* Of the questions that one group of servers was to answer. */
struct forwarder_group_figures {
	uint64_t questions, answers;
	uint64_t failed; /* of the answers, those that were SERVFAIL of ours */
};

struct forwarder;

/* ERR_INVALID for numbers out of range; ERR_NO_MEMORY. */
enum err forwarder_new(const struct forwarder_options *options, struct forwarder **out_forwarder);
/* Nobody is answered any more. NULL-safe. */
void forwarder_free(struct forwarder *forwarder);

/* What a client sent. Who is not on this host is not answered. */
void forwarder_query(struct forwarder *forwarder, uint64_t now,
					 const struct forwarder_client *client, const uint8_t *data, size_t size);
/* A client's connection is gone. */
void forwarder_forget(struct forwarder *forwarder, uint64_t stream);
/* What came to a socket of a group's server, from that server. */
void forwarder_answer(struct forwarder *forwarder, uint64_t now, size_t group, size_t server,
					  size_t socket, const uint8_t *data, size_t size);
/* The server cannot be reached from that socket. */
void forwarder_unreachable(struct forwarder *forwarder, uint64_t now, size_t group, size_t server,
						   size_t socket);
/* What came by TCP; size 0: nothing will. Then the ticket is void. */
void forwarder_stream_answered(struct forwarder *forwarder, uint64_t now, uint32_t ticket,
							   const uint8_t *data, size_t size);
void forwarder_granted(struct forwarder *forwarder, uint64_t now, uint32_t ticket, bool granted);

/* Does what is due; returns the next deadline. */
uint64_t forwarder_run(struct forwarder *forwarder, uint64_t now);
const struct forwarder_figures *forwarder_figures(const struct forwarder *forwarder);
const struct forwarder_group_figures *forwarder_group_figures(const struct forwarder *forwarder,
															  size_t group);
