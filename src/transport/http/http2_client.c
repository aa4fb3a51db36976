#include "transport/http/http2_client.h"

#include <stdlib.h>
#include <string.h>

#include "transport/http/http2_link.h"
#include "transport/http/http_cookie.h"

enum { FIRST_PIECES = 2 };

struct http2_client {
	struct http2_link link;
	enum http2_client_state state;
	int32_t stream;
	size_t pieces[FIRST_PIECES]; /* bytes left of the first words, and of the request */
	char *cookie;
	bool (*accepts)(void *context, struct slice value);
	void *context;
	struct http2_fields fields;
	struct byte_queue body;
	bool no_memory;
};

/* Callbacks of the library. */

static bool is_ours(const struct http2_client *client, const nghttp2_frame *frame) {
	return frame->hd.type == NGHTTP2_HEADERS && frame->hd.stream_id == client->stream &&
		   client->state == HTTP2_CLIENT_ASKED;
}

static int header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
				  size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
				  void *context) {
	struct http2_client *client = context;
	if (is_ours(client, frame) &&
		http2_fields_add(&client->fields, name, name_size, value, value_size)) {
		client->no_memory = true;
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	return 0;
}

static bool is_accepted(const struct http2_client *client) {
	for (size_t i = 0; i < client->fields.count; i++) {
		const struct http2_field *field = &client->fields.list[i];
		struct slice name = slice_of_text("set-cookie"), value;
		if (field->name.size == name.size && memcmp(field->name.data, name.data, name.size) == 0 &&
			!http_cookie_find_set(field->value, client->cookie, &value) &&
			client->accepts(client->context, value))
			return true;
	}
	return false;
}

/* 1xx: an answer that another follows (RFC 9110 section 15.2). */
static bool is_interim(const struct http2_client *client) {
	struct slice status = http2_field_find(client->fields.list, client->fields.count, ":status");
	return status.size == 3 && status.data[0] == '1';
}

static int frame_received(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
	struct http2_client *client = context;
	if (!is_ours(client, frame))
		return 0;
	if (is_interim(client)) {
		http2_fields_done(&client->fields);
		return 0;
	}
	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && is_accepted(client)) {
		client->state = HTTP2_CLIENT_RAW;
		client->link.stop = true;
	} else {
		client->state = HTTP2_CLIENT_ANSWERING;
	}
	return 0;
}

static int data_received(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
						 size_t size, void *context) {
	struct http2_client *client = context;
	size_t left = HTTP2_CLIENT_BODY_MAX - byte_queue_size(&client->body);
	if (byte_queue_append(&client->body, data, size < left ? size : left)) {
		client->no_memory = true;
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	return 0;
}

static int stream_closed(nghttp2_session *session, int32_t id, uint32_t error, void *context) {
	struct http2_client *client = context;
	if (id != client->stream || client->state == HTTP2_CLIENT_RAW)
		return 0;
	bool whole = client->state == HTTP2_CLIENT_ANSWERING && error == NGHTTP2_NO_ERROR;
	client->state = whole ? HTTP2_CLIENT_ANSWERED : HTTP2_CLIENT_FAILED;
	return 0;
}

/* Life. */

static nghttp2_session *session_new(struct http2_client *client) {
	nghttp2_session *session = NULL;
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	if (nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0) {
		nghttp2_session_callbacks_set_on_header_callback(callbacks, header);
		nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_received);
		nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data_received);
		nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, stream_closed);
		nghttp2_option_set_max_reserved_remote_streams(option, 0);
		if (nghttp2_session_client_new2(&session, callbacks, client, option) != 0)
			session = NULL;
	}
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return session;
}

static enum err ask(struct http2_client *client, const struct http2_client_options *options) {
	nghttp2_nv *fields;
	enum err error = http2_link_fields(options->fields, options->field_count, &fields);
	if (error)
		return error;
	nghttp2_priority_spec priority;
	nghttp2_priority_spec_init(&priority, 0, options->weight, options->exclusive);
	client->stream =
		nghttp2_submit_request(client->link.session, options->weight > 0 ? &priority : NULL, fields,
							   options->field_count, NULL, NULL);
	free(fields);
	if (client->stream < 0)
		return client->stream == NGHTTP2_ERR_NOMEM ? ERR_NO_MEMORY : ERR_INVALID;
	return ERR_OK;
}

