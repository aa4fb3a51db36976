#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "crypto/x25519.h"
#include "proto/stream_protocol.h"
#include "stream/mux.h"
#include "tunnel/carrier.h"
#include "tunnel/stream_tunnel.h"
#include "tunnel/stream_user.h"
#include "visitor.h"
#include "wire/uapi.h"

/*
 * A whole server, with visitors who have a key or none, a site that is the test, and a far end that
 * sends back what it gets.
 */

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
	/* His stream. */
	struct stream_user user;
	struct mux_stream *stream;
	bool connected, stream_closed;
	uint32_t error;
	char got[64];
};

/* The server */

static void fill_options(const struct desk *desk, const struct certificate_pair *certificate,
						 struct stream_options *out_options) {
	*out_options = (struct stream_options){
		.role = STREAM_SERVER,
		.listener_count = 1,
		.listeners = {{.kind = STREAM_LISTENER_CARRIER, .at = desk->at}},
		.certificates = strdup(certificate->certificate),
		.certificate_key = strdup(certificate->key),
		.otherwise = POLICY_ALLOW,
		.streams_max = 2,
	};
	memcpy(out_options->private_key, desk->private_key, X25519_KEY_SIZE);
}

static void removed(void *context, struct stream_peer *peer) {
	struct desk *desk = context;
	stream_server_ops.removed(desk->server, peer);
}

static void set_peers(struct desk *desk, const char *text) {
	assert_int_equal(stream_peers_set(desk->peers, slice_of_text(text), removed, desk), 0);
	stream_server_ops.peers(desk->server);
}

static void add_peer(struct desk *desk, const uint8_t public_key[static X25519_KEY_SIZE],
					 const char *lines) {
	char key[TEXT_KEY_HEX_SIZE], text[512];
	text_hex_encode(public_key, X25519_KEY_SIZE, key);
	(void)snprintf(text, sizeof text, "public_key=%s\n%s", key, lines);
	set_peers(desk, text);
}

static int setup(void **state) {
	struct desk *desk = calloc(1, sizeof *desk);
	assert_non_null(desk);
	fake_stream_host_init(&desk->fake);
	tls_pair_certificate(&desk->certificate);
	tls_pair_certificate(&desk->other);
	desk->tls = tls_pair_client(&desk->certificate);
	desk->protocol = stream_protocol_find("phantom");
	assert_non_null(desk->protocol);
	memset(desk->private_key, 9, sizeof desk->private_key);
	assert_int_equal(x25519_public(desk->private_key, desk->public_key), ERR_OK);
	assert_int_equal(stream_peers_new(&desk->peers), ERR_OK);
	desk->target_listener = fake_stream_host_listen(&desk->target);
	const int listener = fake_stream_host_listen(&desk->at);
	const struct stream_tunnel_start start = {
		.host = &desk->fake.host,
		.protocol = desk->protocol,
		.peers = desk->peers,
		.listeners = &listener,
		.listener_count = 1,
		.queue = -1,
	};
	struct stream_options options;
	fill_options(desk, &desk->certificate, &options);
	assert_int_equal(stream_server_ops.new(&start, &options, &desk->server), ERR_OK);
	assert_null(options.certificates);
	*state = desk;
	return 0;
}

static int teardown(void **state) {
	struct desk *desk = *state;
	stream_server_ops.free(desk->server);
	stream_peers_free(desk->peers);
	tls_client_free(desk->tls);
	(void)close(desk->target_listener);
	fake_stream_host_done(&desk->fake);
	free(desk);
	return 0;
}

/* Clients */

static struct client *client_new(struct desk *desk, uint8_t digit) {
	struct client *client = calloc(1, sizeof *client);
	uint8_t key[X25519_KEY_SIZE];
	assert_non_null(client);
	memset(key, digit, sizeof key);
	client->desk = desk;
	assert_int_equal(x25519_public(key, client->public_key), ERR_OK);
	assert_int_equal(desk->protocol->identity_new(key, &client->identity), ERR_OK);
	return client;
}

static void client_free(struct client *client) {
	visitor_leave(&client->visitor);
	carrier_free(client->carrier);
	client->desk->protocol->identity_free(client->identity);
	free(client);
}

