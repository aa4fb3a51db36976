#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "base/slice.h"
#include "crypto/sizes.h"
#include "session/allowed.h"
#include "session/seen.h"

/*
 * What a protocol that carries streams brings: how two ends agree on keys by two texts, each of
 * which a carrier shows as the value of a cookie. Pure: clocks and randomness are handed in. What
 * comes behind it (src/stream) is the same for all of them.
 */

enum {
	STREAM_TEXT_SIZE_MAX = 2048, /* of either text, with its NUL */
	STREAM_EXPORTER_SIZE = 32,
	STREAM_PENDING_SIZE = 512,
};

/* The result. Wiped by its owner. */
struct stream_keys {
	bool initiator;
	uint8_t send[AEAD_KEY_SIZE], receive[AEAD_KEY_SIZE];
	uint8_t hash[HASH_SIZE]; /* the handshake's: see stream/cipher.h */
};

struct stream_identity; /* the protocol's: this end's static key, prepared */

/* A client between the two texts. Wiped by its owner. */
struct stream_pending {
	_Alignas(16) uint8_t bytes[STREAM_PENDING_SIZE];
};

struct stream_judge {
	const struct stream_identity *identity;
	const struct allowed *allowed;
	struct seen *seen;
	const struct random_source *random;
};

struct stream_admitted {
	const struct allowed_client *client; /* in the judge's list; NULL: refused */
	struct stream_keys keys;
	struct seen_entry entry; /* to be kept over a restart, before the answer leaves */
	char answer[STREAM_TEXT_SIZE_MAX];
	const char *verdict; /* static, for the operator alone */
};

struct stream_protocol {
	const char *name;           /* "…", as configurations write it */
	const char *exporter_label; /* of the TLS that carries it */

	enum err (*identity_new)(const uint8_t private_key[static X25519_KEY_SIZE],
							 struct stream_identity **out_identity);
	void (*identity_free)(struct stream_identity *identity); /* wipes; NULL-safe */

	/* A client's first text. wall_now in ms since the Unix epoch, by the server's clock. */
	enum err (*begin)(const struct stream_identity *identity,
					  const uint8_t server[static X25519_KEY_SIZE],
					  const uint8_t exporter[static STREAM_EXPORTER_SIZE],
					  const struct random_source *random, uint64_t wall_now, bool padding,
					  struct stream_pending *out_pending,
					  char out_text[static STREAM_TEXT_SIZE_MAX]);
	/* Its answer. ERR_AUTHENTICATION for whatever is wrong with it; pending stays as it is. */
	enum err (*finish)(const struct stream_identity *identity, const struct stream_pending *pending,
					   struct slice text, struct stream_keys *out_keys);

	/*
	 * A server judges any text, empty ones too. exporter is NULL where there is none: then nobody
	 * is admitted, at the same cost. ERR_AUTHENTICATION: refused; every other error is this end's
	 * own failure and must look the same to who asked. After any error only client (NULL) and
	 * verdict are set.
	 */
	enum err (*admit)(const struct stream_judge *judge, const uint8_t *exporter, uint64_t wall_now,
					  struct slice text, bool padding, struct stream_admitted *out_admitted);
};

/* NULL when there is none of the name. */
const struct stream_protocol *stream_protocol_find(const char *name);
