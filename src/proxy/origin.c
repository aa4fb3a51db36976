#include "proxy/origin.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"

enum { HTTP_PORT = 80 };

/* port 0: there has to be one. */
static enum err parse_host(struct slice text, uint16_t port, struct target *out_target) {
	char host[TARGET_TEXT_SIZE];
	const uint8_t *bracket =
		text.size > 0 && text.data[0] == '[' ? memchr(text.data, ']', text.size) : text.data;
	if (!bracket || text.size == 0)
		return ERR_INVALID;
	size_t before = (size_t)(bracket - text.data);
	const uint8_t *colon = memchr(bracket, ':', text.size - before);
	size_t size = colon ? (size_t)(colon - text.data) : text.size;
	if (size >= sizeof host || memchr(text.data, '\0', size))
		return ERR_INVALID;
	/* A colon without a port behind it is the default one, RFC 3986 section 3.2.3. */
	if (colon && (port == 0 || size + 1 < text.size)) {
		uint64_t value;
		if (text_unsigned_parse((const char *)colon + 1, text.size - size - 1, UINT16_MAX, &value))
			return ERR_INVALID;
		port = (uint16_t)value;
	}
	if (port == 0)
		return ERR_INVALID;
	memcpy(host, text.data, size);
	host[size] = '\0';
	return target_parse(host, port, false, out_target);
}

enum err origin_parse_authority(struct slice text, struct target *out_target) {
	return parse_host(text, 0, out_target);
}

enum err origin_parse(struct slice text, struct origin *out_origin) {
	static const char scheme[] = "http://";
	enum { SCHEME_SIZE = sizeof scheme - 1 };
	struct origin origin;
	const uint8_t *colon = text.size > 0 ? memchr(text.data, ':', text.size) : NULL;
	if (!colon || text.data[0] == '/' || text.data[0] == '*')
		return ERR_MALFORMED;
	if (text.size < SCHEME_SIZE || strncasecmp((const char *)text.data, scheme, SCHEME_SIZE) != 0)
		return ERR_UNSUPPORTED;
	struct slice rest = slice_of(text.data + SCHEME_SIZE, text.size - SCHEME_SIZE);
	size_t size = 0;
	while (size < rest.size && rest.data[size] != '/' && rest.data[size] != '?')
		size++;
	origin.host = slice_of(rest.data, size);
	origin.path = slice_of(rest.data + size, rest.size - size);
	if (origin.path.size > 0 && memchr(origin.path.data, '#', origin.path.size))
		return ERR_INVALID;
	enum err error = parse_host(origin.host, HTTP_PORT, &origin.target);
	if (!error)
		*out_origin = origin;
	return error;
}
