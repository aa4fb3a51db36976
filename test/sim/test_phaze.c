#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proto/phaze_ids.h"
#include "sim/phaze.h"

/* Sessions of Phaze between shards: how they begin, follow each other and end, and who is told. */

#define DELAY PHAZE_PAIR_DELAY

static const struct node_options several[] = {
	{.shards = 1}, {.shards = 4, .missteer = true}, {.shards = 4}};

static bool works(const struct phaze_pair *pair, uint32_t number) {
	return world_packet_arrives(pair->client, pair->server, number, DELAY) &&
		   world_packet_arrives(pair->server, pair->client, number, DELAY);
}

static bool has_ended(const struct node *node, uint64_t number, enum phaze_close_code code,
					  bool by_peer) {
	const struct phaze_news_session *news = phaze_sim_told(node, PHAZE_NEWS_ENDED, number);
	return news && news->code == code && news->by_peer == by_peer;
}

static bool is_all(const uint8_t hash[static HASH_SIZE], uint8_t byte) {
	for (size_t i = 0; i < HASH_SIZE; i++)
		if (hash[i] != byte)
			return false;
	return true;
}

static void set_ticket(const struct phaze_pair *pair, uint8_t ticket) {
	struct phaze_peer_change change = {.changes = PHAZE_CHANGE_TICKET};
	memset(change.ticket, ticket, sizeof change.ticket);
	phaze_sim_change(pair->server, pair->server_peer, change);
}

static uint64_t resume(struct phaze_pair *pair, uint8_t used, uint8_t fresh, bool server_alone) {
	struct phaze_login login = phaze_login;
	login.resumed = true;
	login.used = used;
	login.fresh = fresh;
	login.id_shard = pair->server_peer->peer.owner;
	login.server_alone = server_alone;
	return phaze_pair_login(pair, &login);
}

/* After a login both ends send at once, and what waited at the client goes with it. */
static void test_login(void **state) {
	for (size_t i = 0; i < 3; i++) {
		struct phaze_pair pair = phaze_pair_new(1 + i, &several[i]);
		pair.world->tap.recording = true;
		world_packet(pair.client, pair.server, 1);
		world_packet(pair.server, pair.client, 2);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(pair.world->tap.count, 0);
		const uint64_t began = world_now(pair.world);
		struct phaze_login login = phaze_login;
		login.fresh = 7;
		login.id_shard = pair.server_peer->peer.owner;
		const uint64_t number = phaze_pair_login(&pair, &login);
		world_run(pair.world, DELAY + CLOCK_MILLISECOND);
		assert_int_equal(node_arrived(pair.server, pair.client, 1), 1);
		world_run(pair.world, DELAY);
		/* Nobody was there for this one. */
		assert_int_equal(node_arrived(pair.client, pair.server, 2), 0);
		assert_true(works(&pair, 3));
		for (int end = 0; end < 2; end++) {
			const struct node *node = end ? pair.client : pair.server;
			const struct phaze_news_session *news =
				phaze_sim_told(node, PHAZE_NEWS_CURRENT, number);
			assert_non_null(news);
			assert_true(is_all(news->used, 0));
			assert_true(is_all(news->fresh, 7));
			assert_null(phaze_sim_told(node, PHAZE_NEWS_ENDED, number));
		}
		assert_true(pair.server_peer->connected && pair.client_peer->connected);
		assert_true(pair.server_peer->peer.published.last_handshake >=
					began - WORLD_START + WORLD_WALL_START);
		assert_int_equal(phaze_sim_sent(pair.world, pair.server, PHAZE_REKEY), 0);
		phaze_pair_free(&pair);
	}
}

/* The first words may be lost: the client repeats them until it hears of the server. */
static bool lose_all(void *context, const struct endpoint *from, const struct endpoint *to,
					 struct slice datagram) {
	return false;
}

static void test_greetings(void **state) {
	struct phaze_pair pair = phaze_pair_new(5, NULL);
	pair.world->tap.recording = true;
	pair.world->tap.pass = lose_all;
	set_ticket(&pair, 1);
	(void)resume(&pair, 1, 2, false);
	world_run(pair.world, 2 * CLOCK_SECOND);
	assert_int_equal(phaze_sim_sent(pair.world, pair.client, PHAZE_KEEPALIVE), 4);
	assert_null(pair.server_peer->current);
	assert_int_equal(pair.server_peer->pending_count, 1);
	pair.world->tap.pass = NULL;
	world_run(pair.world, 2 * CLOCK_SECOND);
	assert_non_null(pair.server_peer->current);
	assert_int_equal(phaze_sim_sent(pair.world, pair.client, PHAZE_KEEPALIVE), 5);
	world_run(pair.world, 5 * CLOCK_SECOND);
	assert_int_equal(phaze_sim_sent(pair.world, pair.client, PHAZE_KEEPALIVE), 5);
	phaze_pair_free(&pair);
}

