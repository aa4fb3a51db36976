#include "tunnel/carrier_dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/byte_queue.h"
#include "base/wipe.h"
#include "crypto/tls_client.h"
#include "loop/control_loop.h"
#include "proto/stream_protocol.h"
#include "proxy/decoy_date.h"
#include "transport/http/http1_head.h"
#include "transport/http/http_cookie.h"
#include "transport/tls/tls_stream.h"
#include "tunnel/carrier_request.h"
#include "tunnel/dial.h"
#include "tunnel/stream_host.h"
#include "tunnel/ticket_jar.h"

enum dial_state { DIALLING, GREETING, ASKED, AGREED, OVER };

struct carrier_dial {
	struct carrier_dial_options options;
	enum dial_state state;
	struct control_timer *patience;
	struct dial *dial;
	struct tls_stream *tls;
	struct http2_client *http2; /* one of the two from ASKED on */
	struct http1_reader *http1;
	struct byte_queue outgoing; /* of HTTP/1.1 */
	struct byte_queue raw;      /* came behind the answer, before the carrier was there */
	struct stream_pending pending;
	struct stream_keys keys; /* from AGREED on */
	char text[160];          /* of a failure */
};

static void hang_up(struct carrier_dial *dial) {
	dial_free(dial->dial);
	dial->dial = NULL;
	tls_stream_free(dial->tls);
	dial->tls = NULL;
}

/* Last of all: the owner may free the dial. */
static void tell(struct carrier_dial *dial, const struct carrier_dial_failure *failure) {
	dial->state = OVER;
	control_timer_stop(dial->patience);
	dial->options.ops->failed(dial->options.context, failure);
}

static void fail(struct carrier_dial *dial, enum carrier_dial_kind kind, const char *why) {
	if (dial->state == OVER) {
		hang_up(dial); /* declined, and told */
		return;
	}
	hang_up(dial);
	tell(dial, &(struct carrier_dial_failure){.kind = kind, .why = why});
}

/* The server has sent them with the end of the handshake, so before its answer. */
static void keep_tickets(struct carrier_dial *dial) {
	if (dial->options.tickets)
		ticket_jar_collect(dial->options.tickets, tls_stream_tls(dial->tls));
}

/* The answer is not for us: the date in it is the server's own, as TLS says whose it is. */
static void decline(struct carrier_dial *dial, struct slice date) {
	struct carrier_dial_failure failure = {
		.kind = CARRIER_DIAL_DECLINED,
		.why = "answered as a web site: are its key, cookie and path right, and does it know ours?",
	};
	uint64_t seconds;
	if (date.size > 0 && decoy_date_parse(date, &seconds) == ERR_OK &&
		seconds < INT64_MAX / CLOCK_SECOND) {
		failure.is_clock_known = true;
		failure.clock_offset =
			(int64_t)(seconds * CLOCK_SECOND) - (int64_t)stream_host_wall_now(dial->options.host);
	}
	keep_tickets(dial);
	tell(dial, &failure);
}

/* What is to be sent. */

static void flush(struct carrier_dial *dial) {
	struct slice piece;
	size_t sent;
	do {
		piece = dial->http2 ? http2_client_outgoing(dial->http2) : byte_queue_view(&dial->outgoing);
		sent = piece.size > 0 ? tls_stream_send(dial->tls, piece.data, piece.size) : 0;
		if (dial->http2)
			http2_client_sent(dial->http2, sent);
		else
			byte_queue_drop(&dial->outgoing, sent);
	} while (sent > 0);
}

static bool has_outgoing(struct carrier_dial *dial) {
	return dial->http2 ? http2_client_outgoing(dial->http2).size > 0
					   : byte_queue_size(&dial->outgoing) > 0;
}

/* Once the last byte of HTTP is with TLS. The owner may free the dial. */
static void carry(struct carrier_dial *dial) {
	flush(dial);
	if (has_outgoing(dial))
		return;
	const struct carrier_setup setup = {
		.host = dial->options.host,
		.ops = dial->options.carrier_ops,
		.context = dial->options.carrier_context,
		.tls = dial->tls,
		.first = byte_queue_view(&dial->raw),
		.peer = dial->options.to,
		.keys = &dial->keys,
		.shaping = dial->options.shaping,
	};
	struct carrier *carrier;
	keep_tickets(dial);
	dial->tls = NULL;
	enum err error = carrier_new(&setup, &carrier);
	if (error) {
		fail(dial, CARRIER_DIAL_FAILED, err_text(error));
		return;
	}
	dial->state = OVER;
	control_timer_stop(dial->patience);
	dial->options.ops->made(dial->options.context, carrier);
}

