#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "conf/arena.h"
#include "conf/buffer.h"
#include "conf/config.h"
#include "conf/schema.h"
#include "conf/tree.h"

/* Values between a row's text and the member that it fills. */

/* How lists are kept: a pointer and a count, in this order. */
struct value_items {
	void *items;
	size_t count;
};

struct value_reader {
	struct arena *memory;
	struct config_errors *errors;
	size_t prefixes_left; /* of all lists together */
};

/*
 * Reads the node into the member; false when a fault was added or memory ran out, with the member
 * as it was. Not for groups, tunnels, peers and include.
 */
bool value_read(struct value_reader *reader, const struct schema_row *row,
				const struct tree_node *node, void *member);

/* Whether it says "push" where that may stand for a list. */
bool value_is_push(const struct schema_row *row, const struct tree_node *node);

/* The row's standard, for a key that is absent; leaves the member when there is none. */
void value_set_standard(struct value_reader *reader, const struct schema_row *row, void *member);

/* False when the member has no value, so that the key is to be left out. */
bool value_is_present(const struct schema_row *row, const void *member);
/* As the text of a YAML value. */
void value_write(const struct schema_row *row, const void *member, struct buffer *buffer);

/* What a right value looks like: "auto, or 576 to 65475". */
enum { VALUE_EXPECTED_SIZE = 200 };
void value_expected(const struct schema_row *row, char expected[static VALUE_EXPECTED_SIZE]);

/* Whether text may be the name of a tunnel, of a node or peer. */
bool value_is_tunnel_name(const char *text);
bool value_is_label(const char *text);
