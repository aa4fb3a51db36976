#pragma once

/*
 * Include after cmocka.h: collections of test vectors, JSON in the folder that UMBRA_VECTORS names.
 * A test is skipped where it is absent.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

static inline json_t *vector_file_load(const char *name) {
	const char *folder = getenv("UMBRA_VECTORS");
	char path[4096];
	json_error_t error;
	(void)snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : ".", name);
	if (access(path, R_OK) != 0) {
		print_message("skipped: no %s\n", path);
		skip();
	}
	json_t *root = json_load_file(path, 0, &error);
	if (root == NULL)
		fail_msg("%s:%d: %s", path, error.line, error.text);
	return root;
}

static inline const char *vector_text(const json_t *object, const char *key) {
	const char *text = json_string_value(json_object_get(object, key));
	if (text == NULL)
		fail_msg("a vector lacks %s", key);
	return text;
}
