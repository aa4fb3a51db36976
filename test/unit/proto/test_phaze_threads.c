/* Shards at work while sessions come and go: what races or is freed too early, a sanitizer finds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/engine.h"
#include "engine/interface.h"
#include "engine/packets.h"
#include "engine/trie.h"
#include "proto/phaze_command.h"
#include "proto/phaze_ids.h"
#include "proto/phaze_protocol.h"

enum { SHARDS = 3, MEMBERS = 5, ROUNDS = 300, SESSIONS = 2 * ROUNDS, PACKET_SIZE = 60 };

/* A queue with packets for one member after the other. */
struct endless_tun {
	int event;
	uint8_t next;
	bool paused; /* after every packet, so that turns stay short */
};

static enum err endless_read(void *context, uint8_t *data, size_t size, size_t *out_size) {
	struct endless_tun *tun = context;
	tun->paused = !tun->paused && tun->next % 4 == 0;
	if (tun->paused)
		return ERR_AGAIN;
	static const uint8_t payload[PACKET_SIZE - 28];
	struct packet_spec spec = {.protocol = PACKETS_UDP, .ttl = 1};
	spec.destination = (uint8_t)(tun->next++ % MEMBERS + 1);
	memset(data, 0, VIRTIO_HEADER_SIZE);
	*out_size = VIRTIO_HEADER_SIZE +
				packets_build(&spec, payload, sizeof payload, data + VIRTIO_HEADER_SIZE);
	return ERR_OK;
}

