#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"

/*
 * Where a stream is to lead to: the payload of STREAM_FRAME_OPEN. Type (1), address, port (2). A
 * type with TARGET_UDP set: the stream carries datagrams, each behind its length (2).
 */

enum target_type {
	TARGET_V4 = 0x01,
	TARGET_NAME = 0x03,
	TARGET_V6 = 0x04,
	TARGET_PACKETS = 0x05, /* IP packets, each behind its length (2): no address, port 0 */
	TARGET_UDP = 0x80,     /* a bit beside the first three */
};

enum {
	TARGET_NAME_MAX = 253,
	TARGET_SIZE_MAX = 1 + 1 + TARGET_NAME_MAX + 2,
	TARGET_TEXT_SIZE = TARGET_NAME_MAX + 16, /* with its NUL */
};

struct target {
	uint8_t type; /* enum target_type without TARGET_UDP */
	bool udp;
	struct address address;         /* of TARGET_V4, TARGET_V6 */
	char name[TARGET_NAME_MAX + 1]; /* of TARGET_NAME: lower case is not made of it here */
	uint16_t port;
};

/*
 * Takes the whole of data. Names are 1 to 253 bytes of letters, digits, '-', '_' and '.', without
 * a dot at the end, empty labels, or labels longer than 63; the last label is no number, decimal or
 * with 0x, because resolvers take "127.1" for an address. Port 0 passes, and is the only one of
 * TARGET_PACKETS. ERR_TRUNCATED, ERR_TRAILING, ERR_MALFORMED.
 */
enum err target_decode(const uint8_t *data, size_t size, struct target *out_target);

/* ERR_INVALID for what the decoder would refuse, ERR_LIMIT where room is too small. */
enum err target_encode(const struct target *target, uint8_t *out_data, size_t room,
					   size_t *out_size);

/*
 * From a host (an address, an address in brackets, or a name) and a port, as people and SOCKS
 * write them. A dot at the end of a name is taken off. ERR_INVALID.
 */
enum err target_parse(const char *host, uint16_t port, bool udp, struct target *out_target);

/* "example.com:443", "[2001:db8::1]:53/udp", "packets". */
void target_format(const struct target *target, char text[static TARGET_TEXT_SIZE]);
