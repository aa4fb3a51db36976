#include "conf/tree.h"

#include <string.h>

#include <yaml.h>

#include "conf/fault.h"

struct parse {
	yaml_parser_t yaml;
	struct tree *tree;
	const struct tree_file *file;
	struct config_errors *errors;
	struct tree_node *root;
	struct tree_node *open[TREE_DEPTH_MAX]; /* lists and maps around what comes next */
	size_t depth;
	const char *key; /* that waits for its value; NULL: none */
	unsigned key_line;
	unsigned documents;
};

void tree_done(struct tree *tree) {
	arena_done(&tree->memory);
}

struct tree_node *tree_node_new(struct tree *tree, enum tree_kind kind,
								const struct tree_file *file, unsigned line) {
	struct tree_node *node = arena_take(&tree->memory, sizeof *node);
	if (!node)
		return NULL;
	node->kind = kind;
	node->file = file;
	node->line = line;
	tree->node_count++;
	return node;
}

void tree_append(struct tree_node *parent, struct tree_node *node) {
	node->parent = parent;
	node->next = NULL;
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	parent->count++;
}

struct tree_node *tree_get(const struct tree_node *map, const char *key) {
	if (!map || map->kind != TREE_MAP)
		return NULL;
	for (struct tree_node *node = map->first; node; node = node->next)
		if (strcmp(node->key, key) == 0)
			return node;
	return NULL;
}

static unsigned line_of(const yaml_event_t *event) {
	return (unsigned)event->start_mark.line + 1;
}

/* Faults that end the parsing are those after which nothing certain can be said; false. */
static bool stop(struct parse *parse, unsigned line, const char *text) {
	fault_at(parse->errors, parse->file->name, line, "%s", text);
	return false;
}

/* Puts a value where it belongs. */
static bool attach(struct parse *parse, struct tree_node *node) {
	if (parse->depth == 0) {
		parse->root = node;
		return true;
	}
	struct tree_node *parent = parse->open[parse->depth - 1];
	if (parent->kind == TREE_MAP) {
		node->key = parse->key;
		node->key_line = parse->key_line;
		parse->key = NULL;
		const struct tree_node *before = tree_get(parent, node->key);
		if (parent->count == TREE_KEYS_MAX) {
			fault_at(parse->errors, parse->file->name, node->key_line,
					 "a map has more than %d keys", TREE_KEYS_MAX);
			return false;
		}
		tree_append(parent, node);
		if (before)
			fault_add(parse->errors, node, NULL, "the key stands in line %u already; each key once",
					  before->key_line);
		return true;
	}
	tree_append(parent, node);
	return true;
}

static bool wants_key(const struct parse *parse) {
	return parse->depth > 0 && parse->open[parse->depth - 1]->kind == TREE_MAP && !parse->key;
}

static struct tree_node *new_node(struct parse *parse, enum tree_kind kind, unsigned line) {
	if (parse->tree->node_count == TREE_NODES_MAX) {
		fault_at(parse->errors, parse->file->name, line, "more than %d values", TREE_NODES_MAX);
		return NULL;
	}
	return tree_node_new(parse->tree, kind, parse->file, line);
}

static bool take_key(struct parse *parse, const yaml_event_t *event) {
	const char *value = (const char *)event->data.scalar.value;
	size_t size = event->data.scalar.length;
	if (size > TREE_KEY_MAX || strlen(value) != size) {
		fault_at(parse->errors, parse->file->name, line_of(event),
				 "a key is longer than %d characters, or has a NUL", TREE_KEY_MAX);
		return false;
	}
	if (event->data.scalar.anchor || event->data.scalar.tag)
		return stop(parse, line_of(event), "a key has an anchor or a tag; the word alone");
	parse->key = arena_text(&parse->tree->memory, value, size);
	parse->key_line = line_of(event);
	return parse->key;
}

static void refuse_extras(struct parse *parse, const struct tree_node *node,
						  const yaml_char_t *anchor, const yaml_char_t *tag) {
	if (anchor)
		fault_add(parse->errors, node, NULL,
				  "an anchor (&) is not supported; the value in every place that needs it");
	if (tag)
		fault_add(parse->errors, node, NULL, "a tag (!) is not supported; the value alone");
}

static bool take_text(struct parse *parse, const yaml_event_t *event) {
	if (wants_key(parse))
		return take_key(parse, event);
	const char *value = (const char *)event->data.scalar.value;
	size_t size = event->data.scalar.length;
	struct tree_node *node = new_node(parse, TREE_TEXT, line_of(event));
	if (!node)
		return false;
	node->empty = size == 0 && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->text = arena_text(&parse->tree->memory, value, size);
	if (!node->text || !attach(parse, node))
		return false;
	if (node->empty && node->key)
		node->line = node->key_line;
	refuse_extras(parse, node, event->data.scalar.anchor, event->data.scalar.tag);
	if (strlen(value) != size)
		fault_add(parse->errors, node, NULL, "the value has a NUL character; a plain text");
	else if (size > TREE_TEXT_MAX)
		fault_add(parse->errors, node, NULL, "the value has %zu characters; at most %d", size,
				  TREE_TEXT_MAX);
	return true;
}

