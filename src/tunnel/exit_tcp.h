#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "base/error.h"

/*
 * The far end of a stream that leads to a TCP connection: makes it (tunnel/dial.h), tells the peer,
 * and then relays (tunnel/relay.h). What comes before it is made waits in the stream.
 */

struct carrier;
struct exit_tcp;
struct mux_stream;
struct stream_host;

struct exit_tcp_options {
	const struct stream_host *host;
	/* The stream's owner becomes this. It is freed before the carrier is. */
	struct carrier *carrier;
	struct mux_stream *stream;
	const struct endpoint *endpoints; /* as of dial_options */
	size_t count;
	/* Whether it may be, now that it is known which one; false: the stream is refused. */
	bool (*reached)(void *context, const struct endpoint *peer);
	/* It is over, and the stream gone. The owner frees it, from inside or later. */
	void (*ended)(void *context);
	void *context;
};

/* Nothing is called from inside. On failure the stream is still the caller's. */
enum err exit_tcp_new(const struct exit_tcp_options *options, struct exit_tcp **out_exit);
/* Resets what is left of both ends. NULL-safe. */
void exit_tcp_free(struct exit_tcp *exit);
