#include "transport/http/http2_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "transport/http/http2_link.h"
#include "transport/http/http2_memory.h"

struct stream {
	struct list link; /* of the server's streams */
	uint32_t id;
	struct http2_fields fields; /* until the owner has seen them */
	bool requested, ended;      /* by the client; told to the owner */
	bool answered, finished;    /* by the owner */
	bool waits;                 /* the library asks again when there is more */
	bool full, has_room;        /* the owner was refused; and is to be told */
	size_t unconsumed;          /* of the request's body, by the owner */
	uint8_t *body;              /* HTTP2_SERVER_BODY_MAX bytes, from the first that is written */
	size_t body_begin, body_end;
};

struct http2_server {
	const struct http2_server_ops *ops;
	void *context;
	struct http2_link link;
	struct http2_block *block;
	size_t library_held; /* bytes */
	struct list streams;
	size_t stream_count;
	bool acknowledged; /* the client has our settings */
	bool handing_over, no_memory, failed;
	bool held;     /* nothing is written */
	bool urgent;   /* what was written last are frames that are about no stream's answer */
	uint32_t last; /* stream of HTTP/2, which the taken over answer is on */
};

/* What nginx 1.26 says first, with its defaults. */
static const struct http2_setting usual[] = {
	{HTTP2_MAX_CONCURRENT_STREAMS, HTTP2_SERVER_STREAMS_MAX},
	{HTTP2_INITIAL_WINDOW_SIZE, 65536},
	{HTTP2_MAX_FRAME_SIZE, 16777215},
};
enum { USUAL_INCREMENT = INT32_MAX - HTTP2_WINDOW_INITIAL };

static struct stream *stream_find(const struct http2_server *server, uint32_t id) {
	if (id == 0 || id > INT32_MAX)
		return NULL;
	return nghttp2_session_get_stream_user_data(server->link.session, (int32_t)id);
}

static void stream_free(struct http2_server *server, struct stream *stream) {
	list_remove(&stream->link);
	server->stream_count--;
	http2_fields_done(&stream->fields);
	free(stream->body);
	free(stream);
}

/* Callbacks of the library. */

static bool is_request(const nghttp2_frame *frame) {
	return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static int begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
	struct http2_server *server = context;
	if (!is_request(frame))
		return 0;
	if (server->handing_over || server->stream_count >= HTTP2_SERVER_STREAMS_MAX)
		return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
										 NGHTTP2_REFUSED_STREAM) == 0
				   ? 0
				   : NGHTTP2_ERR_CALLBACK_FAILURE;
	struct stream *stream = calloc(1, sizeof *stream);
	if (!stream || nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream)) {
		free(stream);
		server->no_memory = true;
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	stream->id = (uint32_t)frame->hd.stream_id;
	list_append(&server->streams, &stream->link);
	server->stream_count++;
	return 0;
}

static int header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
				  size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
				  void *context) {
	struct http2_server *server = context;
	struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (!stream || !is_request(frame))
		return 0; /* refused, or fields behind a body, which nobody asked for */
	if (http2_fields_add(&stream->fields, name, name_size, value, value_size)) {
		server->no_memory = true;
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	return 0;
}

/* From now on bytes behind a frame may be the owner's. */
static void look_for_end(struct http2_server *server) {
	if (server->handing_over && server->acknowledged)
		server->link.stop = true;
}

static void note_request(struct http2_server *server, struct stream *stream, bool ended) {
	struct http2_fields fields = stream->fields;
	stream->fields = (struct http2_fields){.list = NULL};
	stream->requested = true;
	stream->ended = ended;
	server->ops->request(server->context, stream->id, fields.list, fields.count, ended,
						 fields.too_large);
	http2_fields_done(&fields);
}

static int frame_received(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
	struct http2_server *server = context;
	if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK)) {
		server->acknowledged = true;
		look_for_end(server);
		return 0;
	}
	if (frame->hd.type == NGHTTP2_SETTINGS)
		for (size_t i = 0; i < frame->settings.niv; i++)
			if (frame->settings.iv[i].settings_id == NGHTTP2_SETTINGS_HEADER_TABLE_SIZE)
				http2_block_resized(server->block);
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	if (!stream)
		return 0;
	if (is_request(frame)) {
		note_request(server, stream, ended);
	} else if (ended && stream->requested && !stream->ended) {
		stream->ended = true;
		server->ops->body(server->context, stream->id, NULL, 0, true);
	}
	return 0;
}