/* A session by ticket opens packets, seals none, and takes over with the first that opened. */
static void test_resumed(void **state) {
	for (size_t i = 0; i < 3; i++) {
		struct phaze_pair pair = phaze_pair_up(10 + i, &several[i]);
		const uint64_t first = pair.number;
		set_ticket(&pair, 1);
		const uint64_t lonely = resume(&pair, 1, 3, true);
		world_run(pair.world, CLOCK_SECOND);
		/* Nothing opened: the one before goes on. */
		assert_int_equal(pair.server_peer->pending_count, 1);
		assert_true(works(&pair, 1));
		pair.world->tap.recording = true;
		const uint64_t second = resume(&pair, 1, 2, false);
		world_packet(pair.server, pair.client, 2);
		world_run(pair.world, DELAY / 2);
		assert_int_equal(pair.server_peer->current->number, first);
		world_run(pair.world, DELAY);
		assert_int_equal(pair.server_peer->current->number, second);
		assert_int_equal(pair.server_peer->pending_count, 0);
		assert_true(has_ended(pair.server, first, PHAZE_CLOSE_REPLACED, false));
		assert_true(has_ended(pair.server, lonely, PHAZE_CLOSE_REPLACED, false));
		assert_false(phaze_sim_told(pair.server, PHAZE_NEWS_ENDED, lonely)->was_current);
		assert_true(phaze_sim_told(pair.server, PHAZE_NEWS_ENDED, first)->was_current);
		assert_int_equal(phaze_sim_sent(pair.world, pair.server, PHAZE_CLOSE), 1);
		const struct phaze_news_session *news =
			phaze_sim_told(pair.server, PHAZE_NEWS_CURRENT, second);
		assert_true(is_all(news->used, 1) && is_all(news->fresh, 2));
		assert_null(phaze_sim_told(pair.server, PHAZE_NEWS_CURRENT, lonely));
		world_run(pair.world, CLOCK_SECOND);
		assert_true(works(&pair, 3));
		/* The CLOSE was for the session of before: the client's own goes on. */
		assert_null(phaze_sim_told(pair.client, PHAZE_NEWS_ENDED, second));
		phaze_pair_free(&pair);
	}
}

/* Inner packets count from the first that opened on, that one included. */
static void test_first_packet_is_data(void **state) {
	struct phaze_pair pair = phaze_pair_new(15, NULL);
	set_ticket(&pair, 1);
	world_packet(pair.client, pair.server, 1);
	const struct endpoint ends[] = {node_endpoint(pair.client), node_endpoint(pair.server)};
	const struct sim_link slow = {.delay = CLOCK_SECOND}, fast = {.delay = DELAY};
	assert_int_equal(sim_set_link(pair.world->network, &ends[0], &ends[1], &slow), ERR_OK);
	(void)resume(&pair, 1, 2, false);
	world_run(pair.world, CLOCK_MILLISECOND);
	assert_int_equal(sim_set_link(pair.world->network, &ends[0], &ends[1], &fast), ERR_OK);
	world_packet(pair.client, pair.server, 2);
	world_run(pair.world, DELAY + CLOCK_MILLISECOND);
	assert_int_equal(node_arrived(pair.server, pair.client, 2), 1);
	assert_non_null(pair.server_peer->current);
	phaze_pair_free(&pair);
}

