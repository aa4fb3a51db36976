#pragma once

#include "base/clock.h"

/*
 * Numbers and times of Phaze's sessions (doc/protocol/phaze.md) that no configuration changes;
 * those of keys are in handshake/phaze_rekey.h, those of handshakes in handshake/phaze_parties.h.
 */

enum {
	PHAZE_PENDING_MAX = 3, /* resumed sessions of a member that wait for their first packet */
	/* Less than that, told by a server, counts as that. */
	PHAZE_TOLD_PACKETS_LEAST = 1000,
	PHAZE_TOLD_SECONDS_LEAST = 10,
	PHAZE_NEWS_DATAGRAMS_MAX = 512, /* of handshakes, that wait for the control thread */
};

/* A resumed session waits so long for its first packet. */
#define PHAZE_PENDING_TIME (15 * CLOCK_SECOND)
/* But makes no room for another one sooner than this. */
#define PHAZE_PENDING_LEAST (2 * CLOCK_SECOND)
/* A member resumes no more often: each time its ticket is stored anew. */
#define PHAZE_RESUME_INTERVAL (1 * CLOCK_SECOND)
/* A freed session id is nobody's for so long. */
#define PHAZE_ID_REST (180 * CLOCK_SECOND)
/*
 * Until a client hears of the server under a new session it says that it is there after so long,
 * then after twice as long each time, for as long as the server waits for that.
 */
#define PHAZE_GREETING_INTERVAL (250 * CLOCK_MILLISECOND)
/* A server repeats that it wants other keys after so long, then after twice as long each time. */
#define PHAZE_ASK_INTERVAL (1 * CLOCK_SECOND)
/* A client's packets that wait for a session are dropped after so long without one. */
#define PHAZE_STAGED_TIME (15 * CLOCK_SECOND)
/*
 * After its host's network changed a client whose session has a connection waits so long for what
 * was under way, then asks the server whether it is there, and waits so long for anything of it.
 */
#define PHAZE_CHANGED_TIME (250 * CLOCK_MILLISECOND)
#define PHAZE_PROOF_TIME (1 * CLOCK_SECOND)
/* That there is no way to a server is told so often. */
#define PHAZE_UNREACHABLE_INTERVAL (1 * CLOCK_SECOND)
