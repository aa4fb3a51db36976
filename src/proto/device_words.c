#include "proto/device_words.h"

#include <string.h>

enum err device_words_parse(const char *text, const struct device_word *words, size_t count,
							uint8_t *out_values, size_t *out_count) {
	size_t found = 0;
	for (;; text++) {
		const size_t size = strcspn(text, ",");
		size_t i = 0;
		while (i < count &&
			   (strlen(words[i].name) != size || memcmp(words[i].name, text, size) != 0))
			i++;
		if (i == count || memchr(out_values, words[i].value, found))
			return ERR_INVALID;
		out_values[found++] = words[i].value;
		text += size;
		if (*text == '\0')
			break;
	}
	*out_count = found;
	return ERR_OK;
}

void device_words_add(char text[static UAPI_TEXT_MAX], const char *word) {
	if (text[0] != '\0')
		strcat(text, ",");
	strcat(text, word);
}

void device_words_put(const struct device_word *words, size_t count, const uint8_t *values,
					  size_t value_count, const char *key, struct uapi_text *out_text) {
	char text[UAPI_TEXT_MAX] = "";
	for (size_t i = 0; i < value_count; i++)
		for (size_t j = 0; j < count; j++)
			if (words[j].value == values[i])
				device_words_add(text, words[j].name);
	uapi_put_text(out_text, key, text);
}
