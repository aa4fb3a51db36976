#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "bench/generator/burst.h"
#include "bench/generator/client.h"
#include "bench/generator/identity.h"
#include "crypto/csprng.h"

#define NOW UINT64_C(1000000000)
#define WALL UINT64_C(1700000000000000000)

enum { SERVER_INDEX = 99 };

/* The other end, by the same code as the daemon's. */
struct server {
	struct wireguard_identity identity;
	struct client_server known; /* what clients know of it */
	struct cookie_checker checker;
	struct wireguard_keys keys;
	uint8_t timestamp[WIREGUARD_TIMESTAMP_SIZE];
};

static void server_init(struct server *server) {
	*server = (struct server){0};
	uint8_t private_key[X25519_KEY_SIZE];
	assert_int_equal(identity_private(7, 0, private_key), ERR_OK);
	assert_int_equal(wireguard_identity_init(&server->identity, private_key), ERR_OK);
	const struct sockaddr_in at = {.sin_family = AF_INET};
	assert_int_equal(client_server_init(&server->known, server->identity.public_key, &at), ERR_OK);
	assert_int_equal(cookie_checker_init(&server->checker, &server->known.cookie_keys), ERR_OK);
}

static void answer(struct server *server, const uint8_t *data, uint8_t *out_response) {
	assert_true(cookie_check_mac1(&server->checker, slice_of(data, WIREGUARD_INITIATION_SIZE)));
	struct wireguard_initiation message;
	struct wireguard_opened opened;
	assert_int_equal(wireguard_decode_initiation(data, WIREGUARD_INITIATION_SIZE, &message),
					 ERR_OK);
	assert_int_equal(wireguard_accept_static(&server->identity, &message, &opened), ERR_OK);
	struct wireguard_remote remote = {0};
	memcpy(remote.public_key, opened.public_key, X25519_KEY_SIZE);
	wireguard_remote_prepare(&remote, &server->identity);
	assert_int_equal(wireguard_accept_initiation(&remote, &opened), ERR_OK);
	/* Strictly newer, or a daemon would not take it. */
	assert_true(memcmp(opened.timestamp, server->timestamp, sizeof opened.timestamp) > 0);
	memcpy(server->timestamp, opened.timestamp, sizeof opened.timestamp);
	struct wireguard_response response;
	assert_int_equal(
		wireguard_respond(&remote, &opened, &csprng, SERVER_INDEX, &response, &server->keys),
		ERR_OK);
	wireguard_encode_response(&response, out_response);
}

struct fixture {
	struct server server;
	struct client client;
	const struct aead_backend *backend;
	struct aead_worker *worker;
};

static void connect_client(struct fixture *fixture) {
	uint8_t initiation[WIREGUARD_INITIATION_SIZE], response[WIREGUARD_RESPONSE_SIZE];
	assert_int_equal(client_initiate(&fixture->client, WALL, NOW, initiation), ERR_OK);
	answer(&fixture->server, initiation, response);
	assert_int_equal(
		client_take(&fixture->client, fixture->backend, response, sizeof response, NOW),
		CLIENT_CONNECTED);
}

static int set_up(void **state) {
	struct fixture *fixture = calloc(1, sizeof *fixture);
	assert_non_null(fixture);
	server_init(&fixture->server);
	fixture->backend = aead_backend_find("auto");
	assert_int_equal(aead_worker_new(fixture->backend, &fixture->worker), ERR_OK);
	assert_int_equal(client_init(&fixture->client, &fixture->server.known, 1, 3, 42), ERR_OK);
	*state = fixture;
	return 0;
}

static int tear_down(void **state) {
	struct fixture *fixture = *state;
	client_done(&fixture->client);
	cookie_checker_done(&fixture->server.checker);
	aead_worker_free(fixture->worker);
	free(fixture);
	return 0;
}

static void test_handshake(void **state) {
	struct fixture *fixture = *state;
	connect_client(fixture);
	assert_true(fixture->client.connected);
	assert_int_equal(fixture->client.session.local_index, 42);
	assert_int_equal(fixture->client.session.remote_index, SERVER_INDEX);
	/* Again, at the same time of the wall clock. */
	connect_client(fixture);
}

static void test_forged_response_changes_nothing(void **state) {
	struct fixture *fixture = *state;
	uint8_t initiation[WIREGUARD_INITIATION_SIZE], response[WIREGUARD_RESPONSE_SIZE];
	assert_int_equal(client_initiate(&fixture->client, WALL, NOW, initiation), ERR_OK);
	answer(&fixture->server, initiation, response);
	response[20] ^= 1;
	assert_int_equal(
		client_take(&fixture->client, fixture->backend, response, sizeof response, NOW),
		CLIENT_NOTHING);
	assert_false(fixture->client.connected);
	response[20] ^= 1;
	assert_int_equal(
		client_take(&fixture->client, fixture->backend, response, sizeof response, NOW),
		CLIENT_CONNECTED);
}

