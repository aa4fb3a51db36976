#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "engine/rig.h"
#include "engine/staging.h"

/* The cipher's own code is not instrumented: what it reads after free() shall look different. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
	return "max_free_fill_size=65536";
}

enum { KEY = 7, REMOTE = 0x11223344, PAYLOAD = 1000 };

/* Whether a datagram is this packet, padded, sealed with the counter under KEY + host. */
static void assert_sealed(const struct fake_datagram *datagram, uint8_t host, uint64_t counter,
						  const uint8_t *packet, size_t size) {
	uint8_t key[AEAD_KEY_SIZE], plain[4096];
	memset(key, KEY + host, sizeof key);
	uint64_t got;
	size_t padded = size + (TOY_PADDING - size % TOY_PADDING) % TOY_PADDING;
	if (padded > RIG_MTU)
		padded = size > RIG_MTU ? size : RIG_MTU;
	assert_int_equal(datagram->size, TOY_FRONT + padded + TOY_TAG);
	assert_int_equal(toy_index(datagram->data), REMOTE);
	assert_true(toy_open(key, datagram->data, datagram->size, &got, plain));
	assert_int_equal(got, counter);
	assert_memory_equal(plain, packet, size);
	for (size_t i = size; i < padded; i++)
		assert_int_equal(plain[i], 0);
	struct endpoint to = rig_endpoint(host);
	assert_true(endpoint_equal(&datagram->to, &to));
}

static void begin(struct rig *rig, uint8_t host) {
	struct toy_peer *peer = rig->peers[host];
	(void)toy_begin(rig_lane(rig, peer->peer.owner), peer, (uint8_t)(KEY + host), REMOTE);
}

static void test_single_packets(void **state) {
	struct rig *rig = rig_new(1, 1);
	begin(rig, 1);
	/* Short of the padding unit, a multiple of it, at the MTU (no room to pad), above it. */
	const size_t payloads[] = {1, 4, RIG_MTU - 28, RIG_MTU};
	uint8_t packets[4][2048];
	size_t sizes[4];
	for (uint32_t i = 0; i < 4; i++) {
		sizes[i] = rig_packet(9, 1, i, payloads[i], packets[i]);
		fake_tun_put(rig->tuns[0], NULL, packets[i], sizes[i]);
	}
	rig_turn(rig);
	assert_int_equal(rig->v4[0]->sent_count, 4);
	assert_int_equal(rig->v4[0]->calls, 1);
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < 4; i++) {
		assert_sealed(&rig->v4[0]->sent[i], 1, i, packets[i], sizes[i]);
		bytes += rig->v4[0]->sent[i].size;
	}
	assert_int_equal(rig->peers[1]->peer.published.sent_bytes, bytes);
	assert_int_equal(rig->peers[1]->sent_data, 4);
	assert_int_equal(rig->peers[1]->wanted, 0);
	assert_int_equal(rig_shard(rig, 0)->pool.free_count, TUN_BUFFERS);
	rig_free(rig);
}

/* More than the jobs of one batch and one turn hold, to several peers. */
static void test_many_packets(void **state) {
	enum { COUNT = 400, PEERS = 3 };
	struct rig *rig = rig_new(1, PEERS);
	static uint8_t packets[COUNT][2048];
	static size_t sizes[COUNT];
	uint64_t random = 5;
	for (uint8_t host = 1; host <= PEERS; host++)
		begin(rig, host);
	for (uint32_t i = 0; i < COUNT; i++) {
		size_t payload = packets_random(&random) % 8 ? PAYLOAD : packets_random(&random) % PAYLOAD;
		sizes[i] = rig_packet(9, (uint8_t)(i / 7 % PEERS + 1), i, payload, packets[i]);
		fake_tun_put(rig->tuns[0], NULL, packets[i], sizes[i]);
	}
	rig_settle(rig);
	assert_int_equal(rig->v4[0]->sent_count, COUNT);
	uint64_t counters[PEERS + 1] = {0};
	for (uint32_t i = 0; i < COUNT; i++) {
		uint8_t host = (uint8_t)(i / 7 % PEERS + 1);
		assert_sealed(&rig->v4[0]->sent[i], host, counters[host]++, packets[i], sizes[i]);
	}
	assert_int_equal(rig_shard(rig, 0)->pool.free_count, TUN_BUFFERS);
	rig_free(rig);
}

