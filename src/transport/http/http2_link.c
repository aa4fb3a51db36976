#include "transport/http/http2_link.h"

#include <stdlib.h>
#include <string.h>

#include "wire/cursor.h"

enum { LENGTH_SIZE = 3, GOAWAY_SIZE = 8 };

void http2_link_init(struct http2_link *link, nghttp2_session *session, bool server) {
	*link = (struct http2_link){
		.session = session,
		.server = server,
		.magic_left = server ? HTTP2_LINK_MAGIC_SIZE : 0,
	};
}

void http2_link_done(struct http2_link *link) {
	nghttp2_session_del(link->session);
	byte_queue_done(&link->outgoing);
	*link = (struct http2_link){.session = NULL};
}

/*
 * What nginx takes no notice of, whatever is in it, is not for the library, which would end the
 * connection: a client's GOAWAY, and unknown types, of which it takes no large ones before the
 * client has acknowledged the settings. Inside a block of fields nothing else may stand.
 */
static bool is_ignored(const struct http2_link *link, uint8_t type) {
	return link->server && !link->in_block &&
		   (type > NGHTTP2_CONTINUATION ||
			(type == NGHTTP2_GOAWAY && link->body_left >= GOAWAY_SIZE));
}

/* RFC 9113 section 4.1: | length 3 | type 1 | flags 1 | stream 4 | */
static void look_at_header(struct http2_link *link) {
	struct reader reader = reader_of(link->header, sizeof link->header);
	link->body_left = (size_t)reader_u8(&reader) << 16;
	link->body_left |= reader_u16_be(&reader);
	uint8_t type = reader_u8(&reader), flags = reader_u8(&reader);
	link->ignores = is_ignored(link, type);
	if (!link->ignores)
		link->in_block = (type == NGHTTP2_HEADERS || type == NGHTTP2_CONTINUATION) &&
						 !(flags & NGHTTP2_FLAG_END_HEADERS);
}

/*
 * How many of the bytes belong to what is being read, and what of it is for the library: a frame's
 * header when it is whole.
 */
static size_t piece(struct http2_link *link, const uint8_t *data, size_t size,
					struct slice *out_fed) {
	if (link->magic_left > 0) {
		size_t taken = size < link->magic_left ? size : link->magic_left;
		link->magic_left -= taken;
		*out_fed = slice_of(data, taken);
		return taken;
	}
	if (link->header_size < HTTP2_LINK_HEADER_SIZE) {
		size_t missing = HTTP2_LINK_HEADER_SIZE - link->header_size;
		size_t taken = size < missing ? size : missing;
		memcpy(link->header + link->header_size, data, taken);
		link->header_size += taken;
		*out_fed = slice_of(NULL, 0);
		if (link->header_size == HTTP2_LINK_HEADER_SIZE) {
			look_at_header(link);
			if (!link->ignores)
				*out_fed = slice_of(link->header, sizeof link->header);
			if (link->body_left == 0)
				link->header_size = 0;
		}
		return taken;
	}
	size_t taken = size < link->body_left ? size : link->body_left;
	link->body_left -= taken;
	if (link->body_left == 0)
		link->header_size = 0;
	*out_fed = link->ignores ? slice_of(NULL, 0) : slice_of(data, taken);
	return taken;
}

bool http2_link_between_frames(const struct http2_link *link) {
	return link->magic_left == 0 && link->header_size == 0;
}

enum err http2_link_receive(struct http2_link *link, const uint8_t *data, size_t size,
							size_t *out_taken) {
	size_t taken = 0;
	while (taken < size && !link->stop) {
		if (byte_queue_size(&link->outgoing) >= HTTP2_OUTGOING_MAX)
			break;
		struct slice fed;
		taken += piece(link, data + taken, size - taken, &fed);
		if (fed.size == 0)
			continue;
		ssize_t result = nghttp2_session_mem_recv(link->session, fed.data, fed.size);
		if (result == NGHTTP2_ERR_NOMEM)
			return ERR_NO_MEMORY;
		/* Nothing of ours pauses it, so all is taken or it fails. */
		if (result != (ssize_t)fed.size)
			return ERR_MALFORMED;
	}
	*out_taken = taken;
	return ERR_OK;
}

