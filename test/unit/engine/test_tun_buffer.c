#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "engine/ring.h"
#include "engine/tun_buffer.h"

static void test_pool(void **state) {
	struct tun_pool pool;
	assert_int_equal(tun_pool_init(&pool), ERR_OK);
	struct tun_buffer *taken[TUN_BUFFERS];
	const size_t whole = TUN_PACKET_MAX + SEGMENT_PADDING_MAX;
	for (size_t i = 0; i < TUN_BUFFERS; i++) {
		taken[i] = tun_pool_take(&pool);
		assert_non_null(taken[i]);
		assert_int_equal((uintptr_t)(taken[i]->data + VIRTIO_HEADER_SIZE) % 16, 0);
		memset(taken[i]->data, (int)i, whole);
	}
	assert_null(tun_pool_take(&pool));
	assert_int_equal(pool.free_count, 0);
	/* None overlaps another. */
	for (size_t i = 0; i < TUN_BUFFERS; i++) {
		assert_int_equal(taken[i]->data[0], i);
		assert_int_equal(taken[i]->data[whole - 1], i);
		tun_buffer_release(taken[i]);
	}
	assert_int_equal(pool.free_count, TUN_BUFFERS);
	tun_pool_done(&pool);
	tun_pool_done(&pool);
}

static void test_way_home(void **state) {
	struct tun_pool pool;
	struct ring *ring;
	assert_int_equal(tun_pool_init(&pool), ERR_OK);
	assert_int_equal(ring_new(TUN_BUFFERS, &ring), ERR_OK);
	for (size_t i = 0; i < TUN_BUFFERS; i++) {
		struct tun_buffer *buffer = tun_pool_take(&pool);
		buffer->way_home = ring;
		tun_buffer_release(buffer);
	}
	assert_int_equal(pool.free_count, 0);
	void *items[TUN_BUFFERS];
	assert_int_equal(ring_pop(ring, items, TUN_BUFFERS), TUN_BUFFERS);
	for (size_t i = 0; i < TUN_BUFFERS; i++) {
		struct tun_buffer *buffer = items[i];
		tun_pool_give(&pool, buffer);
		assert_null(buffer->way_home);
		assert_null(buffer->peer);
	}
	assert_int_equal(pool.free_count, TUN_BUFFERS);
	ring_free(ring);
	tun_pool_done(&pool);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_way_home),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
