#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/*
 * Both ends over a network that loses, delays, reorders, copies and changes packets, on a virtual
 * clock; somebody on the path adds what he can make.
 */
#include "phaze_desk_flow.h"

enum { IN_FLIGHT = 256, SERVERS = 16 };

struct wire_packet {
	bool used, to_server;
	uint64_t at;
	size_t size;
	uint8_t bytes[PHAZE_CLIENT_HELLO_SIZE];
};

struct network {
	uint32_t seed;
	unsigned loss, change, copy; /* percent */
	bool injects;
	uint32_t last_id;
	struct phaze_server *servers[SERVERS];
	struct wire_packet packets[IN_FLIGHT];
};

static uint32_t draw(struct network *network, uint32_t below) {
	network->seed ^= network->seed << 13;
	network->seed ^= network->seed >> 17;
	network->seed ^= network->seed << 5;
	return network->seed % below;
}

static void put(struct network *network, uint64_t now, bool to_server, struct slice packet) {
	for (size_t i = 0; i < IN_FLIGHT; i++) {
		struct wire_packet *place = &network->packets[i];
		if (place->used)
			continue;
		place->used = true;
		place->to_server = to_server;
		place->at = now + (5 + draw(network, 120)) * CLOCK_MILLISECOND;
		place->size = packet.size;
		memcpy(place->bytes, packet.data, packet.size);
		if (draw(network, 100) < network->change)
			place->bytes[draw(network, (uint32_t)packet.size)] ^= (uint8_t)(1 << draw(network, 8));
		return;
	}
	/* Full: it is lost. */
}

static void transmit(struct network *network, uint64_t now, bool to_server, struct slice packet) {
	if (draw(network, 100) >= network->loss)
		put(network, now, to_server, packet);
	for (unsigned copies = 0; copies < 3 && draw(network, 100) < network->copy; copies++)
		put(network, now + draw(network, 3000) * CLOCK_MILLISECOND, to_server, packet);
	if (!network->injects)
		return;
	/* What one who reads along can send: it back, a Retry, a ServerHello, all with the right ids.
	 */
	uint8_t bytes[PHAZE_SERVER_HELLO_SIZE];
	struct phaze_client_hello hello;
	put(network, now, !to_server, packet);
	if (phaze_hello_decode_client(packet.data, packet.size, &hello) == ERR_OK) {
		struct phaze_retry retry = {.receiver = hello.session_id};
		struct phaze_server_hello answer = {
			.receiver = hello.session_id, .session_id = 9, .key = {9}, .cipher = 1};
		memcpy(retry.random, hello.random, sizeof retry.random);
		retry.cookie[0] = (uint8_t)draw(network, 256);
		answer.random[0] = (uint8_t)draw(network, 256);
		phaze_hello_encode_retry(&retry, bytes);
		if (draw(network, 4) == 0)
			put(network, now, false, slice_of(bytes, PHAZE_RETRY_SIZE));
		phaze_hello_encode_server(&answer, bytes);
		put(network, now, false, slice_of(bytes, PHAZE_SERVER_HELLO_SIZE));
	}
}

/* The server's owner: whom a packet is for, or a handshake of its own. */
static void server_takes(struct desk *desk, const uint8_t *data, size_t size,
						 struct network *network) {
	struct phaze_header header;
	struct phaze_server **place = NULL;
	if (phaze_packet_decode(data, size, &header))
		return;
	for (size_t i = 0; i < SERVERS; i++) {
		struct phaze_server *server = network->servers[i];
		if (!server) {
			place = &network->servers[i];
		} else if (phaze_server_is_repeat(server, &desk->from, data, size) ||
				   phaze_server_session_id(server) == header.session_id) {
			(void)phaze_server_receive(server, desk->now, &desk->from, data, size);
			return;
		}
	}
	if (!place)
		return;
	desk->input.session_id = ++network->last_id;
	const enum err error = desk_open(desk, data, size);
	*place = desk->server;
	desk->server = NULL;
	if (error == ERR_COOKIE_REQUIRED)
		transmit(network, desk->now, false, slice_of(desk->retry, sizeof desk->retry));
}

static void flush(struct desk *desk, struct network *network) {
	struct slice packet;
	while (phaze_client_send(desk->client, &packet))
		transmit(network, desk->now, true, packet);
	for (size_t i = 0; i < SERVERS; i++)
		while (network->servers[i] && phaze_server_send(network->servers[i], &packet))
			transmit(network, desk->now, false, packet);
}

