#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/capture.h"
#include "cli/commands.h"
#include "cli/fake_client.h"
#include "cli/tool.h"
#include "crypto/x25519.h"

/* peer add, del, list, show, export, against a daemon that is none. */

#define ONES "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define TWOS "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="

static struct capture capture;

/* words: what stands behind "umbra peer", with single blanks between. */
static int run(const char *words, const char *input) {
	char text[512], *argv[16] = {text};
	int argc = 1;
	(void)snprintf(text, sizeof text, "umbra peer %s", words);
	for (char *at = strchr(text, ' '); at; at = strchr(at, ' ')) {
		*at++ = '\0';
		argv[argc++] = at;
	}
	capture_init(&capture, input);
	int status = tool_run(commands_all, &capture.streams, argc, argv);
	capture_done(&capture);
	assert_int_equal(fake.open, 0);
	return status;
}

static int reset(void **state) {
	fake_client_reset();
	return 0;
}

/* The value of a line "Key = value" of a client's file. */
static void find_value(const char *file, const char *key, char out_value[static 128]) {
	char begin[64];
	(void)snprintf(begin, sizeof begin, "\n%s = ", key);
	const char *at = strstr(file, begin);
	assert_non_null(at);
	at += strlen(begin);
	size_t size = strcspn(at, "\n");
	assert_true(size < 128);
	memcpy(out_value, at, size);
	out_value[size] = '\0';
}

/* The private key of a client's file belongs to the public one that the daemon was told. */
static void check_key_pair(const char *file) {
	char value[128];
	uint8_t private_key[TEXT_KEY_SIZE], public_key[TEXT_KEY_SIZE];
	find_value(file, "PrivateKey", value);
	assert_int_equal(text_key_decode(value, strlen(value), private_key), ERR_OK);
	assert_int_equal(x25519_public(private_key, public_key), ERR_OK);
	assert_memory_equal(public_key, fake.public_key, TEXT_KEY_SIZE);
}

static void test_add_makes_keys(void **state) {
	assert_int_equal(run("add um0 phone", ""), STATUS_OK);
	assert_string_equal(fake.asked, "tunnel um0\nadd um0 phone\n");
	check_key_pair(capture.output);
	char value[128];
	find_value(capture.output, "PublicKey", value);
	assert_string_equal(value, TWOS);
	find_value(capture.output, "Address", value);
	assert_string_equal(value, "10.66.0.7/32");
	find_value(capture.output, "Endpoint", value);
	assert_string_equal(value, "vpn.example.org:51820");
	find_value(capture.output, "AllowedIPs", value);
	assert_string_equal(value, "10.66.0.0/24, fd66::/64");
	find_value(capture.output, "PersistentKeepalive", value);
	assert_string_equal(value, "25");
	assert_null(strstr(capture.output, "PresharedKey"));
	assert_string_equal(capture.error,
						"umbra: peer add: phone was added to um0 with 10.66.0.7/32, 10.9.0.0/16\n");
}

static void test_add_with_everything(void **state) {
	assert_int_equal(run("add um0 phone --psk --allowed-ips 10.66.0.9/32,fd66::9 --endpoint "
						 "[2001:db8::1]:5 --keepalive=25",
						 ""),
					 STATUS_OK);
	assert_string_equal(fake.asked, "tunnel um0\nadd um0 phone 10.66.0.9/32 fd66::9/128 at "
									"[2001:db8::1]:5 every 25 psk\n");
	char value[128], expected[TEXT_KEY_BASE64_SIZE];
	find_value(capture.output, "PresharedKey", value);
	text_key_encode(fake.preshared_key, expected);
	assert_string_equal(value, expected);
	check_key_pair(capture.output);
}

/* They stand in their order; without one there are none. */
static void test_add_with_rules(void **state) {
	assert_int_equal(run("add web phone --rule=deny-no --public-key " ONES " --rule allow-yes", ""),
					 STATUS_OK);
	assert_string_equal(fake.asked, "add web phone rules (deny-no\nallow-yes)\n");
	assert_int_equal(run("add web phone --public-key " ONES " --rule", ""), STATUS_USAGE);
	assert_int_equal(run("add web --from - --rule allow-yes", ""), STATUS_USAGE);
	assert_non_null(strstr(capture.error, "--rule does not go with --from"));
}

