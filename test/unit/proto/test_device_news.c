/* The way of news from shards to the host: nothing is lost, doubled, or told of what is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "proto/wireguard_control.h"

#include "proto/desk.h"

enum { PEERS = 8, TELLS = 20000 };

static struct device_event events[64];
static size_t event_count;

static void on_event(void *context, const struct device_event *event) {
	assert_true(event_count < sizeof events / sizeof events[0]);
	events[event_count++] = *event;
}

static struct wireguard_peer *peers[PEERS];

static struct desk *desk_with_peers(void) {
	struct desk *desk = desk_new(2);
	desk->host.event = on_event;
	event_count = 0;
	for (uint8_t i = 0; i < PEERS; i++) {
		uint8_t key[X25519_KEY_SIZE];
		memset(key, i + 1, sizeof key);
		peers[i] = wireguard_control_add(desk->device, key);
		assert_non_null(peers[i]);
	}
	assert_int_equal(wireguard_control_commit(desk->device), ERR_OK);
	desk_turn(desk);
	return desk;
}

static void deliver(struct desk *desk) {
	(void)desk->ops->run(desk->device, desk->now);
	desk->now += 200 * CLOCK_MILLISECOND;
	(void)desk->ops->run(desk->device, desk->now);
}

static void complete(struct desk *desk, struct wireguard_peer *peer) {
	atomic_store(&peer->peer.published.last_handshake, desk->wall);
	atomic_store(&peer->news.unanswered, 0);
	device_news_tell(&peer->news, DEVICE_NEWS_HANDSHAKE);
}

static void place(struct wireguard_peer *peer, uint16_t port) {
	const struct endpoint endpoint = {
		.address = {.bytes = {192, 0, 2, 1}, .family = ADDRESS_V4},
		.port = port,
	};
	peer_set_endpoint(&peer->peer, &endpoint, NULL);
}

static void test_order_and_time(void **state) {
	struct desk *desk = desk_with_peers();
	place(peers[2], 7);
	complete(desk, peers[2]);
	device_news_tell(&peers[2]->news, DEVICE_NEWS_MOVED);
	complete(desk, peers[1]);
	/* Not at once, as more may follow; then in the order in which the peers spoke. */
	uint64_t next = desk->ops->run(desk->device, desk->now);
	assert_int_equal(event_count, 0);
	assert_int_equal(next, desk->now + 200 * CLOCK_MILLISECOND);
	size_t records = desk->record_count;
	desk->now = next;
	assert_int_equal(desk->ops->run(desk->device, desk->now), CLOCK_NEVER);
	assert_int_equal(event_count, 3);
	assert_int_equal(events[0].kind, DEVICE_EVENT_CONNECTED);
	assert_int_equal(events[0].public_key[0], 3);
	assert_int_equal(events[0].endpoint.port, 7);
	assert_int_equal(events[1].kind, DEVICE_EVENT_MOVED);
	assert_int_equal(events[2].public_key[0], 2);
	assert_int_equal(events[2].endpoint.address.family, ADDRESS_NONE);
	assert_int_equal(desk->record_count, records + 2);
	/* Once. */
	deliver(desk);
	assert_int_equal(event_count, 3);
	desk_free(desk);
}

static void test_connected_again(void **state) {
	struct desk *desk = desk_with_peers();
	complete(desk, peers[0]);
	deliver(desk);
	assert_int_equal(event_count, 1);
	desk->wall += 180 * CLOCK_SECOND;
	complete(desk, peers[0]);
	deliver(desk);
	assert_int_equal(event_count, 1);
	desk->wall += 180 * CLOCK_SECOND + 1;
	complete(desk, peers[0]);
	deliver(desk);
	assert_int_equal(event_count, 2);
	/* A wall clock that was set back is no silence. */
	desk->wall -= 1000 * CLOCK_SECOND;
	complete(desk, peers[0]);
	deliver(desk);
	assert_int_equal(event_count, 2);
	desk_free(desk);
}

