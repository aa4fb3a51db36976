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

enum { OTHERS_SIZE = 80 };

/* "one, two or three": protocols of the build that have keys of these kinds. */
static const char *list_others(unsigned kinds, char text[static OTHERS_SIZE]) {
	const struct {
		unsigned kind;
		const char *protocol;
	} rows[] = {
		{SCHEMA_OF_STREAMS, schema_stream_protocols[0]},
		{SCHEMA_OF_SHARED, schema_shared_protocols[0]},
		{SCHEMA_OF_LOGIN, schema_login_protocols[0]},
	};
	const char *found[sizeof rows / sizeof rows[0]];
	size_t count = 0, used = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if ((kinds & rows[i].kind) && rows[i].protocol)
			found[count++] = rows[i].protocol;
	text[0] = '\0';
	for (size_t i = 0; i < count && used < OTHERS_SIZE; i++)
		used += (size_t)snprintf(text + used, OTHERS_SIZE - used, "%s%s",
								 i == 0           ? ""
								 : i + 1 == count ? " or "
												  : ", ",
								 found[i]);
	return text;
}

static void tell_kind(const struct check *check, const struct schema_row *row,
					  const struct tree_node *node) {
	const struct config_tunnel *tunnel = check->tunnel;
	unsigned kinds = schema_kinds(row);
	char others[OTHERS_SIZE];
	if (kinds & schema_kind(tunnel)) {
		fault_add(check->errors, node, NULL, "of no use for a %s; no such key, or another role",
				  schema_roles[tunnel->role]);
		return;
	}
	const char *what = tunnel->carries_streams ? "which carries streams"
					   : tunnel->shares_keys   ? "whose ends share keys"
					   : tunnel->logs_in       ? "whose clients log in"
											   : "which carries packets";
	if (kinds & SCHEMA_OF_PACKETS)
		fault_add(check->errors, node, NULL, "of no use for %s, %s; no such key", tunnel->protocol,
				  what);
	else
		fault_add(check->errors, node, NULL,
				  "of no use for %s, %s; another protocol (%s), or no such key", tunnel->protocol,
				  what, list_others(kinds, others));
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
