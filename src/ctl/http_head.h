#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/*
 * Heads of HTTP/1.1 messages, RFC 9112, as far as this API needs them and no further: what is not
 * understood is refused instead of guessed. Pure: bytes in, slices of them out.
 *
 *     GET /v1/status?peers=10 HTTP/1.1\r\n        HTTP/1.1 200 OK\r\n
 *     Host: umbra\r\n                             Content-Length: 3\r\n
 *     \r\n                                        \r\n
 */

enum { HTTP_HEAD_MAX = 8 << 10, HTTP_HEADERS_MAX = 64 };

struct http_request {
	struct slice method, path, query; /* as sent: not decoded; query without its "?" */
	size_t size;                      /* of the head with its empty line */
	bool has_body_size;
	uint64_t body_size;
	bool transfer_coded; /* "Transfer-Encoding": the size is not known beforehand */
	bool keep_alive;
	bool expects_continue; /* waits for "100 Continue" before it sends the body */
};

struct http_response {
	unsigned status; /* 100..599 */
	size_t size;
	bool has_body_size;
	uint64_t body_size;
	bool transfer_coded;
	bool keep_alive;
};

/*
 * ERR_AGAIN: the head is not whole yet and may still become one; ERR_LIMIT: it is too large;
 * ERR_UNSUPPORTED: of another major version; ERR_MALFORMED: anything else.
 */
enum err http_request_parse(const char *data, size_t size, struct http_request *out_request);
enum err http_response_parse(const char *data, size_t size, struct http_response *out_response);

/* "Not Found"; never NULL. */
const char *http_reason(unsigned status);

/* Whether the slice is this text, byte by byte. */
bool http_is(struct slice slice, const char *text);
