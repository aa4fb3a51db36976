#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "conf/arena.h"
#include "conf/config.h"

/*
 * YAML as a tree of maps, lists and texts that know where they stand. What configurations do not
 * need is refused: aliases, anchors, tags, several documents, keys that are no texts or stand
 * twice.
 */

enum {
	TREE_DEPTH_MAX = 16,
	TREE_KEYS_MAX = 128,      /* of one map */
	TREE_KEY_MAX = 128,       /* characters */
	TREE_TEXT_MAX = 4096,     /* characters */
	TREE_NODES_MAX = 1 << 21, /* of all files */
};

struct tree_file {
	const char *name;      /* for messages */
	const char *directory; /* absolute, of relative paths; NULL: an override */
};

enum tree_kind { TREE_TEXT, TREE_LIST, TREE_MAP };

struct tree_node {
	struct tree_node *parent, *next; /* in the parent */
	struct tree_node *first, *last;  /* of a list or map */
	const char *key;                 /* in a map */
	const char *text;                /* of TREE_TEXT */
	const struct tree_file *file;
	unsigned line, key_line; /* 0: none */
	unsigned count;          /* children */
	enum tree_kind kind;
	bool empty; /* nothing behind "key:" */
};

struct tree {
	struct arena memory;
	size_t node_count;
};

void tree_done(struct tree *tree);

/*
 * The tree of a text, a map; empty for an empty text. False with at least one fault added, or when
 * memory ran out.
 */
bool tree_parse(struct tree *tree, const struct tree_file *file, const char *text, size_t size,
				struct config_errors *errors, struct tree_node **out_root);

/* NULL when memory ran out. */
struct tree_node *tree_node_new(struct tree *tree, enum tree_kind kind,
								const struct tree_file *file, unsigned line);
/* As the last one of its new parent. */
void tree_append(struct tree_node *parent, struct tree_node *node);
/* NULL without one; also for what is no map. */
struct tree_node *tree_get(const struct tree_node *map, const char *key);
