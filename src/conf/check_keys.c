#include "conf/check_keys.h"

#include <stdio.h>
#include <string.h>

#include "conf/fault.h"
#include "conf/schema.h"
#include "conf/value.h"

struct check {
	const struct config_tunnel *tunnel;
	struct config_errors *errors;
};

static void tell_kind(const struct check *check, const struct schema_row *row,
					  const struct tree_node *node) {
	const struct config_tunnel *tunnel = check->tunnel;
	unsigned kinds = schema_kinds(row);
	if (kinds & schema_kind(tunnel)) {
		fault_add(check->errors, node, NULL, "of no use for a %s; no such key, or another role",
				  schema_roles[tunnel->role]);
		return;
	}
	const char *stream = kinds & SCHEMA_OF_STREAMS ? schema_stream_protocols[0] : NULL;
	const char *shared = kinds & SCHEMA_OF_SHARED ? schema_shared_protocols[0] : NULL;
	const char *what = tunnel->carries_streams ? "which carries streams"
					   : tunnel->shares_keys   ? "whose ends share keys"
											   : "which carries packets";
	if (kinds & SCHEMA_OF_PACKETS)
		fault_add(check->errors, node, NULL, "of no use for %s, %s; no such key", tunnel->protocol,
				  what);
	else
		fault_add(check->errors, node, NULL,
				  "of no use for %s, %s; another protocol (%s%s%s), or no such key",
				  tunnel->protocol, what, stream ? stream : "", stream && shared ? " or " : "",
				  shared ? shared : "");
}

static void tell_missing(const struct check *check, const struct schema_row *row,
						 const struct tree_node *owner, const char *group) {
	char key[SCHEMA_PATH_SIZE], expected[VALUE_EXPECTED_SIZE];
	(void)snprintf(key, sizeof key, "%s%s%s", group, group[0] ? "." : "", row->key);
	value_expected(row, expected);
	fault_add(check->errors, owner, key, "missing; %s", expected);
}

/* map: NULL where the group is absent, whose keys are told of at its owner, by its name. */
static void check_rows(const struct check *check, const struct schema_row *rows,
					   const struct tree_node *map, const struct tree_node *owner,
					   const char *group) {
	for (const struct schema_row *row = rows; row->key; row++) {
		const struct tree_node *node = tree_get(map, row->key);
		if (!schema_suits(row, check->tunnel)) {
			if (node && schema_is_there(row))
				tell_kind(check, row, node);
			continue;
		}
		bool absent = !node || node->empty;
		/* What only one role needs is told when the role is known. */
		bool needed =
			schema_needs(row, check->tunnel) &&
			!(check->tunnel->role_absent && (row->flags & (SCHEMA_OF_SERVER | SCHEMA_OF_CLIENT)));
		if (row->type == SCHEMA_GROUP)
			check_rows(check, row->rows, absent ? NULL : node, absent ? owner : node,
					   absent ? row->key : "");
		else if (absent && needed && !node)
			tell_missing(check, row, owner, group);
		else if (!absent && row->rows && node->kind == TREE_LIST)
			for (const struct tree_node *item = node->first; item; item = item->next)
				if (item->kind == TREE_MAP)
					check_rows(check, row->rows, item, item, "");
	}
}

void check_keys(const struct config_tunnel *tunnel, const struct tree_node *node,
				struct config_errors *errors) {
	const struct check check = {.tunnel = tunnel, .errors = errors};
	const struct schema_row *tunnels = schema_find(&schema_root, "tunnels", strlen("tunnels"));
	if (tunnel->protocol)
		check_rows(&check, tunnels->rows, node, node, "");
}
