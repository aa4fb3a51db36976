#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/sysctl.h"

/* Settings of the machine stay as they are here; test/net/test_host_network.py changes some. */

#define FORWARD "net/ipv4/ip_forward"

static void test_read(void **state) {
	int32_t value = -7;
	assert_int_equal(sysctl_read(FORWARD, &value), ERR_OK);
	assert_true(value == 0 || value == 1);
	assert_int_equal(sysctl_read("net/ipv4/no_such_thing", &value), ERR_NOT_FOUND);
	assert_int_equal(sysctl_read("net/../kernel/pid_max", &value), ERR_INVALID);
	assert_int_equal(sysctl_read("net/ipv4/tcp_available_congestion_control", &value), ERR_INVALID);
}

static void test_parse(void **state) {
	struct sysctl_record *records = NULL;
	size_t count = 0;
	assert_int_equal(
		sysctl_parse(FORWARD " 0 1\nnet/ipv6/conf/eth0.7/accept_ra -1 2\n", &records, &count),
		ERR_OK);
	assert_int_equal(count, 2);
	assert_string_equal(records[0].key, FORWARD);
	assert_int_equal(records[0].before, 0);
	assert_int_equal(records[0].ours, 1);
	assert_string_equal(records[1].key, "net/ipv6/conf/eth0.7/accept_ra");
	assert_int_equal(records[1].before, -1);
	free(records);
	assert_int_equal(sysctl_parse("", &records, &count), ERR_OK);
	assert_int_equal(count, 0);
	free(records);
}

static void test_parse_refuses(void **state) {
	static const char *const texts[] = {
		FORWARD " 0 1", /* cut off */
		FORWARD " 0\n",
		FORWARD " 0 1 2\n",
		FORWARD " 0 x\n",
		FORWARD " 0 99999999999\n",
		FORWARD "  1\n",
		"\n",
		" 0 1\n",
		"kernel/modprobe 0 1\n",
		"net/core/bpf_jit_enable 0 1\n",
		"net/ipv6/conf/../../accept_ra 0 1\n",
		"net/ipv6/conf/a/b/accept_ra 0 1\n",
		"net/ipv6/conf/eth0/accept_ra/x 0 1\n",
		"net/ipv6/conf/"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaa/accept_ra 0 1\n",
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct sysctl_record *records = NULL;
		size_t count = 9;
		assert_int_equal(sysctl_parse(texts[i], &records, &count), ERR_MALFORMED);
		assert_null(records);
		assert_int_equal(count, 9);
	}
	char *many = malloc(SYSCTL_RECORDS_MAX + 2);
	assert_non_null(many);
	memset(many, '\n', SYSCTL_RECORDS_MAX + 1);
	many[SYSCTL_RECORDS_MAX + 1] = '\0';
	struct sysctl_record *records = NULL;
	size_t count = 0;
	assert_int_equal(sysctl_parse(many, &records, &count), ERR_LIMIT);
	free(many);
}

struct folder {
	char path[64], file[128];
};

static struct folder make_folder(void) {
	struct folder folder = {.path = "/tmp/umbra-sysctl-XXXXXX"};
	assert_non_null(mkdtemp(folder.path));
	(void)snprintf(folder.file, sizeof folder.file, "%s/sysctl.test", folder.path);
	return folder;
}

static void write_file(const struct folder *folder, const char *text) {
	FILE *stream = fopen(folder->file, "w");
	assert_non_null(stream);
	(void)fputs(text, stream);
	assert_int_equal(fclose(stream), 0);
}

/* Holding a value that is there already needs no rights, and leaves a file meanwhile. */
static void test_hold_and_release(void **state) {
	struct folder folder = make_folder();
	char problem[SYSCTL_PROBLEM_SIZE] = "", line[128];
	int32_t value = 0;
	assert_int_equal(sysctl_read(FORWARD, &value), ERR_OK);
	const struct sysctl_wish wishes[] = {
		{.key = FORWARD, .value = value},
		{.key = "net/ipv6/conf/no-such-link/accept_ra", .value = 2, .optional = true},
		{.key = "net/ipv4/conf/all/accept_redirects",
		 .value = 5,
		 .condition = FORWARD,
		 .only = value + 1},
	};
	for (int i = 0; i < 2; i++)
		assert_int_equal(sysctl_hold(folder.path, "test", wishes, 3, problem), ERR_OK);
	FILE *stream = fopen(folder.file, "r");
	assert_non_null(stream);
	assert_non_null(fgets(line, sizeof line, stream));
	assert_memory_equal(line, "umbra-sysctl-1 ", 15);
	assert_non_null(fgets(line, sizeof line, stream));
	assert_memory_equal(line, FORWARD, sizeof FORWARD - 1);
	assert_null(fgets(line, sizeof line, stream));
	assert_int_equal(fclose(stream), 0);
	assert_int_equal(sysctl_hold(folder.path, "test", NULL, 0, problem), ERR_OK);
	assert_int_equal(access(folder.file, F_OK), -1);
	assert_int_equal(rmdir(folder.path), 0);
}

/* A file that says nothing about here and now is forgotten, whatever it says. */
static void test_foreign_file(void **state) {
	static const char *const texts[] = {
		"umbra-sysctl-1 00000000-0000-0000-0000-000000000000 4026531840\n" FORWARD " 7 1\n",
		"garbage",
		"",
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct folder folder = make_folder();
		char problem[SYSCTL_PROBLEM_SIZE] = "";
		int32_t before = 0, after = 0;
		write_file(&folder, texts[i]);
		assert_int_equal(sysctl_read(FORWARD, &before), ERR_OK);
		assert_int_equal(sysctl_hold(folder.path, "test", NULL, 0, problem), ERR_OK);
		assert_int_equal(sysctl_read(FORWARD, &after), ERR_OK);
		assert_int_equal(before, after);
		assert_int_equal(access(folder.file, F_OK), -1);
		assert_int_equal(rmdir(folder.path), 0);
	}
}

static void test_problems(void **state) {
	char problem[SYSCTL_PROBLEM_SIZE] = "";
	int32_t value = 0;
	/* Nothing to put back in a folder that does not exist. */
	assert_int_equal(sysctl_hold("/nonexistent", "test", NULL, 0, problem), ERR_OK);
	assert_int_equal(sysctl_read(FORWARD, &value), ERR_OK);
	const struct sysctl_wish wish = {.key = FORWARD, .value = value};
	assert_int_equal(sysctl_hold("/nonexistent", "test", &wish, 1, problem), ERR_NOT_FOUND);
	assert_string_equal(problem, "/nonexistent/sysctl.test: not found");
	const struct sysctl_wish stranger = {.key = "kernel/pid_max", .value = 1};
	assert_int_equal(sysctl_hold("/tmp", "test", &stranger, 1, problem), ERR_INVALID);
	const struct sysctl_wish missing = {.key = "net/ipv6/conf/no-such-link/accept_ra", .value = 2};
	assert_int_equal(sysctl_hold("/nonexistent", "test", &missing, 1, problem), ERR_NOT_FOUND);
	assert_string_equal(problem, "net/ipv6/conf/no-such-link/accept_ra: not found");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),          cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses), cmocka_unit_test(test_hold_and_release),
		cmocka_unit_test(test_foreign_file),  cmocka_unit_test(test_problems),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
