#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

/*
 * A client's stream of packets: asked for at once, and again when it ended or was refused, later
 * each time until one was connected; where there is no connection to the server, as soon as there
 * is one or its turn to be tried for (tunnel/uplink.h). An empty datagram now and then keeps it
 * from being taken for an idle one.
 */

struct packet_stream;
struct packet_uplink;
struct stream_host;
struct uplink;

#define PACKET_UPLINK_RETRY CLOCK_SECOND /* then twice as long, and so on, up to ... */
#define PACKET_UPLINK_RETRY_MAX (60 * CLOCK_SECOND)
#define PACKET_UPLINK_KEEPALIVE (100 * CLOCK_SECOND) /* of MUX_STREAM_IDLE_SECONDS */

struct packet_uplink_options {
	const struct stream_host *host;
	struct uplink *uplink;
	/* One that has no stream yet; for each try another one. NULL: no memory. */
	struct packet_stream *(*make)(void *context);
	/* The one that was made last will have no stream. It is the owner's to free. */
	void (*refused)(void *context);
	void *context;
};

/* Nothing is called from inside. ERR_NO_MEMORY, or what the loop says. */
enum err packet_uplink_new(const struct packet_uplink_options *options,
						   struct packet_uplink **out_uplink);
/* Before the streams that were made. NULL-safe. */
void packet_uplink_free(struct packet_uplink *uplink);

/* The owner says what happened to the one that was made last: it is connected; it has ended. */
void packet_uplink_connected(struct packet_uplink *uplink);
void packet_uplink_ended(struct packet_uplink *uplink);
