#include "conf/merge.h"

#include <string.h>

#include "conf/fault.h"
#include "conf/schema.h"

static void merge_maps(const struct schema_row *group, struct tree_node *into,
					   struct tree_node *from, struct config_errors *errors) {
	struct tree_node *next = NULL;
	for (struct tree_node *node = from->first; node; node = next) {
		next = node->next;
		const struct schema_row *row =
			group ? schema_find(group, node->key, strlen(node->key)) : NULL;
		struct tree_node *there = tree_get(into, node->key);
		if (row && row->type == SCHEMA_INCLUDE)
			continue;
		if (!there) {
			tree_append(into, node);
		} else if (node->empty && row && row->rows) {
			continue;
		} else if (there->empty && row && row->rows) {
			const char *key = there->key;
			struct tree_node *after = there->next;
			*there = *node;
			there->key = key;
			there->parent = into;
			there->next = after;
			for (struct tree_node *child = there->first; child; child = child->next)
				child->parent = there;
		} else if (row && row->rows && node->kind == TREE_MAP && there->kind == TREE_MAP) {
			/* Below the map of tunnels no row is found, so that each of them stands once. */
			merge_maps(row->type == SCHEMA_TUNNELS ? NULL : row, there, node, errors);
		} else {
			char place[FAULT_PLACE_SIZE];
			fault_add(errors, node, NULL, "stands at %s, too; in one place",
					  fault_place(there, place));
		}
	}
}

void merge_roots(struct tree_node *root, struct tree_node *included, struct config_errors *errors) {
	merge_maps(&schema_root, root, included, errors);
}
