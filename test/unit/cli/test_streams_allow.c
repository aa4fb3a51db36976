#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/fake_client.h"
#include "cli/init_folder.h"
#include "cli/init_streams.h"
#include "cli/streams.h"
#include "conf/both_kinds.h"
#include "crypto/x25519.h"

/* allow, against a daemon that is none. */

#define ONES "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

struct fixture {
	struct folder folder;
	struct capture capture;
	struct stream_line first; /* of the server's first client */
	char path[2 * FOLDER_PATH_SIZE];
};

static int set_up(void **state) {
	struct fixture *fixture = calloc(1, sizeof *fixture);
	assert_non_null(fixture);
	folder_init(&fixture->folder);
	char *arguments[] = {(char *)"--directory", fixture->folder.path,
						 (char *)"--endpoint",  (char *)"vpn.example.org:8443",
						 (char *)"--network",   (char *)"10.66.0.0/24"};
	const char *problem;
	capture_init(&fixture->capture, "");
	assert_int_equal(init_stream_server_run(&fixture->capture.streams, 6, arguments), STATUS_OK);
	capture_done(&fixture->capture);
	assert_int_equal(stream_line_parse(fixture->capture.output, &fixture->first, &problem), ERR_OK);
	folder_join(&fixture->folder, "umbra.yaml", fixture->path);
	fake_client_reset();
	*state = fixture;
	return 0;
}

static int tear_down(void **state) {
	struct fixture *fixture = *state;
	folder_done(&fixture->folder);
	free(fixture);
	return 0;
}

/* path: what the output goes to; NULL: it is kept. */
static int allow_into(struct fixture *fixture, const char *path, const char *tunnel,
					  const char *option, const char *value) {
	char *arguments[] = {(char *)tunnel, (char *)"bob",  (char *)"--config",
						 fixture->path,  (char *)option, (char *)value};
	capture_init(&fixture->capture, "");
	if (path) {
		(void)close(fixture->capture.streams.output);
		fixture->capture.streams.output = open(path, O_WRONLY | O_CLOEXEC);
	}
	int status =
		streams_allow_run(&fixture->capture.streams, option ? value ? 6 : 5 : 4, arguments);
	capture_done(&fixture->capture);
	assert_int_equal(fake.open, 0);
	return status;
}

static int allow(struct fixture *fixture, const char *tunnel, const char *option,
				 const char *value) {
	return allow_into(fixture, NULL, tunnel, option, value);
}

/* The line leads to the same server, with the key that the daemon was told. */
static void a_line(void **state) {
	struct fixture *fixture = *state;
	struct stream_line line;
	const char *problem;
	uint8_t key[TEXT_KEY_SIZE];
	assert_int_equal(allow(fixture, "web", NULL, NULL), STATUS_OK);
	if (stream_line_parse(fixture->capture.output, &line, &problem))
		fail_msg("%s", problem);
	assert_int_equal(x25519_public(line.private_key, key), ERR_OK);
	assert_memory_equal(key, fake.public_key, sizeof key);
	assert_memory_equal(line.server_key, fixture->first.server_key, sizeof line.server_key);
	assert_memory_equal(line.pins[0], fixture->first.pins[0], sizeof line.pins[0]);
	assert_int_equal(line.pin_count, 1);
	assert_string_equal(line.host, "vpn.example.org");
	assert_int_equal(line.port, 8443);
	assert_string_equal(line.label, "bob");
	assert_string_equal(line.cookie, "");
	assert_memory_equal(fake.asked, "add web bob", strlen("add web bob"));
}

/* The addresses that the daemon gave, and what the configuration has clients send. */
static void a_line_with_an_interface(void **state) {
	struct fixture *fixture = *state;
	assert_int_equal(allow(fixture, "web", NULL, NULL), STATUS_OK);
	assert_non_null(strstr(fixture->capture.output, "&address=10.66.0.7&route=0.0.0.0/0#bob"));
	/* A client is nowhere with networks alone, and nobody is asked to let it in. */
	fake_client_reset();
	assert_int_equal(allow(fixture, "web", "--allowed-ips", "10.9.0.0/16"), STATUS_FAILED);
	assert_non_null(strstr(fixture->capture.error, "needs an address of its own"));
	assert_int_equal(fake.questions, 0);
}

