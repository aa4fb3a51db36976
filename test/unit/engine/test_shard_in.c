#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/rig.h"

enum { KEY = 7, SIZE = 500 };

static struct toy_session *begin(struct rig *rig, uint8_t host) {
	struct toy_peer *peer = rig->peers[host];
	return toy_begin(rig_lane(rig, peer->peer.owner), peer, (uint8_t)(KEY + host), 1);
}

/* One sealed packet of a payload made of number arrives from the host's own address. */
static void put(struct rig *rig, uint16_t shard, const struct toy_session *session,
				uint64_t counter, uint8_t source, uint32_t number) {
	uint8_t packet[2048], sealed[2048];
	size_t size = rig_packet(source, 9, number, SIZE, packet);
	uint32_t whole = toy_seal(session, counter, packet, (uint32_t)size, sealed);
	struct endpoint from = rig_endpoint(source);
	fake_transport_put(rig->v4[shard], &from, sealed, whole, whole);
}

static void assert_written(const struct rig *rig, uint16_t shard, size_t index, uint8_t source,
						   uint32_t number) {
	uint8_t packet[2048];
	size_t size = rig_packet(source, 9, number, SIZE, packet);
	const struct fake_packet *written = &rig->tuns[shard]->written[index];
	assert_int_equal(written->size, VIRTIO_HEADER_SIZE + size);
	assert_memory_equal(written->data + VIRTIO_HEADER_SIZE, packet, size);
}

static void test_more_than_a_chunk(void **state) {
	enum { COUNT = 600 };
	struct rig *rig = rig_new(1, 2);
	struct toy_session *sessions[] = {begin(rig, 1), begin(rig, 2)};
	for (uint32_t i = 0; i < COUNT; i++)
		put(rig, 0, sessions[i % 2], i, (uint8_t)(i % 2 + 1), i);
	rig_settle(rig);
	assert_int_equal(rig->tuns[0]->written_count, COUNT);
	for (uint32_t i = 0; i < COUNT; i++)
		assert_written(rig, 0, i, (uint8_t)(i % 2 + 1), i);
	uint32_t wire = TOY_FRONT + 28 + SIZE + TOY_TAG;
	for (uint8_t host = 1; host <= 2; host++) {
		struct endpoint from = rig_endpoint(host);
		assert_int_equal(rig->peers[host]->received, COUNT / 2);
		assert_int_equal(rig->peers[host]->received_data, COUNT / 2);
		assert_int_equal(rig->peers[host]->peer.published.received_bytes, COUNT / 2 * wire);
		assert_true(endpoint_equal(&rig->peers[host]->from, &from));
	}
	rig_free(rig);
}

