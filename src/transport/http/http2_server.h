#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "transport/http/http2.h"

/*
 * A server's end of an HTTP/2 connection, with no socket: bytes in and out (inside TLS), requests
 * upward, answers downward.
 *
 *   OPEN ──http2_server_take_over()──▶ HANDING_OVER ──client's SETTINGS ACK──▶ RAW
 *     └──a fault, or all is said and done──▶ CLOSED
 *
 * RAW: HTTP/2 is over and the bytes that follow, both ways, are the owner's. The client has to be
 * in the know: from its request on it sends nothing but the SETTINGS ACK, and takes what stands
 * behind the HEADERS of the answer for raw.
 */

enum {
	HTTP2_SERVER_STREAMS_MAX = 128, /* requests at once */
	HTTP2_SERVER_BODY_MAX = 32768,  /* bytes of an answer that wait to become frames */
	HTTP2_SERVER_FRAME_MAX = 8192,  /* bytes of DATA, as nginx's http2_chunk_size */
};

enum http2_server_state {
	HTTP2_SERVER_OPEN,
	HTTP2_SERVER_HANDING_OVER,
	HTTP2_SERVER_RAW,
	HTTP2_SERVER_CLOSED, /* to be closed once what is outgoing was sent */
};

/* All are called from inside http2_server_receive() or _outgoing(); they may answer at once. */
struct http2_server_ops {
	/*
	 * A request's fields, valid for the call; ended: it has no body. too_large: some were left
	 * out, and it should be refused.
	 */
	void (*request)(void *context, uint32_t stream, const struct http2_field *fields, size_t count,
					bool ended, bool too_large);
	/* Bytes of its body, to be given back by http2_server_consumed(). size may be 0 at the end. */
	void (*body)(void *context, uint32_t stream, const uint8_t *data, size_t size, bool ended);
	/* There is room again, after http2_server_write() has taken less than all. */
	void (*writable)(void *context, uint32_t stream);
	/* The stream is gone: answered whole, reset by either side, or the connection was freed. */
	void (*closed)(void *context, uint32_t stream, uint32_t error);
};

struct http2_server_options {
	const struct http2_server_ops *ops;
	void *context;
	const struct http2_setting *settings; /* NULL: as nginx, which most web sites run */
	size_t setting_count;
	uint32_t window_increment; /* of the connection, said at once; with settings NULL nginx's */
};

struct http2_server;

/* ERR_INVALID, ERR_NO_MEMORY. */
enum err http2_server_new(const struct http2_server_options *options,
						  struct http2_server **out_server);
/* NULL-safe. Not from inside a callback. */
void http2_server_free(struct http2_server *server);

enum http2_server_state http2_server_state(const struct http2_server *server);
/* Bytes of memory that the connection takes, the library's among them. */
size_t http2_server_held(const struct http2_server *server);

/*
 * What the client sent. Takes less than all where it becomes RAW, where it is CLOSED, and while
 * HTTP2_OUTGOING_MAX bytes wait. ERR_MALFORMED: it speaks no HTTP/2, and CLOSED.
 */
enum err http2_server_receive(struct http2_server *server, const uint8_t *data, size_t size,
							  size_t *out_taken);
/*
 * What is to be sent to it, by itself: whoever cuts a stream into records begins a new one behind
 * it. Valid until the next call.
 */
struct slice http2_server_outgoing(struct http2_server *server);
/* Held: nothing is outgoing until it is not, so that what waits goes with what is answered then. */
void http2_server_hold(struct http2_server *server, bool held);
void http2_server_sent(struct http2_server *server, size_t size);

/*
 * Status is a field (":status", first). ended: without a body. ERR_NOT_FOUND: the stream is gone;
 * ERR_EXISTS: it was answered already; ERR_INVALID: fields that are none.
 */
enum err http2_server_answer(struct http2_server *server, uint32_t stream,
							 const struct http2_field *fields, size_t count, bool ended);
/* The body's next bytes; ended with the last of them, if all are taken. */
enum err http2_server_write(struct http2_server *server, uint32_t stream, const uint8_t *data,
							size_t size, bool ended, size_t *out_taken);
/* So many bytes of the request's body were worked on: the client may send as many more. */
void http2_server_consumed(struct http2_server *server, uint32_t stream, size_t size);
/* Gives a stream up; error: enum http2_error. */
void http2_server_reset(struct http2_server *server, uint32_t stream, uint32_t error);
/* No more requests; CLOSED when those that are there have been answered. */
void http2_server_shutdown(struct http2_server *server);

/*
 * Answers with these fields and ends HTTP/2 behind them. ERR_INVALID, and nothing is changed,
 * unless the request is whole, unanswered, and alone.
 */
enum err http2_server_take_over(struct http2_server *server, uint32_t stream,
								const struct http2_field *fields, size_t count);
