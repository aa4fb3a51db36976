#include "proxy/decoy_backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/decoy_core.h"

enum {
	FROM_MAX = 32 << 10, /* bytes of an answer that wait for the client */
	TO_MAX = 64 << 10,   /* bytes of a request that wait for the backend */
	CHUNK_OVERHEAD = 32,
	CONTENT_ROOM = 16384,
};

struct decoy_backend {
	struct decoy_exchange *exchange;
	void *owner;
	uint64_t deadline;
	struct byte_queue to, from;
	size_t unconsumed; /* bytes of the request's body in to */
	bool chunked;      /* so does the body go */
	struct http1_reader *reader;
	bool has_head, has_all; /* of the answer */
	bool by_close;          /* it ends with the connection */
};

static struct decoy *decoy_of(const struct decoy_backend *backend) {
	return backend->exchange->decoy;
}

static void progress(struct decoy_backend *backend) {
	backend->deadline = decoy_of(backend)->now + DECOY_BACKEND_TIMEOUT;
}

static void resume(struct decoy_backend *backend) {
	struct decoy *decoy = decoy_of(backend);
	decoy->options.ops->resume(decoy->options.context, backend);
}

enum err decoy_backend_new(struct decoy_exchange *exchange, struct decoy_backend **out_backend) {
	struct decoy_backend *backend = calloc(1, sizeof *backend);
	if (!backend)
		return ERR_NO_MEMORY;
	backend->exchange = exchange;
	enum err error = http1_reader_new(HTTP1_RESPONSE, &backend->reader);
	if (!error)
		error =
			decoy_forward_request(exchange->request, exchange->decoy->options.peer, &backend->to);
	if (error) {
		http1_reader_free(backend->reader);
		byte_queue_done(&backend->to);
		free(backend);
		return error;
	}
	backend->chunked = exchange->request->has_body && !exchange->request->has_length;
	progress(backend);
	*out_backend = backend;
	return ERR_OK;
}

void decoy_backend_free(struct decoy_backend *backend) {
	if (!backend)
		return;
	struct decoy *decoy = decoy_of(backend);
	decoy->options.ops->close(decoy->options.context, backend);
	if (backend->unconsumed > 0 && decoy->state == DECOY_OPEN)
		decoy->protocol->consumed(backend->exchange, backend->unconsumed);
	http1_reader_free(backend->reader);
	byte_queue_done(&backend->to);
	byte_queue_done(&backend->from);
	free(backend);
}

void decoy_backend_set_owner(struct decoy_backend *backend, void *owner) {
	backend->owner = owner;
}

void *decoy_backend_owner(const struct decoy_backend *backend) {
	return backend->owner;
}

uint64_t decoy_backend_deadline(const struct decoy_backend *backend) {
	return backend->deadline;
}

size_t decoy_backend_held(const struct decoy_backend *backend) {
	return sizeof *backend + backend->to.room + backend->from.room +
		   http1_reader_held(backend->reader);
}

/* The request */

size_t decoy_backend_body_room(const struct decoy_backend *backend) {
	size_t waiting = byte_queue_size(&backend->to);
	return waiting + CHUNK_OVERHEAD < TO_MAX ? TO_MAX - CHUNK_OVERHEAD - waiting : 0;
}

void decoy_backend_body(struct decoy_backend *backend, const uint8_t *data, size_t size,
						bool ended) {
	char line[24] = "";
	enum err error = ERR_OK;
	if (backend->chunked && size > 0)
		(void)snprintf(line, sizeof line, "%zx\r\n", size);
	if (size > 0) {
		error = byte_queue_append(&backend->to, line, strlen(line));
		if (!error)
			error = byte_queue_append(&backend->to, data, size);
		if (!error && backend->chunked)
			error = byte_queue_append(&backend->to, "\r\n", 2);
		backend->unconsumed += size;
	}
	if (!error && ended && backend->chunked)
		error = byte_queue_append(&backend->to, "0\r\n\r\n", 5);
	if (error)
		backend->deadline = 0; /* there is no going on: as if it never answered */
	else
		resume(backend);
}

struct slice decoy_backend_waiting(const struct decoy_backend *backend) {
	return byte_queue_view(&backend->to);
}

void decoy_backend_sent(struct decoy_backend *backend, uint64_t now, size_t size) {
	struct decoy *decoy = decoy_of(backend);
	decoy->now = now;
	byte_queue_drop(&backend->to, size);
	progress(backend);
	/* Only what was not worked on yet holds the client back; chunks' sizes hardly count. */
	size_t left = byte_queue_size(&backend->to);
	size_t done = backend->unconsumed > left ? backend->unconsumed - left : 0;
	backend->unconsumed -= done;
	if (done > 0)
		decoy->protocol->consumed(backend->exchange, done);
	decoy_settle(decoy);
}

/* The answer */

