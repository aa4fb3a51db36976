#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/mighty_device.h"
#include "proto/mighty_keys.h"
#include "sim/world.h"
#include "wire/mighty.h"

/*
 * Mighty as it is configured: a server and a client that are set up by texts alone, restarted by
 * what they saved, and changed while they talk.
 */

#define FIRST(type) (MIGHTY_VERSION << 4 | (type))
#define DELAY (10 * CLOCK_MILLISECOND)
/* Three keepalives that are missed, and hellos until one is answered. */
#define FOUND_DEAD (50 * CLOCK_SECOND)

static const struct node_options options_of[] = {
	{.ops = &mighty_device_ops},
	{.ops = &mighty_device_ops, .shards = 3},
};

struct pair {
	struct world *world;
	struct node *server, *client;
	struct mighty_key key;
};

static struct interface_settings told;
static uint8_t told_of[HASH_SIZE];
static size_t told_count;

static void on_settings(void *context, const uint8_t public_key[static X25519_KEY_SIZE],
						const struct interface_settings *settings) {
	(void)context;
	memcpy(told_of, public_key, sizeof told_of);
	told = *settings;
	told_count++;
}

static void set_server(const struct pair *pair, struct node *server) {
	assert_int_equal(
		node_set(server,
				 "role=server\nlisten_port=%u\nreplace_push=true\npush_route=10.0.0.0/8\n"
				 "push_dns=10.0.0.53\npush_domain=example.org\npush_mtu=1300\nreplace_peers=true\n"
				 "public_key=%s\npreshared_key=%s\nallowed_ip=10.0.0.%u/32\n"
				 "allowed_ip=fd00::%x/128\naddress=10.0.0.%u/24\n",
				 NODE_PORT, pair->key.id, pair->key.secret, pair->client->number,
				 pair->client->number, pair->client->number),
		0);
}

static void set_client(const struct pair *pair) {
	struct endpoint endpoint = node_endpoint(pair->server);
	char text[ENDPOINT_TEXT_SIZE];
	endpoint_format(&endpoint, text);
	assert_int_equal(
		node_set(
			pair->client,
			"role=client\nlisten_port=%u\nreplace_peers=true\npublic_key=%s\npreshared_key=%s\n"
			"endpoint=%s\nallowed_ip=10.0.0.0/24\nallowed_ip=fd00::/64\n",
			NODE_PORT, pair->key.id, pair->key.secret, text),
		0);
}

static struct pair pair_new(uint64_t seed, const struct node_options *options) {
	struct pair pair = {.world = world_new(world_seed(seed)), .key = mighty_key_of(1)};
	const struct sim_link link = {.delay = DELAY};
	world_set_link(pair.world, &link);
	pair.server = world_add_node(pair.world, options);
	pair.client = world_add_node(pair.world, options);
	pair.client->host.settings = on_settings;
	pair.world->tap.recording = true;
	told_count = 0;
	set_server(&pair, pair.server);
	set_client(&pair);
	node_link(pair.server, true);
	node_link(pair.client, true);
	world_run(pair.world, CLOCK_SECOND);
	return pair;
}

static size_t sent(const struct pair *pair, const struct node *from, enum mighty_type type) {
	return tap_count(&pair->world->tap, &from->v4, (uint8_t)FIRST(type));
}

static void assert_talking(const struct pair *pair, uint32_t number, uint64_t within) {
	assert_true(world_packet_arrives(pair->client, pair->server, number, within));
	assert_true(world_packet_arrives(pair->server, pair->client, number + 1, within));
}