static uint64_t next_event(const struct desk *desk, const struct network *network) {
	uint64_t next = phaze_client_deadline(desk->client);
	for (size_t i = 0; i < SERVERS; i++) {
		const struct phaze_server *server = network->servers[i];
		if (server && phaze_server_deadline(server) < next)
			next = phaze_server_deadline(server);
	}
	for (size_t i = 0; i < IN_FLIGHT; i++) {
		if (network->packets[i].used && network->packets[i].at < next)
			next = network->packets[i].at;
	}
	return next;
}

/* Until the client's handshake is over. */
static void run(struct desk *desk, struct network *network) {
	desk_start(desk);
	for (unsigned turns = 0; phaze_client_state(desk->client) < PHAZE_CLIENT_ESTABLISHED; turns++) {
		assert_true(turns < 10000);
		flush(desk, network);
		desk->now = next_event(desk, network);
		for (size_t i = 0; i < IN_FLIGHT; i++) {
			struct wire_packet *packet = &network->packets[i];
			if (!packet->used || packet->at > desk->now)
				continue;
			packet->used = false;
			if (packet->to_server)
				server_takes(desk, packet->bytes, packet->size, network);
			else
				(void)phaze_client_receive(desk->client, desk->now, packet->bytes, packet->size);
		}
		phaze_client_expire(desk->client, desk->now);
		for (size_t i = 0; i < SERVERS; i++)
			if (network->servers[i])
				phaze_server_expire(network->servers[i], desk->now);
	}
}

static void assert_agreed(const struct desk *desk, const struct network *network) {
	const struct phaze_established *ours = phaze_client_established(desk->client);
	for (size_t i = 0; i < SERVERS; i++) {
		const struct phaze_server *server = network->servers[i];
		if (!server || phaze_server_session_id(server) != ours->server_id ||
			phaze_server_state(server) == PHAZE_SERVER_ENDED) /* the answer was under way long */
			continue;
		const struct phaze_established *theirs = phaze_server_established(server);
		assert_non_null(theirs);
		assert_int_equal(ours->algorithm, theirs->algorithm);
		assert_int_equal(ours->resumed, theirs->resumed);
		assert_memory_equal(&ours->keys, &theirs->keys, sizeof ours->keys);
		assert_int_equal(ours->has_ticket, theirs->has_ticket);
		if (ours->has_ticket)
			assert_memory_equal(&ours->ticket, &theirs->ticket, sizeof ours->ticket);
	}
}

/* How many of so many handshakes come to their end; none ends wrongly, nothing is checked twice. */
static unsigned succeed(unsigned count, unsigned loss, unsigned change, unsigned copy, bool injects,
						bool loaded) {
	static struct desk desk;
	static struct network network;
	unsigned succeeded = 0;
	for (unsigned i = 0; i < count; i++) {
		desk_init(&desk, i % DESK_VECTORS);
		desk.draws[0] = desk.draws[1] = (struct desk_draws){.next = i * 1000};
		desk.input.loaded = loaded;
		network =
			(struct network){i * 2654435761U + 1, loss, change, copy, injects, 0, {NULL}, {{0}}};
		run(&desk, &network);
		if (phaze_client_state(desk.client) == PHAZE_CLIENT_ESTABLISHED) {
			assert_agreed(&desk, &network);
			succeeded++;
		} else {
			assert_int_equal(phaze_client_end(desk.client, NULL), PHAZE_END_SILENCE);
		}
		assert_in_range(desk.checks, 0, 1);
		for (size_t j = 0; j < SERVERS; j++)
			phaze_server_free(network.servers[j]);
		desk_done(&desk);
	}
	return succeeded;
}

static void without_loss_all_succeed(void **state) {
	assert_int_equal(succeed(60, 0, 0, 0, false, false), 60);
	assert_int_equal(succeed(60, 0, 0, 0, false, true), 60);
}

/* Five repeats get through a fifth lost each way, almost always. */
static void loss_and_disorder_are_lived_through(void **state) {
	assert_in_range(succeed(240, 20, 0, 30, false, false), 225, 240);
	assert_in_range(succeed(240, 10, 5, 30, false, true), 225, 240);
}

/* Somebody who reads along and answers first does not keep the two apart. */
static void injected_answers_are_lived_through(void **state) {
	assert_in_range(succeed(240, 0, 0, 0, true, false), 232, 240);
	assert_in_range(succeed(120, 5, 0, 50, true, true), 90, 120);
}

static void a_dead_network_ends_it(void **state) {
	assert_int_equal(succeed(12, 100, 0, 0, false, false), 0);
	assert_int_equal(succeed(12, 0, 100, 0, false, false), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_loss_all_succeed),
		cmocka_unit_test(loss_and_disorder_are_lived_through),
		cmocka_unit_test(injected_answers_are_lived_through),
		cmocka_unit_test(a_dead_network_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
