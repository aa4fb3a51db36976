#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "engine/ring.h"

static struct ring *new_ring(size_t capacity) {
	struct ring *ring = NULL;
	assert_int_equal(ring_new(capacity, &ring), ERR_OK);
	assert_non_null(ring);
	return ring;
}

static void test_capacity_is_a_power_of_two(void **state) {
	static const size_t wrong[] = {0, 3, 6, 1000, (size_t)RING_CAPACITY_MAX * 2, SIZE_MAX};
	struct ring *ring = NULL;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(ring_new(wrong[i], &ring), ERR_INVALID);
	assert_null(ring);
	ring_free(NULL);
}

static void test_batches_keep_their_order(void **state) {
	int things[64];
	void *items[64], *taken[64];
	for (size_t i = 0; i < 64; i++)
		items[i] = &things[i];
	for (size_t capacity = 1; capacity <= 16; capacity *= 2) {
		struct ring *ring = new_ring(capacity);
		size_t pushed = 0, popped = 0;
		assert_int_equal(ring_pop(ring, taken, 64), 0);
		/* Batches of every size, at every position of the ring. */
		for (size_t round = 0; round < 2000; round++) {
			size_t batch = round % 7;
			size_t room = capacity - (pushed - popped);
			for (size_t i = 0; i < batch; i++)
				items[i] = &things[(pushed + i) % 64];
			size_t expected = batch < room ? batch : room;
			assert_int_equal(ring_push(ring, items, batch), expected);
			pushed += expected;

			batch = round % 5;
			expected = batch < pushed - popped ? batch : pushed - popped;
			assert_int_equal(ring_pop(ring, taken, batch), expected);
			for (size_t i = 0; i < expected; i++)
				assert_ptr_equal(taken[i], &things[(popped + i) % 64]);
			popped += expected;
		}
		assert_true(popped > 1000);
		ring_free(ring);
	}
}

static void test_full_ring_takes_no_more(void **state) {
	int things[9];
	void *items[9], *taken[9];
	for (size_t i = 0; i < 9; i++)
		items[i] = &things[i];
	struct ring *ring = new_ring(8);
	assert_int_equal(ring_push(ring, items, 9), 8);
	assert_int_equal(ring_push(ring, items, 1), 0);
	assert_int_equal(ring_pop(ring, taken, 1), 1);
	assert_ptr_equal(taken[0], &things[0]);
	assert_int_equal(ring_push(ring, &items[8], 1), 1);
	assert_int_equal(ring_pop(ring, taken, 9), 8);
	assert_ptr_equal(taken[0], &things[1]);
	assert_ptr_equal(taken[7], &things[8]);
	ring_free(ring);
}

enum { MESSAGES = 20000, BATCH = 13 };

struct message {
	size_t number;
};

static void *produce(void *context) {
	struct ring *ring = context;
	for (size_t number = 0; number < MESSAGES;) {
		void *items[BATCH];
		size_t count = 0;
		for (; count < 1 + number % BATCH && number + count < MESSAGES; count++) {
			struct message *message = malloc(sizeof *message);
			if (!message)
				abort();
			message->number = number + count; /* a plain write, published by the ring */
			items[count] = message;
		}
		for (size_t pushed = 0; pushed < count;) {
			size_t some = ring_push(ring, items + pushed, count - pushed);
			if (some == 0)
				(void)sched_yield();
			pushed += some;
		}
		number += count;
	}
	return NULL;
}

static void test_two_threads(void **state) {
	struct ring *ring = new_ring(32);
	pthread_t producer;
	assert_int_equal(pthread_create(&producer, NULL, produce, ring), 0);
	for (size_t expected = 0; expected < MESSAGES;) {
		void *items[BATCH * 2];
		size_t count = ring_pop(ring, items, 1 + expected % (BATCH * 2));
		if (count == 0)
			(void)sched_yield();
		for (size_t i = 0; i < count; i++) {
			struct message *message = items[i];
			assert_int_equal(message->number, expected++);
			free(message);
		}
	}
	assert_int_equal(pthread_join(producer, NULL), 0);
	void *none;
	assert_int_equal(ring_pop(ring, &none, 1), 0);
	ring_free(ring);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capacity_is_a_power_of_two),
		cmocka_unit_test(test_batches_keep_their_order),
		cmocka_unit_test(test_full_ring_takes_no_more),
		cmocka_unit_test(test_two_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