/* Segments of one buffer are one run; the last may be shorter; a keepalive has nothing inside. */
static void test_buffer_of_segments(void **state) {
	struct rig *rig = rig_new(1, 1);
	struct toy_session *session = begin(rig, 1);
	uint8_t packet[2048], buffer[4096];
	uint32_t used = 0, segment = 0;
	for (uint32_t i = 0; i < 3; i++) {
		size_t size = rig_packet(1, 9, i, SIZE, packet);
		segment = toy_seal(session, i, packet, (uint32_t)size, buffer + used);
		used += segment;
	}
	used += toy_seal(session, 3, NULL, 0, buffer + used);
	struct endpoint from = rig_endpoint(50);
	fake_transport_put(rig->v4[0], &from, buffer, used, segment);
	rig_turn(rig);
	assert_int_equal(rig->tuns[0]->written_count, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_written(rig, 0, i, 1, i);
	assert_int_equal(rig->peers[1]->runs, 1);
	assert_int_equal(rig->peers[1]->received, 4);
	assert_int_equal(rig->peers[1]->received_data, 3);
	assert_int_equal(rig->peers[1]->peer.published.received_bytes, used);
	assert_true(endpoint_equal(&rig->peers[1]->from, &from));
	rig_free(rig);
}

static void test_refused(void **state) {
	struct rig *rig = rig_new(1, 2);
	struct lane *lane = rig_lane(rig, 0);
	struct toy_session *session = begin(rig, 1);
	uint8_t packet[2048], sealed[2048];
	struct endpoint from = rig_endpoint(1);
	/* Whose inside is another peer's address, nobody's, or its own. */
	put(rig, 0, session, 0, 2, 0);
	put(rig, 0, session, 1, 99, 1);
	put(rig, 0, session, 2, 1, 2);
	/* Twice in one batch, and again after it. */
	put(rig, 0, session, 2, 1, 2);
	rig_turn(rig);
	assert_int_equal(lane->counters.wrong_source, 2);
	assert_int_equal(lane->counters.replayed, 1);
	assert_int_equal(rig->tuns[0]->written_count, 1);
	assert_written(rig, 0, 0, 1, 2);
	assert_int_equal(rig->peers[1]->received, 3);
	put(rig, 0, session, 2, 1, 2);
	rig_turn(rig);
	assert_int_equal(rig->peers[1]->received, 3);
	/* Forged: the counter may still come. */
	size_t size = rig_packet(1, 9, 5, SIZE, packet);
	uint32_t whole = toy_seal(session, 5, packet, (uint32_t)size, sealed);
	for (uint32_t at = 8; at < whole; at += 61) {
		sealed[at] ^= 1;
		fake_transport_put(rig->v4[0], &from, sealed, whole, whole);
		sealed[at] ^= 1;
	}
	fake_transport_put(rig->v4[0], &from, sealed, TOY_FRONT + TOY_TAG - 1, whole);
	fake_transport_put(rig->v4[0], &from, sealed, whole - 1, whole);
	rig_turn(rig);
	assert_true(lane->counters.forged > 5);
	assert_int_equal(rig->peers[1]->received, 3);
	assert_int_equal(rig->tuns[0]->written_count, 1);
	fake_transport_put(rig->v4[0], &from, sealed, whole, whole);
	/* Authentic, but no packet: the first nibble, its length, control frames. */
	whole = toy_seal(session, 6, (const uint8_t *)"\x70", 1, sealed);
	fake_transport_put(rig->v4[0], &from, sealed, whole, whole);
	whole = toy_seal(session, 7, packet, 100, sealed);
	fake_transport_put(rig->v4[0], &from, sealed, whole, whole);
	whole = toy_seal(session, 8, (const uint8_t *)"\0\1\0\0", 4, sealed);
	fake_transport_put(rig->v4[0], &from, sealed, whole, whole);
	/* Nobody's, and empty. */
	fake_transport_put(rig->v4[0], &from, (const uint8_t *)"xyz", 3, 3);
	fake_transport_put(rig->v4[0], &from, (const uint8_t *)"", 0, 0);
	rig_turn(rig);
	assert_int_equal(lane->counters.malformed, 2);
	assert_int_equal(lane->counters.control_dropped, 1);
	assert_int_equal(rig->peers[1]->received, 7);
	assert_int_equal(rig->tuns[0]->written_count, 2);
	assert_written(rig, 0, 1, 1, 5);
	rig_free(rig);
}

/* Where a run is from is where its packets are from, also when a message from elsewhere ends it. */
static void test_messages(void **state) {
	struct rig *rig = rig_new(1, 2);
	const struct toy_session *session = begin(rig, 1);
	const struct toy_peer *peer = rig->peers[1];
	const struct endpoint own = rig_endpoint(1), elsewhere = rig_endpoint(50);
	uint8_t sealed[2048];
	put(rig, 0, session, 0, 1, 0);
	for (uint64_t counter = 1; counter <= 2; counter++) {
		uint32_t whole = toy_seal(session, counter, (const uint8_t *)"x", 1, sealed);
		sealed[0] = 'M';
		fake_transport_put(rig->v4[0], &elsewhere, sealed, whole, whole);
		rig_turn(rig);
		assert_int_equal(peer->runs, counter);
		assert_int_equal(peer->received, counter + 1);
		assert_int_equal(peer->received_data, 1);
		assert_int_equal(peer->messages, counter);
		assert_true(endpoint_equal(&peer->from, &own));
	}
	assert_int_equal(rig->tuns[0]->written_count, 1);
	rig_free(rig);
}

/* A session that ends in received() is named by datagrams behind it in the same chunk. */
static void test_session_ends_in_received(void **state) {
	struct rig *rig = rig_new(1, 2);
	struct toy_session *ending = begin(rig, 1), *other = begin(rig, 2);
	rig->peers[1]->ends_in_received = true;
	for (uint32_t i = 0; i < FAKE_BATCH / 2; i++) {
		put(rig, 0, ending, i, 1, i);
		put(rig, 0, other, i, 2, i);
	}
	uint32_t index = ending->session.local_index;
	rig_turn(rig);
	assert_int_equal(rig->peers[1]->received, FAKE_BATCH / 2);
	assert_int_equal(rig->peers[2]->received, FAKE_BATCH / 2);
	assert_int_equal(rig->tuns[0]->written_count, FAKE_BATCH);
	assert_null(rig->peers[1]->current);
	assert_null(index_table_find(rig_shard(rig, 0)->indices, index));
	rig_free(rig);
}

/* The address moved to another peer while no packet came, and the new snapshot lies at the place
 * of the old one, as one from malloc() may. */
static void test_source_moves(void **state) {
	struct rig *rig = rig_new(1, 2);
	struct toy_session *session = begin(rig, 1);
	put(rig, 0, session, 0, 1, 0);
	rig_turn(rig);
	assert_int_equal(rig->tuns[0]->written_count, 1);
	struct prefix prefix = rig_prefix(false, 1);
	const struct trie_view *before = rig->snapshot.allowed_ips;
	rig_must(trie_insert(rig->trie, &prefix, rig->peers[2]));
	rig_must(trie_publish(rig->trie, &rig->snapshot.allowed_ips));
	trie_view_release(rig->trie, before);
	put(rig, 0, session, 1, 1, 1);
	rig_turn(rig);
	assert_int_equal(rig->tuns[0]->written_count, 1);
	assert_int_equal(rig_lane(rig, 0)->counters.wrong_source, 1);
	rig_free(rig);
}

/* Datagrams that reach the wrong shard get to their session's. */
static void test_elsewhere(void **state) {
	struct rig *rig = rig_new(2, 2);
	struct toy_session *session = begin(rig, 1);
	assert_int_equal(session->session.local_index % INDEX_TABLE_SHARDS, 1);
	for (uint32_t i = 0; i < 3; i++)
		put(rig, 0, session, i, 1, i);
	shard_turn(rig_shard(rig, 0));
	assert_int_equal(rig->tuns[0]->written_count, 0);
	shard_turn(rig_shard(rig, 1));
	assert_int_equal(rig->tuns[1]->written_count, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_written(rig, 1, i, 1, i);
	/* One that nobody has goes nowhere; one for which no turn comes is freed at the end. */
	toy_end(rig_shard(rig, 1), session);
	put(rig, 0, session, 9, 1, 9);
	shard_turn(rig_shard(rig, 0));
	rig_turn(rig);
	assert_int_equal(rig->tuns[1]->written_count, 3);
	struct toy_session *late = begin(rig, 1);
	put(rig, 0, late, 0, 1, 0);
	shard_turn(rig_shard(rig, 0));
	rig_free(rig);
}

/* Strangers can choose what goes elsewhere, so that there is a limit to what waits there. */
static void test_elsewhere_limit(void **state) {
	struct rig *rig = rig_new(2, 2);
	struct toy_session *session = begin(rig, 1);
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < SHARD_FORWARDED_MAX + 50; i++)
			put(rig, 0, session, round * 1000 + i, 1, i);
		do
			shard_turn(rig_shard(rig, 0));
		while (shard_next(rig_shard(rig, 0)) == 0);
		shard_turn(rig_shard(rig, 1));
		assert_int_equal(rig->tuns[1]->written_count, SHARD_FORWARDED_MAX);
		assert_written(rig, 1, SHARD_FORWARDED_MAX - 1, 1, SHARD_FORWARDED_MAX - 1);
		fake_tun_forget(rig->tuns[1]);
	}
	rig_free(rig);
}

