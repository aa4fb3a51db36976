#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "handshake/wireguard.h"
#include "proto/wireguard_control.h"
#include "proto/wireguard_record.h"

#include "proto/desk.h"

/* Thirty-two times the same byte in hexadecimal. */
#define HEX8(x) x x x x x x x x
#define KEY(x) HEX8(x) HEX8(x) HEX8(x) HEX8(x)
#define KEY_A KEY("aa")
#define KEY_B KEY("bb")
#define KEY_C KEY("cc")
#define KEY_P KEY("cd") /* a preshared one */
#define KEY_1 KEY("11")
#define KEY_2 KEY("22")
#define NO_KEY KEY("00")
#define ONES "1111111111"
/* A private key that is clamped already. */
#define PRIVATE "40" ONES ONES ONES ONES ONES ONES "51"

#define PEER(key, preshared, endpoint, interval, prefixes)        \
	"public_key=" key "\npreshared_key=" preshared "\n"           \
	"protocol_version=1\n" endpoint "last_handshake_time_sec=0\n" \
	"last_handshake_time_nsec=0\ntx_bytes=0\nrx_bytes=0\n"        \
	"persistent_keepalive_interval=" interval "\n" prefixes

#define ALLOW(prefix) "allowed_ip=" prefix "\n"

static const char base[] = "private_key=" PRIVATE "\nlisten_port=51820\nfwmark=7\n"
						   "public_key=" KEY_A "\nendpoint=192.0.2.1:1000\nallowed_ip=10.0.0.1/24\n"
						   "allowed_ip=fd00::/64\npublic_key=" KEY_B "\npreshared_key=" KEY_P "\n"
						   "persistent_keepalive_interval=25\nallowed_ip=10.0.1.0/24\n";

#define INTERFACE "private_key=" PRIVATE "\nlisten_port=51820\nfwmark=7\n"
#define ENDPOINT_A "endpoint=192.0.2.1:1000\n"
#define PREFIXES_A ALLOW("10.0.0.0/24") ALLOW("fd00::/64")
#define PEER_A PEER(KEY_A, NO_KEY, ENDPOINT_A, "0", PREFIXES_A)
#define PEER_B PEER(KEY_B, KEY_P, "", "25", ALLOW("10.0.1.0/24"))

static void assert_state(const struct desk *desk, const char *expected) {
	char *text = desk_get(desk);
	assert_string_equal(text, expected);
	free(text);
}

static struct desk *base_desk(void) {
	struct desk *desk = desk_new(DESK_SHARDS);
	assert_int_equal(desk_set(desk, base), 0);
	assert_state(desk, INTERFACE PEER_A PEER_B);
	return desk;
}

static void test_empty(void **state) {
	struct desk *desk = desk_new(1);
	assert_state(desk, ""); /* without figures, which are not for wg(8) */
	assert_int_equal(desk_set(desk, ""), 0);
	assert_state(desk, "");
	desk_free(desk);
}

/* What people are shown says that there are keys, and nothing of them. */
static void test_status(void **state) {
	struct desk *desk = base_desk();
	struct uapi_text text = {.data = NULL};
	desk->ops->status(desk->device, &text);
	assert_int_equal(text.error, ERR_OK);
	uapi_put_line(&text, "");
	text.data[text.size - 1] = '\0';
	assert_null(strstr(text.data, PRIVATE));
	assert_null(strstr(text.data, "private_key="));
	assert_null(strstr(text.data, KEY_P));
	assert_null(strstr(text.data, "preshared_key="));
	assert_ptr_equal(strstr(text.data, "own_public_key="), text.data);
	assert_non_null(strstr(text.data, "\npublic_key=" KEY_B "\npreshared=true\n"));
	assert_non_null(strstr(text.data, "\npublic_key=" KEY_A "\nendpoint=192.0.2.1:1000\n"));
	assert_non_null(strstr(text.data, "\nlisten_port=51820\nfwmark=7\naead="));
	assert_non_null(strstr(text.data, "\nshard=0\n"));
	uapi_text_done(&text);
	desk_free(desk);
}