/*
 * The library ends a connection with words about why, by which everybody would know it: they go.
 * RFC 9113 section 6.8: | length 3 | type 1 | flags 1 | stream 4 | last stream 4 | error 4 | words
 * |
 */
static enum err append_frame(struct http2_link *link, const uint8_t *data, size_t size) {
	uint8_t bare[HTTP2_LINK_HEADER_SIZE + GOAWAY_SIZE];
	struct reader reader = reader_of(data, size);
	reader_skip(&reader, LENGTH_SIZE);
	if (size <= sizeof bare || reader_u8(&reader) != NGHTTP2_GOAWAY)
		return byte_queue_append(&link->outgoing, data, size);
	struct writer writer = writer_of(bare, sizeof bare);
	writer_zeros(&writer, LENGTH_SIZE - 1);
	writer_u8(&writer, GOAWAY_SIZE);
	writer_bytes(&writer, data + LENGTH_SIZE, sizeof bare - LENGTH_SIZE);
	return byte_queue_append(&link->outgoing, bare, sizeof bare);
}

/* RFC 9113 section 6.2: | length 3 | type 1 | flags 1 | stream 4 | block … | */
static enum err append_block(struct http2_link *link, const uint8_t *data) {
	uint8_t head[HTTP2_LINK_HEADER_SIZE];
	struct writer writer = writer_of(head, sizeof head);
	writer_u8(&writer, 0);
	writer_u16_be(&writer, (uint16_t)link->block_size);
	writer_bytes(&writer, data + LENGTH_SIZE, sizeof head - LENGTH_SIZE);
	enum err error = byte_queue_append(&link->outgoing, head, sizeof head);
	return error ? error : byte_queue_append(&link->outgoing, link->block, link->block_size);
}

/* Fields that take CONTINUATION frames, too, stay what they are. */
static bool has_block(const struct http2_link *link, const uint8_t *data, size_t size) {
	struct reader reader = reader_of(data, size);
	reader_skip(&reader, LENGTH_SIZE);
	return link->block_size > 0 && reader_u8(&reader) == NGHTTP2_HEADERS &&
		   (reader_u8(&reader) & NGHTTP2_FLAG_END_HEADERS);
}

void http2_link_cut(struct http2_link *link) {
	const size_t size = byte_queue_size(&link->outgoing);
	const size_t last = link->cut_count > 0 ? link->cuts[link->cut_count - 1] : 0;
	if (size > last && link->cut_count < HTTP2_LINK_CUTS_MAX)
		link->cuts[link->cut_count++] = size;
}

enum err http2_link_fill(struct http2_link *link) {
	while (!link->silent && link->cut_count < HTTP2_LINK_CUTS_MAX &&
		   byte_queue_size(&link->outgoing) < HTTP2_OUTGOING_MAX) {
		const uint8_t *data;
		ssize_t size = nghttp2_session_mem_send(link->session, &data);
		if (size < 0)
			return size == NGHTTP2_ERR_NOMEM ? ERR_NO_MEMORY : ERR_MALFORMED;
		if (size == 0)
			break;
		/* One frame, from its first byte to its last. */
		enum err error = has_block(link, data, (size_t)size)
							 ? append_block(link, data)
							 : append_frame(link, data, (size_t)size);
		link->block_size = 0;
		if (error)
			return error;
		if (link->cut)
			http2_link_cut(link);
		link->cut = false;
	}
	return ERR_OK;
}

struct slice http2_link_outgoing(const struct http2_link *link) {
	struct slice all = byte_queue_view(&link->outgoing);
	return link->cut_count > 0 ? slice_of(all.data, link->cuts[0]) : all;
}

