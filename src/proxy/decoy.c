#include "proxy/decoy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/decoy_core.h"
#include "proxy/decoy_page.h"
#include "transport/http/http_cookie.h"

enum { COOKIE_MAX = 2047 /* bytes of a candidate; longer ones are none */ };

uint64_t decoy_wall_now(const struct decoy *decoy) {
	return decoy->options.ops->wall_now(decoy->options.context);
}

enum err decoy_new(const struct decoy_options *options, uint64_t now, struct decoy **out_decoy) {
	struct decoy *decoy = calloc(1, sizeof *decoy);
	if (!decoy)
		return ERR_NO_MEMORY;
	decoy->options = *options;
	decoy->now = now;
	decoy->deadline = now + DECOY_HEAD_TIMEOUT;
	decoy->protocol = options->http2 ? &decoy_http2_protocol : &decoy_http1_protocol;
	(void)snprintf(decoy->peer, sizeof decoy->peer, "%s", options->peer);
	decoy->options.peer = decoy->peer;
	list_init(&decoy->exchanges);
	enum err error =
		options->http2 ? decoy_http2_open(decoy) : http1_reader_new(HTTP1_VISIT, &decoy->reader);
	if (error) {
		free(decoy);
		return error;
	}
	if (options->site)
		(void)site_hold(options->site);
	*out_decoy = decoy;
	return ERR_OK;
}

void decoy_free(struct decoy *decoy) {
	if (!decoy)
		return;
	/* What the owner is told from inside must find nothing to go on with. */
	decoy->state = DECOY_FINISHED;
	decoy->protocol->free(decoy);
	list_for_each (link, &decoy->exchanges)
		decoy_exchange_free(list_item(link, struct decoy_exchange, link));
	site_release(decoy->options.site);
	free(decoy);
}

enum decoy_state decoy_state(const struct decoy *decoy) {
	return decoy->state;
}

size_t decoy_held(const struct decoy *decoy) {
	size_t held = decoy->out.room + http1_reader_held(decoy->reader);
	held += decoy->server ? http2_server_held(decoy->server) : 0;
	for (const struct list *link = decoy->exchanges.next; link != &decoy->exchanges;
		 link = link->next)
		held += decoy_exchange_held(list_item(link, struct decoy_exchange, link));
	return held;
}

void decoy_finish(struct decoy *decoy) {
	if (decoy->state == DECOY_OPEN)
		decoy->state = DECOY_FINISHED;
}

void decoy_cut(struct decoy *decoy) {
	if (decoy->state == DECOY_OPEN)
		decoy->state = DECOY_CUT;
}

bool decoy_is_over(const struct decoy *decoy) {
	return decoy->state == DECOY_FINISHED || decoy->state == DECOY_CUT;
}

/* The cookie of that name; empty where it is missing, twice there, or too long. */
static struct slice find_cookie(const struct decoy *decoy, const struct decoy_request *request) {
	struct slice found = slice_of(NULL, 0);
	size_t count = 0;
	for (size_t i = 0; i < request->field_count; i++) {
		struct slice value;
		if (!http1_text_is(request->fields[i].name, "cookie"))
			continue;
		enum err error = http_cookie_find(request->fields[i].value, decoy->options.cookie, &value);
		if (error == ERR_NOT_FOUND)
			continue;
		if (error || ++count > 1 || value.size > COOKIE_MAX)
			return slice_of(NULL, 0);
		found = value;
	}
	return found;
}

void decoy_consider(struct decoy_exchange *exchange) {
	struct decoy *decoy = exchange->decoy;
	exchange->starts = false;
	if (!exchange->ended || decoy->exchange_count != 1 || decoy->requests != 1) {
		decoy_exchange_start(exchange);
		return;
	}
	decoy->judging = exchange;
	decoy->deadline = CLOCK_NEVER;
	decoy->options.ops->candidate(decoy->options.context, find_cookie(decoy, exchange->request));
}

/* As the page that a browser would get, with the cookie. */
static bool take_over(struct decoy_exchange *exchange, struct slice text) {
	struct decoy *decoy = exchange->decoy;
	struct decoy_answer answer;
	if (!decoy_request_is(exchange->request, "GET"))
		return false;
	decoy_answer_init(&answer, 200, decoy_wall_now(decoy));
	decoy_answer_print(&answer, "Content-Type", "text/html");
	decoy_answer_turn(&answer);
	char *cookie = malloc(strlen(decoy->options.cookie) + text.size + 64);
	if (!cookie)
		return false;
	int size = sprintf(cookie, "%s=%.*s; Path=/; Secure; HttpOnly", decoy->options.cookie,
					   (int)text.size, (const char *)text.data);
	decoy_answer_add(&answer, slice_of_text("Set-Cookie"), slice_of(cookie, (size_t)size));
	answer.has_body = true;
	bool taken = decoy->protocol->take_over(exchange, &answer);
	free(cookie);
	return taken;
}

void decoy_settle(struct decoy *decoy) {
	if (decoy->state == DECOY_OPEN && !decoy->judging)
		decoy->protocol->settle(decoy);
}

void decoy_judged(struct decoy *decoy, uint64_t now, bool admitted, struct slice text) {
	struct decoy_exchange *exchange = decoy->judging;
	if (!exchange)
		return;
	decoy->now = now;
	decoy->judging = NULL;
	decoy->deadline = now + DECOY_STALL_TIMEOUT;
	if (!admitted || !take_over(exchange, text))
		decoy_exchange_start(exchange);
	decoy_settle(decoy);
}

size_t decoy_put(struct decoy *decoy, uint64_t now, const uint8_t *data, size_t size) {
	decoy->now = now;
	if (decoy_is_over(decoy))
		return size;
	if (decoy->state != DECOY_OPEN || decoy->judging)
		return 0;
	size_t taken = decoy->protocol->put(decoy, data, size);
	decoy_settle(decoy);
	return taken;
}

void decoy_end(struct decoy *decoy, uint64_t now) {
	decoy->now = now;
	decoy->input_ended = true;
	if (decoy->state == DECOY_OPEN && !decoy->judging)
		decoy->protocol->end(decoy);
}

struct slice decoy_waiting(struct decoy *decoy) {
	return decoy->protocol->waiting(decoy);
}

void decoy_sent(struct decoy *decoy, uint64_t now, size_t size) {
	decoy->now = now;
	decoy->protocol->sent(decoy, size);
	decoy_settle(decoy);
}

static uint64_t next_deadline(const struct decoy *decoy) {
	uint64_t next = decoy->judging ? CLOCK_NEVER : decoy->deadline;
	for (const struct list *link = decoy->exchanges.next; link != &decoy->exchanges;
		 link = link->next) {
		const struct decoy_exchange *exchange = list_item(link, struct decoy_exchange, link);
		uint64_t own = exchange->backend ? decoy_backend_deadline(exchange->backend) : CLOCK_NEVER;
		next = own < next ? own : next;
	}
	return next;
}

uint64_t decoy_run(struct decoy *decoy, uint64_t now) {
	decoy->now = now;
	if (decoy->state != DECOY_OPEN)
		return CLOCK_NEVER;
	list_for_each (link, &decoy->exchanges) {
		struct decoy_exchange *exchange = list_item(link, struct decoy_exchange, link);
		if (exchange->backend && decoy_backend_deadline(exchange->backend) <= now)
			decoy_backend_expired(exchange->backend);
	}
	if (!decoy->judging && decoy->deadline <= now)
		decoy->protocol->expired(decoy);
	decoy_settle(decoy);
	return decoy->state == DECOY_OPEN ? next_deadline(decoy) : CLOCK_NEVER;
}
