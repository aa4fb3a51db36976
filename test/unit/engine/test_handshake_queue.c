#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "engine/handshake_queue.h"

static bool push(struct handshake_queue *queue, uint32_t number, uint64_t now) {
	uint8_t data[64];
	memset(data, (int)number, sizeof data);
	struct endpoint from = {.port = (uint16_t)number, .address.family = ADDRESS_V4};
	struct udp_source to = {.interface = number};
	return handshake_queue_push(queue, &from, &to, data, 1 + number % 64, now);
}

static void assert_pops(struct handshake_queue *queue, uint32_t number) {
	const struct handshake_datagram *datagram = handshake_queue_pop(queue);
	assert_non_null(datagram);
	assert_int_equal(datagram->from.port, (uint16_t)number);
	assert_int_equal(datagram->to.interface, number);
	assert_int_equal(datagram->size, 1 + number % 64);
	for (size_t i = 0; i < datagram->size; i++)
		assert_int_equal(datagram->data[i], (uint8_t)number);
}

static void test_order(void **state) {
	struct handshake_queue *queue;
	assert_int_equal(handshake_queue_new(&queue), ERR_OK);
	assert_true(handshake_queue_is_empty(queue));
	assert_null(handshake_queue_pop(queue));
	/* Rounds of uneven lengths lead through every place of the ring. */
	uint32_t in = 0, out = 0;
	for (uint32_t round = 0; round < 40; round++) {
		for (uint32_t i = 0; i < 400 && in - out < HANDSHAKE_QUEUE_SIZE; i++)
			assert_true(push(queue, in++, 1));
		for (uint32_t i = 0; i < 390 && out < in; i++)
			assert_pops(queue, out++);
		assert_int_equal(handshake_queue_is_empty(queue), in == out);
	}
	while (in - out < HANDSHAKE_QUEUE_SIZE)
		assert_true(push(queue, in++, 1));
	assert_false(push(queue, 99, 1));
	while (out < in)
		assert_pops(queue, out++);
	assert_true(handshake_queue_is_empty(queue));
	handshake_queue_free(queue);
	handshake_queue_free(NULL);
}

static void test_sizes(void **state) {
	struct handshake_queue *queue;
	assert_int_equal(handshake_queue_new(&queue), ERR_OK);
	static const uint8_t data[HANDSHAKE_DATAGRAM_MAX + 1];
	const struct endpoint from = {.port = 1};
	const struct udp_source to = {.interface = 0};
	assert_false(handshake_queue_push(queue, &from, &to, data, sizeof data, 1));
	assert_true(handshake_queue_is_empty(queue));
	assert_true(handshake_queue_push(queue, &from, &to, data, sizeof data - 1, 1));
	assert_int_equal(handshake_queue_pop(queue)->size, HANDSHAKE_DATAGRAM_MAX);
	handshake_queue_free(queue);
}

static void test_load(void **state) {
	struct handshake_queue *queue;
	assert_int_equal(handshake_queue_new(&queue), ERR_OK);
	uint64_t now = 1000;
	for (uint32_t i = 0; i < HANDSHAKE_QUEUE_LOADED - 1; i++)
		assert_true(push(queue, i, now));
	assert_false(handshake_queue_under_load(queue, now));
	assert_true(push(queue, 0, now));
	assert_true(handshake_queue_under_load(queue, now));
	/* Long for as long as it is; one that came while it was holds the load for a second. */
	assert_true(handshake_queue_under_load(queue, now + 10 * HANDSHAKE_LOAD_HELD));
	assert_non_null(handshake_queue_pop(queue));
	assert_false(handshake_queue_under_load(queue, now));
	assert_true(push(queue, 0, now));
	assert_true(push(queue, 0, now));
	while (handshake_queue_pop(queue))
		;
	assert_true(handshake_queue_under_load(queue, now + HANDSHAKE_LOAD_HELD - 1));
	assert_false(handshake_queue_under_load(queue, now + HANDSHAKE_LOAD_HELD));
	/* A full queue that refuses is load, too. */
	for (uint32_t i = 0; i < HANDSHAKE_QUEUE_SIZE; i++)
		assert_true(push(queue, i, now));
	now += 5 * HANDSHAKE_LOAD_HELD;
	assert_false(push(queue, 0, now));
	while (handshake_queue_pop(queue))
		;
	assert_true(handshake_queue_under_load(queue, now + HANDSHAKE_LOAD_HELD - 1));
	handshake_queue_free(queue);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_load),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
