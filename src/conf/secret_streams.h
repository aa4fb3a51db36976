#pragma once

#include "conf/config.h"
#include "conf/tree.h"

/*
 * Reads the certificates, their key, roots and passwords of a tunnel that carries streams into the
 * configuration's memory. node is the tunnel's. What is wrong is added to the errors.
 */
void secret_streams_read(struct config *config, struct config_tunnel *tunnel,
						 const struct tree_node *node, struct config_errors *errors);
