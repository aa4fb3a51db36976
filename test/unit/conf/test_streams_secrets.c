#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/both_kinds.h"
#include "conf/folder.h"
#include "conf/loading.h"
#include "crypto/certificate.h"

#define CERTIFICATE "-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n"

/* Two servers'. */
static struct certificate_pair ours, others;

static int make_pairs(void **state) {
	static const char *const names[] = {"vpn.example.org"};
	const struct certificate_request request = {names, 1, 1600000000, 1900000000};
	assert_int_equal(certificate_make(&request, &ours), ERR_OK);
	assert_int_equal(certificate_make(&request, &others), ERR_OK);
	return 0;
}

static const struct config_source with_secrets = {.path = "umbra.yaml", .flags = CONFIG_SECRETS};

static const char server[] = "tunnels:\n"
							 "  web:\n"
							 "    protocol: phantom\n"
							 "    role: server\n"
							 "    listen: 443\n"
							 "    private_key_file: own.key\n"
							 "    tls: { certificate_file: web.pem, key_file: web.key }\n";

static const char client[] = "tunnels:\n"
							 "  out:\n"
							 "    protocol: phantom\n"
							 "    role: client\n"
							 "    private_key_file: own.key\n"
							 "    tls: { ca_file: ca.pem }\n"
							 "    proxy: { listen: 1080, users: [{ name: u, password_file: f }] }\n"
							 "    peers: [{ public_key: " KEY_A ", endpoint: \"a.example:1\" }]\n";

static void write_server(void) {
	folder_write("umbra.yaml", 0644, server);
	folder_write("own.key", 0600, KEY_B "\n");
	folder_write("web.pem", 0644, ours.certificate);
	folder_write("web.key", 0600, ours.key);
}

static void write_client(void) {
	folder_write("umbra.yaml", 0644, client);
	folder_write("own.key", 0600, KEY_B "\n");
	folder_write("ca.pem", 0644, "# ours\n" CERTIFICATE CERTIFICATE);
	folder_write("f", 0600, " pass word\n");
}

static void test_of_a_server(void **state) {
	write_server();
	struct config *config = loading_source(&with_secrets);
	assert_string_equal(config->tunnels[0].tls.certificates, ours.certificate);
	assert_string_equal(config->tunnels[0].tls.key, ours.key);
	assert_null(config->tunnels[0].tls.roots);
	assert_int_equal(config->tunnels[0].private_key[0], 0x77);
	config_free(config);
	config = loading_source(&(struct config_source){.path = "umbra.yaml"});
	assert_null(config->tunnels[0].tls.certificates);
	assert_null(config->tunnels[0].tls.key);
	config_free(config);
}

static void test_of_a_client(void **state) {
	write_client();
	struct config *config = loading_source(&with_secrets);
	assert_string_equal(config->tunnels[0].tls.roots, "# ours\n" CERTIFICATE CERTIFICATE);
	assert_string_equal(config->tunnels[0].proxy.users[0].password, " pass word");
	config_free(config);
}

/* FILE stands for the folder and a slash. */
static void refuses(const struct folder *folder, const char *expected) {
	char *lines = loading_bad(&with_secrets), line[512] = "";
	for (const char *next = expected; *next; next++) {
		bool path = strncmp(next, "FILE", 4) == 0;
		size_t used = strlen(line);
		if (path)
			(void)snprintf(line + used, sizeof line - used, "%s/", folder->path);
		else
			(void)snprintf(line + used, sizeof line - used, "%c", *next);
		next += path ? 3 : 0;
	}
	assert_string_equal(lines, line);
	free(lines);
}

static void test_bad_certificates(void **state) {
	const struct folder *folder = *state;
	write_server();
	folder_write("web.pem", 0644, ours.key);
	refuses(folder, "umbra.yaml:7: tunnels.web.tls.certificate_file: FILEweb.pem holds no "
					"certificate; certificates in PEM, the server's first");
	folder_write("web.pem", 0644, CERTIFICATE);
	refuses(folder, "umbra.yaml:7: tunnels.web.tls.certificate_file: FILEweb.pem holds no "
					"certificate that can be read; certificates in PEM, the server's first");
	folder_write("web.pem", 0644, "");
	refuses(folder, "umbra.yaml:7: tunnels.web.tls.certificate_file: FILEweb.pem holds no "
					"certificate; certificates in PEM, the server's first");
	assert_int_equal(unlink("web.pem"), 0);
	refuses(folder, "umbra.yaml:7: tunnels.web.tls.certificate_file: FILEweb.pem cannot be opened: "
					"No such file or directory; certificates in PEM, the server's first");
	assert_int_equal(mkdir("web.pem", 0755), 0);
	refuses(folder, "umbra.yaml:7: tunnels.web.tls.certificate_file: FILEweb.pem is no regular "
					"file; certificates in PEM, the server's first");
}

