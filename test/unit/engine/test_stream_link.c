#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/fake_stream.h"
#include "engine/path_stream.h"
#include "engine/rig.h"
#include "engine/stream_link.h"
#include "transport/tcp/tcp_transport.h"

enum { KEY = 7, REMOTE = 1, SIZE = 500 };
enum { WIRE = TOY_FRONT + 28 + SIZE + TOY_TAG };

struct way {
	struct rig *rig;
	struct fake_stream *fake;
	struct toy_session *session;
	struct stream_link *link;
};

static struct way begin_with(struct slice early) {
	struct way way = {.rig = rig_new(1, 2), .fake = fake_stream_new()};
	struct lane *lane = rig_lane(way.rig, 0);
	const struct stream_link_options options = {
		.transport = fake_stream_of(way.fake), .from = rig_endpoint(60), .early = early};
	way.session = toy_begin(lane, way.rig->peers[1], KEY, REMOTE);
	rig_must(stream_link_new(&options, &way.link));
	stream_link_attach(way.link, lane, &way.rig->peers[1]->peer);
	return way;
}

static struct way begin(void) {
	return begin_with(slice_of(NULL, 0));
}

static void end(struct way *way) {
	stream_link_end(way->link);
	rig_free(way->rig);
	fake_stream_delete(way->fake);
}

/* What the link was given up for. */
static void end_lost(struct way *way) {
	assert_int_equal(way->rig->peers[1]->links_lost, 1);
	assert_int_equal(rig_lane(way->rig, 0)->counters.streams, 0);
	assert_true(way->fake->freed);
	rig_free(way->rig);
	fake_stream_delete(way->fake);
}

static uint32_t seal(const struct toy_session *session, uint64_t counter, uint8_t *out) {
	uint8_t packet[2048];
	const size_t size = rig_packet(1, 9, (uint32_t)counter, SIZE, packet);
	return toy_seal(session, counter, packet, (uint32_t)size, out);
}

static void put(const struct way *way, uint64_t counter) {
	uint8_t sealed[2048];
	fake_stream_put(way->fake, sealed, seal(way->session, counter, sealed));
}

static void assert_written(const struct rig *rig, size_t count) {
	uint8_t packet[2048];
	assert_int_equal(rig->tuns[0]->written_count, count);
	for (size_t i = 0; i < count; i++) {
		const struct fake_packet *written = &rig->tuns[0]->written[i];
		const size_t size = rig_packet(1, 9, (uint32_t)i, SIZE, packet);
		assert_int_equal(written->size, VIRTIO_HEADER_SIZE + size);
		assert_memory_equal(written->data + VIRTIO_HEADER_SIZE, packet, size);
	}
}

/* However the bytes come cut. */
static void test_cuts(void **state) {
	enum { COUNT = 20 };
	static const size_t cuts[] = {0, 1, 3, TOY_FRONT, WIRE - 1, WIRE, WIRE + 1, 3 * WIRE - 2};
	for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
		struct way way = begin();
		const struct endpoint from = rig_endpoint(60);
		way.fake->read_max = cuts[i];
		for (uint64_t j = 0; j < COUNT; j++)
			put(&way, j);
		while (way.fake->input_at < way.fake->input_size)
			rig_turn(way.rig);
		assert_written(way.rig, COUNT);
		assert_int_equal(way.rig->peers[1]->received, COUNT);
		assert_int_equal(way.rig->peers[1]->peer.published.received_bytes, COUNT * WIRE);
		assert_true(endpoint_equal(&way.rig->peers[1]->from, &from));
		end(&way);
	}
}

/* All in one batch; more than a batch; more than a turn reads, whose rest the next one does. */
static void test_batches(void **state) {
	enum { COUNT = 900 };
	_Static_assert(COUNT * WIRE > STREAM_LINK_TURN_BYTES, "more than a turn's");
	struct way way = begin();
	for (uint64_t i = 0; i < COUNT; i++)
		put(&way, i);
	rig_turn(way.rig);
	assert_true(way.fake->input_at >= STREAM_LINK_TURN_BYTES);
	assert_true(way.fake->input_at < STREAM_LINK_TURN_BYTES + STREAM_LINK_READ);
	assert_int_equal(shard_next(rig_shard(way.rig, 0)), 0);
	rig_settle(way.rig);
	assert_written(way.rig, COUNT);
	const struct lane_counters *counters = &rig_lane(way.rig, 0)->counters;
	assert_int_equal(counters->opened_packets, COUNT);
	assert_true(counters->opened_batches < COUNT / 50);
	end(&way);
}

