#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/inotify.h>

#include "cli/fake_client.h"
#include "cli/init_folder.h"
#include "cli/login.h"
#include "conf/all_kinds.h"
#include "conf/config.h"
#include "crypto/authority.h"

#define HEX_PIN "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
#define PIN "sha256/hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="

#define RUN(folder, input, capture, ...) FOLDER_RUN(folder, login_run, input, capture, __VA_ARGS__)

static int reset(void **state) {
	fake_client_reset();
	fake.protocol = "phaze";
	fake.server = "vpn.example.org:51820";
	return 0;
}

/* By the name of its server's host, in every form of it, or by its own. */
static void test_a_known_server(void **state) {
	static const char *const hosts[] = {"vpn.example.org", "VPN.example.org:51820", "um1"};
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		(void)reset(state);
		fake.answer = "um1 is connected to 192.0.2.1:51820 as alice";
		assert_int_equal(RUN(&folder, "p\xc3\xa4ss word\n", &capture, hosts[i], "--user", "alice"),
						 STATUS_OK);
		assert_string_equal(fake.asked, "status 1\n"
										"POST /v1/tunnels/um1/up\n"
										"POST /v1/tunnels/um1/login "
										"{\"user\":\"alice\",\"password\":\"p\xc3\xa4ss word\"}\n");
		assert_string_equal(capture.output, "um1 is connected to 192.0.2.1:51820 as alice\n");
		assert_null(strstr(capture.error, "word"));
		assert_int_equal(fake.open, 0);
	}
	assert_int_equal(folder_count(&folder), 0);
	folder_done(&folder);
}

static void test_the_configurations_user(void **state) {
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	folder_write(&folder, "p", "x\n", 0600);
	fake.username = "bob";
	assert_int_equal(RUN(&folder, "", &capture, "um1", "--password-file", "%/p"), STATUS_OK);
	assert_non_null(strstr(fake.asked, "{\"user\":\"bob\",\"password\":\"x\"}"));
	folder_done(&folder);
}

static void test_who_is_refused(void **state) {
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	fake.fails_from = 2;
	fake.error = ERR_PERMISSION;
	fake.status = 403;
	fake.error_message = "wrong name or password";
	assert_int_equal(RUN(&folder, "x\n", &capture, "um1", "--user", "alice"), STATUS_FAILED);
	assert_string_equal(capture.error, "umbra: login: wrong name or password\n");
	/* And a daemon that is not there. */
	(void)reset(state);
	fake.error = ERR_NOT_FOUND;
	fake.error_message = "umbrad is not running";
	assert_int_equal(RUN(&folder, "x\n", &capture, "um1", "--user", "alice"), STATUS_NO_DAEMON);
	folder_done(&folder);
}

static struct config *load(const struct folder *folder, unsigned flags) {
	char path[2 * FOLDER_PATH_SIZE];
	folder_join(folder, "umbra.yaml", path);
	const struct config_source source = {.path = path, .flags = flags};
	struct config_errors errors;
	struct config *config;
	enum err error = config_load(&source, &config, &errors);
	if (error)
		fail_msg("%s", errors.count ? errors.lines[0] : err_text(error));
	config_errors_done(&errors);
	return config;
}

static void write_authority(const struct folder *folder) {
	struct certificate_pair pair;
	assert_int_equal(authority_make("Ours", 1700000000, 1900000000, &pair), ERR_OK);
	folder_write(folder, "theirs.pem", pair.certificate, 0644);
}

