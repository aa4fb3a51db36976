#include "ctl/view_data_path.h"

#include <stdlib.h>

void view_data_path_free(struct view_data_path *path) {
	if (!path)
		return;
	free(path->aead);
	free(path);
}

struct figure_set view_data_path_sum(const struct view_data_path *path) {
	struct figure_set sum = {.of = {0}};
	for (size_t i = 0; i < path->shard_count; i++)
		figure_add(&sum, &path->shards[i]);
	return sum;
}

bool view_data_path_has(const struct view_data_path *path, enum figure flag) {
	return path->shard_count > 0 && view_data_path_sum(path).of[flag] == path->shard_count;
}

static void put_offloads(struct view_writer *w, const struct view_data_path *path) {
	struct view_writer inner = view_writer_new();
	for (const struct figure_offload *row = figure_offloads; row->name; row++)
		view_put_bool(&inner, row->name, view_data_path_has(path, row->figure));
	view_put_object(w, "offloads", &inner);
}

static void put_batches(struct view_writer *w, const struct figure_set *sum) {
	struct view_writer inner = view_writer_new();
	for (const struct figure_batch *row = figure_batches; row->name; row++) {
		struct view_writer one = view_writer_new();
		view_put_number(&one, "calls", sum->of[row->calls]);
		view_put_number(&one, "packets", sum->of[row->packets]);
		view_put_object(&inner, row->name, &one);
	}
	view_put_object(w, "batches", &inner);
}

static void put_drops(struct view_writer *w, const struct view_data_path *path,
					  const struct figure_set *sum) {
	struct view_writer inner = view_writer_new();
	if (path->has_tun_queue_drops)
		view_put_number(&inner, "tun_queue", path->tun_queue_drops);
	else
		view_put(&inner, "tun_queue", json_null());
	for (const struct figure_drop *row = figure_drops; row->name; row++)
		view_put_number(&inner, row->name, sum->of[row->figure]);
	view_put_object(w, "drops", &inner);
}

static json_t *make_shard(struct view_writer *w, const struct figure_set *shard) {
	struct view_writer inner = view_writer_new();
	for (enum figure i = 0; i < FIGURE_COUNT; i++) {
		if (figure_kind(i) == FIGURE_FLAG)
			view_put_bool(&inner, figure_name(i), shard->of[i] > 0);
		else
			view_put_number(&inner, figure_name(i), shard->of[i]);
	}
	w->failed = w->failed || inner.failed;
	return inner.object;
}

void view_data_path_put(struct view_writer *writer, const struct view_data_path *path) {
	if (!path) {
		view_put(writer, "data_path", json_null());
		return;
	}
	const struct figure_set sum = view_data_path_sum(path);
	struct view_writer w = view_writer_new();
	view_put_text(&w, "aead", path->aead);
	put_offloads(&w, path);
	put_batches(&w, &sum);
	put_drops(&w, path, &sum);
	json_t *shards = json_array();
	for (size_t i = 0; i < path->shard_count; i++)
		if (json_array_append_new(shards, make_shard(&w, &path->shards[i])))
			w.failed = true;
	view_put(&w, "shards", shards);
	view_put_object(writer, "data_path", &w);
}

static struct figure_set get_shard(struct view_reader *reader, const json_t *object) {
	struct view_reader r = view_reader_of(object);
	struct figure_set shard = {.of = {0}};
	for (enum figure i = 0; i < FIGURE_COUNT && !r.error; i++)
		shard.of[i] = figure_kind(i) == FIGURE_FLAG
						  ? view_get_bool(&r, figure_name(i))
						  : view_get_number(&r, figure_name(i), UINT64_MAX);
	if (r.error && !reader->error)
		reader->error = r.error;
	return shard;
}

static void get_drops(struct view_reader *r, struct view_data_path *path) {
	const json_t *object = json_object_get(r->object, "drops");
	const json_t *number = json_is_object(object) ? json_object_get(object, "tun_queue") : NULL;
	if (!number || json_is_null(number))
		return;
	struct view_reader inner = view_reader_of(object);
	path->has_tun_queue_drops = true;
	path->tun_queue_drops = view_get_number(&inner, "tun_queue", UINT64_MAX);
	if (inner.error)
		r->error = inner.error;
}

/* All that is derived of the shards is not read. */
static void fill(struct view_reader *r, struct view_data_path *path) {
	path->aead = view_get_text(r, "aead", VIEW_TEXT_MAX, true);
	get_drops(r, path);
	const json_t *shards = view_get_array(r, "shards", FIGURE_SHARDS_MAX);
	for (size_t i = 0; i < json_array_size(shards) && !r->error; i++)
		path->shards[path->shard_count++] = get_shard(r, json_array_get(shards, i));
}

struct view_data_path *view_data_path_get(struct view_reader *reader) {
	const json_t *object = json_object_get(reader->object, "data_path");
	if (reader->error || !object || json_is_null(object))
		return NULL;
	struct view_data_path *path = calloc(1, sizeof *path);
	if (!path) {
		reader->error = ERR_NO_MEMORY;
		return NULL;
	}
	struct view_reader r = view_reader_of(object);
	if (!r.error)
		fill(&r, path);
	if (!r.error)
		return path;
	reader->error = r.error;
	view_data_path_free(path);
	return NULL;
}
