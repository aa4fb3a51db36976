#pragma once

#include "conf/config.h"
#include "conf/tree.h"

/*
 * Keys of a tunnel that its protocol or role has no use for, and those that it cannot do without,
 * as the schema's rows say. node is the tunnel's.
 */
void check_keys(const struct config_tunnel *tunnel, const struct tree_node *node,
				struct config_errors *errors);
