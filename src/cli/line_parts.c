#include "cli/line_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/wipe.h"
#include "wire/base64url.h"

enum { KEY_TEXT_SIZE = BASE64URL_TEXT_SIZE(TEXT_KEY_SIZE) + 1 };

static const char blanks[] = " \t\r\n";
static const char separator[] = "://";
static const char host_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
									  "0123456789-._";

const char *line_parts_behind(const char *text, const char *scheme) {
	text += strspn(text, blanks);
	if (!scheme || strncmp(text, scheme, strlen(scheme)) != 0)
		return NULL;
	text += strlen(scheme);
	return strncmp(text, separator, sizeof separator - 1) == 0 ? text + sizeof separator - 1 : NULL;
}

struct slice line_parts_trim(const char *text) {
	size_t size = strlen(text);
	while (size > 0 && strchr(blanks, text[size - 1]))
		size--;
	return slice_of(text, size);
}

struct slice line_parts_cut(struct slice *text, char character) {
	const uint8_t *found = text->size > 0 ? memchr(text->data, character, text->size) : NULL;
	size_t size = found ? (size_t)(found - text->data) : text->size;
	struct slice before = slice_of(text->data, size);
	size += found != NULL;
	*text = slice_of(text->data + size, text->size - size);
	return before;
}

bool line_parts_is(struct slice text, const char *word) {
	return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

bool line_parts_key(struct slice text, uint8_t out_key[static TEXT_KEY_SIZE]) {
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

bool line_parts_text(struct slice text, char *out_text, size_t room) {
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

bool line_parts_host(struct slice text, char out_host[static CONFIG_HOST_MAX + 1],
					 uint16_t *out_port) {
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
	*out_port = (uint16_t)port;
	/* What a configuration makes of it is its own to say. */
	return line_parts_text(host, out_host, CONFIG_HOST_MAX + 1) &&
		   out_host[strspn(out_host, brackets ? "0123456789abcdefABCDEF:." : host_characters)] ==
			   '\0';
}

void line_writer_put(struct line_writer *writer, const char *text) {
	size_t size = strlen(text);
	if (size > writer->room - writer->used)
		return;
	memcpy(writer->text + writer->used, text, size + 1);
	writer->used += size;
}

void line_writer_put_text(struct line_writer *writer, const char *before, const char *text) {
	static const char digits[] = "0123456789ABCDEF";
	if (!text[0])
		return;
	line_writer_put(writer, before);
	for (; *text; text++) {
		char one[4] = {*text};
		bool letter = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
					  (*text >= '0' && *text <= '9');
		if (!letter && !strchr("-._~", *text)) {
			one[0] = '%';
			one[1] = digits[(uint8_t)*text >> 4];
			one[2] = digits[*text & 15];
		}
		line_writer_put(writer, one);
	}
}

void line_writer_put_key(struct line_writer *writer, const char *before,
						 const uint8_t key[static TEXT_KEY_SIZE]) {
	struct {
		char text[KEY_TEXT_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	size_t size;
	line_writer_put(writer, before);
	if (!base64url_encode(slice_of(key, TEXT_KEY_SIZE), s.text, sizeof s.text, &size))
		line_writer_put(writer, s.text);
}

void line_writer_put_host(struct line_writer *writer, const char *before, const char *host,
						  uint16_t port) {
	struct address address;
	char number[16];
	const bool brackets = !address_parse(host, &address) && address.family == ADDRESS_V6;
	(void)snprintf(number, sizeof number, "%s:%u", brackets ? "]" : "", port);
	line_writer_put(writer, before);
	line_writer_put(writer, brackets ? "[" : "");
	line_writer_put(writer, host);
	line_writer_put(writer, number);
}

void line_writer_put_addresses(struct line_writer *writer, const char *before,
							   const struct address *items, size_t count) {
	char text[ADDRESS_TEXT_SIZE];
	for (size_t i = 0; i < count; i++) {
		address_format(&items[i], text);
		line_writer_put(writer, before);
		line_writer_put(writer, text);
	}
}

void line_writer_put_prefixes(struct line_writer *writer, const char *before,
							  const struct prefix *items, size_t count) {
	char text[ADDRESS_TEXT_SIZE];
	for (size_t i = 0; i < count; i++) {
		prefix_format(&items[i], text);
		line_writer_put(writer, before);
		line_writer_put(writer, text);
	}
}
