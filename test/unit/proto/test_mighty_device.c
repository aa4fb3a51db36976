/* What a Mighty device keeps for its next run, and what it tells its host of what shards report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "proto/mighty_control.h"
#include "proto/mighty_device.h"
#include "proto/mighty_record.h"

#include "proto/desk.h"
#include "proto/mighty_keys.h"

static const uint8_t instance_a[MIGHTY_INSTANCE_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t instance_b[MIGHTY_INSTANCE_SIZE] = {9};

static struct device_event events[16];
static size_t event_count;
static struct interface_settings told;
static uint8_t told_of[HASH_SIZE];
static size_t told_count;

static void on_event(void *context, const struct device_event *event) {
	(void)context;
	assert_true(event_count < sizeof events / sizeof events[0]);
	events[event_count++] = *event;
}

static void on_settings(void *context, const uint8_t public_key[static X25519_KEY_SIZE],
						const struct interface_settings *settings) {
	(void)context;
	memcpy(told_of, public_key, sizeof told_of);
	told = *settings;
	told_count++;
}

static struct desk *desk_empty(void) {
	struct desk *desk = desk_new_of(DESK_SHARDS, &mighty_device_ops);
	desk->host.event = on_event;
	desk->host.settings = on_settings;
	event_count = told_count = 0;
	return desk;
}

static void add_peer(struct desk *desk, unsigned number, const char *more) {
	struct mighty_key key = mighty_key_of(number);
	char text[512];
	(void)snprintf(text, sizeof text, "public_key=%s\npreshared_key=%s\n%s", key.id, key.secret,
				   more);
	assert_int_equal(desk_set(desk, text), 0);
}

static struct mighty_peer *peer_of(const struct desk *desk, unsigned number) {
	struct mighty_key key = mighty_key_of(number);
	struct mighty_peer *peer = mighty_control_find(desk->device, key.identity);
	assert_non_null(peer);
	return peer;
}

static void deliver(struct desk *desk) {
	(void)desk->ops->run(desk->device, desk->now);
	desk->now += 200 * CLOCK_MILLISECOND;
	(void)desk->ops->run(desk->device, desk->now);
}

/* As the owner shard says it. */
static void complete(struct desk *desk, struct mighty_peer *peer) {
	atomic_store(&peer->peer.published.last_handshake, desk->wall);
	atomic_store(&peer->news.device.unanswered, 0);
	mighty_news_connected(peer, true);
	device_news_tell(&peer->news.device, DEVICE_NEWS_HANDSHAKE);
}

static uint64_t wall_ms(const struct desk *desk) {
	return desk->wall / CLOCK_MILLISECOND;
}

/* All that the first saved, taken up by another. */
static struct desk *restored(const struct desk *desk) {
	struct desk *copy = desk_empty();
	copy->wall = desk->wall;
	copy->forgets = true;
	for (size_t i = 0; i < desk->record_count; i++)
		assert_int_equal(copy->ops->restore(copy->device, desk->records[i]), ERR_OK);
	desk_turn(copy);
	return copy;
}

static void forget_records(struct desk *desk) {
	for (size_t i = 0; i < desk->record_count; i++)
		free((void *)(uintptr_t)desk->records[i].data);
	desk->record_count = 0;
}

static void assert_same(const struct desk *desk, const struct desk *copy) {
	char *left = desk_get(desk), *right = desk_get(copy);
	/* Sessions are nobody's but their process'. */
	for (char *at = left; (at = strstr(at, "session=1\n")) != NULL; at++)
		at[strlen("session=")] = '0';
	assert_null(strstr(right, "session=1\n"));
	assert_string_equal(left, right);
	free(left);
	free(right);
}

static size_t remembered(const struct desk *desk, unsigned number) {
	return time_order_count(mighty_lane_of(peer_of(desk, number)->peer.lane)->order);
}

static void assert_replay(const struct desk *desk, unsigned number, const uint8_t *instance,
						  uint64_t time, enum err expected) {
	const struct mighty_peer *peer = peer_of(desk, number);
	struct time_order_entry entry = {.time = time};
	memcpy(entry.group, peer->psk.id, sizeof entry.group);
	memcpy(entry.sender, instance, sizeof entry.sender);
	assert_int_equal(time_order_take(mighty_lane_of(peer->peer.lane)->order, &entry, wall_ms(desk)),
					 expected);
}

static const char server[] =
	"role=server\nlisten_port=1234\nciphers=chacha20-poly1305\nrekey_seconds=60\nkeepalive=7\n"
	"client_to_client=true\npush_route=10.0.0.0/8\npush_dns=fd00::53\npush_domain=example.org\n"
	"push_mtu=1400\n";

