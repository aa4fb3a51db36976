#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "stream/mux.h"

/*
 * Streams of ours that nobody at this end wants any more. A server ends a connection whose client
 * resets many streams soon after he opened them (MUX_RESETS_MAX), and all other streams with it; so
 * whoever opens streams for others, who come and go as they like, leaves them here:
 *
 *     farewell_end()   ──▶ our end is sent, what still comes is thrown away ──┬─▶ their end
 *     farewell_reset() ──▶ reset at once, while there were few of late        │
 *                          └──▶ otherwise nothing more is read ───────────────┴─▶ reset when it
 *                                                                                 does not count
 */

enum {
	FAREWELL_RESETS_MAX = MUX_RESETS_MAX / 2, /* within MUX_RESETS_SECONDS */
	FAREWELL_BYTES_MAX = 64 * 1024,           /* that are thrown away of a stream, then a reset */
};

/* After it a reset is of an old stream; an end may take as long. */
#define FAREWELL_TIME ((MUX_RESETS_SECONDS + 1) * CLOCK_SECOND)

struct carrier;
struct farewell;
struct stream_host;

enum err farewell_new(const struct stream_host *host, struct farewell **out_farewell);
/* Resets what is left: to be called before the carriers are freed. NULL-safe. */
void farewell_free(struct farewell *farewell);

/* The stream is not the caller's any more. Not from inside its closed(). */
void farewell_end(struct farewell *farewell, struct carrier *carrier, struct mux_stream *stream);
void farewell_reset(struct farewell *farewell, struct carrier *carrier, struct mux_stream *stream);