static void test_bad_keys(void **state) {
	static const char place[] = "umbra.yaml:7: tunnels.web.tls.key_file: FILEweb.key ";
	static const char right[] = "; the certificate's private key in PEM, without a passphrase";
	const struct {
		const char *text, *problem;
	} texts[] = {
		{CERTIFICATE, "holds no private key"},
		{"-----BEGIN PRIVATE KEY-----\nQQ==\n", "holds no private key that can be read"},
		{others.key, "is the key of another certificate"},
		{"-----BEGIN ENCRYPTED PRIVATE KEY-----\nQQ==\n", "has a passphrase"},
		{"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", "has a passphrase"},
	};
	const struct folder *folder = *state;
	char expected[256];
	write_server();
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		folder_write("web.key", 0600, texts[i].text);
		(void)snprintf(expected, sizeof expected, "%s%s%s", place, texts[i].problem, right);
		refuses(folder, expected);
	}
	folder_write("web.key", 0644, ours.key);
	refuses(folder, "umbra.yaml:7: tunnels.web.tls.key_file: FILEweb.key can be opened by other "
					"users (mode 0644); chmod 600 FILEweb.key");
}

static void test_bad_passwords(void **state) {
	static const char place[] = "umbra.yaml:7: tunnels.out.proxy.users.u.password_file: FILEf ";
	static const char right[] = "; one line with the password, up to 255 bytes";
	const struct folder *folder = *state;
	char expected[256], text[300];
	const struct {
		const char *text, *problem;
	} texts[] = {
		{"", "is empty"},
		{"\r\n", "is empty"},
		{"a\nb\n", "has more than one line"},
		{text, "is too long"},
	};
	write_client();
	memset(text, 'x', sizeof text);
	text[256] = '\0';
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		folder_write("f", 0600, texts[i].text);
		(void)snprintf(expected, sizeof expected, "%s%s%s", place, texts[i].problem, right);
		refuses(folder, expected);
	}
	text[255] = '\0';
	folder_write("f", 0600, text);
	config_free(loading_source(&with_secrets));
	folder_write("f", 0640, "x");
	refuses(folder, "umbra.yaml:7: tunnels.out.proxy.users.u.password_file: FILEf can be opened by "
					"other users (mode 0640); chmod 600 FILEf");
}

/* With pins nobody needs roots. */
static void test_roots(void **state) {
	const struct folder *folder = *state;
	write_client();
	folder_write("ca.pem", 0644, "x");
	refuses(folder, "umbra.yaml:6: tunnels.out.tls.ca_file: FILEca.pem holds no certificate; "
					"certificates in PEM that the server's may lead to");
	char *at, text[sizeof client + 64];
	strcpy(text, client);
	at = strstr(text, "ca_file: ca.pem");
	memmove(at + strlen("pins: [sha256/" KEY_A "]"), at + strlen("ca_file: ca.pem"),
			strlen(at + strlen("ca_file: ca.pem")) + 1);
	memcpy(at, "pins: [sha256/" KEY_A "]", strlen("pins: [sha256/" KEY_A "]"));
	folder_write("umbra.yaml", 0644, text);
	struct config *config = loading_source(&with_secrets);
	assert_null(config->tunnels[0].tls.roots);
	config_free(config);
}

#define FOLDER_TEST(function) cmocka_unit_test_setup_teardown(function, folder_enter, folder_leave)

int main(void) {
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(test_of_a_server),      FOLDER_TEST(test_of_a_client),
		FOLDER_TEST(test_bad_certificates), FOLDER_TEST(test_bad_keys),
		FOLDER_TEST(test_bad_passwords),    FOLDER_TEST(test_roots),
	};
	return cmocka_run_group_tests(tests, make_pairs, NULL);
}
