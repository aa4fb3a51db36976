#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/all_kinds.h"
#include "conf/folder.h"
#include "conf/loading.h"
#include "crypto/shared_key.h"

static const struct config_source with_secrets = {.path = "umbra.yaml", .flags = CONFIG_SECRETS};

static const char both[] = "tunnels:\n"
						   "  vpn:\n"
						   "    protocol: mighty\n"
						   "    role: server\n"
						   "    listen: 51820\n"
						   "    peers:\n"
						   "      - { name: a, psk_file: a.psk, allowed_ips: [10.66.0.2/32] }\n"
						   "      - { name: b, psk_file: b.psk, allowed_ips: [10.66.0.3/32] }\n"
						   "  out:\n"
						   "    protocol: mighty\n"
						   "    role: client\n"
						   "    endpoints: [\"vpn.example.org:1\"]\n"
						   "    auth:\n"
						   "      psk_file: c.psk\n";

static void write_all(void) {
	folder_write("umbra.yaml", 0644, both);
	folder_write("a.psk", 0600, KEY_A "\n");
	folder_write("b.psk", 0600, " " KEY_B "\r\n");
	folder_write("c.psk", 0600, KEY_C);
}

static void has_key(const struct config_peer *peer, const char *text) {
	uint8_t key[TEXT_KEY_SIZE], identity[TEXT_KEY_SIZE];
	assert_int_equal(text_key_decode(text, strlen(text), key), ERR_OK);
	assert_int_equal(shared_key_identity("mighty", key, identity), ERR_OK);
	assert_memory_equal(peer->preshared_key, key, sizeof key);
	assert_memory_equal(peer->public_key, identity, sizeof identity);
}

static void test_keys_and_identities(void **state) {
	write_all();
	struct config *config = loading_source(&with_secrets);
	has_key(&config->tunnels[0].peers[0], KEY_A);
	has_key(&config->tunnels[0].peers[1], KEY_B);
	has_key(&config->tunnels[1].peers[0], KEY_C);
	assert_memory_equal(config->tunnels[1].shared.identity, config->tunnels[1].peers[0].public_key,
						TEXT_KEY_SIZE);
	/* Who reads the dump without the keys knows whose they are all the same. */
	char *dumped;
	size_t size;
	assert_int_equal(config_dump(config, &dumped, &size), ERR_OK);
	assert_null(strstr(dumped, KEY_A));
	struct config *again =
		loading_source(&(struct config_source){.path = "dump", .text = dumped, .text_size = size});
	for (size_t i = 0; i < 2; i++)
		assert_memory_equal(again->tunnels[i].peers[0].public_key,
							config->tunnels[i].peers[0].public_key, TEXT_KEY_SIZE);
	free(dumped);
	config_free(again);
	config_free(config);
}

static void test_files_that_are_refused(void **state) {
	static const struct {
		const char *file, *content;
		unsigned mode;
		const char *lines;
	} rows[] = {
		{"a.psk", KEY_A "\n", 0640,
		 "umbra.yaml:7: tunnels.vpn.peers.a.psk_file: DIR/a.psk can be opened by other users (mode "
		 "0640); chmod 600 DIR/a.psk"},
		{"b.psk", "", 0600,
		 "umbra.yaml:8: tunnels.vpn.peers.b.psk_file: DIR/b.psk is empty; one line of base64, as "
		 "\"umbra genpsk\" prints it"},
		{"b.psk", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 0600,
		 "umbra.yaml:8: tunnels.vpn.peers.b.psk_file: DIR/b.psk holds zeros; one line of base64, "
		 "as \"umbra genpsk\" prints it"},
		{"c.psk", "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHw==\n", 0600,
		 "umbra.yaml:14: tunnels.out.auth.psk_file: DIR/c.psk holds no key; one line of base64, as "
		 "\"umbra genpsk\" prints it"},
		{"c.psk", KEY_C KEY_C "\n", 0600,
		 "umbra.yaml:14: tunnels.out.auth.psk_file: DIR/c.psk holds no key; one line of base64, as "
		 "\"umbra genpsk\" prints it"},
		{"b.psk", KEY_A "\n", 0600,
		 "umbra.yaml:8: tunnels.vpn.peers.b.psk_file: DIR/b.psk holds the key that the file at "
		 "umbra.yaml:7 holds; each client its own, as \"umbra genpsk\" makes them"},
		{"c.psk", KEY_B "\n", 0600,
		 "umbra.yaml:14: tunnels.out.auth.psk_file: DIR/c.psk holds the key that the file at "
		 "umbra.yaml:8 holds; each client its own, as \"umbra genpsk\" makes them"},
	};
	const struct folder *folder = *state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char lines[1024] = "";
		for (const char *at = rows[i].lines; *at;) {
			const char *next = strstr(at, "DIR");
			size_t size = next ? (size_t)(next - at) : strlen(at), used = strlen(lines);
			(void)snprintf(lines + used, sizeof lines - used, "%.*s%s", (int)size, at,
						   next ? folder->path : "");
			at += size + (next ? strlen("DIR") : 0);
		}
		write_all();
		folder_write(rows[i].file, rows[i].mode, rows[i].content);
		loading_refuses(&with_secrets, lines);
	}
}

static void test_an_identity_has_to_fit(void **state) {
	write_all();
	folder_write("umbra.yaml", 0644,
				 "tunnels:\n"
				 "  out:\n"
				 "    protocol: mighty\n"
				 "    role: client\n"
				 "    endpoints: [\"vpn.example.org:1\"]\n"
				 "    auth: { psk_file: c.psk, identity: " KEY_A " }\n");
	char *lines = loading_bad(&with_secrets);
	assert_non_null(strstr(lines, "umbra.yaml:6: tunnels.out.auth.identity: not that of the key"));
	free(lines);
}

static void test_a_file_that_is_not_there(void **state) {
	write_all();
	assert_int_equal(remove("a.psk"), 0);
	char *lines = loading_bad(&with_secrets);
	assert_non_null(strstr(lines, "cannot be opened: No such file or directory; \"umbra genpsk\" "
								  "makes a key"));
	free(lines);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_enter, folder_leave)

int main(void) {
	const struct CMUnitTest tests[] = {
		IN_FOLDER(test_a_file_that_is_not_there),
		IN_FOLDER(test_an_identity_has_to_fit),
		IN_FOLDER(test_files_that_are_refused),
		IN_FOLDER(test_keys_and_identities),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
