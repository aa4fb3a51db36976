#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <assert.h>
#include <cmocka.h>

#include "engine/outbox.h"
#include "engine/staging.h"
#include "engine/tun_buffer.h"

#include "engine/rig.h"

struct bench {
	struct aead_worker *worker;
	struct fake_transport *v4, *v6;
	struct transport transport_v4, transport_v6;
	struct outbox outbox;
	struct peer peers[3]; /* the last one is reached by IPv6 */
};

static int set_up(void **state) {
	struct bench *bench = calloc(1, sizeof *bench);
	rig_must(aead_worker_new(back_end_of_test(), &bench->worker));
	bench->v4 = fake_transport_new();
	bench->v6 = fake_transport_new();
	bench->transport_v4 = fake_transport_of(bench->v4);
	bench->transport_v6 = fake_transport_of(bench->v6);
	rig_must(
		outbox_init(&bench->outbox, bench->worker, &bench->transport_v4, &bench->transport_v6));
	for (uint8_t i = 0; i < 3; i++) {
		struct endpoint endpoint = rig_endpoint(i);
		if (i == 2)
			endpoint.address.family = ADDRESS_V6;
		peer_init(&bench->peers[i], &toy_protocol, 0);
		peer_set_endpoint(&bench->peers[i], &endpoint, NULL);
	}
	*state = bench;
	return 0;
}

static int tear_down(void **state) {
	struct bench *bench = *state;
	outbox_done(&bench->outbox);
	outbox_done(&bench->outbox);
	aead_worker_free(bench->worker);
	fake_transport_delete(bench->v4);
	fake_transport_delete(bench->v6);
	free(bench);
	return 0;
}

/* count datagrams of the size, each in a reservation of its own. */
static void send(struct bench *bench, size_t peer, uint16_t size, size_t count) {
	for (size_t i = 0; i < count; i++) {
		uint8_t *slot = outbox_reserve(&bench->outbox, size);
		memset(slot, (int)(peer + size), size);
		assert_int_equal(
			outbox_send(&bench->outbox, &bench->peers[peer], slot, size, size, UDP_WAY_ANY),
			ERR_OK);
	}
}

static void test_joining(void **state) {
	enum { MAX = 6 };
	/* Sizes sent in turn to a peer (its number times 10,000 added), and the messages they make. */
	static const struct {
		uint32_t sent[MAX];
		size_t messages;
	} cases[] = {
		{{100}, 1},
		{{100, 100, 100}, 1},
		{{100, 100, 60}, 1},
		{{100, 60, 60}, 2},        /* nothing behind a shorter one, not even equal ones */
		{{100, 60, 100}, 2},       /* nor the old size */
		{{60, 100, 100}, 2},       /* a longer one */
		{{100, 10100, 100}, 3},    /* another peer in between: order is kept */
		{{100, 20100, 100}, 3},    /* the other family's between them leaves a gap */
		{{20100, 20100, 20050}, 1} /* IPv6 joins as well */
	};
	struct bench *bench = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t count = 0;
		for (; count < MAX && cases[i].sent[count]; count++)
			send(bench, cases[i].sent[count] / 10000, (uint16_t)(cases[i].sent[count] % 10000), 1);
		size_t v4 = bench->outbox.queues[0].count, v6 = bench->outbox.queues[1].count;
		assert_int_equal(v4 + v6, cases[i].messages);
		outbox_flush(&bench->outbox);
		assert_int_equal(bench->v4->sent_count + bench->v6->sent_count, count);
		assert_int_equal(bench->v4->messages, v4);
		for (size_t j = 0; j < bench->v4->sent_count; j++) {
			const struct fake_datagram *datagram = &bench->v4->sent[j];
			assert_int_equal(datagram->data[datagram->size - 1],
							 (uint8_t)(datagram->to.address.bytes[3] + datagram->size));
		}
		fake_transport_forget(bench->v4);
		fake_transport_forget(bench->v6);
	}
}

static void test_joining_limits(void **state) {
	struct bench *bench = *state;
	send(bench, 0, 100, UDP_SEGMENTS_MAX + 1);
	outbox_flush(&bench->outbox);
	assert_int_equal(bench->v4->messages, 2);
	assert_int_equal(bench->v4->sent_count, UDP_SEGMENTS_MAX + 1);
	fake_transport_forget(bench->v4);
	/* 43 × 1500 = 64500; a 44th would be above what a datagram may have. */
	send(bench, 0, 1500, 44);
	outbox_flush(&bench->outbox);
	assert_int_equal(bench->v4->messages, 2);
	fake_transport_forget(bench->v4);
	/* Several segments come as one reservation, singles join behind, more segments do not. */
	uint8_t *slots = outbox_reserve(&bench->outbox, 300);
	memset(slots, 1, 300);
	assert_int_equal(outbox_send(&bench->outbox, &bench->peers[0], slots, 300, 100, UDP_WAY_ANY),
					 ERR_OK);
	send(bench, 0, 100, 1);
	slots = outbox_reserve(&bench->outbox, 200);
	memset(slots, 1, 200);
	assert_int_equal(outbox_send(&bench->outbox, &bench->peers[0], slots, 200, 100, UDP_WAY_ANY),
					 ERR_OK);
	assert_int_equal(bench->outbox.queues[0].count, 2);
	outbox_flush(&bench->outbox);
	assert_int_equal(bench->v4->sent_count, 6);
}

