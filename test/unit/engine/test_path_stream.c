#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/fake_stream.h"
#include "engine/path_stream.h"
#include "engine/rig.h"
#include "engine/stream_link.h"
#include "wire/virtio.h"

enum { KEY = 7, REMOTE = 5, PAYLOAD = 500, PACKET = 28 + PAYLOAD };
enum { WIRE = TOY_FRONT + (PACKET + TOY_PADDING - 1) / TOY_PADDING * TOY_PADDING + TOY_TAG };

struct way {
	struct rig *rig;
	struct fake_stream *fake;
	struct stream_link *link;
};

static struct way begin(void) {
	struct way way = {.rig = rig_new(1, 1), .fake = fake_stream_new()};
	struct lane *lane = rig_lane(way.rig, 0);
	const struct stream_link_options options = {.transport = fake_stream_of(way.fake),
												.from = rig_endpoint(1)};
	(void)toy_begin(lane, way.rig->peers[1], KEY, REMOTE);
	rig_must(stream_link_new(&options, &way.link));
	stream_link_attach(way.link, lane, &way.rig->peers[1]->peer);
	stream_link_use(way.link);
	return way;
}

static void end(struct way *way) {
	stream_link_end(way->link);
	rig_free(way->rig);
	fake_stream_delete(way->fake);
}

static void put(const struct way *way, uint32_t number) {
	uint8_t packet[2048];
	const size_t size = rig_packet(9, 1, number, PAYLOAD, packet);
	fake_tun_put(way->rig->tuns[0], NULL, packet, size);
}

/* What was written is whole packets, count of them, whose counters and payloads grow. */
static void assert_output(const struct way *way, size_t count, const uint32_t *numbers) {
	uint8_t key[AEAD_KEY_SIZE], opened[2048], expected[2048];
	memset(key, KEY, sizeof key);
	assert_int_equal(way->fake->output_size, count * WIRE);
	for (size_t i = 0; i < count; i++) {
		uint64_t counter;
		assert_true(toy_open(key, way->fake->output + i * WIRE, WIRE, &counter, opened));
		const size_t size = rig_packet(9, 1, numbers ? numbers[i] : (uint32_t)i, PAYLOAD, expected);
		assert_memory_equal(opened, expected, size);
	}
}

/* All of a turn in one write; nothing leaves as a datagram. */
static void test_one_write_a_turn(void **state) {
	enum { COUNT = 40 };
	struct way way = begin();
	for (uint32_t i = 0; i < COUNT; i++)
		put(&way, i);
	rig_turn(way.rig);
	assert_int_equal(way.fake->writes, 1);
	assert_output(&way, COUNT, NULL);
	assert_int_equal(way.rig->v4[0]->sent_count, 0);
	assert_int_equal(way.rig->peers[1]->peer.published.sent_bytes, COUNT * WIRE);
	end(&way);
}

/* Packets of a super-packet, the last one shorter, and what comes behind it. */
static void test_sizes_in_a_row(void **state) {
	static const uint32_t sizes[] = {900, 900, 300, 900, 1200, 40, 40, 1200};
	struct way way = begin();
	size_t sum = 0, at = 0, count = 0;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		uint8_t packet[2048];
		const size_t size = rig_packet(9, 1, (uint32_t)i, sizes[i], packet);
		fake_tun_put(way.rig->tuns[0], NULL, packet, size);
		sum += TOY_FRONT + (size + TOY_PADDING - 1) / TOY_PADDING * TOY_PADDING + TOY_TAG;
	}
	/* A part of the first only: the rest of it waits, and all others. */
	way.fake->room = 5;
	rig_turn(way.rig);
	assert_int_equal(way.fake->output_size, 5);
	way.fake->room = SIZE_MAX;
	put(&way, 0);
	rig_turn(way.rig);
	assert_int_equal(way.fake->output_size, sum + WIRE);
	for (; at < way.fake->output_size; count++) {
		size_t size = 0;
		assert_int_equal(toy_packet_size(way.fake->output + at, way.fake->output_size - at, &size),
						 ERR_OK);
		at += size;
	}
	assert_int_equal(count, sizeof sizes / sizeof sizes[0] + 1);
	assert_int_equal(at, way.fake->output_size);
	end(&way);
}

/* Without room so much waits, and what does not fit is dropped whole. */
static void test_full(void **state) {
	enum { KEPT = PATH_STREAM_WAITING_MAX / WIRE, COUNT = KEPT + 30, PART = WIRE + 7 };
	struct way way = begin();
	uint32_t numbers[KEPT + 2];
	way.fake->room = PART;
	/* One leaves, and a part of the second. */
	for (uint32_t i = 0; i < COUNT; i++)
		put(&way, i);
	rig_settle(way.rig);
	const struct lane_counters *counters = &rig_lane(way.rig, 0)->counters;
	assert_int_equal(way.fake->output_size, PART);
	const uint64_t dropped = counters->stream_dropped;
	/* Seven bytes left of the second, for which there may be room for one more. */
	const size_t kept = COUNT - (size_t)dropped;
	assert_true(kept == KEPT + 1 || kept == KEPT + 2);
	assert_int_equal(way.rig->peers[1]->peer.published.sent_bytes, kept * WIRE);
	/* Nothing is spoilt: the packets that were kept follow, whole, and then new ones. */
	way.fake->room = SIZE_MAX;
	put(&way, 5000);
	rig_settle(way.rig);
	for (uint32_t i = 0; i < kept; i++)
		numbers[i] = i;
	assert_int_equal(way.fake->output_size, (kept + 1) * WIRE);
	way.fake->output_size -= WIRE;
	assert_output(&way, kept, numbers);
	assert_int_equal(counters->stream_dropped, dropped);
	end(&way);
}

