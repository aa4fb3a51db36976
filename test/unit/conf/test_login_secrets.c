#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/slice.h"
#include "conf/all_kinds.h"
#include "conf/folder.h"
#include "conf/loading.h"
#include "crypto/authority.h"
#include "crypto/ed25519.h"

enum { FROM = 1700000000, UNTIL = 1900000000 };

/* An authority, what it issued, its empty list; a certificate of ECDSA. */
static struct certificate_pair ours, vpn, alice, web;
static char *list;

static int make_all(void **state) {
	static const char *const names[] = {"vpn.example.org"};
	struct authority *authority;
	struct authority_request request = {AUTHORITY_SERVER, names, 1, NULL, FROM, UNTIL};
	assert_int_equal(authority_make("Ours", FROM, UNTIL, &ours), ERR_OK);
	assert_int_equal(certificate_make(&(struct certificate_request){names, 1, FROM, UNTIL}, &web),
					 ERR_OK);
	assert_int_equal(
		authority_load(slice_of_text(ours.certificate), slice_of_text(ours.key), &authority),
		ERR_OK);
	assert_int_equal(authority_issue(authority, &request, &vpn), ERR_OK);
	request = (struct authority_request){AUTHORITY_CLIENT, NULL, 0, "alice", FROM, UNTIL};
	assert_int_equal(authority_issue(authority, &request, &alice), ERR_OK);
	assert_int_equal(authority_list(authority, FROM, &list), ERR_OK);
	authority_free(authority);
	return 0;
}

static int free_list(void **state) {
	free(list);
	return 0;
}

static const struct config_source with_secrets = {.path = "umbra.yaml", .flags = CONFIG_SECRETS};

static const char both[] = "tunnels:\n"
						   "  vpn:\n"
						   "    protocol: phaze\n"
						   "    role: server\n"
						   "    listen: 51820\n"
						   "    addresses: [10.66.0.1/24]\n"
						   "    auth:\n"
						   "      certificate_file: vpn.pem\n" /* 8 */
						   "      key_file: vpn.key\n"
						   "      ca_file: ca.pem\n" /* 10 */
						   "      crl_file: crl.pem\n"
						   "      ticket_key_file: t.key\n" /* 12 */
						   "  out:\n"
						   "    protocol: phaze\n"
						   "    role: client\n"
						   "    endpoints: [\"vpn.example.org:1\"]\n"
						   "    auth:\n"
						   "      username: alice\n"
						   "      password_file: p\n" /* 19 */
						   "      ca_file: ca.pem\n"
						   "      certificate_file: alice.pem\n" /* 21 */
						   "      key_file: alice.key\n";

static void write_all(void) {
	folder_write("umbra.yaml", 0644, both);
	folder_write("vpn.pem", 0644, vpn.certificate);
	folder_write("vpn.key", 0600, vpn.key);
	folder_write("alice.pem", 0644, alice.certificate);
	folder_write("alice.key", 0600, alice.key);
	folder_write("ca.pem", 0644, ours.certificate);
	folder_write("crl.pem", 0644, list);
	folder_write("t.key", 0600, KEY_C "\n");
	folder_write("p", 0600, " pass word\r\n");
}

static void has_seed(const uint8_t seed[static TEXT_KEY_SIZE], const char *pem) {
	uint8_t expected[ED25519_KEY_SIZE];
	assert_int_equal(ed25519_read(slice_of_text(pem), expected), ERR_OK);
	assert_memory_equal(seed, expected, sizeof expected);
}

static void test_all_is_read(void **state) {
	write_all();
	struct config *config = loading_source(&with_secrets);
	const struct config_login *server = &config->tunnels[0].login;
	const struct config_login *client = &config->tunnels[1].login;
	assert_string_equal(server->certificates, vpn.certificate);
	assert_string_equal(server->authorities, ours.certificate);
	assert_string_equal(server->revoked, list);
	has_seed(server->signing_key, vpn.key);
	assert_int_equal(server->ticket_key[0], 1);
	assert_string_equal(client->password, " pass word");
	has_seed(client->signing_key, alice.key);
	/* No secret is dumped, and what was read from files is not either. */
	char *dumped;
	size_t size;
	assert_int_equal(config_dump(config, &dumped, &size), ERR_OK);
	assert_null(strstr(dumped, "pass word"));
	assert_null(strstr(dumped, "BEGIN"));
	assert_null(strstr(dumped, KEY_C));
	free(dumped);
	config_free(config);
}

static void test_without_secrets_nothing_is(void **state) {
	static const uint8_t zeros[TEXT_KEY_SIZE];
	folder_write("umbra.yaml", 0644, both);
	struct config *config = loading_source(&(struct config_source){.path = "umbra.yaml"});
	const struct config_login *client = &config->tunnels[1].login;
	assert_null(client->password);
	assert_null(client->authorities);
	assert_memory_equal(client->signing_key, zeros, sizeof zeros);
	config_free(config);
}

