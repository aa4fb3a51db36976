#include "conf/override.h"

#include <stdio.h>
#include <string.h>

#include "conf/fault.h"
#include "conf/schema.h"
#include "conf/value.h"

static const struct tree_file command_line = {.name = "--set"};

struct override {
	struct tree *tree;
	struct config_errors *errors;
	const struct config_override *source;
};

static struct tree_node *new_child(struct override *override, struct tree_node *map,
								   const char *key, enum tree_kind kind) {
	struct tree_node *node = tree_node_new(override->tree, kind, &command_line, 0);
	char *copy = arena_text(&override->tree->memory, key, strlen(key));
	if (!node || !copy)
		return NULL;
	node->key = copy;
	tree_append(map, node);
	return node;
}

/* The map at a key, made when there is none; NULL when something else stands there. */
static struct tree_node *map_at(struct override *override, struct tree_node *map, const char *key) {
	struct tree_node *node = tree_get(map, key);
	if (!node)
		return new_child(override, map, key, TREE_MAP);
	if (node->empty) {
		node->kind = TREE_MAP;
		node->empty = false;
	}
	return node->kind == TREE_MAP ? node : NULL;
}

/* "a,b" as two items; nothing for an empty text. */
static void add_items(struct override *override, struct tree_node *list, const char *text) {
	while (*text) {
		size_t size = strcspn(text, ",");
		struct tree_node *item = tree_node_new(override->tree, TREE_TEXT, &command_line, 0);
		size_t start = strspn(text, " "), end = size;
		while (end > start && text[end - 1] == ' ')
			end--;
		if (!item)
			return;
		start = start < end ? start : end;
		item->text = arena_text(&override->tree->memory, text + start, end - start);
		if (!item->text)
			return;
		tree_append(list, item);
		text += size;
		if (*text == ',')
			text++;
	}
}

static void set_value(struct override *override, const struct schema_row *row,
					  struct tree_node *map) {
	const char *value = override->source->value;
	struct tree_node *node = tree_get(map, row->key);
	if (!node)
		node = new_child(override, map, row->key, TREE_TEXT);
	if (!node)
		return;
	node->first = node->last = NULL;
	node->count = node->line = node->key_line = 0;
	node->file = &command_line;
	node->empty = false;
	node->kind = schema_is_list(row) ? TREE_LIST : TREE_TEXT;
	if (schema_is_list(row))
		add_items(override, node, value);
	else
		node->text = arena_text(&override->tree->memory, value, strlen(value));
	if (!schema_is_list(row) && !node->text)
		node->text = "";
}

/* Names may have dots: the longest that the path begins with. *path goes behind it. */
static struct tree_node *find_tunnel(struct tree_node *tunnels, const char **path) {
	struct tree_node *found = NULL;
	size_t longest = 0;
	for (struct tree_node *node = tunnels->first; node; node = node->next) {
		size_t size = strlen(node->key);
		if (size >= longest && strncmp(*path, node->key, size) == 0 && (*path)[size] == '.') {
			found = node;
			longest = size;
		}
	}
	if (found)
		*path += longest + 1;
	return found;
}

/* A peer or other item by its name, or by its number from 1. Keys have no dots, so the last one
 * ends the name. */
static struct tree_node *find_peer(const struct tree_node *peers, const char **path) {
	const char *dot = strrchr(*path, '.');
	if (!dot)
		return NULL;
	size_t size = (size_t)(dot - *path), number = 1;
	struct tree_node *found = NULL;
	for (struct tree_node *node = peers->first; node; node = node->next, number++) {
		const struct tree_node *name = tree_get(node, "name");
		char digits[24];
		(void)snprintf(digits, sizeof digits, "%zu", number);
		bool named = name && name->kind == TREE_TEXT && strlen(name->text) == size &&
					 strncmp(name->text, *path, size) == 0;
		if (named || (strlen(digits) == size && strncmp(digits, *path, size) == 0))
			found = node;
		if (named)
			break;
	}
	if (found)
		*path = dot + 1;
	return found && found->kind == TREE_MAP ? found : NULL;
}