static void test_set_up(void **state) {
	for (size_t i = 0; i < 2; i++) {
		char value[128];
		struct pair pair = pair_new(1 + i, &options_of[i]);
		assert_talking(&pair, 1, CLOCK_SECOND);
		assert_int_equal(pair.server->event_count, 1);
		assert_int_equal(pair.server->events[0].event.kind, DEVICE_EVENT_CONNECTED);
		assert_memory_equal(pair.server->events[0].event.public_key, pair.key.identity, HASH_SIZE);
		assert_int_equal(pair.client->event_count, 1);
		/* What the client is told is its host's business from here. */
		assert_int_equal(told_count, 1);
		assert_memory_equal(told_of, pair.key.identity, HASH_SIZE);
		assert_int_equal(told.mtu, 1300);
		assert_int_equal(told.address_count, 1);
		assert_int_equal(told.addresses[0].length, 24);
		assert_int_equal(told.addresses[0].address.bytes[3], pair.client->number);
		assert_int_equal(told.route_count, 1);
		assert_int_equal(told.server_count, 1);
		assert_string_equal(told.domains[0], "example.org");
		char *text = node_get(pair.server);
		endpoint_format(&(struct endpoint){.address = pair.client->v4, .port = NODE_PORT}, value);
		assert_non_null(strstr(text, value));
		assert_null(strstr(text, "last_handshake_time_sec=0\n"));
		assert_null(strstr(text, "rx_bytes=0\n"));
		free(text);
		world_free(pair.world);
	}
}

static struct slice copy_of(const struct tap_record *record) {
	uint8_t *data = malloc(record->size);
	assert_non_null(data);
	memcpy(data, record->data, record->size);
	return slice_of(data, record->size);
}

static void compact(struct node *node) {
	for (size_t i = 0; i < node->record_count; i++)
		free(node->records[i].data);
	node->record_count = 0;
	node->ops->save_all(node->device);
}

/* From its journal a server takes no hello again; its client finds it by itself. */
static void test_server_restarts(void **state) {
	for (unsigned i = 0; i < 4; i++) {
		struct pair pair = pair_new(10 + i, &options_of[i / 2]);
		assert_talking(&pair, 1, CLOCK_SECOND);
		struct slice hello =
			copy_of(tap_find(&pair.world->tap, &pair.client->v4, FIRST(MIGHTY_REQUEST), 0));
		if (i % 2)
			compact(pair.server);
		node_restart(pair.server);
		world_run(pair.world, CLOCK_SECOND);
		size_t answers = sent(&pair, pair.server, MIGHTY_RESPONSE);
		struct endpoint from, to = node_endpoint(pair.server);
		assert_int_equal(endpoint_parse("203.0.113.9:7", &from), ERR_OK);
		world_send(pair.world, &from, &to, hello);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(sent(&pair, pair.server, MIGHTY_RESPONSE), answers);
		free((void *)(uintptr_t)hello.data);
		world_run(pair.world, FOUND_DEAD);
		assert_talking(&pair, 3, CLOCK_SECOND);
		/* And what the journal had is not where it stays. */
		assert_int_equal(address_parse("192.0.2.77", &pair.client->v4), ERR_OK);
		(void)world_packet_arrives(pair.client, pair.server, 5, CLOCK_SECOND);
		world_run(pair.world, CLOCK_SECOND);
		assert_talking(&pair, 6, CLOCK_SECOND);
		world_free(pair.world);
	}
}

static bool pass_nothing(void *context, const struct endpoint *from, const struct endpoint *to,
						 struct slice datagram) {
	return false;
}

/* A client is back at once, also when its clock was set back, and is the same instance. */
static void test_client_restarts(void **state) {
	for (unsigned i = 0; i < 2; i++) {
		struct pair pair = pair_new(20 + i, &options_of[i]);
		assert_talking(&pair, 1, CLOCK_SECOND);
		char before[64], after[64];
		node_get_value(pair.client, NULL, "instance", before, sizeof before);
		assert_int_equal(strlen(before), 16);
		/* As a process that dies says no farewell. */
		pair.world->tap.pass = pass_nothing;
		pair.client->wall_offset -= 30 * CLOCK_SECOND;
		node_restart(pair.client);
		pair.world->tap.pass = NULL;
		world_run(pair.world, 2 * CLOCK_SECOND);
		node_get_value(pair.client, NULL, "instance", after, sizeof after);
		assert_string_equal(before, after);
		assert_talking(&pair, 3, CLOCK_SECOND);
		assert_int_equal(pair.server->warnings, 0);
		world_free(pair.world);
	}
}

