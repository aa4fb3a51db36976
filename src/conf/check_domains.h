#pragma once

#include "conf/config.h"
#include "conf/tree.h"

/* Names whose addresses are led into tunnels or past them, and the step that takes. */
void check_domains(const struct config *config, const struct tree_node *root,
				   struct config_errors *errors);
