/* Set operations of a Mighty device, what get answers after them, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/mighty_control.h"
#include "proto/mighty_device.h"
#include "session/packet_policy.h"

#include "proto/desk.h"
#include "proto/mighty_keys.h"

enum { TEXT_MAX = 1 << 16 };

#define TIMES "rekey_seconds=600\nrekey_packets=16777216\nkeepalive=10\nclient_to_client=false\n"
#define BOTH "ciphers=aes-256-gcm,chacha20-poly1305\n"
#define NEW "role=server\n" BOTH TIMES
#define FIGURES "last_handshake_time_sec=0\nlast_handshake_time_nsec=0\ntx_bytes=0\nrx_bytes=0\n"

/* Of each letter there is a key: in texts %A is its identity, %a its secret. */
static const char *expand(const char *format, char out_text[static TEXT_MAX]) {
	char *out = out_text;
	for (; *format; format++) {
		if (*format != '%') {
			*out++ = *format;
			continue;
		}
		char letter = *++format;
		bool secret = letter >= 'a';
		struct mighty_key key = mighty_key_of((unsigned)(secret ? letter - 'a' : letter - 'A'));
		out = stpcpy(out, secret ? key.secret : key.id);
	}
	*out = '\0';
	return out_text;
}

static struct desk *desk_server(void) {
	return desk_new_of(DESK_SHARDS, &mighty_device_ops);
}

static int set(struct desk *desk, const char *format) {
	static char text[TEXT_MAX];
	return desk_set(desk, expand(format, text));
}

static void assert_state(const struct desk *desk, const char *format) {
	static char expected[TEXT_MAX];
	char *text = desk_get(desk);
	assert_string_equal(text, expand(format, expected));
	free(text);
}

/* A server with two clients; the second has a network behind it, and an address that says so. */
#define CLIENT_A "public_key=%A\npreshared=true\nsession=0\n" FIGURES "allowed_ip=10.0.0.1/32\n"
#define CLIENT_B                                                               \
	"public_key=%B\npreshared=true\nsession=0\n" FIGURES                       \
	"allowed_ip=10.0.0.2/32\nallowed_ip=fd00::2/128\nallowed_ip=10.2.0.0/16\n" \
	"address=10.0.0.2/24\naddress=fd00::2/64\n"
#define PUSHED                                                                             \
	"push_route=10.0.0.0/8\npush_route=fd00::/48\npush_dns=10.0.0.53\npush_dns=fd00::53\n" \
	"push_domain=example.org\npush_mtu=1380\n"

static const char base[] =
	"role=server\nlisten_port=51820\nfwmark=7\nciphers=chacha20-poly1305\nrekey_seconds=60\n"
	"rekey_packets=1000\nkeepalive=5\nclient_to_client=true\nreplace_push=true\n" PUSHED
	"replace_peers=true\n"
	"public_key=%A\npreshared_key=%a\nallowed_ip=10.0.0.1/32\n"
	"public_key=%B\npreshared_key=%b\nreplace_allowed_ips=true\nallowed_ip=10.0.0.2/32\n"
	"allowed_ip=fd00::2/128\nallowed_ip=10.2.0.0/16\naddress=10.0.0.2/24\naddress=fd00::2/64\n";
#define OWN                                                                                   \
	"role=server\nlisten_port=51820\nfwmark=7\nciphers=chacha20-poly1305\nrekey_seconds=60\n" \
	"rekey_packets=1000\nkeepalive=5\nclient_to_client=true\n"

static struct desk *base_desk(void) {
	struct desk *desk = desk_server();
	assert_int_equal(set(desk, base), 0);
	assert_state(desk, OWN PUSHED CLIENT_A CLIENT_B);
	return desk;
}

static void test_empty(void **state) {
	struct desk *desk = desk_server();
	assert_state(desk, NEW);
	assert_int_equal(set(desk, ""), 0);
	assert_state(desk, NEW);
	desk_free(desk);
}

