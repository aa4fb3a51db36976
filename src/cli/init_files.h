#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "cli/output.h"

/* Files that come into being together in one directory, or not at all. */

#define INIT_FILES_DIRECTORY "/etc/umbra"

struct init_file;

struct init_files {
	const char *directory;
	struct init_file *items;
	size_t count, capacity;
	bool made_directory;
	/* What to do where a file is there already; NULL: --force. */
	const char *hint;
};

/* The directory stays the caller's. */
void init_files_init(struct init_files *files, const char *directory);
/* Wipes the texts. */
void init_files_done(struct init_files *files);

/* path is below the directory, in at most one folder of it. The text is copied. */
enum err init_files_add(struct init_files *files, const char *path, mode_t mode, const char *text,
						size_t size);

/* Whether there is such a file already. */
bool init_files_exists(const struct init_files *files, const char *path);

/*
 * Makes the folders (mode 0700) and the files, on the disk when it returns. Existing files are
 * replaced with force only; after a failure everything is as it was. Returns an exit code, after a
 * message that begins with the command's name.
 */
[[nodiscard]] int init_files_commit(const struct streams *streams, const char *command,
									struct init_files *files, bool force);

/* The same in steps: what was placed is kept, or everything is as it was before; also later, where
 * it is what was not there before. */
[[nodiscard]] int init_files_place(const struct streams *streams, const char *command,
								   struct init_files *files, bool force);
void init_files_keep(struct init_files *files);
void init_files_take_back(struct init_files *files);
