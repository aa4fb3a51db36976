/* Texts of values that tunnels of streams have. */
#include <string.h>

#include "conf/value_parse.h"
#include "wire/policy_rule.h"

/* RFC 9110 section 5.6.2, which RFC 6265 section 4.1.1 makes the name of a cookie. */
const char *value_parse_token(const char *text, size_t maximum) {
	static const char characters[] = "!#$%&'*+-.^_`|~0123456789"
									 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t size = strlen(text);
	if (size > maximum)
		return "is too long";
	return size > 0 && strspn(text, characters) == size ? NULL : "is no name of a cookie";
}

/* RFC 3986 section 3.3, percent-encoded where need be; a query may follow. */
const char *value_parse_url_path(const char *text, size_t maximum) {
	static const char characters[] = "/?-._~!$&'()*+,;=:@%0123456789"
									 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t size = strlen(text);
	if (size > maximum)
		return "is too long";
	return text[0] == '/' && strspn(text, characters) == size ? NULL : "is no path";
}

const char *value_parse_origin(const char *text, struct endpoint *out_endpoint) {
	static const char scheme[] = "http://";
	struct endpoint endpoint;
	if (strncmp(text, scheme, sizeof scheme - 1) != 0)
		return "does not begin with http://";
	const char *at = text + sizeof scheme - 1;
	if (strchr(at, '%') || endpoint_parse(at, &endpoint))
		return "has no address with a port, or more than that";
	if (endpoint.port == 0)
		return "has no port";
	*out_endpoint = endpoint;
	return NULL;
}

const char *value_parse_server_name(const char *text, char out_name[static VALUE_NAME_SIZE]) {
	struct address address;
	char shown[ADDRESS_TEXT_SIZE];
	if (address_parse(text, &address))
		return value_parse_name(text, out_name) ? "is neither a domain name nor an address" : NULL;
	address_format(&address, shown);
	memcpy(out_name, shown, strlen(shown) + 1);
	return NULL;
}

const char *value_parse_rule(const struct schema_row *row, const char *text) {
	const bool is_of_packets = row->flags & SCHEMA_OF_SHARED;
	struct policy_rule rule;
	return policy_rule_read(text, is_of_packets ? POLICY_OF_EITHER : POLICY_OF_STREAMS, &rule);
}

const char *value_parse_pin(const char *text, struct config_pin *out_pin) {
	static const char kind[] = "sha256/";
	size_t size = sizeof kind - 1;
	if (strncmp(text, kind, size) != 0)
		return "does not begin with sha256/";
	return text_key_decode(text + size, strlen(text + size), out_pin->bytes)
			   ? "is not the base64 of 32 bytes behind sha256/"
			   : NULL;
}
