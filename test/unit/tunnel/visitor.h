#pragma once

/* Somebody who connects to a server of streams over TLS, and the site that serves him: the test. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../crypto/tls_pair.h"
#include "base/byte_queue.h"
#include "fake_stream_host.h"
#include "transport/tls/tls_stream.h"
#include "wire/decoy_link.h"

struct visitor {
	struct fake_stream_host *fake;
	struct tls_stream *tls; /* NULL: gone, or somebody else's */
	size_t room, left;      /* left: zeros to be sent */
	struct byte_queue got;
	bool open, finished, cut;
	int failed;   /* errno, -1: TLS's */
	size_t place; /* of his site's end, among the strangers */
	/* What the site got last. */
	uint8_t data[DECOY_LINK_MESSAGE_MAX];
	struct decoy_link_message message;
};

/* The visitor */

static inline void visitor_on_open(void *context) {
	((struct visitor *)context)->open = true;
}
static inline size_t visitor_on_room(void *context) {
	return ((struct visitor *)context)->room;
}
static inline void visitor_on_received(void *context, uint8_t *data, size_t size) {
	struct visitor *visitor = context;
	assert_int_equal(byte_queue_append(&visitor->got, data, size), ERR_OK);
}
static inline void visitor_on_finished(void *context, bool cut) {
	struct visitor *visitor = context;
	visitor->finished = true;
	visitor->cut = cut;
}
static inline void visitor_send_zeros(void *context) {
	static const uint8_t zeros[16384];
	struct visitor *visitor = context;
	size_t taken = 1;
	while (visitor->left > 0 && taken > 0) {
		size_t size = visitor->left < sizeof zeros ? visitor->left : sizeof zeros;
		taken = tls_stream_send(visitor->tls, zeros, size);
		visitor->left -= taken;
	}
}
static inline void visitor_on_failed(void *context, const struct tls_stream_failure *failure) {
	struct visitor *visitor = context;
	visitor->failed = failure->number ? failure->number : -1;
}
static const struct tls_stream_ops visitor_ops = {
	.open = visitor_on_open,
	.room = visitor_on_room,
	.received = visitor_on_received,
	.finished = visitor_on_finished,
	.writable = visitor_send_zeros,
	.failed = visitor_on_failed,
};

static inline void visitor_connect(struct visitor *visitor, struct fake_stream_host *fake,
								   struct tls_client *client, const struct endpoint *to) {
	*visitor =
		(struct visitor){.fake = fake, .room = TLS_RECORD_SIZE_MAX, .place = fake->stranger_count};
	struct tls tls = tls_pair_connect(client, "vpn.example.org", slice_of(NULL, 0));
	const struct tls_stream_options options = {
		.loop = fake->host.loop,
		.descriptor = fake_stream_host_connect(to),
		.tls = &tls,
		.ops = &visitor_ops,
		.context = visitor,
	};
	assert_int_equal(tls_stream_new(&options, &visitor->tls), ERR_OK);
}

static inline void visitor_leave(struct visitor *visitor) {
	tls_stream_free(visitor->tls);
	visitor->tls = NULL;
	byte_queue_done(&visitor->got);
}

static inline void visitor_says(struct visitor *visitor, const char *text) {
	assert_int_equal(tls_stream_send(visitor->tls, (const uint8_t *)text, strlen(text)),
					 strlen(text));
}

/* What may be waited for */

static inline bool visitor_is_served(void *context) {
	const struct visitor *visitor = context;
	return visitor->open && visitor->fake->stranger_count > visitor->place;
}
static inline bool visitor_has_got(void *context) {
	return byte_queue_size(&((struct visitor *)context)->got) > 0;
}
static inline bool visitor_has_failed(void *context) {
	return ((struct visitor *)context)->failed != 0;
}
static inline bool visitor_has_finished(void *context) {
	return ((struct visitor *)context)->finished;
}

static inline void visitor_gets(struct visitor *visitor, const char *text) {
	fake_stream_host_until(visitor->fake, visitor_has_got, visitor);
	assert_int_equal(byte_queue_size(&visitor->got), strlen(text));
	assert_memory_equal(byte_queue_view(&visitor->got).data, text, strlen(text));
	byte_queue_drop(&visitor->got, strlen(text));
}

/* His site */

static inline int visitor_site(const struct visitor *visitor) {
	assert_true(visitor->place < visitor->fake->stranger_count);
	return visitor->fake->strangers[visitor->place].descriptor;
}

static inline void visitor_close_site(struct visitor *visitor) {
	(void)close(visitor_site(visitor));
	visitor->fake->strangers[visitor->place].descriptor = -1;
}

/* Whether there was a message; then it is visitor->message. */
static inline bool visitor_site_reads(void *context) {
	struct visitor *visitor = context;
	ssize_t size = recv(visitor_site(visitor), visitor->data, sizeof visitor->data, 0);
	if (size < 0 && errno == EAGAIN)
		return false;
	assert_true(size > 0);
	assert_int_equal(
		decoy_link_decode(DECOY_LINK_SITE, visitor->data, (size_t)size, &visitor->message), ERR_OK);
	return true;
}

static inline void visitor_site_gets(struct visitor *visitor, enum decoy_link_type type) {
	fake_stream_host_until(visitor->fake, visitor_site_reads, visitor);
	assert_int_equal(visitor->message.type, type);
}

static inline void visitor_site_gets_data(struct visitor *visitor, const char *text) {
	visitor_site_gets(visitor, DECOY_LINK_DATA);
	assert_int_equal(visitor->message.bytes.size, strlen(text));
	assert_memory_equal(visitor->message.bytes.data, text, strlen(text));
}

static inline void visitor_site_says(struct visitor *visitor, enum decoy_link_type type,
									 const char *text) {
	uint8_t data[DECOY_LINK_MESSAGE_MAX];
	size_t size;
	struct decoy_link_message message = {.type = type, .bytes = slice_of_text(text)};
	assert_int_equal(decoy_link_encode(&message, data, sizeof data, &size), ERR_OK);
	assert_int_equal(send(visitor_site(visitor), data, size, MSG_NOSIGNAL), size);
}

/* Bytes of DATA; whatever visitor->data has. */
static inline bool visitor_site_can_send(void *context) {
	struct visitor *visitor = context;
	visitor->data[0] = DECOY_LINK_DATA;
	ssize_t sent = send(visitor_site(visitor), visitor->data, DECOY_LINK_MESSAGE_MAX, MSG_NOSIGNAL);
	assert_true(sent > 0 || errno == EAGAIN);
	return sent > 0;
}

/* While he does not read: how many bytes of the site's find room, at most. */
static inline size_t visitor_is_filled(struct visitor *visitor, size_t most) {
	size_t sent = 0;
	visitor->room = 0;
	for (int silent = 0; silent < 100; silent++) {
		fake_stream_host_turn(visitor->fake);
		while (sent < most && visitor_site_can_send(visitor)) {
			sent += DECOY_LINK_DATA_MAX;
			silent = 0;
		}
	}
	return sent;
}

/* Nothing more comes for it, as the other end is closed. */
static inline bool visitor_site_is_left(void *context) {
	uint8_t byte;
	ssize_t size = recv(visitor_site(context), &byte, 1, MSG_PEEK);
	return size == 0 || (size < 0 && errno == ECONNRESET);
}
