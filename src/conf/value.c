#include "conf/value.h"

#include <stdio.h>
#include <string.h>

#include "base/wipe.h"
#include "conf/fault.h"
#include "conf/utf8.h"
#include "conf/value_parse.h"

_Static_assert(sizeof(struct value_items) == sizeof(struct config_prefixes));
_Static_assert(offsetof(struct config_prefixes, count) == offsetof(struct value_items, count));

static bool is_alphanumeric(char character) {
	return (character >= '0' && character <= '9') || (character >= 'a' && character <= 'z') ||
		   (character >= 'A' && character <= 'Z');
}

static bool is_name(const char *text, size_t maximum, const char *also) {
	size_t size = strlen(text);
	if (size == 0 || size > maximum || !is_alphanumeric(text[0]))
		return false;
	for (size_t i = 1; i < size; i++)
		if (!is_alphanumeric(text[i]) && !strchr(also, text[i]))
			return false;
	return true;
}

bool value_is_tunnel_name(const char *text) {
	static const char *const taken[] = {"lo", "all", "default"};
	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
		if (strcmp(text, taken[i]) == 0)
			return false;
	return is_name(text, CONFIG_NAME_SIZE - 1, "_.-");
}

bool value_is_label(const char *text) {
	return is_name(text, CONFIG_LABEL_MAX, " _.@-");
}

/* What a path that is dumped and read again can hold. */
static bool is_plain_text(const char *text) {
	uint32_t point;
	for (size_t size; *text; text += size) {
		size = utf8_next(text, &point);
		if (size == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0))
			return false;
	}
	return true;
}

static const char *read_path(struct value_reader *reader, const struct schema_row *row,
							 const struct tree_node *node, const char **out_path) {
	const char *text = node->text, *directory = node->file->directory;
	while (text[0] == '.' && text[1] == '/' && text[2])
		text += 2;
	if (text[0] == '/')
		directory = "";
	else if (!directory)
		return "is relative to no file";
	const char *slash = directory[0] && directory[1] ? "/" : ""; /* but behind "/" alone */
	size_t size = strlen(directory) + strlen(slash) + strlen(text);
	if (size > row->maximum)
		return "is too long";
	char *path = arena_take(reader->memory, size + 1);
	if (!path)
		return "is too much";
	(void)snprintf(path, size + 1, "%s%s%s", directory, slash, text);
	if (!is_plain_text(path))
		return "has characters that are no UTF-8, or control characters";
	*out_path = path;
	return NULL;
}

static const char *read_host(struct value_reader *reader, const char *text,
							 struct config_host *out_host) {
	const char *name;
	size_t size;
	uint16_t port;
	const char *problem = value_parse_host(text, &name, &size, &port);
	if (problem)
		return problem;
	char *copy = arena_text(reader->memory, name, size);
	if (!copy)
		return "is too much";
	*out_host = (struct config_host){.name = copy, .port = port};
	return NULL;
}

static const char *read_label(struct value_reader *reader, const char *text, const char **out) {
	if (!value_is_label(text))
		return "is no name";
	const char *copy = arena_text(reader->memory, text, strlen(text));
	if (!copy)
		return "is too much";
	*out = copy;
	return NULL;
}

/* problem is what was found wrong with the text. */
static const char *read_copy(struct value_reader *reader, const char *text, const char *problem,
							 const char **out) {
	const char *copy = problem ? NULL : arena_text(reader->memory, text, strlen(text));
	if (copy)
		*out = copy;
	return problem ? problem : copy ? NULL : "is too much";
}

static const char *read_server_name(struct value_reader *reader, const char *text,
									const char **out) {
	char name[VALUE_NAME_SIZE];
	const char *problem = value_parse_server_name(text, name);
	return read_copy(reader, name, problem, out);
}

