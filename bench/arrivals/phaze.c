#include "bench/arrivals/phaze.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/wipe.h"
#include "crypto/csprng.h"
#include "crypto/ed25519.h"
#include "handshake/phaze_client.h"
#include "proto/phaze_trust.h"

/* Until something came back under the new keys. */
#define CONFIRM_INTERVAL (250 * CLOCK_MILLISECOND)

enum {
	FILE_SIZE_MAX = 16384,
	PATH_SIZE = 512,
	USER_SIZE_MAX = 256,
	CONFIRMATION_SIZE = PHAZE_OVERHEAD + PHAZE_KEEPALIVE_SIZE,
};

struct common {
	struct phaze_trust *trust;
	size_t name_size, password_size;
	char name[USER_SIZE_MAX], password[USER_SIZE_MAX];
};

struct client {
	const struct common *common;
	struct phaze_client *handshake; /* NULL once it is over */
	struct phaze_established session;
	bool has_ticket;
	struct phaze_ticket ticket;
	enum arrival_state state;
	uint32_t session_id, sequence;
	uint64_t deadline; /* of the confirmation, once the handshake is over */
	bool confirms;     /* one is to be sent */
	uint8_t confirmation[CONFIRMATION_SIZE];
};

static const char *const ways[] = {"login", "ticket", NULL};

static uint64_t wall_now(void *context) {
	return clock_wall_now();
}

static uint64_t steady_now(void *context) {
	return clock_now();
}

static const struct engine_clock engine_clock = {.now = steady_now, .wall_now = wall_now};

/* With a NUL behind it. A file that is not there is empty. */
static enum err read_file(const char *folder, const char *name,
						  char out_text[static FILE_SIZE_MAX + 1]) {
	char path[PATH_SIZE];
	out_text[0] = 0;
	if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
		return ERR_LIMIT;
	auto_close int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return ERR_OK;
	ssize_t size = read(file, out_text, FILE_SIZE_MAX + 1);
	if (size < 0 || size > FILE_SIZE_MAX)
		return ERR_LIMIT;
	out_text[size] = 0;
	return ERR_OK;
}

struct texts {
	char authority[FILE_SIZE_MAX + 1], certificate[FILE_SIZE_MAX + 1], key[FILE_SIZE_MAX + 1];
	char user[FILE_SIZE_MAX + 1];
};

static enum err take_user(const char *text, struct common *common) {
	const size_t name_size = strcspn(text, "\n");
	const char *password = text[name_size] ? text + name_size + 1 : "";
	const size_t password_size = strcspn(password, "\n");
	if (name_size > USER_SIZE_MAX || password_size > USER_SIZE_MAX)
		return ERR_LIMIT;
	memcpy(common->name, text, name_size);
	memcpy(common->password, password, password_size);
	common->name_size = name_size;
	common->password_size = password_size;
	return ERR_OK;
}

static enum err take_texts(const struct texts *texts, struct common *common) {
	struct phaze_trust_options options = {
		.is_client = true,
		.authorities = slice_of_text(texts->authority),
		.certificates = slice_of_text(texts->certificate),
		.server_name = PHAZE_SERVER,
		.clock = &engine_clock,
	};
	if (!texts->authority[0])
		return ERR_NOT_FOUND;
	enum err error = texts->certificate[0]
						 ? ed25519_read(slice_of_text(texts->key), options.signing_key)
						 : ERR_OK;
	return error ?: take_user(texts->user, common) ?: phaze_trust_new(&options, &common->trust);
}

static void close_common(void *memory) {
	struct common *common = memory;
	if (!common)
		return;
	phaze_trust_release(common->trust);
	wipe(common, sizeof *common);
	free(common);
}

static enum err open_common(const char *folder, void **out_common) {
	struct texts *texts = calloc(1, sizeof *texts);
	struct common *common = calloc(1, sizeof *common);
	enum err error = texts && common ? ERR_OK : ERR_NO_MEMORY;
	if (!error)
		error = read_file(folder, "ca.pem", texts->authority)
					?: read_file(folder, "client.pem", texts->certificate)
					?: read_file(folder, "client.key", texts->key)
					?: read_file(folder, "user", texts->user) ?: take_texts(texts, common);
	if (texts)
		wipe(texts, sizeof *texts);
	free(texts);
	if (error) {
		close_common(common);
		return error;
	}
	*out_common = common;
	return ERR_OK;
}

