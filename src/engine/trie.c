#include "engine/trie.h"

#include <assert.h>
#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/slab.h"

/*
 * A node stands for the first length bits of its key. It has a value, or two children, or both;
 * one without a value ("glue") exists only where two subtrees part. Each child's key begins with
 * the node's own length bits, followed by a 0 (first child) or a 1 (second child).
 *
 * Only nodes with fresh set are written. A fresh node's parent is fresh too, therefore publishing
 * reaches all of them from the root without entering the older ones.
 */
struct node {
	struct node *children[2];
	void *value;
	uint32_t key_v4; /* IPv4 only, host byte order */
	uint8_t length;  /* bits */
	bool fresh;      /* made since the last publication; only the editor looks at it */
};

struct node_v6 {
	struct node node;
	uint64_t high, low;
};

_Static_assert(sizeof(struct node) == 32, "two nodes a cache line");
_Static_assert(sizeof(struct node_v6) == 48, "96 bytes a prefix at most");

enum { TREE_V4, TREE_V6, TREE_COUNT };

struct tree {
	struct node *root;
	struct slab nodes;
	uint8_t bits; /* 32 or 128 */
};

/* The longest path has a node for every length; an insertion adds a leaf and a glue node. */
static size_t longest_edit(const struct tree *tree) {
	return (size_t)tree->bits + 1 + 2;
}

/* Nodes that were replaced but that published views still reach. */
struct retired {
	struct node **nodes[TREE_COUNT];
	size_t count[TREE_COUNT], capacity[TREE_COUNT];
};

struct trie_view {
	const struct node *roots[TREE_COUNT];
	/* The editor's alone: */
	struct trie_view *next;
	struct retired retired; /* by the edits between this view and the next */
};

struct trie {
	struct tree trees[TREE_COUNT];
	size_t count;
	struct trie_view *oldest, *newest; /* alive; NULL when there is none */
	struct retired retired;            /* since the newest view */
};

/* The first bits of an address; an IPv4 address is at the top of high. */
struct key {
	uint64_t high, low;
};

static uint32_t load_v4(const uint8_t *bytes) {
	uint32_t value;
	memcpy(&value, bytes, sizeof value);
	return be32toh(value);
}

static uint64_t load_half(const uint8_t *bytes) {
	uint64_t value;
	memcpy(&value, bytes, sizeof value);
	return be64toh(value);
}

static uint64_t mask_half(uint64_t value, unsigned length) {
	return length == 0 ? 0 : value & (UINT64_MAX << (64 - length));
}

static struct key key_mask(struct key key, unsigned length) {
	return (struct key){
		.high = mask_half(key.high, length < 64 ? length : 64),
		.low = mask_half(key.low, length < 64 ? 0 : length - 64),
	};
}

/* Any bit for a position of 128: nodes of whole addresses have no children. */
static inline unsigned key_bit(struct key key, unsigned position) {
	uint64_t half = position < 64 ? key.high : key.low;
	return (unsigned)(half >> (63 - position % 64)) & 1;
}

/* How many leading bits are equal, 0..128. */
static inline unsigned key_common(struct key left, struct key right) {
	uint64_t high = left.high ^ right.high;
	if (high)
		return (unsigned)__builtin_clzll(high);
	uint64_t low = left.low ^ right.low;
	return low ? 64 + (unsigned)__builtin_clzll(low) : 128;
}

static struct key node_key(const struct tree *tree, const struct node *node) {
	if (tree->bits == 32)
		return (struct key){.high = (uint64_t)node->key_v4 << 32};
	const struct node_v6 *long_node = (const struct node_v6 *)node;
	return (struct key){.high = long_node->high, .low = long_node->low};
}

/* Which tree the prefix belongs to, and its masked key. */
static enum err parse_prefix(const struct prefix *prefix, size_t *out_tree, struct key *out_key) {
	const uint8_t *bytes = prefix->address.bytes;
	struct key key = {0};
	size_t tree;
	if (prefix->address.family == ADDRESS_V4 && prefix->length <= 32) {
		tree = TREE_V4;
		key.high = (uint64_t)load_v4(bytes) << 32;
	} else if (prefix->address.family == ADDRESS_V6 && prefix->length <= 128) {
		tree = TREE_V6;
		key.high = load_half(bytes);
		key.low = load_half(bytes + 8);
	} else {
		return ERR_INVALID;
	}
	*out_tree = tree;
	*out_key = key_mask(key, prefix->length);
	return ERR_OK;
}

static struct node *find_node(const struct tree *tree, struct key key, unsigned length) {
	struct node *node = tree->root;
	while (node && node->length <= length &&
		   key_common(key, node_key(tree, node)) >= node->length) {
		if (node->length == length)
			return node;
		node = node->children[key_bit(key, node->length)];
	}
	return NULL;
}

