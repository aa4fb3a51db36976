#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "cli/init.h"
#include "cli/init_endpoint.h"
#include "cli/init_folder.h"
#include "conf/wg_quick.h"
#include "crypto/x25519.h"

/* The private key's file, as the public key. */
static void public_of(const char *line, uint8_t key[static TEXT_KEY_SIZE]) {
	uint8_t private_key[TEXT_KEY_SIZE];
	assert_int_equal(strlen(line), TEXT_KEY_BASE64_SIZE);
	assert_int_equal(text_key_decode(line, TEXT_KEY_BASE64_SIZE - 1, private_key), ERR_OK);
	assert_int_equal(x25519_public(private_key, key), ERR_OK);
}

static struct config *load(const struct folder *folder, const char *name) {
	char path[2 * FOLDER_PATH_SIZE];
	folder_join(folder, name, path);
	const struct config_source source = {.path = path, .flags = CONFIG_SECRETS};
	struct config_errors errors;
	struct config *config;
	enum err error = config_load(&source, &config, &errors);
	if (error)
		fail_msg("%s", errors.count ? errors.lines[0] : err_text(error));
	config_errors_done(&errors);
	return config;
}

static void parse(const char *text, struct wg_quick *file) {
	char error[WG_QUICK_ERROR_SIZE] = "";
	if (wg_quick_parse(text, strlen(text), file, error))
		fail_msg("%s", error);
}

static void check_prefix(const struct config_prefixes *prefixes, size_t index, const char *text) {
	char formatted[ADDRESS_TEXT_SIZE];
	assert_true(index < prefixes->count);
	prefix_format(&prefixes->items[index], formatted);
	assert_string_equal(formatted, text);
}

/* Server and client know each other, and agree on addresses. */
static void check_pair(struct folder *folder, const struct config_tunnel *server,
					   const char *client_file) {
	struct wg_quick client;
	uint8_t key[TEXT_KEY_SIZE];
	parse(folder_read(folder, client_file), &client);
	assert_int_equal(server->peer_count, 1);
	const struct config_peer *peer = &server->peers[0], *back = &client.tunnel.peers[0];
	assert_int_equal(x25519_public(server->private_key, key), ERR_OK);
	assert_memory_equal(back->public_key, key, sizeof key);
	assert_int_equal(x25519_public(client.tunnel.private_key, key), ERR_OK);
	assert_memory_equal(peer->public_key, key, sizeof key);
	assert_string_equal(back->endpoint.name, server->clients.endpoint.name);
	assert_int_equal(back->endpoint.port, server->clients.endpoint.port);
	assert_int_equal(back->persistent_keepalive, server->clients.persistent_keepalive);
	assert_int_equal(client.tunnel.addresses.count, peer->allowed_ips.count);
	for (size_t i = 0; i < peer->allowed_ips.count; i++)
		assert_true(prefix_equal(&client.tunnel.addresses.items[i], &peer->allowed_ips.items[i]));
	for (size_t i = 0; i < back->allowed_ips.count; i++)
		assert_true(
			prefix_equal(&back->allowed_ips.items[i], &server->clients.allowed_ips.items[i]));
	wg_quick_done(&client);
}

