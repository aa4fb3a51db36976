#pragma once

/*
 * A server for tests of clients: TLS over the loopback interface, a web site over HTTP/2 or
 * HTTP/1.1 of one page, and a carrier for who brings the protocol's text in the cookie "session".
 */

#include "site_visit.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "crypto/x25519.h"
#include "transport/tcp/tcp_acceptor.h"

/* TLS */

static inline void site_open(void *context) {
	struct site_visit *visit = context;
	struct tls_facts facts;
	tls_facts(tls_stream_tls(visit->tls), &facts);
	visit->is_resumed = facts.resumed;
	if (strcmp(facts.protocol, "h2") != 0)
		return;
	const struct http2_server_options options = {.ops = &site_http2_ops, .context = visit};
	assert_int_equal(http2_server_new(&options, &visit->http2), ERR_OK);
	site_flush(visit);
}
static inline size_t site_room(void *context) {
	return TLS_RECORD_SIZE_MAX;
}
static inline void site_received(void *context, uint8_t *data, size_t size) {
	struct site_visit *visit = context;
	if (visit->record_count < 8)
		visit->record_sizes[visit->record_count++] = size;
	if (visit->site->is_half)
		tls_stream_finish(visit->tls);
	else if (visit->http2)
		site_received_http2(visit, data, size);
	else
		site_received_http1(visit, data, size);
}
static inline void site_finished(void *context, bool cut) {
	struct site_visit *visit = context;
	visit->finished++;
	tls_stream_free(visit->tls);
	visit->tls = NULL;
}
static inline void site_writable(void *context) {
}
static inline void site_failed(void *context, const struct tls_stream_failure *failure) {
	site_finished(context, true);
}
static const struct tls_stream_ops site_tls_ops = {.open = site_open,
												   .room = site_room,
												   .received = site_received,
												   .finished = site_finished,
												   .writable = site_writable,
												   .failed = site_failed};

static inline void site_accepted(void *context, int descriptor, const struct endpoint *from) {
	struct site *site = context;
	assert_true(site->visit_count < SITE_VISITS);
	struct site_visit *visit = &site->visits[site->visit_count++];
	struct tls tls;
	*visit = (struct site_visit){.site = site};
	assert_int_equal(tls_server_accept(site->server, &tls), ERR_OK);
	const struct tls_stream_options options = {.loop = site->host->loop,
											   .descriptor = descriptor,
											   .unsent_max = CARRIER_UNSENT_MAX,
											   .tls = &tls,
											   .ops = &site_tls_ops,
											   .context = visit};
	assert_int_equal(tls_stream_new(&options, &visit->tls), ERR_OK);
}

static inline int site_listen(struct endpoint *out_at) {
	int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	assert_int_equal(bind(descriptor, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(descriptor, 16), 0);
	assert_int_equal(getsockname(descriptor, (struct sockaddr *)&at, &size), 0);
	assert_int_equal(address_parse("127.0.0.1", &out_at->address), ERR_OK);
	out_at->port = ntohs(at.sin_port);
	return descriptor;
}

/* client: whose public key is known to it. */
static inline void site_init(struct site *site, const struct stream_host *host,
							 const uint8_t client[static X25519_KEY_SIZE]) {
	*site = (struct site){.host = host, .protocol = stream_protocol_find("phantom")};
	uint8_t key[X25519_KEY_SIZE];
	x25519_generate(&csprng, key);
	assert_int_equal(x25519_public(key, site->public_key), ERR_OK);
	assert_int_equal(site->protocol->identity_new(key, &site->identity), ERR_OK);
	struct allowed_client alice = {.name = "alice"};
	memcpy(alice.public_key, client, X25519_KEY_SIZE);
	assert_int_equal(allowed_new(&alice, 1, &csprng, NULL, &site->allowed), ERR_OK);
	assert_int_equal(seen_new(&csprng, &site->seen), ERR_OK);
	tls_pair_certificate(&site->certificate);
	site->server = tls_pair_server(&site->certificate);
	const struct tcp_acceptor_options options = {.loop = host->loop,
												 .descriptor = site_listen(&site->at),
												 .accepted = site_accepted,
												 .context = site};
	assert_int_equal(tcp_acceptor_new(&options, &site->acceptor), ERR_OK);
}

static inline void site_done(struct site *site) {
	for (size_t i = 0; i < site->visit_count; i++) {
		tls_stream_free(site->visits[i].tls);
		carrier_free(site->visits[i].carrier);
		http2_server_free(site->visits[i].http2);
	}
	tcp_acceptor_free(site->acceptor);
	tls_server_free(site->server);
	site->protocol->identity_free(site->identity);
	allowed_free(site->allowed);
	seen_free(site->seen);
}
