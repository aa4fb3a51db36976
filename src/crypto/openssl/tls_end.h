#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "base/byte_queue.h"
#include "base/error.h"
#include "crypto/tls.h"

/*
 * The table of crypto/tls.h over the library's SSL, for both roles; inside of crypto/openssl only.
 * The SSL reads from the slice that the caller of open() has brought and writes into a buffer of
 * the end, so nothing is held back on the way in.
 */

struct tls_end {
	SSL *ssl; /* its application data is this */
	BIO_METHOD *method;
	struct slice incoming; /* while open() runs */

	struct byte_queue outgoing;

	enum tls_state state;
	struct tls_facts facts;
	struct tls_failure failure;
	bool no_memory, closed;
	uint8_t alert_sent, alert_received;
	const char *certificate_fault; /* of the client's check; NULL: ask the library */

	/* A server's ALPN list as it would stand on the wire. */
	uint8_t protocols[TLS_PROTOCOLS_MAX * (1 + TLS_PROTOCOL_SIZE_MAX)];
	size_t protocols_size;

	/* A client's. */
	uint8_t pins[TLS_PINS_MAX][TLS_PIN_SIZE];
	size_t pin_count;
	struct tls_end_ticket {
		uint8_t *bytes;
		size_t size;
	} tickets[TLS_TICKETS_MAX]; /* the oldest first */
	size_t ticket_count;
};

/* A connection of the context; freed by tls_end_free(). */
enum err tls_end_new(SSL_CTX *context, struct tls_end **out_end);
void tls_end_free(struct tls_end *end);

struct tls tls_end_hand_over(struct tls_end *end);

/* To be called when the role is set, so that a client says its first word. */
enum err tls_end_start(struct tls_end *end);

/* Keeps a ticket until it is taken; reads one, NULL when it is damaged. */
void tls_end_keep_ticket(struct tls_end *end, SSL_SESSION *session);
SSL_SESSION *tls_end_read_ticket(struct slice ticket);

/* Names as ALPN has them (RFC 7301 section 3.1). ERR_INVALID. */
enum err tls_end_protocols(const char *const *protocols, size_t count,
						   uint8_t out_list[static TLS_PROTOCOLS_MAX * (1 + TLS_PROTOCOL_SIZE_MAX)],
						   size_t *out_size);
