#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tunnel/carrier.h"
#include "tunnel/directory.h"
#include "tunnel/directory_text.h"
#include "tunnel/peers.h"
#include "tunnel/stream_status.h"
#include "wire/uapi.h"

/* RFC 7748 section 6.1. */
#define PUBLIC_KEY "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
static const uint8_t public_key[] = {
	0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d, 0xdc, 0xb4, 0x3e, 0xf7, 0x5a,
	0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38, 0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a};

#define KEY_1 "0101010101010101010101010101010101010101010101010101010101010101"
#define KEY_2 "0202020202020202020202020202020202020202020202020202020202020202"

enum { KEPT = 4 };

struct taken {
	size_t count;
	struct directory_text_peer peers[KEPT];
	struct prefix last[KEPT]; /* allowed IP of each */
	enum err answer;
};

static enum err take(void *context, const struct directory_text_peer *peer) {
	struct taken *taken = context;
	if (taken->count < KEPT) {
		taken->peers[taken->count] = *peer;
		if (peer->allowed_ip_count > 0)
			taken->last[taken->count] = peer->allowed_ips[peer->allowed_ip_count - 1];
	}
	taken->count++;
	return taken->answer;
}

static enum err parse(const char *text, struct taken *out_taken,
					  struct directory_device *out_device) {
	*out_taken = (struct taken){.count = 0};
	return directory_text_parse(slice_of_text(text), take, out_taken, out_device);
}

/* Of a device whose ends share keys: what the configuration has is passed over. */
static void test_lines_of_shared_keys(void **state) {
	struct taken taken;
	struct directory_device device;
	assert_int_equal(parse("role=client\n"
						   "instance=0102030405060708\n"
						   "listen_port=4500\n"
						   "ciphers=aes-256-gcm,chacha20-poly1305\n"
						   "rekey_seconds=600\n"
						   "rekey_packets=16777216\n"
						   "keepalive=10\n"
						   "client_to_client=false\n"
						   "push_route=10.66.0.0/24\n"
						   "push_dns=10.66.0.1\n"
						   "push_domain=corp.example\n"
						   "push_mtu=1400\n"
						   "public_key=" KEY_1 "\n"
						   "preshared=true\n"
						   "session=1\n"
						   "endpoint=192.0.2.1:1\n"
						   "allowed_ip=10.66.0.0/24\n"
						   "address=10.66.0.2/24\n"
						   "rule=deny any udp 53\n"
						   "path=192.0.2.1:1 rtt_us=1500\n"
						   "path=[2001:db8::1]:2 rtt_us=0\n",
						   &taken, &device),
					 ERR_OK);
	assert_int_equal(device.listen_port, 4500);
	assert_int_equal(device.path_count, 2);
	assert_int_equal(device.paths[0].round_trip, 1500);
	assert_int_equal(device.paths[1].endpoint.port, 2);
	assert_int_equal(device.paths[1].endpoint.address.family, ADDRESS_V6);
	assert_int_equal(taken.peers[0].allowed_ip_count, 1);
	static const char *const bad[] = {"path=192.0.2.1\n",
									  "path=192.0.2.1 rtt_us=1\n",
									  "path= rtt_us=1\n",
									  "path=192.0.2.1:1 rtt_us=\n",
									  "path=192.0.2.1:1 rtt_us=4294967296\n",
									  "session=2\n",
									  "session=\n",
									  "role=client\n"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char text[256];
		(void)snprintf(text, sizeof text, "public_key=" KEY_1 "\n%s", bad[i]);
		assert_int_equal(parse(text, &taken, &device), ERR_MALFORMED);
	}
	char many[1024] = "public_key=" KEY_1 "\n";
	for (size_t i = 0; i < DIRECTORY_PATHS_MAX; i++)
		strcat(many, "path=192.0.2.1:1 rtt_us=1\n");
	assert_int_equal(parse(many, &taken, &device), ERR_OK);
	strcat(many, "path=192.0.2.1:1 rtt_us=1\n");
	assert_int_equal(parse(many, &taken, &device), ERR_MALFORMED);
}

static void test_lines_of_logins(void **state) {
	struct taken taken;
	struct directory_device device;
	static const char status[] = "role=server\n"
								 "server_name=vpn.example.org\n"
								 "demands=password,certificate\n"
								 "ticket_seconds=604800\n"
								 "public_key=" KEY_1 "\n"
								 "session=1\n"
								 "name=alice/2\n"
								 "rate=1000\n"
								 "quota=18446744073709551614\n"
								 "until=4102444800\n"
								 "path=192.0.2.1:1\n"
								 "refused=wrong name or password\n";
	assert_int_equal(parse(status, &taken, &device), ERR_OK);
	assert_true(taken.peers[0].figures.tells_session);
	assert_true(taken.peers[0].figures.has_session);
	assert_int_equal(device.path_count, 1);
	assert_int_equal(device.paths[0].round_trip, 0);
	assert_string_equal(device.problem, "wrong name or password");
	assert_int_equal(parse("public_key=" KEY_1 "\nsession=0\n", &taken, &device), ERR_OK);
	assert_true(taken.peers[0].figures.tells_session);
	assert_false(taken.peers[0].figures.has_session);
}

