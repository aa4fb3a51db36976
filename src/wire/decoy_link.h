#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "crypto/sizes.h"

/*
 * A stranger's connection between who holds its TLS ("net") and who answers as a web site does
 * ("site"): one SOCK_SEQPACKET pair a connection, one message a datagram: | type 1 | body … |.
 * The site's end closed behind FINISH or CUT: the connection is closed, too, and who still sends is
 * reset; until then the site hears what comes. Closed without it: the connection is reset. Net's
 * end closed: the peer is gone.
 *
 * How a connection becomes a carrier: the site finds a request that could be one, hands what its
 * cookie says as a CANDIDATE, and answers when the VERDICT has come. Admitted, it keeps the entry,
 * answers with the text, says RAW when HTTP is over behind that, and gives every byte that it did
 * not use as BACK, those among them that came before STOP; then it closes its end.
 *
 *     site                                  net
 *      | CANDIDATE ──────────────────────▶   |    judges
 *      | ◀──────── VERDICT: admitted, answer, entry
 *      | DATA (the answer) ──────────────▶   |    to the peer
 *      | ◀────────────── DATA (SETTINGS ACK, and what came behind it)
 *      | RAW ────────────────────────────▶   |    reads no more of the TLS
 *      | BACK … ─────────────────────────▶   |    keeps it in its order
 *      | ◀─────────────────────────────── STOP    nothing comes behind it
 *      | BACK … ─────────────────────────▶   |
 *      | closes ─────────────────────────▶   |    the carrier begins with what came BACK
 */

enum decoy_link_type {
	DECOY_LINK_DATA = 1, /* both ways: plain bytes of the TLS; to net, each is one record */

	/* To the site. */
	DECOY_LINK_END = 16, /* the peer sends no more; what is sent to it may still arrive */
	DECOY_LINK_VERDICT,  /* of the CANDIDATE before */
	DECOY_LINK_STOP,

	/* To net. */
	DECOY_LINK_FINISH = 32, /* close_notify and FIN, behind all DATA */
	DECOY_LINK_ABORT,       /* a reset */
	DECOY_LINK_CANDIDATE,   /* at most one without VERDICT; only the first is judged */
	DECOY_LINK_RAW,         /* after an admitting VERDICT only */
	DECOY_LINK_BACK,        /* after RAW only */
	DECOY_LINK_CUT,         /* FIN alone, behind all DATA */
};

enum decoy_link_end { DECOY_LINK_SITE, DECOY_LINK_NET };

enum {
	DECOY_LINK_DATA_MAX = 16384, /* bytes of DATA and BACK, at least one */
	DECOY_LINK_TEXT_MAX = 2047,  /* of a CANDIDATE, maybe none; longer ones are none */
	DECOY_LINK_RANDOM_SIZE = 16,
	DECOY_LINK_ENTRY_SIZE = X25519_KEY_SIZE + 8 + DECOY_LINK_RANDOM_SIZE,
	DECOY_LINK_MESSAGE_MAX = 1 + DECOY_LINK_DATA_MAX,
	DECOY_LINK_BACK_TOTAL = 1 << 20, /* bytes that come BACK: what two sockets' buffers hold */
};

/* What has to be kept before the answer leaves, so that nobody is let in twice by it. */
struct decoy_link_entry {
	uint8_t client[X25519_KEY_SIZE];
	uint64_t timestamp; /* ms since the Unix epoch */
	uint8_t random[DECOY_LINK_RANDOM_SIZE];
};

/* | client 32 | timestamp 8 | random 16 |, also by itself. ERR_TRUNCATED, ERR_TRAILING. */
void decoy_link_encode_entry(const struct decoy_link_entry *entry,
							 uint8_t out_data[static DECOY_LINK_ENTRY_SIZE]);
enum err decoy_link_decode_entry(struct slice data, struct decoy_link_entry *out_entry);

struct decoy_link_message {
	enum decoy_link_type type;
	/* Of DATA, BACK and CANDIDATE, and an admitting VERDICT's answer (1 … DECOY_LINK_TEXT_MAX). */
	struct slice bytes;
	bool admitted;
	struct decoy_link_entry entry; /* if admitted; otherwise zeros */
};

/* ERR_INVALID for what is no message of that type; ERR_LIMIT: room is too small. */
enum err decoy_link_encode(const struct decoy_link_message *message, uint8_t *out_data, size_t room,
						   size_t *out_size);
/* What came for that end; bytes are a view. ERR_MALFORMED, ERR_TRUNCATED, ERR_TRAILING. */
enum err decoy_link_decode(enum decoy_link_end to, const uint8_t *data, size_t size,
						   struct decoy_link_message *out_message);
