#include <stdio.h>
#include <string.h>

#include "proxy/front_parts.h"
#include "proxy/origin.h"
#include "proxy/rewrite.h"

/* Requests of HTTP at the mixed port, see proxy/front.h. */

enum err front_http_begin(struct front *front) {
	return http1_reader_new(HTTP1_REQUEST, &front->request);
}

void front_http_refuse(struct front *front, enum refusal refusal) {
	const struct refusal_page *page = refusal_page(refusal);
	struct queue *queue = &front->to_client;
	char head[512];
	size_t size = strlen(page->text) + 1;
	(void)snprintf(head, sizeof head,
				   "HTTP/1.1 %u %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
				   "Content-Length: %zu\r\nCache-Control: no-store\r\n%s"
				   "Connection: close\r\n\r\n",
				   page->status, page->reason, size,
				   refusal == REFUSAL_PASSWORD
					   ? "Proxy-Authenticate: Basic realm=\"proxy\", charset=\"UTF-8\"\r\n"
					   : "");
	queue_add_text(queue, head);
	/* After HEAD a body would be taken for the next answer. */
	if (front->is_head)
		return;
	queue_add_text(queue, page->text);
	queue_add_text(queue, "\n");
}

static bool is_allowed(const struct front *front, const struct http1_head *head) {
	size_t count;
	const struct slice *value = http1_head_field(head, "proxy-authorization", &count);
	if (!credentials_are_needed(front->options.credentials))
		return true;
	/* Of two, somebody else might have judged the other. */
	return count == 1 && credentials_accept_basic(front->options.credentials, *value);
}

static void open_target(struct front *front, uint64_t now, const struct target *target) {
	front_enter(front, FRONT_OPENING, now + FRONT_OPEN_TIMEOUT);
	front->options.ops->open(front->options.context, target);
}

static void pass_on(struct front *front, uint64_t now, const struct http1_head *head) {
	struct origin origin;
	switch (origin_parse(head->target, &origin)) {
	case ERR_OK:
		break;
	case ERR_MALFORMED:
		front_refuse(front, REFUSAL_NO_PROXY);
		return;
	case ERR_UNSUPPORTED:
		front_refuse(front, REFUSAL_SCHEME);
		return;
	default:
		front_refuse(front, REFUSAL_REQUEST);
		return;
	}
	/* TRACE would show what was added on the way; chunks came with HTTP/1.1 (RFC 9112 6.1). */
	if (http1_text_is(head->method, "TRACE")) {
		front_refuse(front, REFUSAL_METHOD);
		return;
	}
	if (head->minor == 0 && head->body == HTTP1_BODY_CHUNKED) {
		front_refuse(front, REFUSAL_REQUEST);
		return;
	}
	enum err error = rewrite_request(head, &origin, &front->to_target);
	if (error) {
		front_refuse(front, error == ERR_NO_MEMORY ? REFUSAL_INTERNAL : REFUSAL_REQUEST);
		return;
	}
	front->is_head = http1_text_is(head->method, "HEAD");
	/* A later answer on this connection would need a length that an older client understands. */
	front->keep_alive = head->keep_alive && head->minor > 0;
	front->request_ended = front->has_answered = false;
	open_target(front, now, &origin.target);
}

static void serve(struct front *front, uint64_t now, const struct http1_head *head) {
	front->is_connect = http1_text_is(head->method, "CONNECT");
	front->is_head = http1_text_is(head->method, "HEAD");
	if (!is_allowed(front, head)) {
		front_refuse(front, REFUSAL_PASSWORD);
		return;
	}
	if (!front->is_connect) {
		pass_on(front, now, head);
		return;
	}
	struct target target;
	if (origin_parse_authority(head->target, &target))
		front_refuse(front, REFUSAL_REQUEST);
	else
		open_target(front, now, &target);
}

static enum refusal refusal_of_error(enum err error) {
	switch (error) {
	case ERR_LIMIT:
		return REFUSAL_HEAD_SIZE;
	case ERR_UNSUPPORTED:
		return REFUSAL_METHOD;
	case ERR_INVALID:
		return REFUSAL_VERSION;
	case ERR_NO_MEMORY:
		return REFUSAL_INTERNAL;
	default:
		return REFUSAL_REQUEST;
	}
}

size_t front_http_put(struct front *front, uint64_t now, const uint8_t *data, size_t size) {
	const struct http1_head *head = NULL;
	size_t taken = 0;
	if (!http1_reader_has_begun(front->request) && size > 0)
		front->deadline = now + FRONT_HEAD_TIMEOUT;
	enum err error = http1_reader_head(front->request, data, size, &taken, &head);
	if (error) {
		front->is_head = false;
		front_refuse(front, refusal_of_error(error));
		return size;
	}
	if (head)
		serve(front, now, head);
	return taken;
}

void front_http_opened(struct front *front, uint64_t now) {
	if (!front->is_connect) {
		front_exchange_begin(front, now);
		return;
	}
	queue_add_text(&front->to_client, "HTTP/1.1 200 Connection established\r\n\r\n");
	front_begin_relay(front);
}
