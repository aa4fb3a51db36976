#pragma once

#include "conf/config.h"
#include "conf/tree.h"

/*
 * What tunnels whose ends share keys or whose clients log in are to have together, and what not;
 * node is the tunnel's.
 * ERR_NO_MEMORY.
 */
enum err check_shared(const struct config_tunnel *tunnel, const struct tree_node *node,
					  struct config_errors *errors);
