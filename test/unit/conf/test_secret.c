#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/wipe.h"
#include "conf/folder.h"
#include "conf/loading.h"

static const struct config_source with_secrets = {.path = "umbra.yaml", .flags = CONFIG_SECRETS};

static const char text[] = "tunnels:\n"
						   "  um0:\n"
						   "    private_key_file: um0.key\n"
						   "    peers:\n"
						   "      - public_key: " KEY_A "\n"
						   "        preshared_key_file: psk\n";

static void check_key(const uint8_t key[static TEXT_KEY_SIZE], const char *expected) {
	char encoded[TEXT_KEY_BASE64_SIZE];
	text_key_encode(key, encoded);
	assert_string_equal(encoded, expected);
}

static void test_keys_are_read(void **state) {
	folder_write("umbra.yaml", 0644, text);
	folder_write("um0.key", 0600, KEY_B "\n");
	folder_write("psk", 0400, " \r\n\t" KEY_C " \n\n");
	struct config *config = loading_source(&with_secrets);
	check_key(config->tunnels[0].private_key, KEY_B);
	check_key(config->tunnels[0].peers[0].preshared_key, KEY_C);
	config_free(config);
}

static void test_keys_are_not_read_without_being_asked_for(void **state) {
	folder_write("umbra.yaml", 0644, text);
	struct config *config = loading_source(&(struct config_source){.path = "umbra.yaml"});
	assert_true(wipe_is_zero(config->tunnels[0].private_key, TEXT_KEY_SIZE));
	assert_true(wipe_is_zero(config->tunnels[0].peers[0].preshared_key, TEXT_KEY_SIZE));
	config_free(config);
}

static void test_a_link_to_a_key(void **state) {
	folder_write("umbra.yaml", 0644, text);
	folder_write("real", 0600, KEY_B);
	folder_write("psk", 0600, KEY_C);
	assert_int_equal(symlink("real", "um0.key"), 0);
	config_free(loading_source(&with_secrets));
}

/* What is said of the tunnel's key; FILE stands for its path. */
static void refuses(const struct folder *folder, const char *expected) {
	char *lines = loading_bad(&with_secrets), line[512] = "umbra.yaml:3: tunnels.um0."
														  "private_key_file: ";
	for (const char *next = expected; *next; next++) {
		bool path = strncmp(next, "FILE", 4) == 0;
		size_t used = strlen(line);
		if (path)
			(void)snprintf(line + used, sizeof line - used, "%s/um0.key", folder->path);
		else
			(void)snprintf(line + used, sizeof line - used, "%c", *next);
		next += path ? 3 : 0;
	}
	assert_string_equal(lines, line);
	assert_null(strstr(lines, KEY_B));
	free(lines);
}

static void test_bad_key_files(void **state) {
	static const char right[] = "; one line of base64, as \"umbra genkey\" prints it";
	static const struct {
		const char *text, *problem;
	} contents[] = {
		{"", "is empty"},
		{" \n", "is empty"},
		{"secret\n", "holds no key"},
		{KEY_B KEY_B, "holds no key"},
		{KEY_B "\n" KEY_B "\n", "holds no key"},
		{KEY_B " # comment\n", "holds no key"},
		{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", "holds zeros"},
	};
	const struct folder *folder = *state;
	folder_write("umbra.yaml", 0644, text);
	folder_write("psk", 0600, KEY_C);
	refuses(folder, "FILE cannot be opened: No such file or directory; \"umbra genkey\" makes a "
					"key");
	for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
		char expected[128];
		folder_write("um0.key", 0600, contents[i].text);
		(void)snprintf(expected, sizeof expected, "FILE %s%s", contents[i].problem, right);
		refuses(folder, expected);
	}
	char long_text[1024] = KEY_B;
	memset(long_text + strlen(long_text), ' ', 800);
	folder_write("um0.key", 0600, long_text);
	config_free(loading_source(&with_secrets)); /* white space alone, as far as it is read */
	long_text[100] = 'x';
	folder_write("um0.key", 0600, long_text);
	refuses(folder, "FILE holds no key; one line of base64, as \"umbra genkey\" prints it");
}

static void test_who_may_open_key_files(void **state) {
	const struct folder *folder = *state;
	folder_write("umbra.yaml", 0644, text);
	folder_write("psk", 0600, KEY_C);
	folder_write("um0.key", 0644, KEY_B);
	refuses(folder, "FILE can be opened by other users (mode 0644); chmod 600 FILE");
	folder_write("um0.key", 0640, KEY_B);
	refuses(folder, "FILE can be opened by other users (mode 0640); chmod 600 FILE");
	folder_write("um0.key", 0602, KEY_B);
	refuses(folder, "FILE can be opened by other users (mode 0602); chmod 600 FILE");
	folder_write("um0.key", 0600, KEY_B);
	if (geteuid() == 0) {
		assert_int_equal(chown("um0.key", 1000, 0), 0);
		refuses(folder, "FILE belongs to user 1000; chown root FILE");
	}
	assert_int_equal(unlink("um0.key"), 0);
	assert_int_equal(mkdir("um0.key", 0700), 0);
	refuses(folder, "FILE is no regular file; a file with a key");
	assert_int_equal(rmdir("um0.key"), 0);
	assert_int_equal(mkfifo("um0.key", 0600), 0);
	refuses(folder, "FILE is no regular file; a file with a key");
}

static void test_preshared_keys_too(void **state) {
	const struct folder *folder = *state;
	char expected[256];
	folder_write("umbra.yaml", 0644, text);
	folder_write("um0.key", 0600, KEY_B);
	folder_write("psk", 0600, "x");
	(void)snprintf(expected, sizeof expected,
				   "umbra.yaml:6: tunnels.um0.peers.1.preshared_key_file: %s/psk holds no key; one "
				   "line of base64, as \"umbra genpsk\" prints it",
				   folder->path);
	loading_refuses(&with_secrets, expected);
}

#define FOLDER_TEST(function) cmocka_unit_test_setup_teardown(function, folder_enter, folder_leave)

int main(void) {
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(test_keys_are_read),
		FOLDER_TEST(test_keys_are_not_read_without_being_asked_for),
		FOLDER_TEST(test_a_link_to_a_key),
		FOLDER_TEST(test_bad_key_files),
		FOLDER_TEST(test_who_may_open_key_files),
		FOLDER_TEST(test_preshared_keys_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