static const struct {
	const char *file;
	unsigned mode;
	const char *text, *line; /* "@" is the folder */
} rows[] = {
	{"p", 0644, "x\n",
	 "19: tunnels.out.auth.password_file: @/p can be opened by other users (mode 0644); chmod 600 "
	 "@/p"},
	{"p", 0600, "\n",
	 "19: tunnels.out.auth.password_file: @/p is empty; one line with the password, up to 1024 "
	 "bytes"},
	{"p", 0600, "a\nb\n",
	 "19: tunnels.out.auth.password_file: @/p has more than one line; one line with the password, "
	 "up to 1024 bytes"},
	{"vpn.key", 0640, vpn.key,
	 "9: tunnels.vpn.auth.key_file: @/vpn.key can be opened by other users (mode 0640); chmod 600 "
	 "@/vpn.key"},
	{"vpn.key", 0600, alice.key,
	 "9: tunnels.vpn.auth.key_file: @/vpn.key is the key of another certificate; the certificate's "
	 "private key of Ed25519 in PEM, without a passphrase"},
	{"vpn.key", 0600, web.key,
	 "9: tunnels.vpn.auth.key_file: @/vpn.key holds no private key of Ed25519 that can be read; "
	 "the certificate's private key of Ed25519 in PEM, without a passphrase"},
	{"vpn.pem", 0644, web.certificate,
	 "8: tunnels.vpn.auth.certificate_file: @/vpn.pem holds certificates of other keys than "
	 "Ed25519; certificates of Ed25519 in PEM, this end's first, as \"umbra ca issue\" makes them"},
	{"vpn.pem", 0644, alice.certificate,
	 "8: tunnels.vpn.auth.certificate_file: @/vpn.pem holds no certificate of a server; "
	 "certificates of Ed25519 in PEM, this end's first, as \"umbra ca issue\" makes them"},
	{"alice.pem", 0644, vpn.certificate,
	 "21: tunnels.out.auth.certificate_file: @/alice.pem holds no certificate of a client; "
	 "certificates of Ed25519 in PEM, this end's first, as \"umbra ca issue\" makes them"},
	{"alice.pem", 0644, "-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n",
	 "21: tunnels.out.auth.certificate_file: @/alice.pem holds no certificate that can be read; "
	 "certificates of Ed25519 in PEM, this end's first, as \"umbra ca issue\" makes them"},
	{"crl.pem", 0644, ours.certificate,
	 "11: tunnels.vpn.auth.crl_file: @/crl.pem holds no list; lists of revoked certificates in "
	 "PEM, as the crl.pem of \"umbra ca init\""},
	{"crl.pem", 0644, "-----BEGIN X509 CRL-----\nQQ==\n-----END X509 CRL-----\n",
	 "11: tunnels.vpn.auth.crl_file: @/crl.pem holds something else; lists of revoked certificates "
	 "in PEM, as the crl.pem of \"umbra ca init\""},
	{"t.key", 0600, "short\n",
	 "12: tunnels.vpn.auth.ticket_key_file: @/t.key holds no key; one line of base64, as \"umbra "
	 "genpsk\" prints it"},
};

static void test_what_is_refused(void **state) {
	const struct folder *folder = *state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char line[1024] = "umbra.yaml:", *end = line + strlen(line);
		write_all();
		folder_write(rows[i].file, rows[i].mode, rows[i].text);
		for (const char *at = rows[i].line; *at; at++)
			if (*at == '@')
				end = stpcpy(end, folder->path);
			else
				*end++ = *at;
		*end = '\0';
		char *found = loading_bad(&with_secrets);
		assert_string_equal(found, line);
		free(found);
	}
}

/* Of a certificate that is no authority's: told once for each tunnel that names the file. */
static void test_authorities(void **state) {
	write_all();
	folder_write("ca.pem", 0644, vpn.certificate);
	char *found = loading_bad(&with_secrets);
	assert_non_null(strstr(found, "umbra.yaml:10: tunnels.vpn.auth.ca_file: "));
	assert_non_null(strstr(found, "umbra.yaml:20: tunnels.out.auth.ca_file: "));
	assert_non_null(strstr(found, "ca.pem holds something else; authorities of Ed25519 in PEM"));
	free(found);
	assert_int_equal(unlink("ca.pem"), 0);
	found = loading_bad(&with_secrets);
	assert_non_null(strstr(found, "ca.pem cannot be opened: No such file or directory; "));
	free(found);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_is_read, folder_enter, folder_leave),
		cmocka_unit_test_setup_teardown(test_without_secrets_nothing_is, folder_enter,
										folder_leave),
		cmocka_unit_test_setup_teardown(test_what_is_refused, folder_enter, folder_leave),
		cmocka_unit_test_setup_teardown(test_authorities, folder_enter, folder_leave),
	};
	return cmocka_run_group_tests(tests, make_all, free_list);
}