enum err trie_new(struct trie **out_trie) {
	struct trie *trie = calloc(1, sizeof *trie);
	if (!trie)
		return ERR_NO_MEMORY;
	trie->trees[TREE_V4].bits = 32;
	slab_init(&trie->trees[TREE_V4].nodes, sizeof(struct node));
	trie->trees[TREE_V6].bits = 128;
	slab_init(&trie->trees[TREE_V6].nodes, sizeof(struct node_v6));
	*out_trie = trie;
	return ERR_OK;
}

static void free_lists(const struct retired *retired) {
	for (size_t i = 0; i < TREE_COUNT; i++)
		free(retired->nodes[i]);
}

void trie_free(struct trie *trie) {
	if (!trie)
		return;
	struct trie_view *next;
	for (struct trie_view *view = trie->oldest; view; view = next) {
		next = view->next;
		free_lists(&view->retired);
		free(view);
	}
	free_lists(&trie->retired);
	for (size_t i = 0; i < TREE_COUNT; i++)
		slab_done(&trie->trees[i].nodes);
	free(trie);
}

/* Gives back the nodes that no view can reach any longer, and empties the lists. */
static void free_retired(struct trie *trie, struct retired *retired) {
	for (size_t i = 0; i < TREE_COUNT; i++)
		for (size_t j = 0; j < retired->count[i]; j++)
			slab_give(&trie->trees[i].nodes, retired->nodes[i][j]);
	free_lists(retired);
	*retired = (struct retired){0};
}

/* Whatever an edit of the tree may take is reserved here, so that it cannot fail half-way. */
static enum err reserve_edit(struct trie *trie, size_t index) {
	struct tree *tree = &trie->trees[index];
	size_t need = longest_edit(tree);
	enum err error = slab_reserve(&tree->nodes, need);
	if (error)
		return error;
	struct retired *retired = &trie->retired;
	if (!trie->newest || retired->capacity[index] - retired->count[index] >= need)
		return ERR_OK;
	size_t capacity = retired->capacity[index] * 2 + need;
	struct node **nodes = realloc(retired->nodes[index], capacity * sizeof *nodes);
	if (!nodes)
		return ERR_NO_MEMORY;
	retired->nodes[index] = nodes;
	retired->capacity[index] = capacity;
	return ERR_OK;
}

static struct node *new_node(struct tree *tree, struct key key, unsigned length, void *value) {
	struct node *node = slab_take(&tree->nodes);
	assert(node);
	*node = (struct node){.value = value, .length = (uint8_t)length, .fresh = true};
	key = key_mask(key, length);
	if (tree->bits == 32) {
		node->key_v4 = (uint32_t)(key.high >> 32);
	} else {
		struct node_v6 *long_node = (struct node_v6 *)node;
		long_node->high = key.high;
		long_node->low = key.low;
	}
	return node;
}

/* The edited version has no more use for the node. */
static void retire(struct trie *trie, size_t index, struct node *node) {
	if (node->fresh || !trie->newest) {
		slab_give(&trie->trees[index].nodes, node);
		return;
	}
	struct retired *retired = &trie->retired;
	assert(retired->count[index] < retired->capacity[index]);
	retired->nodes[index][retired->count[index]++] = node;
}

/* Makes sure that the node at *slot, which is itself writable, may be written. */
static struct node *make_writable(struct trie *trie, size_t index, struct node **slot) {
	struct node *old = *slot;
	if (old->fresh)
		return old;
	if (!trie->newest) {
		old->fresh = true;
		return old;
	}
	struct tree *tree = &trie->trees[index];
	struct node *copy = slab_take(&tree->nodes);
	assert(copy);
	memcpy(copy, old, tree->nodes.item_size);
	copy->fresh = true;
	retire(trie, index, old);
	*slot = copy;
	return copy;
}

/* Puts a new node where the descent ended: alone, above or beside the node that is there. */
static void add_node(struct tree *tree, struct node **slot, struct key key, unsigned length,
					 void *value) {
	struct node *node = new_node(tree, key, length, value);
	struct node *other = *slot;
	if (other) {
		struct key other_key = node_key(tree, other);
		unsigned common = key_common(key, other_key);
		struct node *above = node;
		if (common < length) {
			above = new_node(tree, key, common, NULL);
			above->children[key_bit(key, common)] = node;
		}
		above->children[key_bit(other_key, above->length)] = other;
		node = above;
	}
	*slot = node;
}

enum err trie_insert(struct trie *trie, const struct prefix *prefix, void *value) {
	size_t index;
	struct key key;
	if (!value)
		return ERR_INVALID;
	enum err error = parse_prefix(prefix, &index, &key);
	if (error)
		return error;
	error = reserve_edit(trie, index);
	if (error)
		return error;

	struct tree *tree = &trie->trees[index];
	unsigned length = prefix->length;
	struct node **slot = &tree->root;
	while (*slot && (*slot)->length <= length &&
		   key_common(key, node_key(tree, *slot)) >= (*slot)->length) {
		struct node *node = make_writable(trie, index, slot);
		if (node->length == length) {
			trie->count += node->value == NULL;
			node->value = value;
			return ERR_OK;
		}
		slot = &node->children[key_bit(key, node->length)];
	}
	add_node(tree, slot, key, length, value);
	trie->count++;
	return ERR_OK;
}