/* Staged packets of two peers are more than one batch of jobs. */
static void test_staged_packets(void **state) {
	enum { COUNT = STAGING_PACKETS_MAX, PEERS = 3, DROPPED = 5 };
	struct rig *rig = rig_new(1, PEERS);
	static uint8_t packets[PEERS + 1][COUNT + DROPPED][2048];
	size_t size = 0;
	for (uint8_t host = 1; host <= PEERS; host++)
		for (uint32_t i = 0; i < COUNT + DROPPED; i++) {
			size = rig_packet(9, host, i, PAYLOAD, packets[host][i]);
			fake_tun_put(rig->tuns[0], NULL, packets[host][i], size);
		}
	rig_settle(rig);
	assert_int_equal(rig->v4[0]->sent_count, 0);
	assert_int_equal(rig_lane(rig, 0)->counters.staged_dropped, PEERS * DROPPED);
	for (uint8_t host = 1; host <= PEERS; host++) {
		assert_int_equal(rig->peers[host]->wanted, COUNT + DROPPED);
		assert_int_equal(rig->peers[host]->peer.staged_count, COUNT);
	}
	assert_int_equal(rig_shard(rig, 0)->staged_bytes, PEERS * COUNT * size);
	for (uint8_t host = 1; host <= PEERS; host++) {
		begin(rig, host);
		shard_out_send_staged(rig_lane(rig, 0), &rig->peers[host]->peer);
	}
	rig_turn(rig);
	assert_int_equal(rig_shard(rig, 0)->staged_bytes, 0);
	assert_int_equal(rig->v4[0]->sent_count, PEERS * COUNT);
	size_t at = 0;
	for (uint8_t host = 1; host <= PEERS; host++)
		for (uint32_t i = 0; i < COUNT; i++)
			assert_sealed(&rig->v4[0]->sent[at++], host, i, packets[host][DROPPED + i], size);
	rig_free(rig);
}

static void test_keepalive(void **state) {
	struct rig *rig = rig_new(1, 2);
	struct lane *lane = rig_lane(rig, 0);
	/* Without a session it waits, once, and a session is asked for. */
	shard_out_send_keepalive(lane, &rig->peers[1]->peer);
	shard_out_send_keepalive(lane, &rig->peers[1]->peer);
	assert_int_equal(rig->peers[1]->peer.staged_count, 1);
	assert_int_equal(rig->peers[1]->wanted, 2);
	begin(rig, 1);
	shard_out_send_keepalive(lane, &rig->peers[1]->peer);
	rig_turn(rig);
	assert_int_equal(rig->v4[0]->sent_count, 1);
	assert_sealed(&rig->v4[0]->sent[0], 1, 0, NULL, 0);
	assert_int_equal(rig->peers[1]->sent_empty, 1);
	assert_int_equal(rig->peers[1]->sent_data, 0);
	rig_free(rig);
}

