#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"

/* What a stream's far end is made with: exit_tcp.h, exit_udp.h. */

struct carrier;
struct mux_stream;
struct stream_host;

struct exit_options {
	const struct stream_host *host;
	/* The stream's owner becomes the far end. It is freed before the carrier is. */
	struct carrier *carrier;
	struct mux_stream *stream;
	/* As of dial_options; of datagrams, the first that this host has a way to counts. */
	const struct endpoint *endpoints;
	size_t count;
	/* Whether it may be, now that it is known which one; false: the stream is refused. */
	bool (*reached)(void *context, const struct endpoint *peer);
	/* It is over, and the stream gone. The owner frees it, from inside or later. */
	void (*ended)(void *context);
	void *context;
};