/* They are told apart by their tickets and session ids alone. */
static enum err describe(uint32_t number, char out_line[static ARRIVAL_LINE_SIZE]) {
	(void)snprintf(out_line, ARRIVAL_LINE_SIZE, "%u", number);
	return ERR_OK;
}

static enum err init(void *memory, uint32_t number, void *common) {
	struct client *client = memory;
	client->common = common;
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

static enum err begin(void *memory, const char *way, uint64_t now, uint64_t wall) {
	static const uint8_t ciphers[] = {PHAZE_CHACHA20_POLY1305};
	struct client *client = memory;
	const struct common *common = client->common;
	const bool by_ticket = strcmp(way, "ticket") == 0;
	if (by_ticket && !client->has_ticket)
		return ERR_NOT_FOUND;
	const struct phaze_client_options options = {
		.session_id = client->session_id,
		.ciphers = ciphers,
		.cipher_count = sizeof ciphers,
		.name = slice_of(common->name, common->name_size),
		.password = slice_of(common->password, common->password_size),
		.ticket = by_ticket ? &client->ticket : NULL,
		.identity = phaze_trust_identity(common->trust),
		.random = &csprng,
	};
	end_handshake(client);
	client->deadline = CLOCK_NEVER;
	client->confirms = false;
	client->sequence = 0;
	enum err error = phaze_client_new(&options, now, &client->handshake);
	/* It serves once. */
	client->has_ticket = false;
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
	const struct phaze_keepalive keepalive = {.kind = PHAZE_KEEPALIVE_PING};
	const struct phaze_header header = {
		.type = PHAZE_KEEPALIVE,
		.sequence = ++client->sequence,
		.session_id = session->server_id,
		.length = CONFIRMATION_SIZE - PHAZE_HEADER_SIZE,
	};
	uint8_t nonce[AEAD_NONCE_SIZE], plain[PHAZE_KEEPALIVE_SIZE];
	random_fill(&csprng, nonce, sizeof nonce);
	phaze_packet_encode_keepalive(&keepalive, plain);
	phaze_packet_encode_front(&header, nonce, client->confirmation);
	client->deadline = now + CONFIRM_INTERVAL;
	client->confirms = true;
	return aead_seal_with(session->algorithm, session->keys.client, nonce,
						  slice_of(client->confirmation, PHAZE_HEADER_SIZE), plain, sizeof plain,
						  client->confirmation + PHAZE_FRONT);
}

/* What has become of the handshake. */
static void follow(struct client *client, uint64_t now) {
	switch (phaze_client_state(client->handshake)) {
	case PHAZE_CLIENT_GREETING:
	case PHAZE_CLIENT_SHOWING:
		return;
	case PHAZE_CLIENT_ENDED:
		client->state = ARRIVAL_REFUSED;
		end_handshake(client);
		return;
	case PHAZE_CLIENT_ESTABLISHED:
		client->session = *phaze_client_established(client->handshake);
		end_handshake(client);
		if (confirm(client, now) != ERR_OK)
			client->state = ARRIVAL_IDLE;
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
		take_sealed(client, data, size);
		return;
	}
	/* What is of no use is dropped, and another answer waited for. */
	(void)phaze_client_receive(client->handshake, now, data, size);
	follow(client, now);
}

static void expire(void *memory, uint64_t now, uint64_t wall) {
	struct client *client = memory;
	if (client->handshake) {
		phaze_client_expire(client->handshake, now);
		follow(client, now);
	} else if (confirm(client, now) != ERR_OK) {
		client->state = ARRIVAL_IDLE;
	}
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
	.open = open_common,
	.close = close_common,
	.init = init,
	.done = done,
	.begin = begin,
	.send = send_next,
	.receive = receive,
	.expire = expire,
	.deadline = deadline,
	.state = state,
};