/* Connects, and shows his text as the site would find it. Whether he is let in. */
static bool ask(struct client *client, const char *text) {
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

static void client_closed(void *context, const char *why) {
	((struct client *)context)->closed = true;
}
static const struct carrier_ops client_carrier_ops = {.closed = client_closed};

static void stream_connected(struct stream_user *user) {
	((struct client *)(void *)((char *)user - offsetof(struct client, user)))->connected = true;
}
static void stream_readable(struct stream_user *user) {
	struct client *client = (struct client *)(void *)((char *)user - offsetof(struct client, user));
	struct slice view = mux_stream_peek(client->stream);
	size_t size = strlen(client->got);
	assert_true(size + view.size < sizeof client->got);
	if (view.size > 0)
		memcpy(client->got + size, view.data, view.size);
	mux_stream_consume(client->stream, view.size);
}
static void stream_writable(struct stream_user *user) {
}
static void stream_closed(struct stream_user *user, uint32_t error) {
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
static void become_carrier(struct client *client) {
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

static void open_stream(struct client *client, struct target target) {
	client->user.ops = &stream_ops;
	client->connected = client->stream_closed = false;
	assert_int_equal(
		mux_stream_open(carrier_mux(client->carrier), &target, &client->user, &client->stream),
		ERR_OK);
	carrier_touch(client->carrier);
}

static struct target target_of(const struct endpoint *endpoint) {
	return (struct target){.type = TARGET_V4, .address = endpoint->address, .port = endpoint->port};
}

static bool is_connected(void *context) {
	return ((struct client *)context)->connected;
}
static bool is_stream_closed(void *context) {
	return ((struct client *)context)->stream_closed;
}
static bool has_echo(void *context) {
	return ((struct client *)context)->got[0] != '\0';
}
static bool is_closed(void *context) {
	return ((struct client *)context)->closed;
}

/* Through the tunnel to the target and back. */
static void echo(struct client *client) {
	struct desk *desk = client->desk;
	open_stream(client, target_of(&desk->target));
	fake_stream_host_until(&desk->fake, is_connected, client);
	int far = accept(desk->target_listener, NULL, NULL);
	assert_true(far >= 0);
	assert_int_equal(send(far, "hello", 5, 0), 5);
	fake_stream_host_until(&desk->fake, has_echo, client);
	assert_string_equal(client->got, "hello");
	(void)close(far);
}

static struct client *let_in(struct desk *desk, uint8_t digit) {
	struct client *client = client_new(desk, digit);
	assert_true(ask(client, NULL));
	become_carrier(client);
	return client;
}

static bool status_has(struct desk *desk, const char *wanted) {
	struct uapi_text text = {.data = NULL};
	stream_server_ops.status(desk->server, &text);
	uapi_put_line(&text, "");
	text.data[text.size - 1] = '\0';
	bool found = strstr(text.data, wanted) != NULL;
	uapi_text_done(&text);
	return found;
}

static void start(struct desk *desk, uint8_t digit) {
	struct client *client = client_new(desk, digit);
	add_peer(desk, client->public_key, "name=alice\nrule=allow 127.0.0.0/8\n");
	client_free(client);
	stream_server_ops.admit(desk->server);
}

/* Tests */

static void carries_streams_of_a_client(void **state) {
	struct desk *desk = *state;
	start(desk, 1);
	struct client *client = let_in(desk, 1);
	/* His handshake may be a forgery: nothing is known of him before his first stream. */
	assert_int_equal(desk->fake.event_count, 0);
	assert_true(status_has(desk, "last_handshake_time_sec=0\n"));
	echo(client);
	assert_int_equal(desk->fake.event_count, 1);
	assert_int_equal(desk->fake.events[0].kind, STREAM_EVENT_CONNECTED);
	assert_memory_equal(desk->fake.events[0].public_key, client->public_key, X25519_KEY_SIZE);
	assert_true(status_has(desk, "last_handshake_time_sec=1800000"));
	assert_true(status_has(desk, "endpoint=127.0.0.1:"));
	assert_false(status_has(desk, "rx_bytes=0\n"));
	assert_true(status_has(desk, "stream_accepted=1\n"));
	assert_true(status_has(desk, "stream_declined=0\n"));
	assert_true(status_has(desk, "stream_admitted=1\n"));
	assert_true(status_has(desk, "stream_opened=1\n"));
	assert_true(status_has(desk, "stream_connections=1\n"));
	/* What belongs to nobody yet goes nowhere. */
	const struct target packets = {.type = TARGET_PACKETS};
	open_stream(client, packets);
	fake_stream_host_until(&desk->fake, is_stream_closed, client);
	assert_int_equal(client->error, STREAM_ERROR_REFUSED_STREAM);
	client_free(client);
	fake_stream_host_turn(&desk->fake);
	assert_false(status_has(desk, "rx_bytes=0\n"));
}

static bool were_decoyed(void *context) {
	return status_has(context, "stream_decoyed=3\n");
}

static void refuses_who_is_unknown(void **state) {
	struct desk *desk = *state;
	start(desk, 1);
	struct client *client = client_new(desk, 2);
	assert_false(ask(client, NULL));
	visitor_close_site(&client->visitor);
	client_free(client);
	client = client_new(desk, 1);
	assert_false(ask(client, ""));
	visitor_close_site(&client->visitor);
	client_free(client);
	client = client_new(desk, 1);
	assert_false(ask(client, "nonsense"));
	visitor_close_site(&client->visitor);
	client_free(client);
	fake_stream_host_until(&desk->fake, were_decoyed, desk);
	assert_true(status_has(desk, "stream_admitted=0\n"));
}

/* A text is for the connection that it was made on. */
static void refuses_what_was_shown_elsewhere(void **state) {
	struct desk *desk = *state;
	start(desk, 1);
	struct client *first = client_new(desk, 1), *second = client_new(desk, 1);
	assert_true(ask(first, NULL));
	assert_false(ask(second, first->text));
	client_free(first);
	client_free(second);
}

static void refuses_what_an_earlier_run_has_seen(void **state) {
	struct desk *desk = *state;
	start(desk, 1);
	struct client *client = client_new(desk, 1);
	assert_true(ask(client, NULL));
	const struct decoy_link_entry *entry = &client->visitor.message.entry;
	uint8_t line[56];
	memcpy(line, entry->client, 32);
	for (int i = 0; i < 8; i++)
		line[32 + i] = (uint8_t)(entry->timestamp >> (56 - 8 * i));
	memcpy(line + 40, entry->random, 16);
	client_free(client);
	assert_int_equal(stream_server_ops.seen(desk->server, slice_of(line, 55)), ERR_TRUNCATED);
	/* The same random again, 64 times over, fills the client's places. */
	for (int i = 0; i < 64; i++) {
		line[55]++;
		assert_int_equal(stream_server_ops.seen(desk->server, slice_of(line, sizeof line)),
						 i < 63 ? ERR_OK : ERR_LIMIT);
	}
	client = client_new(desk, 1);
	assert_false(ask(client, NULL));
	client_free(client);
}

static void serves_nobody_before_it_may(void **state) {
	struct desk *desk = *state;
	struct visitor visitor;
	visitor_connect(&visitor, &desk->fake, desk->tls, &desk->at);
	for (int i = 0; i < 20; i++)
		fake_stream_host_turn(&desk->fake);
	assert_false(visitor.open);
	stream_server_ops.admit(desk->server);
	stream_server_ops.admit(desk->server);
	fake_stream_host_until(&desk->fake, visitor_is_served, &visitor);
	visitor_leave(&visitor);
}

static void shuts_out_who_is_removed(void **state) {
	struct desk *desk = *state;
	start(desk, 1);
	struct client *client = let_in(desk, 1), *late = client_new(desk, 1);
	echo(client);
	assert_true(ask(late, NULL)); /* let in, but not taken yet */
	set_peers(desk, "replace_peers=true\n");
	fake_stream_host_until(&desk->fake, is_closed, client);
	assert_true(status_has(desk, "stream_opened=1\n")); /* as counters are: for ever */
	assert_true(status_has(desk, "stream_connections=0\n"));
	visitor_site_says(&late->visitor, DECOY_LINK_RAW, "");
	visitor_site_gets(&late->visitor, DECOY_LINK_STOP);
	visitor_close_site(&late->visitor);
	fake_stream_host_until(&desk->fake, visitor_has_failed, &late->visitor);
	client_free(client);
	client_free(late);
	client = client_new(desk, 1);
	assert_false(ask(client, NULL));
	client_free(client);
}

static void takes_up_rules(void **state) {
	struct desk *desk = *state;
	start(desk, 1);
	struct client *client = let_in(desk, 1);
	echo(client);
	add_peer(desk, client->public_key, "replace_rules=true\nrule=deny any\n");
	fake_stream_host_until(&desk->fake, is_stream_closed, client);
	open_stream(client, target_of(&desk->target));
	fake_stream_host_until(&desk->fake, is_stream_closed, client);
	assert_int_equal(client->error, STREAM_ERROR_REFUSED_STREAM);
	assert_false(client->closed);
	client_free(client);
}

static void takes_up_a_certificate(void **state) {
	struct desk *desk = *state;
	struct stream_options options;
	start(desk, 1);
	struct client *client = let_in(desk, 1);
	fill_options(desk, &desk->other, &options);
	assert_int_equal(stream_server_ops.set(desk->server, &options), ERR_OK);
	assert_null(options.certificates);
	/* Who is there stays; who comes meets the other one. */
	echo(client);
	struct visitor visitor;
	visitor_connect(&visitor, &desk->fake, desk->tls, &desk->at);
	fake_stream_host_until(&desk->fake, visitor_has_failed, &visitor);
	assert_int_equal(visitor.failed, -1);
	visitor_leave(&visitor);
	tls_client_free(desk->tls);
	desk->tls = tls_pair_client(&desk->other);
	struct client *other = let_in(desk, 1);
	client_free(other);
	/* One that cannot be used changes nothing. */
	fill_options(desk, &desk->certificate, &options);
	options.certificate_key[40] ^= 1;
	assert_int_not_equal(stream_server_ops.set(desk->server, &options), ERR_OK);
	assert_non_null(options.certificates);
	stream_options_done(&options);
	other = let_in(desk, 1);
	client_free(other);
	assert_false(client->closed);
	client_free(client);
}

static void refuses_other_listeners(void **state) {
	struct desk *desk = *state;
	struct stream_options options;
	fill_options(desk, &desk->certificate, &options);
	options.listeners[0].at.port++;
	assert_int_equal(stream_server_ops.set(desk->server, &options), ERR_INVALID);
	options.listeners[0].at.port--;
	options.role = STREAM_CLIENT;
	assert_int_equal(stream_server_ops.set(desk->server, &options), ERR_INVALID);
	stream_options_done(&options);
}

static void ends_all_with_its_key(void **state) {
	struct desk *desk = *state;
	struct stream_options options;
	start(desk, 1);
	struct client *client = let_in(desk, 1);
	echo(client);
	desk->private_key[0] ^= 8;
	fill_options(desk, &desk->certificate, &options);
	assert_int_equal(stream_server_ops.set(desk->server, &options), ERR_OK);
	fake_stream_host_until(&desk->fake, is_closed, client);
	client_free(client);
	client = client_new(desk, 1);
	assert_false(ask(client, NULL)); /* to the old key */
	client_free(client);
	assert_int_equal(x25519_public(desk->private_key, desk->public_key), ERR_OK);
	client = let_in(desk, 1);
	client_free(client);
}

/* Connections that nothing was proved on take no place for long, and none of another. */
static void bounds_what_is_unproved(void **state) {
	enum { MANY = 8 };
	struct desk *desk = *state;
	struct client *clients[MANY];
	start(desk, 1);
	struct client *proved = let_in(desk, 1);
	echo(proved);
	for (int i = 0; i < MANY; i++)
		clients[i] = let_in(desk, 1);
	fake_stream_host_until(&desk->fake, is_closed, clients[1]);
	fake_stream_host_turn(&desk->fake);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(clients[i]->closed, i < 2);
	assert_false(proved->closed);
	for (int i = 0; i < MANY; i++)
		client_free(clients[i]);
	client_free(proved);
}

static void bounds_streams_of_all_connections(void **state) {
	struct desk *desk = *state;
	start(desk, 1);
	struct client *first = let_in(desk, 1), *second = let_in(desk, 1);
	echo(first);
	open_stream(second, target_of(&desk->target));
	fake_stream_host_until(&desk->fake, is_connected, second);
	open_stream(second, target_of(&desk->target));
	fake_stream_host_until(&desk->fake, is_stream_closed, second);
	assert_int_equal(second->error, STREAM_ERROR_REFUSED_STREAM);
	client_free(first);
	client_free(second);
}

static void bounds_strangers(void **state) {
	enum { MANY = 70 };
	struct desk *desk = *state;
	int descriptors[MANY];
	stream_server_ops.admit(desk->server);
	for (int i = 0; i < MANY; i++)
		descriptors[i] = fake_stream_host_connect(&desk->at);
	for (int i = 0; i < 20; i++)
		fake_stream_host_turn(&desk->fake);
	int left = 0;
	for (int i = 0; i < MANY; i++) {
		char byte;
		left += recv(descriptors[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
	}
	assert_int_equal(left, 64);
	assert_true(status_has(desk, "stream_declined=6\n"));
	for (int i = 0; i < MANY; i++)
		(void)close(descriptors[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(carries_streams_of_a_client),
		TEST(refuses_who_is_unknown),
		TEST(refuses_what_was_shown_elsewhere),
		TEST(refuses_what_an_earlier_run_has_seen),
		TEST(serves_nobody_before_it_may),
		TEST(shuts_out_who_is_removed),
		TEST(takes_up_rules),
		TEST(takes_up_a_certificate),
		TEST(refuses_other_listeners),
		TEST(ends_all_with_its_key),
		TEST(bounds_what_is_unproved),
		TEST(bounds_streams_of_all_connections),
		TEST(bounds_strangers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
