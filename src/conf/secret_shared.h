#pragma once

#include "conf/config.h"
#include "conf/tree.h"

/*
 * Reads the keys of tunnels whose ends share them, and finds their identities, each of which may
 * stand once: who has a key could pose as whoever else has it. Faults are added to the errors.
 */
void secret_shared_read(struct config *config, const struct tree_node *root,
						struct config_errors *errors);
