/*
 * Interfaces that come to a port, go, and come back while shards are at work on it: what is freed
 * too early, or touched by two threads, a sanitizer finds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "back_end.h"
#include "base/clock.h"
#include "engine/engine.h"
#include "engine/figures.h"
#include "engine/packets.h"
#include "engine/port.h"
#include "engine/second_toy.h"
#include "engine/trie.h"

enum { SHARDS = 3, PEERS = 6, ROUNDS = 60, PACKET_SIZE = 60, BATCH = 6, DATAGRAM_SIZE = 64 };

/* A queue that always has a packet, for one host after the other. */
struct endless_tun {
	int event;
	uint8_t next;
	bool paused; /* after every few, so that turns stay short */
	bool freed;
};

static enum err endless_read(void *context, uint8_t *data, size_t size, size_t *out_size) {
	struct endless_tun *tun = context;
	(void)size;
	tun->paused = !tun->paused && tun->next % 4 == 0;
	if (tun->paused)
		return ERR_AGAIN;
	static const struct packet_spec base = {.protocol = PACKETS_UDP, .ttl = 1};
	struct packet_spec spec = base;
	static const uint8_t payload[PACKET_SIZE - 28];
	spec.destination = (uint8_t)(tun->next++ % PEERS + 1);
	memset(data, 0, VIRTIO_HEADER_SIZE);
	*out_size = VIRTIO_HEADER_SIZE +
				packets_build(&spec, payload, sizeof payload, data + VIRTIO_HEADER_SIZE);
	return ERR_OK;
}

static enum err endless_write(void *context, const struct iovec *iovecs, int count) {
	(void)context;
	(void)iovecs;
	(void)count;
	return ERR_OK;
}

static int endless_descriptor(const void *context) {
	return ((const struct endless_tun *)context)->event;
}

static void endless_free(void *context) {
	struct endless_tun *tun = context;
	(void)close(tun->event);
	tun->freed = true;
}

static const struct tun_queue_ops endless_ops = {
	.read = endless_read,
	.write = endless_write,
	.descriptor = endless_descriptor,
	.free = endless_free,
};

/* A socket that counts what it is given, and always has datagrams of both kinds and of strangers.
 */
struct socket {
	_Atomic uint64_t sent[2], given;
	_Atomic bool freed;
	uint32_t next;
	bool paused;
	struct udp_received received[BATCH];
	uint8_t data[BATCH][DATAGRAM_SIZE];
};

static void socket_send(void *context, struct udp_message *messages, size_t count) {
	struct socket *socket = context;
	for (size_t i = 0; i < count; i++) {
		messages[i].error = ERR_OK;
		socket->sent[messages[i].data[0] == SECOND_DATA] += 1;
	}
}

static enum err socket_receive(void *context, struct udp_buffers *buffers,
							   const struct udp_received **out_received, size_t *out_count) {
	static const uint8_t firsts[BATCH] = {'D', SECOND_DATA, 'H', SECOND_HANDSHAKE, 'S', 0};
	struct socket *socket = context;
	(void)buffers;
	socket->paused = !socket->paused;
	if (socket->paused)
		return ERR_AGAIN;
	for (size_t i = 0; i < BATCH; i++) {
		memset(socket->data[i], (int)socket->next, DATAGRAM_SIZE);
		socket->data[i][0] = firsts[i];
		/* For a session of whichever shard: most travel. */
		socket->data[i][4] = (uint8_t)socket->next++;
		socket->received[i] = (struct udp_received){
			.data = socket->data[i],
			.size = DATAGRAM_SIZE,
			.segment_size = DATAGRAM_SIZE,
			.from = {.port = 1, .address = {.family = ADDRESS_V4}},
		};
	}
	socket->given += BATCH;
	*out_received = socket->received;
	*out_count = BATCH;
	return ERR_OK;
}

static int socket_descriptor(const void *context) {
	(void)context;
	return -1;
}

static void socket_free(void *context) {
	((struct socket *)context)->freed = true;
}

static const struct transport_ops socket_ops = {
	.send_many = socket_send,
	.receive = socket_receive,
	.descriptor = socket_descriptor,
	.free = socket_free,
};

static uint64_t now_of(void *context) {
	(void)context;
	return clock_now();
}

/* Not the system's source: how its library locks inside, a thread sanitizer cannot see. */
static void fill(void *context, void *out_data, size_t size) {
	static _Atomic uint64_t state;
	(void)context;
	for (size_t i = 0; i < size; i++) {
		uint64_t next = atomic_fetch_add(&state, 1) * UINT64_C(0x9e3779b97f4a7c15);
		((uint8_t *)out_data)[i] = (uint8_t)(next >> 40 ^ next >> 56);
	}
}

static const struct random_source counting = {.fill = fill};

/* An interface with a peer on every shard, each with a session. */
struct tunnel {
	struct engine *engine;
	struct interface *interface;
	struct endless_tun tuns[SHARDS];
	struct trie *trie;
	struct snapshot snapshot;
	struct toy_peer *peers[PEERS];
};

static void attach_peers(struct shard *shard, void *context) {
	struct tunnel *tunnel = context;
	struct lane *lane = &tunnel->interface->lanes[shard->number];
	for (unsigned i = 0; i < PEERS; i++) {
		if (tunnel->peers[i]->peer.owner != shard->number)
			continue;
		if (lane_attach(lane, &tunnel->peers[i]->peer) != ERR_OK)
			abort();
		(void)toy_begin(lane, tunnel->peers[i], 1, 1);
	}
}

