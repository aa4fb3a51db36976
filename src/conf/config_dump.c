#include "conf/buffer.h"
#include "conf/config.h"
#include "conf/files.h"
#include "conf/schema.h"
#include "conf/value.h"

enum { INDENT = 2 };

/* Where things stand: keys that are not of the tunnel are left out. */
struct dump {
	struct buffer *buffer;
	const struct config_tunnel *tunnel; /* NULL: outside of tunnels */
};

static void dump_group(const struct dump *dump, const struct schema_row *group, const void *base,
					   size_t indent, bool item);

static void dump_items(const struct dump *dump, const struct schema_row *row, const char *items,
					   size_t count, size_t size, size_t indent) {
	buffer_spaces(dump->buffer, indent);
	buffer_format(dump->buffer, "%s:%s\n", row->key, count == 0 ? " []" : "");
	for (size_t i = 0; i < count; i++)
		dump_group(dump, row, items + i * size, indent + 2 * INDENT, true);
}

static void dump_tunnels(const struct dump *dump, const struct schema_row *row,
						 const struct config *config, size_t indent) {
	struct buffer *buffer = dump->buffer;
	buffer_spaces(buffer, indent);
	buffer_format(buffer, "%s:%s\n", row->key, config->tunnel_count == 0 ? " {}" : "");
	for (size_t i = 0; i < config->tunnel_count; i++) {
		const struct config_tunnel *tunnel = &config->tunnels[i];
		const struct dump inside = {.buffer = buffer, .tunnel = tunnel};
		buffer_spaces(buffer, indent + INDENT);
		buffer_quoted(buffer, tunnel->name);
		buffer_text(buffer, ":\n");
		dump_group(&inside, row, tunnel, indent + 2 * INDENT, false);
	}
}

static bool is_absent(const struct dump *dump, const struct schema_row *row, const void *base) {
	if ((row->flags & SCHEMA_ABSENCE) && *(const bool *)((const char *)base + row->absence))
		return true;
	if (dump->tunnel && !schema_suits(row, dump->tunnel))
		return true;
	return row->type == SCHEMA_INCLUDE ||
		   (!row->rows && !value_is_present(row, (const char *)base + row->offset));
}

/* True when the row was one of many. */
static bool dump_many(const struct dump *dump, const struct schema_row *row, const void *base,
					  size_t indent) {
	const struct config_tunnel *tunnel = base;
	const struct value_items *list = (const void *)((const char *)base + row->offset);
	if (row->type == SCHEMA_TUNNELS)
		dump_tunnels(dump, row, base, indent);
	else if (row->type == SCHEMA_PEERS)
		dump_items(dump, row, (const char *)tunnel->peers, tunnel->peer_count,
				   sizeof *tunnel->peers, indent);
	else if (row->type == SCHEMA_ITEMS)
		dump_items(dump, row, list->items, list->count, row->size, indent);
	else
		return false;
	return true;
}

/* item: of a list; its first key follows the dash. Each item has a key that is never absent. */
static void dump_group(const struct dump *dump, const struct schema_row *group, const void *base,
					   size_t indent, bool item) {
	struct buffer *buffer = dump->buffer;
	for (const struct schema_row *row = group->rows; row->key; row++) {
		if (is_absent(dump, row, base) || dump_many(dump, row, base, indent))
			continue;
		buffer_spaces(buffer, item ? indent - INDENT : indent);
		buffer_format(buffer, "%s%s:", item ? "- " : "", row->key);
		item = false;
		if (row->type == SCHEMA_GROUP) {
			buffer_text(buffer, "\n");
			dump_group(dump, row, base, indent + INDENT, false);
			continue;
		}
		buffer_text(buffer, " ");
		value_write(row, (const char *)base + row->offset, buffer);
		buffer_text(buffer, "\n");
	}
}

enum err config_dump(const struct config *config, char **out_text, size_t *out_size) {
	struct buffer buffer = {0};
	const struct dump dump = {.buffer = &buffer};
	dump_group(&dump, &schema_root, config, 0, false);
	if (buffer.failed || buffer.size > FILES_SIZE_MAX) {
		enum err error = buffer.failed ? ERR_NO_MEMORY : ERR_LIMIT;
		buffer_done(&buffer);
		return error;
	}
	*out_text = buffer.text;
	*out_size = buffer.size;
	return ERR_OK;
}
