#include "ctl/view_paths.h"

#include <stdlib.h>

#define MEMBER "paths"

void view_paths_put(struct view_writer *writer, const struct view_peer *peer) {
	json_t *array = json_array();
	for (size_t i = 0; array && i < peer->path_count; i++) {
		char endpoint[ENDPOINT_TEXT_SIZE];
		struct view_writer inner = view_writer_new();
		endpoint_format(&peer->paths[i].endpoint, endpoint);
		view_put_text(&inner, "endpoint", endpoint);
		view_put_number_or_null(&inner, "round_trip_us", peer->paths[i].round_trip);
		writer->failed = writer->failed || inner.failed;
		/* That takes the object over. */
		if (json_array_append_new(array, inner.object))
			writer->failed = true;
	}
	view_put(writer, MEMBER, array);
}

static void get_path(struct view_reader *reader, const json_t *object, struct view_path *path) {
	struct view_reader inner = view_reader_of(object);
	char *text = view_get_text(&inner, "endpoint", ENDPOINT_TEXT_SIZE, true);
	if (text && endpoint_parse(text, &path->endpoint))
		view_fail(&inner, "endpoint", "an address and port such as \"192.0.2.1:51820\"");
	free(text);
	path->round_trip = (uint32_t)view_get_number(&inner, "round_trip_us", UINT32_MAX);
	if (inner.error)
		reader->error = inner.error;
}

/* Daemons of before have none. */
void view_paths_get(struct view_reader *reader, struct view_peer *peer) {
	const json_t *array = view_get_array(reader, MEMBER, VIEW_PATHS_MAX);
	size_t count = json_array_size(array);
	for (size_t i = 0; i < count && !reader->error; i++) {
		get_path(reader, json_array_get(array, i), &peer->paths[i]);
		peer->path_count = i + 1;
	}
}
