#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/uapi.h"

/* Lines of set and get operations whose value is a list of words, with commas between them. */

struct device_word {
	const char *name;
	uint8_t value;
};

/*
 * Of count words each once at most, and one at least: ERR_INVALID. There is room for count values;
 * they may have been written when it fails.
 */
enum err device_words_parse(const char *text, const struct device_word *words, size_t count,
							uint8_t *out_values, size_t *out_count);

/* Behind those that the text has, which begins as "". */
void device_words_add(char text[static UAPI_TEXT_MAX], const char *word);

/* A line with the words of the values, in their order. */
void device_words_put(const struct device_word *words, size_t count, const uint8_t *values,
					  size_t value_count, const char *key, struct uapi_text *out_text);
