#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Packets inside the tunnel. Node n is 10.0.0.n and fd00::n there. A packet carries its number and
 * a pattern that depends on it, so that a receiver can tell which one it is and that it is whole.
 */

enum {
	INNER_HEADERS_V4 = 28, /* IPv4 and UDP */
	INNER_HEADERS_V6 = 48,
	INNER_STREAM_HEADERS = 40, /* IPv4 and TCP */
	INNER_PAYLOAD_MIN = 4,
	INNER_SIZE_MAX = 65535,
	INNER_SIZE = 100, /* of an ordinary packet */
};

struct inner {
	bool v6;
	uint8_t from, to; /* the last byte of the addresses */
	uint32_t number;
	size_t size; /* of the whole packet */
};

/* A UDP packet of inner->size bytes, which must hold the headers and the number. */
void inner_build(const struct inner *inner, uint8_t *out_data);

/* False for anything but a whole and unharmed packet of inner_build(). */
bool inner_read(const uint8_t *data, size_t size, struct inner *out_inner);

/*
 * A TCP super-packet behind its virtio header, as a kernel hands it over: payload bytes of a stream
 * that has the byte inner_stream_byte(at) at place `at`, in segments of segment bytes. Returns the
 * size of both.
 */
size_t inner_build_stream(uint8_t from, uint8_t to, uint32_t at, size_t payload, uint16_t segment,
						  uint8_t *out_data);
uint8_t inner_stream_byte(uint32_t at);