/* The answer */

static bool accepts(void *context, struct slice value) {
	struct carrier_dial *dial = context;
	return dial->state == ASKED &&
		   dial->options.protocol->finish(dial->options.identity, &dial->pending, value,
										  &dial->keys) == ERR_OK;
}

static void agree(struct carrier_dial *dial, const uint8_t *rest, size_t size) {
	dial->state = AGREED;
	enum err error = byte_queue_append(&dial->raw, rest, size);
	if (error)
		fail(dial, CARRIER_DIAL_FAILED, err_text(error));
	else
		carry(dial);
}

static void received_http2(struct carrier_dial *dial, const uint8_t *data, size_t size) {
	size_t taken = 0, count;
	enum err error = http2_client_receive(dial->http2, data, size, &taken);
	enum http2_client_state state = http2_client_state(dial->http2);
	if (error || state == HTTP2_CLIENT_FAILED) {
		fail(dial, CARRIER_DIAL_FAILED, "speaks no HTTP/2 that a browser understands");
		return;
	}
	if (state == HTTP2_CLIENT_RAW) {
		agree(dial, data + taken, size - taken);
		return;
	}
	flush(dial);
	if (state != HTTP2_CLIENT_ASKED && dial->state == ASKED) {
		const struct http2_field *fields = http2_client_fields(dial->http2, &count);
		decline(dial, http2_field_find(fields, count, "date"));
	}
}

static bool is_accepted_http1(struct carrier_dial *dial, const struct http1_head *head) {
	for (size_t i = 0; i < head->field_count; i++) {
		struct slice value;
		if (http1_text_is(head->fields[i].name, "set-cookie") &&
			http_cookie_find_set(head->fields[i].value, dial->options.cookie, &value) == ERR_OK &&
			accepts(dial, value))
			return true;
	}
	return false;
}

static void received_http1(struct carrier_dial *dial, const uint8_t *data, size_t size) {
	const struct http1_head *head = NULL;
	while (size > 0 && dial->state == ASKED) {
		size_t taken;
		if (http1_reader_head(dial->http1, data, size, &taken, &head)) {
			fail(dial, CARRIER_DIAL_FAILED, "speaks no HTTP/1.1 that a browser understands");
			return;
		}
		data += taken;
		size -= taken;
		if (!head)
			continue;
		if (head->status < 200) { /* another follows (RFC 9110 section 15.2) */
			http1_reader_next(dial->http1);
			continue;
		}
		if (is_accepted_http1(dial, head)) {
			agree(dial, data, size);
		} else {
			const struct slice *date = http1_head_field(head, "date", NULL);
			decline(dial, date ? *date : slice_of(NULL, 0));
		}
		return;
	}
}

/* TLS */

static enum err ask(struct carrier_dial *dial) {
	struct carrier_dial_options *options = &dial->options;
	struct {
		uint8_t exporter[STREAM_EXPORTER_SIZE];
		char text[STREAM_TEXT_SIZE_MAX];
	} s;
	WIPE_ON_EXIT(s);
	struct tls *tls = tls_stream_tls(dial->tls);
	uint64_t wall_now = stream_host_wall_now(options->host) + (uint64_t)options->clock_offset;
	enum err error =
		tls_exporter(tls, options->protocol->exporter_label, s.exporter, sizeof s.exporter)
			?: options->protocol->begin(options->identity, options->server, s.exporter,
										options->host->random, wall_now / CLOCK_MILLISECOND,
										options->shaping != 0, &dial->pending, s.text);
	if (error)
		return error;
	const struct carrier_request request = {
		.name = options->name,
		.port = options->to.port,
		.path = options->path,
		.cookie = options->cookie,
		.value = s.text,
	};
	struct tls_facts facts;
	tls_facts(tls, &facts);
	if (strcmp(facts.protocol, "h2") == 0)
		return carrier_request_http2(&request, accepts, dial, &dial->http2);
	char *text = NULL;
	error = http1_reader_new(HTTP1_RESPONSE, &dial->http1)
				?: carrier_request_http1(&request, &text)
				?: byte_queue_append(&dial->outgoing, text, strlen(text));
	free(text);
	return error;
}

static void tls_is_open(void *context) {
	struct carrier_dial *dial = context;
	enum err error = ask(dial);
	if (error) {
		fail(dial, CARRIER_DIAL_FAILED, err_text(error));
		return;
	}
	dial->state = ASKED;
	flush(dial);
}