/* What was read before: whole packets, and the beginning of one whose end comes later. */
static void test_early(void **state) {
	struct way model = begin();
	uint8_t early[3 * WIRE];
	for (uint64_t i = 0; i < 3; i++)
		(void)seal(model.session, i, early + i * WIRE);
	for (size_t size = 1; size <= sizeof early; size += 97) {
		struct way way = begin_with(slice_of(early, size));
		/* Sealed for another session with the same keys: only the index tells them apart. */
		for (size_t i = 0; i < 3; i++)
			memcpy(early + i * WIRE + 4, &(uint32_t){htole32(way.session->session.local_index)}, 4);
		stream_link_end(way.link);
		rig_turn(way.rig);
		assert_true(way.fake->freed);
		way.fake->freed = false;
		const struct stream_link_options options = {.transport = fake_stream_of(way.fake),
													.early = slice_of(early, size)};
		rig_must(stream_link_new(&options, &way.link));
		stream_link_attach(way.link, rig_lane(way.rig, 0), &way.rig->peers[1]->peer);
		rig_turn(way.rig);
		assert_written(way.rig, size / WIRE);
		fake_stream_put(way.fake, early + size, sizeof early - size);
		rig_turn(way.rig);
		assert_written(way.rig, 3);
		end(&way);
	}
	end(&model);
	/* Too much, or never attached. */
	struct fake_stream *fake = fake_stream_new();
	struct stream_link *link;
	const struct stream_link_options options = {
		.transport = fake_stream_of(fake),
		.early = {.data = early, .size = STREAM_LINK_PACKET_MAX + 1}};
	assert_int_equal(stream_link_new(&options, &link), ERR_LIMIT);
	assert_true(fake->freed);
	const struct stream_link_options good = {.transport = fake_stream_of(fake),
											 .early = slice_of(early, 5)};
	fake->freed = false;
	rig_must(stream_link_new(&good, &link));
	stream_link_free(link);
	fake_stream_delete(fake);
}

/* The other end had closed it before anybody looked: what it said counts all the same. */
static void test_early_end(void **state) {
	struct way way = begin();
	uint8_t early[2 * WIRE];
	for (uint64_t i = 0; i < 2; i++)
		(void)seal(way.session, i, early + i * WIRE);
	stream_link_end(way.link);
	rig_turn(way.rig);
	const struct stream_link_options options = {.transport = fake_stream_of(way.fake),
												.early = slice_of(early, sizeof early)};
	way.fake->freed = false;
	way.fake->end = ERR_CLOSED;
	rig_must(stream_link_new(&options, &way.link));
	stream_link_attach(way.link, rig_lane(way.rig, 0), &way.rig->peers[1]->peer);
	rig_turn(way.rig);
	assert_written(way.rig, 2);
	end_lost(&way);
}

static void test_closed(void **state) {
	static const enum err ends[] = {ERR_CLOSED, ERR_IO};
	for (size_t i = 0; i < 2; i++) {
		struct way way = begin();
		put(&way, 0);
		fake_stream_put(way.fake, "D", 1);
		rig_turn(way.rig);
		assert_int_equal(way.rig->peers[1]->links_lost, 0);
		way.fake->end = ends[i];
		rig_turn(way.rig);
		assert_written(way.rig, 1);
		end_lost(&way);
	}
}

/* What does not open, is no packet, another peer's or nobody's, or longer than any: what came
 * before counts. */
static void test_refused(void **state) {
	enum { FORGED, NO_PACKET, ANOTHERS, HANDSHAKE, NOBODYS, EMPTY, KINDS };
	for (int kind = 0; kind < KINDS; kind++) {
		struct way way = begin();
		uint8_t sealed[2048];
		size_t size = seal(way.session, 1, sealed);
		put(&way, 0);
		switch (kind) {
		case FORGED:
			sealed[WIRE - 1] ^= 1;
			break;
		case NO_PACKET:
			sealed[0] = 'x';
			break;
		case ANOTHERS:
			size = seal(toy_begin(rig_lane(way.rig, 0), way.rig->peers[2], KEY, REMOTE), 1, sealed);
			break;
		case HANDSHAKE:
			sealed[0] = 'H';
			break;
		case NOBODYS:
			size = TOY_FRONT;
			memcpy(sealed + 2, &(uint16_t){htole16(TOY_FRONT)}, 2);
			break;
		default:
			memset(sealed + 2, 0, 2);
			break;
		}
		fake_stream_put(way.fake, sealed, size);
		put(&way, 2);
		rig_turn(way.rig);
		assert_int_equal(way.rig->peers[1]->links_lost, 1);
		rig_turn(way.rig);
		/* With what is no packet nothing behind it is looked for. */
		assert_int_equal(way.rig->tuns[0]->written_count, kind == FORGED ? 2 : 1);
		assert_int_equal(rig_lane(way.rig, 0)->counters.forged, kind == FORGED);
		end_lost(&way);
	}
}

/* Of a session that just ended, or come twice: passed over, as it may be nobody's fault. */
static void test_passed_over(void **state) {
	struct way way = begin();
	uint8_t sealed[2048];
	put(&way, 0);
	put(&way, 0);
	const size_t size = seal(way.session, 9, sealed);
	sealed[4] ^= 0x10;
	fake_stream_put(way.fake, sealed, size);
	put(&way, 1);
	rig_turn(way.rig);
	assert_written(way.rig, 2);
	assert_int_equal(way.rig->peers[1]->links_lost, 0);
	end(&way);
}

