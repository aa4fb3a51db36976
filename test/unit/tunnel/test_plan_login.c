#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "conf/all_kinds.h"
#include "conf/loading.h"
#include "crypto/member.h"
#include "tunnel/directory.h"
#include "tunnel/plan.h"

#define HEX_A "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
#define SEVENS "0707070707070707070707070707070707070707070707070707070707070707"
#define EIGHTS "0808080808080808080808080808080808080808080808080808080808080808"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

#define SERVER(auth, more)            \
	"tunnels:\n"                      \
	"  vpn:\n"                        \
	"    protocol: phaze\n"           \
	"    role: server\n"              \
	"    listen: 51820\n"             \
	"    addresses: [10.66.0.1/24]\n" \
	"    auth: { certificate_file: c, key_file: k" auth " }\n" more
#define CLIENT(auth, more)                                \
	"tunnels:\n"                                          \
	"  out:\n"                                            \
	"    protocol: phaze\n"                               \
	"    role: client\n"                                  \
	"    endpoints: [\"192.0.2.1:1\", \"b.example:2\"]\n" \
	"    auth: { server_name: vpn.example" auth " }\n" more

/* As the loader reads it from a file. */
static const char certificates[] =
	"Issuer: us\r\n"
	"-----BEGIN CERTIFICATE-----\r\n"
	"QUJD\r\n"
	"\n"
	"aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddeeee\n"
	"-----END CERTIFICATE-----\r\n"
	"between\n"
	"-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n"
	"-----BEGIN CERTIFICATE-----\n"
	"REVG\n"
	"-----END CERTIFICATE-----";
#define PEM_LINES(key)                                                                          \
	key "=-----BEGIN CERTIFICATE-----\n" key "=QUJD\n" key                                      \
		"=aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd\n" key "=eeee\n" key \
		"=-----END CERTIFICATE-----\n" key "=-----BEGIN CERTIFICATE-----\n" key "=REVG\n" key   \
		"=-----END CERTIFICATE-----\n"

static void no_change(struct config_login *login) {
}

static struct config *load(const char *text, void (*change)(struct config_login *login)) {
	struct config *config = loading_good(text);
	struct config_login *login = &config->tunnels[0].login;
	if (login->certificate_file) {
		login->certificates = certificates;
		memset(login->signing_key, 7, sizeof login->signing_key);
	}
	login->authorities = login->ca_file ? certificates : NULL;
	login->password = login->password_file ? "p\xc3\xa4 ss" : NULL;
	change(login);
	return config;
}

static void check_text(struct uapi_text *text, const char *expected) {
	assert_int_equal(text->error, ERR_OK);
	char *found = calloc(1, text->size + 1);
	assert_non_null(found);
	if (text->size > 0)
		memcpy(found, text->data, text->size);
	assert_string_equal(found, expected);
	free(found);
	uapi_text_done(text);
}

static void check_whole(const char *configuration, const char *expected) {
	struct config *config = load(configuration, no_change);
	struct uapi_text text = {0};
	plan_device_text(&config->tunnels[0], 3, &text);
	check_text(&text, expected);
	config_free(config);
}

static void check_changes(const char *before, const char *after,
						  void (*change)(struct config_login *login), const char *expected) {
	struct config *old = load(before, no_change), *new = load(after, change);
	struct uapi_text text = {0};
	assert_false(plan_needs_restart(&old->tunnels[0], &new->tunnels[0]));
	assert_int_equal(plan_device_changes(&old->tunnels[0], &new->tunnels[0], 3, &text), ERR_OK);
	check_text(&text, expected);
	config_free(old);
	config_free(new);
}

/* A line of the client's one peer, whose name the test computes. */
static const char *peer_line(char line[static 96]) {
	uint8_t identity[HASH_SIZE];
	char hex[2 * HASH_SIZE + 1];
	assert_int_equal(member_server_identity("vpn.example", identity), ERR_OK);
	text_hex_encode(identity, sizeof identity, hex);
	(void)snprintf(line, 96, "public_key=%s\n", hex);
	return line;
}

static void test_of_a_server(void **state) {
	check_whole(SERVER("", ""),
				"role=server\n"
				"listen_port=51820\n"
				"fwmark=0\n"
				"ciphers=aes-256-gcm,chacha20-poly1305\n"
				"rekey_seconds=120\n"
				"rekey_packets=1073741824\n"
				"keepalive=10\n"
				"client_to_client=false\n"
				"replace_push=true\n"
				"push_route=10.66.0.0/24\n"
				"replace_authorities=true\n"
				"replace_revoked=true\n"
				"replace_certificates=true\n" PEM_LINES("certificate") "signing_key=" SEVENS "\n"
																	   "demands=password\n"
																	   "ticket_seconds=604800\n"
																	   "transport=udp,tcp\n");
}

