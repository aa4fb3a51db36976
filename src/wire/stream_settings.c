#include "wire/stream_settings.h"

#include <string.h>

#include "wire/cursor.h"

/*
 *   0    2        4
 *   | id | length | value |   and so on
 *
 *   SHAPING:          profile 1
 *   ADDRESS, ROUTE:   family 1 (4 or 6), prefix length 1, address 4 or 16
 *   SERVER:           family 1, address 4 or 16
 *   DOMAIN:           its name, no dot at the end
 *   MTU:              2
 *
 * Sizes are checked by the reader of each value, which has to end where its item does.
 */

static bool is_prefix(const struct prefix *prefix) {
	size_t size = address_size(&prefix->address);
	return size > 0 && prefix->length <= 8 * size;
}

static bool is_route(const struct prefix *route) {
	struct prefix masked = *route;
	if (!is_prefix(route))
		return false;
	prefix_mask(&masked);
	return prefix_equal(&masked, route);
}

static bool is_domain(const char *text, size_t size) {
	struct dns_name name;
	return strnlen(text, size) < size && dns_name_parse(text, &name) == ERR_OK;
}

static bool is_mtu(uint16_t mtu) {
	return mtu >= STREAM_SETTINGS_MTU_MIN;
}

static void read_address(struct reader *reader, uint8_t family, struct address *out_address) {
	struct address address = {.family = family};
	reader_expect(reader, family == ADDRESS_V4 || family == ADDRESS_V6);
	reader_bytes(reader, address.bytes, address_size(&address));
	*out_address = address;
}

static void read_prefix(struct reader *reader, struct prefix *out_prefix) {
	uint8_t family = reader_u8(reader);
	out_prefix->length = reader_u8(reader);
	read_address(reader, family, &out_prefix->address);
	reader_expect(reader, is_prefix(out_prefix));
}

static void read_domain(struct reader *reader, char out_name[static DNS_NAME_TEXT_MAX + 1]) {
	size_t size = reader_left(reader);
	reader_expect(reader, size <= DNS_NAME_TEXT_MAX);
	struct slice name = reader_slice(reader, size);
	if (reader->error)
		return;
	if (name.size > 0)
		memcpy(out_name, name.data, name.size);
	out_name[name.size] = '\0';
	reader_expect(reader, strlen(out_name) == size && is_domain(out_name, size + 1));
}

/* The place of one more, or NULL, with ERR_LIMIT in the reader. */
#define NEXT(reader, array, count)                                    \
	((count) < sizeof(array) / sizeof(array)[0] ? &(array)[(count)++] \
												: (reader_fail((reader), ERR_LIMIT), NULL))

static void read_value(struct reader *reader, uint16_t id, struct stream_settings *settings) {
	struct prefix *prefix;
	struct address *address;
	char(*domain)[DNS_NAME_TEXT_MAX + 1];
	uint8_t shaping;
	switch (id) {
	case STREAM_SETTING_SHAPING:
		shaping = reader_u8(reader);
		reader_expect(reader,
					  settings->shaping == STREAM_SHAPING_NONE && shaping != STREAM_SHAPING_NONE);
		settings->shaping = shaping;
		break;
	case STREAM_SETTING_ADDRESS:
		prefix = NEXT(reader, settings->addresses, settings->address_count);
		if (prefix != NULL)
			read_prefix(reader, prefix);
		break;
	case STREAM_SETTING_ROUTE:
		prefix = NEXT(reader, settings->routes, settings->route_count);
		if (prefix != NULL) {
			read_prefix(reader, prefix);
			reader_expect(reader, is_route(prefix));
		}
		break;
	case STREAM_SETTING_SERVER:
		address = NEXT(reader, settings->servers, settings->server_count);
		if (address != NULL)
			read_address(reader, reader_u8(reader), address);
		break;
	case STREAM_SETTING_DOMAIN:
		domain = NEXT(reader, settings->domains, settings->domain_count);
		if (domain != NULL)
			read_domain(reader, *domain);
		break;
	case STREAM_SETTING_MTU:
		reader_expect(reader, settings->mtu == 0);
		settings->mtu = reader_u16_be(reader);
		reader_expect(reader, is_mtu(settings->mtu));
		break;
	default:
		reader_skip(reader, reader_left(reader));
	}
}

