#pragma once

#include <stdbool.h>

#include "base/address.h"
#include "base/error.h"

/*
 * Whether an address is one of this host's own, before anything is sent there: a datagram socket is
 * connected, which sends nothing, and the kernel then names the same address as its source. So the
 * answer is for the way that the tunnel's own packets take, and needs no view of interfaces.
 */

struct own_address;
struct stream_host;

enum own_address_answer {
	OWN_ADDRESS_NO,
	OWN_ADDRESS_YES,
	OWN_ADDRESS_NO_WAY,  /* this host has no way there, or only one for many (broadcast) */
	OWN_ADDRESS_UNKNOWN, /* there is no socket to ask with */
};

/* ready() is called whenever it becomes ready, never from inside own_address_new(). */
enum err own_address_new(const struct stream_host *host, void (*ready)(void *context),
						 void *context, struct own_address **out_own);
void own_address_free(struct own_address *own); /* NULL-safe */

/* Whether sockets came, or it is known that none will; if not, they are asked for. */
bool own_address_is_ready(struct own_address *own);

enum own_address_answer own_address_ask(struct own_address *own, const struct endpoint *there);