static void test_add_of_a_known_key(void **state) {
	assert_int_equal(run("add um0 phone --public-key " ONES, ""), STATUS_OK);
	assert_string_equal(fake.asked, "add um0 phone\n");
	assert_int_equal(fake.public_key[7], 1);
	assert_string_equal(capture.output, "");
	fake_client_reset();
	assert_int_equal(run("add um0 phone --psk --public-key " ONES, ""), STATUS_OK);
	assert_string_equal(fake.asked, "tunnel um0\nadd um0 phone psk\n");
	assert_non_null(strstr(capture.output, "\nPresharedKey = "));
	assert_null(strstr(capture.output, "\nPrivateKey = "));
}

static void test_add_with_a_key_file(void **state) {
	assert_int_equal(run("add um0 phone --preshared-key-file -", TWOS "\n"), STATUS_OK);
	assert_string_equal(fake.asked, "tunnel um0\nadd um0 phone psk\n");
	assert_int_equal(fake.preshared_key[31], 2);
	assert_non_null(strstr(capture.output, "\nPresharedKey = " TWOS "\n"));
	fake_client_reset();
	assert_int_equal(run("add um0 phone --preshared-key-file -", "short\n"), STATUS_FAILED);
	assert_int_equal(run("add um0 phone --preshared-key-file /nowhere", ""), STATUS_FAILED);
	assert_string_equal(capture.error,
						"umbra: peer add: cannot open /nowhere: No such file or directory\n");
	assert_string_equal(fake.asked, "");
}

/* A folder of this test's own. */
static char folder[64], path[96];

static int make_folder(void **state) {
	fake_client_reset();
	(void)snprintf(folder, sizeof folder, "/tmp/test_peer_commands.XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/phone.conf", folder);
	return 0;
}

static int remove_folder(void **state) {
	(void)unlink(path);
	return rmdir(folder);
}

static void test_add_into_a_file(void **state) {
	char words[256], content[2048] = "";
	(void)snprintf(words, sizeof words, "add um0 phone --output %s", path);
	assert_int_equal(run(words, ""), STATUS_OK);
	assert_string_equal(capture.output, "");
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(descriptor, content, sizeof content - 1) > 0);
	(void)close(descriptor);
	check_key_pair(content);
	/* It is there now, and stays as it is: the daemon is not asked for another peer. */
	fake_client_reset();
	assert_int_equal(run(words, ""), STATUS_FAILED);
	assert_string_equal(fake.asked, "tunnel um0\n");
	assert_non_null(strstr(capture.error, "phone.conf: File exists"));
	assert_int_equal(stat(path, &status), 0);
	assert_true(status.st_size > 0);
}

static void test_no_file_of_a_refused_peer(void **state) {
	char words[256];
	(void)snprintf(words, sizeof words, "add um0 phone --output %s", path);
	fake.error = ERR_EXISTS;
	fake.status = 409;
	fake.fails_from = 1;
	fake.error_message = "um0 has a peer phone";
	assert_int_equal(run(words, ""), STATUS_FAILED);
	assert_string_equal(capture.error, "umbra: peer add: um0 has a peer phone\n");
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(errno, ENOENT);
}

static void test_a_lost_file_takes_the_peer_back(void **state) {
	char name[] = "umbra", peer[] = "peer", add[] = "add", tunnel[] = "um0", phone[] = "phone";
	char *argv[] = {name, peer, add, tunnel, phone};
	char key[TEXT_KEY_BASE64_SIZE], expected[256];
	capture_init(&capture, "");
	(void)close(capture.streams.output);
	capture.streams.output = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_int_equal(tool_run(commands_all, &capture.streams, 5, argv), STATUS_FAILED);
	capture_done(&capture);
	text_key_encode(fake.public_key, key);
	(void)snprintf(expected, sizeof expected, "tunnel um0\nadd um0 phone\nremove um0 %s\n", key);
	assert_string_equal(fake.asked, expected);
	assert_non_null(strstr(capture.error, "No space left on device"));
	assert_non_null(strstr(capture.error, "the peer was taken back"));
}

