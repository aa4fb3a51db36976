#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "conf/config.h"
#include "conf/tree.h"

enum {
	FILES_MAX = 256,           /* with all that are included */
	FILES_DEPTH_MAX = 8,       /* of files that include files */
	FILES_SIZE_MAX = 64 << 20, /* bytes of all files together */
};

/*
 * The tree of a configuration: of a file and all that it includes, or of a text. names: where names
 * of files live that outlast the tree. False with a fault added, or when memory ran out.
 */
bool files_read(struct tree *tree, struct arena *names, const struct config_source *source,
				struct config_errors *errors, struct tree_node **out_root);

/* path as an absolute one, in the arena; NULL when memory or the working directory is lost. */
const char *files_absolute(struct arena *memory, const char *path);
