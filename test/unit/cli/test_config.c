#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/capture.h"
#include "cli/config.h"
#include "conf/folder.h"

#define KEY "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="

enum { ARGUMENTS_MAX = 16 };

/* The words behind the command's name; each is a copy, as commands cut them. */
static int run(int (*function)(const struct streams *streams, int count, char **arguments),
			   struct capture *capture, const char *words) {
	char text[512], *arguments[ARGUMENTS_MAX], *rest;
	int count = 0;
	(void)snprintf(text, sizeof text, "%s", words);
	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		arguments[count++] = word;
	capture_init(capture, "");
	int status = function(&capture->streams, count, arguments);
	capture_done(capture);
	return status;
}

static int run_config(const char *name, struct capture *capture, const char *words) {
	const struct command *command = command_find(config_commands, name);
	assert_non_null(command);
	return run(command->run, capture, words);
}

static void write_good(void) {
	folder_write("umbra.yaml", 0644,
				 "tunnels:\n"
				 "  um0:\n"
				 "    private_key_file: um0.key\n"
				 "    peers: [{ public_key: " KEY " }]\n"
				 "  um1: { private_key_file: um0.key }\n");
	folder_write("um0.key", 0600, KEY "\n");
}

static void test_check_of_a_good_one(void **state) {
	struct capture capture;
	write_good();
	assert_int_equal(run(check_run, &capture, "-c umbra.yaml"), STATUS_OK);
	assert_string_equal(capture.output, "umbra.yaml: good: 2 tunnels, 1 peer\n");
	assert_string_equal(capture.error, "");
	assert_int_equal(run(check_run, &capture,
						 "--set tunnels.um0.mtu=1280 --config=umbra.yaml "
						 "--set=node.name=gw=1"),
					 STATUS_FAILED);
	assert_string_equal(capture.output, "");
	assert_string_equal(capture.error,
						"--set node.name: \"gw=1\" is no name; 1 to 63 letters, digits, spaces and "
						"_.@-, beginning with a letter or digit\n");
}

static void test_check_reads_key_files(void **state) {
	struct capture capture;
	write_good();
	folder_write("um0.key", 0644, KEY "\n");
	assert_int_equal(run(check_run, &capture, "-c umbra.yaml"), STATUS_FAILED);
	assert_string_equal(capture.output, "");
	assert_non_null(strstr(capture.error, "umbra.yaml:3: tunnels.um0.private_key_file: "));
	assert_non_null(strstr(capture.error, "umbra.yaml:5: tunnels.um1.private_key_file: "));
	assert_null(strstr(capture.error, KEY));
	assert_int_equal(run_config("dump", &capture, "-c umbra.yaml"), STATUS_OK);
}

static void test_check_tells_that_there_are_more(void **state) {
	struct capture capture;
	char text[512] = "";
	for (char letter = 'a'; letter <= 'z'; letter++)
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "x%c: 1\n", letter);
	folder_write("umbra.yaml", 0644, text);
	assert_int_equal(run(check_run, &capture, "-c umbra.yaml"), STATUS_FAILED);
	assert_non_null(strstr(capture.error, "\numbra.yaml:20: xt: unknown key"));
	assert_null(strstr(capture.error, "umbra.yaml:21"));
	assert_non_null(
		strstr(capture.error, "\numbra: check: there are more faults; these are the first\n"));
}

static void test_dump(void **state) {
	struct capture capture, again;
	write_good();
	assert_int_equal(run_config("dump", &capture, "-c umbra.yaml --set tunnels.um1.mtu=1300"),
					 STATUS_OK);
	assert_non_null(strstr(capture.output, "    mtu: 1300\n"));
	assert_non_null(strstr(capture.output, "state_dir: \"/var/lib/umbra\"\n"));
	assert_string_equal(capture.error, "");
	folder_write("dump.yaml", 0644, capture.output);
	assert_int_equal(run_config("dump", &again, "-c dump.yaml"), STATUS_OK);
	assert_string_equal(again.output, capture.output);
	assert_int_equal(run_config("dump", &capture, "-c absent.yaml"), STATUS_FAILED);
	assert_string_equal(capture.output, "");
	assert_string_equal(capture.error, "absent.yaml: cannot be opened: No such file or directory; "
									   "\"umbra init server\" or \"umbra init client\" makes one, "
									   "-c names another\n");
}

static void test_reference(void **state) {
	static const char *const rows[][2] = {
		{"", "include\n    Further files"},
		{"--yaml", "# Further files"},
		{"--man", ".SH KEYS\n.TP\n"},
	};
	struct capture capture;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(run_config("reference", &capture, rows[i][0]), STATUS_OK);
		assert_memory_equal(capture.output, rows[i][1], strlen(rows[i][1]));
		assert_string_equal(capture.error, "");
	}
	assert_int_equal(run_config("reference", &capture, "--yaml --man"), STATUS_USAGE);
	assert_string_equal(capture.output, "");
}

static void test_wrong_command_lines(void **state) {
	static const char *const wrong[] = {"umbra.yaml", "-c",         "--set",
										"--set mtu",  "--set =1",   "--sets=a=1",
										"-c a -c b",  "-- a --set", "-c a --set"};
	struct capture capture;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_int_equal(run(check_run, &capture, wrong[i]), STATUS_USAGE);
		assert_string_equal(capture.output, "");
		assert_true(strncmp(capture.error, "umbra: check: ", 14) == 0);
	}
}

#define FOLDER_TEST(function) cmocka_unit_test_setup_teardown(function, folder_enter, folder_leave)

int main(void) {
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(test_check_of_a_good_one),
		FOLDER_TEST(test_check_reads_key_files),
		FOLDER_TEST(test_check_tells_that_there_are_more),
		FOLDER_TEST(test_dump),
		cmocka_unit_test(test_reference),
		cmocka_unit_test(test_wrong_command_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
