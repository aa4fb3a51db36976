#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "conf/schema.h"

/* Lines that tell what is wrong with a configuration. To be included after cmocka. */

/* Whether a line tells of a wrong value at the path, whose stars stand for any word. */
static inline bool wrong_values_tell_of(const char *line, size_t size, const char *path) {
	char text[1024], rest[SCHEMA_PATH_SIZE + sizeof ":"];
	assert_true(size < sizeof text);
	memcpy(text, line, size);
	text[size] = '\0';
	(void)snprintf(rest, sizeof rest, "%s:", path);
	const char *at = strstr(text, ": ");
	at = at ? at + 2 : text;
	for (char *part = rest; part && at; part = part ? part + 1 : NULL) {
		char *star = strchr(part, '*');
		size_t before = star ? (size_t)(star - part) : strlen(part);
		if (strncmp(at, part, before) != 0)
			return false;
		at = star ? strpbrk(at + before, ".:") : at + before;
		part = star;
	}
	return at && !strstr(at, "missing") && !strstr(at, "of no use");
}

/* Whether one of the lines tells of a wrong value at the path. */
static inline bool wrong_values_have(const char *lines, const char *path) {
	for (const char *line = lines; *line;) {
		size_t size = strcspn(line, "\n");
		if (wrong_values_tell_of(line, size, path))
			return true;
		line += size + (line[size] != '\0');
	}
	return false;
}
