#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proto/wireguard_limits.h"
#include "session/cookie.h"
#include "sim/pair.h"
#include "sim/state.h"
#include "wire/wireguard.h"

/* Somebody on the way, who sees and sends what he likes. */
static struct endpoint stranger(void) {
	struct endpoint endpoint;
	assert_int_equal(endpoint_parse("203.0.113.66:666", &endpoint), ERR_OK);
	return endpoint;
}

/* Messages of a handshake that is held up before its response, and of a session after it. */
struct caught {
	struct pair pair;
	uint8_t initiation[WIREGUARD_INITIATION_SIZE];
	uint8_t response[WIREGUARD_RESPONSE_SIZE];
};

static bool pass_nothing(void *context, const struct endpoint *from, const struct endpoint *to,
						 struct slice datagram) {
	(void)context;
	(void)from;
	(void)to;
	(void)datagram;
	return false;
}

/* The last datagram of that kind that a node sent; nothing of it has arrived. */
static const struct tap_record *catch (const struct pair *pair, const struct node *from,
									   uint8_t type) {
	const struct tap_record *record = tap_last(&pair->world->tap, &from->v4, type);
	assert_non_null(record);
	return record;
}

/* Left has begun and the initiation was lost on its way. */
static void catch_initiation(struct caught *caught, uint64_t seed) {
	caught->pair = pair_new(seed, NULL);
	struct tap *tap = &caught->pair.world->tap;
	tap->recording = true;
	tap->pass = pass_nothing;
	/* Right has tried before, so that all that is computed once per peer is there. */
	world_packet(caught->pair.right, caught->pair.left, 1);
	world_packet(caught->pair.left, caught->pair.right, 1);
	world_run(caught->pair.world, 0);
	const struct tap_record *record =
		catch (&caught->pair, caught->pair.left, WIREGUARD_INITIATION);
	memcpy(caught->initiation, record->data, sizeof caught->initiation);
}

/* Right has answered and the response was lost. */
static void catch_response(struct caught *caught, uint64_t seed) {
	catch_initiation(caught, seed);
	struct endpoint from = node_endpoint(caught->pair.left);
	state_offer(caught->pair.right, &from, caught->initiation, sizeof caught->initiation);
	const struct tap_record *record = catch (&caught->pair, caught->pair.right, WIREGUARD_RESPONSE);
	memcpy(caught->response, record->data, sizeof caught->response);
}

/* As the node of the key would want it: anybody who knows the key can write a right mac1. */
static void write_mac1(const struct node *receiver, uint8_t *message, size_t size) {
	struct cookie_keys keys;
	struct cookie_jar jar;
	assert_int_equal(cookie_keys_init(&keys, "mac1----", "cookie--", receiver->public_key), ERR_OK);
	cookie_jar_init(&jar, &keys);
	assert_int_equal(cookie_add_macs(&jar, message, size, 1), ERR_OK);
}