static void test_no_endpoint(void **state) {
	fake.no_endpoint = true;
	assert_int_equal(run("add um0 phone", ""), STATUS_OK);
	assert_null(strstr(capture.output, "\nEndpoint"));
	assert_non_null(strstr(capture.error, "tunnels.um0.clients.endpoint"));
}

static void test_many(void **state) {
	static const char lines[] = "# peers\n"
								"a " ONES "\n"
								"b " TWOS " 10.66.0.9/32,fd66::9\n";
	assert_int_equal(run("add um0 --from -", lines), STATUS_OK);
	assert_string_equal(fake.asked, "tunnel um0\nadd um0 a\nadd um0 b 10.66.0.9/32 fd66::9/128\n");
	assert_string_equal(capture.output, "");
	assert_string_equal(capture.error, "umbra: peer add: 2 of 2 peers added\n");
	fake_client_reset();
	assert_int_equal(run("del um0 --from -", lines), STATUS_OK);
	assert_string_equal(fake.asked, "tunnel um0\nremove um0 a\nremove um0 b\n");
	assert_string_equal(capture.error, "umbra: peer del: 2 of 2 peers removed\n");
}

static void test_many_with_a_wrong_line(void **state) {
	static const char *const rows[][2] = {
		{"a " ONES "\nb\n", "umbra: peer add: standard input: line 2: lacks a word\n"},
		{"a " ONES "\nb AQID\n", "umbra: peer add: standard input: line 2: the public key is not "
								 "the base64 of 32 bytes (44 characters)\n"},
		{"a " ONES "\n\nb " TWOS " 10.0.0.0/33\n",
		 "umbra: peer add: standard input: line 3: allowed IPs are "},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(run("add um0 --from -", rows[i][0]), STATUS_FAILED);
		assert_memory_equal(capture.error, rows[i][1], strlen(rows[i][1]));
		assert_string_equal(fake.asked, "");
	}
}

static void test_many_refused(void **state) {
	fake.error = ERR_EXISTS;
	fake.status = 409;
	fake.fails_from = 2;
	fake.error_message = "it is there";
	assert_int_equal(run("add um0 --from -", "a " ONES "\nb " ONES "\nc " TWOS "\n"),
					 STATUS_FAILED);
	assert_string_equal(fake.asked, "tunnel um0\nadd um0 a\nadd um0 b\nadd um0 c\n");
	assert_string_equal(capture.error, "umbra: peer add: standard input: line 2: it is there\n"
									   "umbra: peer add: standard input: line 3: it is there\n"
									   "umbra: peer add: 1 of 3 peers added\n");
	/* Without a daemon there is no use in going on. */
	fake_client_reset();
	fake.error = ERR_CLOSED;
	fake.fails_from = 2;
	assert_int_equal(run("del um0 --from -", "a\nb\nc\n"), STATUS_NO_DAEMON);
	assert_string_equal(fake.asked, "tunnel um0\nremove um0 a\nremove um0 b\n");
}

static void test_many_without_a_tunnel(void **state) {
	fake.error = ERR_NOT_FOUND;
	fake.status = 404;
	fake.error_message = "there is no tunnel um9";
	assert_int_equal(run("del um9 --from -", "a\nb\nc\n"), STATUS_FAILED);
	assert_string_equal(fake.asked, "tunnel um9\n");
	assert_string_equal(capture.error, "umbra: peer del: there is no tunnel um9\n");
}

static void test_a_screen_of_refusals(void **state) {
	char lines[200] = "";
	for (int i = 0; i < 25; i++)
		strcat(lines, "a\n");
	fake.error = ERR_NOT_FOUND;
	fake.status = 404;
	fake.fails_from = 1;
	fake.error_message = "there is no a";
	assert_int_equal(run("del um0 --from -", lines), STATUS_FAILED);
	assert_non_null(strstr(capture.error, "line 20: there is no a\n"
										  "umbra: peer del: 25 refusals in all; the first 20 are "
										  "told\numbra: peer del: 0 of 25 peers removed\n"));
}

