#include "proxy/rewrite.h"

#include <stdio.h>

#include "proxy/connection_fields.h"

static bool is_one_of(struct slice name, const char *const *list) {
	for (; *list; list++)
		if (http1_text_is(name, *list))
			return true;
	return false;
}

/* Whether a field goes on to the other side. */
static bool passes(const struct connection_fields *own, struct slice name) {
	static const char *const framing[] = {"content-length", "transfer-encoding", "trailer", NULL};
	return is_one_of(name, framing) || !connection_fields_have(own, name);
}

static enum err add_fields(const struct http1_head *head, const char *without,
						   struct queue *queue) {
	struct connection_fields own;
	if (!connection_fields_read(head->fields, head->field_count, &own))
		return ERR_MALFORMED;
	for (size_t i = 0; i < head->field_count; i++) {
		const struct http1_field *field = &head->fields[i];
		if (!passes(&own, field->name) || (without && http1_text_is(field->name, without)))
			continue;
		queue_add_slice(queue, field->name);
		queue_add_text(queue, ": ");
		queue_add_slice(queue, field->value);
		queue_add_text(queue, "\r\n");
	}
	return queue->error;
}

enum err rewrite_request(const struct http1_head *head, const struct origin *origin,
						 struct queue *queue) {
	bool is_whole = origin->path.size > 0 && origin->path.data[0] == '/';
	queue_add_slice(queue, head->method);
	queue_add_text(queue, " ");
	/* RFC 9112 section 3.2.4: no path at all is the server itself. */
	if (origin->path.size == 0 && http1_text_is(head->method, "OPTIONS"))
		queue_add_text(queue, "*");
	else if (!is_whole)
		queue_add_text(queue, "/");
	queue_add_slice(queue, origin->path);
	/* An older client would not understand an answer in chunks, so that none is asked for. */
	queue_add_text(queue, head->minor == 0 ? " HTTP/1.0\r\nHost: " : " HTTP/1.1\r\nHost: ");
	queue_add_slice(queue, origin->host);
	queue_add_text(queue, "\r\n");
	enum err error = add_fields(head, "host", queue);
	queue_add_text(queue, "Connection: close\r\n\r\n");
	return error ? error : queue->error;
}

enum err rewrite_response(const struct http1_head *head, bool keep_alive, struct queue *queue) {
	char status[32];
	(void)snprintf(status, sizeof status, "HTTP/1.1 %u ", head->status);
	queue_add_text(queue, status);
	queue_add_slice(queue, head->reason);
	queue_add_text(queue, "\r\n");
	enum err error = add_fields(head, NULL, queue);
	/* Interim answers say nothing of the connection. */
	if (!keep_alive && head->status >= 200)
		queue_add_text(queue, "Connection: close\r\n");
	queue_add_text(queue, "\r\n");
	return error ? error : queue->error;
}
