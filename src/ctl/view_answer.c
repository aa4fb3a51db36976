#include <stdlib.h>

#include "ctl/view.h"
#include "ctl/view_json.h"

/* The small answers: an error, a message. */

void view_error_done(struct view_error *error) {
	if (!error)
		return;
	free(error->code);
	free(error->message);
	*error = (struct view_error){0};
}

enum err view_error_encode(const struct view_error *error, char **out_text, size_t *out_size) {
	struct view_text text = {0};
	struct view_writer w = view_writer_new();
	view_put_number(&w, "status", error->status);
	view_put_text(&w, "code", error->code);
	view_put_text(&w, "message", error->message);
	view_writer_end(&w, &text, false);
	return view_text_take(&text, out_text, out_size);
}

enum err view_error_decode(const char *text, size_t size, struct view_error *out_error) {
	json_t *object;
	enum err error = view_json_parse(text, size, &object);
	if (error)
		return error;
	struct view_reader r = view_reader_of(object);
	struct view_error decoded = {0};
	decoded.status = (unsigned)view_get_number(&r, "status", UINT16_MAX);
	decoded.code = view_get_text(&r, "code", VIEW_TEXT_MAX, true);
	decoded.message = view_get_text(&r, "message", VIEW_JSON_MAX, true);
	json_decref(object);
	if (r.error) {
		view_error_done(&decoded);
		return r.error;
	}
	*out_error = decoded;
	return ERR_OK;
}

enum err view_message_encode(const char *message, char **out_text, size_t *out_size) {
	struct view_text text = {0};
	struct view_writer w = view_writer_new();
	view_put_text(&w, "message", message);
	view_writer_end(&w, &text, false);
	return view_text_take(&text, out_text, out_size);
}

enum err view_message_decode(const char *text, size_t size, char **out_message) {
	json_t *object;
	enum err error = view_json_parse(text, size, &object);
	if (error)
		return error;
	struct view_reader r = view_reader_of(object);
	char *message = view_get_text(&r, "message", VIEW_JSON_MAX, true);
	json_decref(object);
	if (r.error) {
		free(message);
		return r.error;
	}
	*out_message = message;
	return ERR_OK;
}
