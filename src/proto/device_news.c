#include "proto/device_news.h"

#include <string.h>

#include "base/clock.h"
#include "engine/peer.h"
#include "proto/device.h"

/* News (endpoints, handshakes) are saved, and told to the host, at most so often. */
#define INTERVAL (200 * CLOCK_MILLISECOND)

void device_newsbox_init(struct device_newsbox *box) {
	inbox_init(&box->inbox);
	list_init(&box->waiting);
	box->next = CLOCK_NEVER;
}

void device_news_init(struct device_news *news, const struct peer *peer,
					  const uint8_t public_key[static X25519_KEY_SIZE]) {
	*news = (struct device_news){.peer = peer, .public_key = public_key};
	list_init(&news->link);
}

void device_news_tell(struct device_news *news, enum device_news_kind kind) {
	/* Whoever raises the first bit puts it into the inbox; the others ride along. */
	if (atomic_fetch_or_explicit(&news->kinds, kind, memory_order_acq_rel) != 0 || !news->box)
		return;
	const struct engine *engine = news->box->engine;
	/* One wake for any number of news. */
	if (inbox_push(&news->box->inbox, &news->item))
		engine_notify(engine);
}

void device_news_unanswered(struct device_news *news) {
	if (news->peer->paths[0].to.address.family == ADDRESS_NONE)
		return;
	uint32_t count = atomic_load_explicit(&news->unanswered, memory_order_relaxed);
	if (count < UINT32_MAX)
		atomic_store_explicit(&news->unanswered, count + 1, memory_order_relaxed);
	device_news_tell(news, DEVICE_NEWS_UNANSWERED);
}

static void drain(struct device_newsbox *box) {
	struct inbox_item *next;
	for (struct inbox_item *item = inbox_take_all(&box->inbox); item; item = next) {
		struct device_news *news = list_item(item, struct device_news, item);
		next = item->next;
		/* From here on the shard may push the item again: a peer can be on the list already. */
		news->waiting |= atomic_exchange_explicit(&news->kinds, 0, memory_order_acq_rel);
		if (list_is_empty(&news->link))
			list_append(&box->waiting, &news->link);
	}
}

void device_news_forget(struct device_news *news) {
	if (!news->box)
		return;
	drain(news->box);
	list_remove(&news->link);
}

static void tell_host(const struct device_news *news, enum device_event_kind kind, uint32_t count) {
	const struct device_host *host = news->box->host;
	if (!host->event)
		return;
	struct device_event event = {.kind = kind, .count = count};
	uint32_t sequence;
	memcpy(event.public_key, news->public_key, sizeof event.public_key);
	(void)peer_read_endpoint(news->peer, &event.endpoint, &sequence);
	host->event(host->context, &event);
}

/* Whether the two ends were apart before this handshake. */
static bool was_apart(const struct device_news *news, uint64_t handshake) {
	uint64_t before = news->known_handshake;
	return before == 0 || news->is_apart || handshake > before + news->box->apart;
}

static void look_at(struct device_news *news, unsigned kinds) {
	uint32_t unanswered = atomic_load_explicit(&news->unanswered, memory_order_relaxed);
	uint64_t handshake =
		atomic_load_explicit(&news->peer->published.last_handshake, memory_order_relaxed);
	if ((kinds & DEVICE_NEWS_HANDSHAKE) && handshake != 0) {
		if (was_apart(news, handshake))
			tell_host(news, DEVICE_EVENT_CONNECTED, 0);
		news->known_handshake = handshake;
		news->is_apart = false;
	}
	if (kinds & DEVICE_NEWS_MOVED)
		tell_host(news, DEVICE_EVENT_MOVED, 0);
	if (kinds & DEVICE_NEWS_UNREACHABLE)
		tell_host(news, DEVICE_EVENT_UNREACHABLE, 0);
	/* 0: an answer came meanwhile, or the endpoint was changed. */
	if ((kinds & DEVICE_NEWS_UNANSWERED) && unanswered > 0) {
		news->is_apart = true;
		tell_host(news, DEVICE_EVENT_UNANSWERED, unanswered);
	}
}

static void deliver(struct device_newsbox *box) {
	drain(box);
	struct list *link;
	while ((link = list_take_first(&box->waiting))) {
		struct device_news *news = list_item(link, struct device_news, link);
		unsigned kinds = news->waiting;
		news->waiting = 0;
		if (news->removed)
			continue;
		box->save(box->context, news);
		look_at(news, kinds);
	}
}

uint64_t device_newsbox_run(struct device_newsbox *box, uint64_t now) {
	bool has_news = !inbox_is_empty(&box->inbox) || !list_is_empty(&box->waiting);
	if (box->next == CLOCK_NEVER && has_news)
		box->next = now + INTERVAL;
	if (box->next <= now) {
		deliver(box);
		box->next = CLOCK_NEVER;
	}
	return box->next;
}
