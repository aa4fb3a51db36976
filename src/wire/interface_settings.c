#include "wire/interface_settings.h"

#include <string.h>

#include "wire/cursor.h"

/*
 *   ADDRESS, ROUTE:   family 1 (4 or 6), prefix length 1, address 4 or 16
 *   SERVER:           family 1, address 4 or 16
 *   DOMAIN:           its name, no dot at the end
 *   MTU:              2
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
	return mtu >= INTERFACE_SETTINGS_MTU_MIN;
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

void interface_settings_read(struct reader *value, enum interface_setting kind,
							 struct interface_settings *settings) {
	struct prefix *prefix;
	struct address *address;
	char(*domain)[DNS_NAME_TEXT_MAX + 1];
	switch (kind) {
	case INTERFACE_SETTING_ADDRESS:
		prefix = NEXT(value, settings->addresses, settings->address_count);
		if (prefix != NULL)
			read_prefix(value, prefix);
		break;
	case INTERFACE_SETTING_ROUTE:
		prefix = NEXT(value, settings->routes, settings->route_count);
		if (prefix != NULL) {
			read_prefix(value, prefix);
			reader_expect(value, is_route(prefix));
		}
		break;
	case INTERFACE_SETTING_SERVER:
		address = NEXT(value, settings->servers, settings->server_count);
		if (address != NULL)
			read_address(value, reader_u8(value), address);
		break;
	case INTERFACE_SETTING_DOMAIN:
		domain = NEXT(value, settings->domains, settings->domain_count);
		if (domain != NULL)
			read_domain(value, *domain);
		break;
	case INTERFACE_SETTING_MTU:
		reader_expect(value, settings->mtu == 0);
		settings->mtu = reader_u16_be(value);
		reader_expect(value, is_mtu(settings->mtu));
		break;
	}
}

bool interface_settings_are_valid(const struct interface_settings *settings) {
	bool ok = settings->address_count <= INTERFACE_SETTINGS_ADDRESSES_MAX &&
			  settings->route_count <= INTERFACE_SETTINGS_ROUTES_MAX &&
			  settings->server_count <= INTERFACE_SETTINGS_SERVERS_MAX &&
			  settings->domain_count <= INTERFACE_SETTINGS_DOMAINS_MAX &&
			  (settings->mtu == 0 || is_mtu(settings->mtu));
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

static bool prefixes_equal(const struct prefix *left, size_t left_count, const struct prefix *right,
						   size_t right_count) {
	bool equal = left_count == right_count;
	for (size_t i = 0; equal && i < left_count; i++)
		equal = prefix_equal(&left[i], &right[i]);
	return equal;
}

bool interface_settings_equal(const struct interface_settings *left,
							  const struct interface_settings *right) {
	bool equal = left->mtu == right->mtu && left->server_count == right->server_count &&
				 left->domain_count == right->domain_count &&
				 prefixes_equal(left->addresses, left->address_count, right->addresses,
								right->address_count) &&
				 prefixes_equal(left->routes, left->route_count, right->routes, right->route_count);
	for (size_t i = 0; equal && i < left->server_count; i++)
		equal = address_equal(&left->servers[i], &right->servers[i]);
	for (size_t i = 0; equal && i < left->domain_count; i++)
		equal = strcmp(left->domains[i], right->domains[i]) == 0;
	return equal;
}

static void write_prefixes(struct writer *writer, enum interface_setting kind,
						   const struct prefix *prefixes, size_t count,
						   interface_settings_head *head) {
	for (size_t i = 0; i < count; i++) {
		const struct address *address = &prefixes[i].address;
		head(writer, kind, 2 + address_size(address));
		writer_u8(writer, address->family);
		writer_u8(writer, prefixes[i].length);
		writer_bytes(writer, address->bytes, address_size(address));
	}
}

void interface_settings_write(struct writer *writer, const struct interface_settings *settings,
							  interface_settings_head *head) {
	write_prefixes(writer, INTERFACE_SETTING_ADDRESS, settings->addresses, settings->address_count,
				   head);
	write_prefixes(writer, INTERFACE_SETTING_ROUTE, settings->routes, settings->route_count, head);
	for (size_t i = 0; i < settings->server_count; i++) {
		const struct address *server = &settings->servers[i];
		head(writer, INTERFACE_SETTING_SERVER, 1 + address_size(server));
		writer_u8(writer, server->family);
		writer_bytes(writer, server->bytes, address_size(server));
	}
	for (size_t i = 0; i < settings->domain_count; i++) {
		size_t length = strlen(settings->domains[i]);
		head(writer, INTERFACE_SETTING_DOMAIN, length);
		writer_bytes(writer, settings->domains[i], length);
	}
	if (settings->mtu != 0) {
		head(writer, INTERFACE_SETTING_MTU, sizeof settings->mtu);
		writer_u16_be(writer, settings->mtu);
	}
}
