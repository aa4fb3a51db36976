#pragma once

/*
 * What a test of a whole server of streams has: visitors who have a key or none, a site that is the
 * test, and a far end.
 */

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/x25519.h"
#include "proto/stream_protocol.h"
#include "stream/mux.h"
#include "tunnel/carrier.h"
#include "tunnel/stream_tunnel.h"
#include "tunnel/stream_user.h"
#include "visitor.h"
#include "wire/target.h"

struct desk {
	struct fake_stream_host fake;
	struct certificate_pair certificate, other;
	struct tls_client *tls;
	const struct stream_protocol *protocol;
	struct stream_peers *peers;
	struct stream_tunnel *server;
	struct endpoint at;
	uint8_t private_key[X25519_KEY_SIZE], public_key[X25519_KEY_SIZE]; /* the server's */
	/* Where streams lead to. */
	struct endpoint target;
	int target_listener;
	int listener;  /* the server's, as the privileged process has it as well */
	int interface; /* the host's end; -1: there is none */
};

/* Somebody with a key. */
struct client {
	struct desk *desk;
	struct visitor visitor;
	struct stream_identity *identity;
	uint8_t public_key[X25519_KEY_SIZE];
	char text[STREAM_TEXT_SIZE_MAX];
	struct stream_pending pending;
	struct carrier *carrier;
	bool closed;
	char why[64];
	/* His stream. */
	struct stream_user user;
	struct mux_stream *stream;
	bool connected, stream_closed;
	uint32_t error;
	char got[64];
	size_t got_size;
};

/* For the server, and for those who have it, too. */
static inline int listen_twice(struct desk *desk) {
	const int listener = fake_stream_host_listen(&desk->at);
	desk->listener = dup(listener);
	assert_true(desk->listener >= 0);
	return listener;
}

static inline void close_listeners(struct desk *desk) {
	(void)close(desk->target_listener);
	(void)close(desk->listener);
}

/* Whether the kernel refuses who connects to the server. */
static inline bool refuses(const struct desk *desk) {
	const struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(desk->at.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_refused =
		connect(late, (const struct sockaddr *)&at, sizeof at) < 0 && errno == ECONNREFUSED;
	(void)close(late);
	return is_refused;
}

/* Clients */

static inline struct client *client_new(struct desk *desk, uint8_t digit) {
	struct client *client = calloc(1, sizeof *client);
	uint8_t key[X25519_KEY_SIZE];
	assert_non_null(client);
	memset(key, digit, sizeof key);
	client->desk = desk;
	assert_int_equal(x25519_public(key, client->public_key), ERR_OK);
	assert_int_equal(desk->protocol->identity_new(key, &client->identity), ERR_OK);
	return client;
}

static inline void client_free(struct client *client) {
	visitor_leave(&client->visitor);
	carrier_free(client->carrier);
	client->desk->protocol->identity_free(client->identity);
	free(client);
}

/* Connects, and shows his text as the site would find it. Whether he is let in. */
static inline bool ask(struct client *client, const char *text) {
	struct desk *desk = client->desk;
	struct visitor *visitor = &client->visitor;
	uint8_t exporter[STREAM_EXPORTER_SIZE];
	visitor_connect(visitor, &desk->fake, desk->tls, &desk->at);
	fake_stream_host_until(&desk->fake, visitor_is_served, visitor);
	assert_int_equal(tls_exporter(tls_stream_tls(visitor->tls), desk->protocol->exporter_label,
								  exporter, sizeof exporter),
					 ERR_OK);
	assert_int_equal(desk->protocol->begin(client->identity, desk->public_key, exporter,
										   desk->fake.host.random,
										   desk->fake.wall_now / CLOCK_MILLISECOND, true,
										   &client->pending, client->text),
					 ERR_OK);
	visitor_site_says(visitor, DECOY_LINK_CANDIDATE, text ?: client->text);
	visitor_site_gets(visitor, DECOY_LINK_VERDICT);
	return visitor->message.admitted;
}

static inline void client_closed(void *context, const char *why) {
	struct client *client = context;
	client->closed = true;
	(void)strncpy(client->why, why, sizeof client->why - 1);
}
static const struct carrier_ops client_carrier_ops = {.closed = client_closed};

static inline void stream_connected(struct stream_user *user) {
	((struct client *)(void *)((char *)user - offsetof(struct client, user)))->connected = true;
}
static inline void stream_readable(struct stream_user *user) {
	struct client *client = (struct client *)(void *)((char *)user - offsetof(struct client, user));
	struct slice view = mux_stream_peek(client->stream);
	assert_true(client->got_size + view.size < sizeof client->got);
	if (view.size > 0)
		memcpy(client->got + client->got_size, view.data, view.size);
	client->got_size += view.size;
	mux_stream_consume(client->stream, view.size);
}
static inline void stream_writable(struct stream_user *user) {
}
static inline void stream_closed(struct stream_user *user, uint32_t error) {
	struct client *client = (struct client *)(void *)((char *)user - offsetof(struct client, user));
	client->stream_closed = true;
	client->stream = NULL;
	client->error = error;
}
static const struct stream_user_ops stream_ops = {
	.connected = stream_connected,
	.readable = stream_readable,
	.writable = stream_writable,
	.closed = stream_closed,
};

/* After an admission: HTTP ends, and the client's end is a carrier too. */
static inline void become_carrier(struct client *client) {
	struct desk *desk = client->desk;
	struct visitor *visitor = &client->visitor;
	struct stream_keys keys;
	assert_int_equal(
		desk->protocol->finish(client->identity, &client->pending, visitor->message.bytes, &keys),
		ERR_OK);
	visitor_site_says(visitor, DECOY_LINK_RAW, "");
	visitor_site_gets(visitor, DECOY_LINK_STOP);
	visitor_close_site(visitor);
	const struct carrier_setup carrier = {
		.host = &desk->fake.host,
		.ops = &client_carrier_ops,
		.context = client,
		.tls = visitor->tls,
		.keys = &keys,
	};
	visitor->tls = NULL;
	assert_int_equal(carrier_new(&carrier, &client->carrier), ERR_OK);
	fake_stream_host_turn(&desk->fake);
}

static inline void open_stream(struct client *client, struct target target) {
	client->user.ops = &stream_ops;
	client->connected = client->stream_closed = false;
	assert_int_equal(
		mux_stream_open(carrier_mux(client->carrier), &target, &client->user, &client->stream),
		ERR_OK);
	carrier_touch(client->carrier);
}

static inline struct target target_of(const struct endpoint *endpoint) {
	return (struct target){.type = TARGET_V4, .address = endpoint->address, .port = endpoint->port};
}

static inline bool is_connected(void *context) {
	return ((struct client *)context)->connected;
}
static inline bool is_stream_closed(void *context) {
	return ((struct client *)context)->stream_closed;
}
static inline bool has_echo(void *context) {
	return ((struct client *)context)->got[0] != '\0';
}
static inline bool is_closed(void *context) {
	return ((struct client *)context)->closed;
}

/* A packet of twenty bytes, behind its size. */
static inline bool has_packets_size(void *context) {
	const struct client *client = context;
	return client->got_size == 22 && client->got[1] == 20;
}