/* A TCP super-packet of the system leaves as segments that are complete in themselves. */
static void test_super_packet(void **state) {
	enum { MSS = 1360, TOTAL = 20 * MSS + 333 };
	static const struct virtio_header header = {
		.flags = VIRTIO_NEEDS_CHECKSUM,
		.gso_type = VIRTIO_GSO_TCP_V4,
		.header_size = 40,
		.gso_size = MSS,
		.checksum_start = 20,
		.checksum_offset = 16,
	};
	const struct packet_spec spec = {.protocol = PACKETS_TCP,
									 .ttl = 64,
									 .destination = 1,
									 .source = 9,
									 .sequence = UINT32_MAX - 5000,
									 .flags = 0x18};
	struct rig *rig = rig_new(1, 1);
	static uint8_t packet[40 + TOTAL], payload[TOTAL], joined[TOTAL];
	uint64_t random = 3;
	for (size_t i = 0; i < TOTAL; i++)
		payload[i] = (uint8_t)packets_random(&random);
	size_t size = packets_build(&spec, payload, TOTAL, packet);
	begin(rig, 1);
	/* The second one finds the first one's session used up but for ten counters: staged. */
	fake_tun_put(rig->tuns[0], &header, packet, size);
	rig_turn(rig);
	assert_int_equal(rig->v4[0]->sent_count, 21);
	assert_int_equal(rig->v4[0]->messages, 1);
	rig->peers[1]->current->session.send_counter = TOY_COUNTERS - 10;
	fake_tun_put(rig->tuns[0], &header, packet, size);
	rig_turn(rig);
	assert_int_equal(rig->v4[0]->sent_count, 21);
	assert_int_equal(rig->peers[1]->peer.staged_count, 21);
	rig->peers[1]->current->session.send_counter = 100;
	shard_out_send_staged(rig_lane(rig, 0), &rig->peers[1]->peer);
	rig_turn(rig);
	assert_int_equal(rig->v4[0]->sent_count, 42);
	uint8_t key[AEAD_KEY_SIZE], plain[2048];
	memset(key, KEY + 1, sizeof key);
	for (size_t i = 0; i < 42; i++) {
		size_t segment = i % 21 == 20 ? 333 : MSS;
		uint64_t counter;
		const struct fake_datagram *datagram = &rig->v4[0]->sent[i];
		assert_true(toy_open(key, datagram->data, datagram->size, &counter, plain));
		assert_int_equal(counter, i < 21 ? i : 100 + i - 21);
		assert_true(packets_are_right(plain, 40 + segment));
		assert_int_equal(packets_u32(plain + 24), (uint32_t)(spec.sequence + i % 21 * MSS));
		memcpy(joined + i % 21 * MSS, plain + 40, segment);
		if (i % 21 == 20)
			assert_memory_equal(joined, payload, TOTAL);
	}
	rig_free(rig);
}

static void test_refused(void **state) {
	struct rig *rig = rig_new(1, 1);
	struct lane *lane = rig_lane(rig, 0);
	begin(rig, 1);
	uint8_t packet[2048];
	size_t size = rig_packet(9, 77, 0, 20, packet);
	fake_tun_put(rig->tuns[0], NULL, packet, size);         /* nobody's */
	fake_tun_put(rig->tuns[0], NULL, packet, 12);           /* cut off */
	fake_tun_put(rig->tuns[0], NULL, NULL, 0);              /* nothing behind the header */
	fake_tun_put(rig->tuns[0], NULL, (uint8_t *)"\x10", 1); /* no IP */
	static const struct virtio_header header = {.flags = VIRTIO_NEEDS_CHECKSUM,
												.checksum_start = 60000};
	size = rig_packet(9, 1, 0, 20, packet);
	fake_tun_put(rig->tuns[0], &header, packet, size);
	rig_turn(rig);
	assert_int_equal(rig->v4[0]->sent_count, 0);
	assert_int_equal(lane->counters.no_route, 1);
	assert_int_equal(lane->counters.malformed, 3);
	/* Without endpoint, without its family. */
	peer_set_endpoint(&rig->peers[1]->peer, &(struct endpoint){.port = 0}, NULL);
	fake_tun_put(rig->tuns[0], NULL, packet, size);
	rig_turn(rig);
	assert_int_equal(rig->v4[0]->sent_count, 0);
	assert_int_equal(rig->peers[1]->sent_data, 0);
	assert_int_equal(rig->peers[1]->peer.published.sent_bytes, 0);
	assert_int_equal(rig_shard(rig, 0)->pool.free_count, TUN_BUFFERS);
	rig_free(rig);
}

