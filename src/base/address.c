#include "base/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

size_t address_size(const struct address *address) {
	switch (address->family) {
	case ADDRESS_V4:
		return ADDRESS_V4_SIZE;
	case ADDRESS_V6:
		return ADDRESS_V6_SIZE;
	default:
		return 0;
	}
}

bool address_equal(const struct address *left, const struct address *right) {
	return left->family == right->family &&
		   memcmp(left->bytes, right->bytes, address_size(left)) == 0;
}

bool prefix_equal(const struct prefix *left, const struct prefix *right) {
	return left->length == right->length && address_equal(&left->address, &right->address);
}

bool endpoint_equal(const struct endpoint *left, const struct endpoint *right) {
	return left->port == right->port && left->scope_id == right->scope_id &&
		   address_equal(&left->address, &right->address);
}

struct address address_from_bytes(enum address_family family, const uint8_t *data) {
	struct address address = {.family = (uint8_t)family};
	memcpy(address.bytes, data, address_size(&address));
	return address;
}

void prefix_mask(struct prefix *prefix) {
	uint8_t *bytes = prefix->address.bytes;
	size_t whole = prefix->length / 8, size = address_size(&prefix->address);
	if (whole >= size)
		return;
	bytes[whole] &= (uint8_t)(0xff00 >> (prefix->length % 8));
	memset(bytes + whole + 1, 0, size - whole - 1);
}

bool prefix_covers(const struct prefix *outer, const struct prefix *inner) {
	if (outer->address.family != inner->address.family || outer->length > inner->length)
		return false;
	struct prefix wide = *outer, cut = *inner;
	cut.length = outer->length;
	prefix_mask(&wide);
	prefix_mask(&cut);
	return prefix_equal(&wide, &cut);
}

enum err address_parse(const char *text, struct address *out_address) {
	struct address address = {0};
	if (inet_pton(AF_INET, text, address.bytes) == 1)
		address.family = ADDRESS_V4;
	else if (inet_pton(AF_INET6, text, address.bytes) == 1)
		address.family = ADDRESS_V6;
	else
		return ERR_INVALID;
	*out_address = address;
	return ERR_OK;
}

/* An address that is the first size characters of text. */
static enum err parse_part(const char *text, size_t size, struct address *out_address) {
	char part[ADDRESS_TEXT_SIZE];
	if (size >= sizeof part)
		return ERR_INVALID;
	memcpy(part, text, size);
	part[size] = '\0';
	return address_parse(part, out_address);
}

enum err prefix_parse(const char *text, struct prefix *out_prefix) {
	struct prefix prefix;
	const char *slash = strchr(text, '/');
	enum err error =
		parse_part(text, slash ? (size_t)(slash - text) : strlen(text), &prefix.address);
	if (error)
		return error;
	uint64_t maximum = 8 * address_size(&prefix.address), length = maximum;
	if (slash) {
		error = text_unsigned_parse(slash + 1, strlen(slash + 1), maximum, &length);
		if (error)
			return error;
	}
	prefix.length = (uint8_t)length;
	prefix_mask(&prefix);
	*out_prefix = prefix;
	return ERR_OK;
}

static bool is_link_local(const struct address *address) {
	return address->family == ADDRESS_V6 && address->bytes[0] == 0xfe &&
		   (address->bytes[1] & 0xc0) == 0x80;
}

/*
 * 0: there is none of the name. Not if_nametoindex(), which tries sockets of all families: to do so
 * ends a process that may not make any.
 */
static uint32_t interface_index(const char *name) {
	struct ifreq request = {.ifr_ifindex = 0};
	memcpy(request.ifr_name, name, strlen(name) + 1);
	int made = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int failed = ioctl(made >= 0 ? made : ADDRESS_SOCKET, SIOCGIFINDEX, &request);
	if (made >= 0)
		(void)close(made);
	return failed || request.ifr_ifindex <= 0 ? 0 : (uint32_t)request.ifr_ifindex;
}

