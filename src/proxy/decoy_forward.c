#include <string.h>
#include <strings.h>

#include "proxy/connection_fields.h"
#include "proxy/decoy_core.h"
#include "proxy/decoy_uri.h"

/* What passes between a client and the web server behind: all but what is about a connection. */

/* Said anew, or not at all. */
static const char *const of_requests[] = {
	"host",    "content-length",    "expect",         "x-forwarded-for", "x-forwarded-proto",
	"trailer", "transfer-encoding", "http2-settings",
};
static const char *const of_answers[] = {
	"server", "date", "content-length", "trailer", "transfer-encoding", "http2-settings",
};

static bool is_listed(struct slice name, const char *const *list, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (http1_text_is(name, list[i]))
			return true;
	return false;
}

/* Requests */

/* Errors stick. */
struct lines {
	struct byte_queue *queue;
	enum err error;
};

static void say(struct lines *lines, const void *data, size_t size) {
	if (!lines->error)
		lines->error = byte_queue_append(lines->queue, data, size);
}

static void say_text(struct lines *lines, const char *text) {
	say(lines, text, strlen(text));
}

static void say_field(struct lines *lines, const char *name, struct slice value) {
	say_text(lines, name);
	say_text(lines, ": ");
	say(lines, value.data, value.size);
	say_text(lines, "\r\n");
}

/* A browser's cookies may come in several fields of HTTP/2 (RFC 9113 section 8.2.3). */
static void say_cookies(struct lines *lines, const struct decoy_request *request) {
	bool any = false;
	for (size_t i = 0; i < request->field_count; i++) {
		if (!http1_text_is(request->fields[i].name, "cookie"))
			continue;
		say_text(lines, any ? "; " : "Cookie: ");
		say(lines, request->fields[i].value.data, request->fields[i].value.size);
		any = true;
	}
	if (any)
		say_text(lines, "\r\n");
}

/* The form without an origin (RFC 9112 section 3.2.1). ERR_INVALID: nothing that may be said. */
static enum err find_target(struct slice target, struct slice *out_target, struct slice *out_host) {
	for (size_t i = 0; i < target.size; i++)
		if (target.data[i] <= 0x20 || target.data[i] == 0x7f)
			return ERR_INVALID;
	*out_host = slice_of(NULL, 0);
	*out_target = target;
	if (target.size == 0)
		return ERR_INVALID;
	if (target.data[0] == '/')
		return ERR_OK;
	size_t skip = target.size > 7 && strncasecmp((const char *)target.data, "http://", 7) == 0 ? 7
				  : target.size > 8 && strncasecmp((const char *)target.data, "https://", 8) == 0
					  ? 8
					  : 0;
	const uint8_t *path = skip > 0 ? memchr(target.data + skip, '/', target.size - skip) : NULL;
	if (!path)
		return ERR_INVALID;
	size_t begin = (size_t)(path - target.data);
	*out_host = slice_of(target.data + skip, begin - skip);
	*out_target = slice_of(path, target.size - begin);
	return ERR_OK;
}

enum err decoy_forward_request(const struct decoy_request *request, const char *peer,
							   struct byte_queue *queue) {
	struct lines lines = {.queue = queue};
	struct slice target, host;
	enum err error = find_target(request->target, &target, &host);
	if (error)
		return error;
	host = host.size > 0 ? host : request->host;
	say(&lines, request->method.data, request->method.size);
	say_text(&lines, " ");
	say(&lines, target.data, target.size);
	say_text(&lines, " HTTP/1.1\r\n");
	say_field(&lines, "Host", host);
	say_field(&lines, "X-Forwarded-For", slice_of_text(peer));
	say_text(&lines, "X-Forwarded-Proto: https\r\nConnection: close\r\n");
	struct slice length = decoy_request_field(request, "Content-Length", NULL);
	if (request->has_length)
		say_field(&lines, "Content-Length", length);
	else if (request->has_body)
		say_text(&lines, "Transfer-Encoding: chunked\r\n");
	say_cookies(&lines, request);
	/* More than there are places for are of no connection: a web server looks at none of them. */
	struct connection_fields own;
	(void)connection_fields_read(request->fields, request->field_count, &own);
	for (size_t i = 0; i < request->field_count; i++) {
		struct slice name = request->fields[i].name;
		if (name.size == 0 || http1_text_is(name, "cookie") ||
			is_listed(name, of_requests, sizeof of_requests / sizeof of_requests[0]) ||
			connection_fields_have(&own, name))
			continue;
		say(&lines, name.data, name.size);
		say_text(&lines, ": ");
		say(&lines, request->fields[i].value.data, request->fields[i].value.size);
		say_text(&lines, "\r\n");
	}
	say_text(&lines, "\r\n");
	return lines.error;
}

/* Answers */

static void add(struct decoy_answer *answer, const struct http1_head *head, const char *name) {
	const struct slice *value = http1_head_field(head, name, NULL);
	if (value)
		decoy_answer_add(answer, slice_of_text(name), *value);
}

void decoy_forward_answer(const struct http1_head *head, bool is_head, uint64_t wall_now,
						  struct decoy_answer *answer) {
	decoy_answer_init(answer, head->status, wall_now);
	answer->reason = head->reason.data ? head->reason : slice_of("", 0);
	answer->has_body = !is_head && head->status != 204 && head->status != 304;
	answer->has_length = head->body == HTTP1_BODY_LENGTH || head->body == HTTP1_BODY_NONE;
	add(answer, head, "Content-Type");
	if (head->body == HTTP1_BODY_LENGTH)
		decoy_answer_print(answer, "Content-Length", "%llu", (unsigned long long)head->length);
	else if (is_head)
		add(answer, head, "Content-Length");
	else if (answer->has_body && head->body == HTTP1_BODY_NONE)
		decoy_answer_print(answer, "Content-Length", "0");
	add(answer, head, "Last-Modified");
	decoy_answer_turn(answer);
	struct connection_fields own;
	(void)connection_fields_read(head->fields, head->field_count, &own);
	for (size_t i = 0; i < head->field_count; i++) {
		struct slice name = head->fields[i].name;
		if (name.size == 0 || http1_text_is(name, "content-type") ||
			http1_text_is(name, "last-modified") ||
			is_listed(name, of_answers, sizeof of_answers / sizeof of_answers[0]) ||
			connection_fields_have(&own, name))
			continue;
		decoy_answer_add(answer, name, head->fields[i].value);
	}
}
