#include "base/byte_queue.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 4096 };

void byte_queue_done(struct byte_queue *queue) {
	free(queue->bytes);
	*queue = (struct byte_queue){.bytes = NULL};
}

enum err byte_queue_reserve(struct byte_queue *queue, size_t size) {
	size_t held = byte_queue_size(queue);
	if (size > SIZE_MAX / 4 - held)
		return ERR_NO_MEMORY;
	if (size <= queue->room - held)
		return ERR_OK;
	size_t room = queue->room > 0 ? queue->room : FIRST_ROOM;
	while (room - held < size)
		room *= 2;
	uint8_t *larger = realloc(queue->bytes, room);
	if (!larger)
		return ERR_NO_MEMORY;
	queue->bytes = larger;
	queue->room = room;
	return ERR_OK;
}

enum err byte_queue_append(struct byte_queue *queue, const void *data, size_t size) {
	if (size == 0)
		return ERR_OK;
	enum err error = byte_queue_reserve(queue, size);
	if (error)
		return error;
	size_t held = byte_queue_size(queue);
	if (size > queue->room - queue->end) {
		memmove(queue->bytes, queue->bytes + queue->begin, held);
		queue->begin = 0;
		queue->end = held;
	}
	memcpy(queue->bytes + queue->end, data, size);
	queue->end += size;
	return ERR_OK;
}

void byte_queue_drop(struct byte_queue *queue, size_t size) {
	size_t held = byte_queue_size(queue);
	queue->begin += size < held ? size : held;
	if (byte_queue_size(queue) > 0)
		return;
	queue->begin = queue->end = 0;
	if (queue->room > BYTE_QUEUE_ROOM_KEPT)
		byte_queue_done(queue);
}
