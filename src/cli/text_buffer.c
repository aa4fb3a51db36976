#include "cli/text_buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log_line.h"

enum { ROOM_AT_FIRST = 1024 };

void text_buffer_done(struct text_buffer *buffer) {
	free(buffer->text);
	*buffer = (struct text_buffer){0};
}

/* Whether there is room for size bytes more and a NUL. */
static bool reserve(struct text_buffer *buffer, size_t size) {
	if (buffer->failed)
		return false;
	size_t room = buffer->room > 0 ? buffer->room : ROOM_AT_FIRST;
	while (room - buffer->size <= size && room < SIZE_MAX / 2)
		room *= 2;
	if (room == buffer->room)
		return true;
	char *text = realloc(buffer->text, room);
	if (!text) {
		buffer->failed = true;
		return false;
	}
	buffer->text = text;
	buffer->room = room;
	return true;
}

void text_buffer_add(struct text_buffer *buffer, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	va_list again;
	va_copy(again, arguments);
	int length = vsnprintf(NULL, 0, format, arguments);
	if (length >= 0 && reserve(buffer, (size_t)length)) {
		(void)vsnprintf(buffer->text + buffer->size, (size_t)length + 1, format, again);
		buffer->size += (size_t)length;
	}
	va_end(again);
	va_end(arguments);
}

void text_buffer_add_clean(struct text_buffer *buffer, const char *text) {
	if (!text)
		text = "?";
	size_t size = strlen(text);
	if (!reserve(buffer, size))
		return;
	char *to = buffer->text + buffer->size;
	memcpy(to, text, size + 1);
	log_line_clean(to);
	buffer->size += size;
}

void text_buffer_add_segment(struct text_buffer *buffer, const char *text) {
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
									 "0123456789-._~";
	for (; *text; text++)
		if (strchr(unreserved, *text))
			text_buffer_add(buffer, "%c", *text);
		else
			text_buffer_add(buffer, "%%%02X", (unsigned)(uint8_t)*text);
}

size_t text_buffer_width(const char *text) {
	size_t width = 0;
	for (; *text; text++)
		width += ((uint8_t)*text & 0xc0) != 0x80;
	return width;
}
