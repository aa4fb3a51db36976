/* Interfaces that share a port, or do not any more: who gets what, and what stays open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/figures.h"
#include "engine/port.h"
#include "engine/rig.h"
#include "engine/second_toy.h"

enum { SHARDS = RIG_SHARDS, SIZE = 60 };

/* A second interface in a rig's engine; its one peer is 10.0.0.host, and of shard host modulo 2. */
struct second {
	struct rig *rig;
	struct interface *interface;
	struct fake_tun *tuns[SHARDS];
	struct trie *trie;
	struct snapshot snapshot;
	struct toy_peer *peer;
	uint8_t host;
};

static struct second *second_new(struct rig *rig, const struct protocol_ops *protocol,
								 uint8_t host) {
	struct second *second = calloc(1, sizeof *second);
	struct tun_queue queues[SHARDS];
	second->rig = rig;
	second->host = host;
	second->snapshot.up = true;
	for (uint16_t i = 0; i < rig->shards; i++) {
		second->tuns[i] = fake_tun_new();
		queues[i] = fake_tun_of(second->tuns[i]);
	}
	rig_must(trie_new(&second->trie));
	second->peer = calloc(1, sizeof *second->peer);
	peer_init(&second->peer->peer, protocol, (uint16_t)(host % rig->shards));
	struct endpoint endpoint = rig_endpoint(host);
	struct prefix prefix = rig_prefix(false, host);
	peer_set_endpoint(&second->peer->peer, &endpoint, NULL);
	rig_must(trie_insert(second->trie, &prefix, second->peer));
	rig_must(trie_publish(second->trie, &second->snapshot.allowed_ips));
	const struct interface_options options = {
		.protocol = protocol, .mtu = RIG_MTU, .snapshot = &second->snapshot};
	rig_must(interface_new(rig->engine, &options, queues, &second->interface));
	struct lane *lane = &second->interface->lanes[second->peer->peer.owner];
	rig_must(lane_attach(lane, &second->peer->peer));
	(void)toy_begin(lane, second->peer, host, host);
	return second;
}

static void second_free(struct second *second) {
	interface_free(second->interface);
	assert_null(second->peer->peer.lane);
	for (uint16_t i = 0; i < second->rig->shards; i++) {
		assert_true(second->tuns[i]->freed);
		fake_tun_delete(second->tuns[i]);
	}
	trie_view_release(second->trie, second->snapshot.allowed_ips);
	trie_free(second->trie);
	free(second->peer);
	free(second);
}

/* A packet of the peer, as it comes from outside. */
static void put(struct fake_transport *transport, const struct toy_peer *peer, uint8_t host,
				uint8_t first, uint64_t counter) {
	uint8_t packet[2048], datagram[2048];
	size_t size = rig_packet(host, 99, (uint32_t)counter, SIZE, packet);
	struct endpoint from = rig_endpoint(host);
	uint32_t sealed = toy_seal(peer->current, counter, packet, (uint32_t)size, datagram);
	datagram[0] = first;
	fake_transport_put(transport, &from, datagram, sealed, sealed);
}

static size_t written(struct fake_tun *const *tuns) {
	size_t count = 0;
	for (uint16_t i = 0; i < SHARDS; i++) {
		count += tuns[i]->written_count;
		fake_tun_forget(tuns[i]);
	}
	return count;
}

static uint64_t figure_of(const struct interface *interface, uint16_t shard, enum figure figure) {
	struct figure_set figures;
	figures_read(interface, shard, 0, &figures);
	return figures.of[figure];
}

/* The rig's interface and a second one on one port: its transports. */
static struct rig *shared_rig(struct second **out_second) {
	struct rig *rig = rig_new(SHARDS, 2);
	(void)toy_begin(rig_lane(rig, 0), rig->peers[2], 2, 2);
	*out_second = second_new(rig, &second_toy_protocol, 4);
	rig_must(interface_join((*out_second)->interface, rig->interface));
	rig_turn(rig);
	return rig;
}

