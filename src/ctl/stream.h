#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"

/* An answer without an end: text/event-stream, whose frames come whenever there are some. */

struct ctl_request;
struct stream;

enum {
	STREAM_QUEUE_MAX = 1 << 20,  /* bytes that wait for a slow reader, who is dropped beyond them */
	STREAM_COMMENT_SECONDS = 15, /* it says at least so often that it lives */
};

/*
 * Answers the request, and belongs to its connection: it leaves the list and is freed when that
 * ends. NULL when it could not be made; the request is answered all the same.
 */
struct stream *stream_open(struct ctl_request *request, struct list *streams);
struct stream *stream_of(struct list *link);

void stream_add(struct stream *stream, struct slice frame);

/* To be called about once a second. */
void stream_tick(struct stream *stream, uint64_t now, unsigned comment_seconds);
