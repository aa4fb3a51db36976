#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/mighty_peer.h"

static struct mighty_peer *peer_of(uint8_t number) {
	const uint8_t secret[MIGHTY_PSK_SIZE] = {number, 1};
	struct mighty_psk psk;
	assert_int_equal(mighty_psk_init(&psk, secret), ERR_OK);
	struct mighty_peer *peer = mighty_peer_new(&psk, 0);
	assert_non_null(peer);
	return peer;
}

static void test_tell(void **state) {
	struct mighty_config config = {.rekey_seconds = 600, .rekey_packets = 1000, .keepalive = 10};
	struct prefix addresses[INTERFACE_SETTINGS_ADDRESSES_MAX + 1];
	struct parameters told = {.keepalive = 99};
	assert_int_equal(prefix_parse("10.1.2.3/24", &addresses[0]), ERR_OK);
	config.tells.interface.mtu = 1400;
	assert_int_equal(mighty_config_tell(&config, addresses, 1, &told), ERR_OK);
	assert_int_equal(told.keepalive, 10);
	assert_int_equal(told.rekey_seconds, 600);
	assert_int_equal(told.rekey_packets, 1000);
	assert_int_equal(told.interface.mtu, 1400);
	assert_int_equal(told.interface.address_count, 1);
	/* More than there is room for, in its list or in a ServerHello. */
	const size_t too_many = INTERFACE_SETTINGS_ADDRESSES_MAX + 1;
	assert_int_equal(mighty_config_tell(&config, addresses, too_many, &told), ERR_LIMIT);
	for (size_t i = 0; i < 130; i++) {
		struct prefix *route = &config.tells.interface.routes[config.tells.interface.route_count++];
		assert_int_equal(prefix_parse("10.0.0.0/24", route), ERR_OK);
		route->address.bytes[1] = (uint8_t)i;
	}
	told.keepalive = 99;
	assert_int_equal(mighty_config_tell(&config, addresses, 1, &told), ERR_LIMIT);
	assert_int_equal(told.keepalive, 99);
}

/* What shards say is what the control thread hears, and a torn hello is never read. */
static void test_news(void **state) {
	struct mighty_peer *peer = peer_of(1);
	uint8_t instance[MIGHTY_INSTANCE_SIZE] = {0}, expected[MIGHTY_INSTANCE_SIZE];
	uint64_t time = 5;
	assert_false(mighty_news_read_hello(peer, instance, &time));
	assert_int_equal(time, 5);
	memset(expected, 7, sizeof expected);
	mighty_news_hello(peer, expected, 1234);
	assert_true(mighty_news_read_hello(peer, instance, &time));
	assert_memory_equal(instance, expected, sizeof expected);
	assert_int_equal(time, 1234);
	assert_null(mighty_news_take_told(peer));
	struct parameters parameters = {.keepalive = 1};
	mighty_news_told(peer, &parameters);
	parameters.keepalive = 2;
	mighty_news_told(peer, &parameters);
	struct parameters *told = mighty_news_take_told(peer);
	assert_int_equal(told->keepalive, 2);
	free(told);
	/* One that nobody took goes with the peer. */
	mighty_news_told(peer, &parameters);
	mighty_peer_free(peer);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tell),
		cmocka_unit_test(test_news),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