static enum err endless_write(void *context, const struct iovec *iovecs, int count) {
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

/* Takes everything, and has a ClientHello of somebody's now and then. */
struct wire {
	_Atomic uint64_t sent;
	unsigned asked;
	uint8_t hello[PHAZE_CLIENT_HELLO_SIZE];
	struct udp_received received;
};

static void wire_send(void *context, struct udp_message *messages, size_t count) {
	struct wire *wire = context;
	for (size_t i = 0; i < count; i++)
		messages[i].error = ERR_OK;
	wire->sent += count;
}

static enum err wire_receive(void *context, struct udp_buffers *buffers,
							 const struct udp_received **out_received, size_t *out_count) {
	struct wire *wire = context;
	const struct phaze_header header = {.type = PHAZE_HANDSHAKE,
										.length = sizeof wire->hello - PHAZE_HEADER_SIZE};
	if (wire->asked++ % 4 != 0)
		return ERR_AGAIN;
	phaze_packet_encode(&header, wire->hello);
	wire->received = (struct udp_received){
		.data = wire->hello, .size = sizeof wire->hello, .segment_size = sizeof wire->hello};
	*out_received = &wire->received;
	*out_count = 1;
	return ERR_OK;
}

static int wire_descriptor(const void *context) {
	return -1;
}

static void wire_free(void *context) {
}

static const struct transport_ops wire_ops = {
	.send_many = wire_send,
	.receive = wire_receive,
	.descriptor = wire_descriptor,
	.free = wire_free,
};

static uint64_t now_of(void *context) {
	return clock_now();
}

/*
 * Not the system's source: how its library locks inside, a thread sanitizer cannot see. Mixed well
 * (SplitMix64: Steele, Lea, Flood, OOPSLA 2014), as a session whose id another one has is refused.
 */
static void fill(void *context, void *out_data, size_t size) {
	static _Atomic uint64_t state;
	for (size_t i = 0; i < size; i++) {
		uint64_t next = atomic_fetch_add(&state, 1) * UINT64_C(0x9e3779b97f4a7c15);
		next = (next ^ next >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		next = (next ^ next >> 27) * UINT64_C(0x94d049bb133111eb);
		((uint8_t *)out_data)[i] = (uint8_t)(next >> 56);
	}
}

static const struct random_source counting = {.fill = fill};

struct bench {
	struct engine *engine;
	struct interface *interface;
	struct phaze_newsbox box;
	struct phaze_config config;
	struct trie *trie;
	struct snapshot snapshot;
	struct phaze_peer *members[MEMBERS];
	uint64_t sessions; /* numbers that were given */
	unsigned current[SESSIONS + 1], ended[SESSIONS + 1];
	size_t datagrams;
};

static void take_news(struct bench *bench) {
	struct phaze_news *next;
	for (struct phaze_news *news = phaze_newsbox_take(&bench->box); news; news = next) {
		const struct phaze_news_session *session = (struct phaze_news_session *)news;
		next = phaze_news_next(news);
		switch (news->kind) {
		case PHAZE_NEWS_DATAGRAM:
			bench->datagrams++;
			break;
		case PHAZE_NEWS_CURRENT:
			assert_int_equal(bench->ended[session->number], 0);
			bench->current[session->number]++;
			break;
		case PHAZE_NEWS_HEARD:
			assert_int_equal(bench->current[session->number], 1);
			assert_int_equal(bench->ended[session->number], 0);
			break;
		case PHAZE_NEWS_ENDED:
			bench->ended[session->number]++;
			break;
		}
		phaze_news_free(&bench->box, news);
	}
}

static void post_change(struct bench *bench, struct phaze_peer *peer, unsigned changes) {
	const struct phaze_peer_change change = {
		.peer = peer,
		.interface = bench->interface,
		.changes = changes,
		.ticket = {1},
		.quota_end = PHAZE_NO_QUOTA,
		.rate = 100000000,
		.end = PHAZE_CLOSE_EXPIRED,
	};
	assert_int_equal(phaze_command_change(bench->engine, &change), ERR_OK);
}

static void post_session(struct bench *bench, struct phaze_peer *peer, bool resumed) {
	struct phaze_new_session offer = {
		.peer = peer,
		.interface = bench->interface,
		.number = ++bench->sessions,
		.resumed = resumed,
		.algorithm = AEAD_CHACHA20_POLY1305,
		.client_id = 77,
		.server_id = phaze_ids_draw(&counting, (uint16_t)(bench->sessions % SHARDS)),
		.used = {1},
		.fresh = {1},
		.rekey_seconds = 120,
		.rekey_packets = 1 << 20,
		.keepalive = 1,
		.to = {.port = 1, .address = {.family = ADDRESS_V4}},
	};
	assert_int_equal(phaze_command_session(bench->engine, &offer), ERR_OK);
}

static void set_member(struct bench *bench, unsigned place) {
	struct prefix prefix = {.length = 32, .address.family = ADDRESS_V4};
	struct phaze_peer *peer = malloc(sizeof *peer);
	const uint8_t identity[HASH_SIZE] = {(uint8_t)place};
	phaze_peer_init(peer, identity, (uint16_t)(place % SHARDS), &bench->box);
	memcpy(prefix.address.bytes, (uint8_t[]){10, 0, 0, (uint8_t)(place + 1)}, 4);
	assert_int_equal(trie_insert(bench->trie, &prefix, peer), ERR_OK);
	bench->members[place] = peer;
}

static void start(struct bench *bench, struct endless_tun *tuns, struct wire *wires) {
	static const struct engine_clock clock = {.now = now_of, .wall_now = now_of};
	const struct engine_options options = {.shards = SHARDS,
										   .backend = aead_backend_find("auto"),
										   .random = &counting,
										   .clock = &clock};
	struct tun_queue queues[SHARDS];
	struct transport transports[SHARDS];
	assert_int_equal(engine_new(&options, &bench->engine), ERR_OK);
	assert_int_equal(trie_new(&bench->trie), ERR_OK);
	phaze_newsbox_init(&bench->box, bench->engine);
	for (unsigned i = 0; i < MEMBERS; i++)
		set_member(bench, i);
	bench->config = (struct phaze_config){.role = PHAZE_SERVER, .box = &bench->box};
	bench->snapshot = (struct snapshot){.up = true, .protocol_config = &bench->config};
	assert_int_equal(trie_publish(bench->trie, &bench->snapshot.allowed_ips), ERR_OK);
	for (int i = 0; i < SHARDS; i++) {
		tuns[i].event = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
		queues[i] = (struct tun_queue){.ops = &endless_ops, .context = &tuns[i]};
		transports[i] = (struct transport){.ops = &wire_ops, .context = &wires[i]};
	}
	const struct interface_options interface_options = {
		.protocol = &phaze_protocol, .mtu = 1420, .snapshot = &bench->snapshot};
	assert_int_equal(interface_new(bench->engine, &interface_options, queues, &bench->interface),
					 ERR_OK);
	assert_int_equal(interface_set_transports(bench->interface, transports, NULL), ERR_OK);
	assert_int_equal(engine_start(bench->engine), ERR_OK);
	for (unsigned i = 0; i < MEMBERS; i++)
		post_change(bench, bench->members[i], PHAZE_CHANGE_ATTACH | PHAZE_CHANGE_RATE);
}

static void sessions_come_and_go(void **state) {
	struct bench bench = {.sessions = 0};
	struct endless_tun tuns[SHARDS] = {0};
	struct wire wires[SHARDS] = {0};
	const struct phaze_way way = {.shard = 1, .to = {.port = 1, .address.family = ADDRESS_V4}};
	const uint8_t answer[100] = {0};
	start(&bench, tuns, wires);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct phaze_peer *peer = bench.members[round % MEMBERS];
		post_session(&bench, peer, false);
		post_session(&bench, peer, true);
		if (round % 3 == 0)
			post_change(&bench, peer, PHAZE_CHANGE_END);
		else if (round % 3 == 1)
			post_change(&bench, peer, PHAZE_CHANGE_TICKET | PHAZE_CHANGE_QUOTA);
		assert_int_equal(
			phaze_command_send(bench.engine, bench.interface, &way, answer, sizeof answer), ERR_OK);
		take_news(&bench);
		if (round % 8 == 0)
			(void)usleep(200);
	}
	uint64_t sent = 0;
	for (int tries = 0; (sent == 0 || bench.datagrams == 0) && tries < 5000; tries++) {
		(void)usleep(1000);
		take_news(&bench);
		for (int i = 0; i < SHARDS; i++)
			sent += wires[i].sent;
	}
	assert_true(sent > 0 && bench.datagrams > 0);
	for (unsigned i = 0; i < MEMBERS; i++)
		post_change(&bench, bench.members[i], PHAZE_CHANGE_DETACH);
	engine_stop(bench.engine);
	interface_free(bench.interface);
	engine_collect_all(bench.engine);
	take_news(&bench);
	/* A login's was current, one by ticket waited for its first packet; all are over. */
	for (uint64_t number = 1; number <= bench.sessions; number++) {
		assert_int_equal(bench.current[number], number % 2);
		assert_int_equal(bench.ended[number], 1);
	}
	phaze_newsbox_done(&bench.box);
	engine_free(bench.engine);
	trie_view_release(bench.trie, bench.snapshot.allowed_ips);
	trie_free(bench.trie);
	for (unsigned i = 0; i < MEMBERS; i++) {
		phaze_peer_done(bench.members[i]);
		free(bench.members[i]);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_come_and_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
