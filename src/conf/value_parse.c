#include "conf/value_parse.h"

#include <string.h>

#include "base/text.h"
#include "base/wipe.h"

static bool is_digit(char character) {
	return character >= '0' && character <= '9';
}

static bool is_alphanumeric(char character) {
	return is_digit(character) || (character >= 'a' && character <= 'z') ||
		   (character >= 'A' && character <= 'Z');
}

const char *value_parse_bool(const char *text, bool *out_value) {
	bool value = strcmp(text, "true") == 0;
	if (!value && strcmp(text, "false") != 0)
		return "is neither";
	*out_value = value;
	return NULL;
}

const char *value_parse_choice(const struct schema_row *row, const char *text, size_t *out_index) {
	for (size_t i = 0; row->choices[i]; i++) {
		if (strcmp(row->choices[i], text) == 0) {
			*out_index = i;
			return NULL;
		}
	}
	return "is not known";
}

/* Hexadecimal digits behind "0x". Values above 32 bits come out as some larger number. */
static bool parse_hexadecimal(const char *text, uint64_t *out_value) {
	static const char digits[] = "0123456789abcdef";
	uint64_t value = 0;
	if (!*text)
		return false;
	for (; *text; text++) {
		char lower = *text >= 'A' && *text <= 'F' ? (char)(*text - 'A' + 'a') : *text;
		const char *digit = strchr(digits, lower);
		if (!digit)
			return false;
		if (value <= UINT32_MAX)
			value = value << 4 | (uint64_t)(digit - digits);
	}
	*out_value = value;
	return true;
}

static const char *parse_unsigned(const char *text, bool hexadecimal, uint32_t minimum,
								  uint32_t maximum, uint32_t *out_value) {
	uint64_t value;
	size_t size = strlen(text);
	if (hexadecimal && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		if (!parse_hexadecimal(text + 2, &value))
			return "is no number";
	} else if (text_unsigned_parse(text, size, UINT64_MAX, &value)) {
		bool digits = size > 0 && strspn(text, "0123456789") == size;
		if (digits && text[0] == '0')
			return "begins with a zero";
		bool negative = text[0] == '-' && text[1] && strspn(text + 1, "0123456789") == size - 1;
		return digits || negative ? "is out of range" : "is no number";
	}
	if (value < minimum || value > maximum)
		return "is out of range";
	*out_value = (uint32_t)value;
	return NULL;
}

const char *value_parse_number(const struct schema_row *row, const char *text,
							   struct config_choice *out_value) {
	struct config_choice value = {0};
	if ((row->flags & SCHEMA_AUTOMATIC) && strcmp(text, "auto") == 0) {
		value.automatic = true;
	} else if ((row->flags & SCHEMA_OFF) && strcmp(text, "off") == 0) {
		value.off = true;
	} else {
		const char *problem = parse_unsigned(text, row->flags & SCHEMA_HEXADECIMAL, row->minimum,
											 row->maximum, &value.value);
		if (problem)
			return problem;
	}
	for (const uint32_t *excluded = row->excluded; excluded && *excluded; excluded++)
		if (value.value == *excluded)
			return "is the kernel's own";
	*out_value = value;
	return NULL;
}

const char *value_parse_seconds(const struct schema_row *row, const char *text,
								uint16_t *out_value) {
	uint32_t value = 0;
	if (strcmp(text, "off") != 0) {
		const char *problem = parse_unsigned(text, false, row->minimum, row->maximum, &value);
		if (problem)
			return problem;
	}
	*out_value = (uint16_t)value;
	return NULL;
}

const char *value_parse_listen(const char *text, bool loopback, struct endpoint *out_endpoint) {
	struct endpoint endpoint = {.address.family = ADDRESS_V6};
	uint32_t port = 0;
	if (text[0] && strspn(text, "0123456789") == strlen(text)) {
		const char *problem = parse_unsigned(text, false, 0, UINT16_MAX, &port);
		if (problem)
			return problem;
		endpoint.port = (uint16_t)port;
		if (loopback)
			endpoint.address = address_from_bytes(ADDRESS_V4, (const uint8_t[]){127, 0, 0, 1});
	} else if (strchr(text, '%')) {
		return "has a scope";
	} else if (endpoint_parse(text, &endpoint)) {
		return "is neither a port nor an address with one";
	}
	*out_endpoint = endpoint;
	return NULL;
}

/* Letters, digits, hyphens and underscores in parts of at most 63 (RFC 1035 section 2.3.4). */
static bool is_host_name(const char *text, size_t size) {
	enum { PART_MAX = 63 };
	size_t part = 0;
	bool digits = true; /* of the last part: then it is a broken address and no name */
	if (size == 0 || size > CONFIG_HOST_MAX)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '.') {
			if (part == 0 || i + 1 == size || text[i - 1] == '-')
				return false;
			part = 0;
			digits = true;
			continue;
		}
		bool allowed = is_alphanumeric(text[i]) || text[i] == '_' || (text[i] == '-' && part > 0);
		digits = digits && is_digit(text[i]);
		if (!allowed || ++part > PART_MAX)
			return false;
	}
	return !digits && text[size - 1] != '-';
}

