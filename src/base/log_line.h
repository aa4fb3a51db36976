#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

/*
 * The forms of one line of the log, apart from where it goes. Whatever a message quotes stays one
 * line, is UTF-8, and cannot steer a terminal: other bytes become '?' (U+FFFD in JSON).
 */

enum {
	LOG_LINE_SIZE = 1024,      /* of a line for people, with its newline; longer ones are cut */
	LOG_LINE_JSON_SIZE = 4096, /* PIPE_BUF: one write stays one piece */
};

struct log_line {
	enum log_level level;
	const char *program, *message;
	uint64_t time; /* ns since the Unix epoch; not used by plain lines */
};

/* "error", "warning", … */
const char *log_line_level(enum log_level level);

/*
 * Each writes at most size bytes, the last of them a newline and without a NUL, and returns their
 * number. size is at least 256, with a program's name of at most 64 bytes.
 *   plain    umbrad: warning: text
 *   stamped  2026-11-21T13:05:18.123Z warning umbrad: text
 *   JSON     {"time":"2026-11-21T13:05:18.123Z","level":"warning","program":"umbrad","message":"…"}
 */
size_t log_line_plain(const struct log_line *line, char *out, size_t size);
size_t log_line_stamped(const struct log_line *line, char *out, size_t size);
size_t log_line_json(const struct log_line *line, char *out, size_t size);

/* Makes a text printable in place, as plain lines have it. */
void log_line_clean(char *text);
