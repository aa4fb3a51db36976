#include "conf/fill.h"

#include <string.h>
#include <unistd.h>

#include "conf/fault.h"
#include "conf/schema.h"

struct fill {
	struct value_reader *reader;
	size_t peers_left;
};

static void fill_group(struct fill *fill, const struct schema_row *group,
					   const struct tree_node *map, const struct tree_node *owner, void *base);

/* Position, for messages of those who use the configuration. */
static struct config_position position_of(const struct tree_node *node) {
	return (struct config_position){
		.file = node->file->name,
		.line = node->key_line > 0 ? node->key_line : node->line,
	};
}

static void fault_expected(struct fill *fill, const struct schema_row *row,
						   const struct tree_node *node, const char *what) {
	char expected[VALUE_EXPECTED_SIZE];
	value_expected(row, expected);
	fault_add(fill->reader->errors, node, NULL, "%s; %s", what, expected);
}

static void unknown_key(struct fill *fill, const struct schema_row *group,
						const struct tree_node *node) {
	char hint[SCHEMA_HINT_SIZE];
	schema_hint(group, node->key, hint);
	fault_add(fill->reader->errors, node, NULL, "unknown key; %s", hint);
}

/* The first eight characters of the key. */
static const char *name_from_key(struct fill *fill, const struct config_peer *peer) {
	enum { CHARACTERS = 8 };
	char text[TEXT_KEY_BASE64_SIZE];
	text_key_encode(peer->public_key, text);
	return arena_text(fill->reader->memory, text, CHARACTERS);
}

static void fill_peers(struct fill *fill, const struct schema_row *row,
					   const struct tree_node *list, struct config_tunnel *tunnel) {
	if (list->kind != TREE_LIST) {
		fault_expected(fill, row, list,
					   list->kind == TREE_MAP ? "a map stands here" : "a text stands here");
		return;
	}
	if (list->count > fill->peers_left) {
		fault_add(fill->reader->errors, list, NULL, "more than %d peers in all; fewer",
				  FILL_PEERS_MAX);
		return;
	}
	fill->peers_left -= list->count;
	struct config_peer *peer = arena_take(fill->reader->memory, list->count * sizeof *peer);
	if (!peer)
		return;
	tunnel->peers = peer;
	tunnel->peer_count = list->count;
	for (const struct tree_node *node = list->first; node; node = node->next, peer++) {
		peer->position = position_of(node);
		if (node->kind == TREE_MAP)
			fill_group(fill, row, node, node, peer);
		else
			fault_expected(fill, row, node, "an item is no map");
		if (!peer->name)
			peer->name = name_from_key(fill, peer);
	}
}

static void fill_items(struct fill *fill, const struct schema_row *row,
					   const struct tree_node *list, struct value_items *member) {
	if (list->kind != TREE_LIST) {
		fault_expected(fill, row, list,
					   list->kind == TREE_MAP ? "a map stands here" : "a text stands here");
		return;
	}
	if (list->count > row->maximum) {
		fault_add(fill->reader->errors, list, NULL, "the list has %u items; at most %u",
				  list->count, row->maximum);
		return;
	}
	char *item = list->count > 0 ? arena_take(fill->reader->memory, list->count * row->size) : NULL;
	if (!item)
		return;
	*member = (struct value_items){.items = item, .count = list->count};
	for (const struct tree_node *node = list->first; node; node = node->next, item += row->size) {
		if (node->kind == TREE_MAP)
			fill_group(fill, row, node, node, item);
		else
			fault_expected(fill, row, node, "an item is no map");
	}
}

static void fill_tunnel(struct fill *fill, const struct schema_row *row,
						const struct tree_node *node, struct config_tunnel *tunnel) {
	tunnel->position = position_of(node);
	if (value_is_tunnel_name(node->key))
		memcpy(tunnel->name, node->key, strlen(node->key) + 1);
	else
		fault_add(fill->reader->errors, node, NULL,
				  "no name for a tunnel; 1 to %d letters, digits and _.-, beginning with a letter "
				  "or digit, and not lo, all or default",
				  CONFIG_NAME_SIZE - 1);
	if (node->kind == TREE_MAP || node->empty)
		fill_group(fill, row, node->empty ? NULL : node, node, tunnel);
	else
		fault_expected(fill, row, node,
					   node->kind == TREE_LIST ? "a list stands here" : "a text stands here");
	tunnel->carries_streams = schema_carries_streams(tunnel->protocol);
	tunnel->shares_keys = schema_shares_keys(tunnel->protocol);
	tunnel->logs_in = schema_logs_in(tunnel->protocol);
}

