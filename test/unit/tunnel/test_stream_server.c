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
#include "server_desk.h"
#include "wire/uapi.h"

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

static int begin(void **state, bool with_interface) {
	int queue[2] = {-1, -1};
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
	const int listener = listen_twice(desk);
	if (with_interface)
		assert_int_equal(
			socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, queue), 0);
	desk->interface = queue[0];
	const struct stream_tunnel_start start = {
		.host = &desk->fake.host,
		.protocol = desk->protocol,
		.peers = desk->peers,
		.listeners = &listener,
		.listener_count = 1,
		.queue = queue[1],
	};
	struct stream_options options;
	fill_options(desk, &desk->certificate, &options);
	assert_int_equal(stream_server_ops.new(&start, &options, &desk->server), ERR_OK);
	assert_null(options.certificates);
	*state = desk;
	return 0;
}

static int setup(void **state) {
	return begin(state, false);
}

static int setup_with_interface(void **state) {
	return begin(state, true);
}

static int teardown(void **state) {
	struct desk *desk = *state;
	stream_server_ops.free(desk->server);
	stream_peers_free(desk->peers);
	tls_client_free(desk->tls);
	close_listeners(desk);
	if (desk->interface >= 0)
		(void)close(desk->interface);
	fake_stream_host_done(&desk->fake);
	free(desk);
	return 0;
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
	/* As long as the connection is open he was heard of, however old the handshake. */
	desk->fake.wall_now = 1800001000 * CLOCK_SECOND;
	assert_true(status_has(desk, "last_handshake_time_sec=18000010"));
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
	/* Nobody has the name, which was asked for all the same. */
	struct target name;
	assert_int_equal(target_parse("nowhere.example.com", 80, false, &name), ERR_OK);
	assert_true(status_has(desk, "stream_questions=0\n"));
	open_stream(client, name);
	fake_stream_host_until(&desk->fake, is_stream_closed, client);
	assert_int_equal(client->error, STREAM_ERROR_CONNECT);
	assert_true(status_has(desk, "stream_questions=1\n"));
	client_free(client);
	fake_stream_host_turn(&desk->fake);
	assert_false(status_has(desk, "rx_bytes=0\n"));
	assert_true(status_has(desk, "stream_connections=0\n"));
	desk->fake.wall_now = 1800002000 * CLOCK_SECOND;
	assert_true(status_has(desk, "last_handshake_time_sec=18000010"));
}

static bool were_decoyed(void *context) {
	return status_has(context, "stream_decoyed=3\n");
}

/* Sends a packet without payload, from 10.80.0.(digit) to 10.80.0.1. */
static void send_packet(struct client *client, uint8_t digit) {
	const uint8_t bytes[] = {0,  20, 0x45, 0,  0,  20, 0,     0,  0,  0, 64,
							 59, 0,  0,    10, 80, 0,  digit, 10, 80, 0, 1};
	assert_int_equal(mux_stream_write(client->stream, bytes, sizeof bytes), sizeof bytes);
	carrier_touch(client->carrier);
}

static bool has_packet(void *context) {
	uint8_t byte;
	return recv(((struct desk *)context)->interface, &byte, 1, MSG_PEEK) > 0;
}