/* One ticket a member, and once: all others are dropped, before and after. */
static void test_tickets(void **state) {
	struct phaze_pair pair = phaze_pair_new(20, NULL);
	const uint64_t none = resume(&pair, 0, 2, true);
	const uint64_t unknown = resume(&pair, 1, 2, true);
	world_run(pair.world, CLOCK_MILLISECOND);
	assert_int_equal(pair.server_peer->pending_count, 0);
	assert_true(has_ended(pair.server, none, PHAZE_CLOSE_DONE, false));
	assert_true(has_ended(pair.server, unknown, PHAZE_CLOSE_DONE, false));
	set_ticket(&pair, 1);
	const uint64_t first = resume(&pair, 1, 2, false);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(pair.server_peer->current->number, first);
	/* Used up. */
	const uint64_t again = resume(&pair, 1, 3, true);
	world_run(pair.world, CLOCK_MILLISECOND);
	assert_true(has_ended(pair.server, again, PHAZE_CLOSE_DONE, false));
	/* What came of it is the ticket now, until another one is. */
	const uint64_t waiting = resume(&pair, 2, 3, true);
	world_run(pair.world, CLOCK_MILLISECOND);
	assert_int_equal(pair.server_peer->pending_count, 1);
	set_ticket(&pair, 9);
	world_run(pair.world, CLOCK_MILLISECOND);
	assert_true(has_ended(pair.server, waiting, PHAZE_CLOSE_REPLACED, false));
	assert_true(works(&pair, 1));
	phaze_pair_free(&pair);
}

/* Three may wait, fifteen seconds each, and none makes room before two. */
static void test_pending(void **state) {
	struct phaze_pair pair = phaze_pair_new(25, NULL);
	uint64_t numbers[6];
	set_ticket(&pair, 1);
	for (int i = 0; i < 3; i++) {
		numbers[i] = resume(&pair, 1, 2, true);
		world_run(pair.world, CLOCK_SECOND / 2);
	}
	numbers[3] = resume(&pair, 1, 2, true);
	world_run(pair.world, CLOCK_SECOND / 4);
	assert_true(has_ended(pair.server, numbers[3], PHAZE_CLOSE_DONE, false));
	world_run(pair.world, CLOCK_SECOND / 2);
	numbers[4] = resume(&pair, 1, 2, true);
	world_run(pair.world, CLOCK_SECOND / 4);
	assert_true(has_ended(pair.server, numbers[0], PHAZE_CLOSE_REPLACED, false));
	assert_int_equal(pair.server_peer->pending_count, 3);
	world_run(pair.world, 51 * CLOCK_SECOND / 4); /* 15.25 s since the first */
	assert_null(phaze_sim_told(pair.server, PHAZE_NEWS_ENDED, numbers[1]));
	world_run(pair.world, CLOCK_SECOND / 2);
	assert_true(has_ended(pair.server, numbers[1], PHAZE_CLOSE_DONE, false));
	assert_int_equal(pair.server_peer->pending_count, 2);
	world_run(pair.world, 2 * CLOCK_SECOND);
	assert_true(has_ended(pair.server, numbers[4], PHAZE_CLOSE_DONE, false));
	/* The ticket is good still. */
	numbers[5] = resume(&pair, 1, 2, false);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(pair.server_peer->current->number, numbers[5]);
	phaze_pair_free(&pair);
}

static enum phaze_ids_kind kind_of(const struct phaze_pair *pair, uint32_t id) {
	const struct lane *lane = pair->server_peer->peer.lane;
	struct phaze_key *key;
	uint16_t shard;
	return phaze_ids_find(phaze_lane_of(lane)->ids, world_now(pair->world), id, &key, &shard);
}

/* Who does not get a place takes no session id, which would rest for minutes. */
static void test_no_place(void **state) {
	struct phaze_pair pair = phaze_pair_new(26, NULL);
	struct phaze_new_session offer = {
		.resumed = true,
		.algorithm = AEAD_CHACHA20_POLY1305,
		.client_id = 1,
		.rekey_seconds = 120,
		.rekey_packets = 1000,
		.keepalive = 10,
		.to = node_endpoint(pair.client),
	};
	set_ticket(&pair, 1);
	for (uint8_t i = 0; i < PHAZE_PENDING_MAX + 2; i++) {
		const bool is_wrong = i == 0, is_late = i > PHAZE_PENDING_MAX;
		offer.number = 1 + i;
		offer.server_id = phaze_ids_draw(sim_random(pair.world->network), 0);
		memset(offer.used, is_wrong ? 2 : 1, sizeof offer.used);
		phaze_sim_session(pair.server, pair.server_peer, offer);
		world_run(pair.world, CLOCK_MILLISECOND);
		const bool has_place = !is_wrong && !is_late;
		assert_int_equal(kind_of(&pair, offer.server_id),
						 has_place ? PHAZE_ID_KEY : PHAZE_ID_UNKNOWN);
		assert_int_equal(has_ended(pair.server, offer.number, PHAZE_CLOSE_DONE, false), !has_place);
	}
	assert_int_equal(pair.server_peer->pending_count, PHAZE_PENDING_MAX);
	phaze_pair_free(&pair);
}

