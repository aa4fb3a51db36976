#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "wire/phaze_packet.h"

/*
 * Over TCP Phaze's packets follow one another. A stream takes a connection's bytes, cut as they
 * come, and gives packets back; it needs no memory beyond one packet. One thread uses it.
 */

struct phaze_stream {
	enum err error; /* once set, it stays */
	size_t size;    /* of what is there of a packet */
	uint8_t packet[PHAZE_PACKET_SIZE_MAX];
};

/*
 * The size of the packet that begins at data, of which more may be missing than is there.
 * ERR_AGAIN: too little is there to tell. ERR_MALFORMED: it is no packet.
 */
enum err phaze_stream_size(const uint8_t *data, size_t size, size_t *out_size);

/* Wipes nothing: what is in it was on the network. */
void phaze_stream_init(struct phaze_stream *stream);

/*
 * Takes bytes from the front of input until they make a packet, whose header is as
 * phaze_packet_decode() wants it; *out_packet is valid until the next call. ERR_AGAIN: input is
 * used up. ERR_MALFORMED, now and ever after, at the first byte that is no packet's.
 */
enum err phaze_stream_take(struct phaze_stream *stream, struct slice *input,
						   struct slice *out_packet);