void http2_link_sent(struct http2_link *link, size_t size) {
	size_t kept = 0;
	byte_queue_drop(&link->outgoing, size);
	for (size_t i = 0; i < link->cut_count; i++)
		if (link->cuts[i] > size)
			link->cuts[kept++] = link->cuts[i] - size;
	link->cut_count = kept;
}

static nghttp2_nv view_of(const struct http2_field *field) {
	static const uint8_t nothing[1];
	return (nghttp2_nv){
		.name = (uint8_t *)field->name.data, /* only read, as the value is */
		.namelen = field->name.size,
		.value = (uint8_t *)(field->value.size > 0 ? field->value.data : nothing),
		.valuelen = field->value.size,
	};
}

enum err http2_link_fields(const struct http2_field *fields, size_t count, nghttp2_nv **out_list) {
	if (count == 0 || count > HTTP2_FIELDS_MAX)
		return ERR_INVALID;
	nghttp2_nv *list = calloc(count, sizeof *list);
	if (!list)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		list[i] = view_of(&fields[i]);
		if (nghttp2_check_header_name(list[i].name, list[i].namelen) &&
			nghttp2_check_header_value(list[i].value, list[i].valuelen))
			continue;
		free(list);
		return ERR_INVALID;
	}
	*out_list = list;
	return ERR_OK;
}

enum err http2_link_submit_settings(struct http2_link *link, const struct http2_setting *settings,
									size_t count, uint32_t window_increment) {
	nghttp2_settings_entry list[HTTP2_SETTINGS_MAX];
	if (count > HTTP2_SETTINGS_MAX || window_increment > INT32_MAX - HTTP2_WINDOW_INITIAL)
		return ERR_INVALID;
	for (size_t i = 0; i < count; i++)
		list[i] = (nghttp2_settings_entry){settings[i].id, settings[i].value};
	if (nghttp2_submit_settings(link->session, NGHTTP2_FLAG_NONE, list, count) != 0)
		return ERR_INVALID;
	if (window_increment > 0 && nghttp2_session_set_local_window_size(
									link->session, NGHTTP2_FLAG_NONE, 0,
									HTTP2_WINDOW_INITIAL + (int32_t)window_increment) != 0)
		return ERR_NO_MEMORY;
	return ERR_OK;
}

/* Each field's bytes are one piece of memory, the name's first. */
enum err http2_fields_add(struct http2_fields *fields, const uint8_t *name, size_t name_size,
						  const uint8_t *value, size_t value_size) {
	if (fields->too_large || fields->count == HTTP2_FIELDS_MAX ||
		name_size + value_size > HTTP2_FIELDS_SIZE_MAX - fields->size) {
		fields->too_large = true;
		return ERR_OK;
	}
	if (!fields->list)
		fields->list = calloc(HTTP2_FIELDS_MAX, sizeof *fields->list);
	uint8_t *bytes = fields->list ? malloc(name_size + value_size + 1) : NULL;
	if (!bytes)
		return ERR_NO_MEMORY;
	memcpy(bytes, name, name_size);
	memcpy(bytes + name_size, value, value_size);
	fields->list[fields->count++] =
		(struct http2_field){slice_of(bytes, name_size), slice_of(bytes + name_size, value_size)};
	fields->size += name_size + value_size;
	return ERR_OK;
}

void http2_fields_done(struct http2_fields *fields) {
	for (size_t i = 0; i < fields->count; i++)
		free((uint8_t *)fields->list[i].name.data);
	free(fields->list);
	*fields = (struct http2_fields){.list = NULL};
}

struct slice http2_field_find(const struct http2_field *fields, size_t count, const char *name) {
	size_t size = strlen(name);
	for (size_t i = 0; i < count; i++)
		if (fields[i].name.size == size && memcmp(fields[i].name.data, name, size) == 0)
			return fields[i].value;
	return slice_of(NULL, 0);
}
