#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/capture.h"
#include "cli/commands.h"
#include "cli/fake_client.h"
#include "cli/tool.h"

/* The commands that ask the daemon, against one that is none; test_peer_commands.c has the peers'.
 */

static struct capture capture;

/* words: what stands behind "umbra", with single blanks between. */
static int run(const char *words) {
	char text[256], *argv[16] = {text};
	int argc = 1;
	(void)snprintf(text, sizeof text, "umbra %s", words);
	for (char *at = strchr(text, ' '); at; at = strchr(at, ' ')) {
		*at++ = '\0';
		argv[argc++] = at;
	}
	capture_init(&capture, "");
	int status = tool_run(commands_all, &capture.streams, argc, argv);
	capture_done(&capture);
	assert_int_equal(fake.open, 0);
	return status;
}

static int reset(void **state) {
	fake_client_reset();
	(void)unsetenv("UMBRA_SOCKET");
	return 0;
}

static void test_orders(void **state) {
	static const struct {
		const char *words, *asked;
	} rows[] = {
		{"up um0", "POST /v1/tunnels/um0/up\n"},
		{"down um0 um1", "POST /v1/tunnels/um0/down\nPOST /v1/tunnels/um1/down\n"},
		{"up ../x", "POST /v1/tunnels/..%2Fx/up\n"},
		{"reload", "POST /v1/reload\n"},
		{"log debug", "PUT /v1/log {\"level\":\"debug\"}\n"},
		{"log verbose", "PUT /v1/log {\"level\":\"debug\"}\n"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		fake_client_reset();
		fake.answer = "so be\x1b it";
		assert_int_equal(run(rows[i].words), STATUS_OK);
		assert_string_equal(fake.asked, rows[i].asked);
		assert_memory_equal(capture.output, "so be? it\n", 10);
		assert_string_equal(capture.error, "");
	}
}

static void test_which_socket(void **state) {
	assert_int_equal(run("reload"), STATUS_OK);
	assert_string_equal(fake.socket, "/run/umbra/control.sock");
	assert_int_equal(setenv("UMBRA_SOCKET", "/tmp/b", 1), 0);
	assert_int_equal(run("status --json"), STATUS_OK);
	assert_string_equal(fake.socket, "/tmp/b");
	assert_int_equal(run("--socket /tmp/a up um0"), STATUS_OK);
	assert_string_equal(fake.socket, "/tmp/a");
	assert_int_equal(run("peer list --socket=/tmp/c"), STATUS_OK);
	assert_string_equal(fake.socket, "/tmp/c");
	assert_int_equal(setenv("UMBRA_SOCKET", "", 1), 0);
	assert_int_equal(run("events"), STATUS_NO_DAEMON);
	assert_string_equal(fake.socket, "/run/umbra/control.sock");
}

static void test_wrong_lines_ask_nothing(void **state) {
	static const char *const lines[] = {
		"up",
		"down",
		"up --frob um0",
		"reload x",
		"log",
		"log loud",
		"log debug x",
		"status a b",
		"status --peers=x",
		"status --peers=1000001",
		"status --watch=0",
		"status --watch=x",
		"events x",
		"events --after",
		"events --after=-1",
		"peer show um0",
		"peer list a b",
		"peer add",
		"peer add um0",
		"peer add um0 a b",
		"peer add um0 --from x --qr",
		"peer add um0 a --from x",
		"peer add um0 a --psk --preshared-key-file x",
		"peer add um0 a --public-key AAAA",
		"peer add um0 a --allowed-ips 10.0.0.0/33",
		"peer add um0 a --endpoint x",
		"peer add um0 a --keepalive 65536",
		"peer del um0",
		"peer del um0 a --from x",
		"peer export um0",
		"completion",
		"completion tcsh",
	};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		assert_int_equal(run(lines[i]), STATUS_USAGE);
		assert_string_equal(capture.output, "");
		assert_int_equal(strncmp(capture.error, "umbra: ", 7), 0);
		assert_string_equal(fake.asked, "");
	}
}

