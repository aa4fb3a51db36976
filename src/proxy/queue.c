#include "proxy/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"

enum { FIRST_ROOM = 512 };

void queue_init(struct queue *queue, size_t limit) {
	*queue = (struct queue){.limit = limit};
}

void queue_done(struct queue *queue) {
	wipe(queue->data, queue->room);
	free(queue->data);
	*queue = (struct queue){.limit = 0};
}

/* Room for size more behind the end. By hand, as realloc() would leave a copy that is not wiped. */
static enum err make_room(struct queue *queue, size_t size) {
	size_t waiting = queue->end - queue->begin;
	if (queue->room - queue->end >= size)
		return ERR_OK;
	if (queue->room - waiting < size) {
		size_t room = queue->room > 0 ? queue->room : FIRST_ROOM;
		while (room - waiting < size)
			room *= 2;
		uint8_t *data = malloc(room);
		if (!data)
			return ERR_NO_MEMORY;
		if (waiting > 0)
			memcpy(data, queue->data + queue->begin, waiting);
		wipe(queue->data, queue->room);
		free(queue->data);
		queue->data = data;
		queue->room = room;
	} else if (waiting > 0) {
		memmove(queue->data, queue->data + queue->begin, waiting);
	}
	queue->begin = 0;
	queue->end = waiting;
	return ERR_OK;
}

void queue_add(struct queue *queue, const void *data, size_t size) {
	if (queue->error || size == 0)
		return;
	if (size > queue_space(queue)) {
		queue->error = ERR_LIMIT;
		return;
	}
	queue->error = make_room(queue, size);
	if (queue->error)
		return;
	memcpy(queue->data + queue->end, data, size);
	queue->end += size;
}

void queue_add_text(struct queue *queue, const char *text) {
	queue_add(queue, text, strlen(text));
}

void queue_add_slice(struct queue *queue, struct slice slice) {
	queue_add(queue, slice.data, slice.size);
}

size_t queue_space(const struct queue *queue) {
	return queue->error ? 0 : queue->limit - (queue->end - queue->begin);
}

struct slice queue_waiting(const struct queue *queue) {
	return slice_of(queue->data ? queue->data + queue->begin : NULL, queue->end - queue->begin);
}

void queue_drop(struct queue *queue, size_t size) {
	queue->begin += size;
	if (queue->begin == queue->end)
		queue->begin = queue->end = 0;
}

void queue_clear(struct queue *queue) {
	queue->begin = queue->end = 0;
	queue->error = ERR_OK;
}