/* One text into a member that is no list. */
static const char *read_text(struct value_reader *reader, const struct schema_row *row,
							 const struct tree_node *node, void *member) {
	const char *problem;
	size_t index;
	switch (row->type) {
	case SCHEMA_BOOL:
		return value_parse_bool(node->text, member);
	case SCHEMA_WORD:
		problem = value_parse_choice(row, node->text, &index);
		if (!problem)
			*(const char **)member = row->choices[index];
		return problem;
	case SCHEMA_INDEX:
		problem = value_parse_choice(row, node->text, &index);
		if (!problem)
			*(unsigned *)member = (unsigned)index;
		return problem;
	case SCHEMA_NUMBER:
		return value_parse_number(row, node->text, member);
	case SCHEMA_SECONDS:
		return value_parse_seconds(row, node->text, member);
	case SCHEMA_LABEL:
		return read_label(reader, node->text, member);
	case SCHEMA_PATH:
		return read_path(reader, row, node, member);
	case SCHEMA_LISTEN:
		return value_parse_listen(node->text, row->flags & SCHEMA_LOOPBACK, member);
	case SCHEMA_HOST:
		return read_host(reader, node->text, member);
	case SCHEMA_KEY:
		return value_parse_key(node->text, member);
	case SCHEMA_NAME:
		return read_server_name(reader, node->text, member);
	case SCHEMA_TOKEN:
		problem = value_parse_token(node->text, row->maximum);
		return read_copy(reader, node->text, problem, member);
	case SCHEMA_URL_PATH:
		problem = value_parse_url_path(node->text, row->maximum);
		return read_copy(reader, node->text, problem, member);
	case SCHEMA_ORIGIN:
		return value_parse_origin(node->text, member);
	default:
		return "has no place here";
	}
}

static const char *read_name(struct value_reader *reader, const char *text, const char **out) {
	char name[VALUE_NAME_SIZE];
	const char *problem = value_parse_name(text, name);
	if (problem)
		return problem;
	const char *copy = arena_text(reader->memory, name, strlen(name));
	if (!copy)
		return "is too much";
	*out = copy;
	return NULL;
}

static size_t item_size(const struct schema_row *row) {
	switch (row->type) {
	case SCHEMA_ADDRESSES:
		return sizeof(struct address);
	case SCHEMA_NAMES:
	case SCHEMA_RULES:
		return sizeof(const char *);
	case SCHEMA_WORDS:
	case SCHEMA_LABELS:
		return sizeof(const char *);
	case SCHEMA_PINS:
		return sizeof(struct config_pin);
	case SCHEMA_HOSTS:
		return sizeof(struct config_host);
	default:
		return sizeof(struct prefix);
	}
}

/* One of the choices that none of the items before is. */
static const char *read_choice(const struct schema_row *row, const char *text, const char **items,
							   size_t index) {
	size_t choice;
	const char *problem = value_parse_choice(row, text, &choice);
	if (problem)
		return problem;
	for (size_t i = 0; i < index; i++)
		if (items[i] == row->choices[choice])
			return "stands in the list twice";
	items[index] = row->choices[choice];
	return NULL;
}

/* A name that none of the items before is. */
static const char *read_new_label(struct value_reader *reader, const char *text, const char **items,
								  size_t index) {
	for (size_t i = 0; i < index; i++)
		if (items[i] && strcmp(items[i], text) == 0)
			return "stands in the list twice";
	return read_label(reader, text, &items[index]);
}

static const char *read_item(struct value_reader *reader, const struct schema_row *row,
							 const char *text, void *items, size_t index) {
	struct prefix prefix;
	if (row->type == SCHEMA_WORDS)
		return read_choice(row, text, items, index);
	if (row->type == SCHEMA_LABELS)
		return read_new_label(reader, text, items, index);
	if (row->type == SCHEMA_HOSTS)
		return read_host(reader, text, (struct config_host *)items + index);
	if (row->type == SCHEMA_NAMES)
		return read_name(reader, text, (const char **)items + index);
	if (row->type == SCHEMA_RULES)
		return read_copy(reader, text, value_parse_rule(row, text), (const char **)items + index);
	if (row->type == SCHEMA_PINS)
		return value_parse_pin(text, (struct config_pin *)items + index);
	if (row->type == SCHEMA_ADDRESSES)
		return value_parse_address(text, (struct address *)items + index);
	const char *problem = row->type == SCHEMA_NETWORKS ? value_parse_interface(text, &prefix)
													   : value_parse_network(text, &prefix);
	if (problem)
		return problem;
	if (row->type == SCHEMA_PREFIXES)
		prefix_mask(&prefix);
	((struct prefix *)items)[index] = prefix;
	return NULL;
}