static struct tunnel *tunnel_new(struct engine *engine, const struct protocol_ops *protocol) {
	struct tunnel *tunnel = calloc(1, sizeof *tunnel);
	struct tun_queue queues[SHARDS];
	const struct endpoint endpoint = {.port = 1, .address = {.family = ADDRESS_V4}};
	tunnel->engine = engine;
	for (int i = 0; i < SHARDS; i++) {
		tunnel->tuns[i].event = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
		queues[i] = (struct tun_queue){.ops = &endless_ops, .context = &tunnel->tuns[i]};
	}
	assert_int_equal(trie_new(&tunnel->trie), ERR_OK);
	for (unsigned i = 0; i < PEERS; i++) {
		struct prefix prefix = {.length = 32, .address.family = ADDRESS_V4};
		memcpy(prefix.address.bytes, (uint8_t[]){10, 0, 0, (uint8_t)(i + 1)}, 4);
		tunnel->peers[i] = calloc(1, sizeof *tunnel->peers[i]);
		peer_init(&tunnel->peers[i]->peer, protocol, (uint16_t)(i % SHARDS));
		peer_set_endpoint(&tunnel->peers[i]->peer, &endpoint, NULL);
		assert_int_equal(trie_insert(tunnel->trie, &prefix, tunnel->peers[i]), ERR_OK);
	}
	assert_int_equal(trie_publish(tunnel->trie, &tunnel->snapshot.allowed_ips), ERR_OK);
	tunnel->snapshot.up = true;
	const struct interface_options options = {
		.protocol = protocol, .mtu = 1420, .snapshot = &tunnel->snapshot};
	assert_int_equal(interface_new(engine, &options, queues, &tunnel->interface), ERR_OK);
	engine_each(engine, attach_peers, tunnel);
	return tunnel;
}

/* All of it goes at once: nobody may come upon it any more. */
static void tunnel_free(struct tunnel *tunnel) {
	interface_free(tunnel->interface);
	for (int i = 0; i < SHARDS; i++)
		assert_true(tunnel->tuns[i].freed);
	trie_view_release(tunnel->trie, tunnel->snapshot.allowed_ips);
	trie_free(tunnel->trie);
	for (unsigned i = 0; i < PEERS; i++) {
		assert_null(tunnel->peers[i]->peer.lane);
		free(tunnel->peers[i]);
	}
	free(tunnel);
}

static void open_sockets(struct tunnel *tunnel, struct socket *sockets) {
	struct transport v4[SHARDS];
	for (int i = 0; i < SHARDS; i++)
		v4[i] = (struct transport){.ops = &socket_ops, .context = &sockets[i]};
	assert_int_equal(interface_set_transports(tunnel->interface, v4, NULL), ERR_OK);
}

static bool are_freed(const struct socket *sockets) {
	return sockets[0].freed && sockets[1].freed && sockets[2].freed;
}

static uint64_t handshakes_of(const struct tunnel *tunnel) {
	uint64_t sum = 0;
	for (uint16_t i = 0; i < SHARDS; i++) {
		struct figure_set figures;
		figures_read(tunnel->interface, i, 0, &figures);
		sum += figures.of[FIGURE_HANDSHAKES];
	}
	return sum;
}

/* Until both got something by the sockets, and both sent. */
static void wait_for_traffic(const struct tunnel *left, const struct tunnel *right,
							 const struct socket *sockets) {
	for (int tries = 0; tries < 5000; tries++) {
		uint64_t sent[2] = {0, 0};
		for (int i = 0; i < SHARDS; i++)
			for (int kind = 0; kind < 2; kind++)
				sent[kind] += sockets[i].sent[kind];
		if (sent[0] > 0 && sent[1] > 0 && handshakes_of(left) > 0 && handshakes_of(right) > 0)
			return;
		(void)usleep(1000);
	}
	fail_msg("no traffic");
}

static void test_come_and_go(void **state) {
	static const struct engine_clock clock = {.now = now_of, .wall_now = now_of};
	const struct engine_options options = {
		.shards = SHARDS, .backend = back_end_of_test(), .random = &counting, .clock = &clock};
	static struct socket sockets[ROUNDS + 1][SHARDS];
	struct engine *engine;
	assert_int_equal(engine_new(&options, &engine), ERR_OK);
	assert_int_equal(engine_start(engine), ERR_OK);
	struct tunnel *present = tunnel_new(engine, &toy_protocol);
	open_sockets(present, sockets[0]);
	for (unsigned round = 0; round < ROUNDS; round++) {
		const struct protocol_ops *protocol = round % 2 == 0 ? &second_toy_protocol : &toy_protocol;
		struct tunnel *next = tunnel_new(engine, protocol);
		assert_int_equal(interface_join(next->interface, present->interface), ERR_OK);
		if (round % 8 == 0)
			wait_for_traffic(present, next, sockets[0]);
		(void)engine_collect(engine);
		/* The opener goes for good, closes first, or moves to another port and goes there. */
		if (round % 3 == 1)
			assert_int_equal(interface_set_transports(present->interface, NULL, NULL), ERR_OK);
		if (round % 3 == 2)
			open_sockets(present, sockets[round + 1]);
		tunnel_free(present);
		assert_false(are_freed(sockets[0]));
		present = next;
		if (round % 3 == 2)
			assert_true(are_freed(sockets[round + 1]));
	}
	/* It opens others for itself alone. */
	open_sockets(present, sockets[ROUNDS]);
	engine_pass(engine);
	assert_true(are_freed(sockets[0]));
	tunnel_free(present);
	assert_true(are_freed(sockets[ROUNDS]));
	engine_free(engine);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_come_and_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