/* An interface's index or name: RFC 4007 section 11.2. */
static enum err parse_scope(const char *text, size_t size, uint32_t *out_scope_id) {
	uint64_t number;
	if (!text_unsigned_parse(text, size, UINT32_MAX, &number)) {
		if (number == 0)
			return ERR_INVALID;
		*out_scope_id = (uint32_t)number;
		return ERR_OK;
	}
	char name[IF_NAMESIZE];
	if (size == 0 || size >= sizeof name)
		return ERR_INVALID;
	memcpy(name, text, size);
	name[size] = '\0';
	uint32_t index = interface_index(name);
	if (index == 0)
		return ERR_INVALID;
	*out_scope_id = index;
	return ERR_OK;
}

/* The "address%scope" between the brackets. */
static enum err parse_scoped(const char *text, size_t size, struct endpoint *endpoint) {
	const char *percent = memchr(text, '%', size);
	size_t address_end = percent ? (size_t)(percent - text) : size;
	enum err error = parse_part(text, address_end, &endpoint->address);
	if (error)
		return error;
	if (endpoint->address.family != ADDRESS_V6)
		return ERR_INVALID;
	endpoint->scope_id = 0;
	if (!percent)
		return ERR_OK;
	error = parse_scope(percent + 1, size - address_end - 1, &endpoint->scope_id);
	/* Resolvers put a scope on any address; it says something of link-local ones only. */
	if (!is_link_local(&endpoint->address))
		endpoint->scope_id = 0;
	return error;
}

enum err endpoint_parse(const char *text, struct endpoint *out_endpoint) {
	struct endpoint endpoint = {0};
	const char *colon = strrchr(text, ':');
	if (!colon)
		return ERR_INVALID;
	size_t host_size = (size_t)(colon - text);
	enum err error;
	if (text[0] == '[') {
		if (text[host_size - 1] != ']')
			return ERR_INVALID;
		error = parse_scoped(text + 1, host_size - 2, &endpoint);
	} else {
		error = parse_part(text, host_size, &endpoint.address);
		if (!error && endpoint.address.family != ADDRESS_V4)
			error = ERR_INVALID;
	}
	if (error)
		return error;
	uint64_t port;
	error = text_unsigned_parse(colon + 1, strlen(colon + 1), UINT16_MAX, &port);
	if (error)
		return error;
	endpoint.port = (uint16_t)port;
	*out_endpoint = endpoint;
	return ERR_OK;
}

void address_format(const struct address *address, char text[static ADDRESS_TEXT_SIZE]) {
	int family = address->family == ADDRESS_V4 ? AF_INET : AF_INET6;
	if (address_size(address) == 0)
		strcpy(text, "none");
	else
		(void)inet_ntop(family, address->bytes, text, ADDRESS_TEXT_SIZE);
}

void prefix_format(const struct prefix *prefix, char text[static ADDRESS_TEXT_SIZE]) {
	address_format(&prefix->address, text);
	size_t size = strlen(text);
	(void)snprintf(text + size, ADDRESS_TEXT_SIZE - size, "/%u", prefix->length);
}

void endpoint_format(const struct endpoint *endpoint, char text[static ENDPOINT_TEXT_SIZE]) {
	char address[ADDRESS_TEXT_SIZE];
	address_format(&endpoint->address, address);
	if (endpoint->address.family != ADDRESS_V6)
		(void)snprintf(text, ENDPOINT_TEXT_SIZE, "%s:%u", address, endpoint->port);
	else if (endpoint->scope_id == 0)
		(void)snprintf(text, ENDPOINT_TEXT_SIZE, "[%s]:%u", address, endpoint->port);
	else
		(void)snprintf(text, ENDPOINT_TEXT_SIZE, "[%.45s%%%u]:%u", address, endpoint->scope_id,
					   endpoint->port);
}
