#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/slice.h"
#include "crypto/sizes.h"
#include "proto/stream_protocol.h"

/*
 * Somebody who has connected, until it is known who he is. All are strangers at first, and what a
 * stranger sends and gets goes between his TLS and who serves as a web site does, unread
 * (wire/decoy_link.h). Only who serves says that a request could be more, and when HTTP is over.
 *
 *   HELLO ──TLS is open──▶ STRANGER ──admitted──▶ ADMITTED ──RAW──▶ TAKING ──all came back──▶
 * taken() │                       │                      │                 │
 *     └───────────────────────┴───the site ends it, the peer does, a rule is broken───▶ ended()
 */

/*
 * Whose first byte is none of TLS is served without, as protocol CARRIER_ACCEPT_PLAIN, and never
 * more than a stranger.
 */
#define CARRIER_ACCEPT_PLAIN "plain"

struct carrier_accept;
struct stream_host;
struct tls_server;
struct tls_stream;

enum {
	CARRIER_ACCEPT_HELLO_SECONDS = 30, /* until TLS is open; then the site has its own times */
	CARRIER_ACCEPT_STALL_SECONDS = 60, /* without reading what the site sends */
	CARRIER_ACCEPT_TAKING_SECONDS = 10,
	CARRIER_ACCEPT_CLOSING_SECONDS = 60,      /* for the peer to close, as the kernel would wait */
	CARRIER_ACCEPT_DISMISS_MILLISECONDS = 10, /* for close_notify to go */
};

/* A connection whose peer is known, and which is raw from here on. */
struct carrier_accepted {
	struct tls_stream *tls; /* open; the owner's now */
	struct slice first;     /* what came behind HTTP; only for the call */
	struct endpoint from;
	uint8_t client[X25519_KEY_SIZE];
	const struct stream_keys *keys; /* only for the call */
};

struct carrier_accept_ops {
	/*
	 * Of any text, also an empty one; exporter is NULL where TLS has none. ERR_OK: admitted, else
	 * refused, whatever the error. The caller wipes what it got. Once at most: what the site shows
	 * of later requests is refused unseen.
	 */
	enum err (*judge)(void *context, const uint8_t *exporter, struct slice text,
					  struct stream_admitted *out_admitted);
	/* One of the two is called once, and never from inside carrier_accept_new(); both free it. */
	void (*taken)(void *context, struct carrier_accept *accept,
				  const struct carrier_accepted *accepted);
	void (*ended)(void *context, struct carrier_accept *accept);
};

struct carrier_accept_setup {
	const struct stream_host *host; /* outlives it, as do ops and label */
	const struct carrier_accept_ops *ops;
	void *context;
	int descriptor; /* connected; taken over, also on failure */
	struct endpoint from;
	struct tls_server *server; /* needed for the call alone */
	const char *exporter_label;
};

/* ERR_NO_MEMORY, or what TLS and the loop say. */
enum err carrier_accept_new(const struct carrier_accept_setup *setup,
							struct carrier_accept **out_accept);
/*
 * Since when nothing has come of him (ns), for whoever needs his place; CARRIER_ACCEPT_STAYS: he
 * has been admitted, or was dismissed already.
 */
#define CARRIER_ACCEPT_STAYS UINT64_MAX
uint64_t carrier_accept_silent_since(const struct carrier_accept *accept);
/* Closes as a web server does that is short of places: ended() is said at once or soon. */
void carrier_accept_dismiss(struct carrier_accept *accept);
/* Whether the site was shown, or is. */
bool carrier_accept_is_shown(const struct carrier_accept *accept);

/* Without a word to the peer but a reset. NULL-safe; says nothing to its owner. */
void carrier_accept_free(struct carrier_accept *accept);
