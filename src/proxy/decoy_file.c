#include "proxy/decoy_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "proxy/decoy_date.h"
#include "proxy/decoy_page.h"
#include "proxy/decoy_range.h"
#include "proxy/decoy_uri.h"
#include "proxy/site_type.h"

static const struct slice nowhere = {.data = NULL};

enum { ETAG_SIZE = 40, HTTPS_PORT = 443, PART_HEAD_MAX = 192, PART_END_MAX = 40 };

/* What is being answered. */
struct work {
	const struct decoy_file_place *place;
	const struct decoy_request *request;
	struct decoy_answer *answer;
	uint8_t **more;
	const struct site_file *file;
	char etag[ETAG_SIZE];
};

static const struct site_file *find_text(const struct site *site, const char *path) {
	return site_find(site, path, strlen(path));
}

static void make_etag(const struct site_file *file, char out_etag[static ETAG_SIZE]) {
	(void)snprintf(out_etag, ETAG_SIZE, "\"%llx-%zx\"", (unsigned long long)file->modified,
				   file->content.size);
}

static void print_modified(struct decoy_answer *answer, const struct site_file *file) {
	char date[DECOY_DATE_SIZE];
	decoy_date_format(file->modified, date);
	decoy_answer_print(answer, "Last-Modified", "%s", date);
}

/* The whole file, under another status than 200 without what only that one has. */
static void show(struct work *work, uint16_t status) {
	struct decoy_answer *answer = work->answer;
	decoy_answer_init(answer, status, work->place->wall_now);
	decoy_answer_print(answer, "Content-Type", "%s", site_type(work->file->path));
	decoy_answer_print(answer, "Content-Length", "%zu", work->file->content.size);
	if (status == 200)
		print_modified(answer, work->file);
	decoy_answer_turn(answer);
	decoy_answer_print(answer, "ETag", "%s", work->etag);
	if (status == 200)
		decoy_answer_print(answer, "Accept-Ranges", "bytes");
	answer->has_body = answer->has_length = true;
	answer->body = work->file->content;
}

/* One of "a", W/"b", * is the file's; weak ones count where they may. */
static bool lists_etag(struct slice list, const char *etag, bool weak) {
	struct slice rest = list;
	size_t size = strlen(etag);
	if (rest.size == 1 && rest.data[0] == '*')
		return true;
	while (rest.size > 0) {
		while (rest.size > 0 && memchr(" \t,", rest.data[0], 3))
			rest = slice_of(rest.data + 1, rest.size - 1);
		if (weak && rest.size > 2 && memcmp(rest.data, "W/", 2) == 0)
			rest = slice_of(rest.data + 2, rest.size - 2);
		if (rest.size >= size && memcmp(rest.data, etag, size) == 0 &&
			(rest.size == size || memchr(" \t,", rest.data[size], 3)))
			return true;
		const uint8_t *comma = rest.size > 0 ? memchr(rest.data, ',', rest.size) : NULL;
		rest = comma ? slice_of(comma, rest.size - (size_t)(comma - rest.data)) : nowhere;
	}
	return false;
}

static bool is_since(struct slice value, uint64_t modified, bool exactly) {
	uint64_t seconds;
	if (decoy_date_parse(value, &seconds))
		return false;
	return exactly ? seconds == modified : modified <= seconds;
}

/* 200 to go on, 304 or 412. */
static uint16_t judge_conditions(const struct work *work) {
	const struct decoy_request *request = work->request;
	struct slice unmodified = decoy_request_field(request, "If-Unmodified-Since", NULL);
	struct slice match = decoy_request_field(request, "If-Match", NULL);
	struct slice modified = decoy_request_field(request, "If-Modified-Since", NULL);
	struct slice none = decoy_request_field(request, "If-None-Match", NULL);
	uint64_t at = work->file->modified;
	if ((unmodified.data && !is_since(unmodified, at, false)) ||
		(match.data && !lists_etag(match, work->etag, false)))
		return 412;
	if (!modified.data && !none.data)
		return 200;
	if ((modified.data && !is_since(modified, at, true)) ||
		(none.data && !lists_etag(none, work->etag, true)))
		return 200;
	return 304;
}

static void not_modified(struct work *work) {
	struct decoy_answer *answer = work->answer;
	decoy_answer_init(answer, 304, work->place->wall_now);
	print_modified(answer, work->file);
	decoy_answer_turn(answer);
	decoy_answer_print(answer, "ETag", "%s", work->etag);
}

