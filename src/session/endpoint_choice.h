#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

/*
 * Which of a server's endpoints a client sends to. Pure, one thread; told once a batch, not once a
 * packet.
 *
 *                attempt() names one after the other           DEAD: reconnect, beginning behind
 *     ┌────────── CONNECTING ◀────────────────────────────────┐ the one that fell silent
 *     │ connected()    ▲ lost()                               │
 *     └──────────▶ CONNECTED ── nothing came for QUESTION ──▶ ASKING ── silence, others answer ──┐
 *                      ▲ ▲        after something was sent    │                                  │
 *                      │ └──── the current one answers ───────┘                                  │
 *                      └─────────────────────────── SWITCHED ◀───────────────────────────────────┘
 *
 * While it asks, all are pinged, three times with a second between: 3 s after what was sent first,
 * the fastest of those that answered meanwhile is taken; where none did, all are dead. Otherwise
 * all are pinged every 10 s ± 20 %, and one that was faster by more than a fifth for 30 s is taken.
 * One endpoint alone is only asked.
 *
 * A ping's answer is believed from where it went to alone: another one may be faster, or dead.
 */

enum {
	ENDPOINT_CHOICE_MAX = 8,
	ENDPOINT_CHOICE_TOKEN_SIZE = 8,
	ENDPOINT_CHOICE_PINGS = 3,     /* that the current one may leave unanswered */
	ENDPOINT_CHOICE_GAIN = 20,     /* percent, exclusive */
	ENDPOINT_CHOICE_JITTER = 20,   /* percent, of the interval, either way */
	ENDPOINT_CHOICE_SMOOTHING = 4, /* a new round trip counts for one in so many */
};

#define ENDPOINT_CHOICE_QUESTION (500 * CLOCK_MILLISECOND)
#define ENDPOINT_CHOICE_REPEAT CLOCK_SECOND
/* From what was sent unanswered to the next endpoint. The last ping has QUESTION of it. */
#define ENDPOINT_CHOICE_PATIENCE (3 * CLOCK_SECOND)
#define ENDPOINT_CHOICE_INTERVAL (10 * CLOCK_SECOND)
#define ENDPOINT_CHOICE_HOLD (30 * CLOCK_SECOND)

struct endpoint_choice_question {
	uint8_t token[ENDPOINT_CHOICE_TOKEN_SIZE];
	uint64_t sent_at; /* ns; CLOCK_NEVER: answered, or none */
};

struct endpoint_choice_entry {
	struct endpoint endpoint;
	uint64_t round_trip;   /* ns, smoothed; 0: not known */
	uint64_t answered_at;  /* ns, when the last pong came; 0: never */
	uint64_t ping_at;      /* CLOCK_NEVER */
	uint64_t better_since; /* CLOCK_NEVER: it is not */
	uint8_t unanswered;    /* pings since the last pong */
	uint8_t last;          /* of questions */
	struct endpoint_choice_question questions[ENDPOINT_CHOICE_PINGS];
};

struct endpoint_choice {
	const struct random_source *random;
	bool connected;
	uint8_t count, current, attempt;
	uint8_t due;           /* a bit for each that is to be pinged now */
	uint8_t asked;         /* pings since asking_since */
	uint64_t asking_since; /* ns; CLOCK_NEVER: nothing waits for an answer */
	uint64_t ask_at;
	struct endpoint_choice_entry entries[ENDPOINT_CHOICE_MAX];
};

enum endpoint_choice_news {
	ENDPOINT_CHOICE_NOTHING,
	ENDPOINT_CHOICE_SWITCHED, /* endpoint_choice_current() is another one, and will be pinged */
	ENDPOINT_CHOICE_DEAD,     /* nobody answers: it is CONNECTING again */
};

struct endpoint_choice_ping {
	struct endpoint to;
	uint8_t token[ENDPOINT_CHOICE_TOKEN_SIZE];
};

/*
 * 1 to ENDPOINT_CHOICE_MAX endpoints, in the order of preference: ERR_INVALID for none, ERR_LIMIT,
 * ERR_EXISTS for one that is there twice. random must outlive it.
 */
enum err endpoint_choice_init(struct endpoint_choice *choice, const struct endpoint *endpoints,
							  size_t count, const struct random_source *random);

/*
 * The list changed, errors as above. What is known of those that stay is kept. SWITCHED where the
 * current one is gone: to the fastest that answers, or the first.
 */
enum err endpoint_choice_change(struct endpoint_choice *choice, const struct endpoint *endpoints,
								size_t count, uint64_t now, enum endpoint_choice_news *out_news);

/* Where the next handshake goes to; each call names the next one. */
const struct endpoint *endpoint_choice_attempt(struct endpoint_choice *choice);

/*
 * A handshake was answered from there: a session begins. A renewal of keys is none of that.
 * ERR_NOT_FOUND where it is not, or no more, of the list: nothing changes.
 */
enum err endpoint_choice_connected(struct endpoint_choice *choice, const struct endpoint *from,
								   uint64_t now);

/* The session ended otherwise: the next attempt is where it was. */
void endpoint_choice_lost(struct endpoint_choice *choice);

/* Of a list that was taken. While CONNECTING it is where the last session was, or the first. */
static inline const struct endpoint *endpoint_choice_current(const struct endpoint_choice *choice) {
	return &choice->entries[choice->current].endpoint;
}

/* Something that will be answered was sent: data, no keepalives and no pings. */
void endpoint_choice_sent(struct endpoint_choice *choice, uint64_t now);

/* Something authentic came. */
void endpoint_choice_received(struct endpoint_choice *choice, const struct endpoint *from);

/* It was a pong: beside endpoint_choice_received(). Whether a ping that went there asked for it. */
bool endpoint_choice_pong(struct endpoint_choice *choice, const struct endpoint *from,
						  const uint8_t token[static ENDPOINT_CHOICE_TOKEN_SIZE], uint64_t now);

/* To be called until it is false, after each of the others: a ping is to be sent. */
bool endpoint_choice_ping(struct endpoint_choice *choice, uint64_t now,
						  struct endpoint_choice_ping *out_ping);

/* The deadline has passed, CLOCK_NEVER where there is none. To be looked at after all others. */
enum endpoint_choice_news endpoint_choice_expired(struct endpoint_choice *choice, uint64_t now);
uint64_t endpoint_choice_deadline(const struct endpoint_choice *choice);