/* What the control process may not send. */
static void test_of_peers(void **state) {
	struct desk *desk = desk_new(1);
	const char *const peers[] = {"", "\n", "public_key=" KEY_A "\nremove=true\n",
								 "public_key=" KEY_A
								 "\nallowed_ip=10.0.0.0/24\nprotocol_version=1\n"};
	const char *const others[] = {"private_key=" PRIVATE "\n",
								  "listen_port=1\n",
								  "fwmark=1\n",
								  "replace_peers=true\n",
								  "public_key=" KEY_A "\nremove=true\nprivate_key=" NO_KEY "\n",
								  "public_key=" KEY_A "\nreplace_peers=true"};
	for (size_t i = 0; i < sizeof peers / sizeof *peers; i++)
		assert_true(desk->ops->of_peers(slice_of_text(peers[i])));
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_false(desk->ops->of_peers(slice_of_text(others[i])));
	desk_free(desk);
}

static const struct {
	const char *set, *expected;
} cases[] = {
	{"private_key=" NO_KEY "\n", "listen_port=51820\nfwmark=7\n" PEER_A PEER_B},
	{"listen_port=0\nfwmark=0\n", "private_key=" PRIVATE "\n" PEER_A PEER_B},
	{"listen_port=1\nlisten_port=2\n",
	 "private_key=" PRIVATE "\nlisten_port=2\nfwmark=7\n" PEER_A PEER_B},
	{"replace_peers=true\n", INTERFACE},
	{"replace_peers=true\npublic_key=" KEY_A "\n", INTERFACE PEER(KEY_A, NO_KEY, "", "0", "")},
	{"public_key=" KEY_A "\nremove=true\n", INTERFACE PEER_B},
	/* Lines behind a removal say nothing. */
	{"public_key=" KEY_A "\nremove=true\npersistent_keepalive_interval=9\nallowed_ip=1.1.1.1/32\n",
	 INTERFACE PEER_B},
	{"public_key=" KEY_C "\nremove=true\n", INTERFACE PEER_A PEER_B},
	{"public_key=" KEY_C "\nupdate_only=true\nallowed_ip=10.0.0.0/24\n", INTERFACE PEER_A PEER_B},
	{"public_key=" KEY_A "\nupdate_only=true\npersistent_keepalive_interval=1\n",
	 INTERFACE PEER(KEY_A, NO_KEY, ENDPOINT_A, "1", PREFIXES_A) PEER_B},
	{"public_key=" KEY_B "\npreshared_key=" NO_KEY "\npersistent_keepalive_interval=0\n",
	 INTERFACE PEER_A PEER(KEY_B, NO_KEY, "", "0", ALLOW("10.0.1.0/24"))},
	{"public_key=" KEY_A "\nendpoint=[fe80::1%3]:65535\n",
	 INTERFACE PEER(KEY_A, NO_KEY, "endpoint=[fe80::1%3]:65535\n", "0", PREFIXES_A) PEER_B},
	/* A prefix moves to who is given it; host bits do not count. */
	{"public_key=" KEY_B "\nallowed_ip=10.0.0.9/24\n",
	 INTERFACE PEER(KEY_A, NO_KEY, ENDPOINT_A, "0", ALLOW("fd00::/64"))
		 PEER(KEY_B, KEY_P, "", "25", ALLOW("10.0.1.0/24") ALLOW("10.0.0.0/24"))},
	/* Its own again: nothing changes, not even the order. */
	{"public_key=" KEY_A "\nallowed_ip=10.0.0.0/24\n", INTERFACE PEER_A PEER_B},
	/* Another length is another prefix. */
	{"public_key=" KEY_B "\nallowed_ip=10.0.0.0/25\n",
	 INTERFACE PEER_A PEER(KEY_B, KEY_P, "", "25", ALLOW("10.0.1.0/24") ALLOW("10.0.0.0/25"))},
	{"public_key=" KEY_A "\nreplace_allowed_ips=true\nallowed_ip=::/0\n",
	 INTERFACE PEER(KEY_A, NO_KEY, ENDPOINT_A, "0", ALLOW("::/0")) PEER_B},
	{"public_key=" KEY_A "\nallowed_ip=-10.0.0.0/24\n",
	 INTERFACE PEER(KEY_A, NO_KEY, ENDPOINT_A, "0", ALLOW("fd00::/64")) PEER_B},
	/* Another's, and nobody's, is not taken away. */
	{"public_key=" KEY_B "\nallowed_ip=-10.0.0.0/24\nallowed_ip=-8.0.0.0/8\n",
	 INTERFACE PEER_A PEER_B},
	/* Several changes of one peer within one operation. */
	{"public_key=" KEY_C "\nallowed_ip=1.0.0.0/8\npublic_key=" KEY_C
	 "\nprotocol_version=1\nallowed_ip=-1.0.0.0/8\nallowed_ip=2.0.0.0/8\n",
	 INTERFACE PEER_A PEER_B PEER(KEY_C, NO_KEY, "", "0", ALLOW("2.0.0.0/8"))},
	/* Removed and made anew: nothing of before is left. */
	{"public_key=" KEY_B "\nremove=true\npublic_key=" KEY_B "\n",
	 INTERFACE PEER_A PEER(KEY_B, NO_KEY, "", "0", "")},
};

