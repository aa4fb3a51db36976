#pragma once

/* One connection that is accepted over the loopback interface, and its owner. cmocka.h comes
 * before. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/byte_queue.h"
#include "base/clock.h"
#include "tunnel/carrier_accept.h"
#include "visitor.h"

#define LABEL "EXPORTER-test"
enum { BULK = 4 << 20 };

struct desk {
	struct fake_stream_host fake;
	struct certificate_pair certificate;
	struct tls_server *server;
	struct tls_client *client_side;
	int listener;
	struct endpoint at;
	struct visitor visitor;
	/* The connection. */
	struct carrier_accept *accept;
	unsigned taken, ended;
	struct tls_stream *taken_tls;
	struct byte_queue first;
	struct stream_keys keys;
	uint8_t taken_client[X25519_KEY_SIZE];
	/* The judge. */
	bool admits, had_exporter;
	unsigned judged;
	char text[STREAM_TEXT_SIZE_MAX];
	uint8_t exporter[STREAM_EXPORTER_SIZE];
};

/* The connection's owner */

static inline enum err on_judge(void *context, const uint8_t *exporter, struct slice text,
								struct stream_admitted *out_admitted) {
	struct desk *desk = context;
	desk->judged++;
	desk->had_exporter = exporter != NULL;
	if (exporter)
		memcpy(desk->exporter, exporter, sizeof desk->exporter);
	assert_true(text.size < sizeof desk->text);
	memset(desk->text, 0, sizeof desk->text);
	if (text.size > 0)
		memcpy(desk->text, text.data, text.size);
	if (!desk->admits || !exporter)
		return ERR_AUTHENTICATION;
	*out_admitted = (struct stream_admitted){.entry = {.timestamp = 7}, .answer = "answer"};
	memset(out_admitted->entry.client, 0xc1, X25519_KEY_SIZE);
	memset(out_admitted->entry.random, 0xab, SEEN_RANDOM_SIZE);
	memset(out_admitted->keys.send, 5, sizeof out_admitted->keys.send);
	return ERR_OK;
}

static inline void on_taken(void *context, struct carrier_accept *accept,
							const struct carrier_accepted *accepted) {
	struct desk *desk = context;
	assert_ptr_equal(accept, desk->accept);
	desk->taken++;
	desk->taken_tls = accepted->tls;
	desk->keys = *accepted->keys;
	memcpy(desk->taken_client, accepted->client, X25519_KEY_SIZE);
	assert_int_equal(byte_queue_append(&desk->first, accepted->first.data, accepted->first.size),
					 ERR_OK);
	carrier_accept_free(accept);
	desk->accept = NULL;
}

static inline void on_ended(void *context, struct carrier_accept *accept) {
	struct desk *desk = context;
	assert_ptr_equal(accept, desk->accept);
	desk->ended++;
	carrier_accept_free(accept);
	desk->accept = NULL;
}

static const struct carrier_accept_ops accept_ops = {
	.judge = on_judge,
	.taken = on_taken,
	.ended = on_ended,
};

/* What may be waited for */

static inline bool is_over(void *context) {
	const struct desk *desk = context;
	return desk->ended + desk->taken > 0;
}
static inline bool has_sent_bulk(void *context) {
	return ((struct desk *)context)->visitor.left == 0;
}

static inline void assert_reset(struct desk *desk) {
	fake_stream_host_until(&desk->fake, is_over, desk);
	assert_int_equal(desk->ended, 1);
	fake_stream_host_until(&desk->fake, visitor_has_failed, &desk->visitor);
	assert_int_equal(desk->visitor.failed, ECONNRESET);
}

/* Life */

static inline void accept_one(struct desk *desk) {
	int descriptor = -1;
	do
		descriptor = accept4(desk->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (descriptor < 0 && errno == EAGAIN);
	assert_true(descriptor >= 0);
	const struct carrier_accept_setup setup = {
		.host = &desk->fake.host,
		.ops = &accept_ops,
		.context = desk,
		.descriptor = descriptor,
		.from = desk->at,
		.server = desk->server,
		.exporter_label = LABEL,
	};
	assert_int_equal(carrier_accept_new(&setup, &desk->accept), ERR_OK);
}

static inline void connect_one(struct desk *desk) {
	visitor_connect(&desk->visitor, &desk->fake, desk->client_side, &desk->at);
	accept_one(desk);
	fake_stream_host_until(&desk->fake, visitor_is_served, &desk->visitor);
	assert_string_equal(desk->fake.strangers[0].protocol, "h2");
}

static inline int setup(void **state) {
	struct desk *desk = calloc(1, sizeof *desk);
	assert_non_null(desk);
	fake_stream_host_init(&desk->fake);
	tls_pair_certificate(&desk->certificate);
	desk->server = tls_pair_server(&desk->certificate);
	desk->client_side = tls_pair_client(&desk->certificate);
	desk->listener = fake_stream_host_listen(&desk->at);
	*state = desk;
	return 0;
}

static inline int teardown(void **state) {
	struct desk *desk = *state;
	visitor_leave(&desk->visitor);
	tls_stream_free(desk->taken_tls);
	carrier_accept_free(desk->accept);
	(void)close(desk->listener);
	tls_server_free(desk->server);
	tls_client_free(desk->client_side);
	byte_queue_done(&desk->first);
	fake_stream_host_done(&desk->fake);
	free(desk);
	return 0;
}