static int data_received(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
						 size_t size, void *context) {
	struct http2_server *server = context;
	struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
	if (!stream || !stream->requested)
		return nghttp2_session_consume(session, id, size) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
	stream->unconsumed += size;
	server->ops->body(server->context, stream->id, data, size, false);
	return 0;
}

/*
 * Who still sends a body behind his whole answer is told to stop (RFC 9113 section 8.1), in bytes
 * of their own: a client like curl 7.88 that finds both in one TLS record drops the answer.
 */
static int end_request(struct http2_server *server, int32_t id) {
	nghttp2_session *session = server->link.session;
	const struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
	if (!stream || stream->ended)
		return 0;
	return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR) == 0
			   ? 0
			   : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/*
 * As nginx does, whose TLS records show it: an answer's HEADERS go with the body that is there by
 * then, but not where they follow other frames; and nothing goes with its end.
 */
static void look_for_cut(struct http2_server *server, const nghttp2_frame_hd *frame) {
	const bool answers = frame->type == NGHTTP2_HEADERS || frame->type == NGHTTP2_DATA;
	server->link.cut = answers && ((frame->flags & NGHTTP2_FLAG_END_STREAM) ||
								   (frame->type == NGHTTP2_HEADERS && server->urgent &&
									byte_queue_size(&server->link.outgoing) > 0));
	server->urgent = !answers;
}

static int frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
	struct http2_server *server = context;
	look_for_cut(server, &frame->hd);
	if (frame->hd.type == NGHTTP2_HEADERS &&
		http2_block_encode(server->block, frame->headers.nva, frame->headers.nvlen,
						   server->link.block, &server->link.block_size))
		server->link.block_size = 0;
	if (server->handing_over && frame->hd.type == NGHTTP2_HEADERS &&
		(uint32_t)frame->hd.stream_id == server->last)
		server->link.silent = true;
	else if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
			 (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return end_request(server, frame->hd.stream_id);
	return 0;
}

static int stream_closed(nghttp2_session *session, int32_t id, uint32_t error, void *context) {
	struct http2_server *server = context;
	struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
	if (!stream)
		return 0;
	(void)nghttp2_session_set_stream_user_data(session, id, NULL);
	/* What the owner did not work on any more still counts for the others. */
	if (stream->unconsumed > 0)
		(void)nghttp2_session_consume_connection(session, stream->unconsumed);
	if (stream->requested)
		server->ops->closed(server->context, stream->id, error);
	stream_free(server, stream);
	return 0;
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out_data, size_t room,
						 uint32_t *out_flags, nghttp2_data_source *source, void *context) {
	struct stream *stream = source->ptr;
	size_t held = stream->body_end - stream->body_begin;
	size_t size = held < room ? held : room;
	if (size == 0 && !stream->finished) {
		stream->waits = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (size > 0)
		memcpy(out_data, stream->body + stream->body_begin, size);
	stream->body_begin += size;
	if (size == held)
		stream->body_begin = stream->body_end = 0;
	if (size == held && stream->finished)
		*out_flags |= NGHTTP2_DATA_FLAG_EOF;
	if (stream->full && held - size <= HTTP2_SERVER_BODY_MAX / 2)
		stream->has_room = true;
	return (ssize_t)size;
}

/* Frames as long as nginx's. */
static ssize_t body_size(nghttp2_session *session, uint8_t type, int32_t id, int32_t window,
						 int32_t stream_window, uint32_t frame_max, void *context) {
	return HTTP2_SERVER_FRAME_MAX;
}

/* Life. */

static nghttp2_session *session_new(struct http2_server *server) {
	nghttp2_session *session = NULL;
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	nghttp2_mem memory = http2_memory(&server->library_held);
	if (nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0) {
		nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, begin_headers);
		nghttp2_session_callbacks_set_on_header_callback(callbacks, header);
		nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_received);
		nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data_received);
		nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, frame_sent);
		nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, stream_closed);
		nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, body_size);
		nghttp2_option_set_no_auto_window_update(option, 1);
		nghttp2_option_set_no_closed_streams(option, 1);
		/* What it has put into its own table the client would not know of. */
		nghttp2_option_set_max_deflate_dynamic_table_size(option, 0);
		if (nghttp2_session_server_new3(&session, callbacks, server, option, &memory) != 0)
			session = NULL;
	}
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return session;
}

