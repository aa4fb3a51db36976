#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/decoy_core.h"
#include "proxy/decoy_file.h"
#include "proxy/decoy_page.h"

/* One request and its answer, whichever version of HTTP they come and go with. */

static const struct slice nowhere = {.data = NULL};

enum err decoy_exchange_new(struct decoy *decoy, uint32_t stream,
							const struct decoy_request *request, bool ended,
							struct decoy_exchange **out_exchange) {
	struct decoy_exchange *exchange = calloc(1, sizeof *exchange);
	if (!exchange)
		return ERR_NO_MEMORY;
	if (decoy_request_copy(request, &exchange->request)) {
		free(exchange);
		return ERR_NO_MEMORY;
	}
	exchange->decoy = decoy;
	exchange->is_head = decoy_request_is(request, "HEAD");
	exchange->is_old = request->old;
	exchange->stream = stream;
	exchange->starts = true;
	exchange->ended = ended;
	list_append(&decoy->exchanges, &exchange->link);
	decoy->exchange_count++;
	decoy->requests++;
	*out_exchange = exchange;
	return ERR_OK;
}

void decoy_exchange_drop_backend(struct decoy_exchange *exchange) {
	struct decoy_backend *backend = exchange->backend;
	exchange->backend = NULL;
	if (!backend)
		return;
	exchange->decoy->backend_count--;
	decoy_backend_free(backend);
}

void decoy_exchange_free(struct decoy_exchange *exchange) {
	struct decoy *decoy = exchange->decoy;
	decoy_exchange_drop_backend(exchange);
	if (decoy->judging == exchange)
		decoy->judging = NULL;
	list_remove(&exchange->link);
	decoy->exchange_count--;
	decoy->feed_count -= exchange->feeds;
	free(exchange->more);
	free(exchange->request);
	free(exchange);
}

/* Many answers may wait for a client that does not read; what it has asked by then need not. */
static void drop_request(struct decoy_exchange *exchange) {
	free(exchange->request);
	exchange->request = NULL;
}

size_t decoy_exchange_held(const struct decoy_exchange *exchange) {
	return sizeof *exchange + malloc_usable_size(exchange->request) +
		   malloc_usable_size(exchange->more) +
		   (exchange->backend ? decoy_backend_held(exchange->backend) : 0);
}

/* A body that is the answer's own is kept. */
static bool keep_body(struct decoy_exchange *exchange, const struct decoy_answer *answer,
					  uint8_t *more) {
	const char *at = (const char *)answer->body.data;
	bool own = at >= answer->text && at < answer->text + sizeof answer->text;
	exchange->more = more;
	exchange->left = answer->body;
	exchange->rest = answer->rest;
	exchange->rest_count = answer->rest_count;
	if (!own)
		return true;
	free(more);
	exchange->more = malloc(answer->body.size);
	if (!exchange->more)
		return false;
	memcpy(exchange->more, at, answer->body.size);
	exchange->left = slice_of(exchange->more, answer->body.size);
	return true;
}

/* more: see decoy_file.h. */
static void show(struct decoy_exchange *exchange, const struct decoy_answer *answer,
				 uint8_t *more) {
	bool bare = !answer->has_body || exchange->is_head ||
				(answer->body.size == 0 && answer->rest_count == 0);
	exchange->answered = true;
	exchange->done = bare;
	exchange->decoy->protocol->answer(exchange, answer, bare);
	drop_request(exchange);
	if (bare)
		free(more);
	else if (!keep_body(exchange, answer, more))
		exchange->decoy->protocol->reset(exchange);
	else
		decoy_exchange_pump(exchange);
}

void decoy_exchange_refuse(struct decoy_exchange *exchange, uint16_t status) {
	struct decoy_answer answer;
	if (exchange->answered)
		return;
	decoy_page_answer(&answer, status, nowhere, decoy_wall_now(exchange->decoy));
	show(exchange, &answer, NULL);
}

static void ask_backend(struct decoy_exchange *exchange) {
	struct decoy *decoy = exchange->decoy;
	if (decoy_request_is(exchange->request, "TRACE") ||
		decoy_request_is(exchange->request, "CONNECT")) {
		decoy_exchange_refuse(exchange, 405);
		return;
	}
	/* One without a body begins when another one has ended. */
	if (decoy->backend_count >= DECOY_BACKENDS_MAX) {
		if (exchange->ended)
			exchange->starts = exchange->waits = true;
		else
			decoy_exchange_refuse(exchange, 503);
		return;
	}
	enum err error = decoy_backend_new(exchange, &exchange->backend);
	if (error) {
		decoy_exchange_refuse(exchange, error == ERR_INVALID ? 400 : 500);
		return;
	}
	drop_request(exchange);
	decoy->backend_count++;
	decoy->options.ops->open(decoy->options.context, exchange->backend);
}

void decoy_exchange_start(struct decoy_exchange *exchange) {
	struct decoy *decoy = exchange->decoy;
	exchange->starts = false;
	if (exchange->too_large) {
		decoy_exchange_refuse(exchange, 400);
		return;
	}
	if (exchange->request->has_length && exchange->request->length > DECOY_BODY_MAX) {
		decoy_exchange_refuse(exchange, 413);
		return;
	}
	if (!decoy->options.site) {
		ask_backend(exchange);
		return;
	}
	struct decoy_answer answer;
	uint8_t *more;
	const struct decoy_file_place place = {
		.site = decoy->options.site,
		.port = decoy->options.port,
		.wall_now = decoy_wall_now(decoy),
	};
	decoy_file_answer(&place, exchange->request, &answer, &more);
	show(exchange, &answer, more);
}

void decoy_exchange_body(struct decoy_exchange *exchange, const uint8_t *data, size_t size,
						 bool ended) {
	exchange->ended |= ended;
	exchange->received += size;
	if (exchange->backend && exchange->received > DECOY_BODY_MAX) {
		decoy_exchange_drop_backend(exchange);
		if (exchange->answered)
			exchange->decoy->protocol->reset(exchange);
		else
			decoy_exchange_refuse(exchange, 413);
	}
	if (exchange->backend)
		decoy_backend_body(exchange->backend, data, size, ended);
	else
		exchange->decoy->protocol->consumed(exchange, size);
}

size_t decoy_exchange_room(const struct decoy_exchange *exchange) {
	return exchange->backend ? decoy_backend_body_room(exchange->backend) : SIZE_MAX;
}

void decoy_exchange_pump(struct decoy_exchange *exchange) {
	if (!exchange->answered || exchange->done)
		return;
	if (exchange->backend) {
		decoy_backend_pump(exchange->backend);
		if (exchange->done)
			decoy_exchange_drop_backend(exchange);
		return;
	}
	const struct decoy_protocol *protocol = exchange->decoy->protocol;
	for (;;) {
		const struct slice left = exchange->left;
		const bool is_last = exchange->rest_count == 0;
		size_t taken = protocol->write(exchange, left.data, left.size, is_last);
		exchange->done = is_last && taken == left.size;
		if (taken > 0)
			exchange->left = slice_of(left.data + taken, left.size - taken);
		if (is_last || taken < left.size)
			return;
		exchange->left = *exchange->rest++;
		exchange->rest_count--;
	}
}