/* What comes behind the answer is the carrier's. */
static size_t tls_room(void *context) {
	struct carrier_dial *dial = context;
	return dial->state == AGREED ? 0 : TLS_RECORD_SIZE_MAX;
}

static void tls_received(void *context, uint8_t *data, size_t size) {
	struct carrier_dial *dial = context;
	if (dial->http2)
		received_http2(dial, data, size);
	else
		received_http1(dial, data, size); /* of a page that is not for us, nothing is read */
}

static void tls_finished(void *context, bool cut) {
	fail(context, CARRIER_DIAL_FAILED, "closed before an answer");
}

static void tls_writable(void *context) {
	struct carrier_dial *dial = context;
	if (dial->state == AGREED)
		carry(dial);
	else
		flush(dial);
}

static void tls_failed(void *context, const struct tls_stream_failure *failure) {
	struct carrier_dial *dial = context;
	(void)snprintf(dial->text, sizeof dial->text, "%s%s", failure->number ? "" : "TLS: ",
				   failure->number ? strerror(failure->number) : failure->tls.text);
	fail(dial, CARRIER_DIAL_FAILED, dial->text);
}

static const struct tls_stream_ops tls_ops = {
	.open = tls_is_open,
	.room = tls_room,
	.received = tls_received,
	.finished = tls_finished,
	.writable = tls_writable,
	.failed = tls_failed,
};

/* TCP */

static void dial_made(void *context, int descriptor, const struct endpoint *peer) {
	struct carrier_dial *dial = context;
	struct ticket ticket = {.size = 0};
	if (dial->options.tickets)
		ticket = ticket_jar_take(dial->options.tickets);
	const struct tls_client_target target = {
		.name = dial->options.name,
		.wall_now = stream_host_wall_now(dial->options.host),
		.ticket = slice_of(ticket.bytes, ticket.size),
	};
	struct tls tls = {.ops = NULL};
	enum err error = tls_client_connect(dial->options.tls, &target, &tls);
	ticket_done(&ticket);
	if (error) {
		(void)close(descriptor);
		fail(dial, CARRIER_DIAL_FAILED, err_text(error));
		return;
	}
	const struct tls_stream_options options = {.loop = dial->options.host->loop,
											   .descriptor = descriptor,
											   .unsent_max = CARRIER_UNSENT_MAX,
											   .tls = &tls,
											   .ops = &tls_ops,
											   .context = dial};
	error = tls_stream_new(&options, &dial->tls);
	if (error)
		fail(dial, CARRIER_DIAL_FAILED, err_text(error));
	else
		dial->state = GREETING;
}

static void dial_failed(void *context, int number) {
	struct carrier_dial *dial = context;
	fail(dial, dial_is_unreachable(number) ? CARRIER_DIAL_UNREACHABLE : CARRIER_DIAL_FAILED,
		 strerror(number));
}

static void out_of_patience(void *context) {
	struct carrier_dial *dial = context;
	fail(dial, CARRIER_DIAL_FAILED,
		 dial->state == DIALLING   ? "does not answer"
		 : dial->state == GREETING ? "does not answer to TLS"
								   : "does not answer to a request");
}

static enum err start(struct carrier_dial *dial) {
	const struct carrier_dial_options *options = &dial->options;
	const struct dial_options tcp = {.host = options->host,
									 .endpoints = &options->to,
									 .count = 1,
									 .made = dial_made,
									 .failed = dial_failed,
									 .context = dial};
	return control_timer_new(options->host->loop, out_of_patience, dial, &dial->patience)
			   ?: dial_new(&tcp, &dial->dial);
}

enum err carrier_dial_new(const struct carrier_dial_options *options,
						  struct carrier_dial **out_dial) {
	struct carrier_dial *dial = calloc(1, sizeof *dial);
	if (!dial)
		return ERR_NO_MEMORY;
	dial->options = *options;
	enum err error = start(dial);
	if (error) {
		carrier_dial_free(dial);
		return error;
	}
	control_timer_set(dial->patience, CARRIER_DIAL_SECONDS * CLOCK_SECOND);
	*out_dial = dial;
	return ERR_OK;
}

void carrier_dial_free(struct carrier_dial *dial) {
	if (!dial)
		return;
	hang_up(dial);
	control_timer_free(dial->patience);
	http2_client_free(dial->http2);
	http1_reader_free(dial->http1);
	byte_queue_done(&dial->outgoing);
	byte_queue_done(&dial->raw);
	wipe(dial, sizeof *dial);
	free(dial);
}
