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

enum { TUNNELS_SIZE = 200 };

/* A kind of tunnels with roles, in words: "servers of streams", "those that carry streams". */
struct kind_words {
	unsigned kind;
	const char *const *protocols;
	const char *of_role, *of_all;
	unsigned server, client; /* flags that leave one role of this kind alone */
};

static const struct kind_words kinds_with_roles[] = {
	{SCHEMA_OF_STREAMS, schema_stream_protocols, " of streams", " that carry streams", 0, 0},
	{SCHEMA_OF_SHARED, schema_shared_protocols, " with shared keys", " with shared keys",
	 SCHEMA_SHARED_SERVER, SCHEMA_SHARED_CLIENT},
	{SCHEMA_OF_LOGIN, schema_login_protocols, " with logins", " with logins", 0, 0},
};
enum { KINDS_WITH_ROLES = sizeof kinds_with_roles / sizeof kinds_with_roles[0] };

/* Which roles of the kind the key is of: SCHEMA_OF_SERVER, CLIENT, 0 for both. */
static unsigned role_of(const struct schema_row *row, const struct kind_words *words) {
	if (row->flags & (SCHEMA_OF_SERVER | words->server))
		return SCHEMA_OF_SERVER;
	return row->flags & (SCHEMA_OF_CLIENT | words->client) ? SCHEMA_OF_CLIENT : 0;
}

/* Of all kinds that the build has, in every role. */
static bool is_of_all(const struct schema_row *row) {
	bool all = schema_kinds(row) & SCHEMA_OF_PACKETS, others = false;
	for (size_t i = 0; i < KINDS_WITH_ROLES; i++) {
		const struct kind_words *words = &kinds_with_roles[i];
		if (!words->protocols[0])
			continue;
		others = true;
		all &= (schema_kinds(row) & words->kind) && !role_of(row, words);
	}
	return all || !others;
}

/* Of what tunnels the key is; nothing where it is of all. */
static const char *tunnels_of(const struct schema_row *row, char text[static TUNNELS_SIZE]) {
	const unsigned kinds = schema_kinds(row);
	const bool others_with_packets = schema_shared_protocols[0] || schema_login_protocols[0];
	text[0] = '\0';
	if (is_of_all(row))
		return text;
	size_t used = 0;
	if (kinds & SCHEMA_OF_PACKETS)
		used = (size_t)snprintf(text, TUNNELS_SIZE, "those that carry packets%s",
								others_with_packets ? " by pairs of keys" : "");
	for (size_t i = 0; i < KINDS_WITH_ROLES && used < TUNNELS_SIZE; i++) {
		const struct kind_words *words = &kinds_with_roles[i];
		const unsigned role = role_of(row, words);
		if (!(kinds & words->kind) || !words->protocols[0])
			continue;
		used +=
			(size_t)snprintf(text + used, TUNNELS_SIZE - used, "%s%s%s", used > 0 ? ", and " : "",
							 role == SCHEMA_OF_SERVER   ? "servers"
							 : role == SCHEMA_OF_CLIENT ? "clients"
														: "those",
							 role ? words->of_role : words->of_all);
	}
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
	{.name = "staff", .logs_in = true, .role = CONFIG_SERVER},
	{.name = "work", .logs_in = true, .role = CONFIG_CLIENT},
};
enum { TUNNELS_SHOWN = sizeof tunnels / sizeof tunnels[0] };

/* What stands above the servers. */
static const char streams_text[] =
	"Tunnels that carry streams, a server and a client. Each may have the keys above as well, but "
	"for those that umbra config reference says to be of tunnels that carry packets.";
static const char shared_text[] =
	"Tunnels that carry packets, and whose ends share keys, a server and a client. Each may have "
	"the keys above as well, but for those that umbra config reference says to be of others.";

static const char login_text[] =
	"Tunnels that carry packets, and whose clients log in, a server and a client, in the same "
	"manner.";

static const char *text_above(const struct config_tunnel *tunnel) {
	return tunnel->carries_streams ? streams_text : tunnel->shares_keys ? shared_text : login_text;
}

/* The one that is such; NULL: the build has none. */
static const char *protocol_of(const struct config_tunnel *tunnel) {
	return tunnel->carries_streams ? schema_stream_protocols[0]
		   : tunnel->shares_keys   ? schema_shared_protocols[0]
		   : tunnel->logs_in       ? schema_login_protocols[0]
								   : schema_protocols[0];
}

static bool has_role(const struct config_tunnel *tunnel) {
	return tunnel->carries_streams || config_has_shared(tunnel);
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
	if (has_role(tunnel) && row->choices == schema_protocols)
		return protocol_of(tunnel);
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
		if (!protocol_of(place.tunnel))
			continue;
		if (i > 0)
			buffer_text(buffer, "\n");
		if (has_role(place.tunnel) && place.tunnel->role == CONFIG_SERVER)
			add_comment(buffer, indent, text_above(place.tunnel));
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
