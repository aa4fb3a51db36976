#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/device_terms.h"

struct bench {
	uint32_t rekey_seconds, rekey_packets;
	uint16_t keepalive;
	bool client_to_client;
	struct parameters tells;
};

static int take(struct bench *bench, const char *text) {
	const struct device_terms terms = {
		.rekey_seconds = &bench->rekey_seconds,
		.rekey_packets = &bench->rekey_packets,
		.keepalive = &bench->keepalive,
		.client_to_client = &bench->client_to_client,
		.tells = &bench->tells,
	};
	struct uapi_entry entry;
	assert_int_equal(uapi_parse_line(text, strlen(text), &entry), ERR_OK);
	return device_terms_take(&terms, &entry);
}

static void takes_each(void **state) {
	(void)state;
	struct bench bench = {.keepalive = 0};
	assert_int_equal(take(&bench, "rekey_seconds=60"), 0);
	assert_int_equal(take(&bench, "rekey_packets=1000"), 0);
	assert_int_equal(take(&bench, "keepalive=65535"), 0);
	assert_int_equal(bench.rekey_seconds, 60);
	assert_int_equal(bench.rekey_packets, 1000);
	assert_int_equal(bench.keepalive, 65535);
	assert_int_equal(take(&bench, "client_to_client=true"), 0);
	assert_true(bench.client_to_client);
	assert_int_equal(take(&bench, "client_to_client=false"), 0);
	assert_false(bench.client_to_client);
}

static void refuses_what_is_out_of_bounds(void **state) {
	(void)state;
	struct bench bench = {.keepalive = 0};
	const struct device_terms terms = {.rekey_packets = &bench.rekey_packets};
	struct uapi_entry entry = {.key = UAPI_REKEY_PACKETS, .number = PARAMETERS_REKEY_PACKETS_MAX};
	assert_int_equal(device_terms_take(&terms, &entry), 0);
	entry.number++;
	assert_int_equal(device_terms_take(&terms, &entry), EINVAL);
	assert_int_equal(take(&bench, "rekey_seconds=0"), EINVAL);
	assert_int_equal(take(&bench, "rekey_packets=0"), EINVAL);
	assert_int_equal(take(&bench, "keepalive=0"), EINVAL);
	assert_int_equal(take(&bench, "listen_port=7"), EINVAL);
}

static void knows_whether_anything_is_pushed(void **state) {
	(void)state;
	static const char *const lines[] = {"push_route=10.0.0.0/8", "push_dns=10.0.0.53",
										"push_domain=example.org", "push_mtu=1400"};
	struct bench bench = {.keepalive = 0};
	assert_false(device_terms_pushes(&bench.tells));
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		assert_int_equal(take(&bench, lines[i]), 0);
		assert_true(device_terms_pushes(&bench.tells));
		assert_int_equal(take(&bench, "replace_push=true"), 0);
		assert_false(device_terms_pushes(&bench.tells));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_each),
		cmocka_unit_test(refuses_what_is_out_of_bounds),
		cmocka_unit_test(knows_whether_anything_is_pushed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