/* The last login counts, and its ticket is the only one. */
static void test_login_again(void **state) {
	struct phaze_pair pair = phaze_pair_up(30, NULL);
	const uint64_t first = pair.number;
	set_ticket(&pair, 1);
	const uint64_t waiting = resume(&pair, 1, 2, true);
	struct phaze_login login = phaze_login;
	login.fresh = 5;
	const uint64_t second = phaze_pair_login(&pair, &login);
	world_run(pair.world, CLOCK_SECOND);
	assert_true(has_ended(pair.server, first, PHAZE_CLOSE_REPLACED, false));
	assert_true(has_ended(pair.server, waiting, PHAZE_CLOSE_REPLACED, false));
	assert_int_equal(pair.server_peer->current->number, second);
	assert_true(is_all(pair.server_peer->ticket, 5));
	assert_true(works(&pair, 1));
	phaze_pair_free(&pair);
}

/* Whose place somebody takes from elsewhere is told so where he is. */
static void test_login_elsewhere(void **state) {
	struct phaze_pair pair = phaze_pair_up(31, NULL);
	const uint64_t first = pair.number;
	const struct node *elsewhere = phaze_sim_add(pair.world, PHAZE_CLIENT, NULL);
	struct phaze_new_session offer = {
		.number = ++pair.number,
		.algorithm = AEAD_CHACHA20_POLY1305,
		.client_id = 1,
		.server_id = phaze_ids_draw(sim_random(pair.world->network), 0),
		.rekey_seconds = phaze_login.rekey_seconds,
		.rekey_packets = phaze_login.rekey_packets,
		.keepalive = phaze_login.keepalive,
		.to = node_endpoint(elsewhere),
	};
	phaze_sim_session(pair.server, pair.server_peer, offer);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(pair.server_peer->current->number, offer.number);
	assert_true(has_ended(pair.server, first, PHAZE_CLOSE_REPLACED, false));
	assert_true(has_ended(pair.client, first, PHAZE_CLOSE_REPLACED, true));
	phaze_pair_free(&pair);
}

/* Where the handshake's id leads to another shard, keys are renewed at once, and all arrives. */
static void test_guide(void **state) {
	for (size_t i = 1; i < 3; i++) {
		struct phaze_pair pair = phaze_pair_new(38 + i, &several[i]);
		struct phaze_login login = phaze_login;
		login.id_shard = 1; /* the owner is 3 */
		pair.world->tap.recording = true;
		(void)phaze_pair_login(&pair, &login);
		for (uint32_t number = 0; number < 50; number++) {
			world_packet(pair.client, pair.server, number);
			world_packet(pair.server, pair.client, number);
			world_run(pair.world, 2 * CLOCK_MILLISECOND);
		}
		world_run(pair.world, 2 * DELAY);
		assert_int_equal(node_arrived_from(pair.server, pair.client), 50);
		assert_int_equal(node_arrived_from(pair.client, pair.server), 50);
		assert_int_equal(phaze_sim_sent(pair.world, pair.client, PHAZE_REKEY), 1);
		assert_int_equal(phaze_sim_sent(pair.world, pair.server, PHAZE_REKEY), 2);
		assert_int_equal(pair.server_peer->current->newest->session.local_index & 15, 3);
		assert_false(pair.server_peer->current->moved);
		/* The first id rests: what comes with it later goes round in no circle. */
		world_run(pair.world, 20 * CLOCK_SECOND);
		phaze_pair_free(&pair);
	}
}

/* Packets for a session that is over reach nobody, on whichever shard. */
static void test_guide_of_ended(void **state) {
	const struct node_options options = {.shards = 4, .missteer = true};
	struct phaze_pair pair = phaze_pair_new(36, &options);
	struct phaze_login login = phaze_login;
	login.id_shard = 1;
	(void)phaze_pair_login(&pair, &login);
	world_run(pair.world, 1);
	phaze_sim_change(pair.server, pair.server_peer,
					 (struct phaze_peer_change){.changes = PHAZE_CHANGE_END});
	for (uint32_t i = 0; i < 50; i++) {
		world_packet(pair.client, pair.server, i);
		world_run(pair.world, CLOCK_MILLISECOND);
	}
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(node_arrived_from(pair.server, pair.client), 0);
	phaze_pair_free(&pair);
}

