#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "conf/config_same.h"
#include "conf/loading.h"
#include "conf/schema.h"

static char *reference(enum config_reference form) {
	char *text;
	size_t size;
	assert_int_equal(config_reference(form, &text, &size), ERR_OK);
	assert_int_equal(strlen(text), size);
	return text;
}

struct search {
	const char *text, *before, *behind;
	size_t rows;
};

static void find_row(void *context, const struct schema_row *row, const char *path,
					 unsigned depth) {
	struct search *search = context;
	char line[SCHEMA_PATH_SIZE + 16];
	(void)snprintf(line, sizeof line, "%s%s%s", search->before, path, search->behind);
	if (!strstr(search->text, line))
		fail_msg("no %s", path);
	search->rows++;
}

static void test_every_key_is_in_text_and_manual(void **state) {
	char *text = reference(CONFIG_REFERENCE_TEXT), *manual = reference(CONFIG_REFERENCE_MAN);
	struct search in_text = {.text = text, .before = "", .behind = "\n    "};
	struct search in_manual = {.text = manual, .before = ".TP\n.B ", .behind = "\n"};
	schema_walk(&schema_root, find_row, &in_text);
	schema_walk(&schema_root, find_row, &in_manual);
	assert_true(in_text.rows >= 40);
	free(text);
	free(manual);
}

static void test_texts_are_narrow(void **state) {
	char *text = reference(CONFIG_REFERENCE_YAML);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) <= 80);
	free(text);
}

/* Nothing in it is taken for a request, and each hyphen can be copied. */
static void test_the_manual_is_escaped(void **state) {
	char *text = reference(CONFIG_REFERENCE_MAN);
	assert_int_equal(strncmp(text, ".SH KEYS\n", 9), 0);
	for (const char *at = text; *at; at++) {
		if (*at == '-')
			assert_true(at > text && at[-1] == '\\');
		if (*at == '\\')
			assert_non_null(strchr("-e&(", at[1]));
		if (*at == '\n' && (at[1] == '.' || at[1] == '\''))
			assert_true(strncmp(at, "\n.TP\n", 5) == 0 || strncmp(at, "\n.B ", 4) == 0 ||
						strncmp(at, "\n.br\n", 5) == 0);
	}
	free(text);
}

/* The example is a configuration, and says the defaults. */
static void test_the_example_loads(void **state) {
	char *text = reference(CONFIG_REFERENCE_YAML);
	struct config *config = loading_good(text);
	struct config *plain = loading_good("tunnels: { um0: { private_key_file: keys/um0.key, peers: "
										"[{ public_key: " KEY_A " }] } }\n");
	same_config(config, plain);
	config_free(config);
	config_free(plain);
	free(text);
}

/* With the examples in place of the comments as well. */
static void test_every_example_loads(void **state) {
	char *text = reference(CONFIG_REFERENCE_YAML), *all = calloc(1, strlen(text) + 1), *rest;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *start = line + strspn(line, " ");
		size_t key = strspn(start + 2, "abcdefghijklmnopqrstuvwxyz_");
		bool example = strncmp(start, "# ", 2) == 0 && key > 0 &&
					   strncmp(start + 2 + key, ": ", 2) == 0 && strncmp(start, "# auto", 6) != 0;
		if (example)
			memmove(start, start + 2, strlen(start + 2) + 1);
		if (strncmp(start, "include: [tunnels/", 18) != 0) {
			strcat(all, line);
			strcat(all, "\n");
		}
	}
	struct config *config = loading_good(all);
	const struct config_tunnel *tunnel = &config->tunnels[0];
	assert_string_equal(config->node.name, "gw1");
	assert_int_equal(tunnel->listen.port, 51820);
	assert_int_equal(tunnel->addresses.count, 2);
	assert_string_equal(tunnel->peers[0].name, "phone");
	assert_string_equal(tunnel->peers[0].endpoint.name, "vpn.example.org");
	assert_int_equal(tunnel->clients.dns_count, 1);
	config_free(config);
	free(text);
	free(all);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key_is_in_text_and_manual),
		cmocka_unit_test(test_texts_are_narrow),
		cmocka_unit_test(test_the_manual_is_escaped),
		cmocka_unit_test(test_the_example_loads),
		cmocka_unit_test(test_every_example_loads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
