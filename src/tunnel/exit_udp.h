#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/list.h"

/*
 * The far end of a stream of datagrams: one socket, connected to the target, so that only the
 * target's answers come. What does not fit into the stream at once is dropped, as routers do.
 */

struct control_timer;
struct exit_options;
struct exit_udp;
struct stream_host;

/* Without datagrams either way (RFC 4787 section 4.3). */
#define EXIT_UDP_IDLE (120 * CLOCK_SECOND)

enum {
	EXIT_UDP_TURN_MAX = 64,      /* datagrams of a turn of the loop, of one socket */
	EXIT_UDP_SESSIONS_MAX = 512, /* of a set; beyond, the one that was idle for longest ends */
};

/* Those of one client: they expire in the order of their last datagrams. */
struct exit_udp_set {
	const struct stream_host *host;
	struct control_timer *timer;
	struct list order; /* the one that has been idle for longest first */
	size_t count;
	uint64_t dropped; /* datagrams that their stream had no room for, in all */
};

/* ERR_NO_MEMORY, or what the loop says. */
enum err exit_udp_set_init(struct exit_udp_set *set, const struct stream_host *host);
/* All that were in it are freed before. */
void exit_udp_set_done(struct exit_udp_set *set);

/* ERR_NO_MEMORY: the stream is still the caller's. */
enum err exit_udp_new(struct exit_udp_set *set, const struct exit_options *options,
					  struct exit_udp **out_exit);
/* Looks for a way to the target; both callbacks may be called from inside. */
void exit_udp_begin(struct exit_udp *exit);
/* NULL: it is closed already. */
const struct mux_stream *exit_udp_stream(const struct exit_udp *exit);
/* Resets the stream if it is there. NULL-safe. */
void exit_udp_free(struct exit_udp *exit);