static bool fault_of(struct value_reader *reader, const struct schema_row *row,
					 const struct tree_node *node, const char *problem) {
	char expected[VALUE_EXPECTED_SIZE], shown[FAULT_SHOWN_SIZE];
	value_expected(row, expected);
	if (node->kind == TREE_TEXT && !node->text[0]) {
		fault_add(reader->errors, node, NULL, "empty; %s", expected);
		return false;
	}
	const char *text = node->kind == TREE_MAP    ? "a map"
					   : node->kind == TREE_LIST ? "a list"
					   : row->type == SCHEMA_KEY ? "the value"
												 : fault_shown(node->text, shown);
	fault_add(reader->errors, node, NULL, "%s %s; %s", text, problem, expected);
	return false;
}

static bool read_list(struct value_reader *reader, const struct schema_row *row,
					  const struct tree_node *node, struct value_items *out_items) {
	size_t count = node->kind == TREE_LIST ? node->count : 1, done = 0;
	if (count > row->maximum || count > reader->prefixes_left) {
		fault_add(reader->errors, node, NULL, "the list has %zu items; at most %zu", count,
				  count > row->maximum ? row->maximum : reader->prefixes_left);
		return false;
	}
	void *items = count > 0 ? arena_take(reader->memory, count * item_size(row)) : NULL;
	if (count > 0 && !items)
		return false;
	const struct tree_node *item = node->kind == TREE_LIST ? node->first : node;
	bool good = true;
	for (; done < count; item = item->next, done++) {
		const char *problem = item->kind == TREE_TEXT
								  ? read_item(reader, row, item->text, items, done)
								  : "stands in the list";
		if (problem)
			good = fault_of(reader, row, item, problem);
	}
	if (good) {
		reader->prefixes_left -= count;
		*out_items = (struct value_items){.items = items, .count = count};
	}
	return good;
}

bool value_is_push(const struct schema_row *row, const struct tree_node *node) {
	return (row->flags & SCHEMA_PUSHED) && node->kind == TREE_TEXT &&
		   strcmp(node->text, "push") == 0;
}

bool value_read(struct value_reader *reader, const struct schema_row *row,
				const struct tree_node *node, void *member) {
	if (schema_is_list(row) && node->kind != TREE_MAP)
		return read_list(reader, row, node, member);
	if (node->kind != TREE_TEXT)
		return fault_of(reader, row, node, "stands where a value belongs");
	const char *problem = node->text[0] ? read_text(reader, row, node, member) : "is empty";
	return problem ? fault_of(reader, row, node, problem) : true;
}

void value_set_standard(struct value_reader *reader, const struct schema_row *row, void *member) {
	static const struct tree_file file = {.name = "default"};
	const char *standard = schema_standard(row);
	if (!standard || schema_is_list(row))
		return;
	struct tree_node node = {.kind = TREE_TEXT, .text = standard, .file = &file};
	(void)value_read(reader, row, &node, member);
}

bool value_is_present(const struct schema_row *row, const void *member) {
	const char *text;
	switch (row->type) {
	case SCHEMA_WORD:
	case SCHEMA_PATH:
	case SCHEMA_NAME:
	case SCHEMA_TOKEN:
	case SCHEMA_URL_PATH:
		return *(const char *const *)member;
	case SCHEMA_ORIGIN:
		return ((const struct endpoint *)member)->port != 0;
	case SCHEMA_LABEL:
		/* A peer's name that was made from its key may be no name; it is made again. */
		text = *(const char *const *)member;
		return text && value_is_label(text);
	case SCHEMA_HOST:
		return ((const struct config_host *)member)->name;
	case SCHEMA_KEY:
		return !wipe_is_zero(member, TEXT_KEY_SIZE);
	default:
		return true;
	}
}

