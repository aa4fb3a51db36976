#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A text that grows. Memory that ran out sticks: what is added later is dropped. */

/* All zeros is an empty buffer. */
struct buffer {
	char *text; /* with a NUL behind it; NULL as long as it is empty */
	size_t size, capacity;
	bool failed;
};

void buffer_add(struct buffer *buffer, const char *text, size_t size);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_format(struct buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void buffer_spaces(struct buffer *buffer, size_t count);

/* text, which is UTF-8, as a double-quoted scalar of YAML 1.1 that has no other bytes than ASCII.
 */
void buffer_quoted(struct buffer *buffer, const char *text);

/* Words of text in lines of at most width columns, each after the prefix. */
void buffer_wrapped(struct buffer *buffer, const char *prefix, const char *text, size_t width);

void buffer_done(struct buffer *buffer);