/* In a file of its own, from which everything comes again. */
static void test_a_new_server(void **state) {
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	write_authority(&folder);
	fake.server = NULL;
	assert_int_equal(RUN(&folder, "secret\n", &capture, "New.example.org:4500", "--user", "alice",
						 "--ca", "%/theirs.pem", "--directory", "%/etc", "--remember"),
					 STATUS_OK);
	assert_string_equal(fake.asked, "status 1\n"
									"POST /v1/reload\n"
									"tunnel um2\n"
									"POST /v1/tunnels/um2/up\n"
									"POST /v1/tunnels/um2/login "
									"{\"user\":null,\"password\":null}\n");
	assert_int_equal(folder_mode(&folder, "etc/keys/um2.password"), 0600);
	assert_int_equal(folder_mode(&folder, "etc/umbra.yaml"), 0600);
	assert_null(strstr(folder_read(&folder, "etc/umbra.yaml"), "secret"));
	(void)snprintf(folder.path + strlen(folder.path), 8, "/etc");
	struct config *config = load(&folder, CONFIG_SECRETS);
	const struct config_tunnel *tunnel = config_find(config, "um2");
	assert_true(tunnel->logs_in && tunnel->role == CONFIG_CLIENT);
	assert_string_equal(tunnel->login.username, "alice");
	assert_string_equal(tunnel->login.password, "secret");
	assert_string_equal(tunnel->login.server_name, "new.example.org");
	assert_non_null(tunnel->login.authorities);
	assert_int_equal(tunnel->peers[0].endpoint.port, 4500);
	assert_true(config_routes_default(tunnel));
	config_free(config);
	folder.path[strlen(folder.path) - 4] = '\0';
	folder_done(&folder);
}

static void test_by_a_pin(void **state) {
	static const char *const pins[] = {HEX_PIN, PIN};
	for (size_t i = 0; i < 2; i++) {
		struct folder folder;
		struct capture capture;
		(void)reset(state);
		folder_init(&folder);
		folder_write(&folder, "umbra.yaml", "include: [tunnels/*.yaml]\n", 0600);
		fake.server = NULL;
		assert_int_equal(RUN(&folder, "x\n", &capture, "192.0.2.1", "--user", "a", "--pin", pins[i],
							 "--directory", "%", "--name", "work", "--split"),
						 STATUS_OK);
		assert_string_equal(folder_read(&folder, "umbra.yaml"), "include: [tunnels/*.yaml]\n");
		assert_false(folder_has(&folder, "keys/work.password"));
		struct config *config = load(&folder, 0);
		const struct config_tunnel *tunnel = config_find(config, "work");
		assert_int_equal(tunnel->login.pin.items[0].bytes[0], 0x85);
		assert_null(tunnel->login.password_file);
		assert_false(config_routes_default(tunnel));
		config_free(config);
		folder_done(&folder);
	}
}

/* The daemon can come later; the configuration may have to let the file in. */
static void test_what_is_missing_for_a_new_one(void **state) {
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	fake.server = NULL;
	fake.error = ERR_NOT_FOUND;
	/* Nobody is asked for a password that nobody takes. */
	assert_int_equal(RUN(&folder, "", &capture, "192.0.2.1", "--user", "a", "--pin", PIN,
						 "--directory", "%/one"),
					 STATUS_NO_DAEMON);
	assert_true(folder_has(&folder, "one/umbra.yaml"));
	assert_non_null(strstr(capture.error, "'umbra login um0' logs in"));
	/* The next one has a name of its own; a name that is wanted has to be free. */
	assert_int_equal(RUN(&folder, "", &capture, "192.0.2.2", "--user", "a", "--pin", PIN,
						 "--directory", "%/one"),
					 STATUS_NO_DAEMON);
	assert_true(folder_has(&folder, "one/tunnels/um1.yaml"));
	assert_non_null(strstr(capture.error, "everything is to go through um0 already"));
	(void)snprintf(folder.path + strlen(folder.path), 8, "/one");
	struct config *config = load(&folder, CONFIG_SECRETS);
	assert_int_equal(config->tunnel_count, 2);
	config_free(config);
	folder.path[strlen(folder.path) - 4] = '\0';
	assert_int_equal(RUN(&folder, "", &capture, "192.0.2.3", "--user", "a", "--pin", PIN,
						 "--directory", "%/one", "--name", "um1"),
					 STATUS_FAILED);
	assert_non_null(strstr(capture.error, "there is a tunnel called um1 already; --name TUNNEL"));
	(void)reset(state);
	fake.server = NULL;
	fake.error = ERR_NOT_FOUND;
	fake.status = 404;
	fake.fails_from = 2;
	assert_int_equal(RUN(&folder, "x\n", &capture, "192.0.2.1", "--user", "a", "--pin", PIN,
						 "--directory", "%/two"),
					 STATUS_FAILED);
	assert_non_null(strstr(capture.error, "put include: [tunnels/*.yaml] there"));
	assert_string_equal(fake.asked, "status 1\nPOST /v1/reload\ntunnel um2\n");
	assert_false(folder_has(&folder, "two"));
	/* Or what is there does not take it in, which needs no daemon to be seen. */
	(void)reset(state);
	fake.server = NULL;
	folder_write(&folder, "umbra.yaml", "tunnels: {}\n", 0600);
	assert_int_equal(
		RUN(&folder, "x\n", &capture, "192.0.2.1", "--user", "a", "--pin", PIN, "--directory", "%"),
		STATUS_FAILED);
	assert_non_null(strstr(capture.error, "does not take in tunnels/um2.yaml, and nothing was"));
	assert_string_equal(fake.asked, "status 1\n");
	assert_false(folder_has(&folder, "tunnels"));
	folder_done(&folder);
}

