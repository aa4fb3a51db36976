#include "ctl/view_json.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/wipe.h"

enum { TEXT_CAPACITY_FIRST = 1024 };

void view_text_done(struct view_text *text) {
	wipe(text->data, text->size);
	free(text->data);
	*text = (struct view_text){0};
}

/* Room for size bytes more and the NUL. Not realloc(), which leaves a copy behind. */
static bool reserve(struct view_text *text, size_t size) {
	size_t needed = text->size + size + 1;
	if (needed <= text->capacity)
		return true;
	size_t capacity = text->capacity ? 2 * text->capacity : TEXT_CAPACITY_FIRST;
	while (capacity < needed)
		capacity *= 2;
	char *data = malloc(capacity);
	if (!data)
		return false;
	if (text->size > 0)
		memcpy(data, text->data, text->size);
	wipe(text->data, text->size);
	free(text->data);
	text->data = data;
	text->capacity = capacity;
	return true;
}

void view_text_add(struct view_text *text, const char *data, size_t size) {
	if (text->failed)
		return;
	if (!reserve(text, size)) {
		text->failed = true;
		return;
	}
	memcpy(text->data + text->size, data, size);
	text->size += size;
	text->data[text->size] = '\0';
}

enum err view_text_take(struct view_text *text, char **out_text, size_t *out_size) {
	if (text->failed || !text->data) {
		view_text_done(text);
		return ERR_NO_MEMORY;
	}
	*out_text = text->data;
	*out_size = text->size;
	*text = (struct view_text){0};
	return ERR_OK;
}

/* Writing */

struct view_writer view_writer_new(void) {
	json_t *object = json_object();
	return (struct view_writer){.object = object, .failed = !object};
}

static int add_piece(const char *data, size_t size, void *context) {
	struct view_text *text = context;
	view_text_add(text, data, size);
	return text->failed ? -1 : 0;
}

void view_writer_end(struct view_writer *writer, struct view_text *text, bool more) {
	if (writer->failed || json_dump_callback(writer->object, add_piece, text, JSON_COMPACT))
		text->failed = true;
	else if (more)
		text->data[--text->size] = '\0';
	json_decref(writer->object);
	*writer = (struct view_writer){.failed = true};
}

void view_put(struct view_writer *writer, const char *member, json_t *value) {
	if (writer->failed)
		json_decref(value);
	else if (json_object_set_new_nocheck(writer->object, member, value))
		writer->failed = true;
}

void view_put_object(struct view_writer *writer, const char *member,
					 const struct view_writer *inner) {
	writer->failed = writer->failed || inner->failed;
	if (inner->object)
		view_put(writer, member, inner->object);
}

/* A copy of plain ASCII; an answer does not fail for what somebody's locale put into a message. */
static json_t *make_plain(const char *text) {
	auto_free char *copy = strdup(text);
	if (!copy)
		return NULL;
	for (char *character = copy; *character; character++)
		if ((unsigned char)*character > 127)
			*character = '?';
	return json_string(copy);
}

void view_put_text(struct view_writer *writer, const char *member, const char *text) {
	if (!text) {
		view_put(writer, member, json_null());
		return;
	}
	json_t *value = json_string(text);
	view_put(writer, member, value ? value : make_plain(text));
}

void view_put_number(struct view_writer *writer, const char *member, uint64_t number) {
	/* JSON's integers are signed here; such a counter would take a century. */
	view_put(writer, member, json_integer(number < INT64_MAX ? (json_int_t)number : INT64_MAX));
}

void view_put_number_or_null(struct view_writer *writer, const char *member, uint64_t number) {
	if (number == 0)
		view_put(writer, member, json_null());
	else
		view_put_number(writer, member, number);
}

void view_put_bool(struct view_writer *writer, const char *member, bool value) {
	view_put(writer, member, json_boolean(value));
}

