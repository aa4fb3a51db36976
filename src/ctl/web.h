#pragma once

#include "base/error.h"

/*
 * HTTP/1.1 by GNU libmicrohttpd inside the control loop: it reads requests and sends answers on the
 * connections it is given, or of the socket it is given, and keeps to limits of their number, size
 * and idleness. It has no thread, and runs only when one of its descriptors or deadlines is due.
 */

struct control_loop;
struct ctl_request;
struct list;
struct web;

enum {
	WEB_CONNECTION_MEMORY = 32 << 10, /* bytes of each: a request's head fits */
};

struct web_options {
	struct control_loop *loop;
	/* A whole request (request.h), to be answered exactly once, now or later. */
	void (*take)(void *context, struct ctl_request *request);
	void *context;
	unsigned connections; /* at a time */
	/* Descriptor of a listening socket, the library's until web_free(), or -1: then it listens
	 * nowhere. */
	int listening;
	unsigned idle_seconds; /* without a byte in or out, unless an answer is awaited of take() */
};

enum err web_new(const struct web_options *options, struct web **out_web);
/*
 * Ends all connections. Requests that are not answered yet are freed, or, where they still may be,
 * put to a list of the caller's, who frees it (request_list_free()); NULL: none. NULL-safe.
 */
void web_free(struct web *web, struct list *heirs);

/* Takes the descriptor of a stream socket over, also on failure. ERR_LIMIT: there are too many. */
enum err web_adopt(struct web *web, int descriptor);
