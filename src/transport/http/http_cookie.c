#include "transport/http/http_cookie.h"

#include <stdbool.h>
#include <string.h>

static struct slice trimmed(struct slice text) {
	while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
		text = slice_of(text.data + 1, text.size - 1);
	while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
		text.size--;
	return text;
}

/* Cuts what stands before the next ';' off the front. */
static struct slice next_part(struct slice *rest) {
	const uint8_t *end = rest->size > 0 ? memchr(rest->data, ';', rest->size) : NULL;
	size_t size = end ? (size_t)(end - rest->data) : rest->size;
	struct slice part = slice_of(rest->data, size);
	*rest = end ? slice_of(end + 1, rest->size - size - 1) : slice_of(NULL, 0);
	return trimmed(part);
}

static bool is_named(struct slice part, const char *name, struct slice *out_value) {
	const uint8_t *equals = part.size > 0 ? memchr(part.data, '=', part.size) : NULL;
	size_t name_size = strlen(name);
	if (!equals)
		return false;
	struct slice before = trimmed(slice_of(part.data, (size_t)(equals - part.data)));
	if (before.size != name_size || memcmp(before.data, name, name_size) != 0)
		return false;
	*out_value = trimmed(slice_of(equals + 1, part.size - (size_t)(equals - part.data) - 1));
	return true;
}

enum err http_cookie_find(struct slice field, const char *name, struct slice *out_value) {
	struct slice value = {.size = 0}, other;
	bool found = false;
	while (field.size > 0) {
		struct slice part = next_part(&field);
		if (!is_named(part, name, found ? &other : &value))
			continue;
		if (found)
			return ERR_MALFORMED;
		found = true;
	}
	if (!found)
		return ERR_NOT_FOUND;
	*out_value = value;
	return ERR_OK;
}

enum err http_cookie_find_set(struct slice field, const char *name, struct slice *out_value) {
	struct slice value, part = next_part(&field);
	if (!is_named(part, name, &value))
		return ERR_NOT_FOUND;
	*out_value = value;
	return ERR_OK;
}
