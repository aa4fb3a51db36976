#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "conf/all_kinds.h"
#include "conf/loading.h"
#include "tunnel/plan.h"
#include "tunnel/plan_mtu.h"

#define HEX_A "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
#define HEX_B "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
#define HEX_C "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
#define PSK "0707070707070707070707070707070707070707070707070707070707070707"

#define SERVER               \
	"tunnels:\n"             \
	"  vpn:\n"               \
	"    protocol: mighty\n" \
	"    role: server\n"     \
	"    listen: 51820\n"    \
	"    addresses: [10.66.0.1/24, \"fd66::1/64\"]\n"
#define PHONE                                                    \
	"      - { name: phone, psk_file: p, identity: " KEY_A ",\n" \
	"          allowed_ips: [10.66.0.2/32, 10.9.0.0/24, \"fd66::2/128\"] }\n"
#define LAPTOP                                                    \
	"      - { name: laptop, psk_file: q, identity: " KEY_B ",\n" \
	"          allowed_ips: [10.66.0.3/32] }\n"
#define PHONE_LINES              \
	"public_key=" HEX_A "\n"     \
	"preshared_key=" PSK "\n"    \
	"replace_allowed_ips=true\n" \
	"allowed_ip=10.66.0.2/32\n"  \
	"allowed_ip=10.9.0.0/24\n"   \
	"allowed_ip=fd66::2/128\n"   \
	"address=10.66.0.2/32\n"     \
	"address=fd66::2/128\n"
#define LAPTOP_LINES             \
	"public_key=" HEX_B "\n"     \
	"preshared_key=" PSK "\n"    \
	"replace_allowed_ips=true\n" \
	"allowed_ip=10.66.0.3/32\n"  \
	"address=10.66.0.3/32\n"
#define CLIENT               \
	"tunnels:\n"             \
	"  out:\n"               \
	"    protocol: mighty\n" \
	"    role: client\n"     \
	"    auth: { psk_file: p, identity: " KEY_C " }\n"

/* As if the key files had been read. */
static struct config *load(const char *text) {
	struct config *config = loading_good(text);
	for (size_t i = 0; i < config->tunnels[0].peer_count; i++)
		memset(config->tunnels[0].peers[i].preshared_key, 7, TEXT_KEY_SIZE);
	return config;
}

static void check_text(struct uapi_text *text, const char *expected) {
	assert_int_equal(text->error, ERR_OK);
	assert_int_equal(text->size, strlen(expected));
	assert_memory_equal(text->size > 0 ? text->data : "", expected, text->size);
	uapi_text_done(text);
}

static void check_whole(const char *configuration, const char *expected) {
	struct config *config = load(configuration);
	struct uapi_text text = {0};
	plan_device_text(&config->tunnels[0], 3, &text);
	check_text(&text, expected);
	config_free(config);
}

static void check_changes(const char *before, const char *after, const char *expected) {
	struct config *old = load(before), *new = load(after);
	struct uapi_text text = {0};
	assert_false(plan_needs_restart(&old->tunnels[0], &new->tunnels[0]));
	assert_int_equal(plan_device_changes(&old->tunnels[0], &new->tunnels[0], 3, &text), ERR_OK);
	check_text(&text, expected);
	config_free(old);
	config_free(new);
}

static void test_of_a_server(void **state) {
	check_whole(SERVER "    peers:\n" PHONE LAPTOP,
				"role=server\n"
				"listen_port=51820\n"
				"fwmark=0\n"
				"ciphers=aes-256-gcm,chacha20-poly1305\n"
				"rekey_seconds=600\n"
				"rekey_packets=16777216\n"
				"keepalive=10\n"
				"client_to_client=false\n"
				"replace_push=true\n"
				"push_route=10.66.0.0/24\n"
				"push_route=fd66::/64\n" PHONE_LINES LAPTOP_LINES);
}

