#include "proxy/site.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/cursor.h"

static const char magic[8] = {'u', 'm', 'b', 's', 'i', 't', 'e', '1'};

struct site {
	size_t holders;
	struct slice image;
	void (*given_back)(struct slice image);
	size_t count;
	struct site_file files[];
};

/* Parts are not empty and do not lead elsewhere. */
static bool path_is_valid(struct slice path) {
	if (path.size == 0 || path.size > SITE_PATH_MAX || path.data[0] != '/')
		return false;
	if (path.size == 1)
		return true;
	size_t begin = 1;
	for (size_t i = 1; i <= path.size; i++) {
		if (i < path.size && path.data[i] == '\0')
			return false;
		if (i < path.size && path.data[i] != '/')
			continue;
		size_t size = i - begin;
		const char *part = (const char *)path.data + begin;
		if (size == 0 || (size == 1 && part[0] == '.') || (size == 2 && memcmp(part, "..", 2) == 0))
			return false;
		begin = i + 1;
	}
	return true;
}

static int compare(const void *data, size_t size, struct slice other) {
	size_t common = size < other.size ? size : other.size;
	int order = common > 0 ? memcmp(data, other.data, common) : 0;
	return order != 0 ? order : (size > other.size) - (size < other.size);
}

static bool entry_is_valid(const struct site_file *entry, const struct site_file *before) {
	return path_is_valid(entry->path) && (!entry->is_folder || entry->content.size == 0) &&
		   (!before || compare(before->path.data, before->path.size, entry->path) < 0);
}

enum err site_head(const struct site_file *entries, size_t count, uint8_t **out_head,
				   size_t *out_size) {
	size_t size = sizeof magic + 4, total = 0;
	if (count > SITE_FILES_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < count; i++) {
		if (!entry_is_valid(&entries[i], i > 0 ? &entries[i - 1] : NULL))
			return ERR_INVALID;
		size += SITE_ENTRY_HEAD_SIZE + entries[i].path.size;
		if (entries[i].content.size > SITE_SIZE_MAX - total)
			return ERR_LIMIT;
		total += entries[i].content.size;
	}
	if (size > SITE_SIZE_MAX - total)
		return ERR_LIMIT;
	auto_free uint8_t *head = malloc(size);
	if (!head)
		return ERR_NO_MEMORY;
	struct writer writer = writer_of(head, size);
	writer_bytes(&writer, magic, sizeof magic);
	writer_u32_be(&writer, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		writer_u8(&writer, entries[i].is_folder);
		writer_u16_be(&writer, (uint16_t)entries[i].path.size);
		writer_u64_be(&writer, entries[i].modified);
		writer_u64_be(&writer, entries[i].content.size);
		writer_bytes(&writer, entries[i].path.data, entries[i].path.size);
	}
	enum err error = writer_finish(&writer, out_size);
	if (!error)
		*out_head = cleanup_steal(head);
	return error;
}

static void read_entries(struct reader *reader, struct site *site) {
	for (size_t i = 0; i < site->count && !reader->error; i++) {
		struct site_file *file = &site->files[i];
		uint8_t kind = reader_u8(reader);
		reader_expect(reader, kind <= 1);
		file->is_folder = kind == 1;
		size_t path_size = reader_u16_be(reader);
		file->modified = reader_u64_be(reader);
		uint64_t size = reader_u64_be(reader);
		reader_expect(reader, size <= SITE_SIZE_MAX);
		file->content.size = (size_t)size;
		file->path = reader_slice(reader, path_size);
		reader_expect(reader, entry_is_valid(file, i > 0 ? &site->files[i - 1] : NULL));
	}
	for (size_t i = 0; i < site->count && !reader->error; i++)
		site->files[i].content = reader_slice(reader, site->files[i].content.size);
}

enum err site_new(struct slice image, void (*given_back)(struct slice image),
				  struct site **out_site) {
	if (image.size > SITE_SIZE_MAX)
		return ERR_LIMIT;
	struct reader reader = reader_of(image.data, image.size);
	const uint8_t *first = reader_take(&reader, sizeof magic);
	if (first && memcmp(first, magic, sizeof magic) != 0)
		reader_fail(&reader, ERR_UNSUPPORTED);
	size_t count = reader_u32_be(&reader);
	reader_expect(&reader, count <= SITE_FILES_MAX);
	if (reader.error)
		return reader.error;
	auto_free struct site *site = calloc(1, sizeof *site + count * sizeof site->files[0]);
	if (!site)
		return ERR_NO_MEMORY;
	*site = (struct site){1, image, given_back, count};
	read_entries(&reader, site);
	enum err error = reader_finish(&reader);
	if (!error)
		*out_site = cleanup_steal(site);
	return error;
}

static void free_image(struct slice image) {
	free((void *)(uintptr_t)image.data);
}

enum err site_new_plain(uint64_t modified, struct site **out_site) {
	static const char page[] = "<!DOCTYPE html>\n<html>\n<head><title>Welcome</title></head>\n"
							   "<body>\n<h1>Welcome</h1>\n<p>There will be a site here soon.</p>\n"
							   "</body>\n</html>\n";
	const struct site_file files[] = {
		{.path = slice_of_text("/"), .is_folder = true, .modified = modified},
		{.path = slice_of_text("/index.html"),
		 .modified = modified,
		 .content = slice_of(page, sizeof page - 1)},
	};
	auto_free uint8_t *head = NULL;
	size_t size;
	enum err error = site_head(files, 2, &head, &size);
	if (error)
		return error;
	auto_free uint8_t *image = malloc(size + sizeof page - 1);
	if (!image)
		return ERR_NO_MEMORY;
	memcpy(image, head, size);
	memcpy(image + size, page, sizeof page - 1);
	error = site_new(slice_of(image, size + sizeof page - 1), free_image, out_site);
	if (!error)
		image = NULL;
	return error;
}

struct site *site_hold(struct site *site) {
	site->holders++;
	return site;
}

void site_release(struct site *site) {
	if (!site || --site->holders > 0)
		return;
	if (site->given_back)
		site->given_back(site->image);
	free(site);
}

const struct site_file *site_find(const struct site *site, const char *path, size_t size) {
	size_t low = 0, high = site->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(path, size, site->files[middle].path);
		if (order == 0)
			return &site->files[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
