#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "crypto/sizes.h"
#include "engine/inbox.h"

/*
 * What shards tell the control thread about peers: a list without locks of those peers that have
 * something new, so that nobody walks over all of them. The packet path does not pay for it: it is
 * told when a handshake ends, fails or is repeated, or an endpoint moves.
 */

struct device_host;
struct engine;
struct peer;

/* Bits. */
enum device_news_kind {
	DEVICE_NEWS_HANDSHAKE = 1,    /* one was completed */
	DEVICE_NEWS_ENDPOINT = 2,     /* the first one was learnt from the peer itself */
	DEVICE_NEWS_MOVED = 4,        /* it roamed from one to another */
	DEVICE_NEWS_UNANSWERED = 8,   /* nobody answered in time */
	DEVICE_NEWS_UNREACHABLE = 16, /* this host has no way to its endpoint */
	DEVICE_NEWS_SAVE = 32,        /* something else that is to be saved */
};

struct device_news;

/* The device's: where the news of its peers arrive. */
struct device_newsbox {
	struct inbox inbox;
	struct list waiting; /* control thread: taken out of the inbox, not looked at yet */
	struct engine *engine;
	const struct device_host *host;
	uint64_t apart; /* ns: so long after a handshake the next one is DEVICE_EVENT_CONNECTED again */
	uint64_t next;  /* ns, when to deliver; CLOCK_NEVER: there is nothing */
	/* Saves what changed of a peer's state; before its events are told. */
	void (*save)(void *context, struct device_news *news);
	void *context;
};

/* A peer's. */
struct device_news {
	struct inbox_item item;
	struct device_newsbox *box; /* set before shards know the peer; NULL: nobody listens */
	const struct peer *peer;
	const uint8_t *public_key;
	_Atomic unsigned kinds;      /* not 0: item is in the inbox */
	_Atomic uint32_t unanswered; /* attempts in a row; the owner shard writes it */

	/* The control thread's. */
	struct list link;         /* waiting */
	unsigned waiting;         /* enum device_news_kind, with link */
	uint64_t known_handshake; /* the latest that events took account of */
	bool is_apart;            /* since that one: unanswered, as was told, or the session ended */
	bool removed;             /* the peer waits to be freed: nobody is told any more */
};

void device_newsbox_init(struct device_newsbox *box);
/* The peer and its key outlive the news. */
void device_news_init(struct device_news *news, const struct peer *peer,
					  const uint8_t public_key[static X25519_KEY_SIZE]);

/* The shard that owns the peer, after it has published what is new. */
void device_news_tell(struct device_news *news, enum device_news_kind kind);
/* The shard: counts an attempt that stayed without an answer, if there was an endpoint at all. */
void device_news_unanswered(struct device_news *news);

/*
 * Control thread: when it is time to, saves what is new and tells the host's event(). Returns when
 * to be called again.
 */
uint64_t device_newsbox_run(struct device_newsbox *box, uint64_t now);
/* Control thread: a peer that no shard has any more is about to be freed. */
void device_news_forget(struct device_news *news);
