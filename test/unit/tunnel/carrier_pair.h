#pragma once

/* Two carriers over a pair of sockets on one loop, with the keys of an agreement that never was. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../crypto/tls_pair.h"
#include "base/clock.h"
#include "crypto/aead.h"
#include "crypto/csprng.h"
#include "loop/control_loop.h"
#include "proto/stream_protocol.h"
#include "stream/mux.h"
#include "transport/tls/tls_stream.h"
#include "tunnel/carrier.h"
#include "tunnel/stream_host.h"
#include "tunnel/stream_user.h"

enum { CARRIER_PAIR_PATIENCE = 20 }; /* seconds */

struct carrier_pair;

struct carrier_end {
	struct carrier_pair *pair;
	struct tls_stream *tls; /* until it is a carrier's */
	struct carrier *carrier;
	unsigned draining, closed;
	char why[160];
	bool frees; /* the carrier, as soon as it is closed */
	bool frees_draining;
};

struct carrier_pair {
	struct stream_host host;
	struct control_timer *patience;
	struct certificate_pair certificate;
	struct tls_server *server;
	struct tls_client *client;
	struct carrier_end near, far; /* who opens streams, and who is asked to */
	enum stream_error (*opened)(void *context, struct mux_stream *stream,
								const struct target *target);
	void *context; /* of opened() */
};

static inline uint64_t carrier_pair_now(void *context) {
	return clock_now();
}

static const struct stream_host_ops carrier_pair_host = {.now = carrier_pair_now};

static inline void carrier_pair_out_of_patience(void *context) {
	fail_msg("nothing happened for %d seconds", CARRIER_PAIR_PATIENCE);
}

static inline void carrier_pair_stop(void *context) {
	control_loop_stop(context);
}

static inline void carrier_pair_run_for(struct carrier_pair *pair, uint64_t milliseconds) {
	struct control_timer *timer;
	assert_int_equal(control_timer_new(pair->host.loop, carrier_pair_stop, pair->host.loop, &timer),
					 ERR_OK);
	control_timer_set(timer, milliseconds * CLOCK_MILLISECOND);
	control_loop_run(pair->host.loop);
	control_timer_free(timer);
}

/* The ends before they are carriers. */

static inline void carrier_pair_open(void *context) {
	struct carrier_end *end = context;
	struct carrier_end *other = end == &end->pair->near ? &end->pair->far : &end->pair->near;
	if (tls_state(tls_stream_tls(other->tls)) == TLS_OPEN)
		control_loop_stop(end->pair->host.loop);
}
static inline size_t carrier_pair_room(void *context) {
	return 0;
}
static inline void carrier_pair_received(void *context, uint8_t *data, size_t size) {
	/* What came with the handshake's end is nothing: no end speaks before it is a carrier. */
	fail();
}
static inline void carrier_pair_finished(void *context, bool cut) {
	fail();
}
static inline void carrier_pair_writable(void *context) {
}
static inline void carrier_pair_failed(void *context, const struct tls_stream_failure *failure) {
	fail_msg("%s", failure->tls.text);
}
static const struct tls_stream_ops carrier_pair_tls_ops = {
	.open = carrier_pair_open,
	.room = carrier_pair_room,
	.received = carrier_pair_received,
	.finished = carrier_pair_finished,
	.writable = carrier_pair_writable,
	.failed = carrier_pair_failed,
};

static inline void carrier_pair_tls(struct carrier_end *end, int descriptor, struct tls tls) {
	const struct tls_stream_options options = {.loop = end->pair->host.loop,
											   .descriptor = descriptor,
											   .tls = &tls,
											   .ops = &carrier_pair_tls_ops,
											   .context = end};
	assert_int_equal(tls_stream_new(&options, &end->tls), ERR_OK);
}

/* Carriers' news. */