static void test_unanswered(void **state) {
	struct desk *desk = desk_with_peers();
	device_news_unanswered(&peers[0]->news);
	deliver(desk);
	assert_int_equal(event_count, 0);
	place(peers[0], 1);
	for (uint32_t i = 1; i <= 3; i++) {
		device_news_unanswered(&peers[0]->news);
		deliver(desk);
		assert_int_equal(event_count, i);
		assert_int_equal(events[i - 1].kind, DEVICE_EVENT_UNANSWERED);
		assert_int_equal(events[i - 1].count, i);
	}
	complete(desk, peers[0]);
	deliver(desk);
	assert_int_equal(events[3].kind, DEVICE_EVENT_CONNECTED);
	/* Told of and answered: the next handshake is the usual one again. */
	complete(desk, peers[0]);
	deliver(desk);
	assert_int_equal(event_count, 4);
	/* Answered before anybody was told. */
	device_news_unanswered(&peers[0]->news);
	complete(desk, peers[0]);
	deliver(desk);
	assert_int_equal(event_count, 4);
	desk_free(desk);
}

static void test_host_without_event(void **state) {
	struct desk *desk = desk_with_peers();
	desk->host.event = NULL;
	size_t records = desk->record_count;
	complete(desk, peers[0]);
	deliver(desk);
	assert_int_equal(desk->record_count, records + 1);
	desk_free(desk);
}

static void test_removal(void **state) {
	struct desk *desk = desk_with_peers();
	/* On the list, in the inbox, and with news until the owner hears of it. */
	complete(desk, peers[0]);
	complete(desk, peers[1]);
	wireguard_control_remove(desk->device, peers[0]);
	wireguard_control_remove(desk->device, peers[1]);
	assert_int_equal(wireguard_control_commit(desk->device), ERR_OK);
	complete(desk, peers[0]);
	deliver(desk);
	complete(desk, peers[1]);
	desk_turn(desk);
	desk_turn(desk);
	desk_turn(desk);
	assert_false(engine_collect(desk->engine));
	complete(desk, peers[2]);
	deliver(desk);
	assert_int_equal(event_count, 1);
	assert_int_equal(events[0].public_key[0], 3);
	desk_free(desk);
}

/* Taken out of the inbox for another's sake, and told of again before anybody looked. */
static void test_twice(void **state) {
	struct desk *desk = desk_with_peers();
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < 3; i++)
			complete(desk, peers[i]);
		device_news_forget(&peers[PEERS - 1]->news);
	}
	deliver(desk);
	assert_int_equal(event_count, 3);
	desk_free(desk);
}

static void test_end_with_news(void **state) {
	struct desk *desk = desk_with_peers();
	complete(desk, peers[0]);
	wireguard_control_remove(desk->device, peers[0]);
	complete(desk, peers[1]);
	desk_free(desk);
}

/* Shards' threads: each tells of its own half of the peers. */
static void *tell(void *first) {
	size_t begin = *(const size_t *)first;
	for (unsigned i = 0; i < TELLS; i++) {
		struct wireguard_peer *peer = peers[begin + 2 * (i % (PEERS / 2))];
		atomic_store(&peer->news.unanswered, i + 1);
		device_news_tell(&peer->news, DEVICE_NEWS_UNANSWERED);
	}
	return NULL;
}

static uint32_t last_count[PEERS];

static void on_unanswered(void *context, const struct device_event *event) {
	assert_in_range(event->public_key[0], 1, PEERS);
	uint32_t *last = &last_count[event->public_key[0] - 1];
	assert_true(event->count >= *last);
	*last = event->count;
}

static void test_threads(void **state) {
	struct desk *desk = desk_with_peers();
	desk->host.event = on_unanswered;
	desk->forgets = true;
	pthread_t threads[2];
	size_t firsts[2] = {0, 1};
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, tell, &firsts[i]), 0);
	for (unsigned i = 0; i < 2000; i++)
		deliver(desk);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	deliver(desk);
	/* The last word of each was heard. */
	for (size_t i = 0; i < PEERS; i++)
		assert_int_equal(last_count[i], TELLS - (PEERS / 2 - 1 - i / 2));
	desk_free(desk);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_time), cmocka_unit_test(test_connected_again),
		cmocka_unit_test(test_unanswered),     cmocka_unit_test(test_host_without_event),
		cmocka_unit_test(test_removal),        cmocka_unit_test(test_twice),
		cmocka_unit_test(test_end_with_news),  cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