static void test_server(void **state) {
	struct folder folder;
	struct capture capture;
	uint8_t key[TEXT_KEY_SIZE], loaded[TEXT_KEY_SIZE];
	folder_init(&folder);
	assert_int_equal(FOLDER_RUN(&folder, init_server_run, "", &capture, "--directory", "%/new",
								"--endpoint", "vpn.example.org"),
					 STATUS_OK);
	assert_string_equal(capture.error, "");
	assert_non_null(strstr(capture.output, "umbra.yaml"));
	assert_non_null(strstr(capture.output, "umbra status"));
	assert_int_equal(folder_mode(&folder, "new"), 0700);
	assert_int_equal(folder_mode(&folder, "new/keys"), 0700);
	assert_int_equal(folder_mode(&folder, "new/clients"), 0700);
	assert_int_equal(folder_mode(&folder, "new/keys/um0.key"), 0600);
	assert_int_equal(folder_mode(&folder, "new/clients/client1.conf"), 0600);
	assert_int_equal(folder_mode(&folder, "new/umbra.yaml"), 0600);
	assert_int_equal(folder_count(&folder), 6);
	assert_non_null(strstr(folder_read(&folder, "new/umbra.yaml"), "# "));
	public_of(folder_read(&folder, "new/keys/um0.key"), key);
	struct config *config = load(&folder, "new/umbra.yaml");
	const struct config_tunnel *tunnel = config_find(config, "um0");
	assert_non_null(tunnel);
	assert_string_equal(tunnel->protocol, config_default_protocol());
	assert_int_equal(tunnel->listen.port, 51820);
	assert_true(tunnel->masquerade && tunnel->autostart);
	check_prefix(&tunnel->addresses, 0, "10.66.0.1/24");
	assert_int_equal(tunnel->addresses.items[1].address.bytes[0], 0xfd);
	assert_int_equal(tunnel->addresses.items[1].address.bytes[15], 1);
	assert_int_equal(tunnel->addresses.items[1].length, 64);
	check_prefix(&tunnel->clients.allowed_ips, 0, "0.0.0.0/0");
	check_prefix(&tunnel->clients.allowed_ips, 1, "::/0");
	assert_string_equal(tunnel->clients.endpoint.name, "vpn.example.org");
	assert_string_equal(tunnel->peers[0].name, "client1");
	assert_int_equal(x25519_public(tunnel->private_key, loaded), ERR_OK);
	assert_memory_equal(loaded, key, sizeof key);
	check_pair(&folder, tunnel, "new/clients/client1.conf");
	config_free(config);
	folder_done(&folder);
}

static void test_server_with_every_option(void **state) {
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	assert_int_equal(FOLDER_RUN(&folder, init_server_run, "", &capture, "--directory=%",
								"--endpoint=2001:db8::7", "--listen=443", "--name=vpn-1",
								"--network=fd66:1::/64,192.168.77.0/28", "--client=anna.phone",
								"--dns=192.168.77.1,fd66:1::1", "--no-masquerade", "--qr"),
					 STATUS_OK);
	assert_non_null(strstr(capture.output, "clients/anna.phone.conf"));
	struct config *config = load(&folder, "umbra.yaml");
	const struct config_tunnel *tunnel = config_find(config, "vpn-1");
	assert_non_null(tunnel);
	assert_false(tunnel->masquerade);
	assert_int_equal(tunnel->listen.port, 443);
	check_prefix(&tunnel->addresses, 0, "fd66:1::1/64");
	check_prefix(&tunnel->addresses, 1, "192.168.77.1/28");
	check_prefix(&tunnel->peers[0].allowed_ips, 0, "fd66:1::2/128");
	check_prefix(&tunnel->peers[0].allowed_ips, 1, "192.168.77.2/32");
	check_prefix(&tunnel->clients.allowed_ips, 0, "fd66:1::/64");
	check_prefix(&tunnel->clients.allowed_ips, 1, "192.168.77.0/28");
	assert_string_equal(tunnel->clients.endpoint.name, "2001:db8::7");
	assert_int_equal(tunnel->clients.endpoint.port, 443);
	assert_int_equal(tunnel->clients.dns_count, 2);
	check_pair(&folder, tunnel, "clients/anna.phone.conf");
	assert_non_null(
		strstr(folder_read(&folder, "clients/anna.phone.conf"), "DNS = 192.168.77.1, fd66:1::1\n"));
	config_free(config);
	folder_done(&folder);
}

static void test_server_guesses(void **state) {
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	int status = FOLDER_RUN(&folder, init_server_run, "", &capture, "--directory", "%");
	/* A machine without any network has nothing to guess from. */
	assert_non_null(strstr(capture.error, "--endpoint HOST[:PORT]"));
	assert_int_equal(folder_has(&folder, "umbra.yaml"), status == STATUS_OK);
	folder_done(&folder);
}

