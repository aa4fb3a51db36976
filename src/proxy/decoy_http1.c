#include <stdio.h>
#include <string.h>

#include "proxy/decoy_core.h"
#include "proxy/decoy_page.h"

/* HTTP/1.1 and HTTP/1.0: one exchange at a time. */

static const struct slice nowhere = {.data = NULL};

enum {
	CHUNK_OVERHEAD = 32, /* its size, line ends, and the last one */
	CONTENT_ROOM = 16384,
};

static void say(struct decoy *decoy, const void *data, size_t size) {
	if (byte_queue_append(&decoy->out, data, size))
		decoy_finish(decoy);
}

static void say_text(struct decoy *decoy, const char *text) {
	say(decoy, text, strlen(text));
}

static void say_fields(struct decoy *decoy, const struct http1_field *fields, size_t count) {
	for (size_t i = 0; i < count; i++) {
		say(decoy, fields[i].name.data, fields[i].name.size);
		say_text(decoy, ": ");
		say(decoy, fields[i].value.data, fields[i].value.size);
		say_text(decoy, "\r\n");
	}
}

static void say_head(struct decoy *decoy, const struct decoy_answer *answer) {
	char line[64];
	if (decoy->simple)
		return;
	size_t before = answer->before < answer->field_count ? answer->before : answer->field_count;
	(void)snprintf(line, sizeof line, "HTTP/1.1 %u ", answer->status);
	say_text(decoy, line);
	if (answer->reason.data)
		say(decoy, answer->reason.data, answer->reason.size);
	else
		say_text(decoy, decoy_page_reason(answer->status));
	say_text(decoy, "\r\n");
	say_fields(decoy, answer->fields, before);
	if (decoy->chunked)
		say_text(decoy, "Transfer-Encoding: chunked\r\n");
	say_text(decoy, decoy->keep_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
	say_fields(decoy, answer->fields + before, answer->field_count - before);
	say_text(decoy, "\r\n");
}

static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

static bool expects_to_go_on(const struct decoy_request *request) {
	return !request->old &&
		   http1_text_is(decoy_request_field(request, "Expect", NULL), "100-continue");
}

static void answer_exchange(struct decoy_exchange *exchange, const struct decoy_answer *answer,
							bool ended) {
	struct decoy *decoy = exchange->decoy;
	/* nginx says so in front of any answer about a file, and then reads no body. */
	if (answer->is_file && expects_to_go_on(exchange->request))
		say_text(decoy, go_on);
	bool unknown = answer->has_body && !answer->has_length;
	decoy->keep_alive = decoy->keep_alive && !answer->close &&
						decoy->requests < DECOY_REQUESTS_MAX && !(unknown && exchange->is_old);
	decoy->chunked = unknown && !exchange->is_old && !ended;
	say_head(decoy, answer);
	decoy->keep_alive = decoy->keep_alive && !answer->breaks_off;
}

static size_t write_body(struct decoy_exchange *exchange, const uint8_t *data, size_t size,
						 bool ended) {
	struct decoy *decoy = exchange->decoy;
	size_t waiting = byte_queue_size(&decoy->out);
	if (waiting + CHUNK_OVERHEAD >= DECOY_OUTGOING_MAX)
		return 0;
	size_t room = DECOY_OUTGOING_MAX - waiting - CHUNK_OVERHEAD;
	size_t taken = size < room ? size : room;
	if (!decoy->chunked) {
		say(decoy, data, taken);
		return taken;
	}
	char line[24];
	(void)snprintf(line, sizeof line, "%zx\r\n", taken);
	if (taken > 0) {
		say_text(decoy, line);
		say(decoy, data, taken);
		say_text(decoy, "\r\n");
	}
	if (ended && taken == size)
		say_text(decoy, "0\r\n\r\n");
	return taken;
}

static void consumed(struct decoy_exchange *exchange, size_t size) {
}

static void reset(struct decoy_exchange *exchange) {
	exchange->done = true;
	decoy_finish(exchange->decoy);
}

static bool take_over(struct decoy_exchange *exchange, struct decoy_answer *answer) {
	struct decoy *decoy = exchange->decoy;
	if (exchange->is_old || !decoy->keep_alive)
		return false;
	decoy->chunked = true;
	say_head(decoy, answer);
	exchange->answered = exchange->done = true;
	if (decoy->state == DECOY_OPEN)
		decoy->state = DECOY_RAW;
	return true;
}

/* Requests */

static bool host_is_valid(struct slice host) {
	if (host.size == 0)
		return false;
	for (size_t i = 0; i < host.size; i++)
		if (host.data[i] <= 0x20 || host.data[i] >= 0x7f || host.data[i] == '/')
			return false;
	return true;
}

/* A request that cannot be: the page, or only its head, and the end. */
static void refuse(struct decoy *decoy, uint16_t status, bool bare) {
	struct decoy_answer answer;
	decoy_page_answer(&answer, status, nowhere, decoy_wall_now(decoy));
	decoy->keep_alive = decoy->chunked = false;
	say_head(decoy, &answer);
	if (!bare)
		say(decoy, answer.body.data, answer.body.size);
	decoy_finish(decoy);
}

static bool coding_is_known(const struct decoy_request *request) {
	size_t count;
	struct slice coding = decoy_request_field(request, "Transfer-Encoding", &count);
	return count == 0 || (count == 1 && http1_text_is(coding, "chunked"));
}

static void take_head(struct decoy *decoy, const struct http1_head *head) {
	size_t hosts;
	struct decoy_request request = {
		.method = head->method,
		.target = head->target,
		.fields = head->fields,
		.field_count = head->field_count,
		.old = head->minor == 0,
		.has_body = head->body != HTTP1_BODY_NONE,
		.has_length = head->body == HTTP1_BODY_LENGTH,
		.length = head->length,
	};
	request.host = decoy_request_field(&request, "Host", &hosts);
	decoy->keep_alive = head->keep_alive;
	decoy->simple = head->simple;
	uint16_t status = 0;
	if (head->simple && !decoy_request_is(&request, "GET"))
		status = 400;
	else if (head->method.size + head->target.size >= HTTP1_HEAD_MAX / 8)
		status = 414;
	else if (hosts > 1 || (hosts == 1 ? !host_is_valid(request.host) : !request.old) ||
			 head->target.data[0] == '*' || (request.old && head->body == HTTP1_BODY_CHUNKED))
		status = 400;
	else if (!coding_is_known(&request))
		status = 501;
	for (size_t i = 0; i < head->field_count && !status; i++)
		if (head->fields[i].name.size + head->fields[i].value.size >= HTTP1_HEAD_MAX / 8)
			status = DECOY_PAGE_FIELDS_TOO_LARGE;
	/* Methods that nginx refuses by the fields, which HTTP/0.9 has none of. */
	if (!status && decoy->options.plain && !head->simple &&
		(http1_text_is(head->method, "TRACE") || http1_text_is(head->method, "CONNECT")))
		status = 405;
	struct decoy_exchange *exchange;
	if (!status && decoy_exchange_new(decoy, 1, &request, !request.has_body, &exchange))
		status = 500;
	if (status) {
		refuse(decoy, status, !head->simple && decoy_request_is(&request, "HEAD"));
		return;
	}
	if (decoy->options.plain) {
		decoy_exchange_refuse(exchange, DECOY_PAGE_PLAIN_HTTP);
		return;
	}
	/* A site has no use for a body, and answers without waiting for it. */
	if (!decoy->options.site && request.has_body && expects_to_go_on(&request) &&
		!(request.has_length && request.length > DECOY_BODY_MAX))
		say_text(decoy, go_on);
	decoy_consider(exchange);
}

static uint16_t status_of(enum err error) {
	switch (error) {
	case ERR_LIMIT:
		return DECOY_PAGE_FIELDS_TOO_LARGE;
	case ERR_INVALID:
		return 505;
	case ERR_NO_MEMORY:
		return 500;
	default:
		return 400;
	}
}

static size_t put_head(struct decoy *decoy, const uint8_t *data, size_t size) {
	const struct http1_head *head;
	size_t taken = 0;
	bool begins = !http1_reader_has_begun(decoy->reader);
	enum err error = http1_reader_head(decoy->reader, data, size, &taken, &head);
	if (begins)
		decoy->begun_at = decoy->now;
	if (error)
		refuse(decoy, status_of(error), false);
	else if (head)
		take_head(decoy, head);
	return error ? size : taken;
}

static size_t put_body(struct decoy *decoy, struct decoy_exchange *exchange, const uint8_t *data,
					   size_t size) {
	uint8_t content[CONTENT_ROOM];
	size_t room = decoy_exchange_room(exchange), taken = 0, content_size = 0;
	size = size < room ? size : room;
	size = size < sizeof content ? size : sizeof content;
	bool ended = false;
	if (size == 0)
		return 0;
	if (http1_reader_content(decoy->reader, data, size, &taken, content, &content_size, &ended)) {
		decoy_exchange_refuse(exchange, 400);
		decoy_finish(decoy);
		return size;
	}
	decoy_exchange_body(exchange, content, content_size, ended);
	return taken;
}

static struct decoy_exchange *current(const struct decoy *decoy) {
	return list_is_empty(&decoy->exchanges)
			   ? NULL
			   : list_item(decoy->exchanges.next, struct decoy_exchange, link);
}

/* Another request may come when this one is over. */
static void next(struct decoy *decoy) {
	struct decoy_exchange *exchange = current(decoy);
	if (!exchange || !exchange->done || decoy->judging || decoy->state != DECOY_OPEN)
		return;
	/* What the client still sends of a body that nobody wanted is read and thrown away. */
	if (!exchange->ended && !decoy->input_ended) {
		if (!decoy->lingers_until)
			decoy->lingers_until = decoy->now + DECOY_LINGER_MAX;
		return;
	}
	decoy->lingers_until = 0;
	decoy_exchange_free(exchange);
	http1_reader_next(decoy->reader);
	decoy->begun_at = 0;
	if (!decoy->keep_alive)
		decoy_finish(decoy);
	else if (decoy->input_ended)
		decoy_cut(decoy);
}

static size_t put(struct decoy *decoy, const uint8_t *data, size_t size) {
	size_t used = 0;
	decoy->active = decoy->now;
	while (used < size && decoy->state == DECOY_OPEN && !decoy->judging) {
		struct decoy_exchange *exchange = current(decoy);
		size_t taken;
		/* Who asks on without reading waits, and each answer goes out by itself. */
		if (!exchange && byte_queue_size(&decoy->out) > 0)
			break;
		if (!exchange)
			taken = put_head(decoy, data + used, size - used);
		else if (!exchange->ended)
			taken = put_body(decoy, exchange, data + used, size - used);
		else
			break;
		next(decoy);
		if (taken == 0 && exchange)
			break;
		used += taken;
	}
	return decoy_is_over(decoy) ? size : used;
}

static void end(struct decoy *decoy) {
	struct decoy_exchange *exchange = current(decoy);
	if (!exchange || !exchange->ended)
		decoy_cut(decoy);
}

static struct slice waiting(struct decoy *decoy) {
	return byte_queue_view(&decoy->out);
}

static void sent(struct decoy *decoy, size_t size) {
	decoy->active = decoy->now;
	byte_queue_drop(&decoy->out, size);
}

static void settle(struct decoy *decoy) {
	struct decoy_exchange *exchange = current(decoy);
	if (exchange && !decoy->judging)
		decoy_exchange_pump(exchange);
	next(decoy);
	if (decoy->state != DECOY_OPEN)
		return;
	exchange = current(decoy);
	uint64_t linger = decoy->active + DECOY_LINGER_IDLE;
	if (decoy->lingers_until)
		decoy->deadline = linger < decoy->lingers_until ? linger : decoy->lingers_until;
	else if (exchange)
		decoy->deadline = exchange->backend ? CLOCK_NEVER : decoy->active + DECOY_STALL_TIMEOUT;
	else if (decoy->begun_at)
		decoy->deadline = decoy->begun_at + DECOY_HEAD_TIMEOUT;
	else if (decoy->requests > 0)
		decoy->deadline = decoy->active + DECOY_IDLE_TIMEOUT;
}

/* TLS says nothing to who was too slow; who has nothing to say is closed in order. */
static void expired(struct decoy *decoy) {
	if (current(decoy) || decoy->begun_at || decoy->lingers_until)
		decoy_cut(decoy);
	else
		decoy_finish(decoy);
}

static void free_all(struct decoy *decoy) {
	http1_reader_free(decoy->reader);
	byte_queue_done(&decoy->out);
}

const struct decoy_protocol decoy_http1_protocol = {
	.put = put,
	.end = end,
	.waiting = waiting,
	.sent = sent,
	.settle = settle,
	.expired = expired,
	.free = free_all,
	.answer = answer_exchange,
	.write = write_body,
	.consumed = consumed,
	.reset = reset,
	.take_over = take_over,
};
