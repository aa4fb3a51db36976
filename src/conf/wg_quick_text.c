#include "conf/wg_quick_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/wipe.h"
#include "conf/wg_quick.h"

enum { PIECE_SIZE = 512, CAPACITY_MIN = 1024 };

void wg_quick_text_free(char *text, size_t size) {
	if (text)
		wipe(text, size);
	free(text);
}

/* Room for size bytes more and a NUL. */
static void reserve(struct wg_quick_text *text, size_t size) {
	size_t needed = text->size + size + 1;
	if (text->error || needed <= text->capacity)
		return;
	size_t capacity = text->capacity ? text->capacity : CAPACITY_MIN;
	while (capacity < needed)
		capacity *= 2;
	char *data = malloc(capacity);
	if (!data) {
		text->error = ERR_NO_MEMORY;
		return;
	}
	if (text->size > 0)
		memcpy(data, text->data, text->size);
	wg_quick_text_free(text->data, text->size);
	text->data = data;
	text->capacity = capacity;
}

static void add(struct wg_quick_text *text, const char *data, size_t size) {
	reserve(text, size);
	if (text->error)
		return;
	memcpy(text->data + text->size, data, size);
	text->size += size;
}

void wg_quick_text_add(struct wg_quick_text *text, const char *part) {
	add(text, part, strlen(part));
}

void wg_quick_text_format(struct wg_quick_text *text, const char *format, ...) {
	char piece[PIECE_SIZE];
	va_list arguments;
	va_start(arguments, format);
	int size = vsnprintf(piece, sizeof piece, format, arguments);
	va_end(arguments);
	if (size < 0 || (size_t)size >= sizeof piece)
		text->error = ERR_LIMIT;
	else
		add(text, piece, (size_t)size);
}

void wg_quick_text_key(struct wg_quick_text *text, const uint8_t key[static TEXT_KEY_SIZE]) {
	char encoded[TEXT_KEY_BASE64_SIZE];
	WIPE_ON_EXIT(encoded);
	text_key_encode(key, encoded);
	wg_quick_text_add(text, encoded);
}

void wg_quick_text_prefix(struct wg_quick_text *text, const struct prefix *prefix) {
	char piece[ADDRESS_TEXT_SIZE];
	prefix_format(prefix, piece);
	wg_quick_text_add(text, piece);
}

void wg_quick_text_address(struct wg_quick_text *text, const struct address *address) {
	char piece[ADDRESS_TEXT_SIZE];
	address_format(address, piece);
	wg_quick_text_add(text, piece);
}

void wg_quick_text_host(struct wg_quick_text *text, const struct config_host *host) {
	if (strchr(host->name, ':'))
		wg_quick_text_format(text, "[%s]:%u", host->name, host->port);
	else
		wg_quick_text_format(text, "%s:%u", host->name, host->port);
}

enum err wg_quick_text_take(struct wg_quick_text *text, char **out_text, size_t *out_size) {
	struct wg_quick_text taken = *text;
	*text = (struct wg_quick_text){0};
	if (!taken.data && !taken.error)
		reserve(&taken, 0);
	if (taken.error) {
		wg_quick_text_free(taken.data, taken.size);
		return taken.error;
	}
	taken.data[taken.size] = '\0';
	*out_text = taken.data;
	*out_size = taken.size;
	return ERR_OK;
}