/* Its tunnel has no interface, so no client has one. */
static void a_line_without(void **state) {
	struct fixture *fixture = *state;
	folder_write(&fixture->folder, "umbra.yaml",
				 "tunnels:\n  web:\n    protocol: phantom\n    role: server\n"
				 "    listen: 443\n    private_key_file: keys/web.key\n"
				 "    tls: { certificate_file: tls/web.pem, key_file: tls/web.key }\n"
				 "    clients: { endpoint: \"vpn.example.org:443\" }\n",
				 0600);
	assert_int_equal(allow(fixture, "web", NULL, NULL), STATUS_OK);
	assert_null(strstr(fixture->capture.output, "address="));
	assert_null(strstr(fixture->capture.output, "route="));
}

static void a_line_with_rules(void **state) {
	struct fixture *fixture = *state;
	assert_int_equal(allow(fixture, "web", "--rule", "deny any tcp 25"), STATUS_OK);
	assert_non_null(strstr(fake.asked, "rules (deny any tcp 25)"));
}

/* A client with keys of its own needs no line, and no configuration is read for it. */
static void a_key_of_its_own(void **state) {
	struct fixture *fixture = *state;
	strcpy(fixture->path, "/nowhere");
	assert_int_equal(allow(fixture, "web", "--public-key", ONES), STATUS_OK);
	assert_string_equal(fixture->capture.output, "");
	assert_int_equal(fake.public_key[31], 1);
}

static void what_does_not_work(void **state) {
	struct fixture *fixture = *state;
	assert_int_equal(allow(fixture, "um0", NULL, NULL), STATUS_FAILED);
	assert_non_null(strstr(fixture->capture.error, "um0 is no server of streams"));
	assert_int_equal(fake.questions, 0);
	fake.error = ERR_EXISTS;
	fake.status = 409;
	fake.error_message = "there is one";
	assert_int_equal(allow(fixture, "web", NULL, NULL), STATUS_FAILED);
	assert_string_equal(fixture->capture.output, "");
	assert_non_null(strstr(fixture->capture.error, "there is one"));
	strcpy(fixture->path, "/nowhere");
	assert_int_equal(allow(fixture, "web", NULL, NULL), STATUS_FAILED);
	assert_non_null(strstr(fixture->capture.error, "/nowhere"));
}

/* Who has the line has it, also where it is too long for a code. */
static void a_line_that_is_lost(void **state) {
	static const char lost[] = "the line is lost; 'umbra phantom deny' takes the client back";
	struct fixture *fixture = *state;
	char text[FOLDER_TEXT_SIZE];
	size_t used = (size_t)snprintf(
		text, sizeof text,
		"tunnels:\n  web:\n    protocol: phantom\n    role: server\n"
		"    listen: 443\n    private_key_file: keys/web.key\n    addresses: [10.66.0.1/24]\n"
		"    tls: { certificate_file: tls/web.pem, key_file: tls/web.key }\n"
		"    clients:\n      endpoint: \"vpn.example.org:443\"\n      allowed_ips:\n");
	for (unsigned i = 0; i < STREAM_LINE_ROUTES_MAX; i++)
		used += (size_t)snprintf(text + used, sizeof text - used,
								 "        - \"fd66:1111:2222:3333:4444:5555:6666:%x/128\"\n",
								 0x7700 + i);
	assert_int_equal(allow_into(fixture, "/dev/full", "web", "--qr", NULL), STATUS_FAILED);
	assert_non_null(strstr(fixture->capture.error, lost));
	folder_write(&fixture->folder, "umbra.yaml", text, 0600);
	assert_int_equal(allow(fixture, "web", "--qr", NULL), STATUS_FAILED);
	assert_non_null(strstr(fixture->capture.output, "phantom://"));
	assert_non_null(strstr(fixture->capture.error, "a QR code takes from 1 to"));
	assert_null(strstr(fixture->capture.error, "lost"));
}

#define FIXTURE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_line),
		FIXTURE_TEST(a_line_with_an_interface),
		FIXTURE_TEST(a_line_without),
		FIXTURE_TEST(a_line_with_rules),
		FIXTURE_TEST(a_key_of_its_own),
		FIXTURE_TEST(what_does_not_work),
		FIXTURE_TEST(a_line_that_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