static void test_every_line(void **state) {
	struct taken taken;
	struct directory_device device;
	assert_int_equal(parse("own_public_key=" PUBLIC_KEY "\n"
						   "listen_port=51820\n"
						   "fwmark=1969029121\n"
						   "public_key=" KEY_1 "\n"
						   "preshared=true\n"
						   "path_mtu=1288\n"
						   "protocol_version=1\n"
						   "endpoint=[2001:db8::1]:4500\n"
						   "last_handshake_time_sec=1700000000\n"
						   "last_handshake_time_nsec=999999999\n"
						   "tx_bytes=18446744073709551615\n"
						   "rx_bytes=12\n"
						   "persistent_keepalive_interval=25\n"
						   "allowed_ip=10.0.0.1/32\n"
						   "allowed_ip=fd66::/64\n"
						   "public_key=" KEY_2 "\n",
						   &taken, &device),
					 ERR_OK);
	assert_true(device.has_public_key);
	assert_memory_equal(device.public_key, public_key, sizeof public_key);
	assert_int_equal(device.listen_port, 51820);
	assert_int_equal(device.fwmark, 0x755d0001);
	assert_int_equal(taken.count, 2);
	const struct directory_text_peer *peer = &taken.peers[0];
	assert_int_equal(peer->public_key[31], 1);
	assert_true(peer->figures.has_preshared_key);
	char endpoint[ENDPOINT_TEXT_SIZE];
	endpoint_format(&peer->figures.endpoint, endpoint);
	assert_string_equal(endpoint, "[2001:db8::1]:4500");
	assert_int_equal(peer->figures.latest_handshake, 1700000000);
	assert_true(peer->figures.sent == UINT64_MAX);
	assert_int_equal(peer->figures.received, 12);
	assert_int_equal(peer->figures.persistent_keepalive, 25);
	assert_int_equal(peer->figures.path_mtu, 1288);
	assert_int_equal(peer->allowed_ip_count, 2);
	assert_int_equal(taken.last[0].length, 64);
	/* Nothing of the first is left in the second. */
	const struct directory_figures nothing = {.sent = 0};
	assert_memory_equal(&taken.peers[1].figures, &nothing, sizeof nothing);
	assert_int_equal(taken.peers[1].allowed_ip_count, 0);
}

