#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/protocol.h"

/*
 * Handshake datagrams of one lane wait here, bounded, so that floods of them cost established
 * sessions only a budget of time a turn. A long queue is what "under load" means.
 */

enum {
	HANDSHAKE_QUEUE_SIZE = 4096,  /* a flood's worth of the time that others take the processor */
	HANDSHAKE_QUEUE_LOADED = 128, /* some 40 ms of curve arithmetic */
};

#define HANDSHAKE_LOAD_HELD (UINT64_C(1000) * 1000 * 1000) /* ns that load lasts once seen */

struct handshake_queue;

enum err handshake_queue_new(struct handshake_queue **out_queue);
void handshake_queue_free(struct handshake_queue *queue);

/* Copies a datagram in; false when it is full or the datagram too large. */
bool handshake_queue_push(struct handshake_queue *queue, const struct endpoint *from,
						  const struct udp_source *to, const uint8_t *data, size_t size,
						  uint64_t now);

/* The oldest, valid until the next push; NULL when empty. */
const struct handshake_datagram *handshake_queue_pop(struct handshake_queue *queue);
bool handshake_queue_is_empty(const struct handshake_queue *queue);

/* True while it is long and for HANDSHAKE_LOAD_HELD after. */
bool handshake_queue_under_load(const struct handshake_queue *queue, uint64_t now);
/* Until when it was as of the last push, 0: never. Any thread may ask. */
uint64_t handshake_queue_loaded_until(const struct handshake_queue *queue);
