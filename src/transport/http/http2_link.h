#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nghttp2/nghttp2.h>

#include "base/byte_queue.h"
#include "base/error.h"
#include "transport/http/http2.h"
#include "transport/http/http2_block.h"

/*
 * A session of the library, fed frame by frame, so that reading can end behind any of them; and
 * what it wants to send. Inside of transport/http only.
 */

enum {
	HTTP2_LINK_HEADER_SIZE = 9,
	HTTP2_LINK_MAGIC_SIZE = 24,
	HTTP2_LINK_CUTS_MAX = 128, /* that wait; beyond, the session writes no more */
};

struct http2_link {
	nghttp2_session *session;
	bool server;
	bool stop;   /* set at a frame's end: what follows is not for the session */
	bool silent; /* set when a frame was written: it is the last */
	bool cut;    /* set when one was written: what follows is not sent together with it */

	size_t magic_left; /* of the client's first words, which are no frame */
	uint8_t header[HTTP2_LINK_HEADER_SIZE];
	size_t header_size;
	size_t body_left; /* of the frame whose header is whole */
	bool ignores;     /* that frame is not for the session */
	bool in_block;    /* of fields, which CONTINUATION frames go on with */

	/* Set when HEADERS were written: what they are to hold instead; nothing: what they do. */
	uint8_t block[HTTP2_BLOCK_MAX];
	size_t block_size;

	struct byte_queue outgoing;
	size_t cuts[HTTP2_LINK_CUTS_MAX]; /* bytes of outgoing up to each, from its beginning */
	size_t cut_count;
};

/* Takes over the session. */
void http2_link_init(struct http2_link *link, nghttp2_session *session, bool server);
void http2_link_done(struct http2_link *link);

/*
 * Feeds the session up to stop or the end. ERR_MALFORMED: what came is no HTTP/2 of ours, and the
 * connection is over once what is outgoing was sent; ERR_NO_MEMORY.
 */
enum err http2_link_receive(struct http2_link *link, const uint8_t *data, size_t size,
							size_t *out_taken);

/* Whether bytes are at a frame's border. */
bool http2_link_between_frames(const struct http2_link *link);

/* Lets the session write until it has no more, or HTTP2_OUTGOING_MAX wait in outgoing. */
enum err http2_link_fill(struct http2_link *link);
/* What follows is not sent together with what waits by now. */
void http2_link_cut(struct http2_link *link);
/* What waits, up to the first cut. */
struct slice http2_link_outgoing(const struct http2_link *link);
void http2_link_sent(struct http2_link *link, size_t size);

/*
 * Fields for the library: an array on the heap with views. ERR_INVALID: none, too many, or names or
 * values that cannot be fields.
 */
enum err http2_link_fields(const struct http2_field *fields, size_t count, nghttp2_nv **out_list);

enum err http2_link_submit_settings(struct http2_link *link, const struct http2_setting *settings,
									size_t count, uint32_t window_increment);

/* A message's fields as they come; bounded. */
struct http2_fields {
	struct http2_field *list;
	size_t count, size;
	bool too_large; /* what came behind HTTP2_FIELDS_MAX or HTTP2_FIELDS_SIZE_MAX is left out */
};
enum err http2_fields_add(struct http2_fields *fields, const uint8_t *name, size_t name_size,
						  const uint8_t *value, size_t value_size);
void http2_fields_done(struct http2_fields *fields);
