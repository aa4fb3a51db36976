#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "crypto/tls.h"

/*
 * Client ends that look like the library's own: for servers whose network does not look at
 * fingerprints, and for tests. TLS 1.3 only. A server is right when its key is one of those
 * pinned; or, when none is, when its certificate leads to a root and is for the name.
 */

enum { TLS_CLIENT_NAME_SIZE_MAX = 253 };

struct tls_client_options {
	struct slice roots; /* PEM; what is not a certificate there is passed over */
	const uint8_t (*pins)[TLS_PIN_SIZE];
	size_t pin_count; /* up to TLS_PINS_MAX */
	const char *const *protocols;
	size_t protocol_count; /* up to TLS_PROTOCOLS_MAX */
};

struct tls_client;

/* As tls_server_new(). Neither roots nor pins: ERR_INVALID. */
enum err tls_client_new(const struct tls_client_options *options, struct tls_client **out_client,
						const char **out_fault);
/* Connections live on. NULL-safe. */
void tls_client_free(struct tls_client *client);

struct tls_client_target {
	const char *name;    /* for SNI and the certificate; an address is checked, but not sent */
	uint64_t wall_now;   /* nanoseconds since 1970: whether certificates are valid */
	struct slice ticket; /* of an earlier connection to the same name; empty: none */
};

/*
 * The ClientHello is in tls_outgoing(). A ticket that is unreadable, or whose certificate would not
 * pass now, is as if it were not there. ERR_INVALID for a name that is none.
 */
enum err tls_client_connect(struct tls_client *client, const struct tls_client_target *target,
							struct tls *out_tls);
