#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/slice.h"
#include "crypto/sizes.h"
#include "tunnel/carrier.h"

/*
 * A client's way to a carrier: TCP, TLS, a browser's request with the protocol's text in a cookie,
 * and the answer.
 *
 *   DIALLING ──TCP──▶ GREETING ──TLS──▶ ASKED ──text in a cookie──▶ AGREED: a carrier
 *       └─────────────────┴───────────────┤
 *                                          ├──a web site's answer──▶ DECLINED
 *                                          └──anything else, or CARRIER_DIAL_SECONDS──▶ FAILED
 *
 * Who was declined reads the page, and keeps the connection until the server closes it or the dial
 * is freed, as the browser would.
 */

struct carrier_dial;
struct stream_identity;
struct stream_protocol;
struct ticket_jar;
struct tls_client;

enum { CARRIER_DIAL_SECONDS = 15 };

enum carrier_dial_kind {
	CARRIER_DIAL_UNREACHABLE, /* this host has no way there */
	CARRIER_DIAL_FAILED,
	CARRIER_DIAL_DECLINED,
};

struct carrier_dial_failure {
	enum carrier_dial_kind kind;
	const char *why; /* for a person; static, or of the dial */
	/* Of who declined: its clock, less this host's, in ns; to the second. */
	bool is_clock_known;
	int64_t clock_offset;
};

struct carrier_dial_ops {
	/* The carrier is the owner's now. The dial is over; it may be freed inside, here and below. */
	void (*made)(void *context, struct carrier *carrier);
	void (*failed)(void *context, const struct carrier_dial_failure *failure);
};

/* All that is pointed to outlives the dial, and host the carrier, too. */
struct carrier_dial_options {
	const struct stream_host *host;
	const struct stream_protocol *protocol;
	const struct stream_identity *identity;
	uint8_t server[X25519_KEY_SIZE];
	struct endpoint to;
	struct tls_client *tls;
	const char *name; /* the server's, for TLS and the request */
	const char *path, *cookie;
	struct ticket_jar *tickets; /* one is used, and those that come are kept; or NULL */
	int64_t clock_offset;       /* ns: the server's clock, less this host's */
	uint8_t shaping;            /* enum stream_shaping */
	const struct carrier_ops *carrier_ops;
	void *carrier_context;
	const struct carrier_dial_ops *ops;
	void *context;
};

/* No callback is made from inside. ERR_NO_MEMORY, or what the loop says. */
enum err carrier_dial_new(const struct carrier_dial_options *options,
						  struct carrier_dial **out_dial);
void carrier_dial_free(struct carrier_dial *dial); /* NULL-safe */
