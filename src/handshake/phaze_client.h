#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "base/slice.h"
#include "handshake/phaze_parties.h"
#include "wire/parameters.h"

/*
 * The client's end of Phaze's handshake, pure: packets and the time in, packets and the next
 * deadline out.
 *
 *   GREETING   ClientHello is repeated; Retries are followed, ServerHellos are candidates
 *      |   \
 *      |    ServerAccept of a candidate that took the ticket -------------------.
 *      | ServerAuth that verifies                                               v
 *   SHOWING    ClientAuth is repeated -- ServerAccept ---------------------> ESTABLISHED
 *      |  \
 *      |   ServerReject --> ENDED
 *      '-- no answer -----> ENDED
 *
 * Nothing of a server is believed before its certificate is verified, or its knowledge of the
 * ticket's PSK shown. Over UDP what is wrong is dropped, and another answer waited for; over TCP it
 * ends the handshake.
 */

enum phaze_client_state {
	PHAZE_CLIENT_GREETING,
	PHAZE_CLIENT_SHOWING,
	PHAZE_CLIENT_ESTABLISHED,
	PHAZE_CLIENT_ENDED,
};

/*        name                          text for the user                                       */
#define PHAZE_END_MAP(X)                                                                    \
	X(PHAZE_END_NONE, "not ended")                                                          \
	X(PHAZE_END_SILENCE, "the server does not answer")                                      \
	X(PHAZE_END_UNTRUSTED, "the server's certificate is not trusted")                       \
	X(PHAZE_END_FORGED, "the server's signature is wrong")                                  \
	X(PHAZE_END_MALFORMED, "the server breaks the rules of the protocol")                   \
	X(PHAZE_END_TICKET, "the server does not take the ticket")                              \
	X(PHAZE_END_NEEDS_PASSWORD, "the server wants a password: umbra login")                 \
	X(PHAZE_END_NEEDS_CERTIFICATE, "the server wants a certificate: auth.certificate_file") \
	X(PHAZE_END_CREDENTIALS, "user name, password or certificate are not accepted")         \
	X(PHAZE_END_BUSY, "the server is busy")                                                 \
	X(PHAZE_END_EXPIRED, "the user's account has expired: its operator can prolong it")     \
	X(PHAZE_END_QUOTA, "the user's quota is used up: its operator can give more")           \
	X(PHAZE_END_DEVICES,                                                                    \
	  "the user is connected with as many devices as are allowed: one has to leave")        \
	X(PHAZE_END_ADDRESS, "the server has no free address: its operator can make room")      \
	X(PHAZE_END_FAILED, "this end failed")

#define PHAZE_END_ENUM(name, text) name,
enum phaze_end { PHAZE_END_MAP(PHAZE_END_ENUM) PHAZE_ENDS };
#undef PHAZE_END_ENUM

/* Never NULL. */
const char *phaze_client_end_text(enum phaze_end end);

struct phaze_client_options {
	uint32_t session_id;    /* ours, never 0 */
	bool reliable;          /* over TCP: no Retry, no repeats */
	bool aes;               /* this processor has instructions for it */
	const uint8_t *ciphers; /* enum phaze_cipher */
	size_t cipher_count;
	struct slice name, password;       /* empty: none; copied */
	const struct phaze_ticket *ticket; /* NULL: none; copied */
	bool ticket_alone; /* where it is not taken nothing else is shown: PHAZE_END_TICKET */
	const struct phaze_identity *identity; /* this and random outlive the client */
	const struct random_source *random;
};

struct phaze_client;

/*
 * Its first packet is to be sent at once. ERR_INVALID for no session id, for ciphers that are none,
 * unknown or twice there, and for a name or password that cannot be sent.
 */
enum err phaze_client_new(const struct phaze_client_options *options, uint64_t now,
						  struct phaze_client **out_client);
/* Wipes it. NULL is fine. */
void phaze_client_free(struct phaze_client *client);

/* The next packet to be sent; false: none for now. Valid until the next call with this client. */
bool phaze_client_send(struct phaze_client *client, struct slice *out_packet);

/*
 * Takes a datagram, or a packet of the stream. What is returned is for tests and the log: ERR_OK
 * and ERR_AGAIN where it was of use, anything else where it was dropped. ERR_UNSUPPORTED: it is no
 * packet of a handshake, but of traffic, which may overtake the ServerAccept.
 */
enum err phaze_client_receive(struct phaze_client *client, uint64_t now, const uint8_t *data,
							  size_t size);

/* When phaze_client_expire() is to be called; CLOCK_NEVER once it is over. */
uint64_t phaze_client_deadline(const struct phaze_client *client);
void phaze_client_expire(struct phaze_client *client, uint64_t now);

enum phaze_client_state phaze_client_state(const struct phaze_client *client);
/* Of one that ended; *out_cause, which may be NULL: what the identity's verify() said, or ERR_OK.
 */
enum phaze_end phaze_client_end(const struct phaze_client *client, enum err *out_cause);

/* Of one that is established; the client's until it is freed. */
const struct phaze_established *phaze_client_established(const struct phaze_client *client);
const struct parameters *phaze_client_parameters(const struct phaze_client *client);