/* Who is removed is told, hears nothing more, and is not let in again. */
static void test_removed(void **state) {
	for (unsigned i = 0; i < 2; i++) {
		struct pair pair = pair_new(30 + i, &options_of[i]);
		assert_talking(&pair, 1, CLOCK_SECOND);
		assert_int_equal(sent(&pair, pair.server, MIGHTY_DISCONNECT), 0);
		assert_int_equal(node_set(pair.server, "public_key=%s\nremove=true\n", pair.key.id), 0);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(sent(&pair, pair.server, MIGHTY_DISCONNECT), 1);
		tap_clear(&pair.world->tap);
		world_packet(pair.client, pair.server, 3);
		world_packet(pair.server, pair.client, 4);
		world_run(pair.world, 100 * CLOCK_SECOND);
		assert_int_equal(tap_count(&pair.world->tap, &pair.server->v4, 0), 0);
		assert_int_equal(node_arrived(pair.server, pair.client, 3), 0);
		assert_int_equal(node_arrived(pair.client, pair.server, 4), 0);
		assert_true(sent(&pair, pair.client, MIGHTY_REQUEST) > 0);
		assert_int_equal(sent(&pair, pair.client, MIGHTY_DATA), 0);
		world_free(pair.world);
	}
}

/* A client's server is replaced: the session ends with a word, and the new key begins another. */
static void test_other_key(void **state) {
	for (unsigned i = 0; i < 2; i++) {
		struct pair pair = pair_new(40 + i, &options_of[i]);
		assert_talking(&pair, 1, CLOCK_SECOND);
		pair.key = mighty_key_of(2);
		set_server(&pair, pair.server);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(sent(&pair, pair.server, MIGHTY_DISCONNECT), 1);
		size_t answers = sent(&pair, pair.server, MIGHTY_RESPONSE);
		world_run(pair.world, 10 * CLOCK_SECOND);
		assert_int_equal(sent(&pair, pair.server, MIGHTY_RESPONSE), answers);
		set_client(&pair);
		world_run(pair.world, CLOCK_SECOND);
		assert_talking(&pair, 3, CLOCK_SECOND);
		world_free(pair.world);
	}
}

/* Settings that a new handshake is needed for come with the next one; the tunnel stays up. */
static void test_changed_settings(void **state) {
	struct pair pair = pair_new(50, &options_of[0]);
	assert_int_equal(node_set(pair.server, "rekey_seconds=60\nreplace_push=true\npush_mtu=1400\n"),
					 0);
	assert_int_equal(node_set(pair.client, "rekey_seconds=20\nciphers=chacha20-poly1305\n"), 0);
	world_run(pair.world, 30 * CLOCK_SECOND);
	assert_talking(&pair, 1, CLOCK_SECOND);
	assert_true(told_count >= 2);
	assert_int_equal(told.mtu, 1400);
	assert_int_equal(told.route_count, 0);
	world_free(pair.world);
}

static uint64_t denied(const struct node *node) {
	uint64_t sum = 0;
	for (uint16_t i = 0; i < node->options.shards; i++)
		sum += atomic_load(
			&list_item(engine_shard(node->engine, i)->lanes.next, struct lane, shard_link)
				 ->counters.denied);
	return sum;
}

/* Rules are in force with the next packet, on the session that there is, and after a restart. */
static void test_rules(void **state) {
	for (unsigned i = 0; i < 2; i++) {
		struct pair pair = pair_new(90 + i, &options_of[i]);
		assert_talking(&pair, 1, CLOCK_SECOND);
		assert_int_equal(node_set(pair.server,
								  "public_key=%s\nrule=deny 10.0.0.0/24\n"
								  "rule=deny fd00::/64\n",
								  pair.key.id),
						 0);
		assert_false(world_packet_arrives(pair.client, pair.server, 3, CLOCK_SECOND));
		assert_true(world_packet_arrives(pair.server, pair.client, 4, CLOCK_SECOND));
		node_restart(pair.server);
		world_run(pair.world, FOUND_DEAD);
		assert_false(world_packet_arrives(pair.client, pair.server, 5, CLOCK_SECOND));
		assert_true(world_packet_arrives(pair.server, pair.client, 6, CLOCK_SECOND));
		assert_int_equal(node_set(pair.server, "public_key=%s\nreplace_rules=true\n", pair.key.id),
						 0);
		assert_talking(&pair, 7, CLOCK_SECOND);
		world_free(pair.world);
	}
}

