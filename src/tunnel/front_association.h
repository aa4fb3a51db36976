#pragma once

#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "proxy/refusal.h"

/*
 * One SOCKS5 UDP ASSOCIATE (proxy/association.h): a socket that its client sends to, and a flow
 * (datagram_flow.h) to each of the targets.
 */

struct front_association;
struct front_setup;

struct front_association_options {
	const struct front_setup *setup;
	struct address client; /* of the TCP connection */
	uint16_t port;         /* that he says he will send from, 0: not known */
	struct address local;  /* that he spoke to */
	/* One of the two is called once. Where the client is to send to: */
	void (*ready)(void *context, const struct endpoint *bound);
	void (*failed)(void *context, enum refusal refusal);
	void *context;
};

enum err front_association_new(const struct front_association_options *options,
							   struct front_association **out_association);
/* Asks for the socket; both callbacks may be called from inside. */
void front_association_begin(struct front_association *association);
/* NULL-safe; also from inside the callbacks. */
void front_association_free(struct front_association *association);
