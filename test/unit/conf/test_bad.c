#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "conf/bad_table.h"
#include "conf/loading.h"
#include "conf/packets_only.h"

enum { ROWS = sizeof bad_rows / sizeof bad_rows[0] };

static struct config_source source_of(const char *text) {
	return (struct config_source){.path = "umbra.yaml", .text = text, .text_size = strlen(text)};
}

static void test_every_row_says_its_lines(void **state) {
	assert_true(ROWS >= 60);
	for (size_t i = 0; i < ROWS; i++) {
		const struct config_source source = source_of(bad_rows[i].text);
		loading_refuses(&source, bad_rows[i].lines);
	}
}

static void test_no_line_repeats_a_key(void **state) {
	static const char *const keys[] = {KEY_A, KEY_B, "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmp"};
	for (size_t i = 0; i < ROWS; i++)
		for (size_t j = 0; j < sizeof keys / sizeof keys[0]; j++)
			assert_null(strstr(bad_rows[i].lines, keys[j]));
}

/* Keys of all kinds, whole and cut, in every place where a value is repeated. */
static void test_keys_in_wrong_places_stay_secret(void **state) {
	static const char *const secrets[] = {
		KEY_B,
		"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo",
		"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ac177fba51db92c2a",
		"x-dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=-x",
	};
	static const char *const texts[] = {
		"node: { name: \"/%s\" }\n",
		"node: { shards: \"%s\" }\n",
		"node: { \"%s\": 1 }\n",
		"tunnels: { \"%s\": 1 }\n",
		"tunnels: { um0: { private_key_file: k, listen: \"%s\" } }\n",
		"tunnels: { um0: { private_key_file: k, addresses: [\"%s\"] } }\n",
		"tunnels: { um0: { private_key_file: k, peers: [{ name: \"%s\" }] } }\n",
		"tunnels: { um0: { private_key_file: k, peers: [{ public_key: \" %s\" }] } }\n",
		"tunnels: { um0: { private_key_file: k, peers: [{ endpoint: \"%s:1.\" }] } }\n",
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		for (size_t j = 0; j < sizeof secrets / sizeof secrets[0]; j++) {
			char text[256];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			(void)snprintf(text, sizeof text, texts[i], secrets[j]);
#pragma GCC diagnostic pop
			const struct config_source source = source_of(text);
			char *lines = loading_bad(&source);
			if (strstr(lines, "mRd9ML4f") || strstr(lines, "df4c2f87"))
				fail_msg("%s", lines);
			free(lines);
		}
	}
}

static void test_key_file_named_like_a_key(void **state) {
	static const char text[] = "tunnels: { um0: { private_key_file: " KEY_B " } }\n";
	struct config_source source = source_of(text);
	source.path = "/nonexistent/umbra.yaml";
	source.flags = CONFIG_SECRETS;
	loading_refuses(&source, "/nonexistent/umbra.yaml:1: tunnels.um0.private_key_file: the file "
							 "cannot be opened: No such file or directory; \"umbra genkey\" makes "
							 "a key");
}

static void test_at_most_twenty_lines(void **state) {
	char text[1024] = "node:\n";
	for (int i = 0; i < 30; i++)
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "  unknown%d: 1\n", i);
	const struct config_source source = source_of(text);
	struct config *config = NULL;
	struct config_errors errors;
	assert_int_equal(config_load(&source, &config, &errors), ERR_INVALID);
	assert_int_equal(errors.count, CONFIG_ERRORS_MAX);
	assert_true(errors.more);
	config_errors_done(&errors);
	assert_null(errors.lines);
}

static void test_many_tunnels(void **state) {
	static char text[16384];
	for (int count = CONFIG_TUNNELS_MAX; count <= CONFIG_TUNNELS_MAX + 1; count++) {
		strcpy(text, "tunnels:\n");
		for (int i = 0; i < count; i++)
			(void)snprintf(text + strlen(text), sizeof text - strlen(text),
						   "  um%d: { private_key_file: k }\n", i);
		const struct config_source source = source_of(text);
		if (count == CONFIG_TUNNELS_MAX)
			config_free(loading_source(&source));
		else
			loading_refuses(&source, "umbra.yaml:1: tunnels: 65 tunnels; at most 64");
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row_says_its_lines),
		cmocka_unit_test(test_no_line_repeats_a_key),
		cmocka_unit_test(test_keys_in_wrong_places_stay_secret),
		cmocka_unit_test(test_key_file_named_like_a_key),
		cmocka_unit_test(test_at_most_twenty_lines),
		cmocka_unit_test(test_many_tunnels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
