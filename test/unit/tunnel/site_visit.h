#pragma once

/* What a connection to the server of site.h is told inside TLS. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../crypto/tls_pair.h"
#include "base/clock.h"
#include "crypto/csprng.h"
#include "proto/stream_protocol.h"
#include "stream/mux.h"
#include "transport/http/http2_server.h"
#include "transport/http/http_cookie.h"
#include "transport/tls/tls_stream.h"
#include "tunnel/carrier.h"
#include "tunnel/stream_host.h"

enum { SITE_VISITS = 16 };

struct site;
struct tcp_acceptor;

/* One connection. */
struct site_visit {
	struct site *site;
	struct tls_stream *tls;
	struct carrier *carrier;
	struct http2_server *http2; /* NULL: HTTP/1.1 */
	struct stream_admitted admitted;
	char head[4096]; /* of a request of HTTP/1.1, as it came */
	size_t head_size;
	size_t record_count, record_sizes[8];
	unsigned finished, closed;
	char why[64];    /* its carrier closed */
	bool is_resumed; /* by a ticket */
};

struct site {
	const struct stream_host *host;
	const struct stream_protocol *protocol;
	struct certificate_pair certificate;
	struct tls_server *server;
	struct tcp_acceptor *acceptor;
	struct endpoint at;
	struct stream_identity *identity;
	uint8_t public_key[X25519_KEY_SIZE];
	struct allowed *allowed;
	struct seen *seen;
	struct site_visit visits[SITE_VISITS];
	size_t visit_count;
	/* To be set by the test. */
	const char *date;  /* of the page, or NULL */
	bool is_silent;    /* never answers a request */
	bool is_half;      /* closes behind a request */
	int64_t clock_off; /* ns that its clock is ahead */
	enum stream_error (*opened)(void *context, struct mux_stream *stream,
								const struct target *target);
	void *context;
};

static inline enum stream_error site_opened(void *context, struct mux_stream *stream,
											const struct target *target) {
	struct site_visit *visit = context;
	if (!visit->site->opened)
		return STREAM_ERROR_CONNECT;
	return visit->site->opened(visit->site->context, stream, target);
}
static inline void site_closed(void *context, const char *why) {
	struct site_visit *visit = context;
	visit->closed++;
	(void)snprintf(visit->why, sizeof visit->why, "%s", why);
	carrier_free(visit->carrier);
	visit->carrier = NULL;
}
static const struct carrier_ops site_carrier_ops = {.opened = site_opened, .closed = site_closed};

static inline void site_carry(struct site_visit *visit, const uint8_t *rest, size_t size) {
	const struct carrier_setup setup = {.host = visit->site->host,
										.ops = &site_carrier_ops,
										.context = visit,
										.tls = visit->tls,
										.first = slice_of(rest, size),
										.keys = &visit->admitted.keys};
	visit->tls = NULL;
	assert_int_equal(carrier_new(&setup, &visit->carrier), ERR_OK);
}

static inline bool site_admits(struct site_visit *visit, struct slice cookies) {
	struct site *site = visit->site;
	struct slice text = slice_of(NULL, 0);
	uint8_t exporter[STREAM_EXPORTER_SIZE];
	assert_int_equal(tls_exporter(tls_stream_tls(visit->tls), site->protocol->exporter_label,
								  exporter, sizeof exporter),
					 ERR_OK);
	(void)!http_cookie_find(cookies, "session", &text);
	const struct stream_judge judge = {site->identity, site->allowed, site->seen, &csprng};
	uint64_t now = stream_host_wall_now(site->host) + (uint64_t)site->clock_off;
	return site->protocol->admit(&judge, exporter, now / CLOCK_MILLISECOND, text, false,
								 &visit->admitted) == ERR_OK;
}

/* HTTP/2 */

