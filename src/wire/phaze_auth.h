#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "crypto/sizes.h"

/*
 * The bodies of Phaze's sealed messages by which both ends show who they are, and of a refusal.
 * Decoded texts and certificates are views into the body; passwords are among them.
 */

enum {
	PHAZE_CHAIN_MAX = 8,  /* certificates of a chain */
	PHAZE_NAME_MAX = 255, /* bytes of a user's name */
	PHAZE_PASSWORD_MAX = 1024,
	PHAZE_CLIENT_AUTH_STEP = 256, /* of a ClientAuth's size, which tells less so */

	/* What a server wants, and what a client brings. */
	PHAZE_BY_PASSWORD = 1 << 0,
	PHAZE_BY_CERTIFICATE = 1 << 1,
	PHAZE_BY_BOTH = PHAZE_BY_PASSWORD | PHAZE_BY_CERTIFICATE,

	PHAZE_REJECT_SIZE = 1,
};

/* Certificates in DER, the leaf first; none of them is empty. */
struct phaze_chain {
	size_t count;
	struct slice certificates[PHAZE_CHAIN_MAX];
};

struct phaze_server_auth {
	uint8_t demands; /* PHAZE_BY_*, at least one */
	struct phaze_chain chain;
	uint8_t signature[ED25519_SIGNATURE_SIZE];
};

struct phaze_client_auth {
	uint8_t kinds;     /* PHAZE_BY_*, at least one: what else is here */
	struct slice name; /* 1 byte at least; with a certificate there may be none */
	struct slice password;
	struct phaze_chain chain;
	uint8_t signature[ED25519_SIGNATURE_SIZE];
};

enum phaze_reject {
	PHAZE_REJECT_CREDENTIALS = 1, /* whatever is wrong with them */
	PHAZE_REJECT_BUSY = 2,
	PHAZE_REJECT_EXPIRED = 3, /* this and below: the credentials are right */
	PHAZE_REJECT_QUOTA = 4,
	PHAZE_REJECT_DEVICES = 5,
	PHAZE_REJECT_ADDRESS = 6, /* none is free */
};

/*
 * Decoders take a whole body and all of it: ERR_TRUNCATED, ERR_TRAILING, ERR_MALFORMED.
 * *out_signed is how many bytes stand before the signature; without one it is 0.
 */
enum err phaze_auth_decode_server(const uint8_t *data, size_t size,
								  struct phaze_server_auth *out_auth, size_t *out_signed);
enum err phaze_auth_decode_client(const uint8_t *data, size_t size,
								  struct phaze_client_auth *out_auth, size_t *out_signed);
enum err phaze_auth_decode_reject(const uint8_t *data, size_t size, enum phaze_reject *out_reason);

/* ERR_INVALID for what the decoder would refuse, ERR_LIMIT where room is too small. */
enum err phaze_auth_encode_server(const struct phaze_server_auth *auth, uint8_t *out_data,
								  size_t room, size_t *out_size, size_t *out_signed);
enum err phaze_auth_encode_client(const struct phaze_client_auth *auth, uint8_t *out_data,
								  size_t room, size_t *out_size, size_t *out_signed);
void phaze_auth_encode_reject(enum phaze_reject reason, uint8_t out_data[static PHAZE_REJECT_SIZE]);

/* How large a ServerAuth with that chain is. */
size_t phaze_auth_server_size(const struct phaze_chain *chain);
