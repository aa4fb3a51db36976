#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/output.h"

/* Where a person or a script says a password: never on the command line, which others can read. */

enum { PASSWORD_INPUT_MAX = 1024 /* bytes */ };

/* Whoever has one wipes it. */
struct password_input {
	char text[PASSWORD_INPUT_MAX + 1]; /* UTF-8, one byte at least */
};

/*
 * The one line of a file, "-" for streams->input; its end does not belong to it. With path NULL it
 * is asked for where streams->input is a terminal, without being shown: `twice` so that a slip is
 * found. Otherwise it is read there. `of` ends the question: "Password of alice: ".
 *
 * Returns an exit code, after a message that begins with the command's name and never repeats any
 * of the password. Signals that end the program find the terminal as it was.
 */
[[nodiscard]] int password_input_read(const struct streams *streams, const char *command,
									  const char *path, const char *of, bool twice,
									  struct password_input *out_password);
