#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "conf/config.h"
#include "conf/tree.h"

/* A file that a configuration names and that is read at once; what is wrong is told at the node. */

struct secret_file {
	const struct tree_node *node;
	const char *key; /* below the node, where the key is absent; NULL: the node's */
	const char *path;
	struct config_errors *errors;
	const char *what; /* "a file with a key" */
	const char *help; /* what to do when there is none: "\"umbra genkey\" makes a key" */
	bool is_public;   /* otherwise nobody but its owner, root or this user, may open it */
};

/* The path, or "the file" when it may be a key in the wrong place. */
const char *secret_file_shown(const struct secret_file *file);

/* One key in base64, white space aside; false after a fault. maker: the command that makes one. */
bool secret_file_read_key(const struct secret_file *file, const char *maker,
						  uint8_t out_key[static TEXT_KEY_SIZE]);

/* At most size bytes of it; -1 after a fault. */
ssize_t secret_file_read(const struct secret_file *file, char *data, size_t size);