/* As net writes them; those of before are lines of their own as well. */
static void test_figures_of_streams(void **state) {
	struct stream_figure_set figures = {.are_known = true};
	for (size_t i = 0; i < STREAM_FIGURE_COUNT; i++)
		figures.of[i] = 100 + i;
	struct stream_peer_figure_set of_peer = {.are_known = true, .of = {1, 2, 3, UINT64_MAX}};
	struct uapi_text text = {.data = NULL};
	uapi_put_line(&text, "own_public_key=" PUBLIC_KEY);
	stream_status_put(&text, &figures);
	uapi_put_line(&text, "public_key=" KEY_1);
	stream_status_put_peer(&text, &of_peer);
	uapi_put_line(&text, "public_key=" KEY_2);
	assert_int_equal(text.error, ERR_OK);
	struct taken taken = {.count = 0};
	struct directory_device device;
	assert_int_equal(directory_text_parse(slice_of(text.data, text.size), take, &taken, &device),
					 ERR_OK);
	uapi_text_done(&text);
	assert_memory_equal(&device.streams, &figures, sizeof figures);
	assert_int_equal(taken.count, 2);
	assert_memory_equal(&taken.peers[0].figures.streams, &of_peer, sizeof of_peer);
	assert_false(taken.peers[1].figures.streams.are_known);
	/* Others are told apart by where they stand. */
	static const char *const bad[] = {
		"stream_held=1\n",
		"stream_accepted=-1\n",
		"stream_accepted=\n",
		"stream_=1\n",
		"stream_accepted 1\n",
		"stream_unknown=1\n",
		"stream_accepted=18446744073709551616\n",
		"public_key=" KEY_1 "\nstream_accepted=1\n",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(parse(bad[i], &taken, &device), ERR_MALFORMED);
	assert_int_equal(parse("listen_port=1\n", &taken, &device), ERR_OK);
	assert_false(device.streams.are_known);
}

static void test_connections_together(void **state) {
	const struct carrier_figures connections[] = {
		{.round_trip = 30 * CLOCK_MILLISECOND, .streams = 1, .window_send = 10},
		{.round_trip = 0, .streams = 2, .window_receive = 7}, /* not measured yet */
		{.round_trip = 20 * CLOCK_MILLISECOND, .streams = 4, .window_send = 5},
		{.round_trip = 40 * CLOCK_MILLISECOND},
	};
	static const uint64_t wanted[STREAM_PEER_FIGURE_COUNT] = {
		[STREAM_PEER_FIGURE_CONNECTIONS] = 4,    [STREAM_PEER_FIGURE_STREAMS] = 7,
		[STREAM_PEER_FIGURE_WINDOW_SEND] = 15,   [STREAM_PEER_FIGURE_WINDOW_RECEIVE] = 7,
		[STREAM_PEER_FIGURE_ROUND_TRIP] = 20000,
	};
	struct stream_peer_figure_set figures = {.are_known = true};
	for (size_t i = 0; i < sizeof connections / sizeof connections[0]; i++)
		stream_status_add(&figures, &connections[i]);
	assert_memory_equal(figures.of, wanted, sizeof wanted);
}

static void test_figures_of_shards(void **state) {
	struct taken taken;
	struct directory_device device;
	assert_int_equal(parse("listen_port=1\n"
						   "aead=ipsec-mb\n"
						   "shard=0\n"
						   "turns=5\n"
						   "udp_kernel_drops=18446744073709551615\n"
						   "tun_tcp=1\n"
						   "shard=1\n"
						   "shard=2\n"
						   "peers=3\n"
						   "public_key=" KEY_1 "\n",
						   &taken, &device),
					 ERR_OK);
	assert_string_equal(device.data_path.aead, "ipsec-mb");
	assert_int_equal(device.data_path.shard_count, 3);
	const struct figure_set *shards = device.data_path.shards;
	assert_int_equal(shards[0].of[FIGURE_TURNS], 5);
	assert_true(shards[0].of[FIGURE_UDP_KERNEL_DROPS] == UINT64_MAX);
	assert_int_equal(shards[0].of[FIGURE_TUN_TCP], 1);
	assert_int_equal(shards[0].of[FIGURE_PEERS], 0);
	assert_int_equal(shards[1].of[FIGURE_TURNS], 0);
	assert_int_equal(shards[2].of[FIGURE_PEERS], 3);
	assert_int_equal(taken.count, 1);
}

/* Why a client of streams has no connection; in every text anew. */
static void test_a_problem(void **state) {
	struct directory_device device = {.problem = "old"};
	struct taken taken;
	assert_int_equal(parse("problem=TLS: a=b\n", &taken, &device), ERR_OK);
	assert_string_equal(device.problem, "TLS: a=b");
	assert_int_equal(parse("listen_port=1\n", &taken, &device), ERR_OK);
	assert_string_equal(device.problem, "");
}

static void test_an_empty_device(void **state) {
	struct taken taken;
	struct directory_device device;
	assert_int_equal(parse("", &taken, &device), ERR_OK);
	assert_false(device.has_public_key);
	assert_int_equal(device.listen_port, 0);
	assert_int_equal(taken.count, 0);
}

static void test_what_is_refused(void **state) {
	static const char *const texts[] = {
		"listen_port=51820",
		"listen_port=65536\n",
		"listen_port=\n",
		"listen_port\n",
		"\n",
		"=\n",
		"errno=0\n",
		"private_key=" KEY_1 "\n",
		"own_public_key=" KEY_1 "0\n",
		"own_public_key=x\n",
		"fwmark=4294967296\n",
		"fwmark=-1\n",
		"rx_bytes=1\n",
		"allowed_ip=10.0.0.0/8\n",
		"public_key=01\n",
		"public_key=" KEY_1 "\nlisten_port=1\n",
		"public_key=" KEY_1 "\nown_public_key=" KEY_1 "\n",
		"public_key=" KEY_1 "\nallowed_ip=10.0.0.0/33\n",
		"public_key=" KEY_1 "\nendpoint=vpn.example.org:51820\n",
		"public_key=" KEY_1 "\nrx_bytes=18446744073709551616\n",
		"public_key=" KEY_1 "\npreshared=false\n",
		"public_key=" KEY_1 "\nlast_handshake_time_sec=9223372036854775808\n",
		"public_key=" KEY_1 "\nunknown=1\n",
		"public_key=" KEY_1 "\nallowed_ip=10.0.0.0/8",
		"aead=\n",
		"aead=a-name-of-25-characters..\n",
		"shard=1\n",
		"shard=0\nshard=0\n",
		"shard=16\n",
		"turns=1\n",
		"shard=0\nturns=-1\n",
		"shard=0\ntun_tcp=2\n",
		"shard=0\nturn=1\n",
		"public_key=" KEY_1 "\nshard=0\n",
		"shard=0\npublic_key=" KEY_1 "\nturns=1\n",
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct taken taken;
		struct directory_device device = {.listen_port = 7};
		if (parse(texts[i], &taken, &device) != ERR_MALFORMED)
			fail_msg("taken: %s", texts[i]);
		assert_int_equal(device.listen_port, 7);
	}
	static const char zero[] = "listen_port=1\0\n";
	struct taken taken = {.count = 0};
	struct directory_device device;
	assert_int_equal(directory_text_parse(slice_of(zero, sizeof zero - 1), take, &taken, &device),
					 ERR_MALFORMED);
}

static void test_an_error_of_the_reader_ends_it(void **state) {
	struct taken taken = {.answer = ERR_NO_MEMORY};
	struct directory_device device;
	const char *text = "public_key=" KEY_1 "\npublic_key=" KEY_2 "\n";
	assert_int_equal(directory_text_parse(slice_of_text(text), take, &taken, &device),
					 ERR_NO_MEMORY);
	assert_int_equal(taken.count, 1);
}

static void put_many(struct uapi_text *text, size_t count) {
	uint8_t key[TEXT_KEY_SIZE] = {0};
	struct prefix v4 = prefix_of("10.0.0.0/32"), v6 = prefix_of("fd66::/128");
	struct endpoint endpoint = {.address = v4.address, .port = 51820};
	uapi_put_number(text, "listen_port", 51820);
	for (size_t i = 0; i < count; i++) {
		memcpy(key, &i, sizeof i);
		memcpy(v4.address.bytes + 1,
			   (const uint8_t[]){(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}, 3);
		memcpy(v6.address.bytes + 13, v4.address.bytes + 1, 3);
		uapi_put_key(text, "public_key", key);
		uapi_put_line(text, "preshared=true");
		uapi_put_number(text, "protocol_version", 1);
		uapi_put_endpoint(text, "endpoint", &endpoint);
		uapi_put_number(text, "last_handshake_time_sec", 1700000000 + (i * 7919) % count);
		uapi_put_number(text, "last_handshake_time_nsec", 0);
		uapi_put_number(text, "tx_bytes", i);
		uapi_put_number(text, "rx_bytes", 2 * i);
		uapi_put_number(text, "persistent_keepalive_interval", 25);
		uapi_put_prefix(text, "allowed_ip", &v4);
		uapi_put_prefix(text, "allowed_ip", &v6);
	}
}

static struct directory *directory_of_many(size_t count) {
	struct config_peer *peers = calloc(count, sizeof *peers);
	assert_non_null(peers);
	for (size_t i = 0; i < count; i++) {
		peers[i].name = "";
		memcpy(peers[i].public_key, &i, sizeof i);
	}
	struct directory *directory = directory_of(peers, count);
	free(peers);
	return directory;
}

/* 20,000 peers in 40 ms is what `umbra status` has time for; the time is printed, not judged. */
static void test_many_peers(void **state) {
	enum { PEERS = 20000, SHOWN = 50, ROUNDS = 3 };
	struct directory *directory = directory_of_many(PEERS);
	struct uapi_text text = {.data = NULL};
	put_many(&text, PEERS);
	assert_int_equal(text.error, ERR_OK);
	uint64_t best = UINT64_MAX;
	for (int round = 0; round < ROUNDS; round++) {
		const struct directory_peer **recent;
		size_t count;
		uint64_t start = clock_now();
		assert_int_equal(directory_update(directory, slice_of(text.data, text.size)), ERR_OK);
		assert_int_equal(directory_recent(directory, SHOWN, &recent, &count), ERR_OK);
		uint64_t taken = clock_now() - start;
		best = taken < best ? taken : best;
		assert_int_equal(count, SHOWN);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(recent[i]->figures.latest_handshake, 1700000000 + PEERS - 1 - i);
		free(recent);
	}
	assert_int_equal(directory_count(directory), PEERS);
	struct directory_totals totals = directory_totals(directory, 1700000000 + 10000);
	assert_int_equal(totals.connected, 10000 + DIRECTORY_CONNECTED_SECONDS - 1);
	assert_int_equal(totals.received, 2 * totals.sent);
	print_message("%zu bytes in %llu us\n", text.size, (unsigned long long)best / 1000);
	uapi_text_done(&text);
	directory_free(directory);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_of_logins),
		cmocka_unit_test(test_every_line),
		cmocka_unit_test(test_lines_of_shared_keys),
		cmocka_unit_test(test_figures_of_streams),
		cmocka_unit_test(test_connections_together),
		cmocka_unit_test(test_figures_of_shards),
		cmocka_unit_test(test_a_problem),
		cmocka_unit_test(test_an_empty_device),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_an_error_of_the_reader_ends_it),
		cmocka_unit_test(test_many_peers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