static void test_a_tunnel_without_a_key(void **state) {
	fake.no_public_key = true;
	assert_int_equal(run("add um0 phone", ""), STATUS_FAILED);
	assert_string_equal(fake.asked, "tunnel um0\n");
	assert_string_equal(capture.error,
						"umbra: peer add: the public key of um0 is known once it is up, and the "
						"client's file needs it; 'umbra up um0' first\n");
}

static void test_a_network_for_an_address(void **state) {
	assert_int_equal(run("add um0 a --public-key " ONES " --allowed-ips 10.66.0.7/24", ""),
					 STATUS_OK);
	assert_non_null(strstr(capture.error, "warning: 10.66.0.7/24 is the whole network "
										  "10.66.0.0/24; for the one address leave out"));
}

static void test_del(void **state) {
	assert_int_equal(run("del um0 phone", ""), STATUS_OK);
	assert_string_equal(fake.asked, "remove um0 phone\n");
	assert_string_equal(capture.output, "");
}

static void test_list(void **state) {
	assert_int_equal(run("list", ""), STATUS_OK);
	assert_string_equal(fake.asked, "status 0\npeers um0\npeers um1\n");
	assert_memory_equal(capture.output, "TUNNEL  NAME ", 13);
	assert_non_null(strstr(capture.output, "\num0     laptop  store   quiet  never"));
	assert_non_null(strstr(capture.output, "\num1     phone "));
	fake_client_reset();
	assert_int_equal(run("list um1", ""), STATUS_OK);
	assert_string_equal(fake.asked, "peers um1\n");
	assert_memory_equal(capture.output, "NAME ", 5);
	assert_int_equal(run("list --json", ""), STATUS_OK);
	assert_memory_equal(capture.output, "{\"peers\":", 9);
}

static void test_show(void **state) {
	assert_int_equal(run("show um0 phone", ""), STATUS_OK);
	assert_string_equal(fake.asked, "peer um0 phone\n");
	assert_memory_equal(capture.output, "peer phone (store): quiet\n", 26);
}

static void test_export(void **state) {
	assert_int_equal(run("export um0 phone", ""), STATUS_OK);
	assert_string_equal(fake.asked, "tunnel um0\npeer um0 phone\n");
	assert_null(strstr(capture.output, "\nPrivateKey = "));
	assert_non_null(strstr(capture.output, "\nPublicKey = " TWOS "\n"));
	assert_string_equal(capture.error, "");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_add_makes_keys, reset),
		cmocka_unit_test_setup(test_add_with_everything, reset),
		cmocka_unit_test_setup(test_add_with_rules, reset),
		cmocka_unit_test_setup(test_add_of_a_known_key, reset),
		cmocka_unit_test_setup(test_add_with_a_key_file, reset),
		cmocka_unit_test_setup_teardown(test_add_into_a_file, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_no_file_of_a_refused_peer, make_folder, remove_folder),
		cmocka_unit_test_setup(test_a_lost_file_takes_the_peer_back, reset),
		cmocka_unit_test_setup(test_no_endpoint, reset),
		cmocka_unit_test_setup(test_many_without_a_tunnel, reset),
		cmocka_unit_test_setup(test_a_screen_of_refusals, reset),
		cmocka_unit_test_setup(test_a_tunnel_without_a_key, reset),
		cmocka_unit_test_setup(test_a_network_for_an_address, reset),
		cmocka_unit_test_setup(test_many, reset),
		cmocka_unit_test_setup(test_many_with_a_wrong_line, reset),
		cmocka_unit_test_setup(test_many_refused, reset),
		cmocka_unit_test_setup(test_del, reset),
		cmocka_unit_test_setup(test_list, reset),
		cmocka_unit_test_setup(test_show, reset),
		cmocka_unit_test_setup(test_export, reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
