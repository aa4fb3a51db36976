#pragma once

#include "daemon/node_core.h"

/*
 * What umbrad does when the host changes: a list of functions, each called with what changed (enum
 * process_change). The net process has been told before.
 */
void node_watch_changed(struct node *node, unsigned changes);
