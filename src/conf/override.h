#pragma once

#include "conf/config.h"
#include "conf/tree.h"

enum { OVERRIDE_MAX = 256 };

/*
 * Puts the values of overrides into the tree, in place of those there are. What cannot be put is
 * added to the errors; what is no good value is found when the tree is read.
 */
void override_apply(struct tree *tree, struct tree_node *root, const struct config_source *source,
					struct config_errors *errors);
