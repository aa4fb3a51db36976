#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "conf/both_kinds.h"
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

static const char expected[] =
	"tunnels:\n"
	"  um0: { private_key_file: keys/um0.key, peers: [{ public_key: " KEY_A " }] }\n"
	"  web:\n"
	"    protocol: phantom\n"
	"    role: server\n"
	"    listen: 443\n"
	"    private_key_file: keys/streams.key\n"
	"    tls: { certificate_file: tls/web.pem, key_file: tls/web.key }\n"
	"    clients: { endpoint: \"vpn.example.org:443\" }\n"
	"    peers: [{ public_key: " KEY_A " }]\n"
	"  out:\n"
	"    protocol: phantom\n"
	"    role: client\n"
	"    private_key_file: keys/streams.key\n"
	"    proxy: { listen: 1080 }\n"
	"    peers: [{ public_key: " KEY_A ", endpoint: \"vpn.example.org:443\" }]\n";

/* The example is a configuration, and says the defaults and what has to be there. */
static void test_the_example_loads(void **state) {
	char *text = reference(CONFIG_REFERENCE_YAML);
	struct config *config = loading_good(text), *plain = loading_good(expected);
	same_config(config, plain);
	config_free(config);
	config_free(plain);
	free(text);
}

/* Each key of streams stands in it, as a value or an example. */
static void find_line(void *context, const struct schema_row *row, const char *path,
					  unsigned depth) {
	char line[SCHEMA_PATH_SIZE], example[SCHEMA_PATH_SIZE];
	if (schema_kinds(row) & SCHEMA_OF_PACKETS && strncmp(path, "tunnels.*.streams.", 18) != 0 &&
		!strstr(path, "users") && !strstr(path, "forwards"))
		return;
	(void)snprintf(line, sizeof line, " %s:", row->key);
	(void)snprintf(example, sizeof example, "# %s:", row->key);
	const char *streams = strstr(context, "\n  web:\n");
	assert_non_null(streams);
	if (!strstr(streams, line) && !strstr(streams, example))
		fail_msg("no %s", path);
}

static void test_streams_are_in_the_example(void **state) {
	char *text = reference(CONFIG_REFERENCE_YAML);
	schema_walk(&schema_root, find_line, text);
	/* What the first tunnel has is not said again. */
	const char *help = "# Largest packet of the interface";
	char *first = strstr(text, help);
	assert_non_null(first);
	assert_null(strstr(first + 1, help));
	free(text);
}

/* An example that stands instead of another, or takes an interface. */
static bool is_alternative(const char *line) {
	static const char *const keys[] = {"# proxy: http", "# ca_file:", "# users:", "# forwards:"};
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (strncmp(line, keys[i], strlen(keys[i])) == 0)
			return true;
	return false;
}

/* With the examples in place of the comments as well. */
static void test_every_example_loads(void **state) {
	char *text = reference(CONFIG_REFERENCE_YAML), *all = calloc(1, strlen(text) + 1), *rest;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *start = line + strspn(line, " ");
		size_t key = strspn(start + 2, "abcdefghijklmnopqrstuvwxyz_");
		bool example = strncmp(start, "# ", 2) == 0 && key > 0 &&
					   strncmp(start + 2 + key, ": ", 2) == 0 && strncmp(start, "# auto", 6) != 0;
		if (example && !is_alternative(start))
			memmove(start, start + 2, strlen(start + 2) + 1);
		if (strncmp(start, "include: [tunnels/", 18) != 0) {
			strcat(all, line);
			strcat(all, "\n");
		}
	}
	struct config *config = loading_good(all);
	const struct config_tunnel *tunnel = &config->tunnels[0], *web = &config->tunnels[1];
	assert_string_equal(config->node.name, "gw1");
	assert_int_equal(tunnel->listen.port, 51820);
	assert_int_equal(tunnel->addresses.count, 2);
	assert_string_equal(tunnel->peers[0].name, "phone");
	assert_string_equal(tunnel->peers[0].endpoint.name, "vpn.example.org");
	assert_int_equal(tunnel->clients.dns_count, 1);
	assert_int_equal(web->policy.rules.count, 2);
	assert_int_equal(web->peers[0].rules.count, 1);
	assert_int_equal(config->tunnels[2].tls.pins.count, 1);
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
		cmocka_unit_test(test_streams_are_in_the_example),
		cmocka_unit_test(test_every_example_loads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
