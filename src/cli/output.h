#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * What subcommands read and write: data on output, messages for people on error. Descriptors and
 * no stdio, so that no key stays behind in a stream's buffer.
 */

struct text_buffer;

struct streams {
	int input, output, error;
};

/* Exit codes of the tool. */
enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1,    /* it was asked for properly but could not be done */
	STATUS_USAGE = 2,     /* the command line is wrong */
	STATUS_NO_DAEMON = 3, /* the daemon does not run, or does not answer */
};

/* Writes all of it; STATUS_FAILED, after a message, when that is impossible (disk full). */
[[nodiscard]] int output_data(const struct streams *streams, const void *data, size_t size);
[[nodiscard]] int output_text(const struct streams *streams, const char *text);
/* The same of what was collected; STATUS_FAILED too when memory had run out for it. */
[[nodiscard]] int output_buffer(const struct streams *streams, const struct text_buffer *buffer);

/* One line for a person: "umbra: " and the text. Never give it a secret. */
void output_message(const struct streams *streams, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * A text of others for a person: one line as output_message() has it, behind "COMMAND: "; several
 * as they are, so that editors find "FILE:LINE:" at their beginning.
 */
void output_lines(const struct streams *streams, const char *command, const char *text);

/* Before a secret is written: warns when output is a file that every user may open. */
void output_warn_if_public(const struct streams *streams);

/* Whether to colour what goes there: a terminal that can, of somebody without NO_COLOR. */
bool output_has_colours(const struct streams *streams);
