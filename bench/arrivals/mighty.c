#include "bench/arrivals/mighty.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/wipe.h"
#include "crypto/csprng.h"
#include "crypto/hash.h"
#include "handshake/mighty.h"
#include "session/retry_backoff.h"
#include "wire/keepalive.h"

/* Between two attempts to confirm; a real client's pauses become longer after the first. */
#define FINALIZE_INTERVAL (250 * CLOCK_MILLISECOND)

enum { QUEUE = 2 };

struct client {
	struct mighty_client handshake;
	struct mighty_keys keys;
	struct mighty_confirmation confirmation;
	enum arrival_state state;
	bool has_keys; /* a ServerHello came */
	uint16_t last_id;
	uint32_t sequence; /* of the last packet under the keys */
	uint64_t deadline;
	struct retry_backoff backoff;
	size_t queued, taken;
	size_t sizes[QUEUE];
	uint8_t queue[QUEUE][MIGHTY_CLIENT_HELLO_SIZE];
};

static const char *const ways[] = {"handshake", NULL};

static enum err derive(uint32_t number, const char *what, uint8_t out_bytes[static HASH_SIZE]) {
	const struct slice parts[] = {slice_of_text("umbra bench arrival "), slice_of_text(what),
								  slice_of(&number, sizeof number)};
	return hash_digest(HASH_BLAKE2S, parts, sizeof parts / sizeof *parts, out_bytes);
}

static enum err describe(uint32_t number, char out_line[static ARRIVAL_LINE_SIZE]) {
	uint8_t secret[HASH_SIZE];
	WIPE_ON_EXIT(secret);
	enum err error = derive(number, "key", secret);
	if (!error)
		text_key_encode(secret, out_line);
	return error;
}

static enum err init(void *memory, uint32_t number, void *common) {
	static const uint8_t ciphers[] = {MIGHTY_CHACHA20_POLY1305};
	struct client *client = memory;
	uint8_t secret[HASH_SIZE], instance[HASH_SIZE];
	struct mighty_psk psk;
	WIPE_ON_EXIT(secret);
	WIPE_ON_EXIT(psk);
	client->deadline = CLOCK_NEVER;
	return derive(number, "key", secret)
			   ?: derive(number, "instance", instance)
			   ?: mighty_psk_init(&psk, secret)
			   ?: mighty_client_init(&client->handshake, &psk, instance, ciphers, sizeof ciphers);
}

static void done(void *memory) {
	struct client *client = memory;
	mighty_client_done(&client->handshake);
	wipe(client, sizeof *client);
}

/* Place for a datagram; what was not sent yet of before is not sent any more. */
static uint8_t *queue(struct client *client, size_t size) {
	if (client->taken == client->queued)
		client->taken = client->queued = 0;
	if (client->queued == QUEUE)
		client->queued = client->taken = 0;
	client->sizes[client->queued] = size;
	return client->queue[client->queued++];
}

static enum err greet(struct client *client, uint64_t now, uint64_t wall) {
	uint16_t forgotten;
	client->last_id = (uint16_t)(client->last_id % UINT16_MAX + 1);
	client->deadline = now + retry_backoff_next(&client->backoff, &csprng);
	return mighty_client_start(&client->handshake, &csprng, client->last_id,
							   wall / CLOCK_MILLISECOND, queue(client, MIGHTY_CLIENT_HELLO_SIZE),
							   &forgotten);
}

/* Finalize, and a keepalive, which a server answers as well where Finalize was lost. */
static enum err confirm(struct client *client, uint64_t now) {
	const struct keepalive keepalive = {.kind = KEEPALIVE_PLAIN};
	const struct mighty_header header = {
		.type = MIGHTY_KEEPALIVE,
		.session_id = client->keys.remote_id,
		.sequence = ++client->sequence,
		.length = MIGHTY_SEALED_OVERHEAD + KEEPALIVE_SIZE,
	};
	uint8_t nonces[2][AEAD_NONCE_SIZE], plain[KEEPALIVE_SIZE];
	client->deadline = now + FINALIZE_INTERVAL;
	client->queued = client->taken = 0;
	random_fill(&csprng, nonces, sizeof nonces);
	enum err error =
		mighty_finalize_make(&client->confirmation, nonces[0], queue(client, MIGHTY_FINALIZE_SIZE));
	if (error)
		return error;
	uint8_t *datagram = queue(client, MIGHTY_DATA_OVERHEAD + sizeof plain);
	keepalive_encode(&keepalive, plain);
	mighty_encode_sealed(&header, nonces[1], datagram);
	return aead_seal_with(client->keys.algorithm, client->keys.send, nonces[1],
						  slice_of(datagram, MIGHTY_HEADER_SIZE), plain, sizeof plain,
						  datagram + MIGHTY_DATA_FRONT);
}

