#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* IP addresses, prefixes and UDP/TCP endpoints, in network byte order, with their texts. */

enum address_family { ADDRESS_NONE = 0, ADDRESS_V4 = 4, ADDRESS_V6 = 6 };

enum {
	ADDRESS_V4_SIZE = 4,
	ADDRESS_V6_SIZE = 16,
	ADDRESS_TEXT_SIZE = 64,  /* longest text of an address or prefix, with its NUL */
	ENDPOINT_TEXT_SIZE = 80, /* "[address%scope]:65535", with its NUL */
	/* A process that may not make sockets has one at this descriptor, to ask the kernel by. */
	ADDRESS_SOCKET = 3,
};

/* Bytes behind a v4 address are zero, so that whole structs compare by address_equal(). */
struct address {
	uint8_t bytes[ADDRESS_V6_SIZE];
	uint8_t family; /* enum address_family */
};

struct prefix {
	struct address address; /* host bits are zero once prefix_mask() has run */
	uint8_t length;         /* bits, 0..32 or 0..128 */
};

struct endpoint {
	struct address address;
	uint16_t port;     /* host byte order */
	uint32_t scope_id; /* interface index of a link-local v6 address, otherwise 0 */
};

/* 4 or 16, 0 for ADDRESS_NONE. */
size_t address_size(const struct address *address);

bool address_equal(const struct address *left, const struct address *right);
bool prefix_equal(const struct prefix *left, const struct prefix *right);
/* Whether inner, host bits passed over, is outer or a part of it. */
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);
bool endpoint_equal(const struct endpoint *left, const struct endpoint *right);

/* The first four or sixteen bytes at data as an address. */
struct address address_from_bytes(enum address_family family, const uint8_t *data);

/* Clears the bits behind length. */
void prefix_mask(struct prefix *prefix);

/* "192.0.2.1", "2001:db8::1"; ERR_INVALID for anything else, names among them. */
enum err address_parse(const char *text, struct address *out_address);

/* "192.0.2.0/24", or an address alone for a whole-length prefix. Host bits are cleared. */
enum err prefix_parse(const char *text, struct prefix *out_prefix);

/*
 * "192.0.2.1:51820", "[2001:db8::1]:51820", "[fe80::1%eth0]:51820" or "[fe80::1%3]:51820". Of an
 * interface's name the kernel knows the index.
 */
enum err endpoint_parse(const char *text, struct endpoint *out_endpoint);

/* The inverses; text is written whole, the buffers must have the sizes named above. */
void address_format(const struct address *address, char text[static ADDRESS_TEXT_SIZE]);
void prefix_format(const struct prefix *prefix, char text[static ADDRESS_TEXT_SIZE]);
void endpoint_format(const struct endpoint *endpoint, char text[static ENDPOINT_TEXT_SIZE]);