static void test_each_gets_its_own(void **state) {
	enum { EACH = 300 };
	struct second *second;
	struct rig *rig = shared_rig(&second);
	static uint8_t strangers[][24] = {{'S'}, {0x40, 1, 2}, {0xc3, 0, 0, 0, 1}, {0, 1, 0, 0, 0x21}};
	struct endpoint from = rig_endpoint(9);
	for (uint64_t i = 0; i < EACH; i++) {
		put(rig->v4[0], rig->peers[2], 2, 'D', i);
		put(rig->v4[0], second->peer, 4, SECOND_DATA, i);
		fake_transport_put(rig->v4[0], &from, strangers[i % 4], sizeof strangers[0], 24);
	}
	rig_settle(rig);
	assert_int_equal(written(rig->tuns), EACH);
	assert_int_equal(written(second->tuns), EACH);
	assert_int_equal(rig->peers[2]->received, EACH);
	assert_int_equal(second->peer->received, EACH);
	/* Each counts its own, though they were opened together; what is the port's both show. */
	assert_int_equal(figure_of(rig->interface, 0, FIGURE_OPENED_PACKETS), EACH);
	assert_int_equal(figure_of(second->interface, 0, FIGURE_OPENED_PACKETS), EACH);
	rig->v4[0]->counters->kernel_drops = 7;
	assert_int_equal(figure_of(rig->interface, 0, FIGURE_UDP_KERNEL_DROPS), 7);
	assert_int_equal(figure_of(second->interface, 0, FIGURE_UDP_KERNEL_DROPS), 7);
	/* And both send by it. */
	uint8_t packet[2048];
	size_t size = rig_packet(9, 2, 0, SIZE, packet);
	fake_tun_put(rig->tuns[1], NULL, packet, size);
	size = rig_packet(9, 4, 0, SIZE, packet);
	fake_tun_put(second->tuns[1], NULL, packet, size);
	rig_turn(rig);
	rig_turn(rig);
	assert_int_equal(rig->v4[0]->sent_count, 2);
	assert_int_equal(rig->v4[0]->sent[0].data[0], 'D');
	assert_int_equal(rig->v4[0]->sent[1].data[0], SECOND_DATA);
	second_free(second);
	rig_free(rig);
}

/* Sockets came and went, and a datagram reached the other shard. */
static void test_forwarded(void **state) {
	struct second *second;
	struct rig *rig = shared_rig(&second);
	put(rig->v4[1], second->peer, 4, SECOND_DATA, 1);
	put(rig->v4[1], rig->peers[2], 2, 'D', 1);
	shard_turn(rig_shard(rig, 1));
	rig_settle(rig);
	assert_int_equal(written(rig->tuns), 1);
	assert_int_equal(written(second->tuns), 1);
	/* On its way when its interface goes: nobody's, and no harm. */
	put(rig->v4[1], second->peer, 4, SECOND_DATA, 2);
	shard_turn(rig_shard(rig, 1));
	assert_int_equal(rig_shard(rig, 0)->forwarded, 1);
	second_free(second);
	assert_int_equal(rig_shard(rig, 0)->forwarded, 0);
	rig_free(rig);
}

static void test_refused(void **state) {
	struct second *second;
	struct rig *rig = shared_rig(&second), *elsewhere = rig_new(SHARDS, 0);
	struct second *third = second_new(rig, &second_toy_protocol, 6);
	assert_int_equal(interface_join(third->interface, rig->interface), ERR_EXISTS);
	assert_int_equal(interface_join(third->interface, elsewhere->interface), ERR_INVALID);
	assert_int_equal(interface_join(second->interface, rig->interface), ERR_OK);
	assert_int_equal(interface_join(rig->interface, rig->interface), ERR_OK);
	/* It goes on as it was: with nothing open. */
	rig_turn(rig);
	assert_int_equal(port_count(rig->interface->port), 2);
	assert_int_equal(port_count(third->interface->port), 1);
	put(rig->v4[0], second->peer, 4, SECOND_DATA, 1);
	rig_settle(rig);
	assert_int_equal(written(second->tuns), 1);
	assert_int_equal(written(third->tuns), 0);
	rig_free(elsewhere);
	second_free(third);
	second_free(second);
	rig_free(rig);
}

