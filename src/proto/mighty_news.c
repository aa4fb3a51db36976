#include "proto/mighty_news.h"

#include <stdlib.h>
#include <string.h>

#include "proto/mighty_peer.h"
#include "wire/cursor.h"

static void tell(struct mighty_peer *peer) {
	device_news_tell(&peer->news.device, DEVICE_NEWS_SAVE);
}

void mighty_news_connected(struct mighty_peer *peer, bool connected) {
	atomic_store_explicit(&peer->news.connected, connected, memory_order_relaxed);
	tell(peer);
}

void mighty_news_taken_over(struct mighty_peer *peer) {
	(void)atomic_fetch_add_explicit(&peer->news.take_overs, 1, memory_order_relaxed);
	tell(peer);
}

void mighty_news_hello(struct mighty_peer *peer,
					   const uint8_t instance[static MIGHTY_INSTANCE_SIZE], uint64_t time) {
	struct mighty_news *news = &peer->news;
	struct reader reader = reader_of(instance, MIGHTY_INSTANCE_SIZE);
	const uint64_t word = reader_u64_be(&reader);
	const uint32_t sequence = atomic_load_explicit(&news->hello_sequence, memory_order_relaxed);
	atomic_store_explicit(&news->hello_sequence, sequence + 1, memory_order_relaxed);
	/* Release stores keep the odd number in front of them for whoever sees their value. */
	atomic_store_explicit(&news->hello_instance, word, memory_order_release);
	atomic_store_explicit(&news->hello_time, time, memory_order_release);
	atomic_store_explicit(&news->hello_sequence, sequence + 2, memory_order_release);
	tell(peer);
}

bool mighty_news_read_hello(const struct mighty_peer *peer,
							uint8_t out_instance[static MIGHTY_INSTANCE_SIZE], uint64_t *out_time) {
	const struct mighty_news *news = &peer->news;
	uint64_t word, time;
	uint32_t before, after;
	do {
		before = atomic_load_explicit(&news->hello_sequence, memory_order_acquire);
		word = atomic_load_explicit(&news->hello_instance, memory_order_acquire);
		time = atomic_load_explicit(&news->hello_time, memory_order_acquire);
		after = atomic_load_explicit(&news->hello_sequence, memory_order_relaxed);
	} while (before != after || (before & 1));
	if (before == 0)
		return false;
	struct writer writer = writer_of(out_instance, MIGHTY_INSTANCE_SIZE);
	writer_u64_be(&writer, word);
	*out_time = time;
	return true;
}

void mighty_news_claimed(struct mighty_peer *peer, uint64_t time) {
	atomic_store_explicit(&peer->news.claimed, time, memory_order_relaxed);
	tell(peer);
}

void mighty_news_told(struct mighty_peer *peer, const struct parameters *parameters) {
	struct parameters *copy = malloc(sizeof *copy);
	if (!copy)
		return;
	*copy = *parameters;
	free(atomic_exchange_explicit(&peer->news.told, copy, memory_order_acq_rel));
	tell(peer);
}

struct parameters *mighty_news_take_told(struct mighty_peer *peer) {
	return atomic_exchange_explicit(&peer->news.told, NULL, memory_order_acq_rel);
}
