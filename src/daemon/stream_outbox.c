#include "daemon/stream_outbox.h"

#include <stdlib.h>
#include <unistd.h>

void stream_outbox_init(struct stream_outbox *outbox, void (*wake)(void *context), void *context) {
	*outbox = (struct stream_outbox){.wake = wake, .context = context};
	(void)pthread_mutex_init(&outbox->mutex, NULL);
	list_init(&outbox->notices);
}

void stream_outbox_done(struct stream_outbox *outbox) {
	for (struct stream_notice *notice; (notice = stream_outbox_take(outbox)) != NULL;) {
		if (notice->descriptor >= 0)
			(void)close(notice->descriptor);
		free(notice);
	}
	(void)pthread_mutex_destroy(&outbox->mutex);
}

enum err stream_outbox_put(struct stream_outbox *outbox, const struct stream_notice *notice) {
	struct stream_notice *copy = malloc(sizeof *copy);
	if (!copy)
		return ERR_NO_MEMORY;
	*copy = *notice;
	(void)pthread_mutex_lock(&outbox->mutex);
	bool fits = outbox->count < STREAM_OUTBOX_MAX;
	if (fits) {
		list_append(&outbox->notices, &copy->link);
		outbox->count++;
	}
	(void)pthread_mutex_unlock(&outbox->mutex);
	if (!fits) {
		free(copy);
		return ERR_LIMIT;
	}
	outbox->wake(outbox->context);
	return ERR_OK;
}

void stream_outbox_want(struct stream_outbox *outbox, uint8_t kind, uint8_t count) {
	(void)pthread_mutex_lock(&outbox->mutex);
	outbox->wanted[kind] = count;
	(void)pthread_mutex_unlock(&outbox->mutex);
	outbox->wake(outbox->context);
}

void stream_outbox_want_again(struct stream_outbox *outbox, uint8_t kind, uint8_t count) {
	(void)pthread_mutex_lock(&outbox->mutex);
	if (outbox->wanted[kind] == 0)
		outbox->wanted[kind] = count;
	(void)pthread_mutex_unlock(&outbox->mutex);
}

struct stream_notice *stream_outbox_take(struct stream_outbox *outbox) {
	(void)pthread_mutex_lock(&outbox->mutex);
	struct list *first = list_take_first(&outbox->notices);
	if (first)
		outbox->count--;
	(void)pthread_mutex_unlock(&outbox->mutex);
	return first ? list_item(first, struct stream_notice, link) : NULL;
}

uint8_t stream_outbox_take_wanted(struct stream_outbox *outbox, uint8_t kind) {
	(void)pthread_mutex_lock(&outbox->mutex);
	uint8_t count = outbox->wanted[kind];
	outbox->wanted[kind] = 0;
	(void)pthread_mutex_unlock(&outbox->mutex);
	return count;
}