/* With an MTU near the largest a sealed packet no longer fits a datagram. */
static void test_too_large_for_a_datagram(void **state) {
	struct rig *rig = rig_new(1, 1);
	begin(rig, 1);
	interface_set_mtu(rig->interface, 65535);
	static uint8_t packet[65535];
	(void)rig_packet(9, 1, 0, 20, packet);
	packets_put_u16(packet + 2, sizeof packet);
	fake_tun_put(rig->tuns[0], NULL, packet, sizeof packet);
	rig_turn(rig);
	assert_int_equal(rig->v4[0]->sent_count, 0);
	assert_int_equal(rig_shard(rig, 0)->pool.free_count, TUN_BUFFERS);
	rig_free(rig);
}

static void test_interface_down(void **state) {
	struct rig *rig = rig_new(2, 2);
	uint8_t packet[2048];
	size_t size = rig_packet(9, 2, 0, 20, packet);
	begin(rig, 2);
	begin(rig, 1);
	const struct snapshot down = {.allowed_ips = rig->snapshot.allowed_ips};
	/* One travels to the other shard and arrives when the interface is down. */
	fake_tun_put(rig->tuns[1], NULL, packet, size);
	shard_turn(rig_shard(rig, 1));
	engine_publish(rig->engine, rig->interface, &down);
	fake_tun_put(rig->tuns[0], NULL, packet, size);
	rig_turn(rig);
	rig_turn(rig);
	assert_int_equal(rig->tuns[0]->waiting_count, 0);
	assert_int_equal(rig->v4[0]->sent_count, 0);
	for (uint16_t i = 0; i < 2; i++) {
		assert_int_equal(rig_shard(rig, i)->pool.free_count, TUN_BUFFERS);
		assert_int_equal(((struct toy_lane *)rig_lane(rig, i)->protocol_state)->reconfigured, 1);
	}
	rig_free(rig);
}

/* Packets of another shard's peers travel there, no matter how many, and buffers come back. */
static void test_handoff(void **state) {
	enum { COUNT = 3 * TUN_BUFFERS + 7 };
	struct rig *rig = rig_new(2, 2);
	static uint8_t packets[COUNT][2048];
	size_t size = 0;
	begin(rig, 1); /* owned by shard 1 */
	for (uint32_t i = 0; i < COUNT; i++) {
		size = rig_packet(9, 1, i, PAYLOAD, packets[i]);
		fake_tun_put(rig->tuns[0], NULL, packets[i], size);
	}
	shard_turn(rig_shard(rig, 0));
	assert_int_equal(rig_shard(rig, 0)->pool.free_count, 0);
	/* All buffers are away: the queue is left alone until they come back. */
	shard_turn(rig_shard(rig, 0));
	assert_int_equal(rig->tuns[0]->waiting_at, TUN_BUFFERS);
	/* It does not claim to have work, but asks to be woken; who returns buffers sees that. */
	assert_true(rig_shard(rig, 0)->paused);
	assert_true(shard_next(rig_shard(rig, 0)) != 0);
	assert_true(atomic_load(&rig_shard(rig, 0)->starved));
	shard_turn(rig_shard(rig, 1));
	assert_false(atomic_load(&rig_shard(rig, 0)->starved));
	for (int turn = 0; turn < 8; turn++)
		rig_turn(rig);
	assert_false(rig_shard(rig, 0)->paused);
	assert_int_equal(rig->v4[0]->sent_count, 0);
	assert_int_equal(rig->v4[1]->sent_count, COUNT);
	for (uint32_t i = 0; i < COUNT; i++)
		assert_sealed(&rig->v4[1]->sent[i], 1, i, packets[i], size);
	for (uint16_t i = 0; i < 2; i++)
		assert_int_equal(rig_shard(rig, i)->pool.free_count, TUN_BUFFERS);
	assert_int_equal(rig_lane(rig, 0)->counters.handoff_dropped, 0);
	rig_free(rig);
}

