#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "base/error.h"

/* A local stream socket with a path, for the root user and this one only (mode 0600). */

struct unix_listener {
	int descriptor; /* readable when somebody connects; -1: not open */
	int watch;      /* readable when something happened to the file */
	uint64_t file_device, file_inode;
	char path[sizeof((struct sockaddr_un *)0)->sun_path];
};

/*
 * Makes directory (0755) and the socket directory/name. A socket that nobody accepts on is
 * replaced; ERR_EXISTS when somebody does, ERR_INVALID when the path is too long.
 */
enum err unix_listener_open(const char *directory, const char *name,
							struct unix_listener *out_listener);

/* Whether the file is no longer ours: deleted or replaced. Empties the watch. */
bool unix_listener_gone(struct unix_listener *listener);

/*
 * The next connection of a user who may; others are closed at once and looked over.
 * Non-blocking, close-on-exec. ERR_AGAIN when nobody waits.
 */
enum err unix_listener_accept(struct unix_listener *listener, int *out_descriptor);

/* Closes the socket and deletes the file when it is still ours. */
void unix_listener_done(struct unix_listener *listener);
