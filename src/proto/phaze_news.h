#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "crypto/sizes.h"
#include "engine/inbox.h"
#include "engine/protocol.h"
#include "wire/phaze_packet.h"

/*
 * What shards tell the control thread, in the order in which each shard told it: datagrams of
 * handshakes, and what becomes of sessions. What a peer does beside that (it moved, there is no way
 * to it) is in device_news.h, as with other protocols.
 *
 * News of a session are made with it, so that nothing is lost where memory is short. They name the
 * peer by its identity, as it may be gone when they are read, and the session by the number that
 * the control thread gave it.
 */

struct engine;

enum phaze_news_kind {
	PHAZE_NEWS_DATAGRAM, /* struct phaze_news_datagram */
	PHAZE_NEWS_CURRENT,  /* struct phaze_news_session: its packets count from now on */
	PHAZE_NEWS_HEARD,    /* likewise: the other end is there, and knows of it */
	PHAZE_NEWS_ENDED,    /* likewise: once for every session, the last that is told of it */
};

struct phaze_news {
	struct inbox_item item; /* first */
	enum phaze_news_kind kind;
};

/* Whom a handshake is with, and which shard's socket it goes through. */
struct phaze_way {
	uint16_t shard;
	struct endpoint to;
	struct udp_source from; /* ADDRESS_NONE: the kernel chooses */
	uint64_t connection;    /* that it goes by instead: see phaze_connections.h; 0: none */
};

/* A packet of type HANDSHAKE, of anybody's. */
struct phaze_news_datagram {
	struct phaze_news news; /* first */
	struct phaze_way way;   /* where answers go */
	size_t size;
	uint8_t data[];
};

struct phaze_news_session {
	struct phaze_news news; /* first */
	uint8_t identity[HASH_SIZE];
	uint64_t number; /* the session's */
	/*
	 * SHA-256 of ticket ids; zeros: none. CURRENT, at a client HEARD: the ticket that was used up,
	 * and the one that is the member's only one from now on.
	 */
	uint8_t used[HASH_SIZE], fresh[HASH_SIZE];
	/* ENDED: */
	bool was_current;
	bool was_heard; /* of the other end, under it */
	bool by_peer;   /* the other end said so */
	enum phaze_close_code
		code; /* that either end said; DONE: the other end is silent, or dead keys */
};

/* The device's: where news arrive. */
struct phaze_newsbox {
	struct inbox inbox;
	const struct engine *engine; /* whose control thread is woken; NULL: nobody */
	_Atomic uint32_t datagrams;  /* that wait */
};

void phaze_newsbox_init(struct phaze_newsbox *box, const struct engine *engine);
/* No shard may use it any more. */
void phaze_newsbox_done(struct phaze_newsbox *box);

/* Control thread: all that is new, linked by item.next; NULL when there is nothing. */
struct phaze_news *phaze_newsbox_take(struct phaze_newsbox *box);
/* The one behind it; NULL after the last. */
struct phaze_news *phaze_news_next(const struct phaze_news *news);
/* Of all of it, and of where it came from. */
enum err phaze_news_digest(const struct phaze_news_datagram *datagram,
						   uint8_t out_digest[static HASH_SIZE]);
/* Control thread: once for each that was taken. */
void phaze_news_free(struct phaze_newsbox *box, struct phaze_news *news);

/* Shards: false where too many wait, or memory is short. */
bool phaze_newsbox_put_datagram(struct phaze_newsbox *box, const struct phaze_way *way,
								const uint8_t *data, size_t size);
/* Shards: the news are the box's from now on. */
void phaze_newsbox_put_session(struct phaze_newsbox *box, struct phaze_news_session *news);