static bool may_have_part(const struct work *work) {
	struct slice condition = decoy_request_field(work->request, "If-Range", NULL);
	if (!condition.data)
		return true;
	if (condition.size > 0 && condition.data[condition.size - 1] == '"')
		return condition.size == strlen(work->etag) &&
			   memcmp(condition.data, work->etag, condition.size) == 0;
	return is_since(condition, work->file->modified, true);
}

static void begin_part(struct work *work, size_t size, const char *type) {
	struct decoy_answer *answer = work->answer;
	decoy_answer_init(answer, 206, work->place->wall_now);
	decoy_answer_print(answer, "Content-Type", "%s", type);
	decoy_answer_print(answer, "Content-Length", "%zu", size);
	print_modified(answer, work->file);
	decoy_answer_turn(answer);
	decoy_answer_print(answer, "ETag", "%s", work->etag);
	answer->has_body = answer->has_length = true;
}

static void show_part(struct work *work, const struct decoy_range *range) {
	struct slice content = work->file->content;
	begin_part(work, (size_t)(range->end - range->begin), site_type(work->file->path));
	decoy_answer_print(work->answer, "Content-Range", "bytes %llu-%llu/%zu",
					   (unsigned long long)range->begin, (unsigned long long)range->end - 1,
					   content.size);
	work->answer->body = slice_of(content.data + range->begin, (size_t)(range->end - range->begin));
}

/* Several parts in one body (RFC 9110 section 14.6): what stands between them, and the file's own.
 */
struct parts {
	struct slice list[2 * DECOY_RANGES_MAX + 1];
	char text[DECOY_RANGES_MAX * PART_HEAD_MAX + PART_END_MAX];
};

static bool show_parts(struct work *work, const struct decoy_range *ranges, size_t count) {
	/* Of the file, so that the same question has the same answer. */
	char boundary[24], type[64];
	struct slice content = work->file->content;
	struct parts *parts = malloc(sizeof *parts);
	if (!parts)
		return false;
	(void)snprintf(boundary, sizeof boundary, "%020llu",
				   (unsigned long long)(work->file->modified ^ content.size));
	size_t used = 0, whole = 0;
	for (size_t i = 0; i < count; i++) {
		char *head = parts->text + used;
		int size =
			snprintf(head, PART_HEAD_MAX,
					 "\r\n--%s\r\nContent-Type: %s\r\nContent-Range: bytes %llu-%llu/%zu\r\n\r\n",
					 boundary, site_type(work->file->path), (unsigned long long)ranges[i].begin,
					 (unsigned long long)ranges[i].end - 1, content.size);
		parts->list[2 * i] = slice_of(head, (size_t)size);
		parts->list[2 * i + 1] =
			slice_of(content.data + ranges[i].begin, (size_t)(ranges[i].end - ranges[i].begin));
		used += (size_t)size;
		whole += (size_t)size + parts->list[2 * i + 1].size;
	}
	char *end = parts->text + used;
	int size = snprintf(end, PART_END_MAX, "\r\n--%s--\r\n", boundary);
	parts->list[2 * count] = slice_of(end, (size_t)size);
	whole += (size_t)size;
	(void)snprintf(type, sizeof type, "multipart/byteranges; boundary=%s", boundary);
	begin_part(work, whole, type);
	work->answer->body = parts->list[0];
	work->answer->rest = parts->list + 1;
	work->answer->rest_count = 2 * count;
	*work->more = (uint8_t *)parts;
	return true;
}

static bool answer_ranges(struct work *work) {
	struct slice value = decoy_request_field(work->request, "Range", NULL);
	struct decoy_range ranges[DECOY_RANGES_MAX];
	size_t count, size = work->file->content.size;
	if (!value.data || !may_have_part(work))
		return false;
	switch (decoy_range_parse(value, size, ranges, &count)) {
	case ERR_OK:
		break;
	case ERR_NOT_FOUND:
		decoy_page_answer(work->answer, 416, nowhere, work->place->wall_now);
		decoy_answer_print(work->answer, "Content-Range", "bytes */%zu", size);
		return true;
	default:
		return false;
	}
	if (count > 1)
		return show_parts(work, ranges, count);
	show_part(work, &ranges[0]);
	return true;
}