static void write_pin(const struct config_pin *pin, struct buffer *buffer) {
	char text[TEXT_KEY_BASE64_SIZE];
	text_key_encode(pin->bytes, text);
	buffer_format(buffer, "\"sha256/%s\"", text);
}

static void write_host(const struct config_host *host, struct buffer *buffer) {
	bool brackets = strchr(host->name, ':');
	buffer_format(buffer, "\"%s%s%s:%u\"", brackets ? "[" : "", host->name, brackets ? "]" : "",
				  host->port);
}

static void write_item(const struct schema_row *row, const void *items, size_t index,
					   struct buffer *buffer) {
	char text[ADDRESS_TEXT_SIZE];
	switch (row->type) {
	case SCHEMA_NAMES:
	case SCHEMA_RULES:
	case SCHEMA_WORDS:
	case SCHEMA_LABELS:
		buffer_quoted(buffer, ((const char *const *)items)[index]);
		return;
	case SCHEMA_HOSTS:
		write_host((const struct config_host *)items + index, buffer);
		return;
	case SCHEMA_PINS:
		write_pin((const struct config_pin *)items + index, buffer);
		return;
	case SCHEMA_ADDRESSES:
		address_format((const struct address *)items + index, text);
		break;
	default:
		prefix_format((const struct prefix *)items + index, text);
		break;
	}
	buffer_format(buffer, "\"%s\"", text);
}

static void write_list(const struct schema_row *row, const struct value_items *list,
					   struct buffer *buffer) {
	buffer_text(buffer, "[");
	for (size_t i = 0; i < list->count; i++) {
		buffer_text(buffer, i > 0 ? ", " : "");
		write_item(row, list->items, i, buffer);
	}
	buffer_text(buffer, "]");
}

static void write_number(const struct schema_row *row, const struct config_choice *value,
						 struct buffer *buffer) {
	if (value->automatic)
		buffer_text(buffer, "auto");
	else if (value->off)
		buffer_text(buffer, "off");
	else if (row->flags & SCHEMA_HEXADECIMAL)
		buffer_format(buffer, "0x%x", value->value);
	else
		buffer_format(buffer, "%u", value->value);
}

void value_write(const struct schema_row *row, const void *member, struct buffer *buffer) {
	char text[ENDPOINT_TEXT_SIZE];
	switch (row->type) {
	case SCHEMA_BOOL:
		buffer_text(buffer, *(const bool *)member ? "true" : "false");
		break;
	case SCHEMA_INDEX:
		buffer_text(buffer, row->choices[*(const unsigned *)member]);
		break;
	case SCHEMA_NUMBER:
		write_number(row, member, buffer);
		break;
	case SCHEMA_SECONDS:
		if (*(const uint16_t *)member == 0)
			buffer_text(buffer, "off");
		else
			buffer_format(buffer, "%u", *(const uint16_t *)member);
		break;
	case SCHEMA_WORD:
	case SCHEMA_LABEL:
	case SCHEMA_PATH:
	case SCHEMA_NAME:
	case SCHEMA_TOKEN:
	case SCHEMA_URL_PATH:
		buffer_quoted(buffer, *(const char *const *)member);
		break;
	case SCHEMA_LISTEN:
		endpoint_format(member, text);
		buffer_format(buffer, "\"%s\"", text);
		break;
	case SCHEMA_ORIGIN:
		endpoint_format(member, text);
		buffer_format(buffer, "\"http://%s\"", text);
		break;
	case SCHEMA_HOST:
		write_host(member, buffer);
		break;
	case SCHEMA_KEY:
		text_key_encode(member, text);
		buffer_format(buffer, "\"%s\"", text);
		break;
	default:
		write_list(row, member, buffer);
		break;
	}
}
