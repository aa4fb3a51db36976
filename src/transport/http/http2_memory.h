#pragma once

#include <nghttp2/nghttp2.h>
#include <stddef.h>

/*
 * Memory for the HTTP/2 library that counts itself: what a connection makes it hold (half a field,
 * tables, streams, answers that wait) can be asked of it in no other way.
 */

/* Adds to *held, and takes from it; held outlives the session. */
nghttp2_mem http2_memory(size_t *held);
