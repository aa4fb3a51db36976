#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proxy/decoy_core.h"

/* HTTP/2: many exchanges at once, each a stream. */

static struct decoy_exchange *find(const struct decoy *decoy, uint32_t stream) {
	for (struct list *link = decoy->exchanges.next; link != &decoy->exchanges; link = link->next) {
		struct decoy_exchange *exchange = list_item(link, struct decoy_exchange, link);
		if (exchange->stream == stream)
			return exchange;
	}
	return NULL;
}

/* What the library tells */

static bool is(struct slice name, const char *wanted) {
	return name.size == strlen(wanted) && memcmp(name.data, wanted, name.size) == 0;
}

static void take_field(struct decoy_request *request, const struct http2_field *field,
					   struct http1_field *list) {
	struct slice value = field->value;
	if (is(field->name, ":method"))
		request->method = value;
	else if (is(field->name, ":path"))
		request->target = value;
	else if (is(field->name, ":authority"))
		request->host = value;
	else if (field->name.size > 0 && field->name.data[0] != ':')
		list[request->field_count++] = (struct http1_field){field->name, value};
	if (is(field->name, "host") && request->host.size == 0)
		request->host = value;
	if (is(field->name, "content-length") &&
		!text_unsigned_parse((const char *)value.data, value.size, INT64_MAX, &request->length))
		request->has_length = true;
}

static void on_request(void *context, uint32_t stream, const struct http2_field *fields,
					   size_t count, bool ended, bool too_large) {
	struct decoy *decoy = context;
	struct http1_field list[HTTP2_FIELDS_MAX];
	struct decoy_request request = {.fields = list, .has_body = !ended};
	struct decoy_exchange *exchange;
	for (size_t i = 0; i < count && i < HTTP2_FIELDS_MAX; i++)
		take_field(&request, &fields[i], list);
	if (decoy_exchange_new(decoy, stream, &request, ended, &exchange)) {
		http2_server_reset(decoy->server, stream, HTTP2_INTERNAL_ERROR);
		return;
	}
	exchange->too_large = too_large;
	/* The others have been answered by then. */
	if (decoy->requests >= DECOY_REQUESTS_MAX)
		decoy->shuts_down = true;
}

static void on_body(void *context, uint32_t stream, const uint8_t *data, size_t size, bool ended) {
	struct decoy *decoy = context;
	struct decoy_exchange *exchange = find(decoy, stream);
	if (!exchange) {
		http2_server_consumed(decoy->server, stream, size);
		return;
	}
	if (exchange->starts)
		decoy_consider(exchange);
	decoy_exchange_body(exchange, data, size, ended);
}

static void on_writable(void *context, uint32_t stream) {
	struct decoy_exchange *exchange = find(context, stream);
	if (exchange)
		decoy_exchange_pump(exchange);
}

static void on_closed(void *context, uint32_t stream, uint32_t error) {
	struct decoy_exchange *exchange = find(context, stream);
	if (exchange)
		decoy_exchange_free(exchange);
}

static const struct http2_server_ops ops = {
	.request = on_request,
	.body = on_body,
	.writable = on_writable,
	.closed = on_closed,
};

enum err decoy_http2_open(struct decoy *decoy) {
	const struct http2_server_options options = {.ops = &ops, .context = decoy};
	return http2_server_new(&options, &decoy->server);
}

/* Answers */

/* Names in lower case, behind the status. */
struct answer_fields {
	char status[4];
	struct http2_field list[DECOY_FIELDS_MAX + 1];
	size_t count;
	char *names;
};

static enum err make_fields(const struct decoy_answer *answer, struct answer_fields *out_fields) {
	size_t size = 1, used = 0;
	for (size_t i = 0; i < answer->field_count; i++)
		size += answer->fields[i].name.size;
	out_fields->names = malloc(size);
	if (!out_fields->names)
		return ERR_NO_MEMORY;
	(void)snprintf(out_fields->status, sizeof out_fields->status, "%03u", answer->status % 1000u);
	out_fields->list[0] =
		(struct http2_field){slice_of_text(":status"), slice_of_text(out_fields->status)};
	out_fields->count = 1;
	for (size_t i = 0; i < answer->field_count; i++) {
		struct slice name = answer->fields[i].name;
		char *copy = out_fields->names + used;
		for (size_t j = 0; j < name.size; j++)
			copy[j] = (char)(name.data[j] >= 'A' && name.data[j] <= 'Z' ? name.data[j] | 0x20
																		: name.data[j]);
		used += name.size;
		out_fields->list[out_fields->count++] =
			(struct http2_field){slice_of(copy, name.size), answer->fields[i].value};
	}
	return ERR_OK;
}

static void reset(struct decoy_exchange *exchange) {
	exchange->done = true;
	http2_server_reset(exchange->decoy->server, exchange->stream, HTTP2_INTERNAL_ERROR);
}

