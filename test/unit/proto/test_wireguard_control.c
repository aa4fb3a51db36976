/* What shards see after a commit, and when what they saw before is freed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "proto/wireguard_control.h"

#include "proto/desk.h"

static void make_key(uint8_t byte, uint8_t key[static X25519_KEY_SIZE]) {
	memset(key, byte, X25519_KEY_SIZE);
}

static struct wireguard_peer *add(struct device *device, uint8_t byte) {
	uint8_t key[X25519_KEY_SIZE];
	make_key(byte, key);
	struct wireguard_peer *peer = wireguard_control_add(device, key);
	assert_non_null(peer);
	return peer;
}

static struct prefix prefix_of(const char *text) {
	struct prefix prefix;
	assert_int_equal(prefix_parse(text, &prefix), ERR_OK);
	return prefix;
}

static void allow(struct device *device, struct wireguard_peer *peer, const char *text) {
	struct prefix prefix = prefix_of(text);
	assert_int_equal(
		device_prefixes_allow(&device->prefixes, &peer->peer, &peer->control.allowed_ips, &prefix),
		ERR_OK);
}

/* What every shard has in use. */
static const struct snapshot *snapshot_of(const struct desk *desk) {
	const struct snapshot *snapshot = desk->device->interface->lanes[0].snapshot;
	for (uint16_t i = 1; i < desk->shards; i++)
		assert_ptr_equal(desk->device->interface->lanes[i].snapshot, snapshot);
	return snapshot;
}

static const struct wireguard_config *config_of(const struct desk *desk) {
	return snapshot_of(desk)->protocol_config;
}

static void *owner_of(const struct desk *desk, uint8_t second, uint8_t third) {
	const uint8_t address[4] = {10, second, third, 1};
	return trie_lookup_v4(snapshot_of(desk)->allowed_ips, address);
}

static void commit(struct desk *desk) {
	assert_int_equal(wireguard_control_commit(desk->device), ERR_OK);
	desk_turn(desk);
}

static void test_nothing_before_commit(void **state) {
	struct desk *desk = desk_new(2);
	struct device *device = desk->device;
	const struct snapshot *first = snapshot_of(desk);
	struct wireguard_peer *peer = add(device, 1);
	allow(device, peer, "10.0.0.0/8");
	desk_turn(desk);
	assert_ptr_equal(snapshot_of(desk), first);
	assert_null(owner_of(desk, 0, 0));
	assert_null(key_table_find(config_of(desk)->directory, peer->control.public_key));
	assert_null(peer->peer.lane);
	commit(desk);
	assert_ptr_not_equal(snapshot_of(desk), first);
	assert_ptr_equal(owner_of(desk, 0, 0), peer);
	assert_ptr_equal(key_table_find(config_of(desk)->directory, peer->control.public_key), peer);
	assert_non_null(peer->peer.lane);
	assert_int_equal(peer->peer.lane->shard->number, peer->peer.owner);
	/* A commit without edits is none. */
	const struct snapshot *second = snapshot_of(desk);
	commit(desk);
	assert_ptr_equal(snapshot_of(desk), second);
	desk_free(desk);
}

static void test_prefixes(void **state) {
	struct desk *desk = desk_new(2);
	struct device *device = desk->device;
	struct wireguard_peer *one = add(device, 1), *two = add(device, 2);
	allow(device, one, "10.0.0.0/8");
	allow(device, two, "10.1.0.0/16");
	allow(device, one, "10.1.2.0/24");
	commit(desk);
	const struct key_table *directory = config_of(desk)->directory;
	assert_ptr_equal(owner_of(desk, 0, 0), one);
	assert_ptr_equal(owner_of(desk, 1, 0), two);
	assert_ptr_equal(owner_of(desk, 1, 2), one);
	/* Prefixes alone do not copy the directory. */
	allow(device, two, "10.1.2.0/24");
	struct prefix not_his = prefix_of("10.1.2.0/24"), his = prefix_of("10.0.0.0/8");
	device_prefixes_disallow(&device->prefixes, &one->peer, &not_his);
	device_prefixes_disallow(&device->prefixes, &one->peer, &his);
	device_prefixes_disallow(&device->prefixes, &one->peer, &his);
	commit(desk);
	assert_ptr_equal(config_of(desk)->directory, directory);
	assert_null(owner_of(desk, 0, 0));
	assert_ptr_equal(owner_of(desk, 1, 2), two);
	assert_true(list_is_empty(&one->control.allowed_ips));
	device_prefixes_disallow_all(&device->prefixes, &two->control.allowed_ips);
	commit(desk);
	assert_null(owner_of(desk, 1, 2));
	assert_int_equal(trie_count(device->prefixes.peers), 0);
	assert_int_equal(trie_count(device->prefixes.items), 0);
	/* What no view needs any more is given back. */
	commit(desk);
	assert_int_equal(trie_node_count(device->prefixes.items), 0);
	desk_free(desk);
}

static size_t attached(const struct desk *desk) {
	size_t count = 0;
	for (uint16_t i = 0; i < desk->shards; i++)
		count += engine_shard(desk->engine, i)->peer_count;
	return count;
}

