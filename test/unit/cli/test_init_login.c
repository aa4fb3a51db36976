#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "cli/ca.h"
#include "cli/init_folder.h"
#include "cli/init_login.h"
#include "conf/all_kinds.h"
#include "conf/config.h"
#include "crypto/chain.h"

static struct config *load(const struct folder *folder) {
	char path[2 * FOLDER_PATH_SIZE];
	folder_join(folder, "umbra.yaml", path);
	const struct config_source source = {.path = path, .flags = CONFIG_SECRETS};
	struct config_errors errors;
	struct config *config;
	enum err error = config_load(&source, &config, &errors);
	if (error)
		fail_msg("%s", errors.count ? errors.lines[0] : err_text(error));
	config_errors_done(&errors);
	return config;
}

#define RUN(capture, folder, ...) \
	FOLDER_RUN(folder, init_login_server_run, "", capture, "--directory", "%", __VA_ARGS__)
/* The same in a folder that is not there yet. */
#define RUN_IN_NEW(capture, folder, ...) \
	FOLDER_RUN(folder, init_login_server_run, "", capture, "--directory", "%/new", __VA_ARGS__)

/* Whether a client with the folder's authority goes to a server of that name. */
static enum chain_fault verify(const struct config_login *login, const char *name) {
	struct chain_trust *trust;
	struct slice certificates[CHAIN_CERTIFICATES_MAX];
	struct chain_leaf leaf;
	uint8_t *bytes;
	size_t count;
	assert_int_equal(
		chain_trust_new(slice_of_text(login->authorities), slice_of_text(login->revoked), &trust),
		ERR_OK);
	assert_int_equal(chain_read(slice_of_text(login->certificates), &bytes, certificates, &count),
					 ERR_OK);
	const struct chain_policy policy = {
		.trust = trust, .use = AUTHORITY_SERVER, .name = name, .now = time(NULL)};
	enum chain_fault fault = chain_verify(&policy, certificates, count, &leaf);
	free(bytes);
	chain_trust_free(trust);
	return fault;
}

static void a_server(void **state) {
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	assert_int_equal(RUN(&capture, &folder, "--endpoint", "vpn.example.org:4500", "--network",
						 "10.7.0.0/16", "--dns", "10.7.0.1"),
					 STATUS_OK);
	assert_int_equal(folder_mode(&folder, "umbra.yaml"), 0600);
	assert_int_equal(folder_mode(&folder, "keys/vpn.key"), 0600);
	assert_int_equal(folder_mode(&folder, "ca/ca.key"), 0600);
	assert_non_null(strstr(capture.output, "umbra user add alice"));
	assert_non_null(
		strstr(capture.output, "umbra login vpn.example.org:4500 --user alice --ca ca.pem\n"));
	assert_non_null(strstr(capture.output, "--pin sha256/"));
	struct config *config = load(&folder);
	const struct config_tunnel *vpn = config_find(config, "vpn");
	assert_true(vpn && vpn->logs_in && vpn->role == CONFIG_SERVER && vpn->masquerade);
	assert_int_equal(vpn->listen.port, 51820);
	assert_int_equal(vpn->shared.push.dns_count, 1);
	assert_int_equal(vpn->shared.push.routes.items[0].length, 0);
	assert_int_equal(vpn->login.demands.count, 1);
	assert_int_equal(verify(&vpn->login, "vpn.example.org"), CHAIN_GOOD);
	assert_int_equal(verify(&vpn->login, "other.example.org"), CHAIN_WRONG_NAME);
	config_free(config);
	folder_done(&folder);
}