void view_put_key(struct view_writer *writer, const char *member,
				  const uint8_t key[static TEXT_KEY_SIZE]) {
	struct {
		char text[TEXT_KEY_BASE64_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	text_key_encode(key, s.text);
	view_put_text(writer, member, s.text);
}

void view_put_prefixes(struct view_writer *writer, const char *member, const struct prefix *items,
					   size_t count) {
	json_t *array = json_array();
	for (size_t i = 0; i < count && array; i++) {
		char text[ADDRESS_TEXT_SIZE];
		prefix_format(&items[i], text);
		if (json_array_append_new(array, json_string(text))) {
			json_decref(array);
			array = NULL;
		}
	}
	view_put(writer, member, array);
}

void view_put_addresses(struct view_writer *writer, const char *member, const struct address *items,
						size_t count) {
	json_t *array = json_array();
	for (size_t i = 0; i < count && array; i++) {
		char text[ADDRESS_TEXT_SIZE];
		address_format(&items[i], text);
		if (json_array_append_new(array, json_string(text))) {
			json_decref(array);
			array = NULL;
		}
	}
	view_put(writer, member, array);
}

void view_put_lines(struct view_writer *writer, const char *member, const char *text) {
	json_t *array = json_array();
	while (array && text && *text) {
		size_t size = strcspn(text, "\n");
		if (json_array_append_new(array, json_stringn(text, size))) {
			json_decref(array);
			array = NULL;
		}
		text += size + (text[size] != '\0');
	}
	view_put(writer, member, array);
}

/* Reading */

void view_json_seed(void) {
	size_t seed = 0;
	/* Without one jansson finds its own. */
	if (getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed)
		json_object_seed(seed);
}

enum err view_json_parse(const char *text, size_t size, json_t **out_object) {
	if (size > VIEW_JSON_MAX)
		return ERR_LIMIT;
	json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(object)) {
		json_decref(object);
		return ERR_MALFORMED;
	}
	*out_object = object;
	return ERR_OK;
}

struct view_reader view_reader_of(const json_t *object) {
	struct view_reader reader = {.object = object};
	if (!json_is_object(object))
		view_fail(&reader, NULL, "an object");
	return reader;
}

void view_fail(struct view_reader *reader, const char *member, const char *right) {
	if (reader->error)
		return;
	reader->error = ERR_MALFORMED;
	reader->member = member;
	reader->right = right;
}

static void fail_for_memory(struct view_reader *reader) {
	if (!reader->error)
		reader->error = ERR_NO_MEMORY;
}

/* NULL when it is absent, null, or something was wrong before. */
static const json_t *get(const struct view_reader *reader, const char *member) {
	if (reader->error)
		return NULL;
	const json_t *value = json_object_get(reader->object, member);
	return json_is_null(value) ? NULL : value;
}

/* Its string, NULL with the failure noted when there is none. */
static const char *get_string(struct view_reader *reader, const char *member, bool required,
							  const char *right, size_t *out_size) {
	const json_t *value = get(reader, member);
	if (!json_is_string(value)) {
		if (value || required)
			view_fail(reader, member, right);
		return NULL;
	}
	*out_size = json_string_length(value);
	return json_string_value(value);
}

char *view_get_text(struct view_reader *reader, const char *member, size_t maximum, bool required) {
	size_t size = 0;
	const char *string = get_string(reader, member, required, "a text", &size);
	if (!string)
		return NULL;
	if (size > maximum) {
		view_fail(reader, member, "a shorter text");
		return NULL;
	}
	char *text = strdup(string);
	if (!text)
		fail_for_memory(reader);
	return text;
}

uint64_t view_get_number(struct view_reader *reader, const char *member, uint64_t maximum) {
	const json_t *value = get(reader, member);
	if (!value)
		return 0;
	json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
	if (number >= 0 && (uint64_t)number <= maximum)
		return (uint64_t)number;
	view_fail(reader, member,
			  maximum == UINT16_MAX ? "a whole number from 0 to 65535"
									: "a whole number, not negative and not that large");
	return 0;
}

bool view_get_bool(struct view_reader *reader, const char *member) {
	const json_t *value = get(reader, member);
	if (value && !json_is_boolean(value))
		view_fail(reader, member, "true or false");
	return json_is_true(value);
}

unsigned view_get_word(struct view_reader *reader, const char *member,
					   const char *(*name)(unsigned index), unsigned count) {
	size_t size = 0;
	const char *string = get_string(reader, member, true, "a word", &size);
	for (unsigned i = 0; i < count && string; i++)
		if (strcmp(string, name(i)) == 0)
			return i;
	view_fail(reader, member, "a word of this version");
	return 0;
}

bool view_get_key(struct view_reader *reader, const char *member,
				  uint8_t out_key[static TEXT_KEY_SIZE], bool required) {
	static const char right[] = "a key, 44 characters of base64";
	size_t size = 0;
	const char *string = get_string(reader, member, required, right, &size);
	if (!string)
		return false;
	if (text_key_decode(string, size, out_key)) {
		view_fail(reader, member, right);
		return false;
	}
	return true;
}

const json_t *view_get_array(struct view_reader *reader, const char *member, size_t maximum) {
	const json_t *array = get(reader, member);
	if (!array)
		return NULL;
	if (!json_is_array(array) || json_array_size(array) > maximum) {
		view_fail(reader, member, "a list");
		return NULL;
	}
	return array;
}

/* prefix_parse() that keeps the host bits. */
static bool parse_prefix(const char *text, bool masked, struct prefix *out_prefix) {
	struct prefix prefix;
	if (prefix_parse(text, &prefix))
		return false;
	if (!masked) {
		char address[ADDRESS_TEXT_SIZE];
		size_t size = strcspn(text, "/");
		if (size >= sizeof address)
			return false;
		memcpy(address, text, size);
		address[size] = '\0';
		if (address_parse(address, &prefix.address))
			return false;
	}
	*out_prefix = prefix;
	return true;
}

struct prefix *view_get_prefixes(struct view_reader *reader, const char *member, bool masked,
								 size_t *out_count) {
	const json_t *array = view_get_array(reader, member, VIEW_PREFIXES_MAX);
	size_t count = json_array_size(array);
	if (count == 0)
		return NULL;
	auto_free struct prefix *items = calloc(count, sizeof *items);
	if (!items) {
		fail_for_memory(reader);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(array, i));
		if (!text || !parse_prefix(text, masked, &items[i])) {
			view_fail(reader, member, "a list of prefixes such as \"10.66.0.2/32\"");
			return NULL;
		}
	}
	*out_count = count;
	return cleanup_steal(items);
}

