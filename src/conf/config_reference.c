#include <stdio.h>
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
	if (row->flags & SCHEMA_NEEDED)
		return "none; the key is required";
	return schema_is_list(row) ? "empty" : schema_standard(row);
}

enum { TUNNELS_SIZE = 120 };

/* Of what tunnels the key is; nothing where it is of all. */
static const char *tunnels_of(const struct schema_row *row, char text[static TUNNELS_SIZE]) {
	const unsigned kinds = schema_kinds(row);
	const bool streams = (kinds & SCHEMA_OF_STREAMS) && schema_stream_protocols[0];
	const bool shared = (kinds & SCHEMA_OF_SHARED) && schema_shared_protocols[0];
	const bool packets = kinds & SCHEMA_OF_PACKETS;
	const bool server = row->flags & SCHEMA_OF_SERVER, client = row->flags & SCHEMA_OF_CLIENT;
	const bool all_streams = streams || !schema_stream_protocols[0];
	const bool all_shared = shared || !schema_shared_protocols[0];
	const bool only_servers = server || (row->flags & SCHEMA_SHARED_SERVER);
	const char *who = server ? "servers" : client ? "clients" : "those";
	text[0] = '\0';
	if (packets && all_streams && all_shared && !client && !only_servers)
		return text;
	if (!schema_stream_protocols[0] && !schema_shared_protocols[0])
		return text;
	(void)snprintf(text, TUNNELS_SIZE, "%s%s%s%s%s%s%s",
				   !packets                     ? ""
				   : schema_shared_protocols[0] ? "those that carry packets by pairs of keys"
												: "those that carry packets",
				   packets && (streams || shared) ? ", and " : "", streams ? who : "",
				   !streams           ? ""
				   : server || client ? " of streams"
									  : " that carry streams",
				   streams && shared ? ", and " : "",
				   shared ? (only_servers ? "servers" : who) : "",
				   shared ? " with shared keys" : "");
	return text;
}

static void add_text_row(void *context, const struct schema_row *row, const char *path,
						 unsigned depth) {
	struct buffer *buffer = context;
	char expected[VALUE_EXPECTED_SIZE];
	char tunnels_text[TUNNELS_SIZE];
	const char *standard = default_of(row), *of = tunnels_of(row, tunnels_text);
	buffer_format(buffer, "%s%s\n", buffer->size > 0 ? "\n" : "", path);
	buffer_wrapped(buffer, "    ", row->help, WIDTH);
	if (expected_of(row, expected)[0])
		buffer_format(buffer, "    Value:   %s\n", expected);
	if (standard[0])
		buffer_format(buffer, "    Default: %s\n", standard);
	if (of[0])
		buffer_format(buffer, "    Tunnels: %s\n", of);
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
	char tunnels_text[TUNNELS_SIZE];
	const char *standard = default_of(row), *of = tunnels_of(row, tunnels_text);
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
	if (of[0])
		buffer_format(buffer, ".br\nTunnels: %s\n", of);
}

static void add_comment(struct buffer *buffer, size_t indent, const char *text) {
	char prefix[MARGIN_SIZE + 3];
	memset(prefix, ' ', indent);
	strcpy(prefix + indent, "# ");
	buffer_wrapped(buffer, prefix, text, WIDTH);
}

/* The tunnels of the configuration that is shown; the others only have what the first has not. */
static const struct config_tunnel tunnels[] = {
	{.name = "um0"},
	{.name = "web", .carries_streams = true, .role = CONFIG_SERVER},
	{.name = "out", .carries_streams = true, .role = CONFIG_CLIENT},
	{.name = "office", .shares_keys = true, .role = CONFIG_SERVER},
	{.name = "home", .shares_keys = true, .role = CONFIG_CLIENT},
};
enum { TUNNELS_SHOWN = sizeof tunnels / sizeof tunnels[0] };

/* What stands above the servers. */
static const char streams_text[] =
	"Tunnels that carry streams, a server and a client. Each may have the keys above as well, but "
	"for those that umbra config reference says to be of tunnels that carry packets.";
static const char shared_text[] =
	"Tunnels that carry packets, and whose ends share keys, a server and a client. Each may have "
	"the keys above as well, but for those that umbra config reference says to be of others.";

/* Whether a protocol of the build is such. */
static bool is_in_build(const struct config_tunnel *tunnel) {
	return tunnel->carries_streams ? schema_stream_protocols[0] != NULL
		   : tunnel->shares_keys   ? schema_shared_protocols[0] != NULL
								   : true;
}

static bool has_role(const struct config_tunnel *tunnel) {
	return tunnel->carries_streams || tunnel->shares_keys;
}

/* Where rows are shown. */
struct place {
	const struct config_tunnel *tunnel;
	bool again; /* the first tunnel has had the group they are in */
};

/* Whether the first tunnel has had the row. */
static bool is_known(const struct schema_row *row, const struct place *place) {
	return place->again && schema_suits(row, &tunnels[0]);
}

/* Whether it is left out, as nothing is new about it. */
static bool is_left_out(const struct schema_row *row, const struct place *place) {
	bool needed = row->flags & (SCHEMA_REQUIRED | SCHEMA_SHOWN) || row->rows ||
				  row->choices == schema_protocols || schema_needs(row, place->tunnel);
	return !needed && is_known(row, place);
}

