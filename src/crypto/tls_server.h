#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "crypto/tls.h"

/*
 * What a server's TLS is like, in one place: everybody who connects meets the same certificate,
 * versions, ciphers and tickets, whatever becomes of the connection later. TLS 1.3, and 1.2 as web
 * servers have it; clients without a protocol of ours in their ALPN are refused, those without
 * ALPN are not. Whatever name a client asks for is taken. Tickets are nginx's in number and length.
 *
 * The time of tickets is the system's, and the randomness too: the library asks by itself.
 */

enum {
	TLS_SERVER_TICKETS = 2,           /* of a handshake */
	TLS_SERVER_TICKET_LIFETIME = 300, /* seconds; nginx's, which it says to everybody */
	TLS_SERVER_CHAIN_MAX = 8,         /* certificates */
};

struct tls_server_options {
	struct slice certificates; /* PEM, the server's own first, then those that lead to the root */
	struct slice key;          /* PEM, without a passphrase */
	const char *const *protocols; /* for ALPN, the best first */
	size_t protocol_count;        /* up to TLS_PROTOCOLS_MAX */
};

struct tls_server;

/*
 * ERR_MALFORMED, ERR_LIMIT, ERR_INVALID, and *out_fault, static text, says what is wrong with the
 * options. Nothing of them is needed afterwards.
 */
enum err tls_server_new(const struct tls_server_options *options, struct tls_server **out_server,
						const char **out_fault);
/* Connections that it accepted live on. NULL-safe. */
void tls_server_free(struct tls_server *server);

/* The end for a client that has connected. Several threads may call it at once. */
enum err tls_server_accept(struct tls_server *server, struct tls *out_tls);
