#pragma once

#include "conf/config.h"
#include "conf/tree.h"

/*
 * Reads the authorities, lists, certificates, keys and password of a tunnel whose clients log in
 * into the configuration's memory, and whether they go together. node is the tunnel's. What is
 * wrong is added to the errors.
 */
void secret_login_read(struct config *config, struct config_tunnel *tunnel,
					   const struct tree_node *node, struct config_errors *errors);
