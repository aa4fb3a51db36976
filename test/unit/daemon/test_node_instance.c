#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/node_instance.h"

static char folder[64], path[96];

static int set_up(void **state) {
	strcpy(folder, "/tmp/umbra-instance-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/instance", folder);
	return 0;
}

static int tear_down(void **state) {
	(void)unlink(path);
	assert_int_equal(rmdir(folder), 0); /* nothing else was left there */
	return 0;
}

static void instance(uint8_t seed, uint8_t out_instance[static NODE_INSTANCE_SIZE]) {
	uint8_t identity[TEXT_KEY_SIZE];
	memset(identity, seed, sizeof identity);
	memset(out_instance, 0, NODE_INSTANCE_SIZE);
	assert_int_equal(node_instance_of(folder, identity, out_instance), ERR_OK);
}

/* The same for the same key, another for another; and for another installation. */
static void test_it_stays(void **state) {
	uint8_t first[NODE_INSTANCE_SIZE], again[NODE_INSTANCE_SIZE], other[NODE_INSTANCE_SIZE];
	struct stat status;
	instance(1, first);
	instance(1, again);
	instance(2, other);
	assert_memory_equal(first, again, sizeof first);
	assert_memory_not_equal(first, other, sizeof first);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(status.st_size, 32);
	assert_int_equal(unlink(path), 0);
	instance(1, other);
	assert_memory_not_equal(first, other, sizeof first);
}

static void test_a_damaged_file_is_replaced(void **state) {
	static const char *const contents[] = {"", "short",
										   "a file that is longer than 32 bytes, for sure"};
	for (size_t i = 0; i < 3; i++) {
		uint8_t first[NODE_INSTANCE_SIZE], again[NODE_INSTANCE_SIZE];
		FILE *file = fopen(path, "we");
		assert_non_null(file);
		assert_true(fputs(contents[i], file) >= 0);
		assert_int_equal(fclose(file), 0);
		instance(1, first);
		instance(1, again);
		assert_memory_equal(first, again, sizeof first);
	}
}

/* The tunnel goes on with one that is nobody's. */
static void test_no_folder(void **state) {
	uint8_t first[NODE_INSTANCE_SIZE] = {0}, again[NODE_INSTANCE_SIZE] = {0};
	const uint8_t identity[TEXT_KEY_SIZE] = {1};
	assert_int_not_equal(node_instance_of("/nonexistent/folder", identity, first), ERR_OK);
	assert_int_not_equal(node_instance_of("/nonexistent/folder", identity, again), ERR_OK);
	assert_memory_not_equal(first, again, sizeof first);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		IN_FOLDER(test_a_damaged_file_is_replaced),
		IN_FOLDER(test_it_stays),
		IN_FOLDER(test_no_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