static void test_full_arena(void **state) {
	enum { SIZE = OUTBOX_RESERVE_MAX };
	struct bench *bench = *state;
	for (size_t i = 0; i < OUTBOX_ARENA_SIZE / SIZE; i++) {
		uint8_t *slots = outbox_reserve(&bench->outbox, SIZE);
		memset(slots, (int)i, SIZE);
		assert_int_equal(
			outbox_send(&bench->outbox, &bench->peers[0], slots, SIZE / 2, SIZE / 4, UDP_WAY_ANY),
			ERR_OK);
	}
	assert_int_equal(bench->v4->calls, 0);
	uint8_t *slots = outbox_reserve(&bench->outbox, SIZE);
	assert_int_equal(bench->v4->calls, 1);
	assert_int_equal(bench->v4->messages, OUTBOX_ARENA_SIZE / SIZE);
	assert_ptr_equal(slots, bench->outbox.arena);
	for (size_t i = 0; i < bench->v4->sent_count; i++)
		assert_int_equal(bench->v4->sent[i].data[0], i / 2);
}

static void test_full_messages(void **state) {
	struct bench *bench = *state;
	for (size_t i = 0; i < OUTBOX_MESSAGES; i++) {
		assert_int_equal(bench->v4->calls, 0);
		send(bench, i % 2, 100, 1);
	}
	assert_int_equal(bench->v4->calls, 1);
	assert_int_equal(bench->v4->sent_count, OUTBOX_MESSAGES);
	outbox_flush(&bench->outbox);
	assert_int_equal(bench->v4->calls, 1);
}

static void make_key(uint8_t byte, struct aead_key *key) {
	uint8_t bytes[AEAD_KEY_SIZE];
	memset(bytes, byte, sizeof bytes);
	rig_must(aead_key_init(key, back_end_of_test(), AEAD_CHACHA20_POLY1305, bytes));
}

/* More jobs than a batch has: all are sealed, none twice, each into its own slot. */
static void test_sealing(void **state) {
	enum { COUNT = 2 * OUTBOX_JOBS + 9, SIZE = 64, SLOT = SIZE + AEAD_TAG_SIZE };
	struct bench *bench = *state;
	struct aead_key keys[2];
	make_key(1, &keys[0]);
	make_key(2, &keys[1]);
	static uint8_t plain[COUNT][SIZE];
	for (uint32_t i = 0; i < COUNT; i++) {
		memset(plain[i], (int)(i + 1), SIZE);
		uint8_t *slot = outbox_reserve(&bench->outbox, SLOT);
		struct aead_job *job = outbox_add_job(&bench->outbox);
		*job = (struct aead_job){
			.key = &keys[i % 2], .source = plain[i], .destination = slot, .size = SIZE};
		job->nonce[4] = (uint8_t)i;
		job->nonce[5] = (uint8_t)(i >> 8);
		assert_int_equal(
			outbox_send(&bench->outbox, &bench->peers[0], slot, SLOT, SLOT, UDP_WAY_ANY), ERR_OK);
	}
	outbox_flush(&bench->outbox);
	assert_int_equal(bench->outbox.job_count, 0);
	assert_int_equal(bench->v4->sent_count, COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		uint8_t opened[SIZE];
		assert_int_equal(bench->v4->sent[i].size, SLOT);
		assert_int_equal(
			aead_open(keys[i % 2].bytes, i, NULL, 0, bench->v4->sent[i].data, SIZE, opened),
			ERR_OK);
		assert_memory_equal(opened, plain[i], SIZE);
	}
	aead_key_done(&keys[0]);
	aead_key_done(&keys[1]);
}

/* Nothing leaves that could not be sealed. */
static void test_sealing_fails(void **state) {
	struct bench *bench = *state;
	send(bench, 0, 100, 3);
	send(bench, 2, 100, 1);
	struct aead_key key = {.backend = NULL}; /* no back end's */
	uint8_t *slot = outbox_reserve(&bench->outbox, 100);
	*outbox_add_job(&bench->outbox) =
		(struct aead_job){.key = &key, .source = slot, .destination = slot, .size = 10};
	assert_int_equal(outbox_send(&bench->outbox, &bench->peers[0], slot, 50, 50, UDP_WAY_ANY),
					 ERR_OK);
	outbox_flush(&bench->outbox);
	assert_int_equal(bench->v4->calls + bench->v6->calls, 0);
	assert_int_equal(bench->outbox.dropped, 3); /* messages of both families */
	send(bench, 0, 100, 1);
	outbox_flush(&bench->outbox);
	assert_int_equal(bench->v4->sent_count, 1);
}