static void test_cookie_gives_a_second_mac(void **state) {
	struct fixture *fixture = *state;
	struct cookie_checker *checker = &fixture->server.checker;
	const struct endpoint from = {.address = identity_address(3), .port = 5};
	uint8_t initiation[WIREGUARD_INITIATION_SIZE], reply[WIREGUARD_COOKIE_REPLY_SIZE];
	assert_int_equal(client_initiate(&fixture->client, WALL, NOW, initiation), ERR_OK);
	const struct slice message = slice_of(initiation, sizeof initiation);
	struct wireguard_cookie_reply cookie = {.receiver = 42};
	assert_int_equal(
		cookie_make(checker, message, &from, &csprng, NOW, cookie.nonce, cookie.sealed_cookie),
		ERR_OK);
	assert_false(cookie_check_mac2(checker, message, &from, NOW));
	wireguard_encode_cookie_reply(&cookie, reply);
	assert_int_equal(client_take(&fixture->client, fixture->backend, reply, sizeof reply, NOW),
					 CLIENT_COOKIE);
	assert_int_equal(client_initiate(&fixture->client, WALL, NOW, initiation), ERR_OK);
	assert_true(cookie_check_mac2(checker, message, &from, NOW));
}

/* Opens what the client sealed, as the server. */
static void open_datagram(const struct fixture *fixture, const uint8_t *data, size_t size,
						  uint64_t counter, uint8_t *out_packet) {
	struct wireguard_data head;
	assert_int_equal(wireguard_decode_data(data, size, &head), ERR_OK);
	assert_int_equal(head.receiver, SERVER_INDEX);
	assert_int_equal(head.counter, counter);
	struct aead_key key;
	assert_int_equal(
		aead_key_init(&key, fixture->backend, AEAD_CHACHA20_POLY1305, fixture->server.keys.receive),
		ERR_OK);
	struct aead_job job = {
		.key = &key,
		.source = data + WIREGUARD_DATA_HEADER_SIZE,
		.destination = out_packet,
		.size = (uint32_t)(size - WIREGUARD_DATA_OVERHEAD),
	};
	wireguard_data_nonce(head.counter, job.nonce);
	aead_open_many(fixture->worker, &job, 1);
	assert_true(job.ok);
	aead_key_done(&key);
}

static void test_bursts(void **state) {
	struct fixture *fixture = *state;
	connect_client(fixture);
	const struct burst_shape shape = {
		.to = identity_address(0), .port = 9, .packet_size = 100, .packets = 32};
	struct burst_sealer *sealer;
	assert_int_equal(burst_sealer_new(&shape, fixture->worker, &sealer), ERR_OK);
	assert_int_equal(burst_datagram_size(&shape), 112 + 32);
	assert_int_equal(burst_most(&shape), 2);
	struct client *const twice[] = {&fixture->client, &fixture->client, &fixture->client};
	struct burst bursts[2];
	assert_int_equal(burst_seal(sealer, twice, 3, bursts), ERR_LIMIT);
	assert_int_equal(burst_seal(sealer, twice, 2, bursts), ERR_OK);
	uint8_t expected[112] = {0};
	packet_udp(expected, 100, &fixture->client.address, &shape.to, shape.port);
	for (uint64_t i = 0; i < 64; i++) {
		uint8_t packet[112];
		assert_int_equal(bursts[i / 32].size, 32 * 144);
		open_datagram(fixture, bursts[i / 32].data + i % 32 * 144, 144, i, packet);
		assert_memory_equal(packet, expected, sizeof packet);
	}
	burst_sealer_free(sealer);
}

static void test_impossible_bursts(void **state) {
	struct fixture *fixture = *state;
	struct burst_sealer *sealer;
	struct burst_shape shape = {.packet_size = 100, .packets = 33};
	assert_int_equal(burst_sealer_new(&shape, fixture->worker, &sealer), ERR_INVALID);
	shape = (struct burst_shape){.packet_size = PACKET_SIZE_MAX + 1, .packets = 1};
	assert_int_equal(burst_sealer_new(&shape, fixture->worker, &sealer), ERR_INVALID);
}

static void test_keepalive_and_answer(void **state) {
	struct fixture *fixture = *state;
	connect_client(fixture);
	uint8_t data[BURST_DATAGRAM_MAX], packet[BURST_DATAGRAM_MAX];
	size_t size;
	assert_int_equal(burst_seal_one(&fixture->client, fixture->worker, NULL, 0, data, &size),
					 ERR_OK);
	assert_int_equal(size, WIREGUARD_DATA_OVERHEAD);
	open_datagram(fixture, data, size, 0, packet);
	/* The other way: the server's session seals, the client opens. */
	struct client server = {.connected = true};
	assert_int_equal(session_init(&server.session, fixture->backend, AEAD_CHACHA20_POLY1305,
								  fixture->server.keys.send, fixture->server.keys.receive,
								  SERVER_INDEX, 42, false, NOW),
					 ERR_OK);
	const uint8_t hello[16] = "hello";
	assert_int_equal(burst_seal_one(&server, fixture->worker, hello, sizeof hello, data, &size),
					 ERR_OK);
	assert_int_equal(client_take(&fixture->client, fixture->backend, data, size, NOW),
					 CLIENT_PACKET);
	assert_int_equal(client_open(&fixture->client, fixture->worker, data, size, packet, &size),
					 ERR_OK);
	assert_int_equal(size, sizeof hello);
	assert_memory_equal(packet, hello, sizeof hello);
	client_done(&server);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_handshake, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_forged_response_changes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cookie_gives_a_second_mac, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bursts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_impossible_bursts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keepalive_and_answer, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
