#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/config_same.h"
#include "conf/loading.h"
#include "conf/random_config.h"

/* What is dumped is read back to the same values, and dumped to the same text. */
static void round_trip(const char *text) {
	struct config *config = loading_good(text), *again;
	char *dumped, *dumped_again;
	size_t size, size_again;
	assert_int_equal(config_dump(config, &dumped, &size), ERR_OK);
	assert_int_equal(strlen(dumped), size);
	/* From another place: all paths are absolute. */
	again = loading_source(
		&(struct config_source){.path = "/elsewhere", .text = dumped, .text_size = size});
	same_config(config, again);
	assert_int_equal(config_dump(again, &dumped_again, &size_again), ERR_OK);
	assert_string_equal(dumped, dumped_again);
	free(dumped);
	free(dumped_again);
	config_free(config);
	config_free(again);
}

static void test_random_configurations(void **state) {
	enum { COUNT = 2000 };
	static struct random_config config;
	for (uint64_t i = 0; i < COUNT; i++) {
		random_config_make(&config, i);
		round_trip(config.text);
	}
}

static void test_small_ones(void **state) {
	round_trip("");
	round_trip("tunnels: { um0: { private_key_file: k } }\n");
	round_trip("tunnels: { um0: { private_key_file: k, routes: { include: [] } } }\n");
}

/* Names made of keys are no names when they have a slash or plus. */
static void test_names_made_of_keys(void **state) {
	round_trip("tunnels: { um0: { private_key_file: k, peers: [{ public_key: "
			   "\"/+/+/+/+p1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\" }] } }\n");
}

static void test_text_of_a_dump(void **state) {
	static const char expected[] = "node:\n"
								   "  name: \"gw1\"\n"
								   "  state_dir: \"/var/lib/umbra\"\n"
								   "  user: \"umbra\"\n"
								   "  sandbox: on\n"
								   "  log:\n"
								   "    level: info\n"
								   "    format: text\n"
								   "  shards: auto\n"
								   "  aead: \"auto\"\n"
								   "  offload:\n"
								   "    tun: true\n"
								   "    tun_udp: true\n"
								   "    udp_send: true\n"
								   "    udp_receive: true\n"
								   "  dns_step: \"127.0.0.153:53\"\n"
								   "control:\n"
								   "  socket: \"/run/umbra/control.sock\"\n"
								   "  metrics: \"127.0.0.1:0\"\n"
								   "tunnels: {}\n";
	struct config *config = loading_good("node: { name: gw1 }\n");
	char *dumped;
	size_t size;
	assert_int_equal(config_dump(config, &dumped, &size), ERR_OK);
	assert_string_equal(dumped, expected);
	free(dumped);
	config_free(config);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_configurations),
		cmocka_unit_test(test_small_ones),
		cmocka_unit_test(test_names_made_of_keys),
		cmocka_unit_test(test_text_of_a_dump),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
