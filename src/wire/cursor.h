#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/slice.h"

/*
 * The only code that touches wire bytes. A reader or writer walks a buffer once; the first step
 * beyond its end sets a sticky error, later steps do nothing (reads give zeros), and the caller
 * checks once, at the end. All of it is inline: a codec compiles to plain loads and stores.
 */

struct reader {
	const uint8_t *at, *end;
	enum err error;
};

struct writer {
	uint8_t *begin, *at, *end;
	enum err error;
};

/* data may be NULL when size is 0. */
static inline struct reader reader_of(const void *data, size_t size) {
	const uint8_t *begin = size > 0 ? data : (const uint8_t *)"";
	return (struct reader){.at = begin, .end = begin + size};
}

static inline size_t reader_left(const struct reader *reader) {
	return (size_t)(reader->end - reader->at);
}

/* Sets the sticky error unless one is set. */
static inline void reader_fail(struct reader *reader, enum err error) {
	if (!reader->error)
		reader->error = error;
}

/* A rule of the message's content: ERR_MALFORMED when it does not hold. */
static inline void reader_expect(struct reader *reader, bool holds) {
	if (!holds)
		reader_fail(reader, ERR_MALFORMED);
}

/* The next size bytes, and steps behind them; NULL on error. */
static inline const uint8_t *reader_take(struct reader *reader, size_t size) {
	if (size > reader_left(reader))
		reader_fail(reader, ERR_TRUNCATED);
	if (reader->error)
		return NULL;
	const uint8_t *taken = reader->at;
	reader->at += size;
	return taken;
}

static inline void reader_skip(struct reader *reader, size_t size) {
	(void)reader_take(reader, size);
}

/* A view into the buffer; empty on error. */
static inline struct slice reader_slice(struct reader *reader, size_t size) {
	const uint8_t *taken = reader_take(reader, size);
	return slice_of(taken, taken ? size : 0);
}

/* Copies size bytes; zeros them when too few are left. */
static inline void reader_bytes(struct reader *reader, void *out_data, size_t size) {
	const uint8_t *taken = reader_take(reader, size);
	if (size == 0)
		return;
	if (taken)
		memcpy(out_data, taken, size);
	else
		memset(out_data, 0, size);
}

static inline uint8_t reader_u8(struct reader *reader) {
	const uint8_t *taken = reader_take(reader, 1);
	return taken ? *taken : 0;
}

static inline uint16_t reader_u16_be(struct reader *reader) {
	uint16_t raw;
	reader_bytes(reader, &raw, sizeof raw);
	return be16toh(raw);
}

static inline uint32_t reader_u32_be(struct reader *reader) {
	uint32_t raw;
	reader_bytes(reader, &raw, sizeof raw);
	return be32toh(raw);
}

static inline uint64_t reader_u64_be(struct reader *reader) {
	uint64_t raw;
	reader_bytes(reader, &raw, sizeof raw);
	return be64toh(raw);
}

static inline uint16_t reader_u16_le(struct reader *reader) {
	uint16_t raw;
	reader_bytes(reader, &raw, sizeof raw);
	return le16toh(raw);
}

static inline uint32_t reader_u32_le(struct reader *reader) {
	uint32_t raw;
	reader_bytes(reader, &raw, sizeof raw);
	return le32toh(raw);
}

static inline uint64_t reader_u64_le(struct reader *reader) {
	uint64_t raw;
	reader_bytes(reader, &raw, sizeof raw);
	return le64toh(raw);
}

/* ERR_OK only when no step failed and nothing is left (else ERR_TRAILING). */
static inline enum err reader_finish(const struct reader *reader) {
	if (reader->error)
		return reader->error;
	return reader_left(reader) > 0 ? ERR_TRAILING : ERR_OK;
}

/* data may not be NULL. */
static inline struct writer writer_of(void *data, size_t size) {
	uint8_t *begin = data;
	return (struct writer){.begin = begin, .at = begin, .end = begin + size};
}

static inline size_t writer_size(const struct writer *writer) {
	return (size_t)(writer->at - writer->begin);
}

/* Whether size more bytes may be written; otherwise sets the sticky error. */
static inline bool writer_fits(struct writer *writer, size_t size) {
	if (size > (size_t)(writer->end - writer->at))
		writer->error = ERR_LIMIT;
	return !writer->error;
}

static inline void writer_bytes(struct writer *writer, const void *data, size_t size) {
	if (!writer_fits(writer, size) || size == 0)
		return;
	memcpy(writer->at, data, size);
	writer->at += size;
}

static inline void writer_zeros(struct writer *writer, size_t size) {
	if (!writer_fits(writer, size))
		return;
	memset(writer->at, 0, size);
	writer->at += size;
}

static inline void writer_u8(struct writer *writer, uint8_t value) {
	writer_bytes(writer, &value, sizeof value);
}

static inline void writer_u16_be(struct writer *writer, uint16_t value) {
	writer_bytes(writer, &(uint16_t){htobe16(value)}, sizeof value);
}

static inline void writer_u32_be(struct writer *writer, uint32_t value) {
	writer_bytes(writer, &(uint32_t){htobe32(value)}, sizeof value);
}

static inline void writer_u64_be(struct writer *writer, uint64_t value) {
	writer_bytes(writer, &(uint64_t){htobe64(value)}, sizeof value);
}

static inline void writer_u16_le(struct writer *writer, uint16_t value) {
	writer_bytes(writer, &(uint16_t){htole16(value)}, sizeof value);
}

static inline void writer_u32_le(struct writer *writer, uint32_t value) {
	writer_bytes(writer, &(uint32_t){htole32(value)}, sizeof value);
}

static inline void writer_u64_le(struct writer *writer, uint64_t value) {
	writer_bytes(writer, &(uint64_t){htole64(value)}, sizeof value);
}

/* ERR_OK and the number of bytes written, or ERR_LIMIT when the buffer was too small. */
static inline enum err writer_finish(const struct writer *writer, size_t *out_size) {
	if (!writer->error)
		*out_size = writer_size(writer);
	return writer->error;
}
