#pragma once

#include "conf/config.h"
#include "conf/tree.h"
#include "wire/policy_rule.h"

/* Whether the rules of a tunnel's peers are about what it carries; node is the tunnel's. */
void check_rules(const struct config_tunnel *tunnel, enum policy_use use,
				 const struct tree_node *node, struct config_errors *errors);
