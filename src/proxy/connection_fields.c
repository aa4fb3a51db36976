#include "proxy/connection_fields.h"

#include <strings.h>

static bool is_separator(uint8_t byte) {
	return byte == ',' || byte == ' ' || byte == '\t';
}

static bool add_names(struct connection_fields *fields, struct slice value) {
	for (size_t at = 0; at < value.size;) {
		size_t size = 0;
		while (at + size < value.size && !is_separator(value.data[at + size]))
			size++;
		if (size > 0 && fields->count == CONNECTION_FIELDS_MAX)
			return false;
		if (size > 0)
			fields->names[fields->count++] = slice_of(value.data + at, size);
		at += size + 1;
	}
	return true;
}

bool connection_fields_read(const struct http1_field *fields, size_t count,
							struct connection_fields *out_fields) {
	out_fields->count = 0;
	for (size_t i = 0; i < count; i++)
		if (http1_text_is(fields[i].name, "connection") && !add_names(out_fields, fields[i].value))
			return false;
	return true;
}

bool connection_fields_have(const struct connection_fields *fields, struct slice name) {
	static const char *const known[] = {
		"connection",
		"keep-alive",
		"proxy-authenticate",
		"proxy-authentication-info",
		"proxy-authorization",
		"proxy-connection",
		"te",
		"upgrade",
	};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (http1_text_is(name, known[i]))
			return true;
	for (size_t i = 0; i < fields->count; i++)
		if (fields->names[i].size == name.size &&
			strncasecmp((const char *)fields->names[i].data, (const char *)name.data, name.size) ==
				0)
			return true;
	return false;
}