/* Of every record as it came, and of the full state: the same configuration, the same memory. */
static void test_restored_server(void **state) {
	for (int compacted = 0; compacted < 2; compacted++) {
		struct desk *desk = desk_empty();
		assert_int_equal(desk_set(desk, server), 0);
		add_peer(desk, 1, "allowed_ip=10.0.0.1/32\naddress=10.0.0.1/8\nrule=deny any udp 53\n");
		add_peer(desk, 2, "allowed_ip=10.0.0.2/32\nallowed_ip=fd00::2/128\n");
		struct mighty_peer *peer = peer_of(desk, 1);
		const struct endpoint endpoint = {
			.address = {.bytes = {192, 0, 2, 1}, .family = ADDRESS_V4},
			.port = 99,
		};
		peer_set_endpoint(&peer->peer, &endpoint, NULL);
		mighty_news_hello(peer, instance_a, wall_ms(desk) - 5);
		complete(desk, peer);
		deliver(desk);
		mighty_news_hello(peer, instance_b, wall_ms(desk) - 3);
		deliver(desk);
		mighty_news_hello(peer, instance_a, wall_ms(desk));
		deliver(desk);
		if (compacted) {
			forget_records(desk);
			desk->ops->save_all(desk->device);
		}
		struct desk *copy = restored(desk);
		copy->ops->link(copy->device, DESK_MTU, true);
		desk_turn(copy);
		assert_same(desk, copy);
		/* A hello of before is a replay, one of another instance or PSK is not. */
		assert_int_equal(remembered(copy, 1), 2);
		assert_replay(copy, 1, instance_a, wall_ms(desk), ERR_REPLAY);
		assert_replay(copy, 1, instance_b, wall_ms(desk) - 3, ERR_REPLAY);
		assert_replay(copy, 1, instance_b, wall_ms(desk), ERR_OK);
		assert_replay(copy, 2, instance_a, wall_ms(desk), ERR_OK);
		/* Known before: the next handshake is nothing to tell of. */
		complete(copy, peer_of(copy, 1));
		deliver(copy);
		assert_int_equal(event_count, 0);
		desk_free(copy);
		desk_free(desk);
	}
}

/* Told before any shard is up, whatever the link was in between. */
static void test_restored_before_up(void **state) {
	struct desk *desk = desk_empty();
	add_peer(desk, 1, "");
	mighty_news_hello(peer_of(desk, 1), instance_a, wall_ms(desk));
	deliver(desk);
	struct desk *copy = restored(desk);
	copy->ops->link(copy->device, DESK_MTU, false);
	copy->ops->link(copy->device, DESK_MTU, true);
	shard_turn(engine_shard(copy->engine, peer_of(copy, 1)->peer.owner));
	assert_replay(copy, 1, instance_a, wall_ms(desk), ERR_REPLAY);
	desk_free(copy);
	desk_free(desk);
}

/* As many instances as a PSK can have, and the oldest makes room. */
static void test_many_instances(void **state) {
	struct desk *desk = desk_empty();
	add_peer(desk, 1, "");
	struct mighty_peer *peer = peer_of(desk, 1);
	for (unsigned i = 0; i < TIME_ORDER_GROUP_MAX + 1; i++) {
		uint8_t instance[MIGHTY_INSTANCE_SIZE] = {(uint8_t)(i + 1)};
		mighty_news_hello(peer, instance, wall_ms(desk) + i);
		deliver(desk);
	}
	assert_int_equal(peer->control.time_count, TIME_ORDER_GROUP_MAX);
	for (unsigned i = 0; i < TIME_ORDER_GROUP_MAX; i++)
		assert_int_not_equal(peer->control.times[i].instance[0], 1);
	/* An older time of an instance, read twice, is no record. */
	size_t records = desk->record_count;
	deliver(desk);
	assert_int_equal(desk->record_count, records);
	desk_free(desk);
}

static void test_restored_client(void **state) {
	struct desk *desk = desk_empty();
	assert_int_equal(desk_set(desk, "role=client\n"), 0);
	/* Drawn once, and the same ever after. */
	assert_false(wipe_is_zero(desk->device->config.instance, MIGHTY_INSTANCE_SIZE));
	add_peer(desk, 1, "endpoint=192.0.2.1:1\nendpoint=192.0.2.2:1\nallowed_ip=0.0.0.0/0\n");
	struct mighty_peer *peer = peer_of(desk, 1);
	mighty_news_claimed(peer, wall_ms(desk) + 100000);
	deliver(desk);
	struct desk *copy = restored(desk);
	assert_memory_equal(copy->device->config.instance, desk->device->config.instance,
						MIGHTY_INSTANCE_SIZE);
	copy->ops->link(copy->device, DESK_MTU, true);
	desk_turn(copy);
	/* Its hellos go on from there, wherever the clock is by now. */
	assert_true(atomic_load(&peer_of(copy, 1)->news.claimed) > wall_ms(desk) + 100000);
	desk_free(copy);
	forget_records(desk);
	desk->ops->save_all(desk->device);
	copy = restored(desk);
	assert_same(desk, copy);
	desk_free(copy);
	desk_free(desk);
}

