#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/capture.h"
#include "cli/commands.h"

/* The first of RFC 7748 section 6.1, the second with bytes from 1 to 32. */
#define ALICE "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo="
#define ALICE_PUBLIC "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n"
#define COUNT "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
#define COUNT_PUBLIC "B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHw=\n"

typedef int (*run_function)(const struct streams *streams, int count, char **arguments);

static int run(run_function function, const char *input, struct capture *capture) {
	capture_init(capture, input);
	int status = function(&capture->streams, 0, NULL);
	capture_done(capture);
	return status;
}

static void test_pubkey_of_known_keys(void **state) {
	static const char *const known[][2] = {
		{ALICE, ALICE_PUBLIC},
		{ALICE "\n", ALICE_PUBLIC},
		{ALICE "\r\n", ALICE_PUBLIC},
		{COUNT "\n", COUNT_PUBLIC},
	};
	struct capture capture;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		assert_int_equal(run(pubkey_run, known[i][0], &capture), STATUS_OK);
		assert_string_equal(capture.output, known[i][1]);
		assert_string_equal(capture.error, "");
	}
}

static void test_pubkey_says_what_is_wrong(void **state) {
	static const char *const wrong[][2] = {
		{"", "there is no key"},
		{"\n", "there is no key"},
		{"\r\n", "there is no key"},
		{"AQIDBAUG\n", "ends after 8 characters; a key has 44"},
		{"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA", "ends after 43 characters"},
		{COUNT "\n\n", "something behind"},
		{COUNT " ", "something behind"},
		{COUNT "=", "something behind"},
		{COUNT "\r", "something behind"},
		{COUNT "\n" COUNT "\n", "something behind"},
		{" " COUNT, "something behind"},
		{"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyB=", "not the base64"}, /* not canonical */
		{"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAA", "not the base64"}, /* 33 bytes */
		{"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHy==", "not the base64"}, /* 31 bytes */
		{"AQIDBAUGBwgJCgsMDQ4PEBES-xQVFhcYGRobHB0eHyA=", "not the base64"},
		{"AQIDBAUGBwgJCgsMDQ4PEBES\nxQVFhcYGRobHB0eHyA=", "not the base64"},
	};
	struct capture capture;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_int_equal(run(pubkey_run, wrong[i][0], &capture), STATUS_FAILED);
		assert_string_equal(capture.output, "");
		assert_int_equal(strncmp(capture.error, "umbra: pubkey: ", 15), 0);
		assert_non_null(strstr(capture.error, wrong[i][1]));
		/* No part of a key is repeated. */
		assert_null(strstr(capture.error, "AQID"));
	}
}

static void test_pubkey_reads_pieces(void **state) {
	/* Each write to such a pipe is a read of its own. */
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_DIRECT), 0);
	assert_int_equal(write(ends[1], COUNT "\n", 10), 10);
	assert_int_equal(write(ends[1], &COUNT[10], 30), 30);
	assert_int_equal(write(ends[1], &(COUNT "\n")[40], 5), 5);
	assert_int_equal(close(ends[1]), 0);
	struct capture capture;
	capture_init(&capture, "");
	(void)close(capture.streams.input);
	capture.streams.input = ends[0];
	assert_int_equal(pubkey_run(&capture.streams, 0, NULL), STATUS_OK);
	capture_done(&capture);
	assert_string_equal(capture.output, COUNT_PUBLIC);
}