static void test_of_a_server_that_says_all(void **state) {
	check_whole(SERVER "    ciphers: chacha20-poly1305\n"
					   "    fwmark: 7\n"
					   "    rekey: { seconds: 60, packets: 1000 }\n"
					   "    keepalive: 5\n"
					   "    client_to_client: true\n"
					   "    push: { routes: [0.0.0.0/0], dns: [10.66.0.1, \"fd66::1\"], domains: "
					   "[a.example], mtu: 1400 }\n"
					   "    peers: [{ name: a, psk_file: p, identity: " KEY_A
					   ", allowed_ips: [10.66.0.0/28],\n"
					   "              addresses: [10.66.0.2/24], rules: [allow 10.66.0.1, deny "
					   "any udp] }]\n",
				"role=server\n"
				"listen_port=51820\n"
				"fwmark=7\n"
				"ciphers=chacha20-poly1305\n"
				"rekey_seconds=60\n"
				"rekey_packets=1000\n"
				"keepalive=5\n"
				"client_to_client=true\n"
				"replace_push=true\n"
				"push_route=0.0.0.0/0\n"
				"push_dns=10.66.0.1\n"
				"push_dns=fd66::1\n"
				"push_domain=a.example\n"
				"push_mtu=1400\n"
				"public_key=" HEX_A "\n"
				"preshared_key=" PSK "\n"
				"replace_allowed_ips=true\n"
				"allowed_ip=10.66.0.0/28\n"
				"address=10.66.0.2/24\n"
				"replace_rules=true\n"
				"rule=allow 10.66.0.1\n"
				"rule=deny any udp\n");
}

#define CLIENT_LINES                          \
	"role=client\n"                           \
	"listen_port=0\n"                         \
	"fwmark=%s\n"                             \
	"ciphers=aes-256-gcm,chacha20-poly1305\n" \
	"rekey_seconds=600\n"                     \
	"rekey_packets=16777216\n"                \
	"keepalive=10\n"                          \
	"public_key=" HEX_C "\n"                  \
	"preshared_key=" PSK "\n"

/* Names come from elsewhere. Without routes and addresses the server says what comes from it. */
static void test_of_a_client(void **state) {
	char expected[2048];
	(void)snprintf(expected, sizeof expected,
				   CLIENT_LINES "replace_endpoints=true\n"
								"endpoint=192.0.2.1:51820\n"
								"endpoint=[2001:db8::1]:1\n"
								"replace_allowed_ips=true\n",
				   "0");
	check_whole(CLIENT "    endpoints: [\"vpn.example.org:1\", \"192.0.2.1:51820\", "
					   "\"[2001:db8::1]:1\"]\n",
				expected);
	(void)snprintf(expected, sizeof expected,
				   CLIENT_LINES "replace_endpoints=true\n"
								"replace_allowed_ips=true\n"
								"allowed_ip=0.0.0.0/0\n"
								"allowed_ip=10.66.0.0/24\n",
				   "1970077700");
	check_whole(CLIENT "    endpoints: [\"vpn.example.org:1\"]\n"
					   "    addresses: [10.66.0.2/24]\n"
					   "    routes: { include: [0.0.0.0/0] }\n",
				expected);
}

/* Addresses of names may be any. */
static void test_of_a_client_that_leads_by_name(void **state) {
	char expected[2048];
	(void)snprintf(expected, sizeof expected,
				   CLIENT_LINES "replace_endpoints=true\n"
								"endpoint=192.0.2.1:1\n"
								"replace_allowed_ips=true\n"
								"allowed_ip=0.0.0.0/0\n"
								"allowed_ip=::/0\n",
				   "1970077700");
	check_whole(CLIENT "    endpoints: [\"192.0.2.1:1\"]\n"
					   "    routes: { include_domains: [a.example] }\n",
				expected);
}

