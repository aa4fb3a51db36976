#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/figures.h"
#include "engine/rig.h"
#include "wire/uapi.h"

enum { KEY = 7, REMOTE = 1, PAYLOAD = 300 };

static struct toy_session *begin(struct rig *rig, uint8_t host) {
	struct toy_peer *peer = rig->peers[host];
	return toy_begin(rig_lane(rig, peer->peer.owner), peer, (uint8_t)(KEY + host), REMOTE);
}

static struct figure_set read_shard(const struct rig *rig, uint16_t shard) {
	struct figure_set figures;
	figures_read(rig->interface, shard, rig->now, &figures);
	return figures;
}

static void put_out(struct rig *rig, uint8_t host, uint32_t number) {
	uint8_t packet[2048];
	size_t size = rig_packet(9, host, number, PAYLOAD, packet);
	fake_tun_put(rig->tuns[0], NULL, packet, size);
}

static void put_in(struct rig *rig, const struct toy_session *session, uint64_t counter) {
	uint8_t packet[2048], sealed[2048];
	size_t size = rig_packet(1, 9, (uint32_t)counter, PAYLOAD, packet);
	uint32_t whole = toy_seal(session, counter, packet, (uint32_t)size, sealed);
	struct endpoint from = rig_endpoint(1);
	fake_transport_put(rig->v4[0], &from, sealed, whole, whole);
}

static void both_ways_are_counted(void **state) {
	enum { OUT = 5, IN = 3 };
	struct rig *rig = rig_new(1, 2);
	struct toy_session *session = begin(rig, 1);
	const struct figure_set before = read_shard(rig, 0);
	assert_int_equal(before.of[FIGURE_PEERS], 2);
	assert_int_equal(before.of[FIGURE_SEALED_PACKETS], 0);
	for (uint32_t i = 0; i < OUT; i++)
		put_out(rig, 1, i);
	put_out(rig, 77, 0);
	for (uint32_t i = 0; i < IN; i++)
		put_in(rig, session, i);
	rig_turn(rig);
	const struct figure_set after = read_shard(rig, 0);
	assert_int_equal(after.of[FIGURE_TURNS], before.of[FIGURE_TURNS] + 1);
	assert_int_equal(after.of[FIGURE_TUN_READS], OUT + 1);
	assert_int_equal(after.of[FIGURE_TUN_READ_PACKETS], OUT);
	assert_int_equal(after.of[FIGURE_NO_ROUTE], 1);
	assert_int_equal(after.of[FIGURE_SEALED_BATCHES], 1);
	assert_int_equal(after.of[FIGURE_SEALED_PACKETS], OUT);
	assert_int_equal(after.of[FIGURE_OPENED_BATCHES], 1);
	assert_int_equal(after.of[FIGURE_OPENED_PACKETS], IN);
	assert_int_equal(after.of[FIGURE_TUN_WRITES], IN);
	assert_int_equal(after.of[FIGURE_TUN_WRITTEN_PACKETS], IN);
	/* What cannot be sent, and what cannot be written. */
	rig->v4[0]->next_error = ERR_LIMIT;
	rig->tuns[0]->write_error = ERR_IO;
	put_out(rig, 1, 9);
	put_in(rig, session, IN);
	rig_turn(rig);
	const struct figure_set last = read_shard(rig, 0);
	assert_int_equal(last.of[FIGURE_UNSENT], 1);
	assert_int_equal(last.of[FIGURE_TUN_WRITE_ERRORS], 1);
	assert_int_equal(last.of[FIGURE_TUN_WRITES], IN);
	rig_free(rig);
}

static void joined_packets_count_each(void **state) {
	enum { IN = 4 };
	struct rig *rig = rig_new_joining(1, 1, (struct coalesce_options){.udp = true});
	struct toy_session *session = begin(rig, 1);
	for (uint32_t i = 0; i < IN; i++)
		put_in(rig, session, i);
	rig_turn(rig);
	const struct figure_set figures = read_shard(rig, 0);
	assert_int_equal(figures.of[FIGURE_TUN_UDP], 1);
	assert_int_equal(figures.of[FIGURE_TUN_TCP], 0);
	assert_int_equal(figures.of[FIGURE_TUN_WRITES], 1);
	assert_int_equal(figures.of[FIGURE_TUN_WRITTEN_PACKETS], IN);
	rig_free(rig);
}

