#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <linux/if_tun.h>

#include "host/tun_internal.h"

/* A driver that refuses what it is told to refuse. */

enum {
	TCP = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6,
	UDP = TUN_OFFLOAD_USO4 | TUN_OFFLOAD_USO6,
	FIRST = 1000, /* of its descriptors */
	ALL_FEATURES = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE,
};

static struct driver {
	unsigned features;
	unsigned long offloads; /* that it has */
	int refused_flags;      /* of TUNSETIFF: EINVAL */
	int last_queues;        /* so many fit, then E2BIG */
	int opened, closed, queues;
	int flags;             /* of the queue that was opened first */
	unsigned long enabled; /* the offloads of now */
	int settings;          /* calls of TUNSETOFFLOAD */
} driver;

static int refuse(int number) {
	errno = number;
	return -1;
}

static int driver_open(void) {
	return FIRST + driver.opened++;
}

static int driver_close(int descriptor) {
	assert_true(descriptor >= FIRST && descriptor < FIRST + driver.opened);
	driver.closed++;
	return 0;
}

static int set_interface(const struct ifreq *request) {
	assert_string_equal(request->ifr_name, "um-offload-test");
	if (request->ifr_flags & driver.refused_flags)
		return refuse(EINVAL);
	if (driver.queues == driver.last_queues)
		return refuse(E2BIG);
	assert_int_equal(!(request->ifr_flags & IFF_TUN_EXCL), driver.queues > 0);
	if (driver.queues == 0)
		driver.flags = (unsigned short)request->ifr_flags & ~IFF_TUN_EXCL;
	driver.queues++;
	return 0;
}

static int driver_control(int descriptor, unsigned long request, void *argument) {
	assert_true(descriptor >= FIRST && descriptor < FIRST + driver.opened);
	switch (request) {
	case TUNGETFEATURES:
		*(unsigned *)argument = driver.features;
		return 0;
	case TUNSETIFF:
		return set_interface(argument);
	case TUNSETOFFLOAD:
		driver.settings++;
		if ((unsigned long)argument & ~driver.offloads)
			return refuse(EINVAL);
		driver.enabled = (unsigned long)argument;
		return 0;
	default:
		fail_msg("unknown request");
		return -1;
	}
}

static const struct tun_calls calls = {
	.open = driver_open,
	.control = driver_control,
	.close = driver_close,
};

static const struct tun_request usual = {.name = "um-offload-test", .queues = 1};

static void reset(unsigned features, unsigned long offloads) {
	driver = (struct driver){.features = features, .offloads = offloads, .last_queues = 100};
}

static struct tun must_open(const struct tun_request *request) {
	struct tun tun;
	assert_int_equal(tun_open_with(request, &calls, &tun), ERR_OK);
	assert_int_equal(tun.count, request->queues);
	assert_int_equal(driver.opened - driver.closed, request->queues);
	assert_int_equal(!(driver.flags & IFF_VNET_HDR), !tun.header);
	return tun;
}

static void test_all_of_it(void **state) {
	reset(ALL_FEATURES, TCP | UDP);
	struct tun tun = must_open(&usual);
	assert_true(tun.header && tun.tcp && tun.udp);
	assert_int_equal(driver.enabled, TCP | UDP);
	assert_int_equal(driver.flags, IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
}

/* A kernel from before UDP segmentation, and one with half of it. */
static void test_no_udp_segmentation(void **state) {
	const unsigned long known[] = {TCP, TCP | TUN_OFFLOAD_USO4, TCP | TUN_OFFLOAD_USO6};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		reset(ALL_FEATURES, known[i]);
		struct tun tun = must_open(&usual);
		assert_true(tun.header && tun.tcp && !tun.udp);
		assert_int_equal(driver.enabled, TCP);
	}
}

/* Parts of what TCP takes are of no use; headers stay, they are then all zeros. */
static void test_no_tcp_segmentation(void **state) {
	const unsigned long known[] = {0, TUN_F_CSUM, TUN_F_CSUM | TUN_F_TSO4, TUN_F_CSUM | UDP};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		reset(ALL_FEATURES, known[i]);
		struct tun tun = must_open(&usual);
		assert_true(tun.header && !tun.tcp && !tun.udp);
		assert_int_equal(driver.enabled, 0);
	}
}

static void test_no_headers(void **state) {
	reset(ALL_FEATURES & ~IFF_VNET_HDR, 0);
	struct tun tun = must_open(&usual);
	assert_true(!tun.header && !tun.tcp && !tun.udp);
	assert_int_equal(driver.settings, 0);
	/* Promised and refused all the same. */
	reset(ALL_FEATURES, TCP | UDP);
	driver.refused_flags = IFF_VNET_HDR;
	tun = must_open(&usual);
	assert_true(!tun.header && !tun.tcp && !tun.udp);
	assert_int_equal(driver.settings, 0);
}

static void test_switches(void **state) {
	struct tun_request request = usual;
	reset(ALL_FEATURES, TCP | UDP);
	request.no_udp = true;
	struct tun tun = must_open(&request);
	assert_true(tun.header && tun.tcp && !tun.udp);
	assert_int_equal(driver.enabled, TCP);
	reset(ALL_FEATURES, TCP | UDP);
	request.no_header = true;
	tun = must_open(&request);
	assert_true(!tun.header && !tun.tcp && !tun.udp);
	assert_int_equal(driver.settings, 0);
}

/* One queue sets the offloads of all. */
static void test_several_queues(void **state) {
	struct tun_request request = usual;
	request.queues = 3;
	reset(ALL_FEATURES, TCP | UDP);
	struct tun tun = must_open(&request);
	assert_true(tun.header && tun.tcp && tun.udp);
	assert_int_equal(driver.settings, 2);
	assert_true(driver.flags & IFF_MULTI_QUEUE);
}

/* What fails leaves no descriptor open. */
static void test_failures(void **state) {
	struct tun_request request = usual;
	struct tun tun = {.count = 99};
	request.queues = 3;
	reset(ALL_FEATURES & ~IFF_MULTI_QUEUE, TCP | UDP);
	assert_int_equal(tun_open_with(&request, &calls, &tun), ERR_UNSUPPORTED);
	assert_int_equal(driver.opened, driver.closed);
	reset(ALL_FEATURES, TCP | UDP);
	driver.last_queues = 2;
	assert_int_equal(tun_open_with(&request, &calls, &tun), err_from_errno(E2BIG));
	assert_int_equal(driver.opened, driver.closed);
	reset(ALL_FEATURES, TCP | UDP);
	driver.refused_flags = IFF_TUN;
	assert_int_equal(tun_open_with(&usual, &calls, &tun), ERR_INVALID);
	assert_int_equal(driver.opened, driver.closed);
	assert_int_equal(tun.count, 99);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_it),
		cmocka_unit_test(test_no_udp_segmentation),
		cmocka_unit_test(test_no_tcp_segmentation),
		cmocka_unit_test(test_no_headers),
		cmocka_unit_test(test_switches),
		cmocka_unit_test(test_several_queues),
		cmocka_unit_test(test_failures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
