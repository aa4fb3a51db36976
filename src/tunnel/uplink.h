#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/list.h"
#include "crypto/sizes.h"
#include "proxy/refusal.h"
#include "tunnel/carrier.h"
#include "tunnel/stream_options.h"
#include "tunnel/stream_user.h"
#include "wire/target.h"

/*
 * A client's connections to its server: a few long-lived ones, made when there is something to do
 * and made again when they end; the front ends stay. Streams go to the one with the fewest.
 *
 * One connection is dialled at a time. After a failure the next attempt waits UPLINK_RETRY, twice
 * as long each time, up to UPLINK_RETRY_MAX; after a web site's answer UPLINK_DECLINED at least.
 * A connection that does not last as long as the wait that a failure would have brought is one, and
 * the wait is from its begin: a server that takes everybody in and throws them out is not dialled
 * in a loop, and one that cuts off who was served for a while is dialled at once.
 * All waits vary at random. What a site's answer says of the time is believed.
 */

struct stream_host;
struct stream_identity;
struct stream_protocol;
struct tls_client;
struct uplink;

/* Somebody who wants a stream; embedded in its owner. */
struct uplink_wish {
	struct list link; /* the uplink's */
	uint64_t until;   /* the uplink's */
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
 * UPLINK_PATIENCE_SECONDS without a connection is refused: REFUSAL_CARRIER; and at once where the
 * next attempt is farther away than that.
 */
void uplink_open(struct uplink *uplink, struct uplink_wish *wish);
void uplink_cancel(struct uplink *uplink, struct uplink_wish *wish);

/* Somebody who was refused for want of a connection and will want one again; embedded likewise. */
struct uplink_watch {
	struct list link; /* the uplink's, after list_init() */
	/* There is a connection, or may be one if it is wished for. */
	void (*again)(struct uplink_watch *watch);
};

/* again() is called once, never from inside, unless it was forgotten before. */
void uplink_await(struct uplink *uplink, struct uplink_watch *watch);
void uplink_forget(struct uplink *uplink, struct uplink_watch *watch);

enum {
	UPLINK_CONNECTIONS_MAX = STREAM_CONNECTIONS_MAX,
	UPLINK_PATIENCE_SECONDS = 20,
	UPLINK_BUSY_STREAMS = 4, /* of each connection, before another one is made */
};

#define UPLINK_RETRY (500 * CLOCK_MILLISECOND) /* to twice as long, here and below */
#define UPLINK_RETRY_MAX (30 * CLOCK_SECOND)
#define UPLINK_DECLINED (60 * CLOCK_SECOND)

/* All that is pointed to outlives the uplink, or the next uplink_configure(). */
struct uplink_options {
	const struct stream_host *host; /* the same for ever */
	const struct stream_protocol *protocol;
	const struct stream_identity *identity;
	struct tls_client *tls;
	const char *name, *path, *cookie; /* see carrier_dial.h */
	uint8_t shaping;
	uint8_t connections; /* open at once when there is much to do: 1 … UPLINK_CONNECTIONS_MAX */
};

/* The server. */
struct uplink_peer {
	uint8_t public_key[X25519_KEY_SIZE];
	struct endpoint endpoint; /* ADDRESS_NONE: not known yet */
};

/* There is no server yet. ERR_NO_MEMORY, or what the loop says. */
enum err uplink_new(const struct uplink_options *options, struct uplink **out_uplink);
/* Whoever has streams or wishes is gone before, or forgets them. NULL-safe. */
void uplink_free(struct uplink *uplink);

/* Ends all connections, and with them streams; wishes wait for new ones. */
void uplink_configure(struct uplink *uplink, const struct uplink_options *options);
/*
 * NULL: there is none any more. Connections end where it is another server; at another endpoint of
 * the same one they stay, and new ones are made there.
 */
void uplink_set_peer(struct uplink *uplink, const struct uplink_peer *peer);
/*
 * The end: no connection is made any more, wishes are refused, and those that are there close when
 * their streams have ended; or now, in order.
 */
void uplink_drain(struct uplink *uplink, bool now);
bool uplink_is_drained(const struct uplink *uplink);
/* The network is another than before: what failed may be tried again at once. */
void uplink_hurry(struct uplink *uplink);

struct uplink_figures {
	size_t connection_count; /* that are open, draining ones with them */
	struct carrier_figures connections[UPLINK_CONNECTIONS_MAX];
	uint64_t received, sent; /* of all that ever were */
	uint64_t heard_at;       /* ns, when there was an open one last; 0: never */
	uint64_t made, declined; /* connections, and attempts that met a web site */
	uint32_t attempts;       /* that failed in a row */
	const char *why;         /* the last one did; empty: none. Until the next call */
	uint64_t dialling;       /* ns that an attempt has been under way; 0: none is */
	size_t wishes;           /* that wait */
};
void uplink_figures(const struct uplink *uplink, struct uplink_figures *out_figures);