static const struct {
	const char *set, *expected;
} cases[] = {
	{"replace_push=true\nciphers=chacha20-poly1305,aes-256-gcm\nrekey_seconds=600\n"
	 "rekey_packets=1073741824\nkeepalive=65535\nclient_to_client=false\nlisten_port=0\nfwmark=0\n",
	 "role=server\nciphers=chacha20-poly1305,aes-256-gcm\nrekey_seconds=600\n"
	 "rekey_packets=1073741824\nkeepalive=65535\nclient_to_client=false\n" CLIENT_A CLIENT_B},
	/* What is pushed is added to, unless it is replaced; the MTU has one value. */
	{"push_route=192.0.2.0/24\npush_mtu=1400\n",
	 OWN "push_route=10.0.0.0/8\npush_route=fd00::/48\npush_route=192.0.2.0/24\n"
		 "push_dns=10.0.0.53\npush_dns=fd00::53\npush_domain=example.org\n"
		 "push_mtu=1400\n" CLIENT_A CLIENT_B},
	{"replace_peers=true\n", OWN PUSHED},
	{"replace_peers=true\npublic_key=%C\npreshared_key=%c\npublic_key=%A\npreshared_key=%a\n",
	 OWN PUSHED "public_key=%C\npreshared=true\nsession=0\n" FIGURES
				"public_key=%A\npreshared=true\nsession=0\n" FIGURES},
	{"public_key=%A\nremove=true\n", OWN PUSHED CLIENT_B},
	/* Lines behind a removal say nothing; but they must be right in themselves. */
	{"public_key=%A\nremove=true\naddress=1.1.1.1/8\nallowed_ip=10.0.0.2/32\n",
	 OWN PUSHED CLIENT_B},
	{"public_key=%C\nremove=true\n", OWN PUSHED CLIENT_A CLIENT_B},
	{"public_key=%C\nupdate_only=true\npreshared_key=%c\nallowed_ip=10.0.0.1/32\n",
	 OWN PUSHED CLIENT_A CLIENT_B},
	{"public_key=%C\npreshared_key=%c\nallowed_ip=10.0.0.1/32\nremove=true\n",
	 OWN PUSHED CLIENT_A CLIENT_B},
	/* Its key again is no change. */
	{"public_key=%A\nupdate_only=true\npreshared_key=%a\n", OWN PUSHED CLIENT_A CLIENT_B},
	/* A prefix moves to who is given it. */
	{"public_key=%A\nallowed_ip=10.2.0.0/16\n", OWN PUSHED CLIENT_A
	 "allowed_ip=10.2.0.0/16\n"
	 "public_key=%B\npreshared=true\nsession=0\n" FIGURES "allowed_ip=10.0.0.2/32\n"
	 "allowed_ip=fd00::2/128\naddress=10.0.0.2/24\naddress=fd00::2/64\n"},
	/* The last one has it, though the first is named again. */
	{"public_key=%A\nallowed_ip=10.2.0.0/16\npublic_key=%B\nallowed_ip=10.2.0.0/"
	 "16\npublic_key=%A\n",
	 OWN PUSHED CLIENT_A CLIENT_B},
	{"public_key=%A\nallowed_ip=-10.0.0.1/32\nallowed_ip=-10.2.0.0/16\n",
	 OWN PUSHED "public_key=%A\npreshared=true\nsession=0\n" FIGURES CLIENT_B},
	/* Addresses are told in place of allowed IPs, and go with them. */
	{"public_key=%B\nreplace_allowed_ips=true\nallowed_ip=10.0.0.9/32\n", OWN PUSHED CLIENT_A
	 "public_key=%B\npreshared=true\nsession=0\n" FIGURES "allowed_ip=10.0.0.9/32\n"},
	/* Rules are added to, or replaced. */
	{"public_key=%A\nrule=allow 10.0.0.0/8 tcp 22,80-89\nrule=deny any icmp\n",
	 OWN PUSHED CLIENT_A "rule=allow 10.0.0.0/8 tcp 22,80-89\nrule=deny any icmp\n" CLIENT_B},
	{"public_key=%A\nrule=deny any\npublic_key=%B\nrule=deny any\nreplace_rules=true\n"
	 "public_key=%A\nreplace_rules=true\nrule=allow fd00::/64\n",
	 OWN PUSHED CLIENT_A "rule=allow fd00::/64\n" CLIENT_B},
	{"public_key=%A\nrule=deny any\nremove=true\n", OWN PUSHED CLIENT_B},
	/* Removed and made again within one operation. */
	{"public_key=%A\nallowed_ip=10.9.0.0/16\nremove=true\npublic_key=%A\npreshared_key=%a\n"
	 "allowed_ip=10.0.0.7/32\n",
	 OWN PUSHED CLIENT_B "public_key=%A\npreshared=true\nsession=0\n" FIGURES
						 "allowed_ip=10.0.0.7/32\n"},
};

static void test_operations(void **state) {
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct desk *desk = base_desk();
		assert_int_equal(set(desk, cases[i].set), 0);
		assert_state(desk, cases[i].expected);
		desk_free(desk);
	}
}

#define ONE_ADDRESS(n) "address=10.1.0." #n "/24\n"
#define ONE_HOST(n) "allowed_ip=10.1.0." #n "/32\n"

