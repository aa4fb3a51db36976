#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "crypto/authority.h"
#include "crypto/certificate.h"
#include "crypto/sizes.h"

/*
 * Whether a chain of certificates, as the other end of a handshake sent it, is one to be trusted
 * (RFC 5280): Ed25519 throughout, issued by a configured authority or of a pinned key, in its time,
 * for its purpose and name, not revoked. Pure: the clock is handed in.
 */

enum {
	CHAIN_CERTIFICATES_MAX = 8,
	CHAIN_KEY_SIZE = 32,
	CHAIN_USER_SIZE_MAX = 254, /* with its NUL */
	CHAIN_SERIAL_SIZE_MAX = 20,
	CHAIN_HALF_SIZE = HASH_SIZE / 2, /* of a digest that nobody who gains by it chooses */
};

/*        name               text for a person, behind "the certificate"               */
#define CHAIN_FAULT_MAP(X)                                                    \
	X(CHAIN_GOOD, "is good")                                                  \
	X(CHAIN_MALFORMED, "cannot be read")                                      \
	X(CHAIN_NOT_ED25519, "is not of Ed25519 keys alone")                      \
	X(CHAIN_UNTRUSTED, "was issued by nobody that is trusted here")           \
	X(CHAIN_NOT_PINNED, "has another key than the one that is pinned")        \
	X(CHAIN_EARLY, "is not valid yet: is the clock of either machine wrong?") \
	X(CHAIN_EXPIRED, "has expired")                                           \
	X(CHAIN_REVOKED, "was revoked")                                           \
	X(CHAIN_LIST, "cannot be held against the list of revoked ones: too old") \
	X(CHAIN_WRONG_USE, "was issued for another use")                          \
	X(CHAIN_WRONG_NAME, "is for another name")                                \
	X(CHAIN_NO_USER, "names no user")                                         \
	X(CHAIN_FAILED, "could not be checked: this end failed")

#define CHAIN_FAULT_ENUM(name, text) name,
enum chain_fault { CHAIN_FAULT_MAP(CHAIN_FAULT_ENUM) CHAIN_FAULTS };
#undef CHAIN_FAULT_ENUM

/* Never NULL. */
const char *chain_fault_text(enum chain_fault fault);

/* Whom one trusts: authorities and their lists. Immutable, so that threads may share it. */
struct chain_trust;

/*
 * authorities: PEM, one or several; lists: PEM of their lists of revoked certificates, empty for
 * none. Where there is one, a leaf needs the list of its issuer. ERR_MALFORMED for either
 * text, among others for an authority that is none, or not of Ed25519.
 */
enum err chain_trust_new(struct slice authorities, struct slice lists,
						 struct chain_trust **out_trust);
void chain_trust_free(struct chain_trust *trust); /* NULL is fine */

struct chain_policy {
	const struct chain_trust *trust; /* NULL with a pin: then the pin is all that vouches */
	const uint8_t *pin;              /* CERTIFICATE_PIN_SIZE bytes, of the leaf; NULL: none */
	enum authority_use use;          /* what the leaf must be for */
	const char *name;                /* a server's, as configured; NULL for clients */
	int64_t now;                     /* seconds since 1970 */
};

/* What of a good chain tells later, without it, whether it still is: see chain_recheck(). */
struct chain_mark {
	/* These are zeros where a pin alone vouched. */
	uint8_t anchor[HASH_SIZE];       /* SHA-256 of the certificate that is trusted */
	uint8_t issuer[CHAIN_HALF_SIZE]; /* half of SHA-256 of the leaf's issuer's name */
	uint8_t serial_size;             /* of the leaf */
	uint8_t serial[CHAIN_SERIAL_SIZE_MAX];

	uint8_t pin[CHAIN_HALF_SIZE]; /* half of the leaf's */
	int64_t valid_until; /* the earliest end in the chain, or the leaf's, seconds since 1970 */
};

struct chain_leaf {
	uint8_t key[CHAIN_KEY_SIZE]; /* Ed25519 */
	uint8_t pin[CERTIFICATE_PIN_SIZE];
	char user[CHAIN_USER_SIZE_MAX]; /* a client's: rfc822Name, else common name; "" for servers */
	struct chain_mark mark;
};

/* certificates: DER, the leaf first. Fills in out_leaf only with CHAIN_GOOD. */
enum chain_fault chain_verify(const struct chain_policy *policy, const struct slice *certificates,
							  size_t count, struct chain_leaf *out_leaf);

/*
 * Whether a chain that was good would still be, after trust, pin or time changed: CHAIN_UNTRUSTED,
 * CHAIN_NOT_PINNED, CHAIN_EXPIRED, CHAIN_REVOKED and CHAIN_LIST otherwise. Of what it was for, and
 * of the name, nothing is asked again.
 */
enum chain_fault chain_recheck(const struct chain_policy *policy, const struct chain_mark *mark);

/* The chain that one sends: PEM to DER, in its order, views into *out_bytes, which is on the heap.
 * ERR_MALFORMED, ERR_LIMIT for more than CHAIN_CERTIFICATES_MAX. */
enum err chain_read(struct slice pem, uint8_t **out_bytes,
					struct slice out_certificates[static CHAIN_CERTIFICATES_MAX],
					size_t *out_count);
