#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "transport/http/http2.h"

/*
 * A client's end of an HTTP/2 connection that asks one thing, as a certain browser does, and lets
 * the answer's cookie decide what the connection is; the server's end is http2_server.h.
 *
 *   ASKED ──answer whose cookie is accepted──▶ RAW
 *     ├──any other answer──▶ ANSWERING ──the whole of it──▶ ANSWERED
 *     └──a fault, from ANSWERING too──▶ FAILED
 *
 * RAW: the bytes that follow the answer's HEADERS, and what is sent after http2_client_outgoing()
 * is empty, are the owner's.
 */

enum {
	HTTP2_CLIENT_BODY_MAX = 1 << 20, /* bytes of an answer that are kept; the rest is read over */
	HTTP2_CLIENT_WEIGHT_MAX = 256,
};

enum http2_client_state {
	HTTP2_CLIENT_ASKED,
	HTTP2_CLIENT_RAW,
	HTTP2_CLIENT_ANSWERING,
	HTTP2_CLIENT_ANSWERED,
	HTTP2_CLIENT_FAILED,
};

struct http2_client_options {
	/* The first words: SETTINGS in this order, WINDOW_UPDATE of the connection unless 0. */
	const struct http2_setting *settings;
	size_t setting_count;
	uint32_t window_increment;
	/* The request, with these fields in this order; no body. */
	const struct http2_field *fields;
	size_t field_count;
	uint16_t weight; /* of its priority, 1 … HTTP2_CLIENT_WEIGHT_MAX; 0: it names none */
	bool exclusive;
	/* Whether an answer's cookie of that name makes the connection raw. Only for the call. */
	const char *cookie;
	bool (*accepts)(void *context, struct slice value);
	void *context;
};

struct http2_client;

/* Nothing of the options is kept but accepts and its context. ERR_INVALID, ERR_NO_MEMORY. */
enum err http2_client_new(const struct http2_client_options *options,
						  struct http2_client **out_client);
/* NULL-safe. */
void http2_client_free(struct http2_client *client);

enum http2_client_state http2_client_state(const struct http2_client *client);

/*
 * What is to be sent, piece by piece as browsers write it: the first words, the request, and then
 * whatever waits. Each piece is to be a TLS record of its own. Valid until the next call.
 */
struct slice http2_client_outgoing(struct http2_client *client);
void http2_client_sent(struct http2_client *client, size_t size);

/* Takes less than all where it becomes RAW. ERR_MALFORMED: no HTTP/2, and FAILED. */
enum err http2_client_receive(struct http2_client *client, const uint8_t *data, size_t size,
							  size_t *out_taken);

/* The answer's; NULL and empty before it has come. */
const struct http2_field *http2_client_fields(const struct http2_client *client, size_t *out_count);
struct slice http2_client_body(const struct http2_client *client);
