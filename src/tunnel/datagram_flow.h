#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "wire/target.h"

/*
 * The datagrams between somebody at a front end and one target: a stream that carries them, each
 * behind its length. What the stream has no room for is dropped, as routers do; the first ones wait
 * for it to open.
 */

enum {
	DATAGRAM_FLOW_EARLY_MAX = 16384, /* bytes that wait, lengths with them */
	DATAGRAM_FLOW_SIZE_MAX = 65507,  /* of a datagram; larger ones end the flow */
};

struct datagram_flow;
struct front_setup;

struct datagram_flow_options {
	const struct front_setup *setup;
	struct target target; /* with udp */
	/* The flow may not be freed inside. */
	void (*received)(void *context, struct slice datagram);
	/* Refused, or its stream is over: nothing more is called. The owner frees it, from inside or
	 * later. */
	void (*ended)(void *context);
	void *context;
};

enum err datagram_flow_new(const struct datagram_flow_options *options,
						   struct datagram_flow **out_flow);
/* Asks for the stream; ended() may be called from inside. */
void datagram_flow_begin(struct datagram_flow *flow);
void datagram_flow_free(struct datagram_flow *flow); /* NULL-safe */

/* After datagram_flow_begin(); of a flow that is over, nothing happens. Never calls ended(). */
void datagram_flow_send(struct datagram_flow *flow, struct slice datagram);
