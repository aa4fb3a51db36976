#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/stream_frame.h"
#include "wire/stream_settings.h"

/* Each item once, in both families. */
static const uint8_t example[] = "\0\1\0\1\3"
								 "\0\2\0\6\4\x18\x0a\x08\0\2"
								 "\0\2\0\x12\6\x40\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
								 "\0\3\0\6\4\0\0\0\0\0"
								 "\0\3\0\x12\6\x20\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\0"
								 "\0\4\0\5\4\x0a\x08\0\1"
								 "\0\4\0\x11\6\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
								 "\0\5\0\x0b"
								 "example.org"
								 "\0\6\0\2\5\x8c";
enum { EXAMPLE_SIZE = sizeof example - 1 };

static struct prefix prefix_of(const char *text, bool keep_host_bits) {
	struct prefix prefix;
	assert_int_equal(prefix_parse(text, &prefix), ERR_OK);
	if (keep_host_bits) {
		char address[ADDRESS_TEXT_SIZE];
		(void)snprintf(address, sizeof address, "%.*s", (int)strcspn(text, "/"), text);
		assert_int_equal(address_parse(address, &prefix.address), ERR_OK);
	}
	return prefix;
}

static struct address address_of(const char *text) {
	struct address address;
	assert_int_equal(address_parse(text, &address), ERR_OK);
	return address;
}

static struct stream_settings example_settings(void) {
	return (struct stream_settings){
		.shaping = STREAM_SHAPING_STEALTH,
		.interface.mtu = 1420,
		.interface.address_count = 2,
		.interface.route_count = 2,
		.interface.server_count = 2,
		.interface.domain_count = 1,
		.interface.addresses = {prefix_of("10.8.0.2/24", true), prefix_of("2001:db8::2/64", true)},
		.interface.routes = {prefix_of("0.0.0.0/0", false), prefix_of("2001:db8::/32", false)},
		.interface.servers = {address_of("10.8.0.1"), address_of("2001:db8::1")},
		.interface.domains = {"example.org"},
	};
}

static void assert_same(const struct stream_settings *left, const struct stream_settings *right) {
	assert_int_equal(left->shaping, right->shaping);
	assert_int_equal(left->interface.mtu, right->interface.mtu);
	assert_int_equal(left->interface.address_count, right->interface.address_count);
	assert_int_equal(left->interface.route_count, right->interface.route_count);
	assert_int_equal(left->interface.server_count, right->interface.server_count);
	assert_int_equal(left->interface.domain_count, right->interface.domain_count);
	for (size_t i = 0; i < left->interface.address_count; i++)
		assert_true(prefix_equal(&left->interface.addresses[i], &right->interface.addresses[i]));
	for (size_t i = 0; i < left->interface.route_count; i++)
		assert_true(prefix_equal(&left->interface.routes[i], &right->interface.routes[i]));
	for (size_t i = 0; i < left->interface.server_count; i++)
		assert_true(address_equal(&left->interface.servers[i], &right->interface.servers[i]));
	for (size_t i = 0; i < left->interface.domain_count; i++)
		assert_string_equal(left->interface.domains[i], right->interface.domains[i]);
}

static void there_and_back(void **state) {
	const struct stream_settings settings = example_settings();
	struct stream_settings again;
	uint8_t data[EXAMPLE_SIZE];
	size_t size = 0;
	for (size_t room = 0; room < sizeof data; room++)
		assert_int_equal(stream_settings_encode(&settings, data, room, &size), ERR_LIMIT);
	assert_int_equal(size, 0);
	assert_int_equal(stream_settings_encode(&settings, data, sizeof data, &size), ERR_OK);
	assert_int_equal(size, EXAMPLE_SIZE);
	assert_memory_equal(data, example, size);
	assert_int_equal(stream_settings_decode(data, size, &again), ERR_OK);
	assert_same(&settings, &again);
	assert_int_equal(stream_settings_decode(NULL, 0, &again), ERR_OK);
	assert_same(&again, &(struct stream_settings){0});
}

