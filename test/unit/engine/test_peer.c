#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "engine/peer.h"

static struct endpoint endpoint_of(uint8_t byte) {
	struct endpoint endpoint = {.port = (uint16_t)(byte * 257),
								.scope_id = byte * UINT32_C(0x01010101),
								.address.family = byte % 2 ? ADDRESS_V4 : ADDRESS_V6};
	memset(endpoint.address.bytes, byte, address_size(&endpoint.address));
	return endpoint;
}

static void test_endpoint(void **state) {
	struct peer peer;
	memset(&peer, 0xee, sizeof peer);
	peer_init(&peer, NULL, 5);
	assert_int_equal(peer.owner, 5);
	assert_null(peer.lane);
	struct endpoint got = endpoint_of(9), before = got;
	uint32_t first = 77, second, third;
	assert_false(peer_read_endpoint(&peer, &got, &first));
	assert_true(endpoint_equal(&got, &before));
	struct udp_source source = {.interface = 4};
	for (uint8_t byte = 1; byte < 200; byte += 33) {
		struct endpoint endpoint = endpoint_of(byte);
		assert_true(peer_read_endpoint(&peer, &got, &first) || byte == 1);
		peer_set_endpoint(&peer, &endpoint, &source);
		assert_true(peer_read_endpoint(&peer, &got, &second));
		assert_true(endpoint_equal(&got, &endpoint));
		assert_true(endpoint_equal(&peer.paths[0].to, &endpoint));
		assert_int_equal(peer.paths[0].from.interface, 4);
		assert_true(first != second);
		/* The same again is no change, but the source is taken, or left to the kernel. */
		peer_set_endpoint(&peer, &endpoint, NULL);
		assert_true(peer_read_endpoint(&peer, &got, &third));
		assert_int_equal(second, third);
		assert_int_equal(peer.paths[0].from.interface, 0);
	}
	/* Each part of an endpoint counts. */
	struct endpoint endpoint = endpoint_of(2);
	for (int part = 0; part < 4; part++) {
		peer_set_endpoint(&peer, &endpoint, NULL);
		(void)peer_read_endpoint(&peer, &got, &first);
		if (part == 0)
			endpoint.port++;
		else if (part == 1)
			endpoint.scope_id++;
		else if (part == 2)
			endpoint.address.bytes[15]++;
		else
			endpoint.address = endpoint_of(1).address;
		peer_set_endpoint(&peer, &endpoint, NULL);
		assert_true(peer_read_endpoint(&peer, &got, &second));
		assert_true(endpoint_equal(&got, &endpoint));
		assert_true(first != second);
	}
	peer_set_endpoint(&peer, &(struct endpoint){.port = 0}, NULL);
	assert_false(peer_read_endpoint(&peer, &got, &first));
}

static void test_counters(void **state) {
	struct peer peer;
	peer_init(&peer, NULL, 0);
	peer_count_sent(&peer, 5);
	peer_count_sent(&peer, UINT64_C(1) << 40);
	peer_count_received(&peer, 7);
	assert_true(peer.published.sent_bytes == (UINT64_C(1) << 40) + 5);
	assert_true(peer.published.received_bytes == 7);
}

struct shared {
	struct peer peer;
	_Atomic bool stop;
};

enum { ROUNDS = 20000 };

static void *write_endpoints(void *context) {
	struct shared *shared = context;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct endpoint endpoint = endpoint_of((uint8_t)(i % 250 + 1));
		peer_set_endpoint(&shared->peer, &endpoint, NULL);
	}
	atomic_store(&shared->stop, true);
	return NULL;
}

/* A reader never sees a mixture of two endpoints. */
static void test_reader_beside_writer(void **state) {
	struct shared shared = {.stop = false};
	peer_init(&shared.peer, NULL, 0);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, write_endpoints, &shared), 0);
	uint32_t last = 0, sequence, reads = 0;
	while (!atomic_load(&shared.stop) || reads == 0) {
		struct endpoint got;
		if (!peer_read_endpoint(&shared.peer, &got, &sequence))
			continue;
		reads++;
		struct endpoint whole = endpoint_of(got.address.bytes[0]);
		assert_true(endpoint_equal(&got, &whole));
		assert_true(sequence >= last);
		assert_int_equal(sequence % 2, 0);
		last = sequence;
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endpoint),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_reader_beside_writer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
