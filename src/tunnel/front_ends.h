#pragma once

#include "base/error.h"
#include "tunnel/front_setup.h"

/* All front ends of a client: one for each of its listeners, by the listener's kind. */

struct front_ends;
struct stream_figure_set;
struct stream_host;
struct stream_options;
struct uplink;

/*
 * Listeners are sockets in the order of the options' listeners, non-blocking: taken over when it
 * succeeds. ERR_INVALID for a listener that is none of a client; ERR_LIMIT, ERR_INVALID of users
 * (proxy/credentials.h); ERR_NO_MEMORY, or what the loop or the kernel says.
 */
enum err front_ends_new(const struct stream_host *host, struct uplink *uplink,
						const struct stream_options *options, const int *listeners,
						struct front_ends **out_ends);
/* Ends all connections: before the carriers are freed. NULL-safe. */
void front_ends_free(struct front_ends *ends);

/*
 * Other options with the same listeners: their users hold for whoever connects from now on. On
 * failure those of before stay.
 */
enum err front_ends_set(struct front_ends *ends, const struct stream_options *options);

const struct front_figures *front_ends_figures(const struct front_ends *ends);
/* Adds them to those of the tunnel. */
void front_ends_count(const struct front_ends *ends, struct stream_figure_set *figures);
