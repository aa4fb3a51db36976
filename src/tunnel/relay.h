#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/*
 * One stream and one TCP connection, whatever comes of either goes to the other:
 *
 *     the connection's bytes, its end ──▶ the stream's      a reset or failure of either
 *     the stream's bytes, its end     ──▶ the connection's  is one of the other
 *
 * Nothing is kept in between: of each is read what the other one has room for. Bytes stand still in
 * the stream's window and in the kernel.
 */

struct carrier;
struct farewell;
struct mux_stream;
struct relay;
struct stream_host;
struct tcp_connection;

/* Unsent bytes in the kernel, of connections that a relay makes of a descriptor. */
enum { RELAY_UNSENT_MAX = 256 * 1024 };

struct relay_options {
	const struct stream_host *host;
	/* The stream's owner becomes the relay. The relay is freed before the carrier is. */
	struct carrier *carrier;
	struct mux_stream *stream;
	/* Either of the two, which is taken over, also on failure. */
	struct tcp_connection *connection; /* NULL: of the descriptor */
	int descriptor;                    /* of a connected socket */
	bool is_finished;                  /* who had the connection was told its end already */
	/* What goes before everything else; copied. At most 16 KiB to the stream, a fresh one. */
	struct slice to_stream, to_connection;
	/* Takes a stream whose connection has failed, see there; NULL: it is reset. Outlives it. */
	struct farewell *farewell;
	/*
	 * It is over, in peace or not: there is neither stream nor connection any more. The owner frees
	 * the relay, from inside or later.
	 */
	void (*ended)(void *context, bool in_peace);
	void *context;
};

/*
 * Nothing is called from inside. ERR_NO_MEMORY, or what the loop says: then the stream is still the
 * caller's.
 */
enum err relay_new(const struct relay_options *options, struct relay **out_relay);

/* NULL: it is closed, and its last bytes wait for the connection. */
const struct mux_stream *relay_stream(const struct relay *relay);
/* Resets what is left of both ends. NULL-safe. */
void relay_free(struct relay *relay);

struct relay_figures {
	uint64_t received, sent; /* bytes to and from the stream */
};
struct relay_figures relay_figures(const struct relay *relay);
