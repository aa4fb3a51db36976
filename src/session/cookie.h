#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/random.h"
#include "base/slice.h"
#include "crypto/sizes.h"

/*
 * MACs and cookies against floods of handshakes (whitepaper section 5.4.7): every handshake message
 * ends in mac1 (proves knowledge of the receiver's public key) and mac2 (proves, under load, that
 * the sender receives at its address). The message families and labels are the caller's.
 */

enum {
	COOKIE_LABEL_SIZE = 8,
	COOKIE_SIZE = 16,
	COOKIE_MAC_SIZE = BLAKE2S_MAC_SIZE,
	COOKIE_MACS_SIZE = 2 * COOKIE_MAC_SIZE, /* the end of every message */
	COOKIE_SEALED_SIZE = COOKIE_SIZE + AEAD_TAG_SIZE,
	COOKIE_NONCES = 32, /* drawn at a time */
};

#define COOKIE_SECRET_AGE (UINT64_C(120) * 1000000000) /* a secret serves so long, in ns */
#define COOKIE_LATENCY (UINT64_C(5) * 1000000000) /* less of a cookie's age, for its way back */

/*
 * Keys derived from one public key: HASH(label ‖ public key). ERR_INVALID when a label is not
 * COOKIE_LABEL_SIZE characters long.
 */
struct cookie_keys {
	uint8_t mac1[HASH_SIZE];
	uint8_t cookie[HASH_SIZE]; /* seals cookies */
};
enum err cookie_keys_init(struct cookie_keys *keys, const char *mac1_label,
						  const char *cookie_label,
						  const uint8_t public_key[static X25519_KEY_SIZE]);

/*
 * The receiving end: one a thread. It answers floods, so it prepares what every answer needs, and
 * draws nonces in batches.
 */
struct prepared_mac;
struct prepared_xseal;
struct cookie_checker {
	struct cookie_keys keys;
	uint8_t secret[HASH_SIZE];
	uint64_t secret_born; /* 0: none yet */
	struct prepared_mac *mac1, *cookie, *mac2;
	bool mac1_keyed, cookie_keyed; /* it has the present key, the present secret */
	struct prepared_xseal *xseal;
	size_t nonce_count; /* left of: */
	uint8_t nonces[COOKIE_NONCES][XAEAD_NONCE_SIZE];
};
enum err cookie_checker_init(struct cookie_checker *checker, const struct cookie_keys *keys);
void cookie_checker_done(struct cookie_checker *checker);
/* Another public key: cookies of before mean nothing any more. */
void cookie_checker_change(struct cookie_checker *checker, const struct cookie_keys *keys);

/* message ends in mac1 ‖ mac2. True when mac1 fits all before it. */
bool cookie_check_mac1(struct cookie_checker *checker, struct slice message);

/* True when mac2 fits the current secret and the sender's address and port. */
bool cookie_check_mac2(struct cookie_checker *checker, struct slice message,
					   const struct endpoint *from, uint64_t now);

/*
 * A cookie for the sender, sealed with associated data mac1 of the message that provoked it.
 * Renews the secret when it is too old. ERR_INVALID when message is too short for its MACs.
 */
enum err cookie_make(struct cookie_checker *checker, struct slice message,
					 const struct endpoint *from, const struct random_source *random, uint64_t now,
					 uint8_t out_nonce[static XAEAD_NONCE_SIZE],
					 uint8_t out_sealed[static COOKIE_SEALED_SIZE]);

/* The sending end: one a peer. */
struct cookie_jar {
	struct cookie_keys keys; /* of the peer's public key */
	bool has_last_mac1;
	uint8_t last_mac1[COOKIE_MAC_SIZE];
	uint8_t cookie[COOKIE_SIZE];
	uint64_t cookie_born; /* 0: none */
};
void cookie_jar_init(struct cookie_jar *jar, const struct cookie_keys *keys);

/*
 * Fills in the last 32 bytes of message: mac1, and mac2 while a cookie is fresh (else zeros).
 * ERR_INVALID when message is too short for them.
 */
enum err cookie_add_macs(struct cookie_jar *jar, uint8_t *message, size_t size, uint64_t now);

/* Whether messages carry a mac2 at present. */
bool cookie_jar_is_fresh(const struct cookie_jar *jar, uint64_t now);

/*
 * Takes a cookie reply, once for each message sent; ERR_AUTHENTICATION, or ERR_NOT_FOUND when no
 * message waits for one. A recorded reply cannot prolong an old cookie's life.
 */
enum err cookie_take(struct cookie_jar *jar, const uint8_t nonce[static XAEAD_NONCE_SIZE],
					 const uint8_t sealed[static COOKIE_SEALED_SIZE], uint64_t now);
