#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "proxy/origin.h"
#include "proxy/queue.h"
#include "transport/http/http1_head.h"

/*
 * Heads of HTTP/1.1 as a proxy passes them on (RFC 9110 section 7.6): without what was meant for
 * it, with a request target in origin form. There is no Via, as it would tell of the tunnel.
 *
 * Bodies go on as they are, so what frames them (Content-Length, Transfer-Encoding) stays, also
 * when Connection names it. ERR_MALFORMED: Connection names more than CONNECTION_FIELDS_MAX fields;
 * ERR_LIMIT, ERR_NO_MEMORY of the queue, then nothing of it is to be sent.
 */

/* Asks for the connection's end behind the answer: there is one request a stream. */
enum err rewrite_request(const struct http1_head *head, const struct origin *origin,
						 struct queue *queue);

/* keep_alive: the client may send another request behind it. */
enum err rewrite_response(const struct http1_head *head, bool keep_alive, struct queue *queue);
