#include "daemon/control_pending.h"

#include <errno.h>

#include "base/clock.h"

static struct control_asked *find(struct control_pending *pending, uint16_t request) {
	if (request == 0 || pending->count == 0)
		return NULL;
	for (size_t i = 0; i < CONTROL_PENDING_MAX; i++)
		if (pending->items[i].request == request)
			return &pending->items[i];
	return NULL;
}

static struct control_asked *find_free(struct control_pending *pending) {
	for (size_t i = 0; i < CONTROL_PENDING_MAX; i++)
		if (pending->items[i].request == 0)
			return &pending->items[i];
	return NULL;
}

/* Off the table first, so that done() finds room there. */
static struct control_asked take(struct control_pending *pending, struct control_asked *item) {
	struct control_asked taken = *item;
	*item = (struct control_asked){.request = 0};
	pending->count--;
	return taken;
}

enum err control_pending_add(struct control_pending *pending, const struct control_asked *asked,
							 uint16_t *out_request) {
	struct control_asked *item = find_free(pending);
	if (!item)
		return ERR_LIMIT;
	do
		pending->last++;
	while (pending->last == 0 || find(pending, pending->last));
	*item = *asked;
	item->request = pending->last;
	item->failing = false;
	pending->count++;
	*out_request = item->request;
	return ERR_OK;
}

void control_pending_forget(struct control_pending *pending, uint16_t request) {
	struct control_asked *item = find(pending, request);
	if (item)
		(void)take(pending, item);
}

void control_pending_answer(struct control_pending *pending, enum process_type type,
							uint16_t request, const struct control_reply *reply) {
	struct control_asked *item = find(pending, request);
	/* What was asked for with TEXT may be refused with RESULT. */
	if (!item || (item->type != type && !(type == PROCESS_RESULT && reply->number)))
		return;
	struct control_asked asked = take(pending, item);
	asked.done(asked.context, reply);
}

void control_pending_fail(struct control_pending *pending, int number, const char *text) {
	const struct control_reply reply = {.number = number, .text = text, .descriptor = -1};
	/* Only those of now: done() may ask again. */
	for (size_t i = 0; i < CONTROL_PENDING_MAX; i++)
		pending->items[i].failing = pending->items[i].request != 0;
	for (size_t i = 0; i < CONTROL_PENDING_MAX; i++) {
		if (!pending->items[i].failing)
			continue;
		struct control_asked asked = take(pending, &pending->items[i]);
		asked.done(asked.context, &reply);
	}
}

uint64_t control_pending_expire(struct control_pending *pending, uint64_t now) {
	const struct control_reply reply = {
		.number = ETIMEDOUT, .text = "there was no answer in time", .descriptor = -1};
	for (size_t i = 0; i < CONTROL_PENDING_MAX && pending->count > 0; i++) {
		if (pending->items[i].request == 0 || now < pending->items[i].deadline)
			continue;
		struct control_asked asked = take(pending, &pending->items[i]);
		asked.done(asked.context, &reply);
	}
	uint64_t next = CLOCK_NEVER;
	for (size_t i = 0; i < CONTROL_PENDING_MAX && pending->count > 0; i++)
		if (pending->items[i].request && pending->items[i].deadline < next)
			next = pending->items[i].deadline;
	return next;
}
