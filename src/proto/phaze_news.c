#include "proto/phaze_news.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "engine/engine.h"
#include "proto/phaze_limits.h"
#include "wire/cursor.h"

void phaze_newsbox_init(struct phaze_newsbox *box, const struct engine *engine) {
	*box = (struct phaze_newsbox){.engine = engine};
	inbox_init(&box->inbox);
}

void phaze_newsbox_done(struct phaze_newsbox *box) {
	struct phaze_news *next;
	for (struct phaze_news *news = phaze_newsbox_take(box); news; news = next) {
		next = phaze_news_next(news);
		phaze_news_free(box, news);
	}
}

struct phaze_news *phaze_newsbox_take(struct phaze_newsbox *box) {
	return (struct phaze_news *)inbox_take_all(&box->inbox);
}

struct phaze_news *phaze_news_next(const struct phaze_news *news) {
	return (struct phaze_news *)news->item.next;
}

enum err phaze_news_digest(const struct phaze_news_datagram *datagram,
						   uint8_t out_digest[static HASH_SIZE]) {
	const struct endpoint *from = &datagram->way.to;
	uint8_t place[ADDRESS_V6_SIZE + 1 + 4 + 2];
	struct writer writer = writer_of(place, sizeof place);
	writer_bytes(&writer, from->address.bytes, ADDRESS_V6_SIZE);
	writer_u8(&writer, from->address.family);
	writer_u32_be(&writer, from->scope_id);
	writer_u16_be(&writer, from->port);
	const struct slice parts[] = {slice_of(place, sizeof place),
								  slice_of(datagram->data, datagram->size)};
	return hash_digest(HASH_SHA256, parts, 2, out_digest);
}

void phaze_news_free(struct phaze_newsbox *box, struct phaze_news *news) {
	if (news->kind == PHAZE_NEWS_DATAGRAM)
		(void)atomic_fetch_sub_explicit(&box->datagrams, 1, memory_order_relaxed);
	free(news);
}

static void put(struct phaze_newsbox *box, struct phaze_news *news) {
	/* One wake for any number of news. */
	if (inbox_push(&box->inbox, &news->item) && box->engine)
		engine_notify(box->engine);
}

bool phaze_newsbox_put_datagram(struct phaze_newsbox *box, const struct phaze_way *way,
								const uint8_t *data, size_t size) {
	const bool room = atomic_fetch_add_explicit(&box->datagrams, 1, memory_order_relaxed) <
					  PHAZE_NEWS_DATAGRAMS_MAX;
	struct phaze_news_datagram *datagram = room ? malloc(sizeof *datagram + size) : NULL;
	if (!datagram) {
		(void)atomic_fetch_sub_explicit(&box->datagrams, 1, memory_order_relaxed);
		return false;
	}
	*datagram =
		(struct phaze_news_datagram){.news.kind = PHAZE_NEWS_DATAGRAM, .way = *way, .size = size};
	memcpy(datagram->data, data, size);
	put(box, &datagram->news);
	return true;
}

void phaze_newsbox_put_session(struct phaze_newsbox *box, struct phaze_news_session *news) {
	put(box, &news->news);
}
