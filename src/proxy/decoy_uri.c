#include "proxy/decoy_uri.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static int digit_of(uint8_t byte) {
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte |= 0x20;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Cuts "http://host" off the front. */
static void take_origin(struct slice *target, struct decoy_uri *uri) {
	static const char *const schemes[] = {"http://", "https://"};
	for (size_t i = 0; i < 2; i++) {
		size_t size = strlen(schemes[i]);
		if (target->size < size || strncasecmp((const char *)target->data, schemes[i], size) != 0)
			continue;
		size_t end = size;
		while (end < target->size && !strchr("/?#", target->data[end]))
			end++;
		uri->host = slice_of(target->data + size, end - size);
		*target = slice_of(target->data + end, target->size - end);
		return;
	}
}

/* Takes the last part, which is whole, away if it is "." or ".."; false: out of the root. */
static bool settle_part(struct decoy_uri *uri) {
	const char *path = uri->path;
	size_t begin = uri->size;
	while (path[begin - 1] != '/')
		begin--;
	size_t size = uri->size - begin;
	if (size == 1 && path[begin] == '.') {
		uri->size = begin;
	} else if (size == 2 && path[begin] == '.' && path[begin + 1] == '.') {
		if (begin == 1)
			return false;
		uri->size = begin - 1;
		while (path[uri->size - 1] != '/')
			uri->size--;
	}
	return true;
}

static bool add(struct decoy_uri *uri, uint8_t byte) {
	if (byte != '/') {
		uri->path[uri->size++] = (char)byte;
		return true;
	}
	if (!settle_part(uri))
		return false;
	if (uri->path[uri->size - 1] != '/')
		uri->path[uri->size++] = '/';
	return true;
}

/* Up to '?' or '#'; returns how many bytes, or -1. */
static ptrdiff_t read_path(struct slice target, struct decoy_uri *uri) {
	size_t i = 0;
	for (; i < target.size && target.data[i] != '?' && target.data[i] != '#'; i++) {
		uint8_t byte = target.data[i];
		if (byte == '%') {
			bool whole = target.size - i > 2;
			int high = whole ? digit_of(target.data[i + 1]) : -1;
			int low = whole ? digit_of(target.data[i + 2]) : -1;
			if (high < 0 || low < 0)
				return -1;
			byte = (uint8_t)(high << 4 | low);
			i += 2;
		}
		if (byte == '\0' || !add(uri, byte))
			return -1;
	}
	return settle_part(uri) ? (ptrdiff_t)i : -1;
}

enum err decoy_uri_parse(struct slice target, struct decoy_uri *out_uri) {
	if (target.size >= DECOY_URI_MAX)
		return ERR_LIMIT;
	out_uri->size = 1;
	out_uri->path[0] = '/';
	out_uri->query = out_uri->host = slice_of(NULL, 0);
	take_origin(&target, out_uri);
	bool may_be_empty = out_uri->host.size > 0;
	if (target.size == 0 ? !may_be_empty : target.data[0] != '/' && !may_be_empty)
		return ERR_INVALID;
	ptrdiff_t size = read_path(target, out_uri);
	if (size < 0)
		return ERR_INVALID;
	struct slice rest = slice_of(target.data + size, target.size - (size_t)size);
	if (rest.size == 0 || rest.data[0] != '?')
		return ERR_OK;
	const uint8_t *end = memchr(rest.data, '#', rest.size);
	size_t rest_size = end ? (size_t)(end - rest.data) : rest.size;
	out_uri->query = slice_of(rest.data + 1, rest_size - 1);
	return ERR_OK;
}

static bool is_plain(uint8_t byte) {
	return byte > 0x20 && byte < 0x7f && !strchr("\"#%<>?\\^`{|}", byte);
}

size_t decoy_uri_escape(const char *path, size_t size, char *out_text) {
	static const char digits[] = "0123456789ABCDEF";
	size_t used = 0;
	for (size_t i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)path[i];
		if (is_plain(byte)) {
			out_text[used++] = (char)byte;
			continue;
		}
		out_text[used++] = '%';
		out_text[used++] = digits[byte >> 4];
		out_text[used++] = digits[byte & 15];
	}
	out_text[used] = '\0';
	return used;
}
