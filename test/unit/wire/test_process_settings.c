#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "wire/process_settings.h"

/* Each kind in both families. */
static const uint8_t example[] = "\1"
								 "\1\0\6\4\x18\x0a\x08\0\2"
								 "\1\0\x12\6\x40\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
								 "\2\0\6\4\x10\x0a\x09\0\0"
								 "\2\0\x12\6\x20\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\0"
								 "\3\0\5\4\x0a\x08\0\1"
								 "\3\0\x11\6\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
								 "\4\0\x0b"
								 "example.org"
								 "\5\0\2\5\x8c";
enum { EXAMPLE_SIZE = sizeof example - 1 };

static struct address address_of(const char *text) {
	struct address address;
	assert_int_equal(address_parse(text, &address), ERR_OK);
	return address;
}

static struct prefix prefix_with(const char *text, uint8_t length) {
	return (struct prefix){address_of(text), length};
}

static struct interface_settings example_settings(void) {
	return (struct interface_settings){
		.mtu = 1420,
		.address_count = 2,
		.route_count = 2,
		.server_count = 2,
		.domain_count = 1,
		.addresses = {prefix_with("10.8.0.2", 24), prefix_with("2001:db8::2", 64)},
		.routes = {prefix_with("10.9.0.0", 16), prefix_with("2001:db8::", 32)},
		.servers = {address_of("10.8.0.1"), address_of("2001:db8::1")},
		.domains = {"example.org"},
	};
}

static enum err decode(const char *data, size_t size, struct interface_settings *out_settings) {
	return process_settings_decode((const uint8_t *)data, size, out_settings);
}

static void test_known_bytes(void **state) {
	uint8_t data[PROCESS_SETTINGS_SIZE_MAX];
	size_t size;
	const struct interface_settings settings = example_settings();
	struct interface_settings read;
	assert_int_equal(process_settings_encode(&settings, data, &size), ERR_OK);
	assert_int_equal(size, EXAMPLE_SIZE);
	assert_memory_equal(data, example, size);
	assert_int_equal(process_settings_decode(example, EXAMPLE_SIZE, &read), ERR_OK);
	assert_true(interface_settings_equal(&settings, &read));
	assert_int_equal(process_settings_decode(example, 1, &read), ERR_OK);
	assert_true(interface_settings_equal(&(struct interface_settings){.mtu = 0}, &read));
}

/* The largest there can be has just the room that is said. */
static void test_full(void **state) {
	static struct interface_settings settings = {.mtu = 1280}, read;
	static uint8_t data[PROCESS_SETTINGS_SIZE_MAX];
	size_t size;
	settings.address_count = INTERFACE_SETTINGS_ADDRESSES_MAX;
	settings.route_count = INTERFACE_SETTINGS_ROUTES_MAX;
	settings.server_count = INTERFACE_SETTINGS_SERVERS_MAX;
	settings.domain_count = INTERFACE_SETTINGS_DOMAINS_MAX;
	for (size_t i = 0; i < settings.address_count; i++)
		settings.addresses[i] = prefix_with("2001:db8::1", 64);
	for (size_t i = 0; i < settings.route_count; i++)
		settings.routes[i] = prefix_with("2001:db8::", 32);
	for (size_t i = 0; i < settings.server_count; i++)
		settings.servers[i] = address_of("2001:db8::53");
	for (size_t i = 0; i < settings.domain_count; i++) {
		memset(settings.domains[i], 'a', DNS_NAME_TEXT_MAX);
		for (size_t dot = 63; dot < DNS_NAME_TEXT_MAX; dot += 64)
			settings.domains[i][dot] = '.';
	}
	assert_int_equal(process_settings_encode(&settings, data, &size), ERR_OK);
	assert_int_equal(size, PROCESS_SETTINGS_SIZE_MAX);
	assert_int_equal(process_settings_decode(data, size, &read), ERR_OK);
	assert_true(interface_settings_equal(&settings, &read));
	settings.route_count++;
	assert_int_equal(process_settings_encode(&settings, data, &size), ERR_INVALID);
}

static void test_refused(void **state) {
	struct interface_settings settings, before;
	memset(&settings, 0xee, sizeof settings);
	memcpy(&before, &settings, sizeof settings);
	static const struct {
		const char *data;
		size_t size;
		enum err error;
	} cases[] = {
		{"", 0, ERR_TRUNCATED},
		{"\0", 1, ERR_UNSUPPORTED},
		{"\2", 1, ERR_UNSUPPORTED},
		{"\1\5", 2, ERR_TRUNCATED},
		{"\1\5\0\2\5", 5, ERR_TRUNCATED},
		{"\1\0\0\0", 4, ERR_MALFORMED},
		{"\1\6\0\2\0\x0a", 6, ERR_MALFORMED}, /* of other messages, not of this one */
		{"\1\xff\0\0", 4, ERR_MALFORMED},
		{"\1\5\0\2\2\x3f", 6, ERR_MALFORMED}, /* 575 */
		{"\1\5\0\3\5\x8c\0", 7, ERR_MALFORMED},
		{"\1\5\0\2\5\x8c\5\0\2\5\x8c", 11, ERR_MALFORMED},
		{"\1\2\0\6\4\x18\x0a\x08\0\2", 10, ERR_MALFORMED}, /* host bits */
		{"\1\4\0\3a b", 7, ERR_MALFORMED},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(decode(cases[i].data, cases[i].size, &settings), cases[i].error);
		assert_memory_equal(&settings, &before, sizeof settings);
	}
	uint8_t many[1 + 9 * 8];
	many[0] = 1;
	for (size_t i = 0; i < 9; i++)
		memcpy(many + 1 + i * 8, "\3\0\5\4\x0a\x08\0\1", 8);
	assert_int_equal(process_settings_decode(many, sizeof many, &settings), ERR_LIMIT);
	for (size_t size = 2; size < EXAMPLE_SIZE; size++) {
		enum err error = process_settings_decode(example, size, &settings);
		assert_true(error == ERR_OK || error == ERR_TRUNCATED);
	}
}

/* Each difference counts, also that of the order. */
static void test_equal(void **state) {
	const struct interface_settings one = example_settings();
	struct interface_settings others[10];
	for (size_t i = 0; i < 10; i++)
		others[i] = one;
	others[0].mtu = 0;
	others[1].address_count = 1;
	others[2].addresses[0].length = 25;
	others[3].route_count = 0;
	others[4].routes[1] = prefix_with("2001:db8::", 33);
	others[5].server_count = 1;
	others[6].servers[0] = address_of("10.8.0.3");
	others[7].domain_count = 0;
	(void)snprintf(others[8].domains[0], sizeof others[8].domains[0], "example.com");
	others[9].addresses[0] = one.addresses[1];
	others[9].addresses[1] = one.addresses[0];
	for (size_t i = 0; i < 10; i++)
		assert_false(interface_settings_equal(&one, &others[i]));
	assert_true(interface_settings_equal(&one, &one));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_bytes),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_equal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
