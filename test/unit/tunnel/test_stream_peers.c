#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/stream_peers.h"

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define KEY_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

struct desk {
	struct stream_peers *peers;
	char gone[256]; /* names, each with a blank behind it */
	void *owner;    /* of the last that went */
};

static void removed(void *context, struct stream_peer *peer) {
	struct desk *desk = context;
	strncat(desk->gone, peer->name, sizeof desk->gone - strlen(desk->gone) - 1);
	strncat(desk->gone, " ", sizeof desk->gone - strlen(desk->gone) - 1);
	desk->owner = peer->owner;
}

static int set(struct desk *desk, const char *text) {
	return stream_peers_set(desk->peers, slice_of_text(text), removed, desk);
}

static struct stream_peer *peer_of(const struct desk *desk, char digit) {
	uint8_t key[X25519_KEY_SIZE];
	memset(key, (digit - 'a' + 10) * 0x11, sizeof key);
	return stream_peers_find(desk->peers, key);
}

static int setup(void **state) {
	struct desk *desk = calloc(1, sizeof *desk);
	assert_non_null(desk);
	assert_int_equal(stream_peers_new(&desk->peers), ERR_OK);
	*state = desk;
	return 0;
}

static int teardown(void **state) {
	struct desk *desk = *state;
	stream_peers_free(desk->peers);
	free(desk);
	return 0;
}

static const char three[] = "public_key=" KEY_A "\nname=alice\nallowed_ip=10.80.0.2/32\n"
							"allowed_ip=fd00::2/128\nrule=allow 10.9.0.0/16\nrule=deny any tcp 25\n"
							"public_key=" KEY_B "\nname=bob\nendpoint=192.0.2.1:443\n"
							"preshared_key=" KEY_C "\npersistent_keepalive_interval=25\numbra=1\n"
							"public_key=" KEY_C "\n";

static void takes_lines(void **state) {
	struct desk *desk = *state;
	assert_int_equal(set(desk, three), 0);
	assert_int_equal(stream_peers_count(desk->peers), 3);
	struct stream_peer *alice = peer_of(desk, 'a'), *bob = peer_of(desk, 'b');
	assert_string_equal(alice->name, "alice");
	assert_int_equal(alice->allowed_ip_count, 2);
	assert_int_equal(alice->allowed_ips[1].length, 128);
	assert_int_equal(alice->rule_count, 2);
	assert_int_equal(alice->rules[1].action, POLICY_DENY);
	assert_int_equal(alice->endpoint.address.family, ADDRESS_NONE);
	assert_null(alice->owner);
	assert_string_equal(bob->name, "bob");
	assert_int_equal(bob->endpoint.port, 443);
	assert_string_equal(peer_of(desk, 'c')->name, "zMzMzMzM");
	assert_null(peer_of(desk, 'd'));
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(
			stream_peers_at(desk->peers, i),
			stream_peers_find(desk->peers, stream_peers_at(desk->peers, i)->public_key));
}

static void changes_what_is_said(void **state) {
	struct desk *desk = *state;
	assert_int_equal(set(desk, three), 0);
	struct stream_peer *alice = peer_of(desk, 'a'), *bob = peer_of(desk, 'b');
	const uint64_t before = alice->generation, of_bob = bob->generation;
	alice->owner = desk;
	assert_int_equal(set(desk, "public_key=" KEY_A "\nreplace_rules=true\nrule=allow any\n"
							   "allowed_ip=-10.80.0.2/32\n"),
					 0);
	assert_ptr_equal(peer_of(desk, 'a'), alice);
	assert_ptr_equal(alice->owner, desk);
	assert_int_not_equal(alice->generation, before);
	assert_int_equal(bob->generation, of_bob);
	assert_int_equal(alice->rule_count, 1);
	assert_int_equal(alice->allowed_ip_count, 1);
	assert_string_equal(alice->name, "alice");
	/* What says nothing new is no change. */
	const uint64_t after = alice->generation;
	assert_int_equal(set(desk, "public_key=" KEY_A "\nname=alice\nallowed_ip=fd00::2/128\n"), 0);
	assert_int_equal(alice->generation, after);
	assert_int_equal(set(desk, "public_key=" KEY_B "\nendpoint=192.0.2.1:443\n"), 0);
	assert_int_equal(bob->generation, of_bob);
	assert_int_equal(set(desk, "public_key=" KEY_B "\nendpoint=192.0.2.2:443\n"), 0);
	assert_int_not_equal(bob->generation, of_bob);
	assert_int_equal(set(desk, "public_key=" KEY_A "\nreplace_allowed_ips=true\n"), 0);
	assert_int_equal(alice->allowed_ip_count, 0);
	assert_string_equal(desk->gone, "");
}

static int take_leave(void *context) {
	struct desk *desk = context;
	peer_of(desk, 'a')->owner = NULL;
	return 0;
}

/* Who belonged to the options of before may be gone before the peers change. */
static void keeps_what_became_of_the_owner(void **state) {
	struct desk *desk = *state;
	assert_int_equal(set(desk, three), 0);
	struct stream_peer *alice = peer_of(desk, 'a');
	alice->owner = desk;
	static const char text[] = "public_key=" KEY_A "\nname=alina\n";
	assert_int_equal(
		stream_peers_set_if(desk->peers, slice_of_text(text), take_leave, removed, desk), 0);
	assert_string_equal(alice->name, "alina");
	assert_null(alice->owner);
}

