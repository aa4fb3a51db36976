#pragma once

#include <stddef.h>
#include <stdint.h>

#include <nghttp2/nghttp2.h>

#include "base/error.h"

/*
 * An answer's fields as HPACK (RFC 7541) in nginx's words, by whose length an answer is known: it
 * never refers to the dynamic table. Inside of transport/http only.
 */

enum { HTTP2_BLOCK_MAX = 8192 }; /* bytes */

struct http2_block; /* NULL: none can be made */

enum err http2_block_new(struct http2_block **out_block);
void http2_block_free(struct http2_block *block); /* NULL-safe */

/* The client has said how large a table may be. */
void http2_block_resized(struct http2_block *block);
/* ERR_LIMIT: more than HTTP2_BLOCK_MAX bytes, and none of them is meant. */
enum err http2_block_encode(struct http2_block *block, const nghttp2_nv *fields, size_t count,
							uint8_t out_data[static HTTP2_BLOCK_MAX], size_t *out_size);
