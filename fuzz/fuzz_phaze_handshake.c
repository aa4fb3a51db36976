/*
 * A client and a server of Phaze with somebody between them who follows a script: he delivers what
 * they said, once or often, changed or not, in any order, makes packets of his own, and lets time
 * pass. In some scripts he is the other end: then he has its handshake key, and says what he likes.
 *
 * Without a key nothing but the genuine handshake comes to an end, and both have the same keys
 * then; with it nothing is taken that is not whole. Nobody is checked twice, and nobody who has
 * shown nothing is sent more than he sent.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void expect(bool condition) {
	if (!condition)
		abort();
}

#define assert_true(condition) expect(condition)
#define assert_int_equal(left, right) expect((left) == (right))

#include "handshake/phaze_desk_flow.h"
#include "handshake/phaze_flight.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum operation {
	TAKE_FROM_CLIENT, /* what an end has to send joins what was heard */
	TAKE_FROM_SERVER,
	TO_CLIENT, /* number: something heard */
	TO_SERVER,
	ALL_TO_CLIENT, /* all heard since the last time */
	ALL_TO_SERVER,
	CHANGED_TO_CLIENT, /* number, offset 2, mask: and so changed */
	CHANGED_TO_SERVER,
	RAW_TO_CLIENT, /* size 2, bytes */
	RAW_TO_SERVER,
	KEYED_TO_CLIENT, /* message, size 2, bytes of a body: sealed as the server would */
	KEYED_TO_SERVER, /* and as the client would */
	PASS_TIME,       /* so many quarters of a second */
	VERDICT,         /* reason; 0: accepted */
	OPERATIONS,
};

enum { HEARD_MAX = 64, STEPS_MAX = 200 };

struct script {
	const uint8_t *at, *end;
};

static uint8_t next(struct script *script) {
	return script->at < script->end ? *script->at++ : 0;
}

static size_t next_size(struct script *script) {
	const size_t high = next(script);
	return high << 8 | next(script);
}

static struct slice next_bytes(struct script *script) {
	const size_t wanted = next_size(script), left = (size_t)(script->end - script->at);
	const struct slice bytes = slice_of(script->at, wanted < left ? wanted : left);
	script->at += bytes.size;
	return bytes;
}

static struct {
	struct desk desk;
	struct {
		size_t size;
		uint8_t bytes[PHAZE_CLIENT_HELLO_SIZE];
	} heard[HEARD_MAX];
	size_t count, delivered[2];
	size_t to_server, from_server; /* bytes, until something was shown */
	bool keyed, shown;
} fixed;

static void hear(struct slice packet) {
	if (fixed.count == HEARD_MAX)
		return;
	fixed.heard[fixed.count].size = packet.size;
	memcpy(fixed.heard[fixed.count++].bytes, packet.data, packet.size);
}

static void take(bool from_server) {
	struct desk *desk = &fixed.desk;
	struct slice packet;
	if (!from_server) {
		while (phaze_client_send(desk->client, &packet))
			hear(packet);
		return;
	}
	while (desk->server && phaze_server_send(desk->server, &packet)) {
		fixed.from_server += packet.size;
		expect(fixed.shown || fixed.from_server <= fixed.to_server);
		hear(packet);
	}
}

static void give_client(const uint8_t *data, size_t size) {
	struct desk *desk = &fixed.desk;
	(void)phaze_client_receive(desk->client, desk->now, data, size);
}

static void give_server(const uint8_t *data, size_t size) {
	struct desk *desk = &fixed.desk;
	struct phaze_client_hello hello;
	const bool is_hello = phaze_hello_decode_client(data, size, &hello) == ERR_OK;
	fixed.to_server += size;
	if (!desk->server) {
		const enum err error = desk_open(desk, data, size);
		expect((error == ERR_OK) == (desk->server != NULL));
		expect(!desk->server || is_hello);
		if (error == ERR_COOKIE_REQUIRED) {
			fixed.from_server += sizeof desk->retry;
			hear(slice_of(desk->retry, sizeof desk->retry));
		}
		if (desk->server && hello.has_cookie &&
			memcmp(hello.cookie, desk->v->cookie, sizeof hello.cookie) == 0)
			fixed.shown = true; /* it was one of ours */
		return;
	}
	const enum phaze_server_state before = phaze_server_state(desk->server);
	const enum err error = phaze_server_receive(desk->server, desk->now, &desk->from, data, size);
	if (error == ERR_OK || error == ERR_AGAIN || phaze_server_state(desk->server) != before ||
		(error == ERR_EXISTS && !is_hello))
		fixed.shown = true; /* something opened */
}