static const struct {
	const char *set;
	int number;
} refused[] = {
	{"role=peer\n", EINVAL},
	{"role=client\n", EBUSY},
	{"private_key=%a\n", EINVAL},
	{"unknown=1\n", EINVAL},
	{"ciphers=aes-128-gcm\n", EINVAL},
	{"ciphers=aes-256-gcm,\n", EINVAL},
	{"ciphers=aes-256-gcm,aes-256-gcm\n", EINVAL},
	{"rekey_seconds=0\n", EINVAL},
	{"rekey_packets=0\n", EINVAL},
	{"rekey_packets=1073741825\n", EINVAL},
	{"keepalive=0\n", EINVAL},
	{"push_mtu=575\n", EINVAL},
	{"push_domain=a..b\n", EINVAL},
	{"public_key=%C\n", EINVAL},
	{"public_key=%C\nallowed_ip=10.0.0.1/32\n", EINVAL},
	{"public_key=%C\npreshared_key=%a\n", EINVAL},
	{"public_key=%C\npreshared_key=%a\nremove=true\n", EINVAL},
	{"public_key=%A\npreshared_key=%b\n", EINVAL},
	{"public_key=%A\nendpoint=192.0.2.1:1\n", EINVAL},
	{"public_key=%A\npersistent_keepalive_interval=1\n", EINVAL},
	{"public_key=%A\nlisten_port=1\n", EINVAL},
	{"preshared_key=%a\n", EINVAL},
	{"public_key=%A\naddress=10.0.0.1/33\n", EINVAL},
	{"public_key=%A\nrule=deny example.org\n", EINVAL},
	{"public_key=%A\nrule=forbid any\n", EINVAL},
	{"public_key=%A\n" ONE_ADDRESS(1) ONE_ADDRESS(2) ONE_ADDRESS(3) ONE_ADDRESS(4) ONE_ADDRESS(5)
		 ONE_ADDRESS(6) ONE_ADDRESS(7) ONE_ADDRESS(8) ONE_ADDRESS(9),
	 ENOSPC},
	{"public_key=%A\n" ONE_HOST(1) ONE_HOST(2) ONE_HOST(3) ONE_HOST(4) ONE_HOST(5) ONE_HOST(6)
		 ONE_HOST(7) ONE_HOST(8),
	 ENOSPC},
};

/* All or nothing: what stands in front of a line that is refused is not done either. */
static void test_refused(void **state) {
	static char text[TEXT_MAX];
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct desk *desk = base_desk();
		size_t records = desk->record_count;
		assert_int_equal(set(desk, refused[i].set), refused[i].number);
		bool of_peer = strncmp(refused[i].set, "public_key", 10) == 0;
		(void)snprintf(text, sizeof text, "%s%s",
					   of_peer ? "public_key=%D\npreshared_key=%d\nallowed_ip=10.0.0.1/32\n"
								 "public_key=%B\nremove=true\n"
							   : "rekey_seconds=9\nkeepalive=9\n",
					   refused[i].set);
		assert_int_equal(set(desk, text), refused[i].number);
		assert_state(desk, OWN PUSHED CLIENT_A CLIENT_B);
		assert_int_equal(desk->record_count, records);
		desk_free(desk);
	}
	/* Beyond eight of the allowed IPs are fine where addresses say what is told. */
	struct desk *desk = base_desk();
	assert_int_equal(set(desk, "public_key=%A\n" ONE_HOST(1) ONE_HOST(2) ONE_HOST(3) ONE_HOST(4)
								   ONE_HOST(5) ONE_HOST(6) ONE_HOST(7) ONE_HOST(8) ONE_ADDRESS(1)),
					 0);
	desk_free(desk);
}

/* Sockets are the first thing to be changed: where the system refuses, nothing else is. */
static void test_sockets_first(void **state) {
	struct desk *desk = base_desk();
	desk->ops->link(desk->device, DESK_MTU, true);
	desk->listen_error = EADDRINUSE;
	assert_int_equal(set(desk, "keepalive=9\nlisten_port=1\nreplace_peers=true\n"), EADDRINUSE);
	assert_state(desk, OWN PUSHED CLIENT_A CLIENT_B);
	desk->listen_error = 0;
	desk->mark_error = EPERM;
	assert_int_equal(set(desk, "fwmark=9\nreplace_peers=true\n"), EPERM);
	assert_state(desk, OWN PUSHED CLIENT_A CLIENT_B);
	desk_free(desk);
}