static void carries_packets_of_a_client(void **state) {
	struct desk *desk = *state;
	uint8_t packet[64];
	start(desk, 1);
	struct client *client = let_in(desk, 1);
	add_peer(desk, client->public_key, "allowed_ip=10.80.0.2/32\n");
	const struct target packets = {.type = TARGET_PACKETS};
	open_stream(client, packets);
	send_packet(client, 3); /* not his */
	send_packet(client, 2);
	fake_stream_host_until(&desk->fake, has_packet, desk);
	assert_int_equal(recv(desk->interface, packet, sizeof packet, 0), 20);
	assert_int_equal(packet[15], 2);
	/* And back: the source is as good as any other here. */
	packet[15] = 1;
	packet[19] = 2;
	assert_int_equal(send(desk->interface, packet, 20, 0), 20);
	fake_stream_host_until(&desk->fake, has_packets_size, client);
	/* Addresses follow the list of peers. */
	add_peer(desk, client->public_key, "replace_allowed_ips=true\nallowed_ip=10.80.0.3/32\n");
	send_packet(client, 2);
	send_packet(client, 3);
	fake_stream_host_until(&desk->fake, has_packet, desk);
	assert_int_equal(recv(desk->interface, packet, sizeof packet, 0), 20);
	assert_int_equal(packet[15], 3);
	client_free(client);
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

/* Those who went make room for others. */
static void forgets_strangers_who_left(void **state) {
	enum { MANY = 60, ROUNDS = 6 };
	struct desk *desk = *state;
	int descriptors[MANY];
	char byte;
	stream_server_ops.admit(desk->server);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < MANY; i++)
			descriptors[i] = fake_stream_host_connect(&desk->at);
		for (int i = 0; i < 20; i++)
			fake_stream_host_turn(&desk->fake);
		for (int i = 0; i < MANY; i++) {
			assert_true(recv(descriptors[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
			(void)close(descriptors[i]);
		}
		for (int i = 0; i < 20; i++)
			fake_stream_host_turn(&desk->fake);
		fake_stream_host_advance(&desk->fake, CLOCK_SECOND);
	}
}

static bool is_drained(void *context) {
	return stream_server_ops.is_drained(((struct client *)context)->desk->server);
}

/* Streams end first, then connections, and who comes then finds nobody. */
static void ends_in_peace(void **state) {
	struct desk *desk = *state;
	start(desk, 1);
	struct client *idle = let_in(desk, 1), *busy = let_in(desk, 1);
	open_stream(idle, target_of(&desk->target));
	fake_stream_host_until(&desk->fake, is_connected, idle);
	(void)close(accept(desk->target_listener, NULL, NULL));
	mux_stream_end(idle->stream);
	carrier_touch(idle->carrier);
	fake_stream_host_until(&desk->fake, is_stream_closed, idle);
	open_stream(busy, target_of(&desk->target));
	fake_stream_host_until(&desk->fake, is_connected, busy);
	int far = accept(desk->target_listener, NULL, NULL);
	stream_server_ops.drain(desk->server, false);
	fake_stream_host_until(&desk->fake, is_closed, idle);
	assert_string_equal(idle->why, "drained");
	assert_int_equal(send(far, "hello", 5, 0), 5);
	fake_stream_host_until(&desk->fake, has_echo, busy);
	assert_false(is_drained(busy) || busy->closed);
	(void)close(far);
	mux_stream_end(busy->stream);
	carrier_touch(busy->carrier);
	fake_stream_host_until(&desk->fake, is_drained, busy);
	fake_stream_host_until(&desk->fake, is_closed, busy);
	assert_string_equal(busy->why, "drained");
	assert_false(busy->error);
	client_free(idle);
	client_free(busy);
}

/* Who has waited long enough closes in order all the same; who comes late is refused. */
static void ends_at_once(void **state) {
	struct desk *desk = *state;
	start(desk, 1);
	struct client *client = let_in(desk, 1);
	open_stream(client, target_of(&desk->target));
	fake_stream_host_until(&desk->fake, is_connected, client);
	stream_server_ops.drain(desk->server, false);
	fake_stream_host_turn(&desk->fake);
	assert_true(!is_drained(client) && refuses(desk));
	stream_server_ops.drain(desk->server, true);
	fake_stream_host_until(&desk->fake, is_drained, client);
	fake_stream_host_until(&desk->fake, is_closed, client);
	assert_string_equal(client->why, "closed by the other end");
	assert_true(client->stream_closed);
	client_free(client);
}

/* What is left of somebody's connection: nothing. */
struct leaver {
	struct tls tls;
	int descriptor;
};

static bool has_handshake(void *context) {
	struct leaver *leaver = context;
	uint8_t bytes[4096];
	struct tls_pair_sink sink = {.size = 0};
	ssize_t size = recv(leaver->descriptor, bytes, sizeof bytes, MSG_DONTWAIT);
	if (size > 0)
		assert_int_equal(tls_pair_give(&leaver->tls, slice_of(bytes, (size_t)size), &sink),
						 ERR_AGAIN);
	return tls_state(&leaver->tls) == TLS_OPEN;
}

static bool has_been_left(void *context) {
	const struct leaver *leaver = context;
	uint8_t bytes[4096];
	return recv(leaver->descriptor, bytes, sizeof bytes, MSG_DONTWAIT) == 0;
}

static void send_outgoing(struct leaver *leaver) {
	struct slice all = tls_outgoing(&leaver->tls);
	assert_int_equal(send(leaver->descriptor, all.data, all.size, MSG_NOSIGNAL), all.size);
	tls_sent(&leaver->tls, all.size);
}

/* Finished and close_notify in one piece: closed in order and at once; no time passes here. */
static void closes_who_ends_with_the_handshake(void **state) {
	struct desk *desk = *state;
	stream_server_ops.admit(desk->server);
	struct leaver leaver = {.descriptor = fake_stream_host_connect(&desk->at),
							.tls =
								tls_pair_connect(desk->tls, "vpn.example.org", slice_of(NULL, 0))};
	send_outgoing(&leaver);
	fake_stream_host_until(&desk->fake, has_handshake, &leaver);
	tls_close(&leaver.tls);
	send_outgoing(&leaver);
	fake_stream_host_until(&desk->fake, has_been_left, &leaver);
	assert_int_equal(desk->fake.stranger_count, 0);
	tls_done(&leaver.tls);
	(void)close(leaver.descriptor);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(carries_streams_of_a_client),
		cmocka_unit_test_setup_teardown(carries_packets_of_a_client, setup_with_interface,
										teardown),
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
		TEST(forgets_strangers_who_left),
		TEST(closes_who_ends_with_the_handshake),
		TEST(ends_in_peace),
		TEST(ends_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
