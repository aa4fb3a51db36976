#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/random.h"
#include "transport/dns/forwarder.h"

/*
 * The forwarder on the control process's loop: sockets that somebody else made, on both sides. It
 * makes none by itself.
 */

struct control_loop;
struct forwarder_io;

enum {
	FORWARDER_IO_SOCKETS_MAX = 16, /* for UDP, of one server */
	FORWARDER_IO_CLIENTS_MAX = 64, /* connections by TCP */
	FORWARDER_IO_STREAMS_MAX = 64, /* to servers, by TCP */
};

struct forwarder_io_group {
	size_t servers;
	size_t counts[FORWARDER_SERVERS_MAX];
	/* Connected to the server, so that the kernel lets nobody else's datagrams in. */
	int sockets[FORWARDER_SERVERS_MAX][FORWARDER_IO_SOCKETS_MAX];
};

struct forwarder_io_options {
	struct control_loop *loop;
	const struct random_source *random;
	int datagrams, connections; /* bound to a loopback address; the latter listens */
	const struct forwarder_io_group *groups;
	size_t group_count;
	const struct forwarder_route *routes;
	size_t route_count;
	const struct forwarder_rule *rules;
	size_t rule_count;
	/* Ends in forwarder_io_opened(), not from inside. False: it cannot be done. */
	bool (*open)(void *context, uint32_t ticket, size_t group, size_t server);
	/* Ends in forwarder_io_granted(), not from inside. False: it cannot be done. */
	bool (*grant)(void *context, uint32_t ticket, const struct forwarder_grant *grant,
				  const struct address *addresses, size_t count, uint32_t ttl);
	void *context;
};

/* Takes all descriptors over, also on failure. */
enum err forwarder_io_new(const struct forwarder_io_options *options,
						  struct forwarder_io **out_forwarder);
/* Nobody is answered any more. Not from inside a callback. NULL-safe. */
void forwarder_io_free(struct forwarder_io *io);

/* A TCP socket that connects to the server, non-blocking, taken over; -1: there is none. */
void forwarder_io_opened(struct forwarder_io *io, uint32_t ticket, int descriptor);
void forwarder_io_granted(struct forwarder_io *io, uint32_t ticket, bool granted);
const struct forwarder_figures *forwarder_io_figures(const struct forwarder_io *io);
const struct forwarder_group_figures *forwarder_io_group_figures(const struct forwarder_io *io,
																 size_t group);
