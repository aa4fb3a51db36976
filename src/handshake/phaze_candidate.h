#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "handshake/phaze_assembly.h"
#include "handshake/phaze_flight.h"
#include "handshake/phaze_parties.h"

/*
 * The ServerHellos that a client holds: anybody may have sent one, and the right one is known by
 * what is sealed under the keys that follow from it. Zeroed is empty.
 */

struct phaze_candidate {
	uint32_t order; /* 0: none is here; the higher, the later it came */
	bool doubted;   /* something sealed came that did not open, and nothing that did */
	struct phaze_server_hello hello;
	uint8_t datagram[PHAZE_SERVER_HELLO_SIZE];
	enum aead_algorithm algorithm;
	struct phaze_handshake_keys keys;
	struct phaze_assembly assembly;
};

struct phaze_candidates {
	uint32_t last; /* order of the latest */
	struct phaze_candidate all[PHAZE_CANDIDATES];
};

/* What a client said, and by what it goes on. */
struct phaze_greeting {
	const uint8_t *datagram; /* the ClientHello, PHAZE_CLIENT_HELLO_SIZE */
	const uint8_t *private_key;
	const uint8_t *psk; /* of the ticket in it; NULL: there is none */
};

/*
 * Holds a ServerHello; where there are PHAZE_CANDIDATES, in place of the oldest doubted one, or of
 * the oldest. hello is datagram decoded. ERR_EXISTS: it is here already. ERR_CRYPTO for a low-order
 * key, ERR_MALFORMED for a ticket that was not offered, ERR_UNSUPPORTED for an unknown cipher.
 */
enum err phaze_candidates_add(struct phaze_candidates *candidates,
							  const struct phaze_greeting *greeting,
							  const struct phaze_server_hello *hello,
							  const uint8_t datagram[static PHAZE_SERVER_HELLO_SIZE]);

/*
 * The candidate whose server sealed the packet, and the piece in it. ERR_AUTHENTICATION: nobody's;
 * those of whom nothing opened yet are doubted then. Other errors: *out_candidate's, and wrong.
 */
enum err phaze_candidates_open(struct phaze_candidates *candidates, const uint8_t *packet,
							   size_t size, uint8_t out_plain[static PHAZE_OPENED_SIZE],
							   struct phaze_piece *out_piece,
							   struct phaze_candidate **out_candidate);

/* Wipes one, all, or all others. */
void phaze_candidates_drop(struct phaze_candidate *candidate);
void phaze_candidates_done(struct phaze_candidates *candidates);
void phaze_candidates_keep(struct phaze_candidates *candidates,
						   const struct phaze_candidate *candidate);
