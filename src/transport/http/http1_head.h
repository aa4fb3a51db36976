#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/*
 * Messages of HTTP/1.1 and HTTP/1.0 (RFC 9112), one after the other, as they come: the head whole,
 * the body as the bytes that it has on the wire. llhttp parses them, with nothing lenient but for
 * visits, which nobody else reads as they came: what two parsers might understand differently is an
 * error.
 *
 *    READING ──head is whole──▶ BODY ──its end──▶ http1_reader_next() ──▶ READING
 *
 * After an error nothing more is taken.
 */

enum {
	HTTP1_HEAD_MAX = 64 * 1024,   /* bytes of a head, as it came */
	HTTP1_FIELDS_MAX = 128,       /* of a head */
	HTTP1_TRAILER_MAX = 8 * 1024, /* bytes of fields behind a chunked body */
};

enum http1_kind {
	HTTP1_REQUEST,
	/*
	 * To a server that takes what nginx takes: any method of capital letters, '-' and '_', any
	 * minor version, and HTTP/0.9.
	 */
	HTTP1_VISIT,
	HTTP1_RESPONSE,
};

struct http1_field {
	struct slice name, value; /* without blanks around the value, or line ends in it */
};

enum http1_body {
	HTTP1_BODY_NONE,
	HTTP1_BODY_LENGTH,  /* of so many bytes */
	HTTP1_BODY_CHUNKED, /* with what makes it chunked */
	HTTP1_BODY_CLOSE,   /* a response's, to the end of the connection */
};

struct http1_head {
	uint8_t minor; /* of version 1 */
	bool simple;   /* HTTP/0.9: nothing but a line came, and an answer is nothing but a body */
	struct slice method;              /* a request's */
	struct slice target;              /* a request's, as it came */
	uint16_t status;                  /* a response's */
	struct slice reason;              /* a response's, maybe empty */
	const struct http1_field *fields; /* in their order */
	size_t field_count;
	enum http1_body body;
	uint64_t length; /* of HTTP1_BODY_LENGTH */
	bool keep_alive; /* the sender takes another message on this connection, or sends one */
};

struct http1_reader;

/* ERR_NO_MEMORY. */
enum err http1_reader_new(enum http1_kind kind, struct http1_reader **out_reader);
void http1_reader_free(struct http1_reader *reader); /* wipes what it held; NULL-safe */

/* Bytes of memory. NULL: none. */
size_t http1_reader_held(const struct http1_reader *reader);

/* For another message, of the same kind. The head is gone. */
void http1_reader_next(struct http1_reader *reader);

/* Whether a byte of the message has come. */
bool http1_reader_has_begun(const struct http1_reader *reader);

/*
 * Bytes of a head: out_taken of them are its. *out_head is NULL as long as it is not whole; then
 * what it points to stays until http1_reader_next(). ERR_MALFORMED; ERR_LIMIT: too large;
 * ERR_UNSUPPORTED: a method that is unknown; ERR_INVALID: another version than 1.0 and 1.1,
 * or, of a visit, than 1.x. A visit's version that is none is ERR_MALFORMED.
 */
enum err http1_reader_head(struct http1_reader *reader, const uint8_t *data, size_t size,
						   size_t *out_taken, const struct http1_head **out_head);

/* A response to HEAD has no body, whatever it says. After the head, before the body. */
void http1_reader_skip_body(struct http1_reader *reader);

/*
 * Bytes behind the head: out_taken of them are the body's, *out_ended: and that is all of it. To be
 * called once even for a body of no bytes. ERR_MALFORMED, ERR_LIMIT.
 */
enum err http1_reader_body(struct http1_reader *reader, const uint8_t *data, size_t size,
						   size_t *out_taken, bool *out_ended);

/*
 * The same, with what the bytes mean, chunks taken apart: out_content has room for size bytes, and
 * *out_content_size of them are set.
 */
enum err http1_reader_content(struct http1_reader *reader, const uint8_t *data, size_t size,
							  size_t *out_taken, uint8_t *out_content, size_t *out_content_size,
							  bool *out_ended);

/* Names of fields, methods and tokens do not regard case; methods do, which these are not for. */
bool http1_text_is(struct slice text, const char *wanted);
/* The first field of that name, NULL if there is none; out_count: how many there are (or NULL). */
const struct slice *http1_head_field(const struct http1_head *head, const char *name,
									 size_t *out_count);