/* What both pieces are is known at once: nothing has been received. */
static enum err first_pieces(struct http2_client *client,
							 const struct http2_client_options *options) {
	enum err error = http2_link_submit_settings(&client->link, options->settings,
												options->setting_count, options->window_increment);
	if (!error)
		error = http2_link_fill(&client->link);
	if (error)
		return error;
	client->pieces[0] = byte_queue_size(&client->link.outgoing);
	error = ask(client, options);
	if (!error)
		error = http2_link_fill(&client->link);
	client->pieces[1] = byte_queue_size(&client->link.outgoing) - client->pieces[0];
	return error;
}

enum err http2_client_new(const struct http2_client_options *options,
						  struct http2_client **out_client) {
	if (options->weight > HTTP2_CLIENT_WEIGHT_MAX)
		return ERR_INVALID;
	struct http2_client *client = calloc(1, sizeof *client);
	nghttp2_session *session = client ? session_new(client) : NULL;
	if (!session) {
		free(client);
		return ERR_NO_MEMORY;
	}
	http2_link_init(&client->link, session, false);
	client->accepts = options->accepts;
	client->context = options->context;
	client->cookie = strdup(options->cookie);
	enum err error = client->cookie ? first_pieces(client, options) : ERR_NO_MEMORY;
	if (error) {
		http2_client_free(client);
		return error;
	}
	*out_client = client;
	return ERR_OK;
}

void http2_client_free(struct http2_client *client) {
	if (!client)
		return;
	http2_link_done(&client->link);
	http2_fields_done(&client->fields);
	free(client->cookie);
	byte_queue_done(&client->body);
	free(client);
}

enum http2_client_state http2_client_state(const struct http2_client *client) {
	return client->state;
}

struct slice http2_client_outgoing(struct http2_client *client) {
	struct slice all = byte_queue_view(&client->link.outgoing);
	for (size_t i = 0; i < FIRST_PIECES; i++)
		if (client->pieces[i] > 0)
			return slice_of(all.data, client->pieces[i]);
	return all;
}

void http2_client_sent(struct http2_client *client, size_t size) {
	size_t held = byte_queue_size(&client->link.outgoing);
	size = size < held ? size : held;
	byte_queue_drop(&client->link.outgoing, size);
	for (size_t i = 0; i < FIRST_PIECES && size > 0; i++) {
		size_t part = size < client->pieces[i] ? size : client->pieces[i];
		client->pieces[i] -= part;
		size -= part;
	}
}

enum err http2_client_receive(struct http2_client *client, const uint8_t *data, size_t size,
							  size_t *out_taken) {
	size_t taken = 0;
	enum err error = client->state == HTTP2_CLIENT_FAILED ? ERR_MALFORMED : ERR_OK;
	if (!error)
		error = http2_link_receive(&client->link, data, size, &taken);
	if (!error)
		error = http2_link_fill(&client->link);
	if (error) {
		client->state = HTTP2_CLIENT_FAILED;
		return client->no_memory ? ERR_NO_MEMORY : error;
	}
	if (client->state != HTTP2_CLIENT_RAW && client->state != HTTP2_CLIENT_ANSWERED &&
		!nghttp2_session_want_read(client->link.session) &&
		!nghttp2_session_want_write(client->link.session))
		client->state = HTTP2_CLIENT_FAILED;
	*out_taken = taken;
	return ERR_OK;
}

const struct http2_field *http2_client_fields(const struct http2_client *client,
											  size_t *out_count) {
	bool answered = client->state != HTTP2_CLIENT_ASKED;
	*out_count = answered ? client->fields.count : 0;
	return answered ? client->fields.list : NULL;
}

struct slice http2_client_body(const struct http2_client *client) {
	return byte_queue_view(&client->body);
}