static void test_set(void **state) {
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct desk *desk = base_desk();
		assert_int_equal(desk_set(desk, cases[i].set), 0);
		assert_state(desk, cases[i].expected);
		assert_int_equal(desk->warnings, 0);
		assert_int_equal(desk->listens, 0);
		desk_free(desk);
	}
}

/* Right in itself, but for one line: nothing happens. */
static void test_bad_lines(void **state) {
	static const char *const bad[] = {
		"nonsense",
		"",
		"=",
		"unknown=1",
		"listen_port=65536",
		"listen_port=-1",
		"fwmark=4294967296",
		"private_key=" KEY_1 "1",
		"replace_peers=false",
		"public_key=12",
		"public_key=" KEY("zz"),
		"preshared_key=" KEY_1, /* before a peer; behind one it is right */
		"persistent_keepalive_interval=65536",
		"persistent_keepalive_interval=off",
		"endpoint=192.0.2.1",
		"endpoint=host:1",
		"allowed_ip=10.0.0.0/33",
		"allowed_ip=10.0.0.0",
		"allowed_ip=--10.0.0.0/8",
		"protocol_version=2",
		"remove=false",
		"errno=0",
	};
	static const char *const before[] = {
		"",
		"private_key=" KEY_2 "\nlisten_port=1\nfwmark=9\nreplace_peers=true\n",
		"replace_peers=true\npublic_key=" KEY_C "\nallowed_ip=10.0.0.0/24\n"
		"public_key=" KEY_A "\nremove=true\n",
	};
	struct desk *desk = base_desk();
	size_t records = desk->record_count;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		for (size_t j = 0; j < sizeof before / sizeof *before; j++) {
			char text[1024];
			bool in_peer = j == 2;
			if (in_peer && strncmp(bad[i], "preshared", 9) == 0)
				continue;
			(void)snprintf(text, sizeof text, "%s%s\n%s", before[j], bad[i],
						   in_peer ? "persistent_keepalive_interval=3\n" : "");
			assert_int_equal(desk_set(desk, text), EINVAL);
			assert_state(desk, INTERFACE PEER_A PEER_B);
		}
	/* Keys of the interface behind a peer. */
	assert_int_equal(desk_set(desk, "public_key=" KEY_C "\nfwmark=1\n"), EINVAL);
	assert_int_equal(desk_set(desk, "public_key=" KEY_C "\nreplace_peers=true\n"), EINVAL);
	assert_state(desk, INTERFACE PEER_A PEER_B);
	assert_int_equal(desk->record_count, records);
	desk_free(desk);
}

static void public_of(const char *private_hex, char *out_hex) {
	uint8_t key[X25519_KEY_SIZE];
	struct wireguard_identity identity;
	assert_int_equal(text_hex_decode(private_hex, 64, key, sizeof key), ERR_OK);
	assert_int_equal(wireguard_identity_init(&identity, key), ERR_OK);
	text_hex_encode(identity.public_key, sizeof key, out_hex);
}

/* Our own public key is no peer: ignored when set, gone when the private key comes later. */
static void test_own_key(void **state) {
	char own[TEXT_KEY_HEX_SIZE], text[1024];
	public_of(PRIVATE, own);
	struct desk *desk = base_desk();
	(void)snprintf(text, sizeof text, "public_key=%s\nallowed_ip=10.0.0.0/24\nremove=true\n", own);
	assert_int_equal(desk_set(desk, text), 0);
	assert_state(desk, INTERFACE PEER_A PEER_B);
	assert_int_equal(desk_set(desk, "private_key=" NO_KEY "\n"), 0);
	(void)snprintf(text, sizeof text, "public_key=%s\nallowed_ip=10.0.0.0/24\n", own);
	assert_int_equal(desk_set(desk, text), 0);
	assert_int_equal(desk->device->peer_count, 3);
	assert_int_equal(desk_set(desk, "private_key=" PRIVATE "\n"), 0);
	assert_state(desk, INTERFACE PEER(KEY_A, NO_KEY, ENDPOINT_A, "0", ALLOW("fd00::/64")) PEER_B);
	desk_free(desk);
}

