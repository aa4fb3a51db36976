#pragma once

#include "base/error.h"
#include "conf/config.h"
#include "conf/tree.h"

/* Tunnels that would listen at the same port. ERR_NO_MEMORY. */
enum err check_sockets(const struct config *config, const struct tree_node *root,
					   struct config_errors *errors);
