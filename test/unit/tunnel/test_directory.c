#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/directory.h"
#include "tunnel/peers.h"
#include "wire/uapi.h"

static struct directory_peer *add(struct directory *directory, const struct store_peer *peer) {
	struct directory_peer *new = NULL;
	assert_int_equal(directory_add(directory, peer, &new), ERR_OK);
	assert_non_null(new);
	return new;
}

static void expect_text(struct uapi_text *text, const char *expected) {
	assert_int_equal(text->error, ERR_OK);
	uapi_put_line(text, "");
	text->data[text->size - 1] = '\0';
	assert_string_equal(text->data, expected);
	uapi_text_done(text);
}

#define HEX_1 "0101010101010101010101010101010101010101010101010101010101010101"
#define HEX_2 "0202020202020202020202020202020202020202020202020202020202020202"
#define HEX_3 "0303030303030303030303030303030303030303030303030303030303030303"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void test_finds_by_name_and_key(void **state) {
	const struct prefix prefixes[] = {prefix_of("10.0.0.2/32"), prefix_of("10.0.0.3/32")};
	struct config_peer peers[] = {file_peer("phone", 1, prefixes, 1)};
	struct directory *directory = directory_of(peers, 1);
	const struct store_peer tablet = store_peer("tablet", 2, prefixes + 1, 1);
	const struct directory_peer *added = add(directory, &tablet);
	assert_int_equal(directory_count(directory), 2);
	const struct directory_peer *phone = directory_find(directory, "phone");
	assert_int_equal(phone->origin, DIRECTORY_FILE);
	assert_ptr_equal(directory_find(directory, "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="),
					 phone);
	assert_ptr_equal(directory_find_key(directory, tablet.public_key), added);
	assert_ptr_equal(directory_find_name(directory, "tablet"), added);
	assert_null(directory_find(directory, "laptop"));
	assert_null(directory_find(directory, ""));
	assert_null(directory_find_shadowed(directory, "tablet"));
	directory_free(directory);
}

static void test_what_a_store_peer_has_is_copied(void **state) {
	struct directory *directory = directory_of(NULL, 0);
	struct prefix prefixes[] = {prefix_of("10.0.0.2/32"), prefix_of("fd66::2/128")};
	char name[] = "phone", host[] = "vpn.example.org";
	struct store_peer peer = store_peer(name, 1, prefixes, 2);
	peer.endpoint_name = host;
	peer.endpoint_port = 51820;
	peer.has_preshared_key = true;
	memset(peer.preshared_key, 9, sizeof peer.preshared_key);
	peer.persistent_keepalive = 25;
	peer.created = 1234;
	const struct directory_peer *added = add(directory, &peer);
	memset(name, 'x', 5);
	memset(host, 'x', 5);
	prefixes[0] = prefixes[1];
	assert_string_equal(added->name, "phone");
	assert_string_equal(added->endpoint_name, "vpn.example.org");
	assert_int_equal(added->allowed_ips[0].length, 32);
	assert_int_equal(added->allowed_ip_count, 2);
	assert_int_equal(added->persistent_keepalive, 25);
	assert_int_equal(added->created, 1234);
	assert_int_equal(added->preshared_key[31], 9);
	assert_int_equal(directory_add(directory, &peer, NULL), ERR_EXISTS);
	directory_free(directory);
}