static void test_sources(void **state) {
	struct bench *bench = *state;
	struct peer *peer = &bench->peers[0];
	struct endpoint to = rig_endpoint(0);
	struct udp_source source = {.address = rig_endpoint(200).address, .interface = 3};
	peer_set_endpoint(peer, &to, &source);
	send(bench, 0, 100, 1);
	outbox_flush(&bench->outbox);
	assert_true(address_equal(&bench->v4->sent[0].from.address, &source.address));
	assert_int_equal(bench->v4->sent[0].from.interface, 3);
	assert_true(address_equal(&peer->paths[0].from.address, &source.address));
	/* It left, but not from there. */
	bench->v4->next_error = ERR_AGAIN;
	send(bench, 0, 100, 1);
	send(bench, 1, 100, 1);
	outbox_flush(&bench->outbox);
	assert_int_equal(bench->v4->sent_count, 3);
	assert_int_equal(peer->paths[0].from.address.family, ADDRESS_NONE);
	assert_int_equal(peer->paths[0].from.interface, 0);
	assert_int_equal(bench->outbox.dropped, 0);
	/* It did not leave. */
	peer_set_endpoint(peer, &to, &source);
	bench->v4->next_error = ERR_LIMIT;
	send(bench, 0, 100, 1);
	outbox_flush(&bench->outbox);
	assert_int_equal(bench->outbox.dropped, 1);
	assert_true(address_equal(&peer->paths[0].from.address, &source.address));
}

/* What did not leave is not counted, as a whole message; what left from elsewhere is. */
static void test_counting(void **state) {
	static const struct {
		enum err error;
		size_t counted;
	} cases[] = {
		{ERR_OK, 200},
		{ERR_AGAIN, 200},
		{ERR_UNREACHABLE, 0},
		{ERR_LIMIT, 0},
	};
	struct bench *bench = *state;
	uint64_t expected = 0;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bench->v4->next_error = cases[i].error;
		send(bench, 0, 100, 2);
		send(bench, 1, 50, 1);
		assert_int_equal(bench->peers[0].published.sent_bytes, expected);
		outbox_flush(&bench->outbox);
		expected += cases[i].counted;
		assert_int_equal(bench->peers[0].published.sent_bytes, expected);
		assert_int_equal(bench->peers[1].published.sent_bytes, 50 * (i + 1));
	}
}

static size_t ways_missed;

static void miss_way(struct lane *lane, struct peer *peer) {
	(void)peer;
	assert_non_null(lane);
	ways_missed++;
}

/* What a peer said last may be on its way when its lane has forgotten it. */
static void test_detached(void **state) {
	static const struct protocol_ops protocol = {.name = "missing", .no_route = miss_way};
	struct lane lane = {.shard = NULL};
	struct bench *bench = *state;
	bench->peers[0].protocol = &protocol;
	for (size_t i = 0; i < 2; i++) {
		bench->peers[0].lane = i == 0 ? &lane : NULL;
		bench->v4->next_error = ERR_UNREACHABLE;
		send(bench, 0, 100, 1);
		outbox_flush(&bench->outbox);
		assert_int_equal(ways_missed, 1);
		assert_int_equal(bench->outbox.dropped, i + 1);
	}
}

static void test_no_way(void **state) {
	struct bench *bench = *state;
	struct peer nowhere;
	peer_init(&nowhere, &toy_protocol, 0);
	uint8_t *slot = outbox_reserve(&bench->outbox, 10);
	memset(slot, 0, 10);
	assert_int_equal(outbox_send(&bench->outbox, &nowhere, slot, 10, 10, UDP_WAY_ANY),
					 ERR_NOT_FOUND);
	bench->transport_v6 = (struct transport){.ops = NULL};
	assert_int_equal(outbox_send(&bench->outbox, &bench->peers[2], slot, 10, 10, UDP_WAY_ANY),
					 ERR_UNSUPPORTED);
	outbox_answer(&bench->outbox, &bench->peers[2].paths[0].to, NULL, slot, 10);
	/* The transport goes away while something is queued. */
	assert_int_equal(outbox_send(&bench->outbox, &bench->peers[0], slot, 10, 10, UDP_WAY_ANY),
					 ERR_OK);
	bench->transport_v4 = (struct transport){.ops = NULL};
	outbox_flush(&bench->outbox);
	assert_int_equal(bench->outbox.dropped, 1);
	assert_int_equal(bench->v4->calls + bench->v6->calls, 0);
}

