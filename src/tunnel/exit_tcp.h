#pragma once

#include "base/error.h"

/*
 * The far end of a stream that leads to a TCP connection: makes it (tunnel/dial.h), tells the peer,
 * and then relays (tunnel/relay.h). What comes before it is made waits in the stream.
 */

struct exit_options;
struct exit_tcp;

/* Nothing is called from inside. On failure the stream is still the caller's. */
enum err exit_tcp_new(const struct exit_options *options, struct exit_tcp **out_exit);
/* NULL: it is closed already. */
const struct mux_stream *exit_tcp_stream(const struct exit_tcp *exit);
/* Resets what is left of both ends. NULL-safe. */
void exit_tcp_free(struct exit_tcp *exit);