/* What is cut is refused, unless it is cut between two items. */
static void cut(void **state) {
	struct stream_settings settings;
	size_t item = 0;
	for (size_t size = 0; size < EXAMPLE_SIZE; size++) {
		bool is_end = size == item;
		if (is_end)
			item += 4U + example[item + 3];
		uint8_t *data = malloc(size > 0 ? size : 1);
		assert_non_null(data);
		memcpy(data, example, size);
		assert_int_equal(stream_settings_decode(data, size, &settings),
						 is_end ? ERR_OK : ERR_TRUNCATED);
		free(data);
	}
}

static void strange_items(void **state) {
	static const struct {
		const char *bytes;
		size_t size;
		enum err error;
	} rows[] = {
		{"\0\7\0\3xyz", 7, ERR_OK}, /* of later versions */
		{"\xff\xff\0\0", 4, ERR_OK},
		{"\0\0\0\0", 4, ERR_OK},
		{"\0\1\0\1\4", 5, ERR_OK}, /* a profile of later versions */
		{"\0\1\0\1\0", 5, ERR_MALFORMED},
		{"\0\1\0\0", 4, ERR_MALFORMED},
		{"\0\1\0\2\1\1", 6, ERR_MALFORMED},
		{"\0\1\0\1\1\0\1\0\1\1", 10, ERR_MALFORMED}, /* twice */
		{"\0\2\0\6\4\x21\1\2\3\4", 10, ERR_MALFORMED},
		{"\0\2\0\6\5\x18\1\2\3\4", 10, ERR_MALFORMED},
		{"\0\2\0\6\6\x18\1\2\3\4", 10, ERR_MALFORMED},
		{"\0\2\0\7\4\x18\1\2\3\4\5", 11, ERR_MALFORMED},
		{"\0\2\0\5\4\x18\1\2\3", 9, ERR_MALFORMED},
		{"\0\2\0\x12\6\x81\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22, ERR_MALFORMED},
		{"\0\3\0\6\4\x18\1\2\3\4", 10, ERR_MALFORMED}, /* a route with host bits */
		{"\0\3\0\6\4\x18\1\2\3\0", 10, ERR_OK},
		{"\0\3\0\x12\6\x7f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 22, ERR_MALFORMED},
		{"\0\4\0\5\0\1\2\3\4", 9, ERR_MALFORMED},
		{"\0\4\0\5\6\1\2\3\4", 9, ERR_MALFORMED},
		{"\0\4\0\6\4\1\2\3\4\5", 10, ERR_MALFORMED},
		{"\0\5\0\0", 4, ERR_MALFORMED},
		{"\0\5\0\2a.", 6, ERR_MALFORMED},
		{"\0\5\0\3a\0b", 7, ERR_MALFORMED},
		{"\0\5\0\3a\nb", 7, ERR_MALFORMED},
		{"\0\5\0\2a\0", 6, ERR_MALFORMED},
		{"\0\6\0\2\2\x40", 6, ERR_OK},
		{"\0\6\0\2\2\x3f", 6, ERR_MALFORMED},
		{"\0\6\0\2\0\0", 6, ERR_MALFORMED},
		{"\0\6\0\1\5", 5, ERR_MALFORMED},
		{"\0\6\0\2\5\x8c\0\6\0\2\5\x8c", 12, ERR_MALFORMED},
	};
	struct stream_settings settings = {.interface.mtu = 7777};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		enum err error =
			stream_settings_decode((const uint8_t *)rows[i].bytes, rows[i].size, &settings);
		if (error != rows[i].error)
			fail_msg("row %zu: %s", i, err_name(error));
		if (error != ERR_OK)
			assert_int_equal(settings.interface.mtu, 7777); /* nothing was written */
		else
			settings.interface.mtu = 7777;
	}
	assert_int_equal(stream_settings_decode((const uint8_t *)"\0\1\0\1\4", 5, &settings), ERR_OK);
	assert_int_equal(settings.shaping, STREAM_SHAPING_NONE);
}

/* As many of each kind as there may be, and one more. */
static void limits(void **state) {
	static struct stream_settings settings, again;
	static uint8_t data[STREAM_SETTINGS_SIZE_MAX + 4 + DNS_NAME_TEXT_MAX];
	size_t size = 0;
	settings = example_settings();
	settings.interface.address_count = INTERFACE_SETTINGS_ADDRESSES_MAX;
	settings.interface.route_count = INTERFACE_SETTINGS_ROUTES_MAX;
	settings.interface.server_count = INTERFACE_SETTINGS_SERVERS_MAX;
	settings.interface.domain_count = INTERFACE_SETTINGS_DOMAINS_MAX;
	for (size_t i = 0; i < INTERFACE_SETTINGS_ADDRESSES_MAX; i++)
		settings.interface.addresses[i] = settings.interface.addresses[1];
	for (size_t i = 0; i < INTERFACE_SETTINGS_ROUTES_MAX; i++)
		settings.interface.routes[i] = settings.interface.routes[1];
	for (size_t i = 0; i < INTERFACE_SETTINGS_SERVERS_MAX; i++)
		settings.interface.servers[i] = settings.interface.servers[1];
	for (size_t i = 0; i < INTERFACE_SETTINGS_DOMAINS_MAX; i++) {
		memset(settings.interface.domains[i], 'a', DNS_NAME_TEXT_MAX);
		for (size_t dot = 63; dot < DNS_NAME_TEXT_MAX; dot += 64)
			settings.interface.domains[i][dot] = '.';
		settings.interface.domains[i][DNS_NAME_TEXT_MAX] = '\0';
	}
	assert_int_equal(stream_settings_encode(&settings, data, sizeof data, &size), ERR_OK);
	assert_int_equal(size, STREAM_SETTINGS_SIZE_MAX);
	assert_true(size + STREAM_FRAME_HEADER_SIZE <= STREAM_FRAME_SEND_SIZE_MAX);
	assert_int_equal(stream_settings_decode(data, size, &again), ERR_OK);
	assert_same(&settings, &again);

	/* The first item of each kind in the example, once more behind all those. */
	static const size_t firsts[] = {5, 37, 69, 99};
	for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
		size_t item = 4U + example[firsts[i] + 3];
		memcpy(data + size, example + firsts[i], item);
		assert_int_equal(stream_settings_decode(data, size + item, &again), ERR_LIMIT);
	}
}