static inline void site_flush(struct site_visit *visit) {
	struct slice waiting;
	while ((waiting = http2_server_outgoing(visit->http2)).size > 0) {
		size_t sent = tls_stream_send(visit->tls, waiting.data, waiting.size);
		if (sent == 0)
			return; /* the visitor is gone, which site_failed() is told */
		http2_server_sent(visit->http2, sent);
	}
}

static inline void site_request(void *context, uint32_t stream, const struct http2_field *fields,
								size_t count, bool ended, bool too_large) {
	struct site_visit *visit = context;
	char cookie[STREAM_TEXT_SIZE_MAX + 64];
	assert_true(ended && !too_large);
	if (visit->site->is_silent)
		return;
	if (site_admits(visit, http2_field_find(fields, count, "cookie"))) {
		(void)snprintf(cookie, sizeof cookie, "session=%s; Path=/; Secure", visit->admitted.answer);
		const struct http2_field answer[] = {{slice_of_text(":status"), slice_of_text("200")},
											 {slice_of_text("set-cookie"), slice_of_text("a=b")},
											 {slice_of_text("set-cookie"), slice_of_text(cookie)}};
		assert_int_equal(http2_server_take_over(visit->http2, stream, answer, 3), ERR_OK);
		return;
	}
	const char *date = visit->site->date ? visit->site->date : "none";
	const struct http2_field answer[] = {{slice_of_text(":status"), slice_of_text("200")},
										 {slice_of_text("set-cookie"), slice_of_text("session=x")},
										 {slice_of_text("date"), slice_of_text(date)}};
	size_t taken;
	assert_int_equal(http2_server_answer(visit->http2, stream, answer, 3, false), ERR_OK);
	assert_int_equal(
		http2_server_write(visit->http2, stream, (const uint8_t *)"hello", 5, true, &taken),
		ERR_OK);
}
static inline void site_body(void *context, uint32_t stream, const uint8_t *data, size_t size,
							 bool ended) {
	fail();
}
static inline void site_nothing(void *context, uint32_t stream) {
}
static inline void site_stream_closed(void *context, uint32_t stream, uint32_t error) {
}
static const struct http2_server_ops site_http2_ops = {site_request, site_body, site_nothing,
													   site_stream_closed};

static inline void site_received_http2(struct site_visit *visit, uint8_t *data, size_t size) {
	size_t taken = 0;
	assert_int_equal(http2_server_receive(visit->http2, data, size, &taken), ERR_OK);
	site_flush(visit);
	if (http2_server_state(visit->http2) == HTTP2_SERVER_RAW)
		site_carry(visit, data + taken, size - taken);
}

/* HTTP/1.1 */

static inline void site_say(struct site_visit *visit, const char *text) {
	(void)tls_stream_send(visit->tls, (const uint8_t *)text, strlen(text));
}

static inline void site_received_http1(struct site_visit *visit, uint8_t *data, size_t size) {
	char answer[STREAM_TEXT_SIZE_MAX + 128];
	assert_true(visit->head_size + size < sizeof visit->head);
	memcpy(visit->head + visit->head_size, data, size);
	visit->head_size += size;
	const char *cookie = strstr(visit->head, "\r\nCookie: ");
	if (!strstr(visit->head, "\r\n\r\n") || visit->site->is_silent)
		return;
	assert_non_null(cookie);
	cookie += 10;
	if (site_admits(visit, slice_of(cookie, (size_t)(strchr(cookie, '\r') - cookie)))) {
		(void)snprintf(answer, sizeof answer,
					   "HTTP/1.1 103 Early Hints\r\n\r\n"
					   "HTTP/1.1 200 OK\r\nSet-Cookie: session=%s; Secure\r\n\r\n",
					   visit->admitted.answer);
		site_say(visit, answer);
		site_carry(visit, NULL, 0);
		return;
	}
	(void)snprintf(answer, sizeof answer,
				   "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Length: 5\r\n\r\nhello",
				   visit->site->date ? visit->site->date : "none");
	site_say(visit, answer);
}
