#pragma once

#include <stddef.h>

/*
 * What subcommands read and write: data on output, messages for people on error. Descriptors and
 * no stdio, so that no key stays behind in a stream's buffer.
 */

struct streams {
	int input, output, error;
};

/* Exit codes of the tool. */
enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1, /* it was asked for properly but could not be done */
	STATUS_USAGE = 2,  /* the command line is wrong */
};

/* Writes all of it; STATUS_FAILED, after a message, when that is impossible (disk full). */
[[nodiscard]] int output_data(const struct streams *streams, const void *data, size_t size);
[[nodiscard]] int output_text(const struct streams *streams, const char *text);

/* One line for a person: "umbra: " and the text. Never give it a secret. */
void output_message(const struct streams *streams, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Before a secret is written: warns when output is a file that every user may open. */
void output_warn_if_public(const struct streams *streams);
