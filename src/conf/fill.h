#pragma once

#include "conf/config.h"
#include "conf/tree.h"
#include "conf/value.h"

enum {
	FILL_PEERS_MAX = 1 << 17,    /* of all tunnels; with this and the next a dump can be read */
	FILL_PREFIXES_MAX = 1 << 20, /* of all lists */
};

/*
 * Fills the configuration from the tree by the schema's rows, with defaults where keys are absent.
 * What is wrong is added to the reader's errors; the members concerned are zero then. Tunnels and
 * peers have the order and number of their nodes, also of faulty ones.
 */
void fill_config(struct value_reader *reader, const struct tree_node *root, struct config *config);
