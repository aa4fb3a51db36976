#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * A text that grows while it is put together, to be written at once. Zeroed is empty. Not for
 * secrets: it is not wiped.
 */

struct text_buffer {
	char *text; /* NUL-terminated; NULL as long as it is empty */
	size_t size, room;
	bool failed; /* memory ran out; nothing is added from then on */
};

void text_buffer_done(struct text_buffer *buffer);

void text_buffer_add(struct text_buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * A text of others: control characters and what is no UTF-8 become '?', so that it stays one line.
 * NULL adds "?".
 */
void text_buffer_add_clean(struct text_buffer *buffer, const char *text);

/* One segment of a path, RFC 3986 section 2.1: everything but unreserved characters as %XX. */
void text_buffer_add_segment(struct text_buffer *buffer, const char *text);

/* Columns of a UTF-8 text on a terminal, one a character. */
size_t text_buffer_width(const char *text);

#define auto_text_buffer __attribute__((cleanup(text_buffer_done)))
