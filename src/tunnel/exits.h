#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/stream_frame.h"
#include "wire/target.h"

/*
 * A server's far ends: every stream that a client opens leads to a target, if the client's policy
 * (proxy/policy.h) lets it.
 *
 *     target ─ policy_judge() ─┬─ an address ──────────────┬─ policy, this host's own ones ─┐
 *                              └─ a name: its addresses ───┘                                │
 *     a TCP connection: exit_tcp.h ◀──────────── those that may be ◀────────────────────────┤
 *     datagrams: exit_udp.h        ◀────────────────────────────────────────────────────────┘
 *
 * Nothing is sent to an address before it is judged. REFUSED_STREAM: the policy or a limit;
 * CONNECT_ERROR: no such name, no answer, refused; INTERNAL_ERROR: our own trouble.
 */

struct carrier;
struct exits;
struct exits_client;
struct mux_stream;
struct policy;
struct stream_host;

/*
 * Places for streams of all clients. Each takes a descriptor, of which other things need some, two
 * for each stranger above all: exits_places() is what EXITS_OTHER_FILES leave of those that this
 * process may have (daemon/hardening.c), or 3/8 where that is more. When all are taken, a client
 * who has two streams less than another has that one's longest idle stream reset, CANCEL, and takes
 * its place: so nobody is shut out by others.
 */
enum {
	EXITS_TOTAL_MAX = 12288,
	EXITS_OTHER_FILES = 6144,
};
size_t exits_places(void);

enum err exits_new(const struct stream_host *host, size_t places, struct exits **out_exits);
/* Its clients are freed before. NULL-safe. */
void exits_free(struct exits *exits);

/* limit: streams at once, on all of the client's carriers. The policy as below. */
enum err exits_client_new(struct exits *exits, const struct policy *policy, uint32_t limit,
						  struct exits_client **out_client);
/* Resets its streams: to be called before their carriers are freed. NULL-safe. */
void exits_client_free(struct exits_client *client);
/*
 * From now on; the one before is not looked at any more. Streams that it does not allow are reset.
 * NULL: ordinary addresses only. The policy lives until it is replaced or the client is freed.
 */
void exits_client_set(struct exits_client *client, const struct policy *policy, uint32_t limit);

/* To be called from carrier_ops.opened, for every target but TARGET_PACKETS. */
enum stream_error exits_client_open(struct exits_client *client, struct carrier *carrier,
									struct mux_stream *stream, const struct target *target);
/*
 * The carrier is about to be freed while it has streams: those that end here are reset. Not needed
 * after carrier_ops.closed, before which all of them were closed.
 */
void exits_client_leave(struct exits_client *client, const struct carrier *carrier);

struct exits_figures {
	uint32_t waiting, connections, sessions; /* now: targets being looked for; TCP; UDP */
	uint64_t opened;                         /* in all: that reached their target, ... */
	uint64_t refused;                        /* that policy or a limit refused, ... */
	uint64_t failed;                         /* and whose target could not be reached */
	uint64_t questions;                      /* names whose addresses were asked for */
	uint64_t dropped;                        /* datagrams that their stream had no room for */
};
void exits_client_figures(const struct exits_client *client, struct exits_figures *out_figures);