/* Takes a node without a value out of the tree, unless two subtrees part there. */
static void collapse(struct trie *trie, size_t index, struct node **slot) {
	struct node *node = *slot;
	if (node->value || (node->children[0] && node->children[1]))
		return;
	*slot = node->children[0] ? node->children[0] : node->children[1];
	retire(trie, index, node);
}

enum err trie_remove(struct trie *trie, const struct prefix *prefix) {
	size_t index;
	struct key key;
	enum err error = parse_prefix(prefix, &index, &key);
	if (error)
		return error;
	struct tree *tree = &trie->trees[index];
	const struct node *target = find_node(tree, key, prefix->length);
	if (!target || !target->value)
		return ERR_NOT_FOUND;
	error = reserve_edit(trie, index);
	if (error)
		return error;

	struct node **parent = NULL;
	struct node **slot = &tree->root;
	while (*slot != target) {
		struct node *node = make_writable(trie, index, slot);
		parent = slot;
		slot = &node->children[key_bit(key, node->length)];
	}
	make_writable(trie, index, slot)->value = NULL;
	collapse(trie, index, slot);
	if (parent)
		collapse(trie, index, parent);
	trie->count--;
	return ERR_OK;
}

void *trie_find(const struct trie *trie, const struct prefix *prefix) {
	size_t index;
	struct key key;
	if (parse_prefix(prefix, &index, &key))
		return NULL;
	const struct node *node = find_node(&trie->trees[index], key, prefix->length);
	return node ? node->value : NULL;
}

size_t trie_count(const struct trie *trie) {
	return trie->count;
}

size_t trie_memory(const struct trie *trie) {
	return slab_memory(&trie->trees[TREE_V4].nodes) + slab_memory(&trie->trees[TREE_V6].nodes);
}

size_t trie_node_count(const struct trie *trie) {
	return trie->trees[TREE_V4].nodes.used_count + trie->trees[TREE_V6].nodes.used_count;
}

/* From here on the nodes under root are for reading only. */
static void freeze(struct node *root, unsigned bits) {
	/* A walk of depth d leaves at most d siblings waiting. */
	struct node *stack[128 + 2];
	size_t waiting = 0;
	assert(bits + 2 <= sizeof stack / sizeof stack[0]);
	if (root && root->fresh)
		stack[waiting++] = root;
	while (waiting > 0) {
		struct node *node = stack[--waiting];
		node->fresh = false;
		for (size_t i = 0; i < 2; i++)
			if (node->children[i] && node->children[i]->fresh)
				stack[waiting++] = node->children[i];
	}
}

enum err trie_publish(struct trie *trie, const struct trie_view **out_view) {
	struct trie_view *view = calloc(1, sizeof *view);
	if (!view)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < TREE_COUNT; i++) {
		freeze(trie->trees[i].root, trie->trees[i].bits);
		view->roots[i] = trie->trees[i].root;
	}
	if (trie->newest) {
		trie->newest->retired = trie->retired;
		trie->retired = (struct retired){0};
		trie->newest->next = view;
	} else {
		trie->oldest = view;
	}
	trie->newest = view;
	*out_view = view;
	return ERR_OK;
}

void trie_view_release(struct trie *trie, const struct trie_view *released) {
	if (!released)
		return;
	struct trie_view *view = trie->oldest;
	assert(view == released);
	trie->oldest = view->next;
	if (!trie->oldest) {
		trie->newest = NULL;
		free_retired(trie, &trie->retired);
	}
	free_retired(trie, &view->retired);
	free(view);
}

void *trie_lookup_v4(const struct trie_view *view, const uint8_t address[static 4]) {
	uint32_t key = load_v4(address);
	/* One bit further left, so that a shift by 32 - length ends with the bit behind the prefix. */
	uint64_t following = (uint64_t)key << 1;
	void *value = NULL;
	const struct node *node = view->roots[TREE_V4];
	while (node) {
		unsigned shift = 32U - node->length;
		if ((uint64_t)(key ^ node->key_v4) >> shift)
			break;
		if (node->value)
			value = node->value;
		node = node->children[(following >> shift) & 1];
	}
	return value;
}

void *trie_lookup_v6(const struct trie_view *view, const uint8_t address[static 16]) {
	struct key key = {.high = load_half(address), .low = load_half(address + 8)};
	void *value = NULL;
	const struct node *node = view->roots[TREE_V6];
	while (node) {
		const struct node_v6 *long_node = (const struct node_v6 *)node;
		struct key own = {.high = long_node->high, .low = long_node->low};
		if (key_common(key, own) < node->length)
			break;
		if (node->value)
			value = node->value;
		node = node->children[key_bit(key, node->length)];
	}
	return value;
}
