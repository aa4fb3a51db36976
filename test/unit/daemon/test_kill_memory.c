#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/kill_memory.h"

#define KEY "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="

static struct kill_memory memory;

static struct endpoint endpoint_of(const char *text) {
	struct endpoint endpoint;
	assert_int_equal(endpoint_parse(text, &endpoint), ERR_OK);
	return endpoint;
}

static void parse(const char *text) {
	char *copy = strdup(text);
	assert_non_null(copy);
	kill_memory_parse(copy, &memory);
	free(copy);
}

static void assert_format(const char *expected) {
	char *text;
	size_t size;
	assert_int_equal(kill_memory_format(&memory, &text, &size), ERR_OK);
	assert_string_equal(text, expected);
	assert_int_equal(size, strlen(expected));
	free(text);
}

static void test_round_trip(void **state) {
	static const char text[] = "resolver 192.0.2.53\n"
							   "resolver 2001:db8::53\n"
							   "tunnel um0 engaged\n"
							   "endpoint um0 " KEY " 192.0.2.1:51820\n"
							   "endpoint um0 " KEY " [2001:db8::1]:51820\n"
							   "tunnel um1 released\n"
							   "tunnel um2 idle\n";
	parse(text);
	assert_int_equal(memory.tunnels[0].state, KILL_MEMORY_ENGAGED);
	assert_int_equal(memory.tunnels[0].endpoint_count, 2);
	assert_format(text);
}

/* What is damaged is left out; what is good around it counts. */
static void test_damaged(void **state) {
	parse("resolver example.org\n"
		  "resolver\n"
		  "\n"
		  "tunnel um0 open\n"
		  "tunnel a_name_of_sixteen_characters engaged\n"
		  "endpoint um9 " KEY " 192.0.2.1:51820\n"
		  "tunnel um1 engaged\n"
		  "endpoint um1 short 192.0.2.1:51820\n"
		  "endpoint um1 " KEY " 192.0.2.1:0\n"
		  "endpoint um1 " KEY " 192.0.2.1:1 more\n"
		  "endpoint um1 " KEY " 192.0.2.1:1");
	assert_format("tunnel um1 engaged\nendpoint um1 " KEY " 192.0.2.1:1\n");
}

/* The newest first; the oldest goes when there is no room. */
static void test_endpoints(void **state) {
	parse("tunnel um0 engaged\n");
	struct kill_memory_tunnel *tunnel = kill_memory_tunnel(&memory, "um0");
	const uint8_t key[TEXT_KEY_SIZE] = {1}, other[TEXT_KEY_SIZE] = {2};
	assert_null(kill_memory_last(tunnel, key));
	for (unsigned i = 1; i <= KILL_MEMORY_ENDPOINTS_MAX + 5; i++) {
		struct endpoint endpoint = endpoint_of("192.0.2.1:1");
		endpoint.port = (uint16_t)i;
		assert_true(kill_memory_put(tunnel, key, &endpoint));
		assert_false(kill_memory_put(tunnel, key, &endpoint));
		assert_int_equal(kill_memory_last(tunnel, key)->port, i);
	}
	assert_int_equal(tunnel->endpoint_count, KILL_MEMORY_ENDPOINTS_MAX);
	assert_int_equal(tunnel->endpoints[KILL_MEMORY_ENDPOINTS_MAX - 1].endpoint.port, 6);
	/* One that it had already moves, and drives none away. */
	struct endpoint again = endpoint_of("192.0.2.1:10");
	assert_true(kill_memory_put(tunnel, key, &again));
	assert_int_equal(tunnel->endpoints[KILL_MEMORY_ENDPOINTS_MAX - 1].endpoint.port, 6);
	assert_int_equal(kill_memory_last(tunnel, key)->port, 10);
	assert_null(kill_memory_last(tunnel, other));
}

static void test_tunnels(void **state) {
	parse("");
	for (unsigned i = 0; i < CONFIG_TUNNELS_MAX; i++) {
		char name[CONFIG_NAME_SIZE];
		(void)snprintf(name, sizeof name, "um%u", i);
		assert_non_null(kill_memory_tunnel(&memory, name));
	}
	assert_null(kill_memory_tunnel(&memory, "one_more"));
	kill_memory_forget(&memory, "um3");
	kill_memory_forget(&memory, "nobody");
	assert_int_equal(memory.tunnel_count, CONFIG_TUNNELS_MAX - 1);
	assert_non_null(kill_memory_tunnel(&memory, "one_more"));
}

static void test_file(void **state) {
	char folder[] = "/tmp/kill_memory.XXXXXX", path[64];
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/kill_switch", folder);
	memory.tunnel_count = 9;
	assert_int_equal(kill_memory_load(folder, &memory), ERR_OK);
	assert_int_equal(memory.tunnel_count, 0);
	parse("resolver 192.0.2.53\ntunnel um0 engaged\n");
	assert_int_equal(kill_memory_save(&memory, folder), ERR_OK);
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	memory.tunnel_count = memory.resolver_count = 0;
	assert_int_equal(kill_memory_load(folder, &memory), ERR_OK);
	assert_format("resolver 192.0.2.53\ntunnel um0 engaged\n");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_not_equal(kill_memory_load(folder, &memory), ERR_OK);
	assert_int_not_equal(kill_memory_save(&memory, folder), ERR_OK);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_endpoints),  cmocka_unit_test(test_tunnels),
		cmocka_unit_test(test_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