/* The backend is gone afterwards. */
static void fail(struct decoy_backend *backend, uint16_t status) {
	struct decoy_exchange *exchange = backend->exchange;
	struct decoy *decoy = exchange->decoy;
	decoy_exchange_drop_backend(exchange);
	if (exchange->answered && !exchange->done)
		decoy->protocol->reset(exchange);
	else
		decoy_exchange_refuse(exchange, status);
}

void decoy_backend_expired(struct decoy_backend *backend) {
	fail(backend, 504);
}

void decoy_backend_failed(struct decoy_backend *backend, uint64_t now) {
	struct decoy *decoy = decoy_of(backend);
	decoy->now = now;
	fail(backend, 502);
	decoy_settle(decoy);
}

static void pump_and_settle(struct decoy_exchange *exchange) {
	struct decoy *decoy = exchange->decoy;
	if (exchange->done)
		decoy_exchange_drop_backend(exchange);
	else
		decoy_exchange_pump(exchange);
	decoy_settle(decoy);
}

void decoy_backend_ended(struct decoy_backend *backend, uint64_t now) {
	if (!backend->has_head || (!backend->has_all && !backend->by_close)) {
		decoy_backend_failed(backend, now);
		return;
	}
	decoy_of(backend)->now = now;
	backend->has_all = true;
	/* What it sent still waits for the client. */
	progress(backend);
	pump_and_settle(backend->exchange);
}

void decoy_backend_pump(struct decoy_backend *backend) {
	struct decoy_exchange *exchange = backend->exchange;
	struct slice view = byte_queue_view(&backend->from);
	if (view.size == 0 && !backend->has_all)
		return;
	size_t taken =
		decoy_of(backend)->protocol->write(exchange, view.data, view.size, backend->has_all);
	bool all = taken == view.size;
	byte_queue_drop(&backend->from, taken);
	if (taken > 0)
		progress(backend);
	if (all && backend->has_all)
		exchange->done = true;
	else if (taken > 0 && !backend->has_all)
		resume(backend);
}

size_t decoy_backend_room(const struct decoy_backend *backend) {
	if (backend->has_all)
		return 0;
	size_t waiting = byte_queue_size(&backend->from);
	return !backend->has_head ? CONTENT_ROOM : waiting < FROM_MAX ? FROM_MAX - waiting : 0;
}

/* ERR_AGAIN: an answer before the answer. */
static enum err take_head(struct decoy_backend *backend, const struct http1_head *head) {
	struct decoy_exchange *exchange = backend->exchange;
	struct decoy *decoy = exchange->decoy;
	struct decoy_answer answer;
	if (head->status == 101)
		return ERR_UNSUPPORTED;
	if (head->status < 200)
		return ERR_AGAIN;
	if (exchange->is_head)
		http1_reader_skip_body(backend->reader);
	decoy_forward_answer(head, exchange->is_head, decoy_wall_now(decoy), &answer);
	if (answer.too_large)
		return ERR_LIMIT;
	backend->has_head = true;
	backend->by_close = head->body == HTTP1_BODY_CLOSE;
	exchange->answered = true;
	exchange->done = !answer.has_body;
	decoy->protocol->answer(exchange, &answer, exchange->done);
	return ERR_OK;
}

static enum err take_content(struct decoy_backend *backend, const uint8_t *data, size_t size,
							 size_t *out_taken) {
	uint8_t content[CONTENT_ROOM];
	size_t content_size;
	bool ended;
	size = size < sizeof content ? size : sizeof content;
	enum err error = http1_reader_content(backend->reader, data, size, out_taken, content,
										  &content_size, &ended);
	if (error)
		return error;
	backend->has_all = ended;
	return content_size > 0 ? byte_queue_append(&backend->from, content, content_size) : ERR_OK;
}

static enum err take(struct decoy_backend *backend, const uint8_t *data, size_t size) {
	size_t used = 0, taken = 0;
	enum err error = ERR_OK;
	while (used < size && !backend->has_all && !backend->exchange->done && !error) {
		if (backend->has_head) {
			error = take_content(backend, data + used, size - used, &taken);
			used += taken;
			continue;
		}
		const struct http1_head *head;
		error = http1_reader_head(backend->reader, data + used, size - used, &taken, &head);
		used += taken;
		if (error || !head)
			continue;
		error = take_head(backend, head);
		if (error == ERR_AGAIN) {
			http1_reader_next(backend->reader);
			error = ERR_OK;
		} else if (!error && !backend->exchange->done) {
			/* A body of no bytes ends here. */
			error = take_content(backend, data + used, 0, &taken);
		}
	}
	return error;
}

void decoy_backend_put(struct decoy_backend *backend, uint64_t now, const uint8_t *data,
					   size_t size) {
	struct decoy_exchange *exchange = backend->exchange;
	decoy_of(backend)->now = now;
	progress(backend);
	if (take(backend, data, size))
		decoy_backend_failed(backend, now);
	else
		pump_and_settle(exchange);
}