enum err http2_server_new(const struct http2_server_options *options,
						  struct http2_server **out_server) {
	struct http2_server *server = calloc(1, sizeof *server);
	if (!server)
		return ERR_NO_MEMORY;
	server->ops = options->ops;
	server->context = options->context;
	list_init(&server->streams);
	nghttp2_session *session = session_new(server);
	if (!session) {
		free(server);
		return ERR_NO_MEMORY;
	}
	http2_link_init(&server->link, session, true);
	bool own = options->settings != NULL;
	enum err error =
		http2_link_submit_settings(&server->link, own ? options->settings : usual,
								   own ? options->setting_count : sizeof usual / sizeof *usual,
								   own ? options->window_increment : (uint32_t)USUAL_INCREMENT);
	/* Now, as the library would put an acknowledgement between the two. */
	if (!error)
		error = http2_link_fill(&server->link);
	if (!error)
		error = http2_block_new(&server->block);
	if (error) {
		http2_server_free(server);
		return error;
	}
	*out_server = server;
	return ERR_OK;
}

void http2_server_free(struct http2_server *server) {
	if (!server)
		return;
	while (!list_is_empty(&server->streams)) {
		struct stream *stream = list_item(server->streams.next, struct stream, link);
		if (stream->requested)
			server->ops->closed(server->context, stream->id, HTTP2_CANCEL);
		stream_free(server, stream);
	}
	http2_link_done(&server->link);
	http2_block_free(server->block);
	free(server);
}

enum http2_server_state http2_server_state(const struct http2_server *server) {
	if (server->failed)
		return HTTP2_SERVER_CLOSED;
	if (server->handing_over)
		return server->link.stop && server->link.silent ? HTTP2_SERVER_RAW
														: HTTP2_SERVER_HANDING_OVER;
	return nghttp2_session_want_read(server->link.session) ||
				   nghttp2_session_want_write(server->link.session)
			   ? HTTP2_SERVER_OPEN
			   : HTTP2_SERVER_CLOSED;
}

size_t http2_server_held(const struct http2_server *server) {
	size_t held = sizeof *server + server->library_held + server->link.outgoing.room;
	for (const struct list *link = server->streams.next; link != &server->streams;
		 link = link->next) {
		const struct stream *stream = list_item(link, struct stream, link);
		held += sizeof *stream + stream->fields.size + (stream->body ? HTTP2_SERVER_BODY_MAX : 0);
	}
	return held;
}

static struct stream *next_with_room(struct http2_server *server) {
	list_for_each (link, &server->streams) {
		struct stream *stream = list_item(link, struct stream, link);
		if (stream->has_room)
			return stream;
	}
	return NULL;
}

/*
 * Lets the library write, and the owner fill the room that this makes, which is not sent together
 * with what was there.
 */
static enum err fill(struct http2_server *server) {
	enum err error = ERR_OK;
	while (!(error = http2_link_fill(&server->link))) {
		struct stream *stream = next_with_room(server);
		if (!stream)
			break;
		http2_link_cut(&server->link);
		stream->has_room = stream->full = false;
		server->ops->writable(server->context, stream->id);
	}
	return error;
}

enum err http2_server_receive(struct http2_server *server, const uint8_t *data, size_t size,
							  size_t *out_taken) {
	size_t taken = 0;
	enum err error = server->failed ? ERR_MALFORMED : ERR_OK;
	if (!error)
		error = http2_link_receive(&server->link, data, size, &taken);
	if (error) {
		server->failed = true;
		return server->no_memory ? ERR_NO_MEMORY : error;
	}
	*out_taken = taken;
	return ERR_OK;
}

struct slice http2_server_outgoing(struct http2_server *server) {
	if (server->held)
		return slice_of(NULL, 0);
	if (!server->failed && fill(server))
		server->failed = true;
	return http2_link_outgoing(&server->link);
}

void http2_server_sent(struct http2_server *server, size_t size) {
	http2_link_sent(&server->link, size);
}

void http2_server_hold(struct http2_server *server, bool held) {
	server->held = held;
}

/* Answers. */

static enum err may_answer(const struct http2_server *server, uint32_t id, size_t count,
						   struct stream **out_stream) {
	struct stream *stream = stream_find(server, id);
	if (!stream || !stream->requested)
		return ERR_NOT_FOUND;
	if (stream->answered)
		return ERR_EXISTS;
	if (count == 0 || count > HTTP2_FIELDS_MAX)
		return ERR_INVALID;
	*out_stream = stream;
	return ERR_OK;
}

