#include "conf/buffer.h"
#include "conf/config.h"
#include "conf/files.h"
#include "conf/schema.h"
#include "conf/value.h"

enum { INDENT = 2 };

static void dump_group(struct buffer *buffer, const struct schema_row *group, const void *base,
					   size_t indent, bool item);

static void dump_peers(struct buffer *buffer, const struct schema_row *row,
					   const struct config_tunnel *tunnel, size_t indent) {
	buffer_spaces(buffer, indent);
	buffer_format(buffer, "%s:%s\n", row->key, tunnel->peer_count == 0 ? " []" : "");
	for (size_t i = 0; i < tunnel->peer_count; i++)
		dump_group(buffer, row, &tunnel->peers[i], indent + 2 * INDENT, true);
}

static void dump_tunnels(struct buffer *buffer, const struct schema_row *row,
						 const struct config *config, size_t indent) {
	buffer_spaces(buffer, indent);
	buffer_format(buffer, "%s:%s\n", row->key, config->tunnel_count == 0 ? " {}" : "");
	for (size_t i = 0; i < config->tunnel_count; i++) {
		const struct config_tunnel *tunnel = &config->tunnels[i];
		buffer_spaces(buffer, indent + INDENT);
		buffer_quoted(buffer, tunnel->name);
		buffer_text(buffer, ":\n");
		dump_group(buffer, row, tunnel, indent + 2 * INDENT, false);
	}
}

static bool is_absent(const struct schema_row *row, const void *base) {
	if ((row->flags & SCHEMA_ABSENCE) && *(const bool *)((const char *)base + row->absence))
		return true;
	return row->type == SCHEMA_INCLUDE ||
		   (!row->rows && !value_is_present(row, (const char *)base + row->offset));
}

/* item: of a list; its first key follows the dash. Each group has a key that is never absent. */
static void dump_group(struct buffer *buffer, const struct schema_row *group, const void *base,
					   size_t indent, bool item) {
	for (const struct schema_row *row = group->rows; row->key; row++) {
		if (is_absent(row, base))
			continue;
		if (row->type == SCHEMA_TUNNELS) {
			dump_tunnels(buffer, row, base, indent);
			continue;
		}
		if (row->type == SCHEMA_PEERS) {
			dump_peers(buffer, row, base, indent);
			continue;
		}
		buffer_spaces(buffer, item ? indent - INDENT : indent);
		buffer_format(buffer, "%s%s:", item ? "- " : "", row->key);
		item = false;
		if (row->type == SCHEMA_GROUP) {
			buffer_text(buffer, "\n");
			dump_group(buffer, row, base, indent + INDENT, false);
			continue;
		}
		buffer_text(buffer, " ");
		value_write(row, (const char *)base + row->offset, buffer);
		buffer_text(buffer, "\n");
	}
}

enum err config_dump(const struct config *config, char **out_text, size_t *out_size) {
	struct buffer buffer = {0};
	dump_group(&buffer, &schema_root, config, 0, false);
	if (buffer.failed || buffer.size > FILES_SIZE_MAX) {
		enum err error = buffer.failed ? ERR_NO_MEMORY : ERR_LIMIT;
		buffer_done(&buffer);
		return error;
	}
	*out_text = buffer.text;
	*out_size = buffer.size;
	return ERR_OK;
}
