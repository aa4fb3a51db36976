#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/*
 * Bytes that wait to be sent, at most as many as its limit says. Embedded; zeroed is without any
 * room, so that queue_init() comes first.
 */

struct queue {
	uint8_t *data;
	size_t begin, end, room; /* of data: what waits, what is allocated */
	size_t limit;
	enum err error; /* sticky, of queue_add() */
};

void queue_init(struct queue *queue, size_t limit);
/* Bytes are wiped: there may be passwords among them. NULL-safe on what was zeroed. */
void queue_done(struct queue *queue);

/*
 * All or none. ERR_LIMIT, ERR_NO_MEMORY: sets queue->error, and nothing is added any more; so a
 * caller who puts something together checks once, at the end.
 */
void queue_add(struct queue *queue, const void *data, size_t size);
void queue_add_text(struct queue *queue, const char *text);
void queue_add_slice(struct queue *queue, struct slice slice);

size_t queue_space(const struct queue *queue); /* bytes that may be added */
struct slice queue_waiting(const struct queue *queue);
void queue_drop(struct queue *queue, size_t size); /* at most as many as wait */
void queue_clear(struct queue *queue);             /* and its error */
