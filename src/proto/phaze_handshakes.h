#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/deadline.h"
#include "base/list.h"
#include "handshake/phaze_server.h"
#include "proto/key_table.h"
#include "proto/phaze_control.h"

/*
 * A server's handshakes as phaze_gate.c has them: found by what comes, due in their order, and the
 * one that gives way where there are too many.
 */

enum {
	PHAZE_HANDSHAKES_MAX = 1024,
	PHAZE_HANDSHAKES_ID_SIZE = 4,
};

/* What is lost with a handshake, the least first: those make room for others. */
enum phaze_standing {
	PHAZE_STANDING_HEARD, /* its session began: it is there for what comes twice */
	PHAZE_STANDING_REFUSED,
	PHAZE_STANDING_HALF_OPEN, /* it has shown nothing yet */
	PHAZE_STANDING_ANSWERED,
	PHAZE_STANDING_WAITING, /* for its verdict: it stays */
	PHAZE_STANDINGS,
};

struct phaze_handshake {
	struct list link;    /* the oldest first */
	struct deadline due; /* of the server */
	struct device *device;
	struct phaze_trust *trust; /* of when it began */
	struct phaze_server_setup setup;
	struct phaze_server *server;
	struct phaze_way way;                 /* of the last packet that was of use */
	uint8_t digest[HASH_SIZE];            /* of its ClientHello and where that came from */
	uint8_t id[PHAZE_HANDSHAKES_ID_SIZE]; /* our session id */
	enum phaze_standing standing;         /* as it is counted */
	bool is_heard;                        /* the client, in its session */
	bool is_busy;                         /* it takes a packet: whoever brought that goes on */
	bool loaded;                          /* when it began */
	uint64_t login;                       /* whose verdict it waits for; 0: none */
	uint64_t number;                      /* of its session; 0: there is none yet */
	/* Of whom, as far as it is known: since his ticket was found, or since the verdict. */
	struct phaze_member *member;
	struct phaze_pass pass; /* the new ticket's, and in any case the login's */
	bool has_ticket;        /* a new one */
	bool is_early;          /* its ticket may be used, but not yet */
};

struct phaze_handshakes {
	struct list items;
	struct deadline_heap deadlines;
	struct key_table by_digest, by_id;
	size_t counts[PHAZE_STANDINGS];
};

enum err phaze_handshakes_init(struct phaze_handshakes *handshakes,
							   const struct random_source *random);
/* All were removed. */
void phaze_handshakes_done(struct phaze_handshakes *handshakes);

/* ERR_EXISTS, ERR_LIMIT, ERR_NO_MEMORY. */
enum err phaze_handshakes_add(struct phaze_handshakes *handshakes,
							  struct phaze_handshake *handshake);
void phaze_handshakes_remove(struct phaze_handshakes *handshakes,
							 struct phaze_handshake *handshake);
/* After whatever happened to it: what it counts as, and when it is due. */
void phaze_handshakes_update(struct phaze_handshakes *handshakes,
							 struct phaze_handshake *handshake);

/* The oldest of those with whom the least is lost; NULL: all wait for their verdicts. */
struct phaze_handshake *phaze_handshakes_least(const struct phaze_handshakes *handshakes);
/* One that is due, which is so no more; NULL: there is none. */
struct phaze_handshake *phaze_handshakes_due(struct phaze_handshakes *handshakes, uint64_t now);

/* NULL: there is none. By connection, login and session number: other than 0. */
struct phaze_handshake *phaze_handshakes_of_connection(const struct phaze_handshakes *handshakes,
													   uint64_t connection);
struct phaze_handshake *phaze_handshakes_of_login(const struct phaze_handshakes *handshakes,
												  uint64_t login);
struct phaze_handshake *phaze_handshakes_of_session(const struct phaze_handshakes *handshakes,
													uint64_t number);