static void test_the_file_shadows_the_store(void **state) {
	const struct prefix in_file = prefix_of("10.0.0.2/32"), other = prefix_of("10.0.0.3/32");
	struct config_peer peers[] = {file_peer("phone", 1, &in_file, 1)};
	struct directory *directory = directory_of(peers, 1);
	const struct store_peer same_key = store_peer("a", 1, &other, 1);
	const struct store_peer same_name = store_peer("phone", 2, &other, 1);
	const struct store_peer same_prefix = store_peer("c", 3, &in_file, 1);
	const struct directory_peer *phone = directory_find(directory, "phone");
	const struct directory_peer *a = add(directory, &same_key);
	const struct directory_peer *b = add(directory, &same_name);
	struct directory_peer *c = add(directory, &same_prefix);
	assert_int_equal(a->shadowed, DIRECTORY_KEY);
	assert_int_equal(b->shadowed, DIRECTORY_NAME);
	assert_int_equal(c->shadowed, DIRECTORY_PREFIX);
	assert_ptr_equal(a->shadowed_by, phone);
	/* They are found where they are looked for, and stand in nobody's way. */
	assert_ptr_equal(directory_find(directory, "phone"), phone);
	assert_null(directory_find(directory, "c"));
	assert_ptr_equal(directory_find_shadowed(directory, "phone"), b);
	assert_ptr_equal(directory_find_shadowed(directory, "c"), c);
	const struct store_peer used = store_peer("d", 4, &other, 1);
	assert_null(add(directory, &used)->shadowed_by);
	struct uapi_text text = {.data = NULL};
	directory_put_all(&text, directory);
	assert_int_equal(text.error, ERR_OK);
	assert_non_null(memmem(text.data, text.size, "public_key=0404", 15));
	assert_null(memmem(text.data, text.size, "public_key=0303", 15));
	uapi_text_done(&text);
	directory_remove(directory, c);
	assert_null(directory_find_shadowed(directory, "c"));
	directory_free(directory);
}

static enum directory_conflict check(const struct directory *directory, uint8_t seed,
									 const char *name, const struct prefix *prefix,
									 const struct directory_peer **out_with) {
	uint8_t key[TEXT_KEY_SIZE];
	const struct prefix *taken;
	memset(key, seed, sizeof key);
	return directory_check(directory, key, name, prefix, 1, out_with, &taken);
}

static void test_checks_of_a_new_peer(void **state) {
	const struct prefix prefixes[] = {prefix_of("10.0.0.2/32"), prefix_of("10.0.0.3/32"),
									  prefix_of("10.0.0.0/24")};
	struct config_peer peers[] = {file_peer("phone", 1, prefixes, 1)};
	struct directory *directory = directory_of(peers, 1);
	const struct store_peer tablet = store_peer("tablet", 2, prefixes + 1, 1);
	struct directory_peer *added = add(directory, &tablet);
	const struct directory_peer *with;
	assert_int_equal(check(directory, 1, "new", &prefixes[2], &with), DIRECTORY_KEY);
	assert_string_equal(with->name, "phone");
	assert_int_equal(check(directory, 3, "tablet", &prefixes[2], &with), DIRECTORY_NAME);
	assert_ptr_equal(with, added);
	assert_int_equal(check(directory, 3, "new", &prefixes[1], &with), DIRECTORY_PREFIX);
	assert_ptr_equal(with, added);
	/* A wider prefix is another: the more specific one wins. */
	assert_int_equal(check(directory, 3, "new", &prefixes[2], &with), DIRECTORY_FREE);
	directory_remove(directory, added);
	assert_int_equal(check(directory, 2, "tablet", &prefixes[1], &with), DIRECTORY_FREE);
	directory_free(directory);
}

static void update(struct directory *directory, const char *text) {
	assert_int_equal(directory_update(directory, slice_of_text(text)), ERR_OK);
}

static void test_the_own_key(void **state) {
	struct directory *directory = directory_of(NULL, 0);
	update(directory, "own_public_key=" HEX_1 "\n");
	const struct directory_device *device = directory_device(directory);
	assert_true(device->has_public_key);
	const struct directory_peer *with;
	const struct prefix *taken;
	assert_int_equal(directory_check(directory, device->public_key, "new", NULL, 0, &with, &taken),
					 DIRECTORY_OWN_KEY);
	assert_null(with);
	/* Also while the tunnel is down. */
	directory_forget(directory);
	assert_true(directory_device(directory)->has_public_key);
	directory_free(directory);
}

