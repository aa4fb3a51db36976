#include "bench/arrivals/phaze.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "bench/arrivals/phaze_users.h"
#include "crypto/csprng.h"
#include "handshake/phaze_client.h"
#include "proto/phaze_trust.h"
#include "session/retry_backoff.h"
#include "wire/keepalive.h"

/* Until something came back under the new keys. */
#define CONFIRM_INTERVAL (250 * CLOCK_MILLISECOND)

enum { CONFIRMATION_SIZE = PHAZE_OVERHEAD + KEEPALIVE_SIZE };

struct client {
	const struct phaze_user *user;
	struct phaze_client *handshake; /* NULL: it is over, or the next one waits */
	struct phaze_established session;
	bool by_ticket, has_ticket;
	struct phaze_ticket ticket;
	enum arrival_state state;
	uint32_t session_id, sequence;
	bool waits; /* for the next handshake */
	struct retry_backoff backoff;
	uint64_t deadline; /* without a handshake: the next one's, or of the confirmation */
	bool confirms;     /* one is to be sent */
	uint8_t confirmation[CONFIRMATION_SIZE];
};

static const char *const ways[] = {"login", "ticket", NULL};

static enum err open_users(const char *folder, void **out_users) {
	struct phaze_users *users;
	enum err error = phaze_users_open(folder, PHAZE_SERVER, &users);
	if (!error)
		*out_users = users;
	return error;
}

static void close_users(void *users) {
	phaze_users_close(users);
}

/* They are told apart by their tickets and session ids alone. */
static enum err describe(uint32_t number, char out_line[static ARRIVAL_LINE_SIZE]) {
	(void)snprintf(out_line, ARRIVAL_LINE_SIZE, "%u", number);
	return ERR_OK;
}

static enum err init(void *memory, uint32_t number, void *common) {
	struct client *client = memory;
	client->user = phaze_users_of(common, number);
	client->session_id = number + 1;
	client->deadline = CLOCK_NEVER;
	return ERR_OK;
}

static void end_handshake(struct client *client) {
	phaze_client_free(client->handshake);
	client->handshake = NULL;
}

static void done(void *memory) {
	struct client *client = memory;
	end_handshake(client);
	wipe(client, sizeof *client);
}

static enum err attempt(struct client *client, uint64_t now) {
	static const uint8_t ciphers[] = {PHAZE_CHACHA20_POLY1305};
	const struct phaze_user *user = client->user;
	const struct phaze_client_options options = {
		.session_id = client->session_id,
		.ciphers = ciphers,
		.cipher_count = sizeof ciphers,
		.name = slice_of_text(user->name),
		.password = slice_of_text(user->password),
		.ticket = client->by_ticket ? &client->ticket : NULL,
		.identity = phaze_trust_identity(user->trust),
		.random = &csprng,
	};
	end_handshake(client);
	client->deadline = CLOCK_NEVER;
	client->waits = client->confirms = false;
	client->sequence = 0;
	return phaze_client_new(&options, now, &client->handshake);
}

static enum err begin(void *memory, const char *way, uint64_t now, uint64_t wall) {
	struct client *client = memory;
	client->by_ticket = strcmp(way, "ticket") == 0;
	if (client->by_ticket && !client->has_ticket)
		return ERR_NOT_FOUND;
	client->backoff = (struct retry_backoff){0};
	enum err error = attempt(client, now);
	if (!error)
		client->state = ARRIVAL_UNDER_WAY;
	return error;
}

static bool send_next(void *memory, struct slice *out_datagram) {
	struct client *client = memory;
	if (client->handshake)
		return phaze_client_send(client->handshake, out_datagram);
	if (!client->confirms)
		return false;
	client->confirms = false;
	*out_datagram = slice_of(client->confirmation, sizeof client->confirmation);
	return true;
}

/* A ping: the server may use its keys once it opened, and answers. */
static enum err confirm(struct client *client, uint64_t now) {
	const struct phaze_established *session = &client->session;
	const struct keepalive keepalive = {.kind = KEEPALIVE_PING};
	const struct phaze_header header = {
		.type = PHAZE_KEEPALIVE,
		.sequence = ++client->sequence,
		.session_id = session->server_id,
		.length = CONFIRMATION_SIZE - PHAZE_HEADER_SIZE,
	};
	uint8_t nonce[AEAD_NONCE_SIZE], plain[KEEPALIVE_SIZE];
	random_fill(&csprng, nonce, sizeof nonce);
	keepalive_encode(&keepalive, plain);
	phaze_packet_encode_front(&header, nonce, client->confirmation);
	client->deadline = now + CONFIRM_INTERVAL;
	client->confirms = true;
	return aead_seal_with(session->algorithm, session->keys.client, nonce,
						  slice_of(client->confirmation, PHAZE_HEADER_SIZE), plain, sizeof plain,
						  client->confirmation + PHAZE_FRONT);
}

