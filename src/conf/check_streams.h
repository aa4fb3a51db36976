#pragma once

#include "conf/config.h"
#include "conf/tree.h"

/* What holds between the values of a tunnel that carries streams. node is the tunnel's. */
void check_streams(const struct config_tunnel *tunnel, const struct tree_node *node,
				   struct config_errors *errors);
