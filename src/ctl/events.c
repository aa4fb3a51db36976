#include "ctl/events.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "ctl/server.h"
#include "ctl/view_json.h"

struct frame {
	char *text;
	size_t size;
};

struct events {
	uint64_t last;                      /* number given; 0: none */
	struct frame kept[CTL_EVENTS_KEPT]; /* number n at n modulo their count; holes lack memory */
};

enum err events_new(struct events **out_events) {
	struct events *events = calloc(1, sizeof *events);
	if (!events)
		return ERR_NO_MEMORY;
	*out_events = events;
	return ERR_OK;
}

void events_free(struct events *events) {
	if (!events)
		return;
	for (size_t i = 0; i < CTL_EVENTS_KEPT; i++)
		free(events->kept[i].text);
	free(events);
}

enum err events_add(struct events *events, struct view_event *event, struct slice *out_frame) {
	event->sequence = ++events->last;
	struct frame *frame = &events->kept[events->last % CTL_EVENTS_KEPT];
	free(frame->text);
	*frame = (struct frame){0};
	auto_free char *json = NULL;
	size_t size;
	enum err error = view_event_encode(event, &json, &size);
	if (error)
		return error;
	char id[48];
	int id_size = snprintf(id, sizeof id, "id: %llu\ndata: ", (unsigned long long)event->sequence);
	struct view_text text = {0};
	view_text_add(&text, id, (size_t)id_size);
	view_text_add(&text, json, size);
	view_text_add(&text, "\n\n", 2);
	error = view_text_take(&text, &frame->text, &frame->size);
	if (error)
		return error;
	*out_frame = slice_of(frame->text, frame->size);
	return ERR_OK;
}

enum err events_next(const struct events *events, uint64_t *after, struct slice *out_frame) {
	uint64_t number = *after > events->last ? 0 : *after;
	if (events->last - number > CTL_EVENTS_KEPT)
		number = events->last - CTL_EVENTS_KEPT;
	while (number < events->last) {
		const struct frame *frame = &events->kept[++number % CTL_EVENTS_KEPT];
		if (!frame->text)
			continue;
		*after = number;
		*out_frame = slice_of(frame->text, frame->size);
		return ERR_OK;
	}
	return ERR_NOT_FOUND;
}
