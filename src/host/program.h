#pragma once

#include <stddef.h>

#include "base/error.h"

/* Programs of the system that do a job for us: without a shell, our environment or descriptors. */

enum {
	PROGRAM_PATH_SIZE = 48,
	PROGRAM_PROBLEM_SIZE = 251, /* a name and ": " before it make 256 */
};

/* Where it is in the system's own folders; NULL: nowhere. */
const char *program_find(const char *name, char path[static PROGRAM_PATH_SIZE]);

/*
 * Runs arguments[0], a path, with the text on its standard input, until it has ended or the
 * milliseconds are over; then it is killed. What it says on its standard error becomes the problem
 * of a failure, as one line of printable characters. ERR_EXPIRED, ERR_IO, or why it cannot start.
 */
enum err program_run(char *const arguments[], const char *text, size_t size, int milliseconds,
					 char out_problem[static PROGRAM_PROBLEM_SIZE]);