struct address *view_get_addresses(struct view_reader *reader, const char *member,
								   size_t *out_count) {
	const json_t *array = view_get_array(reader, member, VIEW_PREFIXES_MAX);
	size_t count = json_array_size(array);
	if (count == 0)
		return NULL;
	auto_free struct address *items = calloc(count, sizeof *items);
	if (!items) {
		fail_for_memory(reader);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(array, i));
		if (!text || address_parse(text, &items[i])) {
			view_fail(reader, member, "a list of addresses");
			return NULL;
		}
	}
	*out_count = count;
	return cleanup_steal(items);
}

static bool is_line(const char *text) {
	for (const char *at = text; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return false;
	return *text;
}

char *view_get_lines(struct view_reader *reader, const char *member, size_t maximum,
					 const char *right) {
	const json_t *array = view_get_array(reader, member, maximum);
	size_t count = json_array_size(array), used = 0;
	if (count == 0)
		return NULL;
	auto_free char *lines = malloc(maximum + 1);
	if (!lines) {
		fail_for_memory(reader);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(array, i));
		size_t size = text ? strlen(text) : 0;
		if (!text || !is_line(text) || size >= maximum - used) {
			view_fail(reader, member, right);
			return NULL;
		}
		memcpy(lines + used, text, size);
		used += size;
		lines[used++] = '\n';
	}
	lines[used - 1] = '\0';
	char *fitting = realloc(lines, used);
	if (!fitting)
		return cleanup_steal(lines);
	(void)cleanup_steal(lines);
	return fitting;
}
