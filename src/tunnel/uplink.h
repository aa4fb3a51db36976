#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "proxy/refusal.h"
#include "tunnel/carrier.h"
#include "tunnel/stream_user.h"
#include "wire/target.h"

/*
 * A client's connections to its server: a few long-lived ones, made when there is something to do
 * and made again when they end; the front ends stay. Streams go to the one with the fewest.
 */

struct uplink;

/* Somebody who wants a stream; embedded in its owner. */
struct uplink_wish {
	struct list link; /* the uplink's */
	struct target target;
	struct stream_user *user; /* becomes the stream's owner */
	/*
	 * The stream is open on this side, and data may be written at once; user->ops->connected says
	 * when the far end has reached the target.
	 */
	void (*opened)(struct uplink_wish *wish, struct carrier *carrier, struct mux_stream *stream);
	void (*refused)(struct uplink_wish *wish, enum refusal refusal);
};

/*
 * One of the two is called once, maybe from inside, unless cancelled before. Who waits longer than
 * UPLINK_PATIENCE_SECONDS without a connection is refused: REFUSAL_CARRIER.
 */
void uplink_open(struct uplink *uplink, struct uplink_wish *wish);
void uplink_cancel(struct uplink *uplink, struct uplink_wish *wish);

enum {
	UPLINK_CONNECTIONS_MAX = 6,
	UPLINK_PATIENCE_SECONDS = 20,
};