static inline enum stream_error carrier_pair_opened(void *context, struct mux_stream *stream,
													const struct target *target) {
	struct carrier_end *end = context;
	return end->pair->opened(end->pair->context, stream, target);
}
static inline void carrier_pair_draining(void *context) {
	struct carrier_end *end = context;
	end->draining++;
	if (end->frees_draining) {
		carrier_free(end->carrier);
		end->carrier = NULL;
	}
}
static inline void carrier_pair_closed(void *context, const char *why) {
	struct carrier_end *end = context;
	end->closed++;
	(void)strncpy(end->why, why, sizeof end->why - 1);
	if (end->frees) {
		carrier_free(end->carrier);
		end->carrier = NULL;
	}
	if (end->pair->near.closed && end->pair->far.closed)
		control_loop_stop(end->pair->host.loop);
}
static const struct carrier_ops carrier_pair_near = {
	.draining = carrier_pair_draining,
	.closed = carrier_pair_closed,
};
static const struct carrier_ops carrier_pair_far = {
	.opened = carrier_pair_opened,
	.draining = carrier_pair_draining,
	.closed = carrier_pair_closed,
};

static inline void carrier_pair_keys(bool initiator, struct stream_keys *out_keys) {
	*out_keys = (struct stream_keys){.initiator = initiator};
	memset(out_keys->send, initiator ? 1 : 2, sizeof out_keys->send);
	memset(out_keys->receive, initiator ? 2 : 1, sizeof out_keys->receive);
	memset(out_keys->hash, 3, sizeof out_keys->hash);
}

static inline void carrier_pair_carry(struct carrier_end *end, const struct stream_keys *keys,
									  uint8_t shaping, struct slice first) {
	const struct carrier_setup setup = {
		.host = &end->pair->host,
		.ops = keys->initiator ? &carrier_pair_near : &carrier_pair_far,
		.context = end,
		.tls = end->tls,
		.first = first,
		.keys = keys,
		.shaping = shaping,
	};
	end->tls = NULL;
	assert_int_equal(carrier_new(&setup, &end->carrier), ERR_OK);
}

/* Both ends of TLS are open. */
static inline struct carrier_pair *carrier_pair_new(void) {
	struct carrier_pair *pair = calloc(1, sizeof *pair);
	int ends[2];
	assert_non_null(pair);
	pair->host = (struct stream_host){.ops = &carrier_pair_host,
									  .random = &csprng,
									  .backend = aead_backend_find("auto"),
									  .prefix = ""};
	pair->near.pair = pair->far.pair = pair;
	assert_int_equal(control_loop_new(&pair->host.loop), ERR_OK);
	assert_int_equal(aead_worker_new(pair->host.backend, &pair->host.worker), ERR_OK);
	assert_int_equal(
		control_timer_new(pair->host.loop, carrier_pair_out_of_patience, NULL, &pair->patience),
		ERR_OK);
	control_timer_set(pair->patience, CARRIER_PAIR_PATIENCE * CLOCK_SECOND);
	tls_pair_certificate(&pair->certificate);
	pair->server = tls_pair_server(&pair->certificate);
	pair->client = tls_pair_client(&pair->certificate);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	struct tls tls;
	assert_int_equal(tls_server_accept(pair->server, &tls), ERR_OK);
	carrier_pair_tls(&pair->far, ends[1], tls);
	tls = tls_pair_connect(pair->client, "vpn.example.org", slice_of(NULL, 0));
	carrier_pair_tls(&pair->near, ends[0], tls);
	control_loop_run(pair->host.loop);
	return pair;
}

/* With what each end is to have got already, and sends padded so. */
static inline void carrier_pair_join(struct carrier_pair *pair, uint8_t shaping,
									 struct slice first) {
	struct stream_keys keys;
	carrier_pair_keys(true, &keys);
	carrier_pair_carry(&pair->near, &keys, shaping, slice_of(NULL, 0));
	carrier_pair_keys(false, &keys);
	carrier_pair_carry(&pair->far, &keys, shaping, first);
}

static inline void carrier_pair_free(struct carrier_pair *pair) {
	struct carrier_end *const ends[] = {&pair->near, &pair->far};
	for (size_t i = 0; i < 2; i++) {
		tls_stream_free(ends[i]->tls);
		carrier_free(ends[i]->carrier);
	}
	control_timer_free(pair->patience);
	control_loop_free(pair->host.loop);
	aead_worker_free(pair->host.worker);
	tls_server_free(pair->server);
	tls_client_free(pair->client);
	free(pair);
}
