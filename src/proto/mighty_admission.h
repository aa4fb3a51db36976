#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/random.h"
#include "handshake/mighty.h"
#include "session/seen.h"
#include "session/source_cookie.h"
#include "session/time_order.h"

/*
 * Whether a server answers a ClientHello of Mighty's, and with what: its checks, in their order,
 * up to the one that costs a key exchange (mighty_respond()). Pure: the clocks are handed in.
 */

/*        name                        text for the operator: never for who asked          */
#define MIGHTY_VERDICT_MAP(X)                                                        \
	X(MIGHTY_ADMITTED, "admitted")                                                   \
	X(MIGHTY_COOKIE, "time is not within two minutes of the server's clock: cookie") \
	X(MIGHTY_UNREADABLE, "no ClientHello")                                           \
	X(MIGHTY_UNKNOWN, "pre-shared key is not known")                                 \
	X(MIGHTY_FORGED, "not made with the pre-shared key that it names")               \
	X(MIGHTY_REPLAYED, "replayed, or older than the client's last")                  \
	X(MIGHTY_TOO_MANY, "too many handshakes or instances of the pre-shared key")     \
	X(MIGHTY_FAILED, "this end failed")

#define MIGHTY_VERDICT_ENUM(name, text) name,
enum mighty_verdict { MIGHTY_VERDICT_MAP(MIGHTY_VERDICT_ENUM) MIGHTY_VERDICTS };
#undef MIGHTY_VERDICT_ENUM

/* Never NULL. */
const char *mighty_verdict_text(enum mighty_verdict verdict);

/* What it judges by; all of it is the owner's. */
struct mighty_admission {
	/* The PSK of an id, or NULL. */
	const struct mighty_psk *(*find)(void *context, const uint8_t id[static MIGHTY_PSK_ID_SIZE]);
	void *context;
	struct source_cookie *cookies;
	struct time_order *order; /* of hellos without a good cookie; kept over restarts */
	struct seen *seen;        /* of those with one; its time is now below, in ms */
	const struct random_source *random;
};

struct mighty_admission_input {
	const uint8_t *data;
	size_t size;
	const struct endpoint *from;
	uint64_t now;      /* ns, of a clock that does not go back */
	uint64_t wall_now; /* ms since the Unix epoch */
};

struct mighty_admitted {
	const struct mighty_psk *psk;
	struct mighty_client_hello hello; /* authentic, and neither old nor seen before */
};

/*
 * Judges a datagram. MIGHTY_ADMITTED fills in out_admitted. MIGHTY_COOKIE: out_answer, which is
 * smaller than the hello, is to be sent. All else: silence, and nothing has changed but for the
 * cookies' secret.
 */
enum mighty_verdict mighty_admission_judge(const struct mighty_admission *admission,
										   const struct mighty_admission_input *input,
										   struct mighty_admitted *out_admitted,
										   uint8_t out_answer[static MIGHTY_COOKIE_ANSWER_SIZE]);
