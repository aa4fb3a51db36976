/* Shards at work while peers come and go: what is freed too early, a sanitizer finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "back_end.h"
#include "base/clock.h"
#include "base/list.h"
#include "engine/engine.h"
#include "engine/interface.h"
#include "engine/packets.h"
#include "engine/toy.h"

enum { SHARDS = 3, HOSTS = 6, ROUNDS = 150, PACKET_SIZE = 60 };

/* A queue that always has a packet, for one host after the other. */
struct endless_tun {
	int event;
	uint8_t next;
	bool paused; /* after every packet, so that turns stay short */
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
	spec.destination = (uint8_t)(tun->next++ % HOSTS + 1);
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
	(void)close(((const struct endless_tun *)context)->event);
}

static const struct tun_queue_ops endless_ops = {
	.read = endless_read,
	.write = endless_write,
	.descriptor = endless_descriptor,
	.free = endless_free,
};

/* Counts what it is given to send. */
struct sink {
	_Atomic uint64_t datagrams;
};

static void sink_send(void *context, struct udp_message *messages, size_t count) {
	struct sink *sink = context;
	for (size_t i = 0; i < count; i++) {
		messages[i].error = ERR_OK;
		sink->datagrams += messages[i].size / messages[i].segment_size;
	}
}

static enum err sink_receive(void *context, struct udp_buffers *buffers,
							 const struct udp_received **out_received, size_t *out_count) {
	(void)context;
	(void)buffers;
	(void)out_received;
	(void)out_count;
	return ERR_AGAIN;
}

static int sink_descriptor(const void *context) {
	(void)context;
	return -1;
}

static void sink_free(void *context) {
	(void)context;
}

static const struct transport_ops sink_ops = {
	.send_many = sink_send,
	.receive = sink_receive,
	.descriptor = sink_descriptor,
	.free = sink_free,
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

/* A peer's life: in a snapshot, attached, out of the snapshots, detached, freed. */
struct change {
	struct command command;
	struct interface *interface;
	struct toy_peer *peer;
	bool attach;
};

static void run_change(struct shard *shard, struct command *command) {
	struct change *change = (struct change *)command;
	struct lane *lane = &change->interface->lanes[shard->number];
	struct toy_peer *peer = change->peer;
	lane_refresh(lane);
	if (change->attach && lane_attach(lane, &peer->peer) == ERR_OK) {
		(void)toy_begin(lane, peer, 1, 1);
		shard_out_send_staged(lane, &peer->peer);
	} else if (!change->attach && peer->peer.lane) {
		toy_end(shard, peer->current);
		lane_detach(lane, &peer->peer);
	}
	free(change);
}

static void post_change(struct engine *engine, struct interface *interface, struct toy_peer *peer,
						bool attach) {
	struct change *change = malloc(sizeof *change);
	*change = (struct change){
		.command.run = run_change, .interface = interface, .peer = peer, .attach = attach};
	engine_post(engine, peer->peer.owner, &change->command);
}

static struct toy_peer *new_peer(unsigned number) {
	struct toy_peer *peer = calloc(1, sizeof *peer);
	peer_init(&peer->peer, &toy_protocol, (uint16_t)(number % SHARDS));
	const struct endpoint endpoint = {.port = 1, .address = {.family = ADDRESS_V4}};
	peer_set_endpoint(&peer->peer, &endpoint, NULL);
	return peer;
}

static struct trie *trie;

struct version {
	struct snapshot snapshot;
};

static void free_version(void *pointer) {
	struct version *version = pointer;
	trie_view_release(trie, version->snapshot.allowed_ips);
	free(version);
}

static struct version *new_version(void) {
	struct version *version = calloc(1, sizeof *version);
	if (trie_publish(trie, &version->snapshot.allowed_ips) != ERR_OK)
		abort();
	version->snapshot.up = true;
	return version;
}

static void set_host(uint8_t host, struct toy_peer *peer) {
	struct prefix prefix = {.length = 32, .address.family = ADDRESS_V4};
	memcpy(prefix.address.bytes, (uint8_t[]){10, 0, 0, host}, 4);
	if (trie_insert(trie, &prefix, peer) != ERR_OK)
		abort();
}

static void test_peers_come_and_go(void **state) {
	static const struct engine_clock clock = {.now = now_of, .wall_now = now_of};
	const struct engine_options options = {
		.shards = SHARDS, .backend = back_end_of_test(), .random = &counting, .clock = &clock};
	struct engine *engine;
	assert_int_equal(engine_new(&options, &engine), ERR_OK);
	assert_int_equal(trie_new(&trie), ERR_OK);
	struct version *version = new_version();
	struct endless_tun tuns[SHARDS] = {0};
	struct sink sinks[SHARDS] = {0};
	struct tun_queue queues[SHARDS];
	struct transport transports[SHARDS];
	for (int i = 0; i < SHARDS; i++) {
		tuns[i].event = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
		queues[i] = (struct tun_queue){.ops = &endless_ops, .context = &tuns[i]};
		transports[i] = (struct transport){.ops = &sink_ops, .context = &sinks[i]};
	}
	const struct interface_options interface_options = {
		.protocol = &toy_protocol, .mtu = 1420, .snapshot = &version->snapshot};
	struct interface *interface;
	assert_int_equal(interface_new(engine, &interface_options, queues, &interface), ERR_OK);
	assert_int_equal(interface_set_transports(interface, transports, NULL), ERR_OK);
	assert_int_equal(engine_start(engine), ERR_OK);

	/* Each round replaces two peers, so that several things are retired at once. */
	struct toy_peer *peers[HOSTS + 1] = {NULL};
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct toy_peer *gone[2];
		uint8_t hosts[2];
		for (unsigned i = 0; i < 2; i++) {
			hosts[i] = (uint8_t)((2 * round + i) % HOSTS + 1);
			gone[i] = peers[hosts[i]];
			peers[hosts[i]] = new_peer(round + i);
			set_host(hosts[i], peers[hosts[i]]);
		}
		struct version *before = version;
		version = new_version();
		engine_publish(engine, interface, &version->snapshot);
		for (unsigned i = 0; i < 2; i++) {
			post_change(engine, interface, peers[hosts[i]], true);
			if (!gone[i])
				continue;
			post_change(engine, interface, gone[i], false);
			engine_retire(engine, free, gone[i]);
		}
		engine_retire(engine, free_version, before);
		(void)engine_collect(engine);
		if (round % 8 == 0)
			(void)usleep(200);
	}
	for (int tries = 0; engine_collect(engine) && tries < 5000; tries++)
		(void)usleep(1000);
	assert_false(engine_collect(engine));
	/* Somebody sends, whatever the scheduler did above. */
	uint64_t sent = 0;
	for (int tries = 0; sent == 0 && tries < 5000; tries++) {
		(void)usleep(1000);
		for (int i = 0; i < SHARDS; i++)
			sent += sinks[i].datagrams;
	}
	assert_true(sent > 0);
	engine_stop(engine);
	interface_free(interface);
	for (int host = 1; host <= HOSTS; host++) {
		assert_null(peers[host]->peer.lane);
		free(peers[host]);
	}
	engine_free(engine);
	free_version(version);
	trie_free(trie);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers_come_and_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
