#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Landlock (Linux 5.13): what of the file system and of TCP a process may reach, in addition to
 * what its account may. Everything is refused that no rule allows, with every right that the
 * kernel's version of it knows: files (1), links across folders (2), truncation (3), TCP (4),
 * devices (5), abstract sockets and signals to processes outside (6).
 */

enum sandbox_landlock_access {
	SANDBOX_READ_FILES,  /* open the files of a folder to read, or the one file */
	SANDBOX_WRITE_FILES, /* and make, write, empty and remove them */
};

struct sandbox_landlock_path {
	const char *path; /* that does not exist: left out */
	enum sandbox_landlock_access access;
};

struct sandbox_landlock {
	const struct sandbox_landlock_path *paths;
	size_t path_count;
	uint16_t connect_port; /* TCP connections to it are allowed; 0: none at all */
	bool connect_anywhere; /* or to all */
};

/*
 * For this thread and all that it starts from now on; no_new_privs must be set.
 * ERR_UNSUPPORTED: the kernel has none, or it is switched off.
 */
enum err sandbox_landlock_apply(const struct sandbox_landlock *rules);

/* The version that the kernel has; 0: none. */
int sandbox_landlock_version(void);
