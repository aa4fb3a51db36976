#pragma once

#include <stddef.h>

#include "base/error.h"
#include "transport/http/http2_client.h"

/*
 * The request by which a client makes itself known: as a browser (Chromium 156 on Linux) asks for a
 * page that it is told to open, and has been at before, as it has a cookie of the site.
 */

struct carrier_request {
	const char *name;   /* of the server; an address of version 6 without brackets */
	uint16_t port;      /* shown unless it is the one of https */
	const char *path;   /* begins with '/' */
	const char *cookie; /* its name */
	const char *value;
};

/*
 * An HTTP/2 client that asks; accepts and its context are http2_client_options's. ERR_INVALID for a
 * path or cookie that no request can have, ERR_NO_MEMORY.
 */
enum err carrier_request_http2(const struct carrier_request *request,
							   bool (*accepts)(void *context, struct slice value), void *context,
							   struct http2_client **out_client);
/* The request of HTTP/1.1, with a NUL behind it; the caller frees it. The same errors. */
enum err carrier_request_http1(const struct carrier_request *request, char **out_text);