static void show_file(struct work *work) {
	make_etag(work->file, work->etag);
	if (decoy_request_is(work->request, "POST")) {
		decoy_page_answer(work->answer, 405, nowhere, work->place->wall_now);
		return;
	}
	uint16_t status = judge_conditions(work);
	if (status == 412) {
		decoy_page_answer(work->answer, 412, nowhere, work->place->wall_now);
		work->answer->breaks_off = true;
	} else if (status == 304) {
		not_modified(work);
	} else if (!answer_ranges(work)) {
		show(work, 200);
	}
	work->answer->is_file = true;
}

static void refuse(struct work *work, uint16_t status) {
	const struct site_file *own = status == 404 ? find_text(work->place->site, "/404.html") : NULL;
	if (!own || own->is_folder) {
		decoy_page_answer(work->answer, status, nowhere, work->place->wall_now);
		return;
	}
	work->file = own;
	make_etag(own, work->etag);
	show(work, status);
}

/* "https://host/path/?query". */
static void lead(struct work *work, const struct decoy_uri *uri) {
	struct slice host = uri->host.size > 0 ? uri->host : work->request->host;
	size_t host_size = host.size;
	const uint8_t *colon = host.size > 0 ? memrchr(host.data, ':', host.size) : NULL;
	if (colon && !memchr(colon, ']', host.size - (size_t)(colon - host.data)))
		host_size = (size_t)(colon - host.data);
	char port[8] = "";
	if (work->place->port != HTTPS_PORT)
		(void)snprintf(port, sizeof port, ":%u", work->place->port);
	size_t room = sizeof "https://" + host_size + sizeof port + 3 * uri->size + 2 + uri->query.size;
	char *location = malloc(room + 1);
	if (!location) {
		refuse(work, 500);
		return;
	}
	size_t used = (size_t)snprintf(location, room, "https://%.*s%s", (int)host_size,
								   host_size > 0 ? (const char *)host.data : "", port);
	for (size_t i = sizeof "https://" - 1; i < used; i++)
		if (location[i] >= 'A' && location[i] <= 'Z')
			location[i] |= 0x20;
	used += decoy_uri_escape(uri->path, uri->size, location + used);
	location[used++] = '/';
	if (uri->query.size > 0) {
		location[used++] = '?';
		memcpy(location + used, uri->query.data, uri->query.size);
		used += uri->query.size;
	}
	*work->more = (uint8_t *)location;
	decoy_page_answer(work->answer, 301, slice_of(location, used), work->place->wall_now);
}

static void look(struct work *work, struct decoy_uri *uri) {
	const struct site *site = work->place->site;
	if (uri->path[uri->size - 1] != '/') {
		work->file = site_find(site, uri->path, uri->size);
		if (!work->file)
			refuse(work, 404);
		else if (work->file->is_folder)
			lead(work, uri);
		else
			show_file(work);
		return;
	}
	size_t folder = uri->size > 1 ? uri->size - 1 : 1;
	static const char index[] = "index.html";
	if (uri->size + sizeof index > sizeof uri->path) {
		refuse(work, 404);
		return;
	}
	const struct site_file *found = site_find(site, uri->path, folder);
	memcpy(uri->path + uri->size, index, sizeof index - 1);
	work->file = site_find(site, uri->path, uri->size + sizeof index - 1);
	if (work->file && !work->file->is_folder)
		show_file(work);
	else
		refuse(work, found && found->is_folder ? 403 : 404);
}

void decoy_file_answer(const struct decoy_file_place *place, const struct decoy_request *request,
					   struct decoy_answer *answer, uint8_t **out_more) {
	*out_more = NULL;
	struct work work = {.place = place, .request = request, .answer = answer, .more = out_more};
	auto_free struct decoy_uri *uri = malloc(sizeof *uri);
	enum err error = uri ? decoy_uri_parse(request->target, uri) : ERR_NO_MEMORY;
	bool known = decoy_request_is(request, "GET") || decoy_request_is(request, "HEAD") ||
				 decoy_request_is(request, "POST");
	if (error == ERR_OK && known)
		look(&work, uri);
	else
		decoy_page_answer(answer,
						  error == ERR_OK          ? 405
						  : error == ERR_LIMIT     ? 414
						  : error == ERR_NO_MEMORY ? 500
												   : 400,
						  nowhere, place->wall_now);
	answer->close |= decoy_request_is(request, "TRACE") || decoy_request_is(request, "CONNECT");
	if (answer->too_large)
		decoy_page_answer(answer, 500, nowhere, place->wall_now);
}