/* Removed peers leave the shards at once, and memory after the turns that may still name them. */
static void test_removal(void **state) {
	enum { PEERS = 20 };
	struct desk *desk = desk_new(2);
	struct device *device = desk->device;
	struct wireguard_peer *peers[PEERS];
	for (uint8_t i = 0; i < PEERS; i++) {
		peers[i] = add(device, (uint8_t)(i + 1));
		char text[32];
		(void)snprintf(text, sizeof text, "10.%u.0.0/16", i);
		allow(device, peers[i], text);
	}
	commit(desk);
	assert_int_equal(attached(desk), PEERS);
	/* Both shards have some. */
	assert_true(engine_shard(desk->engine, 0)->peer_count > 0);
	assert_true(engine_shard(desk->engine, 1)->peer_count > 0);
	for (uint8_t i = 0; i < PEERS; i += 2)
		wireguard_control_remove(device, peers[i]);
	assert_int_equal(wireguard_control_commit(device), ERR_OK);
	assert_true(list_is_empty(&device->removed));
	/* Until the second turn they may be read: a sanitizer watches. */
	assert_true(engine_collect(desk->engine));
	for (uint8_t i = 0; i < PEERS; i += 2)
		assert_int_equal(peers[i]->control.public_key[0], i + 1);
	for (uint16_t i = 0; i < 2; i++)
		shard_turn(engine_shard(desk->engine, i));
	assert_true(engine_collect(desk->engine));
	for (uint8_t i = 0; i < PEERS; i += 2)
		assert_null(peers[i]->peer.lane);
	for (uint16_t i = 0; i < 2; i++)
		shard_turn(engine_shard(desk->engine, i));
	assert_false(engine_collect(desk->engine));
	assert_int_equal(attached(desk), PEERS / 2);
	for (uint8_t i = 0; i < PEERS; i++) {
		uint8_t key[X25519_KEY_SIZE];
		make_key((uint8_t)(i + 1), key);
		struct wireguard_peer *expected = i % 2 ? peers[i] : NULL;
		assert_ptr_equal(key_table_find(config_of(desk)->directory, key), expected);
		assert_ptr_equal(owner_of(desk, i, 0), expected);
	}
	desk_free(desk);
}

/* In the end nothing is left, wherever edits and turns stopped: the leak checker looks. */
static void test_end_at_any_time(void **state) {
	for (int stop = 0; stop < 6; stop++) {
		struct desk *desk = desk_new(2);
		struct device *device = desk->device;
		struct wireguard_peer *one = add(device, 1), *two = add(device, 2);
		allow(device, one, "10.0.0.0/8");
		if (stop > 0)
			assert_int_equal(wireguard_control_commit(device), ERR_OK);
		if (stop > 1)
			desk_turn(desk);
		if (stop > 2)
			wireguard_control_remove(device, one);
		if (stop > 3)
			assert_int_equal(wireguard_control_commit(device), ERR_OK);
		if (stop > 4)
			shard_turn(engine_shard(desk->engine, two->peer.owner));
		desk_free(desk);
	}
}

/* A removed peer that no owner has yet is named by the snapshot that was out before. */
static void test_removed_before_it_was_attached(void **state) {
	struct desk *desk = desk_new(1);
	struct device *device = desk->device;
	struct wireguard_peer *peer = add(device, 1);
	allow(device, peer, "10.0.0.0/8");
	commit(desk);
	/* As if there had been no memory for the command. */
	wireguard_control_change(device, peer, WIREGUARD_CHANGE_ATTACH);
	wireguard_control_remove(device, peer);
	assert_ptr_equal(owner_of(desk, 0, 0), peer);
	assert_int_equal(((struct wireguard_peer *)owner_of(desk, 0, 0))->control.public_key[0], 1);
	commit(desk);
	assert_int_equal(attached(desk), 0);
	desk_free(desk);
}

static void test_identity(void **state) {
	struct desk *desk = desk_new(2);
	struct device *device = desk->device;
	uint8_t key[X25519_KEY_SIZE];
	assert_false(config_of(desk)->identity->present);
	uint64_t generation = config_of(desk)->generation;
	make_key(0x48, key);
	assert_int_equal(wireguard_control_set_private_key(device, key), ERR_OK);
	commit(desk);
	assert_true(config_of(desk)->identity->present);
	assert_memory_equal(config_of(desk)->identity->private_key, key, sizeof key);
	assert_true(config_of(desk)->generation > generation);
	struct cookie_keys keys = config_of(desk)->cookie_keys;
	/* The owner prepares peers anew; the same key again is no change. */
	generation = config_of(desk)->generation;
	assert_int_equal(wireguard_control_set_private_key(device, key), ERR_OK);
	commit(desk);
	assert_int_equal(config_of(desk)->generation, generation);
	make_key(0x58, key);
	assert_int_equal(wireguard_control_set_private_key(device, key), ERR_OK);
	commit(desk);
	assert_true(config_of(desk)->generation > generation);
	assert_memory_not_equal(&keys, &config_of(desk)->cookie_keys, sizeof keys);
	desk_free(desk);
}

static void test_up(void **state) {
	struct desk *desk = desk_new(2);
	assert_false(snapshot_of(desk)->up);
	for (int round = 0; round < 3; round++) {
		desk->ops->link(desk->device, DESK_MTU, true);
		desk_turn(desk);
		assert_true(snapshot_of(desk)->up);
		desk->ops->link(desk->device, DESK_MTU, false);
		desk_turn(desk);
		assert_false(snapshot_of(desk)->up);
	}
	desk_turn(desk);
	assert_false(engine_collect(desk->engine));
	desk_free(desk);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_before_commit),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_removal),
		cmocka_unit_test(test_end_at_any_time),
		cmocka_unit_test(test_removed_before_it_was_attached),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
