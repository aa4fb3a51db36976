#include "conf/fault.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/buffer.h"
#include "conf/tree.h"
#include "conf/utf8.h"

enum {
	SHOWN_MAX = 40, /* characters of a value that is repeated */
	MESSAGE_SIZE = 8192,
};

static bool is_base64(char character) {
	return (character >= 'A' && character <= 'Z') || (character >= 'a' && character <= 'z') ||
		   (character >= '0' && character <= '9') || character == '+' || character == '/';
}

/* Anything that might be 32 bytes in base64 or hexadecimal, also one without its end. */
static bool is_like_key(const char *text) {
	size_t run = 0, size = strlen(text);
	for (size_t i = 0; i < size; i++) {
		run = is_base64(text[i]) ? run + 1 : 0;
		if (text[i] == '=' && i >= TEXT_KEY_BASE64_SIZE - 2) {
			size_t back = 0;
			while (back < TEXT_KEY_BASE64_SIZE - 2 && is_base64(text[i - 1 - back]))
				back++;
			if (back == TEXT_KEY_BASE64_SIZE - 2)
				return true;
		}
	}
	if (size >= 42 && size <= 45 && run >= size - 1)
		return true;
	size_t digits = strspn(text, "0123456789abcdefABCDEF");
	return digits >= 2 * TEXT_KEY_SIZE;
}

/* Adds text without what moves a cursor: control characters of ASCII and of ISO 8859. */
static void add_plain(struct buffer *buffer, const char *text) {
	while (*text) {
		uint32_t point;
		size_t size = utf8_next(text, &point);
		if (size == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0))
			buffer_text(buffer, "?");
		else
			buffer_add(buffer, text, size);
		text += size ? size : 1;
	}
}

static void add_part(struct buffer *buffer, const char *text) {
	if (strlen(text) > SHOWN_MAX || is_like_key(text))
		buffer_text(buffer, "...");
	else
		add_plain(buffer, text);
}

/* An item is named by its "name", or by its number in the list. */
static void add_item(struct buffer *buffer, const struct tree_node *item) {
	const struct tree_node *name = tree_get(item, "name");
	if (name && name->kind == TREE_TEXT && name->text[0]) {
		add_part(buffer, name->text);
		return;
	}
	size_t number = 1;
	for (const struct tree_node *node = item->parent->first; node != item; node = node->next)
		number++;
	buffer_format(buffer, "%zu", number);
}

/* "tunnels.um0.peers.phone.allowed_ips"; nothing for the root. Depth is TREE_DEPTH_MAX at most. */
static void add_path(struct buffer *buffer, const struct tree_node *node) {
	if (!node->parent)
		return;
	size_t before = buffer->size;
	add_path(buffer, node->parent);
	bool item = node->parent->kind == TREE_LIST;
	if (item && node->kind != TREE_MAP)
		return; /* of a list of values: they are named in the message */
	if (buffer->size > before)
		buffer_text(buffer, ".");
	if (item)
		add_item(buffer, node);
	else
		add_part(buffer, node->key);
}

__attribute__((format(printf, 3, 0))) static void
add_line(struct config_errors *errors, struct buffer *line, const char *format, va_list arguments) {
	char message[MESSAGE_SIZE];
	if (errors->count == CONFIG_ERRORS_MAX) {
		errors->more = true;
		buffer_done(line);
		return;
	}
	(void)vsnprintf(message, sizeof message, format, arguments);
	add_plain(line, message);
	if (!errors->lines)
		errors->lines = calloc(CONFIG_ERRORS_MAX, sizeof *errors->lines);
	if (!errors->lines || line->failed) {
		errors->more = true;
		buffer_done(line);
		return;
	}
	errors->lines[errors->count++] = line->text;
}

static unsigned line_of(const struct tree_node *node) {
	return node->kind != TREE_TEXT && node->key_line > 0 ? node->key_line : node->line;
}

static void add_place(struct buffer *buffer, const char *file, unsigned line) {
	add_plain(buffer, file);
	if (line > 0)
		buffer_format(buffer, ":%u", line);
}

void fault_add(struct config_errors *errors, const struct tree_node *node, const char *key,
			   const char *format, ...) {
	struct buffer line = {0};
	add_place(&line, node->file->name, line_of(node));
	buffer_text(&line, node->file->directory ? ": " : " ");
	size_t before = line.size;
	add_path(&line, node);
	if (key)
		buffer_format(&line, "%s%s", line.size > before ? "." : "", key);
	if (line.size > before)
		buffer_text(&line, ": ");
	va_list arguments;
	va_start(arguments, format);
	add_line(errors, &line, format, arguments);
	va_end(arguments);
}

void fault_at(struct config_errors *errors, const char *file, unsigned number, const char *format,
			  ...) {
	struct buffer line = {0};
	add_place(&line, file, number);
	buffer_text(&line, ": ");
	va_list arguments;
	va_start(arguments, format);
	add_line(errors, &line, format, arguments);
	va_end(arguments);
}

void fault_override(struct config_errors *errors, const char *path, const char *format, ...) {
	struct buffer line = {0};
	buffer_text(&line, "--set ");
	if (is_like_key(path))
		buffer_text(&line, "...");
	else
		add_plain(&line, path);
	buffer_text(&line, ": ");
	va_list arguments;
	va_start(arguments, format);
	add_line(errors, &line, format, arguments);
	va_end(arguments);
}

const char *fault_shown(const char *text, char shown[static FAULT_SHOWN_SIZE]) {
	if (strlen(text) > SHOWN_MAX || is_like_key(text))
		(void)snprintf(shown, FAULT_SHOWN_SIZE, "the value");
	else
		(void)snprintf(shown, FAULT_SHOWN_SIZE, "\"%s\"", text);
	return shown;
}

const char *fault_place(const struct tree_node *node, char place[static FAULT_PLACE_SIZE]) {
	unsigned line = line_of(node);
	if (line > 0)
		(void)snprintf(place, FAULT_PLACE_SIZE, "%.170s:%u", node->file->name, line);
	else
		(void)snprintf(place, FAULT_PLACE_SIZE, "%.170s", node->file->name);
	return place;
}

const char *fault_path(const char *text, const char *path) {
	return is_like_key(text) ? "the file" : path;
}
