#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "cli/ca.h"
#include "cli/init_folder.h"
#include "crypto/chain.h"

#define DIRECTORY "--directory", "%/ca"
#define OUTPUT "--output", "%/out"

static void make(struct folder *folder) {
	struct capture capture;
	folder_init(folder);
	assert_int_equal(FOLDER_RUN(folder, ca_init_run, "", &capture, DIRECTORY), STATUS_OK);
	assert_string_equal(capture.output, "");
	assert_int_equal(folder_mode(folder, "ca/ca.key"), 0600);
	assert_int_equal(folder_mode(folder, "ca/ca.pem"), 0644);
}

static int issue(struct folder *folder, const char *kind, const char *name) {
	struct capture capture;
	return FOLDER_RUN(folder, ca_issue_run, "", &capture, DIRECTORY, OUTPUT, kind, name);
}

static int declare_void(struct folder *folder, const char *who, struct capture *capture) {
	return FOLDER_RUN(folder, ca_revoke_run, "", capture, DIRECTORY, who);
}

/* What a server with the folder's authority and list says of a client's file. */
static enum chain_fault verify(struct folder *folder, const char *file, char *out_user) {
	struct chain_trust *trust;
	struct slice certificates[CHAIN_CERTIFICATES_MAX];
	char *authority = strdup(folder_read(folder, "ca/ca.pem"));
	char *list = strdup(folder_read(folder, "ca/crl.pem"));
	uint8_t *bytes;
	size_t count;
	assert_true(authority && list);
	assert_int_equal(chain_trust_new(slice_of_text(authority), slice_of_text(list), &trust),
					 ERR_OK);
	assert_int_equal(
		chain_read(slice_of_text(folder_read(folder, file)), &bytes, certificates, &count), ERR_OK);
	/* Its clock may be behind. */
	const struct chain_policy policy = {
		.trust = trust, .use = AUTHORITY_CLIENT, .now = time(NULL) - 59 * 60};
	struct chain_leaf leaf = {.user = ""};
	enum chain_fault fault = chain_verify(&policy, certificates, count, &leaf);
	strcpy(out_user, leaf.user);
	free(bytes);
	free(authority);
	free(list);
	chain_trust_free(trust);
	return fault;
}

static void test_life(void **state) {
	struct folder folder;
	struct capture capture;
	char user[CHAIN_USER_SIZE_MAX];
	make(&folder);
	assert_int_equal(issue(&folder, "client", "alice"), STATUS_OK);
	assert_int_equal(issue(&folder, "client", "bob@example.org"), STATUS_OK);
	assert_int_equal(issue(&folder, "server", "vpn.example.org"), STATUS_OK);
	assert_int_equal(folder_mode(&folder, "out/alice.key"), 0600);
	assert_int_equal(verify(&folder, "out/alice.pem", user), CHAIN_GOOD);
	assert_string_equal(user, "alice");
	assert_int_equal(verify(&folder, "out/bob@example.org.pem", user), CHAIN_GOOD);
	assert_string_equal(user, "bob@example.org");
	assert_int_equal(verify(&folder, "out/vpn.example.org.pem", user), CHAIN_WRONG_USE);

	assert_int_equal(declare_void(&folder, "alice", &capture), STATUS_OK);
	assert_non_null(strstr(capture.error, "revoked 1"));
	assert_int_equal(verify(&folder, "out/alice.pem", user), CHAIN_REVOKED);
	assert_int_equal(verify(&folder, "out/bob@example.org.pem", user), CHAIN_GOOD);
	assert_int_equal(declare_void(&folder, "alice", &capture), STATUS_OK);
	assert_non_null(strstr(capture.error, "already"));
	assert_int_equal(declare_void(&folder, "carol", &capture), STATUS_FAILED);

	assert_int_equal(FOLDER_RUN(&folder, ca_list_run, "", &capture, DIRECTORY), STATUS_OK);
	assert_non_null(strstr(capture.output, "  revoked  alice\n"));
	assert_non_null(strstr(capture.output, "  valid    bob@example.org\n"));
	/* Servers alone have a pin. */
	const char *server = strstr(capture.output, "  server  ");
	assert_non_null(server);
	const char *pin = strstr(capture.output, "  sha256/");
	assert_true(pin && pin > server && pin < strchr(server, '\n'));
	assert_null(strstr(pin + 1, "  sha256/"));
	char serial[2 * AUTHORITY_SERIAL_SIZE + 1];
	const char *bob = strstr(capture.output, "  valid    bob");
	while (bob > capture.output && bob[-1] != '\n')
		bob--;
	assert_int_equal(sscanf(bob, "%32s", serial), 1);
	serial[8] = '\0';
	assert_int_equal(declare_void(&folder, serial, &capture), STATUS_OK);
	assert_int_equal(verify(&folder, "out/bob@example.org.pem", user), CHAIN_REVOKED);
	folder_done(&folder);
}