static void removes(void **state) {
	struct desk *desk = *state;
	assert_int_equal(set(desk, three), 0);
	peer_of(desk, 'a')->owner = desk;
	assert_int_equal(set(desk, "public_key=" KEY_A "\nremove=true\nallowed_ip=10.0.0.0/8\n"), 0);
	assert_string_equal(desk->gone, "alice ");
	assert_ptr_equal(desk->owner, desk);
	assert_null(peer_of(desk, 'a'));
	assert_int_equal(stream_peers_count(desk->peers), 2);
	for (size_t i = 0; i < 2; i++)
		assert_true(stream_peers_at(desk->peers, i) == peer_of(desk, 'b') ||
					stream_peers_at(desk->peers, i) == peer_of(desk, 'c'));
	/* One that is not there is neither removed nor, when only to be updated, made. */
	assert_int_equal(set(desk, "public_key=" KEY_A "\nremove=true\n"), 0);
	assert_int_equal(set(desk, "public_key=" KEY_A "\nupdate_only=true\nname=again\n"), 0);
	assert_null(peer_of(desk, 'a'));
	assert_string_equal(desk->gone, "alice ");
	/* All, but for whom is named again. */
	struct stream_peer *bob = peer_of(desk, 'b');
	assert_int_equal(set(desk, "replace_peers=true\npublic_key=" KEY_B "\nname=robert\n"
							   "public_key=" KEY_A "\n"),
					 0);
	assert_string_equal(desk->gone, "alice zMzMzMzM ");
	assert_ptr_equal(peer_of(desk, 'b'), bob);
	assert_string_equal(bob->name, "robert");
	assert_int_equal(bob->endpoint.address.family, ADDRESS_NONE);
	assert_int_equal(stream_peers_count(desk->peers), 2);
}

static void refuses_as_a_whole(void **state) {
	static const char *const wrong[] = {
		"public_key=" KEY_A "\nname=mallory\nrule=allow\n",
		"public_key=" KEY_A "\nname=mallory\nrule=\n",
		"public_key=" KEY_A "\nname=mallory\nname=\n",
		"public_key=" KEY_A "\nname=mallory\nname=a\tb\n",
		"public_key=" KEY_A "\nname=mallory\nreplace_rules=yes\n",
		"public_key=" KEY_A "\nname=mallory\nreplace_peers=true\n",
		"public_key=" KEY_A "\nname=mallory\nprivate_key=" KEY_B "\n",
		"public_key=" KEY_A "\nname=mallory\n\n",
		"public_key=" KEY_A "\nname=mallory\nanything=1\n",
		"public_key=" KEY_A "\nremove=true\npublic_key=" KEY_B "\nremove=true\nallowed_ip=x\n",
		"replace_peers=true\npublic_key=aa\n",
		"public_key=dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd\nname=\n",
		"name=early\n",
		"rule=allow any\n",
		"listen_port=1\n",
		"allowed_ip=10.0.0.0/8\n",
	};
	struct desk *desk = *state;
	assert_int_equal(set(desk, three), 0);
	const uint64_t before = peer_of(desk, 'a')->generation;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_int_equal(set(desk, wrong[i]), EINVAL);
		assert_int_equal(stream_peers_count(desk->peers), 3);
		assert_string_equal(peer_of(desk, 'a')->name, "alice");
		assert_int_equal(peer_of(desk, 'a')->generation, before);
		assert_string_equal(peer_of(desk, 'b')->name, "bob");
		assert_null(peer_of(desk, 'd'));
		assert_string_equal(desk->gone, "");
	}
	char long_name[512] = "public_key=" KEY_A "\nname=";
	memset(long_name + strlen(long_name), 'x', 64);
	assert_int_equal(set(desk, long_name), EINVAL);
	assert_string_equal(peer_of(desk, 'a')->name, "alice");
	assert_int_equal(stream_peers_set(desk->peers, slice_of("public_key=\0", 12), NULL, NULL),
					 EINVAL);
	assert_int_equal(set(desk, ""), 0);
}

/* As many as a bulk of `umbra peer add` may bring, there and away again. */
static void holds_many(void **state) {
	enum { MANY = 5000, ROW = 96 };
	struct desk *desk = *state;
	char *text = malloc(MANY * ROW + 1), *at = text;
	assert_non_null(text);
	for (unsigned i = 0; i < MANY; i++)
		at += snprintf(at, ROW, "public_key=%064x\nname=client%u\n", i * 2654435761U, i);
	assert_int_equal(stream_peers_set(desk->peers, slice_of(text, (size_t)(at - text)), NULL, NULL),
					 0);
	assert_int_equal(stream_peers_count(desk->peers), MANY);
	assert_int_equal(set(desk, "replace_peers=true\n"), 0);
	assert_int_equal(stream_peers_count(desk->peers), 0);
	free(text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(takes_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(changes_what_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_what_became_of_the_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(removes, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_as_a_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(holds_many, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