/* Whoever sends datagrams that do not open ends nobody's connection. */
static void test_forged_datagrams(void **state) {
	struct way way = begin();
	const struct endpoint from = rig_endpoint(70);
	uint8_t sealed[2048];
	const uint32_t size = seal(way.session, 7, sealed);
	sealed[WIRE - 1] ^= 1;
	fake_transport_put(way.rig->v4[0], &from, sealed, size, size);
	put(&way, 0);
	rig_turn(way.rig);
	assert_int_equal(rig_lane(way.rig, 0)->counters.forged, 1);
	assert_int_equal(way.rig->peers[1]->links_lost, 0);
	assert_written(way.rig, 1);
	end(&way);
}

/* Its session ends in the middle of what is read, and with it the link. */
static void test_ends_in_received(void **state) {
	struct way way = begin();
	way.rig->peers[1]->ends_in_received = true;
	for (uint64_t i = 0; i < 400; i++)
		put(&way, i);
	rig_settle(way.rig);
	assert_int_equal(way.rig->peers[1]->links_lost, 0);
	end(&way);
}

/* None of many goes without. */
static void test_fairness(void **state) {
	enum { LINKS = 6, BYTES = 1024 * 1024 };
	struct rig *rig = rig_new(1, 1);
	struct lane *lane = rig_lane(rig, 0);
	struct toy_session *session = toy_begin(lane, rig->peers[1], KEY, REMOTE);
	struct fake_stream *fakes[LINKS];
	struct stream_link *links[LINKS];
	uint8_t sealed[2048];
	const size_t size = seal(session, 0, sealed);
	for (size_t i = 0; i < LINKS; i++) {
		fakes[i] = fake_stream_new();
		for (size_t j = 0; j < BYTES / size; j++)
			fake_stream_put(fakes[i], sealed, size);
		const struct stream_link_options options = {.transport = fake_stream_of(fakes[i])};
		rig_must(stream_link_new(&options, &links[i]));
		stream_link_attach(links[i], lane, &rig->peers[1]->peer);
	}
	for (size_t turn = 1; turn <= 9; turn++) {
		size_t least = SIZE_MAX, most = 0;
		rig_turn(rig);
		for (size_t i = 0; i < LINKS; i++) {
			least = fakes[i]->input_at < least ? fakes[i]->input_at : least;
			most = fakes[i]->input_at > most ? fakes[i]->input_at : most;
		}
		assert_true(most - least <= STREAM_LINK_READ);
	}
	for (size_t i = 0; i < LINKS; i++)
		stream_link_end(links[i]);
	rig_free(rig);
	for (size_t i = 0; i < LINKS; i++)
		fake_stream_delete(fakes[i]);
}

/* Sockets of the kernel, for which the shard's loop waits: both ways, a full one, and its end. */
static void test_sockets(void **state) {
	enum { COUNT = 1200 };
	int pair[2];
	struct rig *rig = rig_new(1, 1);
	struct lane *lane = rig_lane(rig, 0);
	struct shard *shard = rig_shard(rig, 0);
	struct toy_session *session = toy_begin(lane, rig->peers[1], KEY, REMOTE);
	struct stream_link_options options = {.from = rig_endpoint(1)};
	struct stream_link *link;
	uint8_t sealed[2048], bytes[65536], packet[2048];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	rig_must(tcp_transport_new(pair[0], &options.transport));
	rig_must(stream_link_new(&options, &link));
	stream_link_attach(link, lane, &rig->peers[1]->peer);
	stream_link_use(link);
	rig_turn(rig);
	for (uint64_t i = 0; i < 2; i++) {
		assert_int_equal(write(pair[1], sealed, seal(session, i, sealed)), WIRE);
		rig_must(loop_wait(shard->loop, 0, UINT64_C(5) * 1000 * 1000 * 1000));
		rig_turn(rig);
	}
	assert_written(rig, 2);
	/* More than the socket holds. */
	for (uint32_t i = 0; i < COUNT; i++) {
		const size_t size = rig_packet(9, 1, i, SIZE, packet);
		fake_tun_put(rig->tuns[0], NULL, packet, size);
	}
	rig_settle(rig);
	size_t all = 0;
	const size_t kept = rig->peers[1]->peer.published.sent_bytes;
	assert_true(kept > PATH_STREAM_WAITING_MAX);
	while (all < kept) {
		const ssize_t got = recv(pair[1], bytes, sizeof bytes, MSG_DONTWAIT);
		if (got > 0)
			all += (size_t)got;
		else
			rig_must(loop_wait(shard->loop, 0, UINT64_C(5) * 1000 * 1000 * 1000));
	}
	assert_int_equal(all, kept);
	/* Nothing is left to write: no wait ends for nothing. */
	assert_int_equal(recv(pair[1], bytes, sizeof bytes, MSG_DONTWAIT), -1);
	assert_int_equal(rig->peers[1]->links_lost, 0);
	(void)close(pair[1]);
	rig_must(loop_wait(shard->loop, 0, UINT64_C(5) * 1000 * 1000 * 1000));
	rig_turn(rig);
	assert_int_equal(rig->peers[1]->links_lost, 1);
	rig_free(rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_early_end),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_passed_over),
		cmocka_unit_test(test_ends_in_received),
		cmocka_unit_test(test_fairness),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_forged_datagrams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
