#include "ctl/stream.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/request.h"
#include "ctl/view_json.h"

enum { STREAM_BLOCK_SIZE = 4 << 10 };

struct stream {
	struct list link;
	struct ctl_request *request;
	struct view_text text;
	size_t sent;    /* bytes of the text that the library has */
	uint64_t since; /* ns: of the last frame */
	bool dropped;
};

static ssize_t read_some(void *context, uint64_t position, char *buffer, size_t maximum) {
	struct stream *stream = context;
	if (stream->dropped)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	size_t size = stream->text.size - stream->sent;
	if (size == 0) {
		request_suspend(stream->request);
		return 0;
	}
	if (size > maximum)
		size = maximum;
	memcpy(buffer, stream->text.data + stream->sent, size);
	stream->sent += size;
	if (stream->sent == stream->text.size)
		stream->sent = stream->text.size = 0;
	return (ssize_t)size;
}

static void free_stream(void *context) {
	struct stream *stream = context;
	list_remove(&stream->link);
	view_text_done(&stream->text);
	free(stream);
}

static struct MHD_Response *new_response(struct stream *stream) {
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, STREAM_BLOCK_SIZE, read_some, stream, free_stream);
	if (!response) {
		free_stream(stream);
		return NULL;
	}
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream") ==
			MHD_YES &&
		MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES)
		return response;
	MHD_destroy_response(response);
	return NULL;
}

struct stream *stream_open(struct ctl_request *request, struct list *streams) {
	struct stream *stream = calloc(1, sizeof *stream);
	struct MHD_Response *response = NULL;
	if (stream) {
		list_append(streams, &stream->link);
		stream->request = request;
		stream->since = clock_now();
		response = new_response(stream);
	}
	request_give(request, 200, response);
	return response ? stream : NULL;
}

struct stream *stream_of(struct list *link) {
	return list_item(link, struct stream, link);
}

static void drop(struct stream *stream) {
	stream->dropped = true;
	view_text_done(&stream->text);
	/* The library may be waiting for a reader who never reads. */
	request_cut(stream->request);
	request_wake(stream->request);
}

void stream_add(struct stream *stream, struct slice frame) {
	struct view_text *text = &stream->text;
	if (stream->dropped)
		return;
	if (stream->sent > text->size / 2) {
		text->size -= stream->sent;
		memmove(text->data, text->data + stream->sent, text->size);
		stream->sent = 0;
	}
	if (text->size - stream->sent + frame.size <= STREAM_QUEUE_MAX)
		view_text_add(text, (const char *)frame.data, frame.size);
	else
		text->failed = true;
	if (text->failed) {
		drop(stream);
		return;
	}
	stream->since = clock_now();
	request_wake(stream->request);
}

void stream_tick(struct stream *stream, uint64_t now, unsigned comment_seconds) {
	static const char comment[] = ":\n\n";
	if (stream->dropped || stream->text.size > 0)
		return; /* the library waits for its reader */
	if (request_is_deserted(stream->request))
		drop(stream);
	else if (now >= stream->since + comment_seconds * CLOCK_SECOND)
		stream_add(stream, slice_of(comment, sizeof comment - 1));
}
