#pragma once

#include "conf/config.h"
#include "conf/tree.h"

/* What tunnels whose clients log in are to have together, besides; node is the tunnel's. */
void check_login(const struct config_tunnel *tunnel, const struct tree_node *node,
				 struct config_errors *errors);
