#pragma once

#include <stddef.h>

#include "base/error.h"
#include "cli/output.h"

/*
 * Many peers as text, a line each of words between blanks. Empty lines and those that begin with
 * "#" do not count.
 */

enum {
	PEER_LINES_WORDS = 3,
	PEER_LINES_SIZE_MAX = 64 << 20, /* bytes of a file */
	PEER_LINES_PROBLEM_SIZE = 120,
};

struct peer_line {
	unsigned number;               /* in the file, from 1 */
	char *words[PEER_LINES_WORDS]; /* NULL for those that are not there */
};

struct peer_lines {
	char *text;
	struct peer_line *items;
	size_t count;
};

/*
 * Takes the text, of heap memory and NUL-terminated at size, over, also on failure. ERR_INVALID
 * with "line 7: …" in out_problem for lines with fewer than least or more than most words, or with
 * control characters; ERR_NO_MEMORY.
 */
enum err peer_lines_parse(char *text, size_t size, int least, int most,
						  struct peer_lines *out_lines,
						  char out_problem[static PEER_LINES_PROBLEM_SIZE]);
void peer_lines_done(struct peer_lines *lines);

/* From a file, "-" for streams->input. Returns an exit code, after a message. */
[[nodiscard]] int peer_lines_read(const struct streams *streams, const char *command,
								  const char *path, int least, int most,
								  struct peer_lines *out_lines);
