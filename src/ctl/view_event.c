#include <stdlib.h>

#include "ctl/view.h"
#include "ctl/view_json.h"

void view_event_done(struct view_event *event) {
	if (!event)
		return;
	free(event->kind);
	free(event->tunnel);
	free(event->peer);
	free(event->message);
	*event = (struct view_event){0};
}

enum err view_event_encode(const struct view_event *event, char **out_text, size_t *out_size) {
	struct view_text text = {0};
	struct view_writer w = view_writer_new();
	view_put_number(&w, "sequence", event->sequence);
	view_put_number(&w, "time", event->time);
	view_put_text(&w, "kind", event->kind);
	view_put_text(&w, "tunnel", event->tunnel);
	view_put_text(&w, "peer", event->peer);
	view_put_text(&w, "message", event->message);
	view_writer_end(&w, &text, false);
	return view_text_take(&text, out_text, out_size);
}

enum err view_event_decode(const char *text, size_t size, struct view_event *out_event) {
	json_t *object;
	enum err error = view_json_parse(text, size, &object);
	if (error)
		return error;
	struct view_reader r = view_reader_of(object);
	struct view_event event = {0};
	event.sequence = view_get_number(&r, "sequence", UINT64_MAX);
	event.time = view_get_number(&r, "time", UINT64_MAX);
	event.kind = view_get_text(&r, "kind", VIEW_TEXT_MAX, true);
	event.tunnel = view_get_text(&r, "tunnel", VIEW_TEXT_MAX, false);
	event.peer = view_get_text(&r, "peer", VIEW_TEXT_MAX, false);
	event.message = view_get_text(&r, "message", VIEW_TEXT_MAX, true);
	json_decref(object);
	if (r.error) {
		view_event_done(&event);
		return r.error;
	}
	*out_event = event;
	return ERR_OK;
}
