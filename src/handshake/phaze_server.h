#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/random.h"
#include "base/slice.h"
#include "handshake/phaze_parties.h"
#include "wire/parameters.h"

/*
 * The server's end of one of Phaze's handshakes, pure: packets and the time in, packets and the
 * next deadline out. Who a user is, and what he gets, the owner says.
 *
 *   phaze_server_open()  ClientHello: silence, a Retry, or a handshake
 *      |        \
 *      |         its ticket is good: ServerAccept --> RESUMED
 *      v
 *   GREETED   ServerHello, ServerAuth
 *      | ClientAuth: the owner's check()
 *   CHECKING  the user's password, by somebody else, as long as it takes
 *      | phaze_server_verdict()
 *      |-- ServerAccept ----------------------------> ACCEPTED
 *      '-- REFUSING, until the time has come: ServerReject --> REFUSED
 *
 * A flight is made once and stored: repeated messages are answered with the same bytes, and nothing
 * is signed, checked or leased twice. Until a cookie was good or a sealed packet opened, an address
 * is sent no more bytes than came from it.
 */

enum phaze_server_state {
	PHAZE_SERVER_GREETED,
	PHAZE_SERVER_CHECKING,
	PHAZE_SERVER_REFUSING,
	PHAZE_SERVER_REFUSED,
	PHAZE_SERVER_ACCEPTED, /* keys may be used both ways */
	PHAZE_SERVER_RESUMED,  /* to open packets with; to seal after the first that opened */
	PHAZE_SERVER_ENDED,    /* to be freed */
};

struct phaze_server;

/* Who wants in. Views are valid during check() only. */
struct phaze_login {
	struct slice user; /* where there is a certificate, as that says */
	bool by_certificate;
	const struct phaze_chain *chain; /* of the certificate; empty without */
	struct slice password;           /* secret; empty: none is needed */
};

/* How a server is set up, and its owner's part. It outlives every handshake with it. */
struct phaze_server_ops {
	/*
	 * The PSK of a ticket that may be used; false: unknown. Whoever asks has shown nothing yet, and
	 * nothing may come of it.
	 */
	bool (*find_ticket)(void *context, const uint8_t id[static PHAZE_TICKET_ID_SIZE],
						uint8_t out_psk[static PHAZE_SECRET_SIZE]);
	/*
	 * What its user is to be told, with a new ticket or without, after the PSK was shown; false:
	 * not to be used after all. May be asked more than once for a ticket that is used once.
	 */
	bool (*resume)(void *context, const uint8_t id[static PHAZE_TICKET_ID_SIZE],
				   struct parameters *out_parameters);
	/* Takes up the check of a login; phaze_server_verdict() is its answer, now or later. */
	void (*check)(void *context, struct phaze_server *server, const struct phaze_login *login);
	/* Of a source and content: session/source_cookie.h. Over TCP they are not asked. */
	enum err (*make_cookie)(void *context, uint64_t now, const struct endpoint *from,
							struct slice content, uint8_t out_cookie[static PHAZE_COOKIE_SIZE]);
	bool (*check_cookie)(void *context, uint64_t now, const struct endpoint *from,
						 struct slice content, const uint8_t cookie[static PHAZE_COOKIE_SIZE]);
};

struct phaze_server_setup {
	const struct phaze_server_ops *ops;
	void *context;
	const struct phaze_identity *identity; /* with a chain */
	const struct random_source *random;
	uint8_t demands;        /* PHAZE_BY_* */
	bool aes;               /* this processor has instructions for it */
	const uint8_t *ciphers; /* enum phaze_cipher, those allowed */
	size_t cipher_count;
};

struct phaze_server_input {
	const struct endpoint *from;
	const uint8_t *data;
	size_t size;
	uint64_t now;
	bool reliable;       /* over TCP: no cookie, no repeats */
	bool loaded;         /* under load a cookie is wanted of everybody */
	uint32_t session_id; /* ours if a handshake comes of it, never 0 */
};

/*
 * A ClientHello that belongs to no handshake. ERR_OK: a handshake, whose flight is to be sent.
 * ERR_COOKIE_REQUIRED: out_retry is to be sent. Anything else: silence, and nothing happened.
 */
enum err phaze_server_open(const struct phaze_server_setup *setup,
						   const struct phaze_server_input *input,
						   uint8_t out_retry[static PHAZE_RETRY_SIZE],
						   struct phaze_server **out_server);
/* Wipes it. NULL is fine. */
void phaze_server_free(struct phaze_server *server);

/* Whether the packet is the ClientHello of this handshake, from the same source. */
bool phaze_server_is_repeat(const struct phaze_server *server, const struct endpoint *from,
							const uint8_t *data, size_t size);

/*
 * Takes a packet that is_repeat(), or has our session id. What is returned is for tests and the
 * log: ERR_OK and ERR_AGAIN where it was of use, anything else where it was dropped.
 * ERR_UNSUPPORTED: it is traffic. Over TCP what is wrong ends the handshake.
 */
enum err phaze_server_receive(struct phaze_server *server, uint64_t now,
							  const struct endpoint *from, const uint8_t *data, size_t size);

/* The next packet to be sent; false: none for now. Valid until the next call with this server. */
bool phaze_server_send(struct phaze_server *server, struct slice *out_packet);

struct phaze_verdict {
	enum phaze_reject reject;            /* 0: accepted */
	const struct parameters *parameters; /* for who is accepted */
};

/* The answer to check(). ERR_CLOSED: nobody waits for it any more. */
enum err phaze_server_verdict(struct phaze_server *server, uint64_t now,
							  const struct phaze_verdict *verdict);

/* When phaze_server_expire() is to be called. */
uint64_t phaze_server_deadline(const struct phaze_server *server);
void phaze_server_expire(struct phaze_server *server, uint64_t now);

enum phaze_server_state phaze_server_state(const struct phaze_server *server);
uint32_t phaze_server_session_id(const struct phaze_server *server);

/* Of one that is ACCEPTED or RESUMED; the server's until it is freed. NULL otherwise. */
const struct phaze_established *phaze_server_established(const struct phaze_server *server);
/* The ticket that a RESUMED one used: its owner consumes it with the first packet that opens. */
const uint8_t *phaze_server_used_ticket(const struct phaze_server *server);