static void test_of_a_client(void **state) {
	char peer[96], expected[4096];
	(void)snprintf(expected, sizeof expected, "%s%s%s",
				   "role=client\n"
				   "listen_port=0\n"
				   "fwmark=0\n"
				   "ciphers=aes-256-gcm,chacha20-poly1305\n"
				   "rekey_seconds=120\n"
				   "rekey_packets=1073741824\n"
				   "keepalive=10\n"
				   "replace_authorities=true\n" PEM_LINES("authority") "replace_revoked=true\n"
																	   "replace_certificates=true\n"
																	   "pin=" HEX_A "\n"
																	   "server_name=vpn.example\n"
																	   "transport=udp\n",
				   peer_line(peer),
				   "name=alice\n"
				   "password=70c3a4207373\n"
				   "replace_endpoints=true\n"
				   "endpoint=192.0.2.1:1\n"
				   "replace_allowed_ips=true\n"
				   "allowed_ip=10.1.0.0/16\n");
	check_whole(CLIENT(", ca_file: a, pin: sha256/" KEY_A ", username: alice, password_file: p",
					   "    routes: { include: [10.1.0.0/16] }\n"),
				expected);
}

static void new_ticket_key(struct config_login *login) {
	memset(login->ticket_key, 8, sizeof login->ticket_key);
}

static void new_signing_key(struct config_login *login) {
	memset(login->signing_key, 8, sizeof login->signing_key);
}

static void new_list(struct config_login *login) {
	login->revoked = "-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n"
					 "-----BEGIN X509 CRL-----\nQkI=\n-----END X509 CRL-----\n";
}

static void test_changes_of_a_server(void **state) {
	check_changes(SERVER("", ""), SERVER("", ""), no_change, "");
	check_changes(SERVER("", ""), SERVER(", ca_file: a, demands: [certificate]", ""), no_change,
				  "replace_authorities=true\n" PEM_LINES("authority") "demands=certificate\n");
	check_changes(SERVER(", ca_file: a, demands: [certificate]", ""),
				  SERVER(", ca_file: a, crl_file: r, demands: [certificate, password]", ""),
				  new_list,
				  "replace_revoked=true\n"
				  "revoked=-----BEGIN X509 CRL-----\n"
				  "revoked=QkI=\n"
				  "revoked=-----END X509 CRL-----\n"
				  "demands=password,certificate\n");
	check_changes(SERVER(", ca_file: a", ""), SERVER(", tickets: off", ""), new_ticket_key,
				  "replace_authorities=true\n"
				  "ticket_key=" EIGHTS "\n"
				  "ticket_seconds=0\n");
	check_changes(SERVER("", ""), SERVER("", "    transports: [tcp]\n"), no_change,
				  "transport=tcp\n");
	check_changes(SERVER("", ""), SERVER("", "    transports: [tcp, udp]\n"), no_change, "");
	/* A certificate and its key are one thing. */
	check_changes(SERVER("", ""), SERVER("", ""), new_signing_key,
				  "replace_certificates=true\n" PEM_LINES("certificate") "signing_key=" EIGHTS
																		 "\n");
	check_changes(SERVER("", ""), SERVER("", "    keepalive: 9\n"), no_change, "keepalive=9\n");
}

static void test_changes_of_a_client(void **state) {
	char peer[96], expected[512];
	(void)snprintf(expected, sizeof expected, "pin=" ZEROS "\nserver_name=vpn.example\n%s%s",
				   peer_line(peer), "name=bob\npassword=70c3a4207373\n");
	check_changes(
		CLIENT(", ca_file: a, pin: sha256/" KEY_A ", username: alice, password_file: p", ""),
		CLIENT(", ca_file: a, username: bob, password_file: p", ""), no_change, expected);
	/* Who logged in by hand stays. */
	check_changes(CLIENT(", ca_file: a, username: alice", ""), CLIENT(", ca_file: a", ""),
				  no_change, "");
}

/* 16 of a header, 12 of a nonce, 16 of a tag, and those of UDP and IPv6. */
static void test_mtu(void **state) {
	struct config *config = load(SERVER("", ""), no_change);
	struct plan_network plan;
	assert_int_equal(plan_network_new(&config->tunnels[0], 3, NULL, 0, &plan), ERR_OK);
	assert_int_equal(plan.network.mtu, 1500 - 40 - 8 - 16 - 12 - 16);
	plan_network_done(&plan);
	config_free(config);
}

static void test_another_role_is_another_tunnel(void **state) {
	struct config *server = load(SERVER("", ""), no_change);
	struct config *client = load(CLIENT(", ca_file: a", ""), no_change);
	assert_true(plan_needs_restart(&server->tunnels[0], &client->tunnels[0]));
	config_free(server);
	config_free(client);
}

/* The server is a peer of the file, with all of its endpoints. */
static void test_directory(void **state) {
	struct config *config = load(CLIENT(", ca_file: a", ""), no_change);
	struct directory *directory;
	assert_int_equal(directory_new(&config->tunnels[0], &directory), ERR_OK);
	const struct directory_peer *peer = directory_find_name(directory, "server");
	assert_non_null(peer);
	assert_true(peer->of_shared && peer->origin == DIRECTORY_FILE);
	assert_memory_equal(peer->public_key, config->tunnels[0].shared.identity, TEXT_KEY_SIZE);
	assert_int_equal(directory_places(peer), 2);
	assert_int_equal(peer->lifetime, 120 + 60);
	directory_free(directory);
	config_free(config);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_another_role_is_another_tunnel),
		cmocka_unit_test(test_changes_of_a_client),
		cmocka_unit_test(test_changes_of_a_server),
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_of_a_client),
		cmocka_unit_test(test_of_a_server),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