static void refused(struct client *client, uint64_t now) {
	const enum phaze_end end = phaze_client_end(client->handshake, NULL);
	end_handshake(client);
	client->waits = end == PHAZE_END_BUSY || end == PHAZE_END_SILENCE;
	if (client->waits)
		client->deadline = now + retry_backoff_next(&client->backoff, &csprng);
	else
		client->state = ARRIVAL_REFUSED;
}

static void established(struct client *client, uint64_t now) {
	client->session = *phaze_client_established(client->handshake);
	client->has_ticket = false; /* it serves once */
	end_handshake(client);
	if (confirm(client, now) != ERR_OK)
		client->state = ARRIVAL_IDLE;
}

/* What has become of the handshake. */
static void follow(struct client *client, uint64_t now) {
	switch (phaze_client_state(client->handshake)) {
	case PHAZE_CLIENT_GREETING:
		return;
	case PHAZE_CLIENT_SHOWING:
		/* A login in the ticket's place is not what is measured. */
		if (!client->by_ticket)
			return;
		client->state = ARRIVAL_REFUSED;
		end_handshake(client);
		return;
	case PHAZE_CLIENT_ENDED:
		refused(client, now);
		return;
	case PHAZE_CLIENT_ESTABLISHED:
		established(client, now);
		return;
	}
}

/* Anything that opens under the new keys. */
static void take_sealed(struct client *client, const uint8_t *data, size_t size) {
	const struct phaze_established *session = &client->session;
	struct phaze_header header;
	uint8_t nonce[AEAD_NONCE_SIZE], plain[PHAZE_CLIENT_HELLO_SIZE];
	if (phaze_packet_decode(data, size, &header) != ERR_OK || header.type == PHAZE_HANDSHAKE ||
		size < PHAZE_OVERHEAD || size - PHAZE_OVERHEAD > sizeof plain)
		return;
	phaze_packet_nonce(data, nonce);
	if (aead_open_with(session->algorithm, session->keys.server, nonce,
					   slice_of(data, PHAZE_HEADER_SIZE), data + PHAZE_FRONT, size - PHAZE_OVERHEAD,
					   plain) != ERR_OK)
		return;
	client->state = ARRIVAL_THERE;
	client->deadline = CLOCK_NEVER;
	client->has_ticket = session->has_ticket;
	client->ticket = session->ticket;
}

static void receive(void *memory, const uint8_t *data, size_t size, uint64_t now) {
	struct client *client = memory;
	if (client->state != ARRIVAL_UNDER_WAY)
		return;
	if (!client->handshake) {
		if (!client->waits)
			take_sealed(client, data, size);
		return;
	}
	/* What is of no use is dropped, and another answer waited for. */
	(void)phaze_client_receive(client->handshake, now, data, size);
	follow(client, now);
}

static void expire(void *memory, uint64_t now, uint64_t wall) {
	struct client *client = memory;
	enum err error = ERR_OK;
	if (client->handshake) {
		phaze_client_expire(client->handshake, now);
		follow(client, now);
	} else if (client->waits) {
		error = attempt(client, now);
	} else {
		error = confirm(client, now);
	}
	if (error)
		client->state = ARRIVAL_IDLE;
}

static uint64_t deadline(const void *memory) {
	const struct client *client = memory;
	return client->handshake ? phaze_client_deadline(client->handshake) : client->deadline;
}

static enum arrival_state state(const void *memory) {
	const struct client *client = memory;
	return client->state;
}

const struct arrival_ops arrival_phaze = {
	.name = "phaze",
	.ways = ways,
	.size = sizeof(struct client),
	.describe = describe,
	.open = open_users,
	.close = close_users,
	.init = init,
	.done = done,
	.begin = begin,
	.send = send_next,
	.receive = receive,
	.expire = expire,
	.deadline = deadline,
	.state = state,
};
