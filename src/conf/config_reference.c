#include <string.h>

#include "conf/buffer.h"
#include "conf/config.h"
#include "conf/schema.h"
#include "conf/value.h"

enum { WIDTH = 78, INDENT = 2, MARGIN_SIZE = 64 };

/* "true or false", or nothing for groups, whose help says enough. */
static const char *expected_of(const struct schema_row *row,
							   char expected[static VALUE_EXPECTED_SIZE]) {
	expected[0] = '\0';
	if (row->type != SCHEMA_GROUP && row->type != SCHEMA_TUNNELS)
		value_expected(row, expected);
	return expected;
}

/* What an absent key means, in words. */
static const char *default_of(const struct schema_row *row) {
	if (row->flags & SCHEMA_REQUIRED)
		return "none; the key is required";
	if (row->rows)
		return "";
	if (row->absent)
		return row->absent;
	return schema_is_list(row) ? "empty" : schema_standard(row);
}

/* Of what tunnels the key is; nothing where it is of all. */
static const char *tunnels_of(const struct schema_row *row) {
	unsigned kinds = row->flags & (SCHEMA_OF_PACKETS | SCHEMA_OF_STREAMS);
	if (!schema_stream_protocols[0])
		return "";
	if (kinds == SCHEMA_OF_PACKETS)
		return "those that carry packets";
	if (row->flags & SCHEMA_OF_SERVER)
		return kinds ? "servers of streams" : "those that carry packets, and servers of streams";
	if (row->flags & SCHEMA_OF_CLIENT)
		return kinds ? "clients of streams" : "those that carry packets, and clients of streams";
	return kinds ? "those that carry streams" : "";
}

static void add_text_row(void *context, const struct schema_row *row, const char *path,
						 unsigned depth) {
	struct buffer *buffer = context;
	char expected[VALUE_EXPECTED_SIZE];
	const char *standard = default_of(row);
	buffer_format(buffer, "%s%s\n", buffer->size > 0 ? "\n" : "", path);
	buffer_wrapped(buffer, "    ", row->help, WIDTH);
	if (expected_of(row, expected)[0])
		buffer_format(buffer, "    Value:   %s\n", expected);
	if (standard[0])
		buffer_format(buffer, "    Default: %s\n", standard);
	if (tunnels_of(row)[0])
		buffer_format(buffer, "    Tunnels: %s\n", tunnels_of(row));
}

/* A text of man(7): no line is taken for a request, and hyphens can be copied into a terminal. */
static void add_escaped(struct buffer *buffer, const char *text) {
	if (text[0] == '.' || text[0] == '\'')
		buffer_text(buffer, "\\&");
	for (; *text; text++) {
		if (*text == '\\')
			buffer_text(buffer, "\\e");
		else if (*text == '-')
			buffer_text(buffer, "\\-");
		else if (*text == '"')
			buffer_text(buffer, "\\(dq");
		else
			buffer_add(buffer, text, 1);
	}
}

static void add_man_row(void *context, const struct schema_row *row, const char *path,
						unsigned depth) {
	struct buffer *buffer = context;
	char expected[VALUE_EXPECTED_SIZE];
	const char *standard = default_of(row);
	buffer_text(buffer, ".TP\n.B ");
	add_escaped(buffer, path);
	buffer_text(buffer, "\n");
	add_escaped(buffer, row->help);
	buffer_text(buffer, "\n");
	if (expected_of(row, expected)[0]) {
		buffer_text(buffer, ".br\nValue: ");
		add_escaped(buffer, expected);
		buffer_text(buffer, "\n");
	}
	if (standard[0]) {
		buffer_text(buffer, ".br\nDefault: ");
		add_escaped(buffer, standard);
		buffer_text(buffer, "\n");
	}
	if (tunnels_of(row)[0])
		buffer_format(buffer, ".br\nTunnels: %s\n", tunnels_of(row));
}

static void add_comment(struct buffer *buffer, size_t indent, const char *text) {
	char prefix[MARGIN_SIZE + 3];
	memset(prefix, ' ', indent);
	strcpy(prefix + indent, "# ");
	buffer_wrapped(buffer, prefix, text, WIDTH);
}

static void add_yaml_rows(struct buffer *buffer, const struct schema_row *group, size_t indent);

/* A line with the default; without one the example, which is only a comment unless it must be. */
static void add_yaml_value(struct buffer *buffer, const struct schema_row *row, size_t indent) {
	const char *standard = schema_standard(row);
	bool has_standard = standard && standard[0] && !row->absent;
	bool comment = !has_standard && !(row->flags & SCHEMA_REQUIRED);
	buffer_spaces(buffer, indent);
	buffer_format(buffer, "%s%s: %s\n", comment ? "# " : "", row->key,
				  has_standard ? standard : row->example);
}

static void add_yaml_row(struct buffer *buffer, const struct schema_row *row, size_t indent) {
	struct buffer text = {0};
	char expected[VALUE_EXPECTED_SIZE];
	const char *standard = default_of(row);
	buffer_text(&text, row->help);
	if (expected_of(row, expected)[0] && row->type != SCHEMA_PEERS)
		buffer_format(&text, " Value: %s.", expected);
	if (standard[0] && (row->absent || schema_is_list(row)))
		buffer_format(&text, " Default: %s.", standard);
	if (text.text)
		add_comment(buffer, indent, text.text);
	buffer->failed = buffer->failed || text.failed;
	buffer_done(&text);
	if (!row->rows) {
		add_yaml_value(buffer, row, indent);
		return;
	}
	buffer_spaces(buffer, indent);
	buffer_format(buffer, "%s:\n", row->key);
	size_t inner = indent + INDENT;
	if (row->type == SCHEMA_TUNNELS || row->type == SCHEMA_PEERS) {
		buffer_spaces(buffer, inner);
		if (row->type == SCHEMA_PEERS)
			buffer_text(buffer, "-\n");
		else
			buffer_format(buffer, "%s:\n", row->example);
		inner += INDENT;
	}
	add_yaml_rows(buffer, row, inner);
}

/* The example's tunnel carries packets. */
static void add_yaml_rows(struct buffer *buffer, const struct schema_row *group, size_t indent) {
	const struct config_tunnel tunnel = {.carries_streams = false};
	for (const struct schema_row *row = group->rows; row->key; row++) {
		if (!schema_suits(row, &tunnel))
			continue;
		if (row != group->rows)
			buffer_text(buffer, "\n");
		add_yaml_row(buffer, row, indent);
	}
}

enum err config_reference(enum config_reference form, char **out_text, size_t *out_size) {
	struct buffer buffer = {0};
	switch (form) {
	case CONFIG_REFERENCE_TEXT:
		schema_walk(&schema_root, add_text_row, &buffer);
		break;
	case CONFIG_REFERENCE_YAML:
		add_yaml_rows(&buffer, &schema_root, 0);
		if (schema_stream_protocols[0])
			add_comment(&buffer, 0,
						"Tunnels that carry streams have further keys: umbra config reference.");
		break;
	case CONFIG_REFERENCE_MAN:
		buffer_text(&buffer, ".SH KEYS\n");
		schema_walk(&schema_root, add_man_row, &buffer);
		break;
	}
	if (buffer.failed) {
		buffer_done(&buffer);
		return ERR_NO_MEMORY;
	}
	*out_text = buffer.text;
	*out_size = buffer.size;
	return ERR_OK;
}
