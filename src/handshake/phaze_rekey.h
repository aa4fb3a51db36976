#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "handshake/phaze_keys.h"
#include "handshake/phaze_parties.h"

/*
 * How the keys of a session of Phaze follow one another, at either end, pure: contents of REKEY
 * packets and the time in, contents, keys and the next deadline out. The keys themselves are their
 * owner's, who names them by generation: the handshake's is 0.
 *
 *   client                                            server
 *                                  <-- ask ---------  (its owner sends it: nothing is stored)
 *   phaze_rekey_start()            --- init n+1 --->  phaze_rekey_answer(): n+1 opens, n seals
 *   phaze_rekey_finish()           <-- answer n+1 --
 *     n+1 opens and seals          --- n+1 -------->  phaze_rekey_opened(): n+1 seals
 *   phaze_rekey_opened()           <-- n+1 ---------
 *
 * An old key opens until a packet opened under the new one, and ten seconds more; never are there
 * more than two. The secret of a generation is wiped as soon as the next one follows from it.
 */

#define PHAZE_REKEY_REPEAT_FIRST CLOCK_SECOND
#define PHAZE_OLD_KEY_AGE (10 * CLOCK_SECOND)
/*
 * A client begins no more often, whatever limits it was told, and however often it is asked. No key
 * is near its end by then: that would take 2^30 packets a second.
 */
#define PHAZE_REKEY_APART CLOCK_SECOND
/* A server answers no more often: half of that, as packets that were sent apart may come closer. */
#define PHAZE_REKEY_ANSWERS_APART (PHAZE_REKEY_APART / 2)

/* Of one key, in either direction; the server may say other values for the first two. */
#define PHAZE_REKEY_PACKETS (UINT64_C(1) << 30)
#define PHAZE_REKEY_AGE (120 * CLOCK_SECOND)
#define PHAZE_KEY_PACKETS_MAX (UINT64_C(1) << 31)
#define PHAZE_KEY_AGE_BEYOND (60 * CLOCK_SECOND) /* from when it should have been followed */

struct phaze_rekey_limits {
	uint64_t packets, age; /* age in ns */
};

struct phaze_rekey {
	bool is_client;
	uint32_t newest; /* generation */
	bool has_opened; /* a packet, under the newest */
	bool has_old;    /* the one before still opens */
	uint64_t old_until;
	uint8_t secret[PHAZE_SECRET_SIZE]; /* of the newest: what the next comes of */

	uint64_t next_at; /* the next one may begin, or be answered */
	bool is_asking;   /* client: init is under way */
	uint8_t private_key[X25519_KEY_SIZE];
	uint64_t repeat_at, interval;
	uint8_t init[PHAZE_REKEY_SIZE], answer[PHAZE_REKEY_SIZE]; /* the last ones */
};

/* The keys of a generation, and who receives by which id. Secret: its owner wipes it. */
struct phaze_generation {
	uint32_t number;
	uint32_t client_id, server_id;
	uint8_t client[AEAD_KEY_SIZE], server[AEAD_KEY_SIZE]; /* by who seals */
};

/* secret: R(0), of the handshake. */
void phaze_rekey_init(struct phaze_rekey *rekey, bool is_client,
					  const uint8_t secret[static PHAZE_SECRET_SIZE]);
void phaze_rekey_done(struct phaze_rekey *rekey); /* wipes it */

/*
 * The client's: begins with a session id of its own, which is not in use. The content is sealed
 * under phaze_rekey_sealing(). ERR_EXISTS while one is under way, ERR_AGAIN too soon after the one
 * before, ERR_LIMIT after the last generation.
 */
enum err phaze_rekey_start(struct phaze_rekey *rekey, const struct random_source *random,
						   uint64_t now, uint32_t session_id,
						   uint8_t out_init[static PHAZE_REKEY_SIZE]);

/*
 * The client's: takes an answer that opened under that generation. ERR_NOT_FOUND, and nothing
 * happened, where it answers nothing that is under way. ERR_CRYPTO for a low-order key.
 */
enum err phaze_rekey_finish(struct phaze_rekey *rekey, uint32_t under, const uint8_t *content,
							size_t size, struct phaze_generation *out_generation);

/*
 * The server's: takes an init that opened under that generation, and has a session id for what
 * comes of it. ERR_OK: a new generation. ERR_EXISTS: a repeated init, and the same answer. In both
 * cases the answer is to be sent. ERR_NOT_FOUND, and nothing happened: another generation's.
 * ERR_AGAIN, likewise: it came too soon, and will be repeated.
 */
enum err phaze_rekey_answer(struct phaze_rekey *rekey, const struct random_source *random,
							uint64_t now, uint32_t under, uint32_t session_id,
							const uint8_t *content, size_t size,
							uint8_t out_answer[static PHAZE_REKEY_SIZE],
							struct phaze_generation *out_generation);

/* A packet opened under that generation; whether it is the first under the newest. */
bool phaze_rekey_opened(struct phaze_rekey *rekey, uint64_t now, uint32_t under);

/* What is sealed with now. */
uint32_t phaze_rekey_sealing(const struct phaze_rekey *rekey);
/* Whether packets of that generation are opened still: the newest, and for a time the one before.
 */
bool phaze_rekey_opens(const struct phaze_rekey *rekey, uint64_t now, uint32_t generation);

/* When phaze_rekey_expire() has something to do; CLOCK_NEVER: not as it is. */
uint64_t phaze_rekey_deadline(const struct phaze_rekey *rekey);
/* Whether the client's init is to be sent once more, as it was: out_init is it then. */
bool phaze_rekey_expire(struct phaze_rekey *rekey, uint64_t now,
						uint8_t out_init[static PHAZE_REKEY_SIZE]);

/* Of a key's packets in the direction that has more, and its age in ns. */
bool phaze_rekey_is_due(const struct phaze_rekey_limits *limits, uint64_t packets, uint64_t age);
/* It seals and opens nothing more: the session is dropped. */
bool phaze_rekey_is_dead(const struct phaze_rekey_limits *limits, uint64_t packets, uint64_t age);