static void tell_tunnels(struct override *override, const struct tree_node *tunnels) {
	char names[200] = "";
	size_t used = 0;
	for (const struct tree_node *node = tunnels->first; node && used < sizeof names;
		 node = node->next)
		used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? ", " : "",
								 node->key);
	fault_override(override->errors, override->source->path, "no such tunnel; %s%s",
				   used > 0 ? "one of " : "the file has none", names);
}

static void tell_no_value(struct override *override) {
	fault_override(override->errors, override->source->path,
				   "no single value; the path of one, like tunnels.um0.mtu");
}

/* One step down a path for maps of many. NULL after a fault, or where the file is faulty. */
static struct tree_node *step_into_many(struct override *override, const struct schema_row *row,
										struct tree_node *map, const char **path) {
	struct tree_node *many = tree_get(map, row->key), *found = NULL;
	if (row->type == SCHEMA_TUNNELS) {
		struct tree_node none = {0};
		const struct tree_node *whole =
			many && many->kind == TREE_MAP ? tree_get(many, *path) : NULL;
		if (whole) {
			tell_no_value(override);
			return NULL;
		}
		many = map_at(override, map, row->key);
		found = many ? find_tunnel(many, path) : NULL;
		if (!found)
			tell_tunnels(override, many ? many : &none);
		else if (found->empty)
			found = map_at(override, many, found->key);
		return found;
	}
	found = many && many->kind == TREE_LIST ? find_peer(many, path) : NULL;
	if (!found)
		fault_override(override->errors, override->source->path,
					   row->type == SCHEMA_PEERS
						   ? "no such peer; the name of a peer of the file, or its number from 1"
						   : "no such item; its name in the file, or its number from 1");
	return found;
}

static void tell_unknown(struct override *override, const struct schema_row *group,
						 const char *part, size_t size) {
	char key[TREE_KEY_MAX + 1], hint[SCHEMA_HINT_SIZE];
	(void)snprintf(key, sizeof key, "%.*s", (int)(size < TREE_KEY_MAX ? size : TREE_KEY_MAX), part);
	schema_hint(group, key, hint);
	fault_override(override->errors, override->source->path, "unknown key; %s", hint);
}

static void apply_one(struct override *override, struct tree_node *root) {
	const struct schema_row *group = &schema_root;
	struct tree_node *map = root;
	const char *path = override->source->path;
	while (map && map->kind == TREE_MAP) {
		size_t size = strcspn(path, ".");
		const struct schema_row *row = schema_find(group, path, size);
		if (!row) {
			tell_unknown(override, group, path, size);
			return;
		}
		bool last = path[size] == '\0';
		path += last ? size : size + 1;
		if (!row->rows && row->type != SCHEMA_INCLUDE) {
			if (last)
				set_value(override, row, map);
			else
				fault_override(override->errors, override->source->path,
							   "%s is a value and has no keys; the path as far as that", row->key);
			return;
		}
		if (last || row->type == SCHEMA_INCLUDE) {
			tell_no_value(override);
			return;
		}
		map = row->type == SCHEMA_GROUP ? map_at(override, map, row->key)
										: step_into_many(override, row, map, &path);
		group = row;
	}
}

void override_apply(struct tree *tree, struct tree_node *root, const struct config_source *source,
					struct config_errors *errors) {
	for (size_t i = 0; i < source->override_count; i++) {
		struct override override = {
			.tree = tree,
			.errors = errors,
			.source = &source->overrides[i],
		};
		if (i == OVERRIDE_MAX) {
			fault_at(errors, command_line.name, 0, "more than %d times; fewer", OVERRIDE_MAX);
			return;
		}
		if (strlen(override.source->value) > TREE_TEXT_MAX) {
			fault_override(errors, override.source->path, "the value is too long; at most %d",
						   TREE_TEXT_MAX);
			continue;
		}
		apply_one(&override, root);
	}
}