/* Room comes a few bytes at a time. */
static void test_trickle(void **state) {
	enum { COUNT = 300 };
	struct way way = begin();
	for (uint32_t i = 0; i < COUNT; i++) {
		put(&way, i);
		way.fake->room = 1 + i * 37 % (2 * WIRE - 200);
		rig_turn(way.rig);
	}
	way.fake->room = SIZE_MAX;
	rig_turn(way.rig);
	put(&way, COUNT);
	rig_turn(way.rig);
	assert_int_equal(rig_lane(way.rig, 0)->counters.stream_dropped, 0);
	assert_output(&way, COUNT + 1, NULL);
	end(&way);
}

/* More than the arena holds: it is flushed on the way, and nothing is written before it is sealed.
 */
static void test_many_flushes(void **state) {
	enum { COUNT = 1500 };
	struct way way = begin();
	for (uint32_t i = 0; i < COUNT; i++)
		put(&way, i);
	rig_settle(way.rig);
	assert_output(&way, COUNT, NULL);
	end(&way);
}

/* Packets of a test's own: | size 2 | number 4 | zeros |. */
static void make(uint8_t *slot, uint16_t size, uint32_t number) {
	memset(slot, 0, size);
	memcpy(slot, &size, sizeof size);
	memcpy(slot + sizeof size, &number, sizeof number);
}

/* Of what was written: whole packets, none twice and none before another; returns how many. */
static size_t count_packets(const struct fake_stream *fake) {
	size_t at = 0, count = 0;
	uint32_t last = 0;
	while (at < fake->output_size) {
		uint16_t size;
		uint32_t number;
		assert_true(fake->output_size - at >= sizeof size + sizeof number);
		memcpy(&size, fake->output + at, sizeof size);
		memcpy(&number, fake->output + at + sizeof size, sizeof number);
		assert_true(size >= 6 && size <= fake->output_size - at);
		assert_true(number > last);
		last = number;
		at += size;
		count++;
	}
	return count;
}

/* Runs of packets, the last of each often shorter, with room for fewer bytes than come. */
static void test_only_whole_packets_are_dropped(void **state) {
	enum { TURNS = 3000 };
	struct way way = begin();
	struct peer *peer = &way.rig->peers[1]->peer;
	struct outbox *outbox = &rig_lane(way.rig, 0)->listener->outbox;
	uint32_t number = 0, random = 1;
	way.fake->room = 0;
	for (int turn = 0; turn < TURNS; turn++) {
		for (int run = 0; run < 3; run++) {
			random = random * 1664525 + 1013904223;
			const uint32_t stride = 100 + random % 4 * 300, count = 1 + random / 16 % 6;
			const uint32_t last = random & 0x10000 ? stride : 20 + random / 512 % 60;
			uint8_t *slot = outbox_reserve(outbox, (count - 1) * stride + last);
			for (uint32_t i = 0; i < count; i++)
				make(slot + i * stride, (uint16_t)(i + 1 < count ? stride : last), ++number);
			assert_int_equal(peer->paths[0].ops->send(peer, 0, slot, (count - 1) * stride + last,
													  (uint16_t)(count > 1 ? stride : last),
													  UDP_WAY_ANY),
							 ERR_OK);
		}
		way.fake->room += random % 7 ? random / 64 % 6000 : 0;
		rig_turn(way.rig);
	}
	const uint64_t dropped = rig_lane(way.rig, 0)->counters.stream_dropped;
	way.fake->room = SIZE_MAX;
	make(outbox_reserve(outbox, 6), 6, ++number);
	(void)peer->paths[0].ops->send(peer, 0, outbox->arena + outbox->used - 6, 6, 6, UDP_WAY_ANY);
	rig_turn(way.rig);
	assert_true(dropped > TURNS / 10 && dropped < number / 2);
	assert_int_equal(count_packets(way.fake), number - dropped);
	assert_int_equal(peer->published.sent_bytes, way.fake->output_size);
	end(&way);
}

/* What broke is given up by the next turn, and the way is datagrams' again. */
static void test_broken(void **state) {
	struct way way = begin();
	struct toy_peer *peer = way.rig->peers[1];
	way.fake->write_error = ERR_IO;
	put(&way, 1);
	rig_turn(way.rig);
	assert_int_equal(peer->peer.published.sent_bytes, 0);
	rig_turn(way.rig);
	assert_int_equal(peer->links_lost, 1);
	assert_true(way.fake->freed);
	assert_int_equal(rig_lane(way.rig, 0)->counters.streams, 0);
	put(&way, 2);
	rig_turn(way.rig);
	assert_int_equal(way.rig->v4[0]->sent_count, 1);
	assert_int_equal(way.fake->writes, 1);
	rig_free(way.rig);
	fake_stream_delete(way.fake);
}

/* A farewell that is queued when it ends still leaves. */
static void test_last_words(void **state) {
	struct way way = begin();
	const struct path *path = &way.rig->peers[1]->peer.paths[0];
	struct outbox *outbox = &rig_lane(way.rig, 0)->listener->outbox;
	uint8_t *slot = outbox_reserve(outbox, 3);
	memcpy(slot, "bye", 3);
	assert_int_equal(path->ops->send(&way.rig->peers[1]->peer, 0, slot, 3, 3, UDP_WAY_ANY), ERR_OK);
	stream_link_end(way.link);
	rig_turn(way.rig);
	assert_int_equal(way.fake->output_size, 3);
	assert_true(way.fake->freed);
	rig_free(way.rig);
	fake_stream_delete(way.fake);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_write_a_turn),
		cmocka_unit_test(test_sizes_in_a_row),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_trickle),
		cmocka_unit_test(test_many_flushes),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_only_whole_packets_are_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
