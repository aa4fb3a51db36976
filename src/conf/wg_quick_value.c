#include "conf/wg_quick_value.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "conf/config.h"

static bool is_blank(char character) {
	return character == ' ' || (character >= '\t' && character <= '\r');
}

struct wg_quick_span wg_quick_value_trim(struct wg_quick_span span) {
	while (span.size > 0 && is_blank(span.data[0])) {
		span.data++;
		span.size--;
	}
	while (span.size > 0 && is_blank(span.data[span.size - 1]))
		span.size--;
	return span;
}

bool wg_quick_value_begins(struct wg_quick_span value, const char *word) {
	size_t size = strlen(word);
	return value.size >= size && strncasecmp(value.data, word, size) == 0;
}

bool wg_quick_value_is(struct wg_quick_span value, const char *word) {
	return value.size == strlen(word) && wg_quick_value_begins(value, word);
}

bool wg_quick_value_has(struct wg_quick_span value, const char *word) {
	for (; value.size > 0; value.data++, value.size--)
		if (wg_quick_value_begins(value, word))
			return true;
	return false;
}

static bool is_between(char character) {
	return character == ',' || is_blank(character);
}

bool wg_quick_value_next(struct wg_quick_span *list, struct wg_quick_span *out_item) {
	size_t start = 0;
	while (start < list->size && is_between(list->data[start]))
		start++;
	size_t end = start;
	while (end < list->size && !is_between(list->data[end]))
		end++;
	struct wg_quick_span item = {list->data + start, end - start};
	list->data += end;
	list->size -= end;
	if (item.size == 0)
		return false;
	*out_item = item;
	return true;
}

static enum err parse_hexadecimal(struct wg_quick_span value, uint64_t maximum,
								  uint64_t *out_number) {
	uint64_t number = 0;
	if (value.size == 0)
		return ERR_INVALID;
	for (size_t i = 0; i < value.size; i++) {
		char character = value.data[i];
		unsigned digit;
		if (character >= '0' && character <= '9')
			digit = (unsigned)(character - '0');
		else if (character >= 'a' && character <= 'f')
			digit = (unsigned)(character - 'a' + 10);
		else if (character >= 'A' && character <= 'F')
			digit = (unsigned)(character - 'A' + 10);
		else
			return ERR_INVALID;
		if (number >> 60)
			return ERR_INVALID;
		number = number << 4 | digit;
		if (number > maximum)
			return ERR_INVALID;
	}
	*out_number = number;
	return ERR_OK;
}

enum err wg_quick_value_number(struct wg_quick_span value, uint64_t maximum, uint64_t *out_number) {
	if (wg_quick_value_begins(value, "0x")) {
		struct wg_quick_span digits = {value.data + 2, value.size - 2};
		return parse_hexadecimal(digits, maximum, out_number);
	}
	return text_unsigned_parse(value.data, value.size, maximum, out_number);
}

/* The span as a string, when it fits. */
static enum err copy(struct wg_quick_span value, char *out_text, size_t capacity) {
	if (value.size >= capacity || memchr(value.data, '\0', value.size))
		return ERR_INVALID;
	memcpy(out_text, value.data, value.size);
	out_text[value.size] = '\0';
	return ERR_OK;
}

enum err wg_quick_value_prefix(struct wg_quick_span value, struct prefix *out_prefix,
							   bool *out_host_bits) {
	char text[ADDRESS_TEXT_SIZE];
	struct prefix masked, prefix;
	enum err error = copy(value, text, sizeof text);
	if (!error)
		error = prefix_parse(text, &masked);
	if (error)
		return error;
	char *slash = strchr(text, '/');
	if (slash)
		*slash = '\0';
	error = address_parse(text, &prefix.address);
	if (error)
		return error;
	prefix.length = masked.length;
	*out_host_bits = !address_equal(&prefix.address, &masked.address);
	*out_prefix = prefix;
	return ERR_OK;
}

static bool is_of_name(char character) {
	return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
		   (character >= '0' && character <= '9') || character == '-' || character == '_' ||
		   character == '.';
}

static bool is_host(struct wg_quick_span host, bool brackets) {
	char text[ADDRESS_TEXT_SIZE];
	struct address address;
	bool is_address = !copy(host, text, sizeof text) && !address_parse(text, &address);
	if (brackets || memchr(host.data, ':', host.size))
		return is_address && address.family == ADDRESS_V6;
	if (is_address)
		return true;
	if (host.size == 0 || host.size > CONFIG_HOST_MAX || host.data[0] == '-')
		return false;
	for (size_t i = 0; i < host.size; i++)
		if (!is_of_name(host.data[i]))
			return false;
	return true;
}

enum err wg_quick_value_host(struct wg_quick_span value, struct wg_quick_span *out_host,
							 uint16_t *out_port) {
	const char *colon = memrchr(value.data, ':', value.size);
	if (!colon)
		return ERR_INVALID;
	struct wg_quick_span host = {value.data, (size_t)(colon - value.data)};
	bool brackets = host.size > 0 && host.data[0] == '[';
	if (brackets) {
		if (host.data[host.size - 1] != ']')
			return ERR_INVALID;
		host.data++;
		host.size -= 2;
	}
	uint64_t port;
	size_t digits = value.size - (size_t)(colon + 1 - value.data);
	if (text_unsigned_parse(colon + 1, digits, UINT16_MAX, &port) || port == 0 ||
		!is_host(host, brackets))
		return ERR_INVALID;
	*out_host = host;
	*out_port = (uint16_t)port;
	return ERR_OK;
}