/* The connections count, however young the keys are. */
static void test_who_is_there_of_streams(void **state) {
	struct config_peer peers[] = {file_peer("phone", 1, NULL, 0)};
	struct directory *directory = directory_of(peers, 1);
	const struct directory_peer *phone = directory_find(directory, "phone");
	update(directory, "public_key=" HEX_1 "\nlast_handshake_time_sec=1000\n"
					  "stream_connections=0\n");
	assert_false(directory_connected(phone, 1001));
	update(directory, "public_key=" HEX_1 "\nlast_handshake_time_sec=1000\n"
					  "stream_connections=1\n");
	assert_true(directory_connected(phone, 9000));
	directory_free(directory);
}

/* So does the session, where the device tells of it: one that ended is none, however young. */
static void test_who_is_there_by_session(void **state) {
	struct config_peer peers[] = {file_peer("phone", 1, NULL, 0)};
	struct directory *directory = directory_of(peers, 1);
	const struct directory_peer *phone = directory_find(directory, "phone");
	update(directory, "public_key=" HEX_1 "\nlast_handshake_time_sec=1000\nsession=0\n");
	assert_false(directory_connected(phone, 1001));
	update(directory, "public_key=" HEX_1 "\nlast_handshake_time_sec=1000\nsession=1\n");
	assert_true(directory_connected(phone, 9000));
	directory_free(directory);
}

static void test_updates(void **state) {
	const struct prefix prefix = prefix_of("10.0.0.2/32");
	struct config_peer peers[] = {file_peer("phone", 1, &prefix, 1)};
	struct directory *directory = directory_of(peers, 1);
	update(directory, "listen_port=51820\npublic_key=" HEX_1 "\nrx_bytes=7\nlast_handshake_time_"
					  "sec=1000\npublic_key=" HEX_3 "\ntx_bytes=9\nallowed_ip=10.9.0.0/16\n");
	assert_int_equal(directory_count(directory), 2);
	const struct directory_peer *phone = directory_find(directory, "phone");
	assert_true(phone->known);
	assert_int_equal(phone->figures.received, 7);
	assert_true(directory_connected(phone, 1179));
	assert_false(directory_connected(phone, 1180));
	const struct directory_peer *stranger = directory_find(directory, "AwMDAwMD");
	assert_int_equal(stranger->origin, DIRECTORY_DEVICE);
	assert_int_equal(stranger->figures.sent, 9);
	assert_int_equal(stranger->allowed_ips[0].length, 16);
	/* Who is of the device only can become the store's. */
	const struct store_peer tablet = store_peer("tablet", 3, &stranger->allowed_ips[0], 1);
	const struct directory_peer *added = add(directory, &tablet);
	assert_null(added->shadowed_by);
	assert_int_equal(directory_count(directory), 2);
	update(directory, "public_key=" HEX_2 "\npublic_key=" HEX_3 "\n");
	assert_true(added->known);
	assert_false(phone->known);
	assert_int_equal(phone->figures.received, 0);
	assert_int_equal(directory_count(directory), 3);
	/* In order: file, store, device. */
	const struct store_peer laptop = store_peer("laptop", 4, NULL, 0);
	(void)add(directory, &laptop);
	const char *const names[] = {"phone", "tablet", "laptop"};
	size_t i = 0;
	list_for_each (link, directory_peers(directory))
		assert_string_equal(list_item(link, struct directory_peer, link)->name, names[i++]);
	assert_int_equal(i, 3);
	assert_int_equal(directory_update(directory, slice_of_text("junk\n")), ERR_MALFORMED);
	directory_forget(directory);
	assert_false(added->known);
	directory_free(directory);
}

static void test_the_most_recent(void **state) {
	struct directory *directory = directory_of(NULL, 0);
	for (uint8_t i = 1; i <= 4; i++) {
		char name[8];
		(void)snprintf(name, sizeof name, "p%u", i);
		const struct store_peer peer = store_peer(name, i, NULL, 0);
		(void)add(directory, &peer);
	}
	update(directory, "public_key=" HEX_2 "\nlast_handshake_time_sec=5\npublic_key=" HEX_3
					  "\nlast_handshake_time_sec=6\n");
	const struct directory_peer **recent;
	size_t count;
	assert_int_equal(directory_recent(directory, 3, &recent, &count), ERR_OK);
	assert_int_equal(count, 3);
	assert_string_equal(recent[0]->name, "p3");
	assert_string_equal(recent[1]->name, "p2");
	assert_string_equal(recent[2]->name, "p1");
	free(recent);
	assert_int_equal(directory_recent(directory, 0, &recent, &count), ERR_OK);
	assert_int_equal(count, 0);
	free(recent);
	assert_int_equal(directory_recent(directory, SIZE_MAX, &recent, &count), ERR_OK);
	assert_int_equal(count, 4);
	free(recent);
	directory_free(directory);
}

