#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"

/*
 * Names to addresses by c-ares, asynchronously, on sockets that the owner makes (and marks, so that
 * questions go outside the tunnels). /etc/hosts is heeded. Answers are strangers' bytes: c-ares
 * parses them, what comes out is bounded here.
 */

struct control_loop;
struct resolver;

enum {
	RESOLVER_ADDRESSES_MAX = 16,
	RESOLVER_PROBLEM_SIZE = 120,
	RESOLVER_NAME_MAX = 253,     /* characters, without a last dot (RFC 1035 2.3.4) */
	RESOLVER_ASKING_MAX = 256,   /* names that servers are being asked for at a time */
	RESOLVER_WAITING_MAX = 4096, /* names that wait for their turn */
	RESOLVER_TIMEOUT = 1500,     /* ms for the first try; doubled for each later one */
	RESOLVER_TRIES = 3,
};

struct resolver_options {
	struct control_loop *loop;
	/* A UDP or TCP socket of the family, non-blocking and close-on-exec, or -1 with errno. */
	int (*open_socket)(void *context, int family, int type);
	void *context;
	/* "192.0.2.53", "192.0.2.53:5353,[2001:db8::53]:53"; NULL: those of resolv.conf. */
	const char *servers;
	unsigned timeout; /* ms; 0: RESOLVER_TIMEOUT */
};

enum err resolver_new(const struct resolver_options *options, struct resolver **out_resolver);
/* Pending questions end without an answer. Not from inside a done(). NULL-safe. */
void resolver_free(struct resolver *resolver);

struct resolver_answer {
	enum err error; /* ERR_NOT_FOUND: no such name or no address; ERR_AGAIN: no server answered */
	char problem[RESOLVER_PROBLEM_SIZE];              /* for a person, when error is not ERR_OK */
	struct address addresses[RESOLVER_ADDRESSES_MAX]; /* v6 and v4 alternate, v6 first (RFC 8305) */
	size_t count;
	uint32_t ttl; /* seconds, the least of them; 0 from /etc/hosts */
};

/*
 * Asks for both families. done() is called exactly once, later and never from inside this call,
 * unless the resolver is freed before. ERR_INVALID for what cannot be a host name, ERR_LIMIT when
 * too many wait, ERR_NO_MEMORY: then it is not called.
 *
 * Addresses that nobody can be reached at are left out: unspecified, multicast, broadcast, and
 * IPv6's link-local and IPv4-mapped ones.
 */
enum err resolver_ask(struct resolver *resolver, const char *name,
					  void (*done)(void *context, const struct resolver_answer *answer),
					  void *context);

/* Asks these from now on, as in the options; pending questions begin anew. ERR_NO_MEMORY, and on
 * ERR_INVALID all stays as it was. */
enum err resolver_set_servers(struct resolver *resolver, const char *servers);

/* The system's servers may have changed: reads resolv.conf again. Pending questions begin anew. On
 * failure all stays as it was. */
enum err resolver_reload(struct resolver *resolver);
