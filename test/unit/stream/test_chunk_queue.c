#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "stream/chunk_queue.h"

static uint64_t next_random(uint64_t *seed) {
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

/* What is appended comes out as it went in, whatever the sizes; two queues share one pool. */
static void same_bytes(void **state) {
	struct chunk_queue_pool pool = {0};
	struct chunk_queue queues[2] = {0};
	uint64_t written[2] = {0}, read[2] = {0}, seed = 3;
	uint8_t data[20000];
	for (size_t i = 0; i < 20000; i++) {
		size_t which = next_random(&seed) % 2, limit = next_random(&seed) % 8 ? 300 : sizeof data;
		size_t size = next_random(&seed) % limit;
		struct chunk_queue *queue = &queues[which];
		if (queue->size < 60000 && next_random(&seed) % 2) {
			for (size_t j = 0; j < size; j++)
				data[j] = (uint8_t)((written[which] + j) * 7 >> 3);
			assert_int_equal(chunk_queue_append(queue, &pool, data, size), ERR_OK);
			written[which] += size;
		} else if (next_random(&seed) % 2) {
			if (size > queue->size)
				size = queue->size;
			chunk_queue_take(queue, &pool, data, size);
			for (size_t j = 0; j < size; j++)
				assert_int_equal(data[j], (uint8_t)((read[which] + j) * 7 >> 3));
			read[which] += size;
		} else {
			struct slice front = chunk_queue_front(queue);
			assert_int_equal(front.size > 0, queue->size > 0);
			if (front.size > 0)
				assert_int_equal(front.data[0], (uint8_t)(read[which] * 7 >> 3));
			/* Some parts of it, read where they lie. */
			struct slice parts[3];
			size_t count = chunk_queue_parts(queue, parts, 3), all = 0;
			assert_int_equal(count > 0, queue->size > 0);
			for (size_t j = 0; j < count; j++) {
				for (size_t k = 0; k < parts[j].size; k++)
					assert_int_equal(parts[j].data[k], (uint8_t)((read[which] + all + k) * 7 >> 3));
				all += parts[j].size;
			}
			assert_true(count == 3 ? all <= queue->size : all == queue->size);
			if (size > all)
				size = all;
			chunk_queue_drop(queue, &pool, size);
			read[which] += size;
		}
		assert_int_equal(queue->size, written[which] - read[which]);
		assert_int_equal(queue->first == NULL, queue->size == 0);
		assert_true(pool.kept_count <= CHUNK_QUEUE_KEPT_MAX);
	}
	for (size_t i = 0; i < 2; i++) {
		chunk_queue_clear(&queues[i], &pool);
		chunk_queue_clear(&queues[i], &pool);
		assert_int_equal(queues[i].size, 0);
		assert_null(queues[i].first);
		assert_null(queues[i].last);
	}
	chunk_queue_pool_done(&pool);
	chunk_queue_pool_done(&pool);
}

/* In a steady flow, chunks come from the pool. */
static void flow_does_not_allocate(void **state) {
	struct chunk_queue_pool pool = {0};
	struct chunk_queue queue = {0};
	uint8_t data[16384] = {0};
	assert_int_equal(chunk_queue_append(&queue, &pool, data, sizeof data), ERR_OK);
	chunk_queue_drop(&queue, &pool, sizeof data);
	size_t kept = pool.kept_count;
	assert_in_range(kept, 4, 6);
	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(chunk_queue_append(&queue, &pool, data, sizeof data), ERR_OK);
		chunk_queue_drop(&queue, &pool, sizeof data);
		assert_int_equal(pool.kept_count, kept);
	}
	chunk_queue_pool_done(&pool);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_bytes),
		cmocka_unit_test(flow_does_not_allocate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