static void test_json(void **state) {
	struct folder folder;
	struct capture capture;
	make(&folder);
	assert_int_equal(FOLDER_RUN(&folder, ca_list_run, "", &capture, DIRECTORY, "--json"),
					 STATUS_OK);
	assert_string_equal(capture.output, "[]\n");
	assert_int_equal(issue(&folder, "client", "a \"b\" \\c"), STATUS_OK);
	assert_int_equal(FOLDER_RUN(&folder, ca_list_run, "", &capture, DIRECTORY, "--json"),
					 STATUS_OK);
	assert_non_null(strstr(capture.output, "\"name\":\"a \\\"b\\\" \\\\c\""));
	assert_non_null(strstr(capture.output, "\"state\":\"valid\"}]\n"));
	folder_done(&folder);
}

/* Nothing is made, and nothing that is there changes. */
static void test_refused(void **state) {
	static const struct {
		const char *arguments[4];
		int status;
		const char *text;
	} rows[] = {
		{{"alice"}, STATUS_USAGE, "least"},
		{{"user", "alice"}, STATUS_USAGE, "'server' or 'client'"},
		{{"client", "alice", "bob"}, STATUS_USAGE, "one user"},
		{{"client", "../alice"}, STATUS_USAGE, "no file's name"},
		{{"client", ".alice"}, STATUS_USAGE, "no file's name"},
		{{"client", "alice", "--days=0"}, STATUS_USAGE, "--days"},
		{{"client", "alice", "--days=x"}, STATUS_USAGE, "--days"},
		{{"client", "alice", "--days=36000"}, STATUS_FAILED, "the authority itself"},
		{{"client", "two\nlines"}, STATUS_FAILED, "a user's name"},
		{{"server", "a b"}, STATUS_FAILED, "DNS names"},
	};
	struct folder folder;
	struct capture capture;
	make(&folder);
	int before = folder_count(&folder);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *const *more = rows[i].arguments;
		int status = FOLDER_RUN(&folder, ca_issue_run, "", &capture, DIRECTORY, OUTPUT, more[0],
								more[1], more[2]);
		if (status != rows[i].status || (i > 0 && !strstr(capture.error, rows[i].text)))
			fail_msg("row %zu: %d, %s", i, status, capture.error);
	}
	assert_int_equal(folder_count(&folder), before);
	char *own = strdup(folder_read(&folder, "ca/ca.pem"));
	assert_int_equal(FOLDER_RUN(&folder, ca_init_run, "", &capture, DIRECTORY), STATUS_FAILED);
	assert_non_null(strstr(capture.error, "--force"));
	assert_string_equal(folder_read(&folder, "ca/ca.pem"), own);
	free(own);
	folder_done(&folder);
}

static void test_broken_folder(void **state) {
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	assert_int_equal(FOLDER_RUN(&folder, ca_list_run, "", &capture, DIRECTORY), STATUS_FAILED);
	assert_non_null(strstr(capture.error, "umbra ca init"));
	folder_done(&folder);
	make(&folder);
	assert_int_equal(issue(&folder, "client", "alice"), STATUS_OK);
	folder_write(&folder, "ca/issued/00.pem", "no certificate\n", 0644);
	assert_int_equal(FOLDER_RUN(&folder, ca_list_run, "", &capture, DIRECTORY), STATUS_FAILED);
	assert_non_null(strstr(capture.error, "issued/00.pem"));
	assert_int_equal(declare_void(&folder, "alice", &capture), STATUS_FAILED);
	folder_write(&folder, "ca/crl.pem", "no list\n", 0644);
	assert_int_equal(declare_void(&folder, "alice", &capture), STATUS_FAILED);
	assert_string_equal(folder_read(&folder, "ca/crl.pem"), "no list\n");
	folder_done(&folder);
}

/* Certificates of the authority of before are told of, and nobody's business any more. */
static void test_another_authority(void **state) {
	struct folder folder;
	struct capture capture;
	char user[CHAIN_USER_SIZE_MAX];
	make(&folder);
	assert_int_equal(issue(&folder, "client", "alice"), STATUS_OK);
	assert_int_equal(issue(&folder, "client", "bob"), STATUS_OK);
	assert_int_equal(FOLDER_RUN(&folder, ca_init_run, "", &capture, DIRECTORY, "--force"),
					 STATUS_OK);
	assert_int_equal(FOLDER_RUN(&folder, ca_issue_run, "", &capture, DIRECTORY, OUTPUT, "--force",
								"client", "alice"),
					 STATUS_OK);
	assert_int_equal(FOLDER_RUN(&folder, ca_list_run, "", &capture, DIRECTORY), STATUS_OK);
	assert_non_null(strstr(capture.output, "  valid    alice\n"));
	assert_null(strstr(strchr(capture.output, '\n') + 1, "alice"));
	assert_null(strstr(capture.output, "bob"));
	assert_non_null(strstr(capture.error, "ca/issued: passed over, as another authority's: 2"));
	assert_int_equal(declare_void(&folder, "bob", &capture), STATUS_FAILED);
	assert_non_null(strstr(capture.error, "no certificate is of 'bob'"));
	assert_int_equal(declare_void(&folder, "alice", &capture), STATUS_OK);
	assert_non_null(strstr(capture.error, "revoked 1"));
	assert_int_equal(verify(&folder, "out/alice.pem", user), CHAIN_REVOKED);
	folder_done(&folder);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_broken_folder),
		cmocka_unit_test(test_another_authority),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