static void test_pubkey_cannot_read(void **state) {
	struct capture capture;
	capture_init(&capture, "");
	(void)close(capture.streams.input);
	capture.streams.input = open("/", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	assert_int_equal(pubkey_run(&capture.streams, 0, NULL), STATUS_FAILED);
	capture_done(&capture);
	assert_string_equal(capture.output, "");
	assert_non_null(strstr(capture.error, "cannot read standard input: Is a directory"));
}

static void decode_line(const char *line, uint8_t out_key[static TEXT_KEY_SIZE]) {
	assert_int_equal(strlen(line), TEXT_KEY_BASE64_SIZE);
	assert_int_equal(line[TEXT_KEY_BASE64_SIZE - 1], '\n');
	assert_int_equal(text_key_decode(line, TEXT_KEY_BASE64_SIZE - 1, out_key), ERR_OK);
}

static void test_generated_keys(void **state) {
	/* In 64 keys every bit is seen as 0 and as 1, but for those that clamping sets. */
	uint8_t all[2][TEXT_KEY_SIZE], any[2][TEXT_KEY_SIZE] = {0};
	memset(all, 0xff, sizeof all);
	for (unsigned i = 0; i < 64; i++) {
		struct capture capture;
		uint8_t key[TEXT_KEY_SIZE];
		for (size_t j = 0; j < 2; j++) {
			assert_int_equal(run(j == 0 ? genkey_run : genpsk_run, "", &capture), STATUS_OK);
			assert_string_equal(capture.error, "");
			decode_line(capture.output, key);
			for (size_t k = 0; k < TEXT_KEY_SIZE; k++) {
				all[j][k] &= key[k];
				any[j][k] |= key[k];
			}
		}
	}
	for (size_t i = 0; i < TEXT_KEY_SIZE; i++) {
		assert_int_equal(all[0][i], i == 31 ? 0x40 : 0);
		assert_int_equal(any[0][i], i == 31 ? 0x7f : i == 0 ? 0xf8 : 0xff);
		assert_int_equal(all[1][i], 0);
		assert_int_equal(any[1][i], 0xff);
	}
}

static void test_secrets_in_public_files(void **state) {
	static const run_function functions[] = {genkey_run, genpsk_run};
	static const struct {
		mode_t mode;
		bool warns;
	} modes[] = {{0600, false}, {0660, false}, {0644, true}, {0602, true}, {0601, true}};
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
		for (size_t j = 0; j < 2; j++) {
			struct capture capture;
			capture_init(&capture, "");
			assert_int_equal(fchmod(capture.streams.output, modes[i].mode), 0);
			assert_int_equal(functions[j](&capture.streams, 0, NULL), STATUS_OK);
			capture_done(&capture);
			assert_int_equal(strlen(capture.output), TEXT_KEY_BASE64_SIZE);
			if (modes[i].warns)
				assert_non_null(strstr(capture.error, "warning: other users"));
			else
				assert_string_equal(capture.error, "");
		}
	/* A public key may be where everybody reads it. */
	struct capture capture;
	capture_init(&capture, COUNT);
	assert_int_equal(fchmod(capture.streams.output, 0644), 0);
	assert_int_equal(pubkey_run(&capture.streams, 0, NULL), STATUS_OK);
	capture_done(&capture);
	assert_string_equal(capture.error, "");
}

static void test_full_disk(void **state) {
	static const run_function functions[] = {genkey_run, genpsk_run, pubkey_run, version_run};
	for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
		struct capture capture;
		capture_init(&capture, COUNT);
		(void)close(capture.streams.output);
		capture.streams.output = open("/dev/full", O_WRONLY | O_CLOEXEC);
		assert_int_equal(functions[i](&capture.streams, 0, NULL), STATUS_FAILED);
		capture_done(&capture);
		assert_string_equal(capture.error,
							"umbra: cannot write the output: No space left on device\n");
	}
}

static void test_arguments_are_refused(void **state) {
	static const struct {
		run_function function;
		const char *name;
	} commands[] = {{genkey_run, "genkey"},
					{genpsk_run, "genpsk"},
					{pubkey_run, "pubkey"},
					{version_run, "version"}};
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		char key[] = COUNT, option[] = "--frobnicate";
		char *arguments[] = {key, option};
		char expected[128];
		struct capture capture;
		capture_init(&capture, COUNT);
		assert_int_equal(commands[i].function(&capture.streams, 2, arguments), STATUS_USAGE);
		capture_done(&capture);
		assert_string_equal(capture.output, "");
		(void)snprintf(expected, sizeof expected, "umbra: %s: too many arguments",
					   commands[i].name);
		assert_non_null(strstr(capture.error, expected));
		assert_null(strstr(capture.error, "AQID")); /* a key in the wrong place */

		capture_init(&capture, COUNT);
		assert_int_equal(commands[i].function(&capture.streams, 1, &arguments[1]), STATUS_USAGE);
		capture_done(&capture);
		assert_string_equal(capture.output, "");
		(void)snprintf(expected, sizeof expected, "umbra: %s: unknown option '--frobnicate'",
					   commands[i].name);
		assert_non_null(strstr(capture.error, expected));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pubkey_of_known_keys),
		cmocka_unit_test(test_pubkey_says_what_is_wrong),
		cmocka_unit_test(test_pubkey_reads_pieces),
		cmocka_unit_test(test_pubkey_cannot_read),
		cmocka_unit_test(test_generated_keys),
		cmocka_unit_test(test_secrets_in_public_files),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_arguments_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
