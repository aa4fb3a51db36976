#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "base/slice.h"
#include "handshake/phantom.h"
#include "session/allowed.h"
#include "session/seen.h"
#include "wire/base64url.h"

/*
 * Who is let in: a server's judgement of a cookie that may be message 1 of Phantom's handshake. The
 * client must be allowed, its timestamp within the window, and the handshake not seen before. Pure:
 * the wall clock is handed in, and a carrier carries the texts.
 */

/*        name                            text for the operator: never for who asked    */
#define PHANTOM_VERDICT_MAP(X)                                                     \
	X(PHANTOM_ADMITTED, "admitted")                                                \
	X(PHANTOM_UNREADABLE, "no message of a handshake, or not for this server")     \
	X(PHANTOM_UNKNOWN, "key is not allowed")                                       \
	X(PHANTOM_CLOCK, "timestamp is not within five minutes of the server's clock") \
	X(PHANTOM_REPLAYED, "replayed")                                                \
	X(PHANTOM_TOO_MANY, "too many handshakes of the client, or of all")            \
	X(PHANTOM_FAILED, "this end failed")

#define PHANTOM_VERDICT_ENUM(name, text) name,
enum phantom_verdict { PHANTOM_VERDICT_MAP(PHANTOM_VERDICT_ENUM) PHANTOM_VERDICTS };
#undef PHANTOM_VERDICT_ENUM

/* Never NULL. */
const char *phantom_verdict_text(enum phantom_verdict verdict);

/* What it judges by; all of it is the owner's. */
struct phantom_admission {
	const struct noise_ik_identity *identity;
	const struct allowed *allowed; /* the owner's present list */
	struct seen *seen;
	const struct random_source *random;
};

struct phantom_admitted {
	const struct allowed_client *client; /* in the list of admission: NULL when refused */
	struct phantom_hello hello;
	struct phantom_keys keys;
	struct seen_entry entry; /* to be kept over a restart */
	size_t answer_size;      /* message 2 as text, with a NUL behind it */
	char answer[BASE64URL_TEXT_SIZE(PHANTOM_SECOND_SIZE_MAX) + 1];
};

/*
 * Judges any text. offer is what message 2 is to say; its timestamp is now by our clock, in ms. A
 * refusal is ERR_AUTHENTICATION and takes the same work whatever the reason, which goes to
 * out_verdict (for counters and the log; set in any case), and changes nothing. Other errors mean
 * that this end failed (ERR_INVALID without exporter, ERR_NO_MEMORY, ERR_CRYPTO): to who asked they
 * must look like a refusal. An admitted handshake is remembered in admission's cache; its client
 * has proved nothing before its first frame opens.
 */
enum err phantom_admission_try(const struct phantom_admission *admission,
							   const struct phantom_channel *channel, struct slice text,
							   const struct phantom_offer *offer, enum phantom_verdict *out_verdict,
							   struct phantom_admitted *out_admitted);