/* What clients are told has to fit into the handshake: it is looked at when it is set. */
static void test_too_much_to_tell(void **state) {
	static char text[TEXT_MAX];
	struct desk *desk = desk_server();
	assert_int_equal(set(desk, "public_key=%A\npreshared_key=%a\nallowed_ip=10.0.0.1/32\n"), 0);
	int size = 0;
	/* 3 + 6 bytes each; and 22 for the times, 9 for the address: 114 of them are 1026 bytes. */
	for (unsigned i = 0; i < 114; i++)
		size += snprintf(text + size, sizeof text - (size_t)size, "push_route=10.%u.0.0/16\n", i);
	assert_int_equal(desk_set(desk, text), 0);
	assert_int_equal(set(desk, "push_route=192.0.2.0/24\n"), EMSGSIZE);
	/* Nor by another address, or another peer that is told more. */
	assert_int_equal(set(desk, "public_key=%A\nallowed_ip=10.0.0.2/32\n"), EMSGSIZE);
	assert_int_equal(set(desk, "public_key=%B\npreshared_key=%b\naddress=fd00::1/64\n"), EMSGSIZE);
	assert_int_equal(set(desk, "public_key=%B\npreshared_key=%b\nallowed_ip=10.9.0.0/16\n"), 0);
	assert_int_equal(set(desk, "public_key=%A\nremove=true\n"), 0);
	assert_int_equal(set(desk, "push_route=192.0.2.0/24\n"), 0);
	/* More than may be said at all. */
	size = snprintf(text, sizeof text, "replace_push=true\n");
	for (unsigned i = 0; i < 9; i++)
		size += snprintf(text + size, sizeof text - (size_t)size, "push_dns=10.0.0.%u\n", i);
	assert_int_equal(desk_set(desk, text), ENOSPC);
	desk_free(desk);
}

#define SERVER_IN "public_key=%A\npreshared_key=%a\n"
#define SERVER_OUT "public_key=%A\npreshared=true\nsession=0\n"

static void test_client(void **state) {
	struct desk *desk = desk_new_of(1, &mighty_device_ops);
	assert_int_equal(set(desk, "role=client\ninstance=0102030405060708\n" SERVER_IN
							   "endpoint=192.0.2.1:51820\nendpoint=[2001:db8::1]:51820\n"
							   "endpoint=192.0.2.1:51820\nallowed_ip=0.0.0.0/0\n"),
					 0);
	/* Where it would send first, and where it could; before and after its owner heard. */
	assert_state(desk, "role=client\ninstance=0102030405060708\n" BOTH TIMES SERVER_OUT
					   "endpoint=192.0.2.1:51820\n" FIGURES "allowed_ip=0.0.0.0/0\n"
					   "path=192.0.2.1:51820 rtt_us=0\npath=[2001:db8::1]:51820 rtt_us=0\n");
	assert_int_equal(set(desk, "public_key=%A\nreplace_endpoints=true\nendpoint=192.0.2.9:1\n"), 0);
	assert_state(desk, "role=client\ninstance=0102030405060708\n" BOTH TIMES SERVER_OUT
					   "endpoint=192.0.2.9:1\n" FIGURES "allowed_ip=0.0.0.0/0\n"
					   "path=192.0.2.9:1 rtt_us=0\n");
	/* A client has one server, is told its addresses, and tells nobody anything. */
	assert_int_equal(set(desk, "public_key=%B\npreshared_key=%b\n"), ENOSPC);
	assert_int_equal(set(desk, "public_key=%A\naddress=10.0.0.1/24\n"), EINVAL);
	assert_int_equal(set(desk, "push_mtu=1400\n"), EINVAL);
	assert_int_equal(set(desk, "public_key=%A\nrule=deny any\n"), EINVAL);
	assert_int_equal(set(desk, "public_key=%A\nremove=true\npublic_key=%B\npreshared_key=%b\n"), 0);
	assert_int_equal(set(desk, "public_key=%B\nendpoint=192.0.2.1:1\nendpoint=192.0.2.1:2\n"
							   "endpoint=192.0.2.1:3\nendpoint=192.0.2.1:4\nendpoint=192.0.2.1:5\n"
							   "endpoint=192.0.2.1:6\nendpoint=192.0.2.1:7\nendpoint=192.0.2.1:8\n"
							   "endpoint=192.0.2.1:9\n"),
					 ENOSPC);
	/* Another role, with other peers. */
	assert_int_equal(set(desk, "role=server\n"), EBUSY);
	assert_int_equal(set(desk, "role=server\nreplace_peers=true\n" SERVER_IN), 0);
	assert_state(desk, "role=server\ninstance=0102030405060708\n" BOTH TIMES SERVER_OUT FIGURES);
	desk_free(desk);
}