static void test_no_daemon(void **state) {
	static const char *const lines[] = {
		"up um0",         "reload",         "log info",          "status",
		"status --json",  "events",         "peer list",         "peer show um0 a",
		"peer add um0 a", "peer del um0 a", "peer export um0 a", "status --watch"};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		fake_client_reset();
		fake.error = ERR_NOT_FOUND;
		fake.error_message = "umbrad is not running";
		assert_int_equal(run(lines[i]), STATUS_NO_DAEMON);
		assert_string_equal(capture.output, "");
		assert_non_null(strstr(capture.error, ": umbrad is not running\n"));

		fake_client_reset();
		fake.open_error = ERR_NOT_FOUND;
		assert_int_equal(run(lines[i]), STATUS_NO_DAEMON);
		assert_non_null(strstr(capture.error, "cannot ask the daemon"));
	}
}

static void test_refusals(void **state) {
	fake.error = ERR_NOT_FOUND;
	fake.status = 404;
	fake.error_message = "there is no tunnel um7";
	assert_int_equal(run("up um7 um8"), STATUS_FAILED);
	assert_string_equal(capture.output, "");
	assert_string_equal(capture.error, "umbra: up: there is no tunnel um7\n"
									   "umbra: up: there is no tunnel um7\n");
	fake_client_reset();
	fake.error = ERR_INVALID;
	fake.status = 422;
	fake.error_message = "u.yaml:3: tunnels.um0.mtu: wrong\nu.yaml:4: tunnels.um0.x: wrong\n";
	assert_int_equal(run("reload"), STATUS_FAILED);
	assert_string_equal(capture.error, fake.error_message);
	fake_client_reset();
	fake.error = ERR_PERMISSION;
	assert_int_equal(run("reload"), STATUS_FAILED);
	assert_string_equal(capture.error, "umbra: reload: permission denied\n");
}

static void test_one_of_several_fails(void **state) {
	fake.error = ERR_INVALID;
	fake.status = 500;
	fake.fails_from = 1;
	fake.answer = "um0 is up";
	assert_int_equal(run("up um0 um1"), STATUS_FAILED);
	assert_string_equal(capture.output, "um0 is up\n");
}

static void test_status_as_it_is(void **state) {
	fake.answer = "{\"api\":1,\"unknown\":[]}";
	assert_int_equal(run("status --json"), STATUS_OK);
	assert_string_equal(capture.output, "{\"api\":1,\"unknown\":[]}\n");
	assert_int_equal(run("status um/0 --json --peers=7"), STATUS_OK);
	assert_int_equal(run("--json peer list um0"), STATUS_OK);
	assert_int_equal(run("peer show um0 a+b= --json"), STATUS_OK);
	assert_string_equal(fake.asked, "GET /v1/status?peers=50\n"
									"GET /v1/tunnels/um%2F0?peers=7\n"
									"GET /v1/tunnels/um0/peers\n"
									"GET /v1/tunnels/um0/peers/a%2Bb%3D\n");
}

static void test_status_for_people(void **state) {
	char name[] = "um0", version[] = "0.1.0", protocol[] = "secure", node[] = "gw1";
	char path[] = "/etc/umbra/umbra.yaml", level[] = "info", *text;
	size_t size;
	struct view_tunnel tunnel = {.name = name, .protocol = protocol, .state = VIEW_UP};
	const struct view_status status = {.api = VIEW_API_VERSION,
									   .version = version,
									   .node = node,
									   .configuration = path,
									   .log_level = level,
									   .pid = 12,
									   .started = 1,
									   .tunnels = &tunnel,
									   .tunnel_count = 1};
	assert_int_equal(view_status_encode(&status, &text, &size), ERR_OK);
	fake.answer = text;
	assert_int_equal(run("status"), STATUS_OK);
	assert_non_null(strstr(capture.output, "umbrad 0.1.0 on gw1, process 12, running for "));
	assert_non_null(strstr(capture.output, "\num0: up\n"));
	free(text);
	assert_int_equal(view_tunnel_encode(&tunnel, &text, &size), ERR_OK);
	fake.answer = text;
	assert_int_equal(run("status um0"), STATUS_OK);
	assert_memory_equal(capture.output, "um0: up\n", 8);
	free(text);
	fake.answer = "[]";
	assert_int_equal(run("status"), STATUS_FAILED);
	assert_string_equal(capture.output, "");
	assert_non_null(strstr(capture.error, "the daemon's answer: "));
}

