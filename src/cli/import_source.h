#pragma once

#include <stddef.h>

#include "cli/output.h"

/* A file with secrets that a command was given, or standard input, read whole. */
struct import_source {
	const char *name; /* for messages */
	char *text;       /* with a NUL behind its size bytes */
	size_t size;
};

/*
 * path "-" is standard input. Warns when others may read the file; on failure says why, with the
 * command's name, and returns an exit status.
 */
[[nodiscard]] int import_source_read(const struct streams *streams, const char *command,
									 const char *path, struct import_source *out_source);
/* The same of a file that everybody may read. */
[[nodiscard]] int import_source_read_public(const struct streams *streams, const char *command,
											const char *path, struct import_source *out_source);
/* Wipes it. */
void import_source_done(struct import_source *source);
