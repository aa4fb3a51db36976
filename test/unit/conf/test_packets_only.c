#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/loading.h"
#include "conf/packets_only.h"

/* A build without protocols that carry streams does not know their keys. */

static void test_keys_are_unknown(void **state) {
	static const char text[] = "tunnels:\n"
							   "  um0:\n"
							   "    private_key_file: k\n"
							   "    role: server\n"
							   "    peers: [{ public_key: " KEY_A ", rules: [] }]\n";
	loading_refuses(
		&(struct config_source){.path = "umbra.yaml", .text = text, .text_size = strlen(text)},
		"umbra.yaml:4: tunnels.um0.role: unknown key; protocol, autostart, listen, "
		"private_key_file, addresses, mtu, fwmark, masquerade, forward, kill_switch, allow_lan, "
		"routes, dns, peers or clients\n"
		"umbra.yaml:5: tunnels.um0.peers.1.rules: unknown key; name, public_key, "
		"preshared_key_file, endpoint, allowed_ips, persistent_keepalive or umbra");
	assert_null(config_stream_protocol());
}

static void test_reference_has_none(void **state) {
	char *text;
	size_t size;
	assert_int_equal(config_reference(CONFIG_REFERENCE_TEXT, &text, &size), ERR_OK);
	assert_null(strstr(text, "tls"));
	assert_null(strstr(text, "Tunnels:"));
	free(text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_are_unknown),
		cmocka_unit_test(test_reference_has_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