const char *value_parse_name(const char *text, char out_name[static VALUE_NAME_SIZE]) {
	size_t size = strlen(text);
	if (size > 1 && text[size - 1] == '.')
		size--;
	if (!is_host_name(text, size))
		return "is no domain name";
	for (size_t i = 0; i < size; i++)
		out_name[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
	out_name[size] = '\0';
	return NULL;
}

/* Between brackets: with a scope if it has one, which the resolving host knows. */
static bool is_v6_host(const char *text, size_t size) {
	enum { SCOPE_MAX = 15 };
	char address[ADDRESS_TEXT_SIZE];
	struct address parsed;
	const char *scope = memchr(text, '%', size);
	size_t address_part = scope ? (size_t)(scope - text) : size;
	if (address_part >= sizeof address)
		return false;
	memcpy(address, text, address_part);
	address[address_part] = '\0';
	if (address_parse(address, &parsed) || parsed.family != ADDRESS_V6)
		return false;
	if (!scope)
		return true;
	size_t scope_size = size - address_part - 1;
	if (scope_size == 0 || scope_size > SCOPE_MAX)
		return false;
	for (size_t i = 1; i <= scope_size; i++)
		if (!is_alphanumeric(scope[i]) && !strchr("_.-", scope[i]))
			return false;
	return true;
}

static bool is_v4_host(const char *text, size_t size) {
	char address[ADDRESS_TEXT_SIZE];
	struct address parsed;
	if (size >= sizeof address)
		return false;
	memcpy(address, text, size);
	address[size] = '\0';
	return !address_parse(address, &parsed) && parsed.family == ADDRESS_V4;
}

const char *value_parse_host(const char *text, const char **out_name, size_t *out_size,
							 uint16_t *out_port) {
	const char *colon = strrchr(text, ':'), *name = text;
	uint32_t port;
	if (!colon || strchr(colon, ']'))
		return "has no port";
	size_t size = (size_t)(colon - text);
	if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
		name++;
		size -= 2;
		if (!is_v6_host(name, size))
			return "has no IPv6 address in its brackets";
	} else if (memchr(text, ':', size)) {
		return "has an IPv6 address without brackets";
	} else if (!is_v4_host(name, size) && !is_host_name(name, size)) {
		return "begins with no name or address";
	}
	if (parse_unsigned(colon + 1, false, 1, UINT16_MAX, &port))
		return "has a bad port";
	*out_name = name;
	*out_size = size;
	*out_port = (uint16_t)port;
	return NULL;
}

const char *value_parse_address(const char *text, struct address *out_address) {
	return address_parse(text, out_address) ? "is no address" : NULL;
}

const char *value_parse_network(const char *text, struct prefix *out_prefix) {
	struct prefix prefix = {0};
	char address[ADDRESS_TEXT_SIZE];
	const char *slash = strchr(text, '/');
	size_t size = slash ? (size_t)(slash - text) : strlen(text);
	if (strchr(text, ','))
		return "are several";
	if (size >= sizeof address)
		return "is no address";
	memcpy(address, text, size);
	address[size] = '\0';
	if (address_parse(address, &prefix.address))
		return "is no address";
	uint64_t maximum = 8 * address_size(&prefix.address), length = maximum;
	if (slash && text_unsigned_parse(slash + 1, strlen(slash + 1), maximum, &length))
		return "has a bad length";
	prefix.length = (uint8_t)length;
	*out_prefix = prefix;
	return NULL;
}

/* RFC 4291 sections 2.5.2 and 2.7, RFC 1112 section 4: not ::, 0.0.0.0 or a group's address. */
static bool is_host_address(const struct address *address) {
	if (wipe_is_zero(address->bytes, sizeof address->bytes))
		return false;
	return address->family == ADDRESS_V4 ? (address->bytes[0] & 0xf0) != 0xe0
										 : address->bytes[0] != 0xff;
}

const char *value_parse_interface(const char *text, struct prefix *out_prefix) {
	struct prefix prefix;
	const char *problem = value_parse_network(text, &prefix);
	if (problem)
		return problem;
	/* Forgotten, it would silently be an address without a network. */
	if (!strchr(text, '/'))
		return "has no length";
	if (!is_host_address(&prefix.address))
		return "is no address that an interface can have";
	*out_prefix = prefix;
	return NULL;
}

const char *value_parse_key(const char *text, uint8_t out_key[static TEXT_KEY_SIZE]) {
	struct {
		uint8_t key[TEXT_KEY_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	size_t size = strlen(text);
	if (size < TEXT_KEY_BASE64_SIZE - 1)
		return "is too short for a key";
	if (size > TEXT_KEY_BASE64_SIZE - 1)
		return "is too long for a key";
	if (text_key_decode(text, size, s.key))
		return "is not the base64 of 32 bytes";
	if (wipe_is_zero(s.key, sizeof s.key))
		return "is all zeros";
	memcpy(out_key, s.key, sizeof s.key);
	return NULL;
}
