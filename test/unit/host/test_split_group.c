#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "host/split_group.h"

/* What the kernel makes of groups is in test/net/test_split_exec.py. */

#define ROOT "23 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
#define OLD "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"

static void test_mounts(void **state) {
	static const struct {
		const char *text, *path;
	} rows[] = {
		{"", NULL},
		{ROOT OLD, NULL},
		{ROOT "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 master:2 - cgroup2 cgroup2 rw\n" OLD,
		 "/sys/fs/cgroup"},
		{OLD "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
		 "/sys/fs/cgroup/unified"},
		{"41 31 0:38 /../.. /a\\040b\\134c rw - cgroup2 none rw\n", "/a b\\c"},
		/* The first of two. */
		{"41 31 0:38 / /a rw - cgroup2 none rw\n42 31 0:38 / /b rw - cgroup2 none rw\n", "/a"},
		/* Not a line of mountinfo. */
		{"41 31 - cgroup2 \n", NULL},
		{" - cgroup2 ", NULL},
		{"\n\n\n", NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char path[64] = "untouched";
		enum err error = split_group_find_mount(rows[i].text, path, sizeof path);
		assert_int_equal(error, rows[i].path ? ERR_OK : ERR_NOT_FOUND);
		if (rows[i].path)
			assert_string_equal(path, rows[i].path);
	}
}

static void test_no_room(void **state) {
	static const char text[] = "41 31 0:38 / /abc rw - cgroup2 cgroup2 rw\n";
	char path[5];
	assert_int_equal(split_group_find_mount(text, path, 4), ERR_NOT_FOUND);
	assert_int_equal(split_group_find_mount(text, path, 5), ERR_OK);
	assert_string_equal(path, "/abc");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_no_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