/* Nor do they go round in a circle while the guide outlives what it leads to. */
static void test_guide_to_nobody(void **state) {
	struct phaze_pair pair = phaze_pair_new(37, &several[2]);
	struct phaze_login login = phaze_login;
	login.id_shard = 1;
	pair.world->tap.recording = true;
	(void)phaze_pair_login(&pair, &login);
	world_run(pair.world, 1);
	phaze_sim_change(pair.server, pair.server_peer,
					 (struct phaze_peer_change){.changes = PHAZE_CHANGE_END});
	world_run(pair.world, PHAZE_ID_REST + 10 * CLOCK_SECOND);
	const struct tap_record *record = tap_find(&pair.world->tap, &pair.client->v4, 0, 0);
	assert_non_null(record);
	const struct lane *lane = pair.server_peer->peer.lane;
	world_send(pair.world, &record->from, &record->to, slice_of(record->data, record->size));
	world_run(pair.world, CLOCK_SECOND);
	for (uint16_t i = 0; i < 4; i++)
		assert_int_equal(engine_shard(lane->interface->engine, i)->forwarded, 0);
	phaze_pair_free(&pair);
}

/* Either end goes down: the other one hears of it at once, and why. */
static void test_close(void **state) {
	struct phaze_pair pair = phaze_pair_up(40, NULL);
	const uint64_t first = pair.number;
	node_link(pair.server, false);
	world_run(pair.world, CLOCK_SECOND);
	assert_null(pair.client_peer->current);
	assert_true(has_ended(pair.client, first, PHAZE_CLOSE_GOING_AWAY, true));
	assert_true(has_ended(pair.server, first, PHAZE_CLOSE_GOING_AWAY, false));
	assert_false(pair.client_peer->connected);
	/* A session that comes while the interface is down never begins. */
	const uint64_t second = phaze_pair_login(&pair, &phaze_login);
	world_run(pair.world, CLOCK_SECOND);
	assert_true(has_ended(pair.server, second, PHAZE_CLOSE_DONE, false));
	node_link(pair.server, true);
	world_run(pair.world, CLOCK_MILLISECOND);
	const uint64_t third = phaze_pair_login(&pair, &phaze_login);
	world_run(pair.world, CLOCK_SECOND);
	assert_true(works(&pair, 1));
	node_link(pair.client, false);
	world_run(pair.world, CLOCK_SECOND);
	assert_true(has_ended(pair.server, third, PHAZE_CLOSE_DONE, true));
	phaze_pair_free(&pair);

	pair = phaze_pair_up(41, NULL);
	phaze_sim_change(
		pair.server, pair.server_peer,
		(struct phaze_peer_change){.changes = PHAZE_CHANGE_END, .end = PHAZE_CLOSE_EXPIRED});
	world_run(pair.world, DELAY + CLOCK_MILLISECOND);
	assert_true(has_ended(pair.client, pair.number, PHAZE_CLOSE_EXPIRED, true));
	assert_true(is_all(pair.server_peer->ticket, 0));
	(void)phaze_pair_login(&pair, &phaze_login);
	world_run(pair.world, CLOCK_SECOND);
	phaze_sim_remove(pair.server, pair.server_peer);
	world_run(pair.world, CLOCK_SECOND);
	assert_true(has_ended(pair.client, pair.number, PHAZE_CLOSE_REVOKED, true));
	phaze_pair_free(&pair);
}

/* Down and up before any shard looked, behind a command that finds the interface up again. */
static void test_down_and_up(void **state) {
	struct phaze_pair pair = phaze_pair_up(42, NULL);
	phaze_sim_change(pair.client, pair.client_peer,
					 (struct phaze_peer_change){.changes = PHAZE_CHANGE_RATE});
	node_link(pair.client, false);
	node_link(pair.client, true);
	world_run(pair.world, CLOCK_SECOND);
	assert_true(has_ended(pair.server, pair.number, PHAZE_CLOSE_DONE, true));
	(void)phaze_pair_login(&pair, &phaze_login);
	world_run(pair.world, CLOCK_SECOND);
	assert_true(works(&pair, 1));
	phaze_pair_free(&pair);
}