/* A new tunnel that the daemon does not take, or whose server this end does not, was never there;
 * one that the server refuses stays. */
static void test_a_new_one_that_fails(void **state) {
	static const struct {
		int fails_from;
		unsigned status;
		const char *code, *remember;
		bool stays, reloads;
	} rows[] = {
		{1, 400, "invalid", NULL, false, false},
		{4, 403, "declined", NULL, false, true},
		{4, 403, "credentials", NULL, true, false},
		{4, 403, "credentials", "--remember", false, true},
		{4, 403, "refused", "--remember", true, false},
		{4, 504, "unavailable", NULL, true, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct folder folder;
		struct capture capture;
		(void)reset(state);
		folder_init(&folder);
		folder_write(&folder, "umbra.yaml", "include: [tunnels/*.yaml]\n", 0600);
		fake.server = NULL;
		fake.fails_from = rows[i].fails_from;
		fake.error = ERR_INVALID;
		fake.status = rows[i].status;
		fake.code = rows[i].code;
		fake.error_message = "what the daemon says";
		assert_int_equal(RUN(&folder, "x\n", &capture, "192.0.2.1", "--user", "a", "--pin", PIN,
							 "--directory", "%", rows[i].remember ? "--remember" : "--split"),
						 STATUS_FAILED);
		assert_non_null(strstr(capture.error, "umbra: login: what the daemon says\n"));
		assert_int_equal(folder_has(&folder, "tunnels/um2.yaml"), rows[i].stays);
		assert_int_equal(folder_has(&folder, "keys"), rows[i].stays && rows[i].remember);
		assert_int_equal(!strstr(capture.error, "um2 was not kept"), rows[i].stays);
		const char *end = strrchr(fake.asked, 'P');
		assert_int_equal(strncmp(end, "POST /v1/reload", 15) == 0 && rows[i].fails_from > 1,
						 rows[i].reloads);
		/* Nothing else is left either. */
		assert_int_equal(folder_count(&folder),
						 1 + (rows[i].stays ? (rows[i].remember ? 4 : 2) : 0));
		folder_done(&folder);
	}
}

/* Where among the events of a folder's files one is; -1: there is none. */
static int find_event(const char *events, ssize_t size, uint32_t mask, const char *name) {
	for (ssize_t at = 0; at < size;) {
		const struct inotify_event *event = (const void *)(events + at);
		if ((event->mask & mask) && event->len > 0 && strcmp(event->name, name) == 0)
			return (int)at;
		at += (ssize_t)sizeof *event + event->len;
	}
	return -1;
}

/* Whenever this ends, the daemon finds what the configuration names, or would not start. */
static void test_the_configuration_comes_last_and_goes_first(void **state) {
	static const char *const folders[] = {"keys", "tunnels"};
	_Alignas(struct inotify_event) char events[8192];
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	folder_write(&folder, "umbra.yaml", "include: [tunnels/*.yaml]\n", 0600);
	const int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	for (size_t i = 0; i < 2; i++) {
		char path[2 * FOLDER_PATH_SIZE];
		folder_join(&folder, folders[i], path);
		assert_int_equal(mkdir(path, 0700), 0);
		assert_true(inotify_add_watch(watch, path, IN_CREATE | IN_DELETE) >= 0);
	}
	fake.server = NULL;
	fake.fails_from = 4;
	fake.error = ERR_INVALID;
	fake.status = 403;
	fake.code = "credentials";
	assert_int_equal(RUN(&folder, "x\n", &capture, "192.0.2.1", "--user", "a", "--pin", PIN,
						 "--directory", "%", "--remember"),
					 STATUS_FAILED);
	const ssize_t size = read(watch, events, sizeof events);
	const int made = find_event(events, size, IN_CREATE, "um2.yaml"),
			  kept = find_event(events, size, IN_CREATE, "um2.password"),
			  gone = find_event(events, size, IN_DELETE, "um2.yaml"),
			  lost = find_event(events, size, IN_DELETE, "um2.password");
	assert_true(kept >= 0 && kept < made);
	assert_true(gone > made && gone < lost);
	(void)close(watch);
	folder_done(&folder);
}

static void test_refusals(void **state) {
	static const struct {
		const char *host, *option, *value, *text;
		int status;
	} rows[] = {
		{"a b", "--user", "a", "HOST is a name or an address", STATUS_USAGE},
		{"um0", "--user", "a/b", "a user's name has up to 63 letters", STATUS_USAGE},
		{"um0", "--password-file", "/", "nobody is there to be asked who you are", STATUS_USAGE},
		{"other.example", "--user", "a", "the configuration has no tunnel to other.example:51820",
		 STATUS_FAILED},
		{"other.example", "--pin", "1234", "--pin takes sha256/", STATUS_USAGE},
		{"other.example", "--name", "a/b", "--name takes up to 15 letters", STATUS_USAGE},
		{"um1", "--ca", "%/x",
		 "--ca is for a new tunnel, and um1 leads there already: 'umbra login um1'", STATUS_USAGE},
		{"um1", "--name", "x", "--name is for a new tunnel", STATUS_USAGE},
	};
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(RUN(&folder, "x\n", &capture, rows[i].host, rows[i].option, rows[i].value),
						 rows[i].status);
		if (!strstr(capture.error, rows[i].text))
			fail_msg("%s", capture.error);
	}
	assert_int_equal(RUN(&folder, "x\n", &capture, "a.example", "--ca", "%/x", "--pin", PIN),
					 STATUS_USAGE);
	assert_non_null(strstr(capture.error, "not both"));
	/* What is no authority makes nothing. */
	folder_write(&folder, "bad.pem", "-----BEGIN CERTIFICATE-----\n", 0644);
	fake.server = NULL;
	assert_int_equal(RUN(&folder, "x\n", &capture, "a.example", "--user", "a", "--ca", "%/bad.pem",
						 "--directory", "%"),
					 STATUS_FAILED);
	assert_non_null(strstr(capture.error, "bad.pem holds no authority of Ed25519 in PEM"));
	assert_int_equal(folder_count(&folder), 1);
	/* And other kinds of tunnels. */
	fake.protocol = "mighty";
	assert_int_equal(RUN(&folder, "x\n", &capture, "um0", "--user", "a"), STATUS_FAILED);
	assert_non_null(strstr(capture.error, "um0 is no tunnel that one logs in by"));
	folder_done(&folder);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_known_server, reset),
		cmocka_unit_test_setup(test_a_new_one_that_fails, reset),
		cmocka_unit_test_setup(test_the_configuration_comes_last_and_goes_first, reset),
		cmocka_unit_test_setup(test_a_new_server, reset),
		cmocka_unit_test_setup(test_by_a_pin, reset),
		cmocka_unit_test_setup(test_refusals, reset),
		cmocka_unit_test_setup(test_the_configurations_user, reset),
		cmocka_unit_test_setup(test_what_is_missing_for_a_new_one, reset),
		cmocka_unit_test_setup(test_who_is_refused, reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
