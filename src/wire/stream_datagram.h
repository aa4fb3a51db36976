#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/*
 * Datagrams, and IP packets, in a stream: any number of | size 2 | bytes … |, cut into pieces at
 * the pleasure of what carries it. Empty ones are datagrams as well.
 */

enum {
	STREAM_DATAGRAM_HEADER_SIZE = 2,
	STREAM_DATAGRAM_MAX = 65535,
};

/* The header of a datagram of that size, which is at most STREAM_DATAGRAM_MAX. */
void stream_datagram_header(size_t size, uint8_t out_header[static STREAM_DATAGRAM_HEADER_SIZE]);

struct stream_datagram_reader;

/* limit: bytes of a datagram, at most STREAM_DATAGRAM_MAX, else ERR_INVALID. ERR_NO_MEMORY. */
enum err stream_datagram_reader_new(size_t limit, struct stream_datagram_reader **out_reader);
void stream_datagram_reader_free(struct stream_datagram_reader *reader); /* NULL-safe */

/*
 * The next datagram, from the bytes at *data, which it steps over; out_datagram points to them, or,
 * where they came in pieces, into the reader, until the next call. ERR_AGAIN: all was taken, and no
 * datagram is whole. ERR_LIMIT: one is larger than the limit; ERR_NO_MEMORY: there is no room to
 * put one together. After those two the stream has no meaning any more.
 */
enum err stream_datagram_next(struct stream_datagram_reader *reader, struct slice *data,
							  struct slice *out_datagram);
