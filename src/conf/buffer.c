#include "conf/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/utf8.h"

enum { CAPACITY_MIN = 256 };

/* Room for size characters and a NUL. */
static bool reserve(struct buffer *buffer, size_t size) {
	if (buffer->failed)
		return false;
	if (size < buffer->capacity - buffer->size)
		return true;
	size_t capacity = buffer->capacity ? buffer->capacity : CAPACITY_MIN;
	while (capacity - buffer->size <= size) {
		if (capacity > SIZE_MAX / 2) {
			buffer->failed = true;
			return false;
		}
		capacity *= 2;
	}
	char *text = realloc(buffer->text, capacity);
	if (!text) {
		buffer->failed = true;
		return false;
	}
	buffer->text = text;
	buffer->capacity = capacity;
	return true;
}

void buffer_add(struct buffer *buffer, const char *text, size_t size) {
	if (!reserve(buffer, size))
		return;
	if (size > 0)
		memcpy(buffer->text + buffer->size, text, size);
	buffer->size += size;
	buffer->text[buffer->size] = '\0';
}

void buffer_text(struct buffer *buffer, const char *text) {
	buffer_add(buffer, text, strlen(text));
}

void buffer_format(struct buffer *buffer, const char *format, ...) {
	va_list arguments, again;
	va_start(arguments, format);
	va_copy(again, arguments);
	int size = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (size < 0)
		buffer->failed = true;
	else if (reserve(buffer, (size_t)size))
		buffer->size +=
			(size_t)vsnprintf(buffer->text + buffer->size, (size_t)size + 1, format, again);
	va_end(again);
}

void buffer_spaces(struct buffer *buffer, size_t count) {
	while (count-- > 0)
		buffer_add(buffer, " ", 1);
}

void buffer_quoted(struct buffer *buffer, const char *text) {
	buffer_add(buffer, "\"", 1);
	while (*text) {
		uint32_t point;
		size_t size = utf8_next(text, &point);
		if (size == 0) {
			buffer->failed = true;
			return;
		}
		if (point == '"' || point == '\\')
			buffer_format(buffer, "\\%c", (char)point);
		else if (point >= 0x20 && point < 0x7f)
			buffer_add(buffer, text, 1);
		else if (point < 0x100)
			buffer_format(buffer, "\\x%02x", point);
		else if (point < 0x10000)
			buffer_format(buffer, "\\u%04x", point);
		else
			buffer_format(buffer, "\\U%08x", point);
		text += size;
	}
	buffer_add(buffer, "\"", 1);
}

void buffer_wrapped(struct buffer *buffer, const char *prefix, const char *text, size_t width) {
	size_t margin = strlen(prefix), column = 0;
	while (*text) {
		size_t word = strcspn(text, " ");
		if (column > 0 && column + 1 + word > width) {
			buffer_text(buffer, "\n");
			column = 0;
		}
		buffer_text(buffer, column > 0 ? " " : prefix);
		column += column > 0 ? 1 : margin;
		buffer_add(buffer, text, word);
		column += word;
		text += word;
		text += strspn(text, " ");
	}
	buffer_text(buffer, "\n");
}

void buffer_done(struct buffer *buffer) {
	free(buffer->text);
	*buffer = (struct buffer){0};
}
