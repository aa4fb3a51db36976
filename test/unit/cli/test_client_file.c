#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/text.h"
#include "cli/client_file.h"

#define KEY "gI7K6AtO4LgLcjXwh1pol7hze98JeQ94mHTugRX7y+M="
#define SERVER "VDvSehwhc4Gvw7rUszbP5YqhuL69h5grixJlmLI5jts="
#define SHARED "69xDBFNWC1jkOvxB40tLAQGYT9DUoruSc2oasgpX/Sk="

static void decode(const char *text, uint8_t key[static TEXT_KEY_SIZE]) {
	assert_int_equal(text_key_decode(text, strlen(text), key), ERR_OK);
}

static void test_everything(void **state) {
	uint8_t private_key[TEXT_KEY_SIZE], server[TEXT_KEY_SIZE], shared[TEXT_KEY_SIZE];
	struct prefix own[2], everything[2];
	struct address dns;
	char *text;
	size_t size;
	decode(KEY, private_key);
	decode(SERVER, server);
	decode(SHARED, shared);
	assert_int_equal(prefix_parse("10.66.0.2", &own[0]), ERR_OK);
	assert_int_equal(prefix_parse("fd66::2", &own[1]), ERR_OK);
	assert_int_equal(prefix_parse("0.0.0.0/0", &everything[0]), ERR_OK);
	assert_int_equal(prefix_parse("::/0", &everything[1]), ERR_OK);
	assert_int_equal(address_parse("10.66.0.1", &dns), ERR_OK);
	const struct client_file file = {
		.name = "um0",
		.private_key = private_key,
		.server_key = server,
		.preshared_key = shared,
		.addresses = {own, 2},
		.endpoint = "[2001:db8::1]:443",
		.allowed_ips = {everything, 2},
		.dns = &dns,
		.dns_count = 1,
		.persistent_keepalive = 25,
	};
	assert_int_equal(client_file_format(&file, &text, &size), ERR_OK);
	assert_int_equal(strlen(text), size);
	assert_string_equal(text, "[Interface]\n"
							  "PrivateKey = " KEY "\n"
							  "Address = 10.66.0.2/32, fd66::2/128\n"
							  "DNS = 10.66.0.1\n"
							  "\n"
							  "[Peer]\n"
							  "# Name = server\n"
							  "# Umbra = true\n"
							  "PublicKey = " SERVER "\n"
							  "PresharedKey = " SHARED "\n"
							  "AllowedIPs = 0.0.0.0/0, ::/0\n"
							  "Endpoint = [2001:db8::1]:443\n"
							  "PersistentKeepalive = 25\n");
	client_file_free(text, size);
}

static void test_what_is_missing(void **state) {
	uint8_t server[TEXT_KEY_SIZE];
	char *text = NULL;
	size_t size = 7;
	decode(SERVER, server);
	struct client_file file = {.server_key = server};
	assert_int_equal(client_file_format(&file, &text, &size), ERR_OK);
	assert_string_equal(text, "[Interface]\n"
							  "# The private key is missing; whoever has it adds the line\n"
							  "# PrivateKey = ...\n"
							  "\n"
							  "[Peer]\n"
							  "# Umbra = true\n"
							  "PublicKey = " SERVER "\n");
	client_file_free(text, size);
	client_file_free(NULL, 0);
	text = NULL;
	size = 7;
	file.endpoint = "vpn.example.org";
	assert_int_equal(client_file_format(&file, &text, &size), ERR_INVALID);
	assert_null(text);
	assert_int_equal(size, 7);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_what_is_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