/* An authority that is there vouches for the next server as well, and is replaced by nothing. */
static void a_second_one(void **state) {
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	assert_int_equal(RUN(&capture, &folder, "--endpoint", "192.0.2.1"), STATUS_OK);
	char *authority = strdup(folder_read(&folder, "ca/ca.pem"));
	assert_int_equal(RUN(&capture, &folder, "--endpoint", "[2001:db8::1]:5", "--name", "two",
						 "--listen", "5", "--no-masquerade"),
					 STATUS_OK);
	assert_string_equal(folder_read(&folder, "ca/ca.pem"), authority);
	assert_true(folder_has(&folder, "tunnels/two.yaml"));
	struct config *config = load(&folder);
	assert_int_equal(config->tunnel_count, 2);
	const struct config_tunnel *two = config_find(config, "two");
	assert_false(two->masquerade);
	assert_int_equal(verify(&two->login, "2001:db8::1"), CHAIN_GOOD);
	assert_int_equal(verify(&config_find(config, "vpn")->login, "192.0.2.1"), CHAIN_GOOD);
	config_free(config);
	/* What is there stays, and nothing is issued for it. */
	char *before = strdup(folder_read(&folder, "keys/vpn.pem"));
	int count = folder_count(&folder);
	assert_int_equal(RUN(&capture, &folder, "--endpoint", "192.0.2.1", "--name", "two"),
					 STATUS_FAILED);
	assert_non_null(strstr(capture.error, "tunnels/two.yaml is there already"));
	assert_int_equal(folder_count(&folder), count);
	assert_non_null(strstr(capture.error, "--force replaces it"));
	/* Which is true: it, and nothing beside it. */
	char *two_before = strdup(folder_read(&folder, "tunnels/two.yaml"));
	char *main_before = strdup(folder_read(&folder, "umbra.yaml"));
	assert_int_equal(RUN(&capture, &folder, "--endpoint", "192.0.2.1", "--name", "two", "--listen",
						 "6", "--force"),
					 STATUS_OK);
	assert_string_not_equal(folder_read(&folder, "tunnels/two.yaml"), two_before);
	assert_string_equal(folder_read(&folder, "umbra.yaml"), main_before);
	/* A name or port that is taken elsewhere: the daemon would refuse all, and nothing changes. */
	assert_int_equal(RUN(&capture, &folder, "--endpoint", "192.0.2.1", "--listen", "7"),
					 STATUS_FAILED);
	assert_non_null(strstr(capture.error, "there is a tunnel vpn already"));
	assert_int_equal(RUN(&capture, &folder, "--endpoint", "192.0.2.1", "--name", "three"),
					 STATUS_FAILED);
	assert_non_null(strstr(capture.error, "port 51820 is taken by the tunnel"));
	assert_false(folder_has(&folder, "tunnels/three.yaml"));
	assert_string_equal(folder_read(&folder, "umbra.yaml"), main_before);
	config_free(load(&folder));
	free(two_before);
	free(main_before);
	assert_int_equal(RUN(&capture, &folder, "--endpoint", "192.0.2.1", "--force"), STATUS_OK);
	assert_string_not_equal(folder_read(&folder, "keys/vpn.pem"), before);
	assert_string_equal(folder_read(&folder, "ca/ca.pem"), authority);
	free(before);
	free(authority);
	folder_done(&folder);
}

static void in_a_new_folder(void **state) {
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	assert_int_equal(RUN_IN_NEW(&capture, &folder, "--endpoint", "192.0.2.1"), STATUS_OK);
	assert_true(folder_has(&folder, "new/ca/ca.pem") && folder_has(&folder, "new/umbra.yaml"));
	assert_int_equal(folder_mode(&folder, "new"), 0700);
	folder_done(&folder);
}

static void refusals(void **state) {
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	static const struct {
		const char *option, *value, *text;
	} rows[] = {
		{"--endpoint", "a b", "init phaze-server: --endpoint takes a name or an address"},
		{"--listen", "0", "--listen takes a UDP port, 1 to 65535"},
		{"--name", "a/b", "--name takes up to 15 letters"},
		{"--network", "10.0.0.0/31", "--network takes an IPv4 network"},
		{"--dns", "x", "--dns takes up to 8 addresses"},
		{"--client", "x", "unknown option '--client'"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(RUN(&capture, &folder, rows[i].option, rows[i].value), STATUS_USAGE);
		assert_non_null(strstr(capture.error, rows[i].text));
	}
	assert_int_equal(folder_count(&folder), 0);
	folder_done(&folder);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_one),
		cmocka_unit_test(a_server),
		cmocka_unit_test(in_a_new_folder),
		cmocka_unit_test(refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
