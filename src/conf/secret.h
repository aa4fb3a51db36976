#pragma once

#include "conf/config.h"
#include "conf/tree.h"

/*
 * Reads the key files that a configuration names into it. Each must be a regular file of root or of
 * this user that nobody else may open, but for certificates, and hold what it is for; what is wrong
 * is added to the errors.
 */
void secret_read_all(struct config *config, const struct tree_node *root,
					 struct config_errors *errors);