static void fill_tunnels(struct fill *fill, const struct schema_row *row,
						 const struct tree_node *map, struct config *config) {
	if (map->kind != TREE_MAP) {
		fault_add(fill->reader->errors, map, NULL,
				  "%s stands here; a map of tunnels by the names of their interfaces",
				  map->kind == TREE_LIST ? "a list" : "a text");
		return;
	}
	if (map->count > row->maximum) {
		fault_add(fill->reader->errors, map, NULL, "%u tunnels; at most %u", map->count,
				  row->maximum);
		return;
	}
	struct config_tunnel *tunnel = arena_take(fill->reader->memory, map->count * sizeof *tunnel);
	if (!tunnel)
		return;
	config->tunnels = tunnel;
	config->tunnel_count = map->count;
	for (const struct tree_node *node = map->first; node; node = node->next)
		fill_tunnel(fill, row, node, tunnel++);
}

/* What stands at the row's key. */
static void fill_present(struct fill *fill, const struct schema_row *row,
						 const struct tree_node *node, void *base) {
	void *member = (char *)base + row->offset;
	switch (row->type) {
	case SCHEMA_INCLUDE:
		break; /* done before */
	case SCHEMA_GROUP:
		if (node->kind == TREE_MAP)
			fill_group(fill, row, node, node, base);
		else
			fault_expected(fill, row, node,
						   node->kind == TREE_LIST ? "a list stands here" : "a text stands here");
		break;
	case SCHEMA_TUNNELS:
		fill_tunnels(fill, row, node, base);
		break;
	case SCHEMA_PEERS:
		fill_peers(fill, row, node, base);
		break;
	case SCHEMA_ITEMS:
		fill_items(fill, row, node, member);
		break;
	default:
		/* A value that is none is like one that is absent. */
		if ((value_is_push(row, node) || !value_read(fill->reader, row, node, member)) &&
			(row->flags & SCHEMA_ABSENCE))
			*(bool *)((char *)base + row->absence) = true;
		break;
	}
}

static void fill_absent(struct fill *fill, const struct schema_row *row,
						const struct tree_node *owner, void *base) {
	char expected[VALUE_EXPECTED_SIZE];
	if (row->flags & SCHEMA_REQUIRED) {
		value_expected(row, expected);
		fault_add(fill->reader->errors, owner, row->key, "missing; %s", expected);
	}
	if (row->flags & SCHEMA_ABSENCE)
		*(bool *)((char *)base + row->absence) = true;
	if (row->type == SCHEMA_GROUP)
		fill_group(fill, row, NULL, owner, base);
	else if (!row->rows && row->type != SCHEMA_INCLUDE)
		value_set_standard(fill->reader, row, (char *)base + row->offset);
}

/* A map, list or list of values with nothing behind its colon is one that is absent. */
static bool may_be_empty(const struct schema_row *row) {
	return row->rows || row->type == SCHEMA_INCLUDE || schema_is_list(row);
}

/* map: NULL when the group is absent; owner: where to tell that a key is missing. */
static void fill_group(struct fill *fill, const struct schema_row *group,
					   const struct tree_node *map, const struct tree_node *owner, void *base) {
	uint64_t seen = 0; /* a bit a row */
	for (const struct tree_node *node = map ? map->first : NULL; node; node = node->next) {
		const struct schema_row *row = schema_find(group, node->key, strlen(node->key));
		if (!row) {
			unknown_key(fill, group, node);
			continue;
		}
		if (node->empty && may_be_empty(row))
			continue;
		seen |= UINT64_C(1) << (row - group->rows);
		fill_present(fill, row, node, base);
	}
	for (const struct schema_row *row = group->rows; row->key; row++)
		if (!(seen >> (row - group->rows) & 1))
			fill_absent(fill, row, owner, base);
}

/* The host's name, or what of it may be a name. */
static const char *host_label(struct fill *fill) {
	char name[CONFIG_LABEL_MAX + 1];
	if (gethostname(name, sizeof name))
		name[0] = '\0';
	name[sizeof name - 1] = '\0';
	if (!value_is_label(name))
		return "umbra";
	return arena_text(fill->reader->memory, name, strlen(name));
}

void fill_config(struct value_reader *reader, const struct tree_node *root, struct config *config) {
	struct fill fill = {.reader = reader, .peers_left = FILL_PEERS_MAX};
	fill_group(&fill, &schema_root, root, root, config);
	if (!config->node.name)
		config->node.name = host_label(&fill);
}