static void test_handshakes(void **state) {
	enum { COUNT = 300, LARGE = HANDSHAKE_DATAGRAM_MAX + 1 };
	struct rig *rig = rig_new(1, 1);
	const struct toy_lane *lane = rig_lane(rig, 0)->protocol_state;
	static uint8_t data[LARGE] = "H";
	struct endpoint from = rig_endpoint(1);
	assert_false(lane_under_load(rig_lane(rig, 0)));
	for (uint32_t i = 0; i < COUNT; i++)
		fake_transport_put(rig->v4[0], &from, data, 20, 20);
	fake_transport_put(rig->v4[0], &from, data, LARGE, LARGE);
	rig_turn(rig);
	assert_int_equal(lane->handshakes, COUNT);
	assert_true(lane_under_load(rig_lane(rig, 0)));
	rig->now += HANDSHAKE_LOAD_HELD;
	rig_turn(rig);
	assert_false(lane_under_load(rig_lane(rig, 0)));
	rig_free(rig);
}

static void test_tun_refuses(void **state) {
	struct rig *rig = rig_new(1, 1);
	struct toy_session *session = begin(rig, 1);
	rig->tuns[0]->write_error = ERR_IO;
	put(rig, 0, session, 0, 1, 0);
	rig_turn(rig);
	assert_int_equal(rig_lane(rig, 0)->counters.tun_errors, 1);
	rig->tuns[0]->write_error = ERR_OK;
	put(rig, 0, session, 1, 1, 1);
	rig_turn(rig);
	assert_int_equal(rig_lane(rig, 0)->counters.tun_written_calls, 1);
	rig_free(rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_more_than_a_chunk), cmocka_unit_test(test_buffer_of_segments),
		cmocka_unit_test(test_refused),           cmocka_unit_test(test_session_ends_in_received),
		cmocka_unit_test(test_messages),          cmocka_unit_test(test_source_moves),
		cmocka_unit_test(test_elsewhere),         cmocka_unit_test(test_elsewhere_limit),
		cmocka_unit_test(test_handshakes),        cmocka_unit_test(test_tun_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