/* Changed while it sends; each packet that does not pass is counted. */
static void test_changed_rules(void **state) {
	for (unsigned i = 0; i < 2; i++) {
		struct pair pair = pair_new(92 + i, &options_of[i]);
		for (uint32_t number = 0; number < 20; number++) {
			const bool may = number % 2;
			assert_int_equal(node_set(pair.server,
									  "public_key=%s\nreplace_rules=true\nrule=%s any udp\n",
									  pair.key.id, may ? "allow" : "deny"),
							 0);
			const uint64_t before = denied(pair.server);
			assert_int_equal(world_packet_arrives(pair.client, pair.server, number, 2 * DELAY),
							 may);
			assert_int_equal(denied(pair.server), before + !may);
		}
		/* Behind one that lets it pass another one is not looked at. */
		assert_int_equal(node_set(pair.server, "public_key=%s\nrule=deny any\n", pair.key.id), 0);
		assert_talking(&pair, 20, 2 * DELAY);
		world_free(pair.world);
	}
}

/* Another client's address, which is out of reach until it is said otherwise. */
static void test_client_to_client(void **state) {
	struct pair pair = pair_new(95, &options_of[1]);
	const struct mighty_key other = mighty_key_of(2);
	const struct inner inner = {
		.from = pair.client->number, .to = 99, .number = 7, .size = INNER_SIZE};
	assert_int_equal(node_set(pair.server,
							  "public_key=%s\npreshared_key=%s\nallowed_ip=10.0.0.99/32\n",
							  other.id, other.secret),
					 0);
	for (unsigned i = 0; i < 4; i++) {
		const uint64_t before = denied(pair.server);
		const size_t came = node_arrived(pair.server, pair.client, 7);
		node_inject(pair.client, &inner);
		world_run(pair.world, 2 * DELAY);
		assert_int_equal(node_arrived(pair.server, pair.client, 7), came + i % 2);
		assert_int_equal(denied(pair.server), before + 1 - i % 2);
		assert_talking(&pair, 10 + 2 * i, 2 * DELAY);
		assert_int_equal(node_set(pair.server, "client_to_client=%s\n", i % 2 ? "false" : "true"),
						 0);
	}
	world_free(pair.world);
}

/* Down and up again; the other end is told and comes back. */
static void test_links(void **state) {
	for (unsigned i = 0; i < 4; i++) {
		struct pair pair = pair_new(60 + i, &options_of[i % 2]);
		struct node *node = i < 2 ? pair.server : pair.client;
		assert_talking(&pair, 1, CLOCK_SECOND);
		node_link(node, false);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(sent(&pair, node, MIGHTY_DISCONNECT), 1);
		assert_false(world_packet_arrives(pair.client, pair.server, 3, CLOCK_SECOND));
		node_link(node, true);
		world_run(pair.world, 10 * CLOCK_SECOND);
		assert_talking(&pair, 4, CLOCK_SECOND);
		world_free(pair.world);
	}
}

/* The same key with two clients: each handshake takes the session over, and somebody is told. */
static void test_shared_key(void **state) {
	struct pair pair = pair_new(70, &options_of[0]);
	struct pair other = pair;
	other.client = world_add_node(pair.world, &options_of[0]);
	set_client(&other);
	assert_talking(&pair, 1, CLOCK_SECOND);
	assert_int_equal(pair.server->warnings, 0);
	node_link(other.client, true);
	world_run(pair.world, 2 * CLOCK_SECOND);
	assert_int_equal(pair.server->warnings, 1);
	world_free(pair.world);
}

/* A tunnel that ends says farewell; its last records are of use all the same. */
static void test_end(void **state) {
	struct pair pair = pair_new(80, &options_of[0]);
	assert_talking(&pair, 1, CLOCK_SECOND);
	pair.server->ops->part(pair.server->device);
	pair.server->dirty = true;
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(sent(&pair, pair.server, MIGHTY_DISCONNECT), 1);
	world_free(pair.world);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_up),          cmocka_unit_test(test_server_restarts),
		cmocka_unit_test(test_client_restarts), cmocka_unit_test(test_removed),
		cmocka_unit_test(test_other_key),       cmocka_unit_test(test_changed_settings),
		cmocka_unit_test(test_changed_rules),   cmocka_unit_test(test_client_to_client),
		cmocka_unit_test(test_rules),           cmocka_unit_test(test_links),
		cmocka_unit_test(test_shared_key),      cmocka_unit_test(test_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