static void give(bool to_server, const uint8_t *data, size_t size) {
	/* From memory of just that size, so that a step beyond it is found. */
	uint8_t *copy = malloc(size > 0 ? size : 1);
	expect(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	if (to_server)
		give_server(copy, size);
	else
		give_client(copy, size);
	free(copy);
}

static void give_heard(bool to_server, struct script *script, bool changed) {
	static uint8_t bytes[PHAZE_CLIENT_HELLO_SIZE];
	const size_t number = next(script), offset = changed ? next_size(script) : 0;
	const uint8_t mask = changed ? next(script) : 0;
	if (fixed.count == 0)
		return;
	const size_t size = fixed.heard[number % fixed.count].size;
	memcpy(bytes, fixed.heard[number % fixed.count].bytes, size);
	bytes[offset % size] ^= mask;
	give(to_server, bytes, size);
}

static void give_all(bool to_server) {
	for (size_t i = fixed.delivered[to_server]; i < fixed.count; i++)
		give(to_server, fixed.heard[i].bytes, fixed.heard[i].size);
	fixed.delivered[to_server] = fixed.count;
}

/* With the key that an end has if both had said what the vector has. */
static void give_keyed(bool to_server, struct script *script) {
	const struct phaze_vector *v = fixed.desk.v;
	struct phaze_flight flight = {0};
	struct phaze_sealer sealer = {
		.algorithm = v->cipher == PHAZE_AES_256_GCM ? AEAD_AES_256_GCM : AEAD_CHACHA20_POLY1305,
		.receiver = to_server ? v->server_id : v->client_id,
		.sequence = 100,
	};
	struct slice packet;
	memcpy(sealer.key, to_server ? v->client_hs : v->server_hs, sizeof sealer.key);
	const enum phaze_message type = PHAZE_SERVER_AUTH + next(script) % 4;
	const struct slice body = next_bytes(script);
	fixed.keyed = true;
	if (phaze_flight_seal(&flight, &sealer, &fixed.desk.random[1], type, body))
		return;
	while (phaze_flight_peek(&flight, &packet)) {
		give(to_server, packet.data, packet.size);
		phaze_flight_skip(&flight, packet.size);
	}
	phaze_flight_done(&flight);
}

static void pass_time(struct script *script) {
	struct desk *desk = &fixed.desk;
	desk->now += (uint64_t)next(script) * CLOCK_SECOND / 4;
	if (phaze_client_deadline(desk->client) <= desk->now)
		phaze_client_expire(desk->client, desk->now);
	if (desk->server && phaze_server_deadline(desk->server) <= desk->now)
		phaze_server_expire(desk->server, desk->now);
}

static void decide(struct script *script) {
	struct desk *desk = &fixed.desk;
	desk->verdict.reject = next(script) % (PHAZE_REJECT_ADDRESS + 1);
	if (desk->server)
		(void)phaze_server_verdict(desk->server, desk->now, &desk->verdict);
}

static void step(struct script *script) {
	const enum operation operation = next(script) % OPERATIONS;
	const bool to_server = operation % 2 == 1;
	struct slice raw;
	switch (operation) {
	case TAKE_FROM_CLIENT:
	case TAKE_FROM_SERVER:
		take(to_server);
		break;
	case TO_CLIENT:
	case TO_SERVER:
	case CHANGED_TO_CLIENT:
	case CHANGED_TO_SERVER:
		give_heard(to_server, script, operation >= CHANGED_TO_CLIENT);
		break;
	case ALL_TO_CLIENT:
	case ALL_TO_SERVER:
		give_all(to_server);
		break;
	case RAW_TO_CLIENT:
	case RAW_TO_SERVER:
		raw = next_bytes(script);
		give(to_server, raw.data, raw.size);
		break;
	case KEYED_TO_CLIENT:
	case KEYED_TO_SERVER:
		give_keyed(to_server, script);
		break;
	case PASS_TIME:
		pass_time(script);
		break;
	default:
		decide(script);
	}
}

static void judge(const struct desk *desk) {
	const struct phaze_established *client = phaze_client_established(desk->client);
	const struct phaze_established *server =
		desk->server ? phaze_server_established(desk->server) : NULL;
	expect(desk->checks <= 1);
	expect((phaze_client_state(desk->client) == PHAZE_CLIENT_ESTABLISHED) == (client != NULL));
	if (client) {
		expect(!wipe_is_zero(&client->keys, sizeof client->keys));
		expect(phaze_client_parameters(desk->client) != NULL);
	}
	if (fixed.keyed)
		return;
	expect(!client || desk->server);
	expect(!server || server->resumed || desk->checks == 1);
	if (client && server) {
		expect(memcmp(&client->keys, &server->keys, sizeof client->keys) == 0);
		expect(client->algorithm == server->algorithm && client->resumed == server->resumed);
	}
	if (phaze_client_state(desk->client) == PHAZE_CLIENT_ENDED) {
		const enum phaze_end end = phaze_client_end(desk->client, NULL);
		expect(desk->options.reliable || end == PHAZE_END_SILENCE ||
			   (end >= PHAZE_END_CREDENTIALS && end <= PHAZE_END_ADDRESS));
	}
}

/* Input: which vector, flags, then the script. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct desk *desk = &fixed.desk;
	if (size < 3)
		return 0;
	memset(&fixed, 0, sizeof fixed);
	desk_init(desk, data[0] % DESK_VECTORS);
	desk->options.reliable = desk->input.reliable = data[1] & 1;
	desk->input.loaded = data[1] & 2;
	desk->answer_at_once = data[1] & 4;
	fixed.shown = desk->input.reliable;
	struct script script = {data + 2, data + size};
	desk_start(desk);
	for (size_t i = 0; i < STEPS_MAX && script.at < script.end; i++) {
		step(&script);
		judge(desk);
	}
	desk_done(desk);
	return 0;
}
