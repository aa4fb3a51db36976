#include "transport/http/http2_block.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "wire/cursor.h"

/*
 * RFC 7541 section 6:
 *
 *   | 1 index 7 |                      a field of the static table
 *   | 01 index 6 | value |             a name of it; to be put into the dynamic table
 *   | 0000 0000 | name | value |
 *   | 001 size 5 |                     the dynamic table's size
 *
 * A string (section 5.2): | huffman 1 | length 7 … | bytes … |
 */
enum {
	INDEXED = 0x80,
	NAME_INDEXED = 0x40,
	NAMED = 0,
	EMPTY_TABLE = 0x20,
	STATUS_INDEX = 8,
	STATUS_SIZE = 3,
	STRING_OFFSET = 3, /* of a value that the library has written behind a name of one letter */
	RAW_MAX = 126,
};

struct http2_block {
	nghttp2_hd_deflater *strings;
	bool resized;
};

struct indexed_name {
	const char *name;
	uint8_t index;
	bool raw; /* a value that is not compressed */
};

static const struct indexed_name names[] = {
	{"server", 54, false},        {"date", 33, false},          {"content-type", 31, false},
	{"content-length", 28, true}, {"last-modified", 44, false}, {"location", 46, false},
};

static const char statuses[][STATUS_SIZE + 1] = {"200", "204", "206", "304", "400", "404", "500"};

enum err http2_block_new(struct http2_block **out_block) {
	struct http2_block *block = calloc(1, sizeof *block);
	if (!block)
		return ERR_NO_MEMORY;
	if (nghttp2_hd_deflate_new(&block->strings, NGHTTP2_DEFAULT_HEADER_TABLE_SIZE) != 0) {
		free(block);
		return ERR_NO_MEMORY;
	}
	*out_block = block;
	return ERR_OK;
}

void http2_block_free(struct http2_block *block) {
	if (!block)
		return;
	nghttp2_hd_deflate_del(block->strings);
	free(block);
}

void http2_block_resized(struct http2_block *block) {
	block->resized = true;
}

static bool is(const uint8_t *data, size_t size, const char *text) {
	return size == strlen(text) && memcmp(data, text, size) == 0;
}

/* The library compresses a value where that makes it shorter, as nginx does. */
static enum err put_string(struct http2_block *block, struct writer *writer, const uint8_t *data,
						   size_t size) {
	uint8_t bytes[HTTP2_BLOCK_MAX];
	const nghttp2_nv field = {(uint8_t *)(uintptr_t) "x", (uint8_t *)(uintptr_t)data, 1, size,
							  NGHTTP2_NV_FLAG_NO_INDEX};
	if (size > HTTP2_BLOCK_MAX / 2)
		return ERR_LIMIT;
	ssize_t used = nghttp2_hd_deflate_hd(block->strings, bytes, sizeof bytes, &field, 1);
	if (used <= STRING_OFFSET)
		return ERR_NO_MEMORY;
	writer_bytes(writer, bytes + STRING_OFFSET, (size_t)used - STRING_OFFSET);
	return ERR_OK;
}

static void put_status(struct writer *writer, const nghttp2_nv *field) {
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
		if (is(field->value, field->valuelen, statuses[i])) {
			writer_u8(writer, (uint8_t)(INDEXED | (STATUS_INDEX + i)));
			return;
		}
	writer_u8(writer, NAME_INDEXED | STATUS_INDEX);
	writer_u8(writer, STATUS_SIZE);
	writer_bytes(writer, field->value, STATUS_SIZE);
}

static enum err put_field(struct http2_block *block, struct writer *writer,
						  const nghttp2_nv *field) {
	if (is(field->name, field->namelen, ":status") && field->valuelen == STATUS_SIZE) {
		put_status(writer, field);
		return ERR_OK;
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!is(field->name, field->namelen, names[i].name))
			continue;
		writer_u8(writer, NAME_INDEXED | names[i].index);
		if (!names[i].raw || field->valuelen > RAW_MAX)
			return put_string(block, writer, field->value, field->valuelen);
		writer_u8(writer, (uint8_t)field->valuelen);
		writer_bytes(writer, field->value, field->valuelen);
		return ERR_OK;
	}
	writer_u8(writer, NAMED);
	enum err error = put_string(block, writer, field->name, field->namelen);
	return error ? error : put_string(block, writer, field->value, field->valuelen);
}

enum err http2_block_encode(struct http2_block *block, const nghttp2_nv *fields, size_t count,
							uint8_t out_data[static HTTP2_BLOCK_MAX], size_t *out_size) {
	struct writer writer = writer_of(out_data, HTTP2_BLOCK_MAX);
	enum err error = ERR_OK;
	if (block->resized)
		writer_u8(&writer, EMPTY_TABLE);
	for (size_t i = 0; i < count && !error; i++)
		error = put_field(block, &writer, &fields[i]);
	if (!error)
		error = writer_finish(&writer, out_size);
	if (error)
		return ERR_LIMIT;
	block->resized = false;
	return ERR_OK;
}