static void test_server_keeps_what_is_there(void **state) {
	struct folder folder;
	struct capture capture;
	char before[TEXT_KEY_BASE64_SIZE + 1];
	folder_init(&folder);
	folder_write(&folder, "umbra.yaml", "mine\n", 0644);
	assert_int_equal(
		FOLDER_RUN(&folder, init_server_run, "", &capture, "--directory=%", "--endpoint=192.0.2.1"),
		STATUS_FAILED);
	assert_non_null(strstr(capture.error, "umbra.yaml already; --force replaces it"));
	assert_string_equal(capture.output, "");
	assert_int_equal(folder_count(&folder), 1);
	assert_string_equal(folder_read(&folder, "umbra.yaml"), "mine\n");
	assert_int_equal(FOLDER_RUN(&folder, init_server_run, "", &capture, "--directory=%",
								"--endpoint=192.0.2.1", "--force"),
					 STATUS_OK);
	assert_int_equal(folder_mode(&folder, "umbra.yaml"), 0600);
	assert_int_equal(folder_count(&folder), 5);
	strcpy(before, folder_read(&folder, "keys/um0.key"));
	/* The last of the files cannot be replaced: what was replaced before it comes back. */
	char path[2 * FOLDER_PATH_SIZE];
	folder_join(&folder, "umbra.yaml", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(FOLDER_RUN(&folder, init_server_run, "", &capture, "--directory=%",
								"--endpoint=192.0.2.1", "--force"),
					 STATUS_FAILED);
	assert_non_null(strstr(capture.error, "cannot make "));
	assert_string_equal(folder_read(&folder, "keys/um0.key"), before);
	assert_int_equal(folder_count(&folder), 5);
	folder_done(&folder);
}

static void test_server_refuses(void **state) {
	static const struct {
		const char *argument, *message;
		int status;
	} cases[] = {
		{"--name=a/b", "--name is what the interface is called", STATUS_USAGE},
		{"--name=.um0", "--name is what the interface is called", STATUS_USAGE},
		{"--name=interface-of-16c", "--name is what the interface is called", STATUS_USAGE},
		{"--client=../x", "--client takes", STATUS_USAGE},
		{"--listen=0", "--listen takes a UDP port", STATUS_USAGE},
		{"--listen=65536", "--listen takes a UDP port", STATUS_USAGE},
		{"--network=10.0.0.0", "--network takes", STATUS_USAGE},
		{"--network=0.0.0.0/0", "--network takes", STATUS_USAGE},
		{"--network=127.0.0.0/24", "--network takes", STATUS_USAGE},
		{"--network=239.1.0.0/16", "--network takes", STATUS_USAGE},
		{"--network=fe80::/64", "--network takes", STATUS_USAGE},
		{"--network=10.0.0.0/31", "--network takes", STATUS_USAGE},
		{"--network=fd00::/127", "--network takes", STATUS_USAGE},
		{"--network=10.0.0.0/24,10.1.0.0/24", "--network takes", STATUS_USAGE},
		{"--network=10.0.0.0/24,", "--network takes", STATUS_USAGE},
		{"--dns=resolver", "--dns takes", STATUS_USAGE},
		{"--dns=1.1.1.1,,", "--dns takes", STATUS_USAGE},
		{"--unknown", "unknown option", STATUS_USAGE},
		{"operand", "too many arguments", STATUS_USAGE},
		{"--directory=/dev/null", "cannot make /dev/null", STATUS_FAILED},
		{"--directory=/nowhere/at/all", "cannot make /nowhere/at/all", STATUS_FAILED},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct folder folder = {"/nowhere", ""};
		struct capture capture;
		const char *const arguments[] = {"--endpoint=192.0.2.1", cases[i].argument, NULL};
		int status = folder_run(&folder, init_server_run, "", &capture, arguments);
		if (status != cases[i].status || !strstr(capture.error, cases[i].message))
			fail_msg("%s: %d, %s", cases[i].argument, status, capture.error);
		assert_string_equal(capture.output, "");
	}
}

static void test_endpoints(void **state) {
	static const char *const good[][2] = {
		{"vpn.example.org", "vpn.example.org:51820"},
		{"vpn.example.org:443", "vpn.example.org:443"},
		{"192.0.2.1", "192.0.2.1:51820"},
		{"192.0.2.1:1", "192.0.2.1:1"},
		{"2001:db8::1", "[2001:db8::1]:51820"},
		{"[2001:db8::1]", "[2001:db8::1]:51820"},
		{"[2001:db8::1]:443", "[2001:db8::1]:443"},
	};
	static const char *const bad[] = {"",     ":",   ":443",  "a b",  "host:0",        "host:99999",
									  "[::1", "[x]", "host:", "a\"b", "[192.0.2.1]:1", "-host"};
	char endpoint[INIT_ENDPOINT_SIZE];
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_int_equal(init_endpoint_parse(good[i][0], 51820, endpoint), ERR_OK);
		assert_string_equal(endpoint, good[i][1]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (init_endpoint_parse(bad[i], 51820, endpoint) != ERR_INVALID)
			fail_msg("%s", bad[i]);
}

static void test_private_addresses(void **state) {
	static const char *const private[] = {"10.1.2.3",    "172.31.0.1",  "192.168.1.1",
										  "100.127.0.1", "169.254.1.1", "127.0.0.1",
										  "::1",         "fe80::1",     "fd00::1"};
	static const char *const public[] = {"9.9.9.9", "172.32.0.1", "100.128.0.1", "2001:db8::1"};
	struct address address;
	for (size_t i = 0; i < sizeof private / sizeof private[0]; i++) {
		assert_int_equal(address_parse(private[i], &address), ERR_OK);
		assert_true(init_endpoint_is_private(&address));
	}
	for (size_t i = 0; i < sizeof public / sizeof public[0]; i++) {
		assert_int_equal(address_parse(public[i], &address), ERR_OK);
		assert_false(init_endpoint_is_private(&address));
	}
}

static void test_client_of_a_server(void **state) {
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	assert_int_equal(FOLDER_RUN(&folder, init_server_run, "", &capture, "--directory=%/server",
								"--endpoint=192.0.2.1"),
					 STATUS_OK);
	assert_int_equal(FOLDER_RUN(&folder, init_client_run, "", &capture, "--directory", "%/client",
								"%/server/clients/client1.conf"),
					 STATUS_OK);
	assert_string_equal(capture.error, "");
	assert_int_equal(folder_mode(&folder, "client/keys/um0.key"), 0600);
	struct config *server = load(&folder, "server/umbra.yaml");
	struct config *client = load(&folder, "client/umbra.yaml");
	const struct config_tunnel *tunnel = config_find(client, "um0");
	assert_non_null(tunnel);
	uint8_t key[TEXT_KEY_SIZE];
	assert_int_equal(x25519_public(tunnel->private_key, key), ERR_OK);
	assert_memory_equal(key, config_find(server, "um0")->peers[0].public_key, sizeof key);
	assert_true(tunnel->routes.from_peers);
	check_prefix(&tunnel->peers[0].allowed_ips, 0, "0.0.0.0/0");
	config_free(server);
	config_free(client);
	/* A second one goes beside it, and is found by the include line. */
	assert_int_equal(FOLDER_RUN(&folder, init_client_run, "", &capture, "--directory", "%/client",
								"%/server/clients/client1.conf", "--name", "um1"),
					 STATUS_OK);
	assert_string_equal(capture.error, "");
	client = load(&folder, "client/umbra.yaml");
	assert_non_null(config_find(client, "um0"));
	assert_non_null(config_find(client, "um1"));
	config_free(client);
	/* A name that is taken would make the whole configuration invalid. */
	assert_int_equal(FOLDER_RUN(&folder, init_client_run, "", &capture, "--directory", "%/client",
								"%/server/clients/client1.conf"),
					 STATUS_FAILED);
	assert_non_null(strstr(capture.error, "there is a tunnel um0 already"));
	assert_false(folder_has(&folder, "client/tunnels/um0.yaml"));
	folder_done(&folder);
}

static void test_client_without_include(void **state) {
	static const char text[] = "[Interface]\nPrivateKey = "
							   "gI7K6AtO4LgLcjXwh1pol7hze98JeQ94mHTugRX7y+M=\nPostUp = true\n";
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	folder_write(&folder, "umbra.yaml", "node: { name: gw1 }\n", 0600);
	assert_int_equal(FOLDER_RUN(&folder, init_client_run, text, &capture, "--directory=%", "-"),
					 STATUS_OK);
	assert_non_null(strstr(capture.error, "standard input:3: PostUp is not taken over"));
	assert_non_null(strstr(capture.error, "add this line to it: include: [tunnels/*.yaml]"));
	assert_string_equal(folder_read(&folder, "umbra.yaml"), "node: { name: gw1 }\n");
	assert_true(folder_has(&folder, "tunnels/um0.yaml"));
	folder_done(&folder);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server),
		cmocka_unit_test(test_server_with_every_option),
		cmocka_unit_test(test_server_guesses),
		cmocka_unit_test(test_server_keeps_what_is_there),
		cmocka_unit_test(test_server_refuses),
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_private_addresses),
		cmocka_unit_test(test_client_of_a_server),
		cmocka_unit_test(test_client_without_include),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
