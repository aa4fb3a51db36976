#pragma once

/* A client and a server of crypto/tls.h, and a carrier between them that is a loop. No cmocka. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/certificate.h"
#include "crypto/tls_client.h"
#include "crypto/tls_server.h"

enum { TLS_PAIR_NOW = 1800000000 }; /* seconds; when the pair's certificate is valid */

static const char *const tls_pair_protocols[] = {"h2", "http/1.1"};
static const char *const tls_pair_names[] = {"vpn.example.org", "*.web.example.org", "192.0.2.1"};

static inline void tls_pair_require(bool holds) {
	if (!holds)
		abort();
}

/* Valid for a year around TLS_PAIR_NOW. */
static inline void tls_pair_certificate(struct certificate_pair *out_pair) {
	const struct certificate_request request = {
		.names = tls_pair_names,
		.name_count = 3,
		.valid_from = TLS_PAIR_NOW - 15768000,
		.valid_until = TLS_PAIR_NOW + 15768000,
	};
	tls_pair_require(!certificate_make(&request, out_pair));
}

static inline struct tls_server *tls_pair_server(const struct certificate_pair *pair) {
	const struct tls_server_options options = {
		.certificates = slice_of_text(pair->certificate),
		.key = slice_of_text(pair->key),
		.protocols = tls_pair_protocols,
		.protocol_count = 2,
	};
	struct tls_server *server;
	const char *fault;
	tls_pair_require(!tls_server_new(&options, &server, &fault));
	return server;
}

/* Trusts the certificate as a root of its own. */
static inline struct tls_client *tls_pair_client(const struct certificate_pair *pair) {
	const struct tls_client_options options = {
		.roots = slice_of_text(pair->certificate),
		.protocols = tls_pair_protocols,
		.protocol_count = 2,
	};
	struct tls_client *client;
	const char *fault;
	tls_pair_require(!tls_client_new(&options, &client, &fault));
	return client;
}

static inline struct tls tls_pair_connect(struct tls_client *client, const char *name,
										  struct slice ticket) {
	const struct tls_client_target target = {
		.name = name, .wall_now = TLS_PAIR_NOW * UINT64_C(1000000000), .ticket = ticket};
	struct tls tls;
	tls_pair_require(!tls_client_connect(client, &target, &tls));
	return tls;
}

/* What arrived as plain bytes at one end. */
struct tls_pair_sink {
	uint8_t *bytes;
	size_t size, room;
};

static inline void tls_pair_collect(struct tls_pair_sink *sink, const uint8_t *bytes, size_t size) {
	if (sink->size + size > sink->room) {
		sink->room = 2 * (sink->size + size);
		sink->bytes = realloc(sink->bytes, sink->room);
		tls_pair_require(sink->bytes != NULL);
	}
	memcpy(sink->bytes + sink->size, bytes, size);
	sink->size += size;
}

/* Gives cipher bytes to an end until it wants no more; what it said last. */
static inline enum err tls_pair_give(struct tls *to, struct slice cipher,
									 struct tls_pair_sink *sink) {
	for (;;) {
		uint8_t plain[3000];
		size_t size = 0;
		enum err error = tls_open(to, &cipher, plain, sizeof plain, &size);
		if (error)
			return error;
		tls_pair_collect(sink, plain, size);
	}
}

/*
 * At most chunk bytes from one end to the other; false when there was nothing to move. Only for
 * ends that do not have so much to send that they take nothing.
 */
static inline bool tls_pair_move(struct tls *from, struct tls *to, size_t chunk,
								 struct tls_pair_sink *sink) {
	struct slice outgoing = tls_outgoing(from);
	if (outgoing.size == 0)
		return false;
	/* Exactly as large as what is given, so that a sanitizer sees the first byte beyond it. */
	size_t size = outgoing.size < chunk ? outgoing.size : chunk;
	uint8_t *bytes = malloc(size);
	tls_pair_require(bytes != NULL);
	memcpy(bytes, outgoing.data, size);
	tls_sent(from, size);
	(void)tls_pair_give(to, slice_of(bytes, size), sink);
	free(bytes);
	return true;
}

/* Both ways until both are silent. */
static inline void tls_pair_pump(struct tls *client, struct tls *server, size_t chunk,
								 struct tls_pair_sink *at_client, struct tls_pair_sink *at_server) {
	bool moved = true;
	while (moved) {
		moved = tls_pair_move(client, server, chunk, at_server);
		moved |= tls_pair_move(server, client, chunk, at_client);
	}
}