static void sockets_are_counted_one_after_the_other(void **state) {
	struct rig *rig = rig_new(1, 0);
	struct udp_counters *v4 = rig->v4[0]->counters, *v6 = rig->v6[0]->counters;
	assert_true(v4 != NULL && v6 != NULL && v4 != v6);
	v4->sent_datagrams = 5;
	v6->sent_datagrams = 7;
	v4->kernel_drops = 3;
	v4->segments = v4->coalesces = v6->coalesces = true;
	struct figure_set figures = read_shard(rig, 0);
	assert_int_equal(figures.of[FIGURE_UDP_SENT_DATAGRAMS], 12);
	assert_int_equal(figures.of[FIGURE_UDP_KERNEL_DROPS], 3);
	assert_int_equal(figures.of[FIGURE_UDP_SEGMENTATION], 0);
	assert_int_equal(figures.of[FIGURE_UDP_COALESCING], 1);
	v6->segments = true;
	assert_int_equal(read_shard(rig, 0).of[FIGURE_UDP_SEGMENTATION], 1);
	/* Closed: nothing is in use, and what was counted stays. */
	assert_int_equal(interface_set_transports(rig->interface, NULL, NULL), ERR_OK);
	rig_turn(rig);
	figures = read_shard(rig, 0);
	assert_int_equal(figures.of[FIGURE_UDP_SEGMENTATION], 0);
	assert_int_equal(figures.of[FIGURE_UDP_COALESCING], 0);
	assert_int_equal(figures.of[FIGURE_UDP_SENT_DATAGRAMS], 12);
	rig_free(rig);
}

static void handshakes_are_counted(void **state) {
	struct rig *rig = rig_new(1, 0);
	const uint8_t handshake[] = "H";
	struct endpoint from = rig_endpoint(50);
	for (size_t i = 0; i < HANDSHAKE_QUEUE_SIZE + 3; i++)
		fake_transport_put(rig->v4[0], &from, handshake, 1, 1);
	assert_int_equal(read_shard(rig, 0).of[FIGURE_UNDER_LOAD], 0);
	rig_turn(rig);
	struct figure_set figures = read_shard(rig, 0);
	assert_int_equal(figures.of[FIGURE_HANDSHAKES], HANDSHAKE_QUEUE_SIZE);
	assert_int_equal(figures.of[FIGURE_HANDSHAKES_DROPPED], 3);
	assert_int_equal(figures.of[FIGURE_UNDER_LOAD], 1);
	rig->now += 2 * HANDSHAKE_LOAD_HELD;
	assert_int_equal(read_shard(rig, 0).of[FIGURE_UNDER_LOAD], 0);
	rig_free(rig);
}

static void shards_are_told_apart(void **state) {
	struct rig *rig = rig_new(2, 3);
	assert_int_equal(read_shard(rig, 0).of[FIGURE_PEERS], 1);
	assert_int_equal(read_shard(rig, 1).of[FIGURE_PEERS], 2);
	lane_detach(rig_lane(rig, 1), &rig->peers[1]->peer);
	assert_int_equal(read_shard(rig, 1).of[FIGURE_PEERS], 1);
	rig_free(rig);
}

static void lines_are_by_shard(void **state) {
	struct rig *rig = rig_new(2, 3);
	struct uapi_text text = {.data = NULL};
	figures_put(rig->interface, &text);
	assert_int_equal(text.error, ERR_OK);
	char whole[1024] = "", expected[256];
	assert_true(text.size < sizeof whole);
	memcpy(whole, text.data, text.size);
	const char *aead = aead_backend_name(engine_get_options(rig->engine)->backend);
	unsigned turns = (unsigned)read_shard(rig, 0).of[FIGURE_TURNS];
	(void)snprintf(expected, sizeof expected,
				   "aead=%s\nshard=0\nturns=%u\npeers=1\nshard=1\nturns=%u\npeers=2\n", aead, turns,
				   turns);
	assert_string_equal(whole, expected);
	uapi_text_done(&text);
	rig_free(rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways_are_counted),
		cmocka_unit_test(joined_packets_count_each),
		cmocka_unit_test(sockets_are_counted_one_after_the_other),
		cmocka_unit_test(handshakes_are_counted),
		cmocka_unit_test(shards_are_told_apart),
		cmocka_unit_test(lines_are_by_shard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