static void test_events(void **state) {
	assert_int_equal(setenv("TZ", "UTC0", 1), 0);
	tzset();
	/* The daemon ended, so it is no end in order. */
	assert_int_equal(run("events --after 0"), STATUS_NO_DAEMON);
	assert_string_equal(capture.output, "2026-11-21 13:05:18.123 +0000 tunnel.up um0: hello\n"
										"2026-11-21 13:05:18.123 +0000 tunnel.up um0: hello\n");
	assert_string_equal(capture.error, "umbra: events: the daemon has ended\n");
	assert_int_equal(run("events --json --after=17"), STATUS_NO_DAEMON);
	assert_string_equal(capture.output, "{\"sequence\":5}\n{\"sequence\":5}\n");
	assert_non_null(strstr(fake.asked, "events 0\nevents 17\n"));
}

static void test_completion(void **state) {
	static const char *const shells[] = {"completion bash", "completion zsh", "completion fish"};
	for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
		assert_int_equal(run(shells[i]), STATUS_OK);
		assert_non_null(strstr(capture.output, "completion --words -- "));
	}
	assert_int_equal(run("completion --words -- up u"), STATUS_OK);
	assert_string_equal(capture.output, "um0\ttunnel, up\num1\ttunnel, up\n");
	assert_int_equal(run("completion --words -- peer show um0 l"), STATUS_OK);
	assert_string_equal(capture.output, "laptop\tpeer, quiet\n");
	assert_int_equal(run("completion --words -- status --help"), STATUS_OK);
	assert_string_equal(capture.output, "--help\texplain the command\n");
	fake.error = ERR_NOT_FOUND;
	assert_int_equal(run("completion --words -- up u"), STATUS_OK);
	assert_string_equal(capture.output, "");
	assert_string_equal(capture.error, "");
}

/* What becomes of the command itself is in test/net/test_split_exec.py. */
static void test_exec(void **state) {
	static const struct {
		const char *words, *error;
	} wrong[] = {
		{"exec ls", "one of --outside and --inside TUNNEL"},
		{"exec --outside --inside um0 ls", "one of --outside and --inside TUNNEL"},
		{"exec --outside", "a command is missing"},
		{"exec --inside", "--inside needs a value: --inside TUNNEL"},
		{"exec --outside -x ls", "unknown option '-x'"},
		{"exec --outside --outside ls", "--outside is given twice"},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_int_equal(run(wrong[i].words), STATUS_USAGE);
		assert_non_null(strstr(capture.error, wrong[i].error));
		assert_string_equal(fake.asked, "");
	}
	assert_int_equal(run("exec --outside --help ls"), STATUS_OK);
	assert_non_null(strstr(capture.output, "Usage: umbra exec [OPTION...] COMMAND [ARGUMENT...]"));
	if (geteuid() != 0) {
		assert_int_equal(run("exec --outside ls"), STATUS_FAILED);
		assert_non_null(strstr(capture.error, "only root may"));
		return;
	}
	fake.answer = "no path";
	assert_int_equal(run("exec --outside ls --help"), STATUS_FAILED);
	assert_non_null(strstr(capture.error, "the daemon's answer is not understood"));
	assert_string_equal(fake.asked, "POST /v1/outside\n");
	fake.answer = "/proc/self/nowhere";
	assert_int_equal(run("exec --inside um/0 ls"), STATUS_FAILED);
	assert_string_equal(fake.asked, "POST /v1/outside\nPOST /v1/tunnels/um%2F0/inside\n");
	assert_non_null(strstr(capture.error, "/proc/self/nowhere/cgroup.procs: No such file"));
	assert_int_equal(run("exec --outside --user um-no-such ls"), STATUS_FAILED);
	assert_non_null(strstr(capture.error, "there is no user 'um-no-such'"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_orders, reset),
		cmocka_unit_test_setup(test_which_socket, reset),
		cmocka_unit_test_setup(test_wrong_lines_ask_nothing, reset),
		cmocka_unit_test_setup(test_no_daemon, reset),
		cmocka_unit_test_setup(test_refusals, reset),
		cmocka_unit_test_setup(test_one_of_several_fails, reset),
		cmocka_unit_test_setup(test_status_as_it_is, reset),
		cmocka_unit_test_setup(test_status_for_people, reset),
		cmocka_unit_test_setup(test_events, reset),
		cmocka_unit_test_setup(test_completion, reset),
		cmocka_unit_test_setup(test_exec, reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
