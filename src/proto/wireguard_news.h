#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "base/list.h"
#include "engine/inbox.h"
#include "wire/wireguard.h"

/*
 * What shards tell the control thread about peers: a list without locks of those peers that have
 * something new, so that nobody walks over all of them. The packet path does not pay for it: it is
 * told when a handshake ends, fails or is repeated, or an endpoint moves.
 */

struct device;
struct wireguard_peer;

/* Bits. */
enum wireguard_news_kind {
	WIREGUARD_NEWS_HANDSHAKE = 1,    /* one was completed */
	WIREGUARD_NEWS_ENDPOINT = 2,     /* the first one was learnt from the peer itself */
	WIREGUARD_NEWS_MOVED = 4,        /* it roamed from one to another */
	WIREGUARD_NEWS_UNANSWERED = 8,   /* an initiation was not answered in time */
	WIREGUARD_NEWS_TIMESTAMP = 32,   /* an initiation of the peer's was accepted */
	WIREGUARD_NEWS_UNREACHABLE = 16, /* this host has no way to its endpoint */
};

/* The device's: where the news of its peers arrive. */
struct wireguard_newsbox {
	struct inbox inbox;
	struct list peers; /* control thread: taken out of the inbox, not looked at yet */
};

/* A peer's. */
struct wireguard_news {
	struct inbox_item item;
	struct wireguard_newsbox *box; /* never changes; NULL: nobody listens */
	_Atomic unsigned kinds;        /* not 0: item is in the inbox */
	_Atomic uint32_t unanswered;   /* initiations in a row; the owner shard writes it */
	/*
	 * For the journal, by the owner shard: the peer's last timestamp in two words, and what our
	 * last initiation claimed. Two words of two timestamps, read at once, are no more than one
	 * handshake wrong, and are followed by news.
	 */
	_Atomic uint64_t timestamp_high, claimed;
	_Atomic uint32_t timestamp_low;
};

void wireguard_newsbox_init(struct wireguard_newsbox *box);

/* The shard that owns the peer, after it has published what is new. */
void wireguard_news_tell(struct wireguard_peer *peer, enum wireguard_news_kind kind);
/* The shard: the timestamp of an initiation that was accepted. The control thread reads it back. */
void wireguard_news_timestamp(struct wireguard_peer *peer,
							  const uint8_t timestamp[static WIREGUARD_TIMESTAMP_SIZE]);
void wireguard_news_read_timestamp(const struct wireguard_peer *peer,
								   uint8_t out_timestamp[static WIREGUARD_TIMESTAMP_SIZE]);
/* The shard: counts an initiation that stayed without an answer, if it could be sent at all. */
void wireguard_news_unanswered(struct wireguard_peer *peer);

/* Control thread: saves what is new and tells the host's event(). */
void wireguard_news_deliver(struct device *device);
/* Control thread: a peer that no shard has any more is about to be freed. */
void wireguard_news_forget(struct wireguard_peer *peer);