/* The key's value in the tunnel, and whether it has to stand there; otherwise it is a comment. */
static const char *value_of(const struct schema_row *row, const struct config_tunnel *tunnel,
							bool *out_stands) {
	const char *standard = schema_standard(row);
	bool has_standard = standard && standard[0] && !row->absent;
	*out_stands = has_standard || row->flags & SCHEMA_REQUIRED || schema_needs(row, tunnel) ||
				  (has_role(tunnel) && row->flags & SCHEMA_SHOWN);
	if (tunnel->carries_streams && row->choices == schema_protocols)
		return schema_stream_protocols[0];
	if (tunnel->shares_keys && row->choices == schema_protocols)
		return schema_shared_protocols[0];
	if (row->choices == schema_roles)
		return schema_roles[tunnel->role];
	if (has_standard)
		return standard;
	return tunnel->carries_streams && row->stream_example ? row->stream_example : row->example;
}

static void add_yaml_rows(struct buffer *buffer, const struct schema_row *group,
						  const struct place *place, size_t indent);

static void add_yaml_value(struct buffer *buffer, const struct schema_row *row,
						   const struct place *place, size_t indent) {
	bool stands;
	const char *value = value_of(row, place->tunnel, &stands);
	buffer_spaces(buffer, indent);
	buffer_format(buffer, "%s%s: %s\n", stands ? "" : "# ", row->key, value);
}

/* Its help, where the first tunnel has none of it. */
static void add_yaml_help(struct buffer *buffer, const struct schema_row *row,
						  const struct place *place, size_t indent) {
	struct buffer text = {0};
	char expected[VALUE_EXPECTED_SIZE];
	const char *standard = default_of(row);
	if (is_known(row, place))
		return;
	buffer_text(&text, row->help);
	if (expected_of(row, expected)[0] && row->type != SCHEMA_PEERS)
		buffer_format(&text, " Value: %s.", expected);
	if (standard[0] && (row->absent || schema_is_list(row)))
		buffer_format(&text, " Default: %s.", standard);
	if (text.text)
		add_comment(buffer, indent, text.text);
	buffer->failed = buffer->failed || text.failed;
	buffer_done(&text);
}

/* Every line of it behind a number sign in the column. */
static void add_commented(struct buffer *buffer, const struct buffer *part, size_t indent) {
	for (const char *line = part->text; line && *line;) {
		size_t size = strcspn(line, "\n"), blanks = size < indent ? size : indent;
		buffer_spaces(buffer, indent);
		buffer_text(buffer, size > blanks ? "# " : "#");
		buffer_add(buffer, line + blanks, size - blanks);
		buffer_text(buffer, "\n");
		line += size + (line[size] != '\0');
	}
	buffer->failed = buffer->failed || part->failed;
}

static void add_yaml_tunnels(struct buffer *buffer, const struct schema_row *row, size_t indent) {
	for (size_t i = 0; i < TUNNELS_SHOWN; i++) {
		const struct place place = {.tunnel = &tunnels[i], .again = i > 0};
		if (!is_in_build(place.tunnel))
			continue;
		if (i > 0)
			buffer_text(buffer, "\n");
		if (has_role(place.tunnel) && place.tunnel->role == CONFIG_SERVER)
			add_comment(buffer, indent, place.tunnel->carries_streams ? streams_text : shared_text);
		buffer_spaces(buffer, indent);
		buffer_format(buffer, "%s:\n", tunnels[i].name);
		add_yaml_rows(buffer, row, &place, indent + INDENT);
	}
}

/* A group, or a list of maps with one in it. */
static void add_yaml_group(struct buffer *buffer, const struct schema_row *row,
						   const struct place *place, size_t indent) {
	struct buffer inside = {0}, all = {0};
	bool list = row->type == SCHEMA_PEERS || row->type == SCHEMA_ITEMS;
	size_t inner = indent + INDENT;
	const struct place below = {.tunnel = place->tunnel, .again = is_known(row, place)};
	if (row->type == SCHEMA_TUNNELS)
		add_yaml_tunnels(&inside, row, inner);
	else
		add_yaml_rows(&inside, row, &below, list ? inner + INDENT : inner);
	if (inside.text) {
		buffer_spaces(&all, indent);
		buffer_format(&all, "%s:\n", row->key);
		if (list) {
			buffer_spaces(&all, inner);
			buffer_text(&all, "-\n");
		}
		buffer_add(&all, inside.text, inside.size);
		add_yaml_help(buffer, row, place, indent);
		if (row->type == SCHEMA_ITEMS)
			add_commented(buffer, &all, indent);
		else
			buffer_add(buffer, all.text, all.size);
	}
	buffer->failed = buffer->failed || inside.failed || all.failed;
	buffer_done(&inside);
	buffer_done(&all);
}

static void add_yaml_rows(struct buffer *buffer, const struct schema_row *group,
						  const struct place *place, size_t indent) {
	size_t begun = buffer->size;
	for (const struct schema_row *row = group->rows; row->key; row++) {
		struct buffer part = {0};
		if (!schema_suits(row, place->tunnel) || is_left_out(row, place))
			continue;
		if (row->rows) {
			add_yaml_group(&part, row, place, indent);
		} else {
			add_yaml_help(&part, row, place, indent);
			add_yaml_value(&part, row, place, indent);
		}
		if (buffer->size > begun && part.text)
			buffer_text(buffer, "\n");
		if (part.text)
			buffer_add(buffer, part.text, part.size);
		buffer->failed = buffer->failed || part.failed;
		buffer_done(&part);
	}
}

enum err config_reference(enum config_reference form, char **out_text, size_t *out_size) {
	struct buffer buffer = {0};
	switch (form) {
	case CONFIG_REFERENCE_TEXT:
		schema_walk(&schema_root, add_text_row, &buffer);
		break;
	case CONFIG_REFERENCE_YAML:
		add_yaml_rows(&buffer, &schema_root, &(const struct place){.tunnel = &tunnels[0]}, 0);
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
