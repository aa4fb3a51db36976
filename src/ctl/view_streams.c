#include "ctl/view_streams.h"

#define MEMBER "streams"

void view_streams_put(struct view_writer *writer, const struct stream_figure_set *figures) {
	if (!figures->are_known) {
		view_put(writer, MEMBER, json_null());
		return;
	}
	struct view_writer inner = view_writer_new();
	for (enum stream_figure i = 0; i < STREAM_FIGURE_COUNT; i++)
		view_put_number(&inner, stream_figure_name(i), figures->of[i]);
	view_put_object(writer, MEMBER, &inner);
}

void view_streams_put_peer(struct view_writer *writer,
						   const struct stream_peer_figure_set *figures) {
	if (!figures->are_known) {
		view_put(writer, MEMBER, json_null());
		return;
	}
	struct view_writer inner = view_writer_new();
	for (enum stream_peer_figure i = 0; i < STREAM_PEER_FIGURE_COUNT; i++)
		view_put_number(&inner, stream_peer_figure_name(i), figures->of[i]);
	view_put_object(writer, MEMBER, &inner);
}

/* NULL: there is none, as daemons of before have none either. */
static const json_t *object_of(const struct view_reader *reader) {
	const json_t *object = reader->error ? NULL : json_object_get(reader->object, MEMBER);
	return object && !json_is_null(object) ? object : NULL;
}

struct stream_figure_set view_streams_get(struct view_reader *reader) {
	struct stream_figure_set figures = {.are_known = false};
	const json_t *object = object_of(reader);
	if (!object)
		return figures;
	struct view_reader inner = view_reader_of(object);
	for (enum stream_figure i = 0; i < STREAM_FIGURE_COUNT && !inner.error; i++)
		figures.of[i] = view_get_number(&inner, stream_figure_name(i), UINT64_MAX);
	figures.are_known = !inner.error;
	reader->error = inner.error;
	return figures;
}

struct stream_peer_figure_set view_streams_get_peer(struct view_reader *reader) {
	struct stream_peer_figure_set figures = {.are_known = false};
	const json_t *object = object_of(reader);
	if (!object)
		return figures;
	struct view_reader inner = view_reader_of(object);
	for (enum stream_peer_figure i = 0; i < STREAM_PEER_FIGURE_COUNT && !inner.error; i++)
		figures.of[i] = view_get_number(&inner, stream_peer_figure_name(i), UINT64_MAX);
	figures.are_known = !inner.error;
	reader->error = inner.error;
	return figures;
}
