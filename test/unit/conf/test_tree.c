#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/tree.h"

static const struct tree_file file = {.name = "f", .directory = "/"};

static void refuses(const char *text, const char *line) {
	struct tree tree = {0};
	struct config_errors errors = {0};
	struct tree_node *root = NULL;
	assert_false(tree_parse(&tree, &file, text, strlen(text), &errors, &root));
	assert_null(root);
	assert_int_equal(errors.count, 1);
	assert_string_equal(errors.lines[0], line);
	config_errors_done(&errors);
	tree_done(&tree);
}

static void test_kinds_and_lines(void **state) {
	static const char text[] = "a: x\n"
							   "b:\n"
							   "  c: [1, 2,\n"
							   "      3]\n"
							   "  d:\n"
							   "  e: \"\"\n"
							   "f: |\n"
							   "  long\n";
	struct tree tree = {0};
	struct config_errors errors = {0};
	struct tree_node *root;
	assert_true(tree_parse(&tree, &file, text, sizeof text - 1, &errors, &root));
	assert_int_equal(root->kind, TREE_MAP);
	assert_int_equal(root->count, 3);
	assert_null(root->parent);
	const struct tree_node *a = tree_get(root, "a"), *b = tree_get(root, "b");
	assert_string_equal(a->text, "x");
	assert_int_equal(a->line, 1);
	assert_ptr_equal(b->parent, root);
	assert_int_equal(b->key_line, 2);
	const struct tree_node *c = tree_get(b, "c");
	assert_int_equal(c->kind, TREE_LIST);
	assert_int_equal(c->count, 3);
	assert_string_equal(c->last->text, "3");
	assert_int_equal(c->last->line, 4);
	assert_true(tree_get(b, "d")->empty);
	assert_int_equal(tree_get(b, "d")->line, 5);
	assert_false(tree_get(b, "e")->empty);
	assert_string_equal(tree_get(root, "f")->text, "long\n");
	assert_null(tree_get(root, "g"));
	assert_null(tree_get(a, "a"));
	assert_null(tree_get(NULL, "a"));
	tree_done(&tree);
}

static void test_byte_order_marks(void **state) {
	struct tree tree = {0};
	struct config_errors errors = {0};
	struct tree_node *root;
	assert_true(tree_parse(&tree, &file,
						   "\xef\xbb\xbf"
						   "a: x\n",
						   8, &errors, &root));
	assert_string_equal(tree_get(root, "a")->text, "x");
	assert_true(tree_parse(&tree, &file,
						   "\xff\xfe"
						   "a\0:\0 \0x\0",
						   10, &errors, &root));
	assert_string_equal(tree_get(root, "a")->text, "x");
	tree_done(&tree);
}

static void test_limits(void **state) {
	static char text[8192], line[128];
	for (int keys = TREE_KEYS_MAX; keys <= TREE_KEYS_MAX + 1; keys++) {
		text[0] = '\0';
		for (int i = 0; i < keys; i++)
			(void)snprintf(text + strlen(text), sizeof text - strlen(text), "k%d: 1\n", i);
		struct tree tree = {0};
		struct config_errors errors = {0};
		struct tree_node *root;
		if (keys == TREE_KEYS_MAX)
			assert_true(tree_parse(&tree, &file, text, strlen(text), &errors, &root));
		else
			refuses(text, "f:129: a map has more than 128 keys");
		tree_done(&tree);
	}
	memset(text, 'x', TREE_KEY_MAX + 1);
	strcpy(text + TREE_KEY_MAX + 1, ": 1\n");
	refuses(text, "f:1: a key is longer than 128 characters, or has a NUL");
	memset(text, 'x', TREE_TEXT_MAX + 4);
	memcpy(text, "a: ", 3);
	text[TREE_TEXT_MAX + 4] = '\0';
	(void)snprintf(line, sizeof line, "f:1: a: the value has %d characters; at most %d",
				   TREE_TEXT_MAX + 1, TREE_TEXT_MAX);
	refuses(text, line);
	refuses("a: [[[[[[[[[[[[[[[[[[[[", "f:1: maps and lists are nested deeper than 16 levels");
}

static void test_too_many_values(void **state) {
	size_t size = 2 * (TREE_NODES_MAX + 1);
	char *text = malloc(size + 1);
	assert_non_null(text);
	for (size_t i = 0; i < size; i++)
		text[i] = i % 2 ? '1' : ',';
	text[0] = '[';
	text[size] = '\0';
	/* The first is the list itself. */
	refuses(text, "f:1: more than 2097152 values");
	free(text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds_and_lines),
		cmocka_unit_test(test_byte_order_marks),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_too_many_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