/* People see no secret; nor does get, which other programs than wg(8) do not ask. */
static void test_status(void **state) {
	struct desk *desk = base_desk();
	struct uapi_text text = {.data = NULL};
	desk->ops->status(desk->device, &text);
	uapi_put_line(&text, "");
	assert_int_equal(text.error, ERR_OK);
	text.data[text.size - 1] = '\0';
	assert_ptr_equal(strstr(text.data, "role=server\n"), text.data);
	for (unsigned i = 0; i < 2; i++) {
		struct mighty_key key = mighty_key_of(i);
		assert_null(strstr(text.data, key.secret));
		assert_non_null(strstr(text.data, key.id));
	}
	assert_null(strstr(text.data, "preshared_key="));
	assert_non_null(strstr(text.data, "\npush_mtu=1380\naead="));
	assert_non_null(strstr(text.data, "\nshard=0\n"));
	uapi_text_done(&text);
	desk_free(desk);
}

static void test_of_peers(void **state) {
	static char text[TEXT_MAX];
	struct desk *desk = desk_server();
	const char *const others[] = {
		"role=client\n",        "push_mtu=1400\n",
		"replace_push=true\n",  "instance=0102030405060708\n",
		"replace_peers=true\n", "public_key=%A\nremove=true\nkeepalive=1\n"};
	assert_true(desk->ops->of_peers(slice_of_text(expand(
		"public_key=%A\npreshared_key=%a\naddress=10.0.0.1/24\nreplace_endpoints=true\n", text))));
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_false(desk->ops->of_peers(slice_of_text(expand(others[i], text))));
	desk_free(desk);
}

/* Told to the owner, one operation after the other; what was before is freed in time. */
static void test_rules(void **state) {
	static char text[TEXT_MAX];
	struct desk *desk = base_desk();
	struct mighty_key key = mighty_key_of(0);
	struct mighty_peer *peer = mighty_control_find(desk->device, key.identity);
	assert_null(peer->policy);
	assert_int_equal(set(desk, "public_key=%A\nrule=deny any tcp 25\n"), 0);
	const struct packet_policy *first = peer->policy;
	assert_non_null(first);
	assert_int_equal(set(desk, "public_key=%A\nallowed_ip=10.8.0.0/16\n"), 0);
	assert_ptr_equal(peer->policy, first);
	assert_int_equal(set(desk, "public_key=%A\nrule=deny any udp 53\n"), 0);
	assert_non_null(peer->policy);
	assert_int_equal(peer->control.rule_count, 2);
	/* As many as there may be. */
	int size = snprintf(text, sizeof text, "public_key=%s\nreplace_rules=true\n", key.id);
	for (unsigned i = 0; i < PACKET_POLICY_RULES_MAX; i++)
		size += snprintf(text + size, sizeof text - (size_t)size, "rule=allow 10.0.%u.%u\n",
						 i / 256, i % 256);
	assert_int_equal(desk_set(desk, text), 0);
	assert_int_equal(set(desk, "public_key=%A\nrule=deny any\n"), ENOSPC);
	assert_int_equal(set(desk, "public_key=%A\nreplace_rules=true\n"), 0);
	assert_null(peer->policy);
	assert_state(desk, OWN PUSHED CLIENT_A "allowed_ip=10.8.0.0/16\n" CLIENT_B);
	desk_turn(desk);
	assert_false(engine_collect(desk->engine));
	desk_free(desk);
}

/* Many clients at once: found again, told apart, counted. */
static void test_many(void **state) {
	enum { CLIENTS = 3000 };
	struct desk *desk = desk_server();
	char *text = malloc(CLIENTS * 256);
	size_t size = 0;
	assert_non_null(text);
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct mighty_key key = mighty_key_of(i);
		size += (size_t)sprintf(text + size,
								"public_key=%s\npreshared_key=%s\nallowed_ip=10.%u.%u.1/32\n",
								key.id, key.secret, i / 250, i % 250);
	}
	desk->forgets = true;
	assert_int_equal(desk_set(desk, text), 0);
	free(text);
	assert_int_equal(desk->device->peer_count, CLIENTS);
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct mighty_key key = mighty_key_of(i);
		struct mighty_peer *peer = mighty_control_find(desk->device, key.identity);
		assert_non_null(peer);
		assert_non_null(peer->peer.lane);
	}
	assert_int_equal(set(desk, "replace_peers=true\n"), 0);
	assert_int_equal(desk->device->peer_count, 0);
	desk_free(desk);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_sockets_first),
		cmocka_unit_test(test_too_much_to_tell),
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_of_peers),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
