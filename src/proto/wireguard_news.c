#include "proto/wireguard_news.h"

#include <string.h>

#include "proto/wireguard_control.h"
#include "proto/wireguard_limits.h"
#include "proto/wireguard_peer.h"
#include "wire/cursor.h"

void wireguard_newsbox_init(struct wireguard_newsbox *box) {
	inbox_init(&box->inbox);
	list_init(&box->peers);
}

void wireguard_news_tell(struct wireguard_peer *peer, enum wireguard_news_kind kind) {
	struct wireguard_news *news = &peer->news;
	/* Whoever raises the first bit puts it into the inbox; the others ride along. */
	if (atomic_fetch_or_explicit(&news->kinds, kind, memory_order_acq_rel) != 0 || !news->box)
		return;
	(void)inbox_push(&news->box->inbox, &news->item);
	engine_notify(peer->peer.lane->shard->engine);
}

void wireguard_news_unanswered(struct wireguard_peer *peer) {
	if (peer->peer.paths[0].to.address.family == ADDRESS_NONE)
		return;
	uint32_t count = atomic_load_explicit(&peer->news.unanswered, memory_order_relaxed);
	if (count < UINT32_MAX)
		atomic_store_explicit(&peer->news.unanswered, count + 1, memory_order_relaxed);
	wireguard_news_tell(peer, WIREGUARD_NEWS_UNANSWERED);
}

void wireguard_news_timestamp(struct wireguard_peer *peer,
							  const uint8_t timestamp[static WIREGUARD_TIMESTAMP_SIZE]) {
	struct reader reader = reader_of(timestamp, WIREGUARD_TIMESTAMP_SIZE);
	uint64_t high = reader_u64_be(&reader);
	uint32_t low = reader_u32_be(&reader);
	atomic_store_explicit(&peer->news.timestamp_high, high, memory_order_relaxed);
	atomic_store_explicit(&peer->news.timestamp_low, low, memory_order_relaxed);
	wireguard_news_tell(peer, WIREGUARD_NEWS_TIMESTAMP);
}

void wireguard_news_read_timestamp(const struct wireguard_peer *peer,
								   uint8_t out_timestamp[static WIREGUARD_TIMESTAMP_SIZE]) {
	struct writer writer = writer_of(out_timestamp, WIREGUARD_TIMESTAMP_SIZE);
	writer_u64_be(&writer, atomic_load_explicit(&peer->news.timestamp_high, memory_order_relaxed));
	writer_u32_be(&writer, atomic_load_explicit(&peer->news.timestamp_low, memory_order_relaxed));
}

static void drain(struct wireguard_newsbox *box) {
	struct inbox_item *next;
	for (struct inbox_item *item = inbox_take_all(&box->inbox); item; item = next) {
		struct wireguard_peer *peer = list_item(item, struct wireguard_peer, news.item);
		next = item->next;
		/* From here on the shard may push the item again: a peer can be on the list already. */
		peer->control.news |= atomic_exchange_explicit(&peer->news.kinds, 0, memory_order_acq_rel);
		if (list_is_empty(&peer->control.news_link))
			list_append(&box->peers, &peer->control.news_link);
	}
}

void wireguard_news_forget(struct wireguard_peer *peer) {
	if (!peer->news.box)
		return;
	drain(peer->news.box);
	list_remove(&peer->control.news_link);
}

static void tell_host(const struct device *device, const struct wireguard_peer *peer,
					  enum device_event_kind kind, uint32_t count) {
	if (!device->host->event)
		return;
	struct device_event event = {.kind = kind, .count = count};
	uint32_t sequence;
	memcpy(event.public_key, peer->control.public_key, X25519_KEY_SIZE);
	(void)peer_read_endpoint(&peer->peer, &event.endpoint, &sequence);
	device->host->event(device->host->context, &event);
}

/* Whether the two ends were apart before this handshake. */
static bool was_apart(const struct wireguard_peer *peer, uint64_t handshake) {
	uint64_t before = peer->control.known_handshake;
	return before == 0 || peer->control.told_unanswered ||
		   handshake > before + WIREGUARD_REJECT_AFTER_TIME;
}

static void look_at(const struct device *device, struct wireguard_peer *peer, unsigned news) {
	uint32_t unanswered = atomic_load_explicit(&peer->news.unanswered, memory_order_relaxed);
	uint64_t handshake =
		atomic_load_explicit(&peer->peer.published.last_handshake, memory_order_relaxed);
	if ((news & WIREGUARD_NEWS_HANDSHAKE) && handshake != 0) {
		if (was_apart(peer, handshake))
			tell_host(device, peer, DEVICE_EVENT_CONNECTED, 0);
		peer->control.known_handshake = handshake;
		peer->control.told_unanswered = false;
	}
	if (news & WIREGUARD_NEWS_MOVED)
		tell_host(device, peer, DEVICE_EVENT_MOVED, 0);
	if (news & WIREGUARD_NEWS_UNREACHABLE)
		tell_host(device, peer, DEVICE_EVENT_UNREACHABLE, 0);
	/* 0: an answer came meanwhile, or the endpoint was changed. */
	if ((news & WIREGUARD_NEWS_UNANSWERED) && unanswered > 0) {
		peer->control.told_unanswered = true;
		tell_host(device, peer, DEVICE_EVENT_UNANSWERED, unanswered);
	}
}

void wireguard_news_deliver(struct device *device) {
	drain(&device->news);
	struct list *link;
	while ((link = list_take_first(&device->news.peers))) {
		struct wireguard_peer *peer = list_item(link, struct wireguard_peer, control.news_link);
		unsigned news = peer->control.news;
		peer->control.news = 0;
		if (peer->control.removed)
			continue;
		wireguard_device_save_peer(device, peer);
		look_at(device, peer, news);
	}
}