static void answer_exchange(struct decoy_exchange *exchange, const struct decoy_answer *answer,
							bool ended) {
	struct answer_fields fields;
	enum err error = make_fields(answer, &fields);
	if (error) {
		reset(exchange);
		return;
	}
	if (http2_server_answer(exchange->decoy->server, exchange->stream, fields.list, fields.count,
							ended))
		reset(exchange);
	free(fields.names);
}

static size_t write_body(struct decoy_exchange *exchange, const uint8_t *data, size_t size,
						 bool ended) {
	struct decoy *decoy = exchange->decoy;
	size_t taken = 0;
	/* An end without bytes needs no room, and would be taken for said. */
	if (size > 0 && !exchange->feeds && decoy->feed_count >= DECOY_FEEDS_MAX)
		return 0;
	decoy->feed_count += size > 0 && !exchange->feeds;
	exchange->feeds |= size > 0;
	if (http2_server_write(decoy->server, exchange->stream, data, size, ended, &taken)) {
		reset(exchange);
		return 0;
	}
	return taken;
}

static void consumed(struct decoy_exchange *exchange, size_t size) {
	http2_server_consumed(exchange->decoy->server, exchange->stream, size);
}

static bool take_over(struct decoy_exchange *exchange, struct decoy_answer *answer) {
	struct decoy *decoy = exchange->decoy;
	struct answer_fields fields;
	enum err error = make_fields(answer, &fields);
	if (error)
		return false;
	error = http2_server_take_over(decoy->server, exchange->stream, fields.list, fields.count);
	free(fields.names);
	if (error)
		return false;
	exchange->answered = exchange->done = true;
	return true;
}

/* The connection */

static void look_at_state(struct decoy *decoy) {
	/* What a web server says at the beginning it says together with its first answer. */
	http2_server_hold(decoy->server, decoy->judging != NULL);
	/* What is to be written may be what leads to the state. */
	(void)http2_server_outgoing(decoy->server);
	switch (http2_server_state(decoy->server)) {
	case HTTP2_SERVER_RAW:
		decoy->state = DECOY_RAW;
		break;
	case HTTP2_SERVER_CLOSED:
		decoy_finish(decoy);
		break;
	case HTTP2_SERVER_OPEN:
	case HTTP2_SERVER_HANDING_OVER:
		break;
	}
}

static struct decoy_exchange *next_new(const struct decoy *decoy, uint32_t after) {
	for (struct list *link = decoy->exchanges.next; link != &decoy->exchanges; link = link->next) {
		struct decoy_exchange *exchange = list_item(link, struct decoy_exchange, link);
		if (exchange->starts && exchange->stream > after)
			return exchange;
	}
	return NULL;
}

/*
 * Requests that came together; several are never for the owner to judge. Each answer is written
 * before the next one is begun, and may be gone with others behind it.
 */
static void start_new(struct decoy *decoy) {
	const bool alone = decoy->exchange_count == 1;
	uint32_t last = 0;
	for (struct decoy_exchange *exchange; (exchange = next_new(decoy, last)) != NULL;) {
		last = exchange->stream;
		if (exchange->waits || !alone || exchange->too_large)
			decoy_exchange_start(exchange);
		else
			decoy_consider(exchange);
		if (decoy->judging)
			return;
		(void)http2_server_outgoing(decoy->server);
	}
}

static void settle(struct decoy *decoy) {
	start_new(decoy);
	list_for_each (link, &decoy->exchanges) {
		struct decoy_exchange *exchange = list_item(link, struct decoy_exchange, link);
		if (exchange->feeds || decoy->feed_count < DECOY_FEEDS_MAX)
			decoy_exchange_pump(exchange);
	}
	if (decoy->shuts_down && decoy->exchange_count == 0) {
		decoy->shuts_down = false;
		http2_server_shutdown(decoy->server);
	}
	look_at_state(decoy);
	if (decoy->exchange_count == 0)
		decoy->deadline =
			decoy->requests > 0 ? decoy->active + DECOY_IDLE_TIMEOUT : decoy->deadline;
	else if (!decoy->judging)
		decoy->deadline =
			decoy->backend_count > 0 ? CLOCK_NEVER : decoy->active + DECOY_STALL_TIMEOUT;
}

static size_t put(struct decoy *decoy, const uint8_t *data, size_t size) {
	size_t taken = 0;
	decoy->active = decoy->now;
	if (http2_server_receive(decoy->server, data, size, &taken)) {
		decoy_finish(decoy);
		return size;
	}
	return taken;
}

static void end(struct decoy *decoy) {
	decoy_cut(decoy);
}

static struct slice waiting(struct decoy *decoy) {
	return http2_server_outgoing(decoy->server);
}

static void sent(struct decoy *decoy, size_t size) {
	decoy->active = decoy->now;
	http2_server_sent(decoy->server, size);
}

static void expired(struct decoy *decoy) {
	http2_server_shutdown(decoy->server);
	decoy_finish(decoy);
}

/* on_closed() frees the exchanges. */
static void free_all(struct decoy *decoy) {
	http2_server_free(decoy->server);
	decoy->server = NULL;
}

const struct decoy_protocol decoy_http2_protocol = {
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