enum err stream_settings_decode(const uint8_t *data, size_t size,
								struct stream_settings *out_settings) {
	struct stream_settings settings = {.shaping = STREAM_SHAPING_NONE};
	struct reader reader = reader_of(data, size);
	while (reader_left(&reader) > 0) {
		uint16_t id = reader_u16_be(&reader);
		struct slice value = reader_slice(&reader, reader_u16_be(&reader));
		if (reader.error)
			return reader.error;
		struct reader inside = reader_of(value.data, value.size);
		read_value(&inside, id, &settings);
		enum err error = reader_finish(&inside);
		if (error != ERR_OK)
			return error == ERR_LIMIT ? error : ERR_MALFORMED;
	}
	if (stream_shaping_name(settings.shaping) == NULL)
		settings.shaping = STREAM_SHAPING_NONE;
	*out_settings = settings;
	return ERR_OK;
}

static bool is_valid(const struct stream_settings *settings) {
	bool ok = settings->address_count <= STREAM_SETTINGS_ADDRESSES_MAX &&
			  settings->route_count <= STREAM_SETTINGS_ROUTES_MAX &&
			  settings->server_count <= STREAM_SETTINGS_SERVERS_MAX &&
			  settings->domain_count <= STREAM_SETTINGS_DOMAINS_MAX &&
			  (settings->mtu == 0 || is_mtu(settings->mtu)) &&
			  (settings->shaping == STREAM_SHAPING_NONE ||
			   stream_shaping_name(settings->shaping) != NULL);
	for (size_t i = 0; ok && i < settings->address_count; i++)
		ok = is_prefix(&settings->addresses[i]);
	for (size_t i = 0; ok && i < settings->route_count; i++)
		ok = is_route(&settings->routes[i]);
	for (size_t i = 0; ok && i < settings->server_count; i++)
		ok = address_size(&settings->servers[i]) > 0;
	for (size_t i = 0; ok && i < settings->domain_count; i++)
		ok = is_domain(settings->domains[i], sizeof settings->domains[i]);
	return ok;
}

static void write_head(struct writer *writer, enum stream_setting id, size_t length) {
	writer_u16_be(writer, (uint16_t)id);
	writer_u16_be(writer, (uint16_t)length);
}

static void write_prefixes(struct writer *writer, enum stream_setting id,
						   const struct prefix *prefixes, size_t count) {
	for (size_t i = 0; i < count; i++) {
		const struct address *address = &prefixes[i].address;
		write_head(writer, id, 2 + address_size(address));
		writer_u8(writer, address->family);
		writer_u8(writer, prefixes[i].length);
		writer_bytes(writer, address->bytes, address_size(address));
	}
}

enum err stream_settings_encode(const struct stream_settings *settings, uint8_t *out_data,
								size_t room, size_t *out_size) {
	if (!is_valid(settings))
		return ERR_INVALID;
	struct writer writer = writer_of(out_data, room);
	if (settings->shaping != STREAM_SHAPING_NONE) {
		write_head(&writer, STREAM_SETTING_SHAPING, sizeof settings->shaping);
		writer_u8(&writer, settings->shaping);
	}
	write_prefixes(&writer, STREAM_SETTING_ADDRESS, settings->addresses, settings->address_count);
	write_prefixes(&writer, STREAM_SETTING_ROUTE, settings->routes, settings->route_count);
	for (size_t i = 0; i < settings->server_count; i++) {
		const struct address *server = &settings->servers[i];
		write_head(&writer, STREAM_SETTING_SERVER, 1 + address_size(server));
		writer_u8(&writer, server->family);
		writer_bytes(&writer, server->bytes, address_size(server));
	}
	for (size_t i = 0; i < settings->domain_count; i++) {
		size_t length = strlen(settings->domains[i]);
		write_head(&writer, STREAM_SETTING_DOMAIN, length);
		writer_bytes(&writer, settings->domains[i], length);
	}
	if (settings->mtu != 0) {
		write_head(&writer, STREAM_SETTING_MTU, sizeof settings->mtu);
		writer_u16_be(&writer, settings->mtu);
	}
	return writer_finish(&writer, out_size);
}

const char *stream_shaping_name(uint8_t shaping) {
	switch (shaping) {
	case STREAM_SHAPING_PERFORMANCE:
		return "performance";
	case STREAM_SHAPING_BALANCED:
		return "balanced";
	case STREAM_SHAPING_STEALTH:
		return "stealth";
	default:
		return NULL;
	}
}
