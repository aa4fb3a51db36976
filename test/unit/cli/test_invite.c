#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/capture.h"
#include "cli/fake_client.h"
#include "cli/invite.h"
#include "cli/shared_line.h"
#include "conf/all_kinds.h"
#include "crypto/shared_key.h"

/* invite, against a daemon that is none. */

enum { ARGUMENTS_MAX = 24 };

static int set_up(void **state) {
	fake_client_reset();
	fake.protocol = "mighty";
	return 0;
}

/* output: where it goes; NULL: it is kept. */
static int run_into(struct capture *capture, const char *output, const char *const *words) {
	char *arguments[ARGUMENTS_MAX];
	int count = 0;
	for (; words[count]; count++)
		arguments[count] = (char *)words[count];
	capture_init(capture, "");
	if (output) {
		(void)close(capture->streams.output);
		capture->streams.output = open(output, O_WRONLY | O_CLOEXEC);
	}
	int status = invite_run(&capture->streams, count, arguments);
	capture_done(capture);
	assert_int_equal(fake.open, 0);
	return status;
}
#define RUN(capture, ...) run_into(capture, NULL, (const char *const[]){__VA_ARGS__, NULL})

/* The line has the key that the daemon was told, which knows the client by its identity. */
static void a_line(void **state) {
	struct capture capture;
	struct shared_line line;
	const char *problem;
	uint8_t identity[HASH_SIZE];
	assert_int_equal(RUN(&capture, "vpn", "phone"), STATUS_OK);
	if (shared_line_parse(capture.output, &line, &problem))
		fail_msg("%s", problem);
	assert_int_equal(line.endpoint_count, 1);
	assert_string_equal(line.endpoints[0].host, "vpn.example.org");
	assert_int_equal(line.endpoints[0].port, 51820);
	assert_string_equal(line.label, "phone");
	assert_memory_equal(line.key, fake.preshared_key, sizeof line.key);
	assert_int_equal(shared_key_identity("mighty", line.key, identity), ERR_OK);
	assert_memory_equal(identity, fake.public_key, sizeof identity);
	assert_non_null(strstr(fake.asked, "tunnel vpn\nadd vpn phone"));
	assert_non_null(strstr(fake.asked, " psk"));
	/* Alone on the output, and nowhere else. */
	assert_ptr_equal(strchr(capture.output, '\n'), capture.output + strlen(capture.output) - 1);
	assert_null(strstr(capture.error, "mighty://"));
}

static void each_has_a_key_of_its_own(void **state) {
	struct capture capture;
	uint8_t first[TEXT_KEY_SIZE];
	assert_int_equal(RUN(&capture, "vpn", "a"), STATUS_OK);
	memcpy(first, fake.preshared_key, sizeof first);
	assert_int_equal(RUN(&capture, "vpn", "b"), STATUS_OK);
	assert_memory_not_equal(first, fake.preshared_key, sizeof first);
}

static void with_options(void **state) {
	struct capture capture;
	struct shared_line line;
	const char *problem;
	assert_int_equal(RUN(&capture, "vpn", "phone", "--endpoint", "a.example:1", "--endpoint",
						 "[2001:db8::1]:2", "--allowed-ips", "10.66.0.9", "--rule", "deny any"),
					 STATUS_OK);
	assert_int_equal(shared_line_parse(capture.output, &line, &problem), ERR_OK);
	assert_int_equal(line.endpoint_count, 2);
	assert_string_equal(line.endpoints[1].host, "2001:db8::1");
	assert_non_null(strstr(fake.asked, "add vpn phone 10.66.0.9/32"));
}

static void refusals(void **state) {
	struct capture capture;
	fake.protocol = "wireguard";
	assert_int_equal(RUN(&capture, "um0", "phone"), STATUS_FAILED);
	assert_non_null(strstr(capture.error, "'umbra peer add'"));
	fake.protocol = "phantom";
	assert_int_equal(RUN(&capture, "um0", "phone"), STATUS_FAILED);
	assert_non_null(strstr(capture.error, "'umbra phantom allow'"));
	fake.protocol = "mighty";
	fake.no_endpoint = true;
	assert_int_equal(RUN(&capture, "um0", "phone"), STATUS_FAILED);
	assert_non_null(strstr(capture.error, "tunnels.um0.clients.endpoint"));
	assert_int_equal(RUN(&capture, "um0", "phone", "--endpoint", "a.example"), STATUS_USAGE);
	assert_non_null(strstr(capture.error, "--endpoint takes a name or an address and a port"));
	assert_null(strstr(fake.asked, "add"));
	assert_int_equal(RUN(&capture, "um0"), STATUS_USAGE);
	assert_string_equal(capture.output, "");
}

/* Nobody has the key then. */
static void a_line_that_nobody_got(void **state) {
	struct capture capture;
	assert_int_equal(run_into(&capture, "/dev/full", (const char *const[]){"vpn", "phone", NULL}),
					 STATUS_FAILED);
	assert_non_null(strstr(fake.asked, "remove vpn "));
	assert_non_null(strstr(capture.error, "taken back"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_line, set_up),
		cmocka_unit_test_setup(a_line_that_nobody_got, set_up),
		cmocka_unit_test_setup(each_has_a_key_of_its_own, set_up),
		cmocka_unit_test_setup(refusals, set_up),
		cmocka_unit_test_setup(with_options, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