/* A port has one interface of a protocol, and so many protocols. */
static void test_limit(void **state) {
	struct second *second[LISTENER_LANES_MAX + 1];
	struct protocol_ops protocols[LISTENER_LANES_MAX + 1];
	struct rig *rig = rig_new(SHARDS, 0);
	for (size_t i = 1; i <= LISTENER_LANES_MAX; i++) {
		protocols[i] = second_toy_protocol;
		second[i] = second_new(rig, &protocols[i], 4);
		assert_int_equal(interface_join(second[i]->interface, rig->interface),
						 i < LISTENER_LANES_MAX ? ERR_OK : ERR_LIMIT);
	}
	rig_turn(rig);
	assert_int_equal(rig->interface->port->listeners[0].lane_count, LISTENER_LANES_MAX);
	/* Ports of their own have no limit: as many more. */
	struct second *others[3 * LISTENER_LANES_MAX];
	for (size_t i = 0; i < 3 * LISTENER_LANES_MAX; i++)
		others[i] = second_new(rig, &second_toy_protocol, 4);
	rig_settle(rig);
	for (size_t i = 0; i < 3 * LISTENER_LANES_MAX; i++)
		second_free(others[i]);
	for (size_t i = 1; i <= LISTENER_LANES_MAX; i++)
		second_free(second[i]);
	rig_free(rig);
}

/* Whoever opened the port goes; what waits in its sockets is the other's all the same. */
static void test_opener_goes(void **state) {
	enum { EACH = 100 };
	struct second *second;
	struct rig *rig = shared_rig(&second);
	for (uint64_t i = 0; i < EACH; i++) {
		put(rig->v4[0], second->peer, 4, SECOND_DATA, i);
		put(rig->v4[0], rig->peers[2], 2, 'D', i);
	}
	interface_free(rig->interface);
	assert_false(rig->v4[0]->freed || rig->v6[1]->freed);
	assert_true(rig->tuns[0]->freed);
	put(rig->v4[0], second->peer, 4, SECOND_DATA, EACH);
	rig_settle(rig);
	assert_int_equal(written(second->tuns), EACH + 1);
	assert_int_equal(rig->v4[0]->sent_count, 0);
	second_free(second);
	assert_true(rig->v4[0]->freed && rig->v6[1]->freed);
	rig->interface = NULL;
	rig_free(rig);
}

/* One of both opens another port, or closes: the other's sockets stay. */
static void test_leaving(void **state) {
	for (int closes = 0; closes < 2; closes++) {
		struct second *second;
		struct rig *rig = shared_rig(&second);
		struct fake_transport *fresh[SHARDS];
		struct transport v4[SHARDS];
		for (uint16_t i = 0; i < SHARDS; i++) {
			fresh[i] = fake_transport_new();
			v4[i] = fake_transport_of(fresh[i]);
		}
		rig_must(interface_set_transports(rig->interface, closes ? NULL : v4, NULL));
		rig_turn(rig);
		assert_false(rig->v4[0]->freed);
		put(rig->v4[0], second->peer, 4, SECOND_DATA, 1);
		put(rig->v4[0], rig->peers[2], 2, 'D', 1);
		if (!closes)
			put(fresh[0], rig->peers[2], 2, 'D', 2);
		rig_settle(rig);
		assert_int_equal(written(second->tuns), 1);
		assert_int_equal(written(rig->tuns), closes ? 0 : 1);
		/* It comes back, and its own port goes; what was about to leave there does. */
		if (!closes)
			shard_out_send_keepalive(rig_lane(rig, 0), &rig->peers[2]->peer);
		rig_must(interface_join(rig->interface, second->interface));
		rig_turn(rig);
		assert_true(closes || (fresh[0]->freed && fresh[0]->sent_count == 1));
		put(rig->v4[0], rig->peers[2], 2, 'D', 3);
		rig_settle(rig);
		assert_int_equal(written(rig->tuns), 1);
		engine_collect_all(rig->engine);
		/* Alone, it closes what both had. */
		second_free(second);
		assert_false(rig->v4[0]->freed);
		rig_must(interface_set_transports(rig->interface, NULL, NULL));
		rig_turn(rig);
		assert_true(rig->v4[0]->freed);
		for (uint16_t i = 0; i < SHARDS; i++)
			fake_transport_delete(fresh[i]);
		rig_free(rig);
	}
}