static void what_the_decoder_would_refuse_is_not_encoded(void **state) {
	uint8_t data[EXAMPLE_SIZE];
	size_t size = 7;
	for (size_t i = 0;; i++) {
		struct stream_settings settings = example_settings();
		switch (i) {
		case 0:
			settings.shaping = 4;
			break;
		case 1:
			settings.interface.mtu = 575;
			break;
		case 2:
			settings.interface.address_count = INTERFACE_SETTINGS_ADDRESSES_MAX + 1;
			break;
		case 3:
			settings.interface.addresses[0].length = 33;
			break;
		case 4:
			settings.interface.addresses[1].address.family = ADDRESS_NONE;
			break;
		case 5:
			settings.interface.routes[0].address.bytes[3] = 1;
			break;
		case 6:
			settings.interface.servers[1].family = 5;
			break;
		case 7:
			settings.interface.domains[0][0] = '\0';
			break;
		case 8:
			memset(settings.interface.domains[0], 'a', sizeof settings.interface.domains[0]);
			break;
		case 9:
			settings.interface.route_count = SIZE_MAX;
			break;
		case 10:
			settings.interface.server_count = INTERFACE_SETTINGS_SERVERS_MAX + 1;
			break;
		case 11:
			settings.interface.domain_count = INTERFACE_SETTINGS_DOMAINS_MAX + 1;
			break;
		default:
			return;
		}
		assert_int_equal(stream_settings_encode(&settings, data, sizeof data, &size), ERR_INVALID);
		assert_int_equal(size, 7);
	}
}

static void names(void **state) {
	assert_string_equal(stream_shaping_name(STREAM_SHAPING_PERFORMANCE), "performance");
	assert_string_equal(stream_shaping_name(STREAM_SHAPING_BALANCED), "balanced");
	assert_string_equal(stream_shaping_name(STREAM_SHAPING_STEALTH), "stealth");
	assert_null(stream_shaping_name(STREAM_SHAPING_NONE));
	assert_null(stream_shaping_name(4));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(cut),
		cmocka_unit_test(strange_items),
		cmocka_unit_test(limits),
		cmocka_unit_test(what_the_decoder_would_refuse_is_not_encoded),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
