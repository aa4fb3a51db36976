#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* What both ends of an HTTP/2 connection know (RFC 9113). */

enum {
	HTTP2_OUTGOING_MAX = 262144,   /* bytes that wait; beyond it nothing is taken in */
	HTTP2_FIELDS_MAX = 128,        /* of a message */
	HTTP2_FIELDS_SIZE_MAX = 32768, /* bytes of all names and values */
	HTTP2_SETTINGS_MAX = 16,
	HTTP2_WINDOW_INITIAL = 65535, /* section 6.9.2 */
};

/* Sections 6.5.2 and 7. */
enum http2_setting_id {
	HTTP2_HEADER_TABLE_SIZE = 1,
	HTTP2_ENABLE_PUSH = 2,
	HTTP2_MAX_CONCURRENT_STREAMS = 3,
	HTTP2_INITIAL_WINDOW_SIZE = 4,
	HTTP2_MAX_FRAME_SIZE = 5,
	HTTP2_MAX_HEADER_LIST_SIZE = 6,
};
enum http2_error {
	HTTP2_NO_ERROR = 0,
	HTTP2_PROTOCOL_ERROR = 1,
	HTTP2_INTERNAL_ERROR = 2,
	HTTP2_REFUSED_STREAM = 7,
	HTTP2_CANCEL = 8,
};

struct http2_setting {
	uint16_t id; /* enum http2_setting_id, or another */
	uint32_t value;
};

/* Names in lower case; those that begin with ':' first. */
struct http2_field {
	struct slice name, value;
};

/* The value of the first field of a name; empty, with a NULL pointer, where there is none. */
struct slice http2_field_find(const struct http2_field *fields, size_t count, const char *name);