/* Three keepalives missed: both ends find the other one dead, and say no word to anybody. */
static void test_dead(void **state) {
	struct phaze_pair pair = phaze_pair_up(45, NULL);
	pair.world->tap.recording = true;
	world_run(pair.world, 100 * CLOCK_SECOND);
	assert_in_range(phaze_sim_sent(pair.world, pair.client, PHAZE_KEEPALIVE), 9, 10);
	assert_in_range(phaze_sim_sent(pair.world, pair.server, PHAZE_KEEPALIVE), 9, 10);
	pair.world->tap.pass = lose_all;
	world_run(pair.world, 20 * CLOCK_SECOND);
	assert_non_null(pair.client_peer->current);
	assert_non_null(pair.server_peer->current);
	world_run(pair.world, 21 * CLOCK_SECOND);
	assert_true(has_ended(pair.client, pair.number, PHAZE_CLOSE_DONE, false));
	assert_true(has_ended(pair.server, pair.number, PHAZE_CLOSE_DONE, false));
	assert_int_equal(phaze_sim_sent(pair.world, pair.server, PHAZE_CLOSE), 0);
	/* What waits for a session for more than fifteen seconds is not sent any more. */
	pair.world->tap.pass = NULL;
	world_packet(pair.client, pair.server, 1);
	world_run(pair.world, 16 * CLOCK_SECOND);
	world_packet(pair.client, pair.server, 2);
	(void)phaze_pair_login(&pair, &phaze_login);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(node_arrived(pair.server, pair.client, 1), 0);
	assert_int_equal(node_arrived(pair.server, pair.client, 2), 1);
	phaze_pair_free(&pair);
}

/* Datagrams of handshakes go up with where they came from, and answers back to there. */
static void test_datagrams(void **state) {
	struct phaze_pair pair = phaze_pair_new(50, &several[2]);
	uint8_t hello[PHAZE_CLIENT_HELLO_SIZE] = {0};
	const struct phaze_header header = {.type = PHAZE_HANDSHAKE,
										.length = sizeof hello - PHAZE_HEADER_SIZE};
	phaze_packet_encode(&header, hello);
	const struct phaze_way way = {.shard = 2, .to = node_endpoint(pair.server)};
	phaze_sim_send(pair.client, &way, slice_of(hello, sizeof hello));
	world_run(pair.world, DELAY + CLOCK_MILLISECOND);
	assert_int_equal(phaze_sim_datagrams(pair.server), 1);
	const struct phaze_news_datagram *datagram = phaze_sim_datagram(pair.server);
	const struct endpoint client = node_endpoint(pair.client);
	assert_int_equal(datagram->size, sizeof hello);
	assert_memory_equal(datagram->data, hello, sizeof hello);
	assert_true(endpoint_equal(&datagram->way.to, &client));
	assert_true(address_equal(&datagram->way.from.address, &pair.server->v4));
	const struct phaze_way back = datagram->way;
	phaze_sim_send(pair.server, &back, slice_of(hello, sizeof hello));
	world_run(pair.world, DELAY + CLOCK_MILLISECOND);
	assert_int_equal(phaze_sim_datagrams(pair.client), 1);
	/* Floods are bounded, and what was left out leaves room behind them. */
	for (int i = 0; i < 3 * PHAZE_NEWS_DATAGRAMS_MAX; i++)
		world_send(pair.world, &client, &way.to, slice_of(hello, sizeof hello));
	world_run(pair.world, CLOCK_SECOND);
	assert_in_range(phaze_sim_datagrams(pair.server), 1 + PHAZE_NEWS_DATAGRAMS_MAX,
					3 * PHAZE_NEWS_DATAGRAMS_MAX);
	const size_t before = phaze_sim_datagrams(pair.server);
	world_send(pair.world, &client, &way.to, slice_of(hello, sizeof hello));
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(phaze_sim_datagrams(pair.server), before + 1);
	/* Down: nothing goes out or up. */
	node_link(pair.server, false);
	phaze_sim_send(pair.client, &way, slice_of(hello, sizeof hello));
	phaze_sim_send(pair.server, &back, slice_of(hello, sizeof hello));
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(phaze_sim_datagrams(pair.server), before + 1);
	assert_int_equal(phaze_sim_datagrams(pair.client), 1);
	phaze_pair_free(&pair);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_login),           cmocka_unit_test(test_greetings),
		cmocka_unit_test(test_resumed),         cmocka_unit_test(test_first_packet_is_data),
		cmocka_unit_test(test_tickets),         cmocka_unit_test(test_pending),
		cmocka_unit_test(test_no_place),        cmocka_unit_test(test_login_again),
		cmocka_unit_test(test_guide),           cmocka_unit_test(test_guide_of_ended),
		cmocka_unit_test(test_guide_to_nobody), cmocka_unit_test(test_close),
		cmocka_unit_test(test_down_and_up),     cmocka_unit_test(test_dead),
		cmocka_unit_test(test_datagrams),       cmocka_unit_test(test_login_elsewhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