/* A message with one bit of its bytes [from, to) changed; mac1 is made to fit it when told. */
static void assert_flips_change_nothing(struct node *node, const struct wireguard_peer *peer,
										const struct slice message, bool new_mac1, size_t from,
										size_t to) {
	struct endpoint sender = stranger();
	struct state before, after;
	uint8_t forged[256];
	assert_true(message.size <= sizeof forged);
	for (size_t bit = 8 * from; bit < 8 * to; bit++) {
		memcpy(forged, message.data, message.size);
		forged[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (new_mac1)
			write_mac1(node, forged, message.size);
		state_take(node, peer, &before);
		state_offer(node, &sender, forged, message.size);
		state_take(node, peer, &after);
		assert_true(state_equal(&before, &after));
	}
}

/* Every other length of the message. */
static void assert_lengths_change_nothing(struct node *node, const struct wireguard_peer *peer,
										  struct slice message) {
	struct endpoint sender = stranger();
	struct state before, after;
	uint8_t other[512] = {0};
	memcpy(other, message.data, message.size);
	for (size_t length = 0; length < message.size + 64; length++) {
		if (length == message.size)
			continue;
		state_take(node, peer, &before);
		state_offer(node, &sender, other, length);
		state_take(node, peer, &after);
		assert_true(state_equal(&before, &after));
	}
}

enum {
	/* The sender's index is covered by mac1 alone, which anybody can make. */
	SENDER = 4,
	SENDER_END = 8,
};

/* A handshake message, of which mac2 is looked at under load only. */
static void assert_guarded(struct node *node, const struct wireguard_peer *peer,
						   struct slice message) {
	size_t mac1 = message.size - WIREGUARD_MACS_SIZE, mac2 = message.size - WIREGUARD_MAC_SIZE;
	assert_flips_change_nothing(node, peer, message, false, 0, mac2);
	assert_flips_change_nothing(node, peer, message, true, 0, SENDER);
	assert_flips_change_nothing(node, peer, message, true, SENDER_END, mac1);
	assert_lengths_change_nothing(node, peer, message);
}

static void test_flipped_initiation(void **state) {
	struct caught caught;
	catch_initiation(&caught, 1);
	const struct pair *pair = &caught.pair;
	assert_guarded(pair->right, pair->right_peer,
				   slice_of(caught.initiation, sizeof caught.initiation));
	/* The true one is still welcome. */
	struct endpoint from = node_endpoint(pair->left);
	state_offer(pair->right, &from, caught.initiation, sizeof caught.initiation);
	assert_non_null(pair->right_peer->next);
	pair_free(&caught.pair);
}

static void test_flipped_response(void **state) {
	struct caught caught;
	catch_response(&caught, 2);
	const struct pair *pair = &caught.pair;
	assert_guarded(pair->left, pair->left_peer, slice_of(caught.response, sizeof caught.response));
	struct endpoint from = node_endpoint(pair->right);
	state_offer(pair->left, &from, caught.response, sizeof caught.response);
	assert_non_null(pair->left_peer->current);
	assert_false(pair->left_peer->pending.present);
	pair_free(&caught.pair);
}

static void test_flipped_data(void **state) {
	struct pair pair = pair_new(3, NULL);
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	pair.world->tap.recording = true;
	pair.world->tap.pass = pass_nothing;
	world_packet(pair.left, pair.right, 2);
	world_run(pair.world, 0);
	const struct tap_record *record = catch (&pair, pair.left, WIREGUARD_DATA);
	uint8_t message[256];
	assert_int_equal(record->size, 144);
	memcpy(message, record->data, record->size);
	const struct slice whole = slice_of(message, record->size);
	assert_flips_change_nothing(pair.right, pair.right_peer, whole, false, 0, whole.size);
	assert_lengths_change_nothing(pair.right, pair.right_peer, whole);
	/* From wherever it comes, the true one is taken, once. */
	struct endpoint sender = stranger();
	state_offer(pair.right, &sender, message, record->size);
	assert_int_equal(node_arrived(pair.right, pair.left, 2), 1);
	assert_true(endpoint_equal(&pair.right_peer->peer.paths[0].to, &sender));
	assert_flips_change_nothing(pair.right, pair.right_peer, whole, false, 0, whole.size);
	pair_free(&pair);
}

/* Everything that was ever sent comes again, from elsewhere, at various times. */
static void run_replays(const struct pair *pair, size_t count) {
	struct endpoint sender = stranger();
	struct state before[2], after[2];
	const struct tap *tap = &pair->world->tap;
	for (size_t i = 0; i < count; i++) {
		const struct tap_record *record = tap->records[i];
		state_take(pair->left, pair->left_peer, &before[0]);
		state_take(pair->right, pair->right_peer, &before[1]);
		/* To both ends: a reflected message is no better. */
		state_offer(pair->left, &sender, record->data, record->size);
		state_offer(pair->right, &sender, record->data, record->size);
		state_take(pair->left, pair->left_peer, &after[0]);
		state_take(pair->right, pair->right_peer, &after[1]);
		assert_true(state_equal(&before[0], &after[0]));
		assert_true(state_equal(&before[1], &after[1]));
	}
}

static void converse(const struct pair *pair, uint32_t first, uint32_t seconds) {
	for (uint32_t number = first; number < first + seconds; number++) {
		world_packet(pair->left, pair->right, number);
		world_packet(pair->right, pair->left, number);
		world_run(pair->world, CLOCK_SECOND);
	}
}

static void test_replayed_conversation(void **state) {
	struct pair pair = pair_new(4, NULL);
	pair.world->tap.recording = true;
	converse(&pair, 1, 300);
	/* Three handshakes and all kinds of messages but cookie replies are in the record. */
	const struct tap *tap = &pair.world->tap;
	assert_true(tap_count(tap, NULL, WIREGUARD_INITIATION) >= 3);
	assert_true(tap_count(tap, NULL, WIREGUARD_DATA) > 600);
	run_replays(&pair, tap->count);
	/* In the middle of another handshake. */
	world_run(pair.world, 190 * CLOCK_SECOND);
	size_t count = tap->count;
	world_packet(pair.left, pair.right, 1000);
	world_run(pair.world, PAIR_DELAY / 2);
	assert_true(pair.left_peer->pending.present);
	run_replays(&pair, count);
	world_run(pair.world, 3 * PAIR_DELAY);
	assert_int_equal(node_arrived(pair.right, pair.left, 1000), 1);
	/* When all keys are gone. */
	world_run(pair.world, WIREGUARD_WIPE_TIME + CLOCK_SECOND);
	assert_null(pair.right_peer->current);
	run_replays(&pair, tap->count);
	pair_free(&pair);
}

/* What a stranger makes up, of every type and many sizes, changes nothing. */
static void test_noise(void **state) {
	struct pair pair = pair_new(5, NULL);
	converse(&pair, 1, 5);
	world_run(pair.world, 30 * CLOCK_SECOND);
	const struct random_source *random = sim_random(pair.world->network);
	static const size_t sizes[] = {148, 92, 64, 32, 33, 48, 144, 1452, 0, 1, 3, 4, 16, 31, 1536};
	struct endpoint sender = stranger();
	struct state before, after;
	state_take(pair.right, pair.right_peer, &before);
	for (size_t i = 0; i < 20000; i++) {
		uint8_t data[1536];
		size_t size = sizes[i % (sizeof sizes / sizeof sizes[0])];
		random_fill(random, data, sizeof data);
		if (i % 3 != 0) {
			data[0] = (uint8_t)(1 + i % 4);
			data[1] = data[2] = data[3] = 0;
		}
		uint32_t index = htole32(pair.right_peer->current->session.local_index);
		if (i % 5 == 0)
			memcpy(data + 4, &index, sizeof index);
		if (i % 5 == 1)
			memcpy(data + 8, &index, sizeof index);
		state_offer(pair.right, &sender, data, size);
	}
	state_take(pair.right, pair.right_peer, &after);
	assert_true(state_equal(&before, &after));
	pair_free(&pair);
}

/* The window: what is late by less than its size is taken, once; older is not. */
static void test_window(void **state) {
	enum { COUNT = 9000 };
	struct pair pair = pair_new(6, NULL);
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	pair.world->tap.recording = true;
	pair.world->tap.pass = pass_nothing;
	for (uint32_t number = 0; number < COUNT; number++) {
		world_packet(pair.left, pair.right, 100 + number);
		world_run(pair.world, 0);
	}
	const struct tap *tap = &pair.world->tap;
	assert_int_equal(tap->count, COUNT);
	node_forget_arrivals(pair.right);
	struct endpoint from = node_endpoint(pair.left);
	const struct tap_record *newest = tap->records[COUNT - 1];
	state_offer(pair.right, &from, newest->data, newest->size);
	for (size_t pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < COUNT - 1; i++)
			state_offer(pair.right, &from, tap->records[i]->data, tap->records[i]->size);
	assert_int_equal(node_arrived_from(pair.right, pair.left), REPLAY_WINDOW + 1);
	assert_int_equal(node_arrived(pair.right, pair.left, 100 + COUNT - 1), 1);
	assert_int_equal(node_arrived(pair.right, pair.left, 100 + COUNT - 1 - REPLAY_WINDOW), 1);
	assert_int_equal(node_arrived(pair.right, pair.left, 100 + COUNT - 2 - REPLAY_WINDOW), 0);
	pair_free(&pair);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flipped_initiation),
		cmocka_unit_test(test_flipped_response),
		cmocka_unit_test(test_flipped_data),
		cmocka_unit_test(test_replayed_conversation),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_window),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