/* Changed twice within one operation: the last counts, and the first never was. */
static void test_private_key_twice(void **state) {
	struct desk *desk = base_desk();
	uint64_t generation = desk->device->generation;
	assert_int_equal(
		desk_set(desk, "private_key=" KEY_2 "\nprivate_key=" NO_KEY "\nprivate_key=" PRIVATE "\n"),
		0);
	assert_state(desk, INTERFACE PEER_A PEER_B);
	assert_true(desk->device->generation > generation);
	generation = desk->device->generation;
	assert_int_equal(desk_set(desk, "private_key=" PRIVATE "\n"), 0);
	assert_int_equal(desk->device->generation, generation);
	desk_free(desk);
}

static void test_port_in_use(void **state) {
	struct desk *desk = base_desk();
	desk->ops->link(desk->device, DESK_MTU, true);
	desk_turn(desk);
	assert_int_equal(desk->listens, 1);
	assert_int_equal(desk->asked_port, 51820);
	assert_int_equal(desk->listen_mark, 7);
	size_t records = desk->record_count;
	desk->listen_error = EADDRINUSE;
	/* In whatever order the lines come. */
	const char *const texts[] = {
		"listen_port=53\nfwmark=9\nreplace_peers=true\n",
		"private_key=" NO_KEY "\nreplace_peers=true\nlisten_port=53\npublic_key=" KEY_C "\n",
	};
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(desk_set(desk, texts[i]), EADDRINUSE);
		char *text = desk_get(desk);
		assert_non_null(strstr(text, INTERFACE "public_key=" KEY_A));
		assert_null(strstr(text, KEY_C));
		free(text);
	}
	assert_int_equal(desk->record_count, records);
	desk->listen_error = 0;
	assert_int_equal(desk_set(desk, "listen_port=53\n"), 0);
	assert_int_equal(desk->asked_port, 53);
	assert_int_equal(desk->warnings, 0);
	desk_free(desk);
}

static void test_mark(void **state) {
	struct desk *desk = base_desk();
	/* Nothing is open yet. */
	assert_int_equal(desk_set(desk, "fwmark=8\n"), 0);
	assert_int_equal(desk->marks, 0);
	desk->ops->link(desk->device, DESK_MTU, true);
	assert_int_equal(desk->listen_mark, 8);
	assert_int_equal(desk_set(desk, "fwmark=4294967295\n"), 0);
	assert_int_equal(desk->mark, UINT32_MAX);
	desk->mark_error = EPERM;
	assert_int_equal(desk_set(desk, "fwmark=1\nreplace_peers=true\n"), EPERM);
	char *text = desk_get(desk);
	assert_non_null(strstr(text, "fwmark=4294967295\npublic_key=" KEY_A));
	free(text);
	/* A new socket gets the mark. */
	desk->mark_error = 0;
	assert_int_equal(desk_set(desk, "listen_port=9\nfwmark=5\n"), 0);
	assert_int_equal(desk->mark, 5);
	desk_free(desk);
}

/* A port that cannot be had does not keep the interface down for good. */
static void test_link(void **state) {
	struct desk *desk = base_desk();
	desk->listen_error = EADDRINUSE;
	desk->ops->link(desk->device, DESK_MTU, true);
	desk_turn(desk);
	assert_int_equal(desk->warnings, 1);
	assert_false(desk->device->snapshot->snapshot.up);
	desk->listen_error = 0;
	assert_int_equal(desk_set(desk, "listen_port=99\n"), 0);
	assert_true(desk->device->snapshot->snapshot.up);
	desk->ops->link(desk->device, 1280, true);
	assert_int_equal(desk->listens, 2);
	desk->ops->link(desk->device, 1280, false);
	desk_turn(desk);
	assert_int_equal(desk->closes, 1);
	assert_false(desk->device->snapshot->snapshot.up);
	desk->ops->link(desk->device, 1280, true);
	desk_turn(desk);
	assert_int_equal(desk->asked_port, 99);
	assert_true(desk->device->snapshot->snapshot.up);
	assert_int_equal(desk->device->interface->lanes[1].mtu, 1280);
	desk_free(desk);
}

