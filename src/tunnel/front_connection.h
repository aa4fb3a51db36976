#pragma once

#include <stdint.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"

/*
 * A connection to the mixed port, from its first byte to the last: moves bytes between its socket,
 * proxy/front.h, and the stream that this asks for; a relay (relay.h) takes over where the front
 * has nothing more to do.
 */

/* For what was said last: to be sent, then to be read before the connection is closed. */
#define FRONT_CONNECTION_FLUSH (10 * CLOCK_SECOND)
#define FRONT_CONNECTION_LINGER (2 * CLOCK_SECOND)

/* Bytes that came and wait for the target: no more than a new stream has room for. */
enum { FRONT_CONNECTION_INPUT_MAX = 16000 };

struct credentials;
struct front_connection;
struct front_setup;

struct front_connection_options {
	const struct front_setup *setup;
	const struct credentials *credentials; /* outlives it, or NULL */
	int descriptor;                        /* taken over, also on failure */
	struct endpoint from;
	/* front_connection_run() is to be called then, instead of when it was said before. */
	void (*deadline)(void *context, uint64_t at);
	/* It is over. The owner frees it, from inside or later. */
	void (*ended)(void *context);
	void *context;
};

/* Nothing is called from inside but deadline(). */
enum err front_connection_new(const struct front_connection_options *options,
							  struct front_connection **out_connection);
void front_connection_free(struct front_connection *connection); /* NULL-safe */

/* Does what is due. */
void front_connection_run(struct front_connection *connection);
