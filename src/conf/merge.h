#pragma once

#include "conf/config.h"
#include "conf/tree.h"

/*
 * Moves all keys of an included file's root into the first file's, but for its `include`. Groups
 * and the map of tunnels are joined; a tunnel or a value in both is a fault that names both places.
 */
void merge_roots(struct tree_node *root, struct tree_node *included, struct config_errors *errors);