/* A peer that is detached while a packet for it travels, or before one is read. */
static void test_detached_peer(void **state) {
	struct rig *rig = rig_new(2, 2);
	uint8_t packet[2048];
	size_t size = rig_packet(9, 1, 0, 20, packet);
	fake_tun_put(rig->tuns[0], NULL, packet, size);
	shard_turn(rig_shard(rig, 0));
	assert_int_equal(rig_shard(rig, 1)->peer_count, 1);
	lane_set_deadline(rig_lane(rig, 1), &rig->peers[1]->peer, rig->now + 1);
	lane_detach(rig_lane(rig, 1), &rig->peers[1]->peer);
	assert_int_equal(rig_shard(rig, 1)->peer_count, 0);
	rig->now += 10;
	fake_tun_put(rig->tuns[1], NULL, packet, size);
	for (int turn = 0; turn < 2; turn++)
		rig_turn(rig);
	assert_int_equal(rig->peers[1]->wanted, 0);
	assert_int_equal(rig->peers[1]->expired, 0);
	for (uint16_t i = 0; i < 2; i++)
		assert_int_equal(rig_shard(rig, i)->pool.free_count, TUN_BUFFERS);
	rig_free(rig);
}

/* A turn reads its budget and no more, and says that work is left. */
static void test_budget(void **state) {
	enum { COUNT = 150, SIZE = 1400 };
	struct rig *rig = rig_new(1, 1);
	begin(rig, 1);
	uint8_t packet[2048];
	size_t size = rig_packet(9, 1, 0, SIZE, packet);
	for (uint32_t i = 0; i < COUNT; i++)
		fake_tun_put(rig->tuns[0], NULL, packet, size);
	rig_turn(rig);
	assert_int_equal(rig->v4[0]->sent_count, SHARD_TURN_BYTES / (size + VIRTIO_HEADER_SIZE) + 1);
	assert_int_equal(shard_next(rig_shard(rig, 0)), 0);
	rig_turn(rig);
	assert_int_equal(rig->v4[0]->sent_count, COUNT);
	assert_true(shard_next(rig_shard(rig, 0)) == CLOCK_NEVER);
	lane_set_deadline(rig_lane(rig, 0), &rig->peers[1]->peer, rig->now + 5);
	assert_int_equal(shard_next(rig_shard(rig, 0)), rig->now + 5);
	rig->now += 5;
	rig_turn(rig);
	assert_int_equal(rig->peers[1]->expired, 1);
	rig_free(rig);
}

/* A queue that is gone for good is readable for ever and must not be waited for. */
static void test_queue_gone(void **state) {
	struct rig *rig = rig_new(1, 0);
	struct shard *shard = rig_shard(rig, 0);
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	struct fake_tun *gone = fake_tun_new();
	gone->descriptor = ends[0];
	struct listener listener = {.shard = NULL};
	assert_int_equal(listener_init(&listener, NULL, shard), ERR_OK);
	struct lane lane;
	const struct coalesce_options options = {.tcp = true};
	assert_int_equal(
		lane_init(&lane, rig->interface, shard, &listener, fake_tun_of(gone), &options), ERR_OK);
	assert_false(lane.tun_ready);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(loop_wait(shard->loop, 0, 0), ERR_OK);
	assert_true(lane.tun_ready);
	(void)shard_out_transmit(shard, &lane);
	assert_false(lane.tun_ready);
	(void)close(ends[1]);
	assert_true(lane.tun_waiting);
	assert_int_equal(loop_wait(shard->loop, 0, 0), ERR_OK);
	assert_false(lane.tun_waiting);
	lane_done(&lane);
	listener_done(&listener);
	assert_true(gone->freed);
	fake_tun_delete(gone);
	(void)close(ends[0]);
	rig_free(rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_packets),
		cmocka_unit_test(test_many_packets),
		cmocka_unit_test(test_staged_packets),
		cmocka_unit_test(test_keepalive),
		cmocka_unit_test(test_super_packet),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_large_for_a_datagram),
		cmocka_unit_test(test_interface_down),
		cmocka_unit_test(test_handoff),
		cmocka_unit_test(test_detached_peer),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_queue_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