/* Of a peer that was removed since there is nothing to restore; damage is told. */
static void test_restore_of_nothing(void **state) {
	struct desk *desk = desk_empty();
	const struct mighty_record_peer peer = {.identity = {1}};
	const struct mighty_record_hello hello = {.identity = {1}};
	uint8_t peer_bytes[MIGHTY_RECORD_PEER_SIZE], hello_bytes[MIGHTY_RECORD_HELLO_SIZE];
	mighty_record_encode_peer(&peer, peer_bytes);
	mighty_record_encode_hello(&hello, hello_bytes);
	struct slice records[] = {slice_of(peer_bytes, sizeof peer_bytes),
							  slice_of(hello_bytes, sizeof hello_bytes)};
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(desk->ops->restore(desk->device, records[i]), ERR_OK);
		records[i].size--;
		assert_int_not_equal(desk->ops->restore(desk->device, records[i]), ERR_OK);
	}
	assert_int_equal(desk->ops->restore(desk->device, slice_of_text("\1x=1\n")), ERR_MALFORMED);
	assert_int_equal(desk->ops->restore(desk->device, slice_of_text("\7")), ERR_UNSUPPORTED);
	assert_int_equal(desk->ops->restore(desk->device, slice_of(NULL, 0)), ERR_UNSUPPORTED);
	desk_free(desk);
}

static void test_connected(void **state) {
	struct desk *desk = desk_empty();
	assert_int_equal(desk_set(desk, "rekey_seconds=600\n"), 0);
	add_peer(desk, 1, "");
	struct mighty_peer *peer = peer_of(desk, 1);
	complete(desk, peer);
	deliver(desk);
	assert_int_equal(event_count, 1);
	assert_int_equal(events[0].kind, DEVICE_EVENT_CONNECTED);
	assert_memory_equal(events[0].public_key, peer->psk.identity, HASH_SIZE);
	/* A renewal is none, as long as keys can live. */
	desk->wall += 660 * CLOCK_SECOND;
	complete(desk, peer);
	deliver(desk);
	assert_int_equal(event_count, 1);
	desk->wall += 660 * CLOCK_SECOND + 1;
	complete(desk, peer);
	deliver(desk);
	assert_int_equal(event_count, 2);
	/* One after the session's end is. */
	mighty_news_connected(peer, false);
	deliver(desk);
	assert_int_equal(event_count, 2);
	complete(desk, peer);
	deliver(desk);
	assert_int_equal(event_count, 3);
	complete(desk, peer);
	deliver(desk);
	assert_int_equal(event_count, 3);
	desk_free(desk);
}

static void test_settings(void **state) {
	struct desk *desk = desk_empty();
	assert_int_equal(desk_set(desk, "role=client\n"), 0);
	add_peer(desk, 1, "endpoint=192.0.2.1:1\n");
	struct mighty_peer *peer = peer_of(desk, 1);
	struct parameters parameters = {.interface = {.mtu = 1300}};
	mighty_news_told(peer, &parameters);
	parameters.interface.mtu = 1400;
	mighty_news_told(peer, &parameters);
	deliver(desk);
	/* The last ones, once. */
	assert_int_equal(told_count, 1);
	assert_int_equal(told.mtu, 1400);
	assert_memory_equal(told_of, peer->psk.identity, sizeof told_of);
	deliver(desk);
	assert_int_equal(told_count, 1);
	desk->host.settings = NULL;
	mighty_news_told(peer, &parameters);
	deliver(desk);
	/* Never taken: freed with the peer. */
	mighty_news_told(peer, &parameters);
	desk_free(desk);
}

static void test_takeover(void **state) {
	struct desk *desk = desk_empty();
	add_peer(desk, 1, "");
	struct mighty_peer *peer = peer_of(desk, 1);
	for (int i = 0; i < 3; i++) {
		mighty_news_taken_over(peer);
		deliver(desk);
		assert_int_equal(desk->warnings, 1);
	}
	desk->now += 60 * CLOCK_SECOND;
	deliver(desk);
	assert_int_equal(desk->warnings, 1);
	mighty_news_taken_over(peer);
	deliver(desk);
	assert_int_equal(desk->warnings, 2);
	desk_free(desk);
}

/* In the end nothing is left, wherever edits and turns stopped: the leak checker looks. */
static void test_end_at_any_time(void **state) {
	for (int stop = 0; stop < 5; stop++) {
		struct desk *desk = desk_empty();
		add_peer(desk, 1, "allowed_ip=10.0.0.0/8\n");
		struct mighty_peer *peer = peer_of(desk, 1);
		if (stop > 0)
			complete(desk, peer);
		if (stop > 1)
			mighty_control_remove(desk->device, peer);
		if (stop > 2)
			assert_int_equal(mighty_control_commit(desk->device), ERR_OK);
		if (stop > 3)
			desk_turn(desk);
		desk_free(desk);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restored_server),    cmocka_unit_test(test_restored_before_up),
		cmocka_unit_test(test_many_instances),     cmocka_unit_test(test_restored_client),
		cmocka_unit_test(test_restore_of_nothing), cmocka_unit_test(test_connected),
		cmocka_unit_test(test_settings),           cmocka_unit_test(test_takeover),
		cmocka_unit_test(test_end_at_any_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