/*
 * Packets of the other shard's queue are on their way to a peer that goes with its interface, and
 * one is about to leave.
 */
static void test_under_way(void **state) {
	struct second *second;
	struct rig *rig = shared_rig(&second);
	uint8_t packet[2048];
	size_t size = rig_packet(9, 4, 0, SIZE, packet);
	fake_tun_put(second->tuns[1], NULL, packet, size);
	shard_turn(rig_shard(rig, 1));
	assert_int_equal(rig_shard(rig, 1)->pool.free_count, TUN_BUFFERS - 1);
	shard_out_send_keepalive(second->peer->peer.lane, &second->peer->peer);
	assert_int_equal(rig->v4[0]->sent_count, 0);
	second_free(second);
	assert_int_equal(rig_shard(rig, 1)->pool.free_count, TUN_BUFFERS);
	assert_int_equal(rig->v4[0]->sent_count, 1);
	rig_free(rig);
}

/* Strangers' handshakes with one of them are not the other's load. */
static void test_flood_of_one(void **state) {
	struct second *second;
	struct rig *rig = shared_rig(&second);
	struct endpoint from = rig_endpoint(9);
	uint8_t flood[40] = {'H'}, single[40] = {SECOND_HANDSHAKE};
	for (int i = 0; i < HANDSHAKE_QUEUE_SIZE + 9; i++)
		fake_transport_put(rig->v4[0], &from, flood, sizeof flood, sizeof flood);
	fake_transport_put(rig->v4[0], &from, single, sizeof single, sizeof single);
	while (rig->v4[0]->waiting_count > 0)
		shard_turn(rig_shard(rig, 0));
	const struct lane *lane = &second->interface->lanes[0];
	assert_int_equal(((const struct toy_lane *)lane->protocol_state)->handshakes, 1);
	assert_false(lane_under_load(lane));
	assert_true(lane_under_load(rig_lane(rig, 0)));
	assert_int_equal(figure_of(second->interface, 0, FIGURE_UNDER_LOAD), 0);
	second_free(second);
	rig_free(rig);
}

/* What a closed port received is still part of what the shard did: differences never wrap. */
static void test_traffic_of_those_that_left(void **state) {
	struct rig *rig = rig_new(SHARDS, 0);
	struct second *second = second_new(rig, &second_toy_protocol, 4);
	struct udp_counters *counters = &second->interface->port->listeners[1].v6_counters;
	counters->kernel_drops = 3;
	counters->received_datagrams = 20;
	counters->received_bytes = 1000;
	second_free(second);
	const struct fair_share_traffic *left = &rig_shard(rig, 1)->left;
	assert_int_equal(left->dropped, 3);
	assert_int_equal(left->datagrams, 20);
	assert_int_equal(left->bytes, 1000);
	rig_free(rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_gets_its_own),
		cmocka_unit_test(test_forwarded),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_opener_goes),
		cmocka_unit_test(test_leaving),
		cmocka_unit_test(test_under_way),
		cmocka_unit_test(test_flood_of_one),
		cmocka_unit_test(test_traffic_of_those_that_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
