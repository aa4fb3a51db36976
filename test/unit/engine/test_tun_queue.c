#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/tun_queue.h"
#include "wire/virtio.h"

/* A packet socket pair keeps boundaries as a TUN does. */
static void open_queue(bool has_header, struct tun_queue *out_queue, int *out_other) {
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(tun_queue_open(ends[0], has_header, out_queue), ERR_OK);
	assert_int_equal(out_queue->ops->descriptor(out_queue->context), ends[0]);
	assert_true(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
	*out_other = ends[1];
}

static void check(bool has_header) {
	static const uint8_t wire[] = "0123456789payload";
	const size_t skip = has_header ? 0 : VIRTIO_HEADER_SIZE;
	struct tun_queue queue;
	int other;
	open_queue(has_header, &queue, &other);
	uint8_t data[64];
	size_t size = 99;
	assert_int_equal(queue.ops->read(queue.context, data, sizeof data, &size), ERR_AGAIN);
	assert_int_equal(size, 99);
	/* With its header as it comes, or behind one of zeros. */
	assert_int_equal(write(other, wire, sizeof wire), sizeof wire);
	memset(data, 0xee, sizeof data);
	assert_int_equal(queue.ops->read(queue.context, data, sizeof data, &size), ERR_OK);
	assert_int_equal(size, skip + sizeof wire);
	for (size_t i = 0; i < skip; i++)
		assert_int_equal(data[i], 0);
	assert_memory_equal(data + skip, wire, sizeof wire);
	/* Written in pieces, without the header where there is none. */
	uint8_t header[VIRTIO_HEADER_SIZE] = {0};
	const struct iovec iovecs[] = {
		{header, sizeof header}, {(void *)(uintptr_t)wire, 4}, {(void *)(uintptr_t)wire, 5}};
	assert_int_equal(queue.ops->write(queue.context, iovecs, 3), ERR_OK);
	assert_int_equal(read(other, data, sizeof data), VIRTIO_HEADER_SIZE - skip + 9);
	assert_memory_equal(data + (VIRTIO_HEADER_SIZE - skip), "012301234", 9);
	(void)close(other);
	assert_int_not_equal(queue.ops->write(queue.context, iovecs, 3), ERR_OK);
	tun_queue_done(&queue);
	assert_null(queue.ops);
	tun_queue_done(&queue);
}

static void test_with_header(void **state) {
	check(true);
}

static void test_without_header(void **state) {
	check(false);
}

static void test_bad_descriptor(void **state) {
	struct tun_queue queue = {.ops = NULL};
	assert_int_not_equal(tun_queue_open(-1, true, &queue), ERR_OK);
	assert_null(queue.ops);
}

int main(void) {
	(void)signal(SIGPIPE, SIG_IGN); /* sockets raise it, TUNs do not */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_with_header),
		cmocka_unit_test(test_without_header),
		cmocka_unit_test(test_bad_descriptor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
