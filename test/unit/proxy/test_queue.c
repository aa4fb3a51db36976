#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proxy/queue.h"

/* What goes in comes out, in its order, whatever moves in between. */
static void keeps_order(void **state) {
	enum { LIMIT = 5000 };
	struct queue queue;
	queue_init(&queue, LIMIT);
	uint8_t in = 0, out = 0;
	uint32_t seed = 1;
	for (int i = 0; i < 20000; i++) {
		seed = seed * 1664525 + 1013904223;
		uint8_t data[300];
		size_t size = (seed >> 16) % sizeof data;
		if (size > queue_space(&queue))
			size = queue_space(&queue);
		for (size_t j = 0; j < size; j++)
			data[j] = in++;
		queue_add(&queue, data, size);
		assert_int_equal(queue.error, ERR_OK);
		struct slice waiting = queue_waiting(&queue);
		assert_true(waiting.size <= LIMIT);
		seed = seed * 1664525 + 1013904223;
		size_t drop = waiting.size > 0 ? (seed >> 16) % (waiting.size + 1) : 0;
		/* At times nearly nothing goes, so that it fills up. */
		drop = i % 1000 < 500 && drop > 10 ? 10 : drop;
		for (size_t j = 0; j < drop; j++)
			assert_int_equal(waiting.data[j], out++);
		queue_drop(&queue, drop);
		assert_true(queue.room <= 2 * LIMIT);
	}
	queue_done(&queue);
}

static void has_a_limit(void **state) {
	struct queue queue;
	queue_init(&queue, 10);
	queue_add_text(&queue, "12345");
	assert_int_equal(queue_space(&queue), 5);
	queue_add_slice(&queue, slice_of_text("678901"));
	/* Nothing of it, and nothing from now on, so that no half of something is sent. */
	assert_int_equal(queue.error, ERR_LIMIT);
	assert_int_equal(queue_waiting(&queue).size, 5);
	assert_int_equal(queue_space(&queue), 0);
	queue_add(&queue, "x", 1);
	assert_int_equal(queue_waiting(&queue).size, 5);
	queue_clear(&queue);
	assert_int_equal(queue.error, ERR_OK);
	queue_add_text(&queue, "1234567890");
	assert_int_equal(queue_waiting(&queue).size, 10);
	queue_done(&queue);
	queue_add(&queue, NULL, 0);
	queue_add(&queue, "x", 1);
	assert_int_equal(queue.error, ERR_LIMIT);
	queue_done(&queue);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_order),
		cmocka_unit_test(has_a_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
