#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * DNS over TCP (RFC 1035 section 4.2.2): | size 2 | message |, any number of them, cut into pieces
 * at the network's pleasure.
 */

enum { FRAME_HEADER_SIZE = 2 };

struct frame {
	uint8_t header[FRAME_HEADER_SIZE];
	size_t header_size;
	uint8_t *message; /* of the size that the header says; NULL until that is known */
	size_t size, wanted;
	size_t limit; /* bytes of a message */
};

void frame_init(struct frame *frame, size_t limit);
void frame_done(struct frame *frame);

/*
 * Takes bytes and calls whole() for each message that is complete with them, until it returns
 * another error than ERR_OK, which is handed on. ERR_LIMIT: a message larger than the limit, or
 * without any bytes; ERR_NO_MEMORY.
 */
enum err frame_put(struct frame *frame, const uint8_t *data, size_t size,
				   enum err (*whole)(void *context, const uint8_t *message, size_t message_size),
				   void *context);

/* The header of a message of that size. */
void frame_header(size_t size, uint8_t out_header[static FRAME_HEADER_SIZE]);