static void test_changes(void **state) {
	check_changes(SERVER "    peers:\n" PHONE LAPTOP, SERVER "    peers:\n" PHONE LAPTOP, "");
	check_changes(SERVER "    peers:\n" PHONE, SERVER "    peers:\n" LAPTOP PHONE, LAPTOP_LINES);
	check_changes(SERVER "    peers:\n" PHONE LAPTOP, SERVER "    peers:\n" LAPTOP,
				  "public_key=" HEX_A "\n"
				  "remove=true\n");
	check_changes(SERVER "    rekey: { seconds: 5, packets: 1000 }\n"
						 "    ciphers: aes-256-gcm\n",
				  SERVER "    rekey: { seconds: 5, packets: 2000 }\n"
						 "    keepalive: 9\n",
				  "ciphers=aes-256-gcm,chacha20-poly1305\n"
				  "rekey_packets=2000\n"
				  "keepalive=9\n");
	check_changes(SERVER,
				  SERVER "    client_to_client: true\n"
						 "    push: { dns: [10.66.0.1] }\n",
				  "client_to_client=true\n"
				  "replace_push=true\n"
				  "push_route=10.66.0.0/24\n"
				  "push_route=fd66::/64\n"
				  "push_dns=10.66.0.1\n");
	check_changes(SERVER "    push: { mtu: 1400, dns: [10.66.0.1] }\n",
				  SERVER "    push: { dns: [10.66.0.1] }\n",
				  "replace_push=true\n"
				  "push_route=10.66.0.0/24\n"
				  "push_route=fd66::/64\n"
				  "push_dns=10.66.0.1\n");
}

#define ONE(more) SERVER "    peers: [{ name: a, psk_file: p, identity: " KEY_A ", " more " }]\n"

/* Of a peer only the part that changed: its session goes on. */
static void test_changes_of_a_peer(void **state) {
	check_changes(ONE("allowed_ips: [10.66.0.2/32]"),
				  ONE("allowed_ips: [10.66.0.2/32], rules: [deny any]"),
				  "public_key=" HEX_A "\n"
				  "replace_rules=true\n"
				  "rule=deny any\n");
	check_changes(ONE("allowed_ips: [10.66.0.2/32], rules: [deny any]"),
				  ONE("allowed_ips: [10.66.0.2/32]"),
				  "public_key=" HEX_A "\n"
				  "replace_rules=true\n");
	check_changes(ONE("allowed_ips: [10.66.0.2/32]"),
				  ONE("allowed_ips: [10.66.0.2/32], addresses: [10.66.0.2/24]"),
				  "public_key=" HEX_A "\n"
				  "replace_allowed_ips=true\n"
				  "allowed_ip=10.66.0.2/32\n"
				  "address=10.66.0.2/24\n");
	check_changes(CLIENT "    endpoints: [\"192.0.2.1:1\", \"192.0.2.2:1\"]\n",
				  CLIENT "    endpoints: [\"192.0.2.2:1\"]\n",
				  "public_key=" HEX_C "\n"
				  "replace_endpoints=true\n"
				  "endpoint=192.0.2.2:1\n");
	check_changes(CLIENT "    endpoints: [\"192.0.2.1:1\"]\n",
				  CLIENT "    endpoints: [\"192.0.2.1:1\"]\n"
						 "    routes: { include: [10.66.0.0/24] }\n",
				  "public_key=" HEX_C "\n"
				  "replace_allowed_ips=true\n"
				  "allowed_ip=10.66.0.0/24\n");
}

static void test_another_role_is_another_tunnel(void **state) {
	struct config *server = load(SERVER), *client = load(CLIENT "    endpoints: [\"a.b:1\"]\n");
	assert_true(plan_needs_restart(&server->tunnels[0], &client->tunnels[0]));
	config_free(server);
	config_free(client);
}

/* 12 of a header, 12 of a nonce, 16 of a tag, and those of UDP and IPv6. */
static void test_mtu(void **state) {
	struct config *config = load(SERVER);
	struct plan_network plan;
	assert_int_equal(plan_network_new(&config->tunnels[0], 3, NULL, 0, &plan), ERR_OK);
	assert_int_equal(plan.network.mtu, 1500 - 40 - 8 - 12 - 12 - 16);
	plan_network_done(&plan);
	config_free(config);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_another_role_is_another_tunnel),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_changes_of_a_peer),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_of_a_client),
		cmocka_unit_test(test_of_a_client_that_leads_by_name),
		cmocka_unit_test(test_of_a_server),
		cmocka_unit_test(test_of_a_server_that_says_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