static void test_literal_endpoints(void **state) {
	const struct {
		const char *name, *expected;
	} cases[] = {
		{"192.0.2.1", "192.0.2.1:51820"},
		{"2001:db8::1", "[2001:db8::1]:51820"},
		{"vpn.example.org", NULL},
		{NULL, NULL},
		{"a-name-that-is-much-longer-than-any-address-could-ever-be-and-goes-on-like-this.example."
		 "org",
		 NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct directory_peer peer = {.endpoint_name = cases[i].name, .endpoint_port = 51820};
		struct endpoint endpoint;
		bool literal = directory_literal(&peer, &endpoint);
		assert_int_equal(literal, cases[i].expected != NULL);
		char text[ENDPOINT_TEXT_SIZE];
		if (!literal)
			continue;
		endpoint_format(&endpoint, text);
		assert_string_equal(text, cases[i].expected);
	}
}

static void test_lines_of_a_peer(void **state) {
	struct directory *directory = directory_of(NULL, 0);
	const struct prefix prefixes[] = {prefix_of("10.0.0.2/32"), prefix_of("fd66::2/128")};
	struct store_peer peer = store_peer("phone", 1, prefixes, 2);
	peer.endpoint_name = "192.0.2.1";
	peer.endpoint_port = 51820;
	peer.persistent_keepalive = 25;
	const struct directory_peer *added = add(directory, &peer);
	struct uapi_text text = {.data = NULL};
	directory_put_peer(&text, added, true);
	expect_text(&text, "public_key=" HEX_1 "\npreshared_key=" ZEROS
					   "\nendpoint=192.0.2.1:51820\npersistent_keepalive_interval=25\n"
					   "replace_allowed_ips=true\nallowed_ip=10.0.0.2/32\n"
					   "allowed_ip=fd66::2/128\n");
	/* Who the device knows already keeps the endpoint that it moved to. */
	update(directory, "public_key=" HEX_1 "\n");
	directory_put_all(&text, directory);
	expect_text(&text, "public_key=" HEX_1 "\npreshared_key=" ZEROS
					   "\npersistent_keepalive_interval=25\nreplace_allowed_ips=true\n"
					   "allowed_ip=10.0.0.2/32\nallowed_ip=fd66::2/128\n");
	directory_put_removal(&text, added->public_key);
	expect_text(&text, "public_key=" HEX_1 "\nremove=true\n");
	struct endpoint endpoint;
	assert_true(directory_literal(added, &endpoint));
	directory_put_endpoint(&text, added->public_key, &endpoint);
	expect_text(&text, "public_key=" HEX_1 "\nupdate_only=true\nendpoint=192.0.2.1:51820\n");
	directory_free(directory);
}

static void test_lines_of_a_peer_of_streams(void **state) {
	const struct config_tunnel tunnel = {.name = "web", .carries_streams = true};
	const struct prefix prefix = prefix_of("10.0.0.2/32");
	struct store_peer peer = store_peer("alice", 1, &prefix, 1);
	struct directory *directory;
	peer.persistent_keepalive = 25;
	assert_int_equal(directory_new(&tunnel, &directory), ERR_OK);
	struct uapi_text text = {.data = NULL};
	directory_put_peer(&text, add(directory, &peer), true);
	expect_text(&text, "public_key=" HEX_1 "\nname=alice\nreplace_rules=true\n"
					   "replace_allowed_ips=true\nallowed_ip=10.0.0.2/32\n");
	directory_free(directory);
}

/* They are the store's, outlive a reload without it, and are the file's when it has the key. */
static void test_rules_of_peers(void **state) {
	const char *const texts[] = {"allow 10.1.0.0/16", "deny any udp"};
	struct config_peer in_file = file_peer("alice", 1, NULL, 0);
	in_file.rules = (struct config_texts){texts, 2};
	const struct config_tunnel tunnel = {.name = "web", .carries_streams = true};
	struct config_tunnel later = tunnel;
	later.peers = &in_file;
	later.peer_count = 1;
	char rules[] = "allow 10.9.0.0/16 tcp 22\ndeny any";
	struct store_peer peer = store_peer("alice", 1, NULL, 0);
	peer.rules = rules;
	struct directory *before, *adopted, *after;
	assert_int_equal(directory_new(&tunnel, &before), ERR_OK);
	assert_int_equal(directory_new(&tunnel, &adopted), ERR_OK);
	assert_int_equal(directory_new(&later, &after), ERR_OK);
	(void)add(before, &peer);
	(void)add(after, &peer);
	memset(rules, 'x', 5);
	assert_int_equal(directory_adopt(adopted, before), ERR_OK);
	struct uapi_text text = {.data = NULL};
	directory_put_all(&text, adopted);
	expect_text(&text, "public_key=" HEX_1 "\nname=alice\nreplace_rules=true\n"
					   "rule=allow 10.9.0.0/16 tcp 22\nrule=deny any\n"
					   "replace_allowed_ips=true\n");
	assert_string_equal(directory_find(after, "alice")->rules, "allow 10.1.0.0/16\ndeny any udp");
	directory_put_changes(&text, before, after);
	expect_text(&text, "public_key=" HEX_1 "\nupdate_only=true\nreplace_rules=true\n"
					   "rule=allow 10.1.0.0/16\nrule=deny any udp\n");
	directory_free(before);
	directory_free(adopted);
	directory_free(after);
}

static void test_changes_after_a_reload(void **state) {
	const struct prefix prefixes[] = {prefix_of("10.0.0.1/32"), prefix_of("10.0.0.2/32"),
									  prefix_of("10.0.0.3/32")};
	struct store_peer stored[] = {store_peer("a", 1, &prefixes[0], 1),
								  store_peer("b", 2, &prefixes[1], 1),
								  store_peer("c", 3, &prefixes[2], 1)};
	stored[1].has_preshared_key = true;
	memset(stored[1].preshared_key, 7, TEXT_KEY_SIZE);
	stored[1].persistent_keepalive = 25;
	/* The file had the name of c; now it has the key of b, and the prefix of a. */
	struct config_peer old[] = {file_peer("c", 4, NULL, 0)};
	struct config_peer new[] = {file_peer("bee", 2, &prefixes[1], 1),
								file_peer("x", 5, &prefixes[0], 1)};
	struct directory *before = directory_of(old, 1), *after = directory_of(new, 2);
	for (size_t i = 0; i < 3; i++) {
		(void)add(before, &stored[i]);
		(void)add(after, &stored[i]);
	}
	struct uapi_text text = {.data = NULL};
	directory_put_changes(&text, before, after);
	expect_text(&text, "public_key=" HEX_1 "\nremove=true\n"
					   "public_key=" HEX_2 "\nupdate_only=true\npreshared_key=" ZEROS
					   "\npersistent_keepalive_interval=0\n"
					   "public_key=" HEX_3 "\npreshared_key=" ZEROS
					   "\npersistent_keepalive_interval=0\nreplace_allowed_ips=true\n"
					   "allowed_ip=10.0.0.3/32\n");
	directory_put_changes(&text, after, after);
	assert_int_equal(text.size, 0);
	directory_free(before);
	directory_free(after);
}

static void test_inherits_what_was_known(void **state) {
	struct config_peer peers[] = {file_peer("phone", 1, NULL, 0)};
	struct directory *before = directory_of(peers, 1), *after = directory_of(peers, 1);
	update(before, "listen_port=7\npublic_key=" HEX_1 "\nrx_bytes=5\n");
	directory_find(before, "phone")->watched.unanswered = 3;
	directory_inherit(after, before);
	const struct directory_peer *phone = directory_find(after, "phone");
	assert_true(phone->known);
	assert_int_equal(phone->figures.received, 5);
	assert_int_equal(phone->watched.unanswered, 3);
	assert_int_equal(directory_device(after)->listen_port, 7);
	directory_free(before);
	directory_free(after);
}

/* Many at once, and away again: the tables grow and stay right. */
static void test_many(void **state) {
	enum { PEERS = 5000 };
	struct directory *directory = directory_of(NULL, 0);
	struct prefix prefix = prefix_of("10.0.0.0/32");
	char name[16];
	for (unsigned i = 0; i < PEERS; i++) {
		(void)snprintf(name, sizeof name, "p%u", i);
		memcpy(prefix.address.bytes, &i, 4);
		struct store_peer peer = store_peer(name, 0, &prefix, 1);
		memcpy(peer.public_key, &i, sizeof i);
		assert_null(add(directory, &peer)->shadowed_by);
	}
	for (unsigned i = 0; i < PEERS; i += 2) {
		(void)snprintf(name, sizeof name, "p%u", i);
		directory_remove(directory, directory_find(directory, name));
	}
	assert_int_equal(directory_count(directory), PEERS / 2);
	for (unsigned i = 0; i < PEERS; i++) {
		const struct directory_peer *with;
		(void)snprintf(name, sizeof name, "p%u", i);
		assert_int_equal(directory_find(directory, name) != NULL, i % 2);
		memcpy(prefix.address.bytes, &i, 4);
		assert_int_equal(check(directory, 0xff, "new", &prefix, &with),
						 i % 2 ? DIRECTORY_PREFIX : DIRECTORY_FREE);
	}
	directory_free(directory);
	directory_free(NULL);
}

static void test_adopts_the_store_of_before(void **state) {
	const struct prefix prefixes[] = {prefix_of("10.0.0.1/32"), prefix_of("10.0.0.2/32"),
									  prefix_of("10.0.0.3/32")};
	struct config_peer one[] = {file_peer("one", 1, prefixes, 1)};
	struct config_peer three[] = {file_peer("three", 3, prefixes + 2, 1)};
	struct directory *before = directory_of(one, 1), *after = directory_of(three, 1);
	char host[] = "vpn.example.org";
	struct store_peer two = store_peer("two", 2, prefixes + 1, 1);
	two.endpoint_name = host;
	two.endpoint_port = 51820;
	two.has_preshared_key = true;
	two.preshared_key[5] = 7;
	const struct store_peer other = store_peer("other", 3, NULL, 0);
	(void)add(before, &two);
	(void)add(before, &other);
	/* One that could still be read. */
	(void)add(after, &other);
	assert_int_equal(directory_adopt(after, before), ERR_OK);
	directory_free(before);
	assert_int_equal(directory_count(after), 3);
	assert_null(directory_find(after, "one"));
	const struct directory_peer *found = directory_find(after, "two");
	assert_int_equal(found->origin, DIRECTORY_STORE);
	assert_string_equal(found->endpoint_name, host);
	assert_int_equal(found->endpoint_port, 51820);
	assert_memory_equal(found->preshared_key, two.preshared_key, TEXT_KEY_SIZE);
	assert_true(prefix_equal(&found->allowed_ips[0], &prefixes[1]));
	assert_int_equal(directory_find(after, "three")->origin, DIRECTORY_FILE);
	assert_non_null(directory_find_shadowed(after, "other"));
	directory_free(after);
}

#define IDENTITY "0909090909090909090909090909090909090909090909090909090909090909"
#define SHARED_KEY "0808080808080808080808080808080808080808080808080808080808080808"

/* Those that are known take the place of all before. */
static void a_server_with_several_endpoints(void **state) {
	const struct config_host others[] = {{"192.0.2.2", 2}, {"c.example", 3}};
	struct config_peer peer = file_peer("server", 9, NULL, 0);
	peer.endpoint = (struct config_host){"a.example", 1};
	peer.others = (struct config_hosts){others, 2};
	const struct config_tunnel tunnel = {
		.name = "um0", .shares_keys = true, .peers = &peer, .peer_count = 1};
	struct endpoint found[3] = {{.port = 0}}, literal;
	struct uapi_text text = {0};
	struct directory *directory;
	const char *name;
	uint16_t port;
	assert_int_equal(directory_new(&tunnel, &directory), ERR_OK);
	const struct directory_peer *server = directory_find_name(directory, "server");
	assert_int_equal(directory_places(server), 3);
	assert_true(directory_place(server, 1, &literal, &name, &port));
	assert_false(directory_place(server, 2, &literal, &name, &port));
	assert_string_equal(name, "c.example");
	assert_int_equal(port, 3);
	directory_put_endpoints(&text, server, found);
	expect_text(&text, "public_key=" IDENTITY "\n"
					   "update_only=true\n"
					   "replace_endpoints=true\n"
					   "endpoint=192.0.2.2:2\n");
	assert_int_equal(endpoint_parse("[2001:db8::3]:3", &found[2]), ERR_OK);
	directory_put_endpoints(&text, server, found);
	expect_text(&text, "public_key=" IDENTITY "\n"
					   "update_only=true\n"
					   "replace_endpoints=true\n"
					   "endpoint=192.0.2.2:2\n"
					   "endpoint=[2001:db8::3]:3\n");
	directory_free(directory);
}

/* What its client is told the device finds by itself. */
static void shared_keys_have_lines_of_their_own(void **state) {
	const struct prefix prefix = prefix_of("10.66.0.9/32");
	const struct config_tunnel tunnel = {
		.name = "um0", .shares_keys = true, .shared.rekey.seconds.value = 600};
	struct store_peer peer = store_peer("phone", 9, &prefix, 1);
	struct directory *before, *after;
	struct directory_peer *added;
	struct uapi_text text = {0};
	peer.has_preshared_key = true;
	memset(peer.preshared_key, 8, sizeof peer.preshared_key);
	peer.rules = "allow 10.0.0.0/8\ndeny any";
	assert_int_equal(directory_new(&tunnel, &before), ERR_OK);
	assert_int_equal(directory_new(&tunnel, &after), ERR_OK);
	assert_int_equal(directory_add(after, &peer, &added), ERR_OK);
	directory_put_changes(&text, before, after);
	expect_text(&text, "public_key=" IDENTITY "\n"
					   "preshared_key=" SHARED_KEY "\n"
					   "replace_allowed_ips=true\n"
					   "allowed_ip=10.66.0.9/32\n"
					   "replace_rules=true\n"
					   "rule=allow 10.0.0.0/8\n"
					   "rule=deny any\n");
	directory_put_changes(&text, after, before);
	expect_text(&text, "public_key=" IDENTITY "\n"
					   "remove=true\n");
	/* Keys live for 600 s, and 60 more until there are others. */
	added->figures.latest_handshake = 10000;
	assert_true(directory_connected(added, 10659));
	assert_false(directory_connected(added, 10660));
	directory_free(before);
	directory_free(after);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_with_several_endpoints),
		cmocka_unit_test(shared_keys_have_lines_of_their_own),
		cmocka_unit_test(test_finds_by_name_and_key),
		cmocka_unit_test(test_what_a_store_peer_has_is_copied),
		cmocka_unit_test(test_the_file_shadows_the_store),
		cmocka_unit_test(test_checks_of_a_new_peer),
		cmocka_unit_test(test_the_own_key),
		cmocka_unit_test(test_who_is_there_of_streams),
		cmocka_unit_test(test_who_is_there_by_session),
		cmocka_unit_test(test_updates),
		cmocka_unit_test(test_the_most_recent),
		cmocka_unit_test(test_literal_endpoints),
		cmocka_unit_test(test_lines_of_a_peer),
		cmocka_unit_test(test_lines_of_a_peer_of_streams),
		cmocka_unit_test(test_rules_of_peers),
		cmocka_unit_test(test_changes_after_a_reload),
		cmocka_unit_test(test_inherits_what_was_known),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_adopts_the_store_of_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
