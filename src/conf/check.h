#pragma once

#include "conf/config.h"
#include "conf/tree.h"

/*
 * What holds between values: names, keys and prefixes of peers that stand once, sockets that do not
 * collide, an MTU that suits the addresses. root is the tree that the configuration was filled
 * from. ERR_NO_MEMORY.
 */
enum err check_config(const struct config *config, const struct tree_node *root,
					  struct config_errors *errors);
