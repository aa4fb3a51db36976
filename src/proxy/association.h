#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/slice.h"
#include "wire/target.h"

/*
 * The datagrams of one SOCKS5 UDP ASSOCIATE (RFC 1928 section 7): each target that the client sends
 * to has a flow of its own, for which the owner opens a stream. Bytes and `now` in; bytes, news and
 * the next deadline out.
 *
 * Only the client's own address counts, the one that its TCP connection is from, and the first port
 * that it sends from, if it did not name one. Fragments are dropped. Flows without datagrams in
 * either direction expire; beyond the limit the one longest without goes.
 *
 * What comes back carries the target as the client wrote it: which address a name led to is not
 * known here.
 */

#define ASSOCIATION_IDLE_TIMEOUT (120 * CLOCK_SECOND) /* RFC 4787 section 4.3 */

enum {
	ASSOCIATION_FLOWS_MAX = 256,
	ASSOCIATION_DATAGRAM_MAX = 65507, /* bytes that UDP over IPv4 has room for, header included */
};

/* News, from inside the functions below; association_free() may not be called there. */
struct association_ops {
	/*
	 * A new flow, whose number modulo ASSOCIATION_FLOWS_MAX is its own as long as it lasts. What is
	 * sent before the target is there is the owner's to keep or drop.
	 */
	void (*open)(void *context, uint32_t flow, const struct target *target);
	/* A datagram for the flow's target. */
	void (*send)(void *context, uint32_t flow, struct slice payload);
	/* A flow that is over; its number is void. */
	void (*close)(void *context, uint32_t flow);
	/* To the client: header and payload are to be one datagram. */
	void (*answer)(void *context, const struct endpoint *client, struct slice header,
				   struct slice payload);
};

struct association_options {
	const struct association_ops *ops;
	void *context;
	struct address client; /* of the TCP connection */
	uint16_t port;         /* that the client will send from, 0: not known yet */
};

struct association_figures {
	uint64_t sent, received; /* datagrams to and from targets */
	uint64_t strange;        /* from somebody else, fragments, and what is no message */
	uint64_t too_large;      /* for the header to be put before it */
};

struct association;

/* ERR_NO_MEMORY. */
enum err association_new(const struct association_options *options,
						 struct association **out_association);
/* No news any more: the owner closes what flows it has. NULL-safe. */
void association_free(struct association *association);

/* What came to the association's port. */
void association_put(struct association *association, uint64_t now, const struct endpoint *from,
					 const uint8_t *data, size_t size);
/* What came from a flow's target; of a flow that is over, nothing happens. */
void association_answer(struct association *association, uint64_t now, uint32_t flow,
						struct slice payload);
/* The flow's stream is gone; close() is not called. The next datagram opens another one. */
void association_ended(struct association *association, uint32_t flow);

/* Does what is due; returns the next deadline. */
uint64_t association_run(struct association *association, uint64_t now);
const struct association_figures *association_figures(const struct association *association);