/* ended: HEADERS are all there is; otherwise the stream's body follows. */
static enum err submit(struct http2_server *server, struct stream *stream,
					   const struct http2_field *fields, size_t count, bool ended) {
	const nghttp2_data_provider body = {.source.ptr = stream, .read_callback = read_body};
	nghttp2_nv *list;
	enum err error = http2_link_fields(fields, count, &list);
	if (error)
		return error;
	int result = nghttp2_submit_response(server->link.session, (int32_t)stream->id, list, count,
										 ended ? NULL : &body);
	free(list);
	if (result != 0)
		return result == NGHTTP2_ERR_NOMEM ? ERR_NO_MEMORY : ERR_INVALID;
	stream->answered = true;
	stream->finished = ended;
	return ERR_OK;
}

enum err http2_server_answer(struct http2_server *server, uint32_t id,
							 const struct http2_field *fields, size_t count, bool ended) {
	struct stream *stream;
	enum err error = may_answer(server, id, count, &stream);
	return error ? error : submit(server, stream, fields, count, ended);
}

enum err http2_server_take_over(struct http2_server *server, uint32_t id,
								const struct http2_field *fields, size_t count) {
	struct stream *stream;
	enum err error = may_answer(server, id, count, &stream);
	if (error)
		return ERR_INVALID;
	/* Others' frames would stand behind the HEADERS; the rest of a frame before raw bytes. */
	if (server->handing_over || server->stream_count != 1 || !stream->ended ||
		!http2_link_between_frames(&server->link))
		return ERR_INVALID;
	error = submit(server, stream, fields, count, false);
	if (error)
		return error;
	server->handing_over = true;
	server->last = id;
	look_for_end(server);
	return ERR_OK;
}

static void make_room(struct stream *stream) {
	size_t held = stream->body_end - stream->body_begin;
	if (stream->body_begin > 0 && held > 0)
		memmove(stream->body, stream->body + stream->body_begin, held);
	stream->body_begin = 0;
	stream->body_end = held;
}

enum err http2_server_write(struct http2_server *server, uint32_t id, const uint8_t *data,
							size_t size, bool ended, size_t *out_taken) {
	struct stream *stream = stream_find(server, id);
	if (!stream)
		return ERR_NOT_FOUND;
	if (!stream->answered || stream->finished || server->handing_over)
		return ERR_INVALID;
	if (!stream->body && size > 0)
		stream->body = malloc(HTTP2_SERVER_BODY_MAX);
	if (!stream->body && size > 0)
		return ERR_NO_MEMORY;
	make_room(stream);
	size_t room = HTTP2_SERVER_BODY_MAX - stream->body_end;
	size_t taken = size < room ? size : room;
	if (taken > 0)
		memcpy(stream->body + stream->body_end, data, taken);
	stream->body_end += taken;
	stream->full = taken < size;
	stream->finished = ended && taken == size;
	if (stream->waits && (taken > 0 || stream->finished)) {
		stream->waits = false;
		if (nghttp2_session_resume_data(server->link.session, (int32_t)id) == NGHTTP2_ERR_NOMEM)
			return ERR_NO_MEMORY;
	}
	*out_taken = taken;
	return ERR_OK;
}

void http2_server_consumed(struct http2_server *server, uint32_t id, size_t size) {
	struct stream *stream = stream_find(server, id);
	if (!stream)
		return; /* given back when it was closed */
	size = size < stream->unconsumed ? size : stream->unconsumed;
	stream->unconsumed -= size;
	if (nghttp2_session_consume(server->link.session, (int32_t)id, size) != 0)
		server->failed = true;
}

void http2_server_reset(struct http2_server *server, uint32_t id, uint32_t error) {
	if (stream_find(server, id) &&
		nghttp2_submit_rst_stream(server->link.session, NGHTTP2_FLAG_NONE, (int32_t)id, error) != 0)
		server->failed = true;
}

void http2_server_shutdown(struct http2_server *server) {
	nghttp2_session *session = server->link.session;
	if (nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE,
							  nghttp2_session_get_last_proc_stream_id(session), NGHTTP2_NO_ERROR,
							  NULL, 0) != 0)
		server->failed = true;
}