static enum err begin(void *memory, const char *way, uint64_t now, uint64_t wall) {
	struct client *client = memory;
	if (strcmp(way, ways[0]) != 0)
		return ERR_INVALID;
	mighty_client_forget(&client->handshake);
	client->queued = client->taken = 0;
	client->has_keys = false;
	client->sequence = 0;
	client->backoff = (struct retry_backoff){.attempts = 0};
	client->state = ARRIVAL_UNDER_WAY;
	return greet(client, now, wall);
}

static bool send_next(void *memory, struct slice *out_datagram) {
	struct client *client = memory;
	if (client->taken == client->queued)
		return false;
	*out_datagram = slice_of(client->queue[client->taken], client->sizes[client->taken]);
	client->taken++;
	return true;
}

static void take_response(struct client *client, const uint8_t *data, size_t size, uint64_t now) {
	struct parameters parameters;
	if (client->has_keys)
		return;
	if (mighty_is_cookie_answer(data, size)) {
		uint8_t hello[MIGHTY_CLIENT_HELLO_SIZE];
		if (mighty_client_take_cookie(&client->handshake, data, size, hello) == ERR_OK)
			memcpy(queue(client, sizeof hello), hello, sizeof hello);
		return;
	}
	if (mighty_client_finish(&client->handshake, data, size, &parameters, &client->keys,
							 &client->confirmation) != ERR_OK)
		return;
	client->has_keys = true;
	mighty_client_forget(&client->handshake);
	if (confirm(client, now) != ERR_OK)
		client->state = ARRIVAL_IDLE;
}

/* Anything that opens under the new keys: the server has had what confirms them. */
static void take_sealed(struct client *client, const uint8_t *data, size_t size) {
	uint8_t nonce[AEAD_NONCE_SIZE], plain[MIGHTY_CLIENT_HELLO_SIZE];
	const size_t inside = size - MIGHTY_DATA_OVERHEAD;
	if (!client->has_keys || inside > sizeof plain)
		return;
	mighty_sealed_nonce(data, nonce);
	if (aead_open_with(client->keys.algorithm, client->keys.receive, nonce,
					   slice_of(data, MIGHTY_HEADER_SIZE), data + MIGHTY_DATA_FRONT, inside,
					   plain) != ERR_OK)
		return;
	client->state = ARRIVAL_THERE;
	client->deadline = CLOCK_NEVER;
}

static void receive(void *memory, const uint8_t *data, size_t size, uint64_t now) {
	struct client *client = memory;
	if (client->state != ARRIVAL_UNDER_WAY)
		return;
	switch (mighty_classify(data, size)) {
	case MIGHTY_RESPONSE:
		take_response(client, data, size, now);
		break;
	case MIGHTY_DATA:
	case MIGHTY_KEEPALIVE:
		take_sealed(client, data, size);
		break;
	case MIGHTY_REQUEST:
	case MIGHTY_COMPLETE:
	case MIGHTY_DISCONNECT:
		break;
	}
}

static void expire(void *memory, uint64_t now, uint64_t wall) {
	struct client *client = memory;
	enum err error = client->has_keys ? confirm(client, now) : greet(client, now, wall);
	if (error != ERR_OK)
		client->state = ARRIVAL_IDLE;
}

static uint64_t deadline(const void *memory) {
	const struct client *client = memory;
	return client->state == ARRIVAL_UNDER_WAY ? client->deadline : CLOCK_NEVER;
}

static enum arrival_state state(const void *memory) {
	const struct client *client = memory;
	return client->state;
}

const struct arrival_ops arrival_mighty = {
	.name = "mighty",
	.ways = ways,
	.size = sizeof(struct client),
	.describe = describe,
	.init = init,
	.done = done,
	.begin = begin,
	.send = send_next,
	.receive = receive,
	.expire = expire,
	.deadline = deadline,
	.state = state,
};