static void test_answer(void **state) {
	struct bench *bench = *state;
	struct endpoint to = rig_endpoint(77);
	struct udp_source from = {.address = rig_endpoint(88).address};
	send(bench, 0, 100, 1);
	outbox_answer(&bench->outbox, &to, &from, (const uint8_t *)"answer", 6);
	outbox_answer(&bench->outbox, &bench->peers[2].paths[0].to, NULL, (const uint8_t *)"x", 1);
	assert_int_equal(bench->v4->calls + bench->v6->calls, 0);
	outbox_flush(&bench->outbox);
	assert_int_equal(bench->v4->sent_count, 2);
	assert_int_equal(bench->v4->sent[1].size, 6);
	assert_true(endpoint_equal(&bench->v4->sent[1].to, &to));
	assert_true(address_equal(&bench->v4->sent[1].from.address, &from.address));
	assert_int_equal(bench->v6->sent_count, 1);
	assert_int_equal(bench->v6->sent[0].from.address.family, ADDRESS_NONE);
	outbox_flush(&bench->outbox);
	assert_int_equal(bench->v4->sent_count + bench->v6->sent_count, 3);
}

/* Floods provoke many: they leave together, and do not wait for more than one batch. */
static void test_many_answers(void **state) {
	struct bench *bench = *state;
	struct endpoint to = rig_endpoint(77);
	for (size_t i = 0; i < OUTBOX_ANSWERS; i++) {
		assert_int_equal(bench->v4->calls, 0);
		outbox_answer(&bench->outbox, &to, NULL, (const uint8_t *)"answers", 4);
	}
	assert_int_equal(bench->v4->calls, 1);
	assert_int_equal(bench->v4->sent_count, OUTBOX_ANSWERS);
	/* What is too large for a place among them does not wait, but leaves behind those that do. */
	static const uint8_t large[OUTBOX_ANSWER_MAX + 1];
	outbox_answer(&bench->outbox, &to, NULL, large, OUTBOX_ANSWER_MAX);
	assert_int_equal(bench->v4->calls, 1);
	outbox_answer(&bench->outbox, &to, NULL, large, sizeof large);
	assert_int_equal(bench->v4->calls, 3);
	assert_int_equal(bench->v4->sent_count, OUTBOX_ANSWERS + 2);
	assert_int_equal(bench->v4->sent[OUTBOX_ANSWERS].size, OUTBOX_ANSWER_MAX);
	assert_int_equal(bench->v4->sent[OUTBOX_ANSWERS + 1].size, sizeof large);
	outbox_flush(&bench->outbox);
	assert_int_equal(bench->v4->calls, 3);
}

static struct list *new_packet(void) {
	struct staging_packet *packet = malloc(sizeof *packet);
	list_init(&packet->link);
	return &packet->link;
}

/* Kept until sealed; one more than fits seals; what is kept at the end is given back. */
static void test_keeping(void **state) {
	struct bench *bench = *state;
	struct tun_pool pool;
	rig_must(tun_pool_init(&pool));
	static_assert((int)OUTBOX_BUFFERS <= (int)TUN_BUFFERS, "all of a pool can be kept");
	for (size_t i = 0; i < OUTBOX_BUFFERS; i++)
		outbox_keep_buffer(&bench->outbox, tun_pool_take(&pool));
	outbox_keep_packet(&bench->outbox, new_packet());
	assert_int_equal(pool.free_count, TUN_BUFFERS - OUTBOX_BUFFERS);
	outbox_seal(&bench->outbox);
	assert_int_equal(pool.free_count, TUN_BUFFERS);
	assert_true(list_is_empty(&bench->outbox.spent));
	for (size_t i = 0; i < OUTBOX_BUFFERS; i++)
		outbox_keep_buffer(&bench->outbox, tun_pool_take(&pool));
	struct tun_pool other;
	rig_must(tun_pool_init(&other));
	outbox_keep_buffer(&bench->outbox, tun_pool_take(&other));
	assert_int_equal(pool.free_count, TUN_BUFFERS);
	assert_int_equal(other.free_count, TUN_BUFFERS - 1);
	outbox_keep_packet(&bench->outbox, new_packet());
	outbox_done(&bench->outbox);
	assert_int_equal(other.free_count, TUN_BUFFERS);
	tun_pool_done(&pool);
	tun_pool_done(&other);
}

static void test_never_initialised(void **state) {
	struct outbox outbox = {.used = 0};
	outbox_done(&outbox);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_joining, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_joining_limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_arena, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_messages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sealing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sealing_fails, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sources, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_counting, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_detached, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_answer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keeping, set_up, tear_down),
		cmocka_unit_test(test_never_initialised),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
