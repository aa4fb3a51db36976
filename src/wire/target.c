#include "wire/target.h"

#include <stdio.h>
#include <string.h>

#include "wire/cursor.h"

enum { LABEL_MAX = 63 /* RFC 1035 section 2.3.4 */ };

static bool is_digit(char byte) {
	return byte >= '0' && byte <= '9';
}

static bool is_name_byte(char byte) {
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || is_digit(byte) ||
		   byte == '-' || byte == '_';
}

static bool is_hex_digit(char byte) {
	return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

/* "1", "017", "0x7f", "0x": what inet_aton() takes for a part of an address (the resolver, too). */
static bool is_number(const char *label, size_t size) {
	bool is_hex = size >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X');
	for (size_t i = is_hex ? 2 : 0; i < size; i++)
		if (is_hex ? !is_hex_digit(label[i]) : !is_digit(label[i]))
			return false;
	return true;
}

static bool is_name(const char *name, size_t size) {
	if (size == 0 || size > TARGET_NAME_MAX)
		return false;
	for (size_t begin = 0;;) {
		size_t label = 0;
		while (begin + label < size && is_name_byte(name[begin + label]))
			label++;
		if (label == 0 || label > LABEL_MAX)
			return false;
		if (begin + label == size)
			return !is_number(name + begin, label);
		if (name[begin + label] != '.')
			return false;
		begin += label + 1;
	}
}

static bool is_valid(const struct target *target) {
	switch (target->type) {
	case TARGET_V4:
		return target->address.family == ADDRESS_V4;
	case TARGET_V6:
		return target->address.family == ADDRESS_V6;
	case TARGET_NAME:
		return is_name(target->name, strnlen(target->name, sizeof target->name));
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
		/* Before it is a text, or a zero inside would pass for its end. */
		reader_expect(&reader, reader.error || is_name((const char *)name.data, name.size));
		if (!reader.error)
			memcpy(target.name, name.data, name.size);
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
		if (!is_name(host, size))
			return ERR_INVALID;
		memcpy(target.name, host, size);
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
