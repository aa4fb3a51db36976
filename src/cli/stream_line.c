#include "cli/stream_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/wipe.h"
#include "wire/base64url.h"

enum { KEY_TEXT_SIZE = BASE64URL_TEXT_SIZE(TEXT_KEY_SIZE) + 1 };

static const char blanks[] = " \t\r\n";
static const char separator[] = "://";
static const char host_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
									  "0123456789-._";

/* Behind "SCHEME://"; NULL. */
static const char *behind_scheme(const char *text) {
	const char *scheme = config_stream_protocol();
	text += strspn(text, blanks);
	if (!scheme || strncmp(text, scheme, strlen(scheme)) != 0)
		return NULL;
	text += strlen(scheme);
	return strncmp(text, separator, sizeof separator - 1) == 0 ? text + sizeof separator - 1 : NULL;
}

bool stream_line_is_one(const char *text) {
	return behind_scheme(text) != NULL;
}

static bool take_key(struct slice text, uint8_t out_key[static TEXT_KEY_SIZE]) {
	struct {
		uint8_t key[TEXT_KEY_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	size_t size;
	if (base64url_decode(text, s.key, sizeof s.key, &size) || size != sizeof s.key ||
		wipe_is_zero(s.key, sizeof s.key))
		return false;
	memcpy(out_key, s.key, sizeof s.key);
	return true;
}

static int digit_of(uint8_t character) {
	static const char digits[] = "0123456789abcdef";
	char lower = (char)(character >= 'A' && character <= 'F' ? character + 'a' - 'A' : character);
	const char *found = lower ? strchr(digits, lower) : NULL;
	return found ? (int)(found - digits) : -1;
}

/* RFC 3986 section 2.1; printable ASCII alone comes out. */
static bool take_text(struct slice text, char *out_text, size_t room) {
	size_t used = 0;
	for (size_t i = 0; i < text.size; i++) {
		int value = text.data[i];
		if (value == '%') {
			int high = i + 2 < text.size ? digit_of(text.data[i + 1]) : -1;
			int low = high >= 0 ? digit_of(text.data[i + 2]) : -1;
			if (low < 0)
				return false;
			value = high << 4 | low;
			i += 2;
		}
		if (value < 0x20 || value > 0x7e || used + 1 == room)
			return false;
		out_text[used++] = (char)value;
	}
	out_text[used] = '\0';
	return used > 0;
}

/* "HOST:PORT", "[2001:db8::1]:443" */
static bool take_host(struct slice text, struct stream_line *line) {
	uint64_t port;
	size_t colon = text.size;
	while (colon > 0 && text.data[colon - 1] != ':')
		colon--;
	if (colon < 2 ||
		text_unsigned_parse((const char *)text.data + colon, text.size - colon, UINT16_MAX,
							&port) ||
		port == 0)
		return false;
	struct slice host = slice_of(text.data, colon - 1);
	bool brackets = host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']';
	if (brackets)
		host = slice_of(host.data + 1, host.size - 2);
	else if (memchr(host.data, ':', host.size))
		return false;
	line->port = (uint16_t)port;
	/* What a configuration makes of it is its own to say. */
	return take_text(host, line->host, sizeof line->host) &&
		   line->host[strspn(line->host,
							 brackets ? "0123456789abcdefABCDEF:." : host_characters)] == '\0';
}

static const char *take_address(struct slice value, struct address *items, size_t most,
								size_t *count, const char *problem) {
	char text[ADDRESS_TEXT_SIZE];
	if (*count == most)
		return "has too many addresses";
	if (!take_text(value, text, sizeof text) || address_parse(text, &items[*count]))
		return problem;
	(*count)++;
	return NULL;
}

static const char *take_route(struct slice value, struct stream_line *line) {
	char text[ADDRESS_TEXT_SIZE];
	if (line->route_count == STREAM_LINE_ROUTES_MAX)
		return "has too many routes";
	if (!take_text(value, text, sizeof text) ||
		prefix_parse(text, &line->routes[line->route_count]))
		return "has a route that is none";
	line->route_count++;
	return NULL;
}

static bool is_word(struct slice text, const char *word) {
	return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

/* What is wrong with one "NAME=VALUE"; NULL. */
static const char *take_parameter(struct slice name, struct slice value, struct stream_line *line) {
	if (is_word(name, "key"))
		return take_key(value, line->server_key) ? NULL : "has a key that is none";
	if (is_word(name, "pin")) {
		if (line->pin_count == STREAM_LINE_PINS_MAX)
			return "has too many pins";
		return take_key(value, line->pins[line->pin_count++]) ? NULL : "has a pin that is none";
	}
	if (is_word(name, "name"))
		return take_text(value, line->server_name, sizeof line->server_name)
				   ? NULL
				   : "has a name that is none";
	if (is_word(name, "cookie"))
		return take_text(value, line->cookie, sizeof line->cookie) ? NULL
																   : "has a cookie that is none";
	if (is_word(name, "path"))
		return take_text(value, line->path, sizeof line->path) ? NULL : "has a path that is none";
	if (is_word(name, "address"))
		return take_address(value, line->addresses, STREAM_LINE_ADDRESSES_MAX, &line->address_count,
							"has an address that is none");
	if (is_word(name, "route"))
		return take_route(value, line);
	if (is_word(name, "dns"))
		return take_address(value, line->dns, STREAM_LINE_DNS_MAX, &line->dns_count,
							"has a name server that is none");
	return NULL;
}

static const char *take_parameters(struct slice text, struct stream_line *line) {
	while (text.size > 0) {
		const uint8_t *end = memchr(text.data, '&', text.size);
		size_t size = end ? (size_t)(end - text.data) : text.size;
		const uint8_t *equal = memchr(text.data, '=', size);
		size_t name = equal ? (size_t)(equal - text.data) : size;
		struct slice value =
			slice_of(text.data + name + (equal != NULL), size - name - (equal != NULL));
		const char *problem = take_parameter(slice_of(text.data, name), value, line);
		if (problem)
			return problem;
		size += end != NULL;
		text = slice_of(text.data + size, text.size - size);
	}
	return NULL;
}

/* The bytes before the first of the character, which text then begins behind; all without one. */
static struct slice cut(struct slice *text, char character) {
	const uint8_t *found = text->size > 0 ? memchr(text->data, character, text->size) : NULL;
	size_t size = found ? (size_t)(found - text->data) : text->size;
	struct slice before = slice_of(text->data, size);
	size += found != NULL;
	*text = slice_of(text->data + size, text->size - size);
	return before;
}

static const char *parse(const char *text, struct stream_line *line) {
	const char *start = behind_scheme(text);
	if (!start)
		return "is of another kind";
	size_t size = strnlen(start, STREAM_LINE_MAX + 1);
	if (size > STREAM_LINE_MAX)
		return "is too long";
	while (size > 0 && strchr(blanks, start[size - 1]))
		size--;
	struct slice label = slice_of(start, size);
	struct slice rest = cut(&label, '#');
	struct slice authority = cut(&rest, '?');
	struct slice host = authority;
	struct slice key = cut(&host, '@');
	if (!take_key(key, line->private_key))
		return "begins with no private key";
	if (!take_host(host, line))
		return "has no host and port behind its private key";
	const char *problem = take_parameters(rest, line);
	if (problem)
		return problem;
	if (wipe_is_zero(line->server_key, sizeof line->server_key))
		return "has no key of the server";
	/* A label that cannot be read is of no harm. */
	if (!take_text(label, line->label, sizeof line->label))
		line->label[0] = '\0';
	return NULL;
}

enum err stream_line_parse(const char *text, struct stream_line *out_line,
						   const char **out_problem) {
	struct {
		struct stream_line line;
	} s = {.line = {.port = 0}};
	WIPE_ON_EXIT(s);
	*out_problem = parse(text, &s.line);
	if (*out_problem)
		return ERR_INVALID;
	*out_line = s.line;
	return ERR_OK;
}

struct writer {
	char *text;
	size_t used;
};

static void put(struct writer *writer, const char *text) {
	size_t size = strlen(text);
	if (size > 2 * (size_t)STREAM_LINE_MAX - writer->used)
		return;
	memcpy(writer->text + writer->used, text, size + 1);
	writer->used += size;
}

/* Unreserved characters as they are, all others as %XX. */
static void put_text(struct writer *writer, const char *before, const char *text) {
	static const char digits[] = "0123456789ABCDEF";
	if (!text[0])
		return;
	put(writer, before);
	for (; *text; text++) {
		char one[4] = {*text};
		bool letter = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
					  (*text >= '0' && *text <= '9');
		if (!letter && !strchr("-._~", *text)) {
			one[0] = '%';
			one[1] = digits[(uint8_t)*text >> 4];
			one[2] = digits[*text & 15];
		}
		put(writer, one);
	}
}

static void put_key(struct writer *writer, const char *before,
					const uint8_t key[static TEXT_KEY_SIZE]) {
	struct {
		char text[KEY_TEXT_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	size_t size;
	put(writer, before);
	if (!base64url_encode(slice_of(key, TEXT_KEY_SIZE), s.text, sizeof s.text, &size))
		put(writer, s.text);
}

/* As they are: RFC 3986 section 3.4 has their colons and slashes in a query. */
static void put_addresses(struct writer *writer, const char *before, const struct address *items,
						  size_t count) {
	char text[ADDRESS_TEXT_SIZE];
	for (size_t i = 0; i < count; i++) {
		address_format(&items[i], text);
		put(writer, before);
		put(writer, text);
	}
}

static void put_routes(struct writer *writer, const struct stream_line *line) {
	char text[ADDRESS_TEXT_SIZE];
	for (size_t i = 0; i < line->route_count; i++) {
		prefix_format(&line->routes[i], text);
		put(writer, "&route=");
		put(writer, text);
	}
}

enum err stream_line_format(const struct stream_line *line, char **out_text) {
	struct address address;
	char port[16];
	/* Longer than what can come of all parts, each at most three times as long. */
	struct writer writer = {.text = calloc(1, 2 * STREAM_LINE_MAX + 1)};
	if (!writer.text)
		return ERR_NO_MEMORY;
	bool brackets = !address_parse(line->host, &address) && address.family == ADDRESS_V6;
	put(&writer, config_stream_protocol());
	put_key(&writer, separator, line->private_key);
	put(&writer, brackets ? "@[" : "@");
	put(&writer, line->host);
	(void)snprintf(port, sizeof port, "%s:%u", brackets ? "]" : "", line->port);
	put(&writer, port);
	put_key(&writer, "?key=", line->server_key);
	for (size_t i = 0; i < line->pin_count; i++)
		put_key(&writer, "&pin=", line->pins[i]);
	put_text(&writer, "&name=", line->server_name);
	put_text(&writer, "&cookie=", line->cookie);
	put_text(&writer, "&path=", line->path);
	put_addresses(&writer, "&address=", line->addresses, line->address_count);
	put_routes(&writer, line);
	put_addresses(&writer, "&dns=", line->dns, line->dns_count);
	put_text(&writer, "#", line->label);
	*out_text = writer.text;
	return ERR_OK;
}
