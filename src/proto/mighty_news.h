#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/device_news.h"
#include "proto/mighty_config.h"

/*
 * What shards tell the control thread about a peer of Mighty, beside what all protocols do. Each of
 * these is told as DEVICE_NEWS_SAVE, after it was published: whoever is told looks at all of them.
 */

struct mighty_peer;

/* The owner shard writes all behind device. */
struct mighty_news {
	struct device_news device;
	_Atomic bool connected;      /* there is a session that may send */
	_Atomic uint32_t take_overs; /* by other instances with the same PSK */
	/* The latest hello that was accepted, guarded by a sequence number, odd while it is written. */
	_Atomic uint32_t hello_sequence;
	_Atomic uint64_t hello_instance, hello_time;
	_Atomic uint64_t claimed; /* ms: the time of our own last hello */
	_Atomic(struct parameters *) told;
	_Atomic uint32_t round_trips[MIGHTY_ENDPOINTS_MAX]; /* us, of each endpoint; 0: not known */
};

/* The shard. A session begins or ends; another instance took it. */
void mighty_news_connected(struct mighty_peer *peer, bool connected);
void mighty_news_taken_over(struct mighty_peer *peer);
/* The shard: a hello was accepted (server), or one was sent (client). */
void mighty_news_hello(struct mighty_peer *peer,
					   const uint8_t instance[static MIGHTY_INSTANCE_SIZE], uint64_t time);
void mighty_news_claimed(struct mighty_peer *peer, uint64_t time);
/* The shard: what the server told; copied. Lost where memory is short. */
void mighty_news_told(struct mighty_peer *peer, const struct parameters *parameters);

/* Control thread: the latest accepted hello. False: there was none yet. */
bool mighty_news_read_hello(const struct mighty_peer *peer,
							uint8_t out_instance[static MIGHTY_INSTANCE_SIZE], uint64_t *out_time);
/* Control thread: the caller frees it; NULL: nothing since the last time. */
struct parameters *mighty_news_take_told(struct mighty_peer *peer);
