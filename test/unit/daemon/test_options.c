#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "daemon/options.h"

static const struct options_environment no_environment;

/* Splits words at blanks; the first is the program's name. */
static enum err parse(const char *line, const struct options_environment *environment,
					  struct options *out_options, char out_error[static OPTIONS_ERROR_SIZE]) {
	static char words[256];
	char *arguments[16] = {NULL}, *rest = NULL;
	int count = 0;
	assert_true(strlen(line) < sizeof words);
	strcpy(words, line);
	for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		arguments[count++] = word;
	return options_parse(count, arguments, environment, out_options, out_error);
}

static struct options parse_ok(const char *line, const struct options_environment *environment) {
	struct options options;
	char error[OPTIONS_ERROR_SIZE];
	assert_int_equal(parse(line, environment, &options, error), ERR_OK);
	return options;
}

static void assert_refused(const char *line, const struct options_environment *environment,
						   const char *part) {
	struct options options, before;
	char error[OPTIONS_ERROR_SIZE] = "";
	memset(&options, 0x5a, sizeof options);
	memcpy(&before, &options, sizeof options);
	assert_int_equal(parse(line, environment, &options, error), ERR_INVALID);
	assert_non_null(strstr(error, part));
	assert_memory_equal(&options, &before, sizeof options);
}

static void test_defaults(void **state) {
	struct options options = parse_ok("umbra-wg wg0", &no_environment);
	assert_int_equal(options.action, OPTIONS_RUN);
	assert_string_equal(options.name, "wg0");
	assert_false(options.foreground);
	assert_int_equal(options.shards, 0);
	assert_string_equal(options.aead, "auto");
	assert_int_equal(options.no_offload, 0);
	assert_int_equal(options.log_level, LOG_ERROR);
}

static void test_all_options(void **state) {
	struct options options = parse_ok(
		"umbra-wg --shards=3 -f --aead openssl wg1 --no-offload=tun-udp,udp-send", &no_environment);
	assert_string_equal(options.name, "wg1");
	assert_true(options.foreground);
	assert_int_equal(options.shards, 3);
	assert_string_equal(options.aead, "openssl");
	assert_int_equal(options.no_offload, OPTIONS_TUN_UDP | OPTIONS_UDP_SEND);
	assert_true(parse_ok("umbra-wg --foreground wg1", &no_environment).foreground);
	assert_string_equal(parse_ok("umbra-wg -- -wg", &no_environment).name, "-wg");
}

static void test_actions_need_no_name(void **state) {
	assert_int_equal(parse_ok("umbra-wg --help", &no_environment).action, OPTIONS_HELP);
	assert_int_equal(parse_ok("umbra-wg -h", &no_environment).action, OPTIONS_HELP);
	assert_int_equal(parse_ok("umbra-wg --version", &no_environment).action, OPTIONS_VERSION);
}

static void test_environment(void **state) {
	const struct options_environment environment = {.foreground = "1",
													.log_level = "verbose",
													.shards = "4",
													.aead = "ipsec-mb",
													.no_offload = "tun,udp-receive"};
	struct options options = parse_ok("umbra-wg wg0", &environment);
	assert_true(options.foreground);
	assert_int_equal(options.log_level, LOG_DEBUG);
	assert_int_equal(options.shards, 4);
	assert_string_equal(options.aead, "ipsec-mb");
	assert_int_equal(options.no_offload, OPTIONS_TUN | OPTIONS_UDP_RECEIVE);
	options = parse_ok("umbra-wg --shards auto --aead=auto --no-offload= wg0", &environment);
	assert_int_equal(options.shards, 0);
	assert_string_equal(options.aead, "auto");
	assert_int_equal(options.no_offload, 0);
	const struct options_environment other = {
		.foreground = "0", .log_level = "nonsense", .shards = "", .aead = "", .no_offload = ""};
	options = parse_ok("umbra-wg wg0", &other);
	assert_false(options.foreground);
	assert_int_equal(options.log_level, LOG_ERROR);
	assert_int_equal(options.shards, 0);
}

static void test_refusals_tell_why(void **state) {
	assert_refused("umbra-wg", &no_environment, "name is needed");
	assert_refused("umbra-wg -f", &no_environment, "name is needed");
	assert_refused("umbra-wg a b", &no_environment, "one interface");
	assert_refused("umbra-wg sixteen-letters-", &no_environment, "sixteen-letters-");
	assert_refused("umbra-wg wg%d", &no_environment, "wg%d");
	assert_refused("umbra-wg -x wg0", &no_environment, "-x");
	assert_refused("umbra-wg --shardsx=1 wg0", &no_environment, "--shardsx=1");
	assert_refused("umbra-wg --shards=0 wg0", &no_environment, "--shards");
	assert_refused("umbra-wg --shards=17 wg0", &no_environment, "1 to 16");
	assert_refused("umbra-wg --shards=2x wg0", &no_environment, "2x");
	assert_refused("umbra-wg wg0 --shards", &no_environment, "needs a value");
	assert_refused("umbra-wg --aead=none wg0", &no_environment, "none");
	assert_refused("umbra-wg --no-offload=tun,nope wg0", &no_environment, "tun,nope");
	assert_refused("umbra-wg --no-offload=tun, wg0", &no_environment, "list of");
	assert_refused("umbra-wg --no-offload=tu wg0", &no_environment, "list of");
	const struct options_environment bad = {.shards = "many"};
	assert_refused("umbra-wg wg0", &bad, "UMBRA_SHARDS");
}

static void test_offloads_round_trip(void **state) {
	for (unsigned offloads = 0; offloads < 16; offloads++) {
		char text[OPTIONS_LIST_SIZE];
		unsigned parsed = ~0U;
		options_format_offloads(offloads, text);
		assert_int_equal(options_parse_offloads(text, &parsed), ERR_OK);
		assert_int_equal(parsed, offloads);
	}
}

static void test_automatic_shards(void **state) {
	const unsigned expected[][2] = {{0, 1}, {1, 1},  {2, 1},  {3, 1},
									{4, 2}, {15, 7}, {16, 8}, {128, 8}};
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
		assert_int_equal(options_automatic_shards(expected[i][0]), expected[i][1]);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all_options),
		cmocka_unit_test(test_actions_need_no_name),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_refusals_tell_why),
		cmocka_unit_test(test_offloads_round_trip),
		cmocka_unit_test(test_automatic_shards),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
