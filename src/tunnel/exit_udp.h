#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/list.h"

/*
 * The far end of a stream of datagrams: one socket, connected to the target, so that only the
 * target's answers come. What does not fit into the stream at once is dropped, as routers do.
 */

struct carrier;
struct control_timer;
struct exit_udp;
struct mux_stream;
struct stream_host;

#define EXIT_UDP_IDLE                                                          \
	(120 * CLOCK_SECOND) /* without datagrams either way, RFC 4787 section 4.3 \
						  */

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

struct exit_udp_options {
	struct exit_udp_set *set;
	/* The stream's owner becomes this. It is freed before the carrier is. */
	struct carrier *carrier;
	struct mux_stream *stream;
	const struct endpoint *endpoints; /* copied; the first that this host has a way to counts */
	size_t count;                     /* at most DIAL_ENDPOINTS_MAX count */
	/* Whether it may be, now that it is known which one; false: the stream is refused. */
	bool (*reached)(void *context, const struct endpoint *peer);
	/* It is over, and the stream gone. The owner frees it, from inside or later. */
	void (*ended)(void *context);
	void *context;
};

/* ERR_NO_MEMORY: the stream is still the caller's. */
enum err exit_udp_new(const struct exit_udp_options *options, struct exit_udp **out_exit);
/* Looks for a way to the target; both callbacks may be called from inside. */
void exit_udp_begin(struct exit_udp *exit);
/* Resets the stream if it is there. NULL-safe. */
void exit_udp_free(struct exit_udp *exit);