static bool take_start(struct parse *parse, const yaml_event_t *event, enum tree_kind kind) {
	if (wants_key(parse))
		return stop(parse, line_of(event), "a key is a map or list; a word");
	if (parse->depth == TREE_DEPTH_MAX) {
		fault_at(parse->errors, parse->file->name, line_of(event),
				 "maps and lists are nested deeper than %d levels", TREE_DEPTH_MAX);
		return false;
	}
	struct tree_node *node = new_node(parse, kind, line_of(event));
	if (!node || !attach(parse, node))
		return false;
	parse->open[parse->depth++] = node;
	if (kind == TREE_MAP)
		refuse_extras(parse, node, event->data.mapping_start.anchor, event->data.mapping_start.tag);
	else
		refuse_extras(parse, node, event->data.sequence_start.anchor,
					  event->data.sequence_start.tag);
	return true;
}

static bool take_alias(struct parse *parse, const yaml_event_t *event) {
	static const char text[] =
		"an alias (*) is not supported; the value itself, in quotes when it begins with *";
	if (wants_key(parse))
		return stop(parse, line_of(event), text);
	struct tree_node *node = new_node(parse, TREE_TEXT, line_of(event));
	if (!node)
		return false;
	node->text = "";
	if (!attach(parse, node))
		return false;
	fault_add(parse->errors, node, NULL, "%s", text);
	return true;
}

/* False when the parsing ends here. */
static bool take_event(struct parse *parse, const yaml_event_t *event) {
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (parse->documents++ > 0)
			return stop(parse, line_of(event), "a second document begins here; one in a file");
		return true;
	case YAML_ALIAS_EVENT:
		return take_alias(parse, event);
	case YAML_SCALAR_EVENT:
		return take_text(parse, event);
	case YAML_SEQUENCE_START_EVENT:
		return take_start(parse, event, TREE_LIST);
	case YAML_MAPPING_START_EVENT:
		return take_start(parse, event, TREE_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		parse->depth--;
		return true;
	case YAML_STREAM_END_EVENT:
		return false;
	default:
		return true;
	}
}

static unsigned line_at(const char *text, size_t offset) {
	unsigned line = 1;
	for (const char *at = text; (at = memchr(at, '\n', offset - (size_t)(at - text))) != NULL; at++)
		line++;
	return line;
}

static void syntax_fault(struct parse *parse, const char *text, size_t size) {
	const yaml_parser_t *yaml = &parse->yaml;
	unsigned line = (unsigned)yaml->problem_mark.line + 1;
	const char *problem = yaml->problem ? yaml->problem : "it cannot be understood";
	const char *hint = "";
	if (yaml->error == YAML_MEMORY_ERROR) {
		parse->tree->memory.failed = true;
		return;
	}
	if (yaml->error == YAML_READER_ERROR) {
		line = line_at(text, yaml->problem_offset < size ? yaml->problem_offset : size);
		hint = "; UTF-8 text";
	} else if (strstr(problem, "cannot start any token")) {
		hint = "; spaces to indent, not tabs, and quotes around texts with special characters";
	} else if (strstr(problem, "mapping values are not allowed")) {
		hint = "; quotes around texts with a colon, and keys of one level in one column";
	}
	fault_at(parse->errors, parse->file->name, line, "no valid YAML: %s%s", problem, hint);
}

static void parse_events(struct parse *parse, const char *text, size_t size) {
	bool more = true;
	while (more) {
		yaml_event_t event;
		if (!yaml_parser_parse(&parse->yaml, &event)) {
			syntax_fault(parse, text, size);
			return;
		}
		more = take_event(parse, &event);
		yaml_event_delete(&event);
	}
}

bool tree_parse(struct tree *tree, const struct tree_file *file, const char *text, size_t size,
				struct config_errors *errors, struct tree_node **out_root) {
	struct parse parse = {.tree = tree, .file = file, .errors = errors};
	size_t faults = errors->count;
	if (!yaml_parser_initialize(&parse.yaml)) {
		tree->memory.failed = true;
		return false;
	}
	yaml_parser_set_input_string(&parse.yaml, (const yaml_char_t *)text, size);
	parse_events(&parse, text, size);
	yaml_parser_delete(&parse.yaml);
	if (errors->count > faults || errors->more || tree->memory.failed)
		return false;
	if (!parse.root || parse.root->empty)
		parse.root = tree_node_new(tree, TREE_MAP, file, 0);
	if (!parse.root)
		return false;
	if (parse.root->kind != TREE_MAP)
		return stop(&parse, parse.root->line, "no map; keys like \"tunnels:\"");
	*out_root = parse.root;
	return true;
}