/* Who took the port may give it back: it is tried again, without a warning each time. */
static void test_port_is_tried_again(void **state) {
	struct desk *desk = base_desk();
	desk->listen_error = EADDRINUSE;
	desk->ops->link(desk->device, DESK_MTU, true);
	uint64_t next = desk->ops->run(desk->device, desk->now);
	assert_true(next > desk->now && next <= desk->now + 5 * CLOCK_SECOND);
	for (unsigned tries = 2; tries < 5; tries++) {
		desk->now += 5 * CLOCK_SECOND;
		desk_turn(desk);
		assert_int_equal(desk->listens, tries);
	}
	desk->listen_error = 0;
	desk->now += 5 * CLOCK_SECOND;
	desk_turn(desk);
	assert_int_equal(desk->warnings, 1);
	assert_true(desk->device->snapshot->snapshot.up);
	/* Found: nothing is tried any more, nor while the interface is down. */
	unsigned listens = desk->listens;
	desk->listen_error = EADDRINUSE;
	desk->ops->link(desk->device, DESK_MTU, false);
	desk->now += 60 * CLOCK_SECOND;
	desk_turn(desk);
	assert_int_equal(desk->listens, listens);
	desk_free(desk);
}

static void replay(const struct desk *from, struct desk *to) {
	to->forgets = true;
	for (size_t i = 0; i < from->record_count; i++)
		assert_int_equal(to->ops->restore(to->device, from->records[i]), ERR_OK);
	desk_turn(to);
	to->forgets = false;
}

/* What was saved makes the same device, whole or as the sum of its changes. */
static void test_records(void **state) {
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct desk *desk = base_desk(), *next = desk_new(1), *last = desk_new(1);
		assert_int_equal(desk_set(desk, cases[i].set), 0);
		replay(desk, next);
		assert_state(next, cases[i].expected);
		desk_turn(next);
		next->ops->save_all(next->device);
		replay(next, last);
		assert_state(last, cases[i].expected);
		desk_free(desk);
		desk_free(next);
		desk_free(last);
	}
}

/* The port that the system chose is what the next run asks for. */
static void test_chosen_port(void **state) {
	for (int late = 0; late < 2; late++) {
		struct desk *desk = base_desk(), *next = desk_new(1);
		if (!late)
			assert_int_equal(desk_set(desk, "listen_port=0\n"), 0);
		desk->ops->link(desk->device, DESK_MTU, true);
		if (late)
			assert_int_equal(desk_set(desk, "listen_port=0\nfwmark=3\n"), 0);
		assert_int_equal(desk->device->sockets.port, DESK_PORT);
		replay(desk, next);
		next->ops->link(next->device, DESK_MTU, true);
		assert_int_equal(next->asked_port, DESK_PORT);
		desk_free(desk);
		desk_free(next);
	}
}

static void test_restored_peer(void **state) {
	struct desk *desk = base_desk();
	struct wireguard_record_peer saved = {.last_handshake = desk->wall - 1000,
										  .endpoint = {.address.family = ADDRESS_V4, .port = 9}};
	uint8_t bytes[WIREGUARD_RECORD_PEER_SIZE];
	memset(saved.public_key, 0xbb, sizeof saved.public_key);
	wireguard_record_encode_peer(&saved, bytes);
	struct slice record = slice_of(bytes, sizeof bytes);
	assert_int_equal(desk->ops->restore(desk->device, record), ERR_OK);
	desk_turn(desk);
	char *text = desk_get(desk);
	assert_non_null(strstr(text, KEY_P "\nprotocol_version=1\nendpoint=0.0.0.0:9\n"
									   "last_handshake_time_sec=1699999999\n"
									   "last_handshake_time_nsec=999999000\n"));
	free(text);
	/* A session was alive: the first thing that leaves is a handshake with that peer. */
	desk->ops->link(desk->device, DESK_MTU, true);
	desk_turn(desk);
	size_t sent = desk->v4[0]->sent_count + desk->v4[1]->sent_count;
	assert_int_equal(sent, 1);
	/* Removed since, and damaged. */
	memset(bytes + 1, 0x77, 32);
	assert_int_equal(desk->ops->restore(desk->device, record), ERR_OK);
	record.size--;
	assert_int_not_equal(desk->ops->restore(desk->device, record), ERR_OK);
	assert_int_equal(desk->ops->restore(desk->device, slice_of_text("\x01zz")), ERR_MALFORMED);
	assert_int_equal(desk->ops->restore(desk->device, slice_of_text("\x63")), ERR_UNSUPPORTED);
	assert_int_equal(desk->ops->restore(desk->device, slice_of(NULL, 0)), ERR_UNSUPPORTED);
	desk_free(desk);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_of_peers),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_own_key),
		cmocka_unit_test(test_private_key_twice),
		cmocka_unit_test(test_port_in_use),
		cmocka_unit_test(test_mark),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_port_is_tried_again),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_chosen_port),
		cmocka_unit_test(test_restored_peer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
