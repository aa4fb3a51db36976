#pragma once

#include <stdlib.h>
#include <string.h>

#include "conf/config.h"

/* Loads configurations from texts. To be included after cmocka. */

#define KEY_A "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
#define KEY_B "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo="
#define KEY_C "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="

static inline struct config *loading_source(const struct config_source *source) {
	struct config *config = NULL;
	struct config_errors errors;
	enum err error = config_load(source, &config, &errors);
	if (error)
		fail_msg("%s: %s", err_text(error), errors.count > 0 ? errors.lines[0] : "no line");
	assert_int_equal(errors.count, 0);
	config_errors_done(&errors);
	return config;
}

static inline struct config *loading_good(const char *text) {
	return loading_source(&(struct config_source){
		.path = "/etc/umbra/umbra.yaml", .text = text, .text_size = strlen(text)});
}

/* The lines of what is refused, joined by line ends; to be freed. */
static inline char *loading_bad(const struct config_source *source) {
	struct config *config = NULL;
	struct config_errors errors;
	size_t size = 1;
	enum err error = config_load(source, &config, &errors);
	if (error != ERR_INVALID)
		fail_msg("%s, not refused: %s", err_name(error), source->text ? source->text : "");
	assert_null(config);
	assert_true(errors.count > 0 && errors.count <= CONFIG_ERRORS_MAX);
	for (size_t i = 0; i < errors.count; i++)
		size += strlen(errors.lines[i]) + 1;
	char *lines = calloc(1, size);
	assert_non_null(lines);
	for (size_t i = 0; i < errors.count; i++) {
		strcat(lines, i > 0 ? "\n" : "");
		strcat(lines, errors.lines[i]);
	}
	config_errors_done(&errors);
	return lines;
}

static inline void loading_refuses(const struct config_source *source, const char *lines) {
	char *found = loading_bad(source);
	assert_string_equal(found, lines);
	free(found);
}
