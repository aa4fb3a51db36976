#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "conf/arena.h"
#include "conf/both_kinds.h"
#include "conf/schema.h"
#include "conf/value.h"

/* All that readers of rows rely on. */
static void check_row(void *context, const struct schema_row *row, const char *path,
					  unsigned depth) {
	char expected[VALUE_EXPECTED_SIZE];
	size_t size = strlen(row->help);
	bool items = row->type == SCHEMA_ITEMS;
	bool many = row->type == SCHEMA_GROUP || row->type == SCHEMA_TUNNELS ||
				row->type == SCHEMA_PEERS || items;
	assert_int_equal(row->size > 0, items);
	assert_int_equal(row->rows != NULL, many);
	assert_true(size > 0 && row->help[size - 1] == '.');
	assert_true(strlen(path) + 1 < SCHEMA_PATH_SIZE);
	if (row->type == SCHEMA_WORD || row->type == SCHEMA_INDEX)
		assert_non_null(row->choices[0]);
	/* The reference shows a default or an example. */
	if (!row->rows)
		assert_true(row->example || (schema_standard(row) && schema_standard(row)[0]));
	if (!row->rows && !(row->flags & (SCHEMA_REQUIRED | SCHEMA_NEEDED)))
		assert_true(row->absent || schema_standard(row));
	value_expected(row, expected);
	assert_true(strlen(expected) > 0 && strlen(expected) < sizeof expected - 1);
	if (row->rows) {
		size_t rows = 0;
		while (row->rows[rows].key)
			rows++;
		assert_true(rows > 0 && rows < 64); /* a bit each when they are read */
	}
	(*(size_t *)context)++;
}

static void test_rows_are_whole(void **state) {
	size_t count = 0;
	schema_walk(&schema_root, check_row, &count);
	assert_true(count > 40);
}

/* Each default is a value that its row accepts. */
static void check_standard(void *context, const struct schema_row *row, const char *path,
						   unsigned depth) {
	struct value_reader *reader = context;
	uint64_t member[8] = {0};
	if (row->rows || !schema_standard(row))
		return;
	value_set_standard(reader, row, member);
	assert_int_equal(reader->errors->count, 0);
	assert_true(value_is_present(row, member));
}

static void test_defaults_are_good(void **state) {
	struct arena memory = {0};
	struct config_errors errors = {0};
	struct value_reader reader = {.memory = &memory, .errors = &errors, .prefixes_left = 1};
	schema_walk(&schema_root, check_standard, &reader);
	arena_done(&memory);
}

static const struct schema_row *tunnel_group(void) {
	return schema_find(&schema_root, "tunnels", strlen("tunnels"));
}

static void test_find(void **state) {
	assert_non_null(tunnel_group());
	assert_null(schema_find(&schema_root, "tunnel", strlen("tunnel")));
	assert_null(schema_find(&schema_root, "tunnelss", strlen("tunnelss")));
	assert_null(schema_find(&schema_root, "", 0));
	assert_string_equal(schema_find(tunnel_group(), "mtu.x", 3)->key, "mtu");
}

static void test_hints(void **state) {
	static const struct {
		const char *key, *hint;
	} rows[] = {
		{"mut", "did you mean mtu?"},
		{"Mtu", "did you mean mtu?"},
		{"listne", "did you mean listen?"},
		{"prot", "did you mean protocol?"},
		{"level", "did you mean node.log.level?"},
		{"allowed_ips", "did you mean tunnels.*.peers.*.allowed_ips?"},
		{"role_", "did you mean role?"},
		{"pins", "did you mean tunnels.*.tls.pins?"},
		{"xyz", "protocol, role, autostart, listen, private_key_file, addresses, mtu, fwmark, "
				"masquerade, forward, kill_switch, allow_lan, routes, dns, peers, clients, tls, "
				"decoy, streams, policy, proxy or forwards"},
	};
	char hint[SCHEMA_HINT_SIZE];
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		schema_hint(tunnel_group(), rows[i].key, hint);
		assert_string_equal(hint, rows[i].hint);
	}
	char key[300] = "";
	memset(key, 'x', sizeof key - 1);
	schema_hint(&schema_root, key, hint);
	assert_string_equal(hint, "include, node, control or tunnels");
}

static void test_names(void **state) {
	static const char *const tunnels[] = {"a", "um0", "0", "a.b", "a_b-c.d", "abcdefghijklmno"};
	static const char *const no_tunnels[] = {"",
											 ".",
											 "..",
											 "-a",
											 "_a",
											 "a b",
											 "a/b",
											 "lo",
											 "all",
											 "default",
											 "abcdefghijklmnop",
											 "\xc3\xbc",
											 "a\n"};
	static const char *const labels[] = {"a", "A b", "a@b.c", "0_-.@ x", "lo"};
	static const char *const no_labels[] = {"", " a", ".", "@", "a/b", "a\tb", "a:b"};
	for (size_t i = 0; i < sizeof tunnels / sizeof tunnels[0]; i++)
		assert_true(value_is_tunnel_name(tunnels[i]));
	for (size_t i = 0; i < sizeof no_tunnels / sizeof no_tunnels[0]; i++)
		assert_false(value_is_tunnel_name(no_tunnels[i]));
	for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
		assert_true(value_is_label(labels[i]));
	for (size_t i = 0; i < sizeof no_labels / sizeof no_labels[0]; i++)
		assert_false(value_is_label(no_labels[i]));
	char label[CONFIG_LABEL_MAX + 2] = "";
	memset(label, 'x', CONFIG_LABEL_MAX);
	assert_true(value_is_label(label));
	label[CONFIG_LABEL_MAX] = 'x';
	assert_false(value_is_label(label));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_whole), cmocka_unit_test(test_defaults_are_good),
		cmocka_unit_test(test_find),           cmocka_unit_test(test_hints),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
