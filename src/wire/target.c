#include "wire/target.h"

#include <stdio.h>
#include <string.h>

#include "wire/cursor.h"
#include "wire/dns_name.h"

/* "1", "017", "0x7f", "0x": what inet_aton() takes for a part of an address (resolvers, too). */
static bool is_number(const char *label) {
	bool is_hex = label[0] == '0' && (label[1] == 'x' || label[1] == 'X');
	const char *digits = is_hex ? label + 2 : label;
	return digits[strspn(digits, is_hex ? "0123456789abcdefABCDEF" : "0123456789")] == '\0';
}

/* A text, in room for the longest name. */
static bool is_name(const char *name) {
	struct dns_name parsed;
	if (strnlen(name, TARGET_NAME_MAX + 1) > TARGET_NAME_MAX ||
		dns_name_parse(name, &parsed) != ERR_OK)
		return false;
	const char *dot = strrchr(name, '.');
	return !is_number(dot != NULL ? dot + 1 : name);
}

static bool is_valid(const struct target *target) {
	switch (target->type) {
	case TARGET_V4:
		return target->address.family == ADDRESS_V4;
	case TARGET_V6:
		return target->address.family == ADDRESS_V6;
	case TARGET_NAME:
		return is_name(target->name);
	case TARGET_PACKETS:
		return !target->udp && target->port == 0;
	default:
		return false;
	}
}

/*
 *   0      1
 *   | type | address | port 2 |
 *
 *   address:   4 bytes | 16 bytes | length 1, name | nothing
 */
enum err target_decode(const uint8_t *data, size_t size, struct target *out_target) {
	struct reader reader = reader_of(data, size);
	uint8_t type = reader_u8(&reader);
	struct target target = {
		.type = (uint8_t)(type & ~TARGET_UDP),
		.udp = (type & TARGET_UDP) != 0,
	};
	if (target.type == TARGET_V4 || target.type == TARGET_V6) {
		target.address.family = target.type == TARGET_V4 ? ADDRESS_V4 : ADDRESS_V6;
		reader_bytes(&reader, target.address.bytes, address_size(&target.address));
	} else if (target.type == TARGET_NAME) {
		uint8_t length = reader_u8(&reader);
		reader_expect(&reader, length <= TARGET_NAME_MAX);
		struct slice name = reader_slice(&reader, length);
		if (!reader.error && name.size > 0)
			memcpy(target.name, name.data, name.size);
		/* A zero inside would pass for its end. */
		reader_expect(&reader, strlen(target.name) == name.size);
	} else {
		reader_expect(&reader, target.type == TARGET_PACKETS);
	}
	target.port = reader_u16_be(&reader);
	enum err error = reader_finish(&reader);
	if (error == ERR_OK && !is_valid(&target))
		error = ERR_MALFORMED;
	if (error == ERR_OK)
		*out_target = target;
	return error;
}

enum err target_encode(const struct target *target, uint8_t *out_data, size_t room,
					   size_t *out_size) {
	if (!is_valid(target))
		return ERR_INVALID;
	struct writer writer = writer_of(out_data, room);
	writer_u8(&writer, (uint8_t)(target->type | (target->udp ? TARGET_UDP : 0)));
	if (target->type == TARGET_NAME) {
		size_t length = strlen(target->name);
		writer_u8(&writer, (uint8_t)length);
		writer_bytes(&writer, target->name, length);
	} else if (target->type != TARGET_PACKETS) {
		writer_bytes(&writer, target->address.bytes, address_size(&target->address));
	}
	writer_u16_be(&writer, target->port);
	return writer_finish(&writer, out_size);
}

/* An address, in brackets only of version 6. ERR_INVALID for all else. */
static enum err parse_address(const char *host, size_t size, struct target *target) {
	char text[ADDRESS_TEXT_SIZE];
	bool in_brackets = size >= 2 && host[0] == '[' && host[size - 1] == ']';
	if (in_brackets) {
		host++;
		size -= 2;
	}
	if (size >= sizeof text)
		return ERR_INVALID;
	memcpy(text, host, size);
	text[size] = '\0';
	enum err error = address_parse(text, &target->address);
	if (error == ERR_OK && in_brackets && target->address.family != ADDRESS_V6)
		error = ERR_INVALID;
	target->type = target->address.family == ADDRESS_V4 ? TARGET_V4 : TARGET_V6;
	return error;
}

enum err target_parse(const char *host, uint16_t port, bool udp, struct target *out_target) {
	/* A name and the dot at its end; of what is longer, too much to be either. */
	size_t size = strnlen(host, TARGET_NAME_MAX + 2);
	struct target target = {.udp = udp, .port = port};
	if (parse_address(host, size, &target) != ERR_OK) {
		target = (struct target){.type = TARGET_NAME, .udp = udp, .port = port};
		if (size > 0 && host[size - 1] == '.')
			size--;
		if (size > TARGET_NAME_MAX)
			return ERR_INVALID;
		memcpy(target.name, host, size);
		if (!is_name(target.name))
			return ERR_INVALID;
	}
	*out_target = target;
	return ERR_OK;
}

void target_format(const struct target *target, char text[static TARGET_TEXT_SIZE]) {
	const char *end = target->udp ? "/udp" : "";
	if (target->type == TARGET_V4 || target->type == TARGET_V6) {
		char address[ENDPOINT_TEXT_SIZE];
		const struct endpoint endpoint = {.address = target->address, .port = target->port};
		endpoint_format(&endpoint, address);
		(void)snprintf(text, TARGET_TEXT_SIZE, "%s%s", address, end);
	} else if (target->type == TARGET_NAME) {
		(void)snprintf(text, TARGET_TEXT_SIZE, "%.*s:%u%s", TARGET_NAME_MAX, target->name,
					   target->port, end);
	} else {
		(void)snprintf(text, TARGET_TEXT_SIZE, "packets");
	}
}
