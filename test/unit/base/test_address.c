#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/address.h"

static void test_addresses_round_trip(void **state) {
	static const struct {
		const char *text;
		enum address_family family;
		const char *formatted; /* NULL: the same */
	} rows[] = {
		{"0.0.0.0", ADDRESS_V4, NULL},
		{"192.0.2.1", ADDRESS_V4, NULL},
		{"255.255.255.255", ADDRESS_V4, NULL},
		{"::", ADDRESS_V6, NULL},
		{"::1", ADDRESS_V6, NULL},
		{"2001:db8::1", ADDRESS_V6, NULL},
		{"2001:0DB8:0:0:0:0:0:1", ADDRESS_V6, "2001:db8::1"},
		{"::ffff:192.0.2.1", ADDRESS_V6, NULL},
		{"::ffff:c000:201", ADDRESS_V6, "::ffff:192.0.2.1"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ADDRESS_V6, NULL},
		{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", ADDRESS_V6,
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct address address, again;
		char text[ADDRESS_TEXT_SIZE];
		assert_int_equal(address_parse(rows[i].text, &address), ERR_OK);
		assert_int_equal(address.family, rows[i].family);
		assert_int_equal(address_size(&address), rows[i].family == ADDRESS_V4 ? 4 : 16);
		address_format(&address, text);
		assert_string_equal(text, rows[i].formatted ? rows[i].formatted : rows[i].text);
		assert_int_equal(address_parse(text, &again), ERR_OK);
		assert_true(address_equal(&address, &again));
	}
}

static void test_address_bytes(void **state) {
	struct address parsed;
	const uint8_t v4[] = {192, 0, 2, 1};
	const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	assert_int_equal(address_parse("192.0.2.1", &parsed), ERR_OK);
	assert_memory_equal(parsed.bytes, v4, sizeof v4);
	struct address made = address_from_bytes(ADDRESS_V4, v4);
	assert_memory_equal(&made, &parsed, sizeof made); /* zeros behind it too */
	assert_int_equal(address_parse("2001:db8::1", &parsed), ERR_OK);
	assert_memory_equal(parsed.bytes, v6, sizeof v6);
	made = address_from_bytes(ADDRESS_V6, v6);
	assert_memory_equal(&made, &parsed, sizeof made);
}

static void test_bad_addresses(void **state) {
	static const char *const texts[] = {
		"",
		" ",
		"1",
		"1.2.3",
		"1.2.3.4.5",
		"1.2.3.256",
		"1.2.3.4 ",
		" 1.2.3.4",
		"01.2.3.4",
		"1.2.3.-4",
		"0x1.2.3.4",
		"1.2.3.4/32",
		"1.2.3.4:5",
		"localhost",
		":",
		":::",
		"1::2::3",
		"12345::",
		"2001:db8::1%eth0",
		"[::1]",
		"::1.2.3.400",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct address address = {{1, 2, 3, 4}, ADDRESS_V4}, before = address;
		assert_int_equal(address_parse(texts[i], &address), ERR_INVALID);
		assert_memory_equal(&address, &before, sizeof address);
	}
}

static void test_prefixes(void **state) {
	static const struct {
		const char *text, *formatted;
	} rows[] = {
		{"192.0.2.0/24", "192.0.2.0/24"},
		{"192.0.2.77/24", "192.0.2.0/24"},
		{"192.0.2.255/31", "192.0.2.254/31"},
		{"255.255.255.255/0", "0.0.0.0/0"},
		{"255.255.255.255/1", "128.0.0.0/1"},
		{"255.255.255.255/9", "255.128.0.0/9"},
		{"192.0.2.1", "192.0.2.1/32"},
		{"192.0.2.1/32", "192.0.2.1/32"},
		{"::/0", "::/0"},
		{"2001:db8::1", "2001:db8::1/128"},
		{"2001:db8::ffff/127", "2001:db8::fffe/127"},
		{"2001:db8:ffff::/33", "2001:db8:8000::/33"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct prefix prefix, again;
		char text[ADDRESS_TEXT_SIZE];
		assert_int_equal(prefix_parse(rows[i].text, &prefix), ERR_OK);
		prefix_format(&prefix, text);
		assert_string_equal(text, rows[i].formatted);
		assert_int_equal(prefix_parse(text, &again), ERR_OK);
		assert_true(prefix_equal(&prefix, &again));
	}
}

static void test_bad_prefixes(void **state) {
	static const char *const texts[] = {
		"",
		"/",
		"/24",
		"192.0.2.0/",
		"192.0.2.0/33",
		"192.0.2.0/-1",
		"192.0.2.0/08",
		"192.0.2.0/ 8",
		"192.0.2.0/8 ",
		"192.0.2.0/8/8",
		"192.0.2/24",
		"::/129",
		"::/0x10",
		"::%lo/64",
		"192.0.2.0/255.255.255.0",
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct prefix prefix = {{{1, 2, 3, 4}, ADDRESS_V4}, 32}, before = prefix;
		assert_int_equal(prefix_parse(texts[i], &prefix), ERR_INVALID);
		assert_memory_equal(&prefix, &before, sizeof prefix);
	}
}

/* Every length against clearing bit by bit. */
static void test_mask(void **state) {
	for (unsigned family = ADDRESS_V4; family <= ADDRESS_V6; family += 2) {
		for (unsigned length = 0; length <= (family == ADDRESS_V4 ? 32 : 128); length++) {
			struct prefix prefix = {.address.family = (uint8_t)family, .length = (uint8_t)length};
			struct prefix expected = prefix;
			memset(prefix.address.bytes, 0xff, address_size(&prefix.address));
			for (unsigned bit = 0; bit < length; bit++)
				expected.address.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
			prefix_mask(&prefix);
			assert_memory_equal(&prefix, &expected, sizeof prefix);
		}
	}
}

static void test_endpoints(void **state) {
	static const struct {
		const char *text, *formatted; /* NULL: the same */
		uint16_t port;
		uint32_t scope_id;
	} rows[] = {
		{"192.0.2.1:51820", NULL, 51820, 0},
		{"0.0.0.0:0", NULL, 0, 0},
		{"192.0.2.1:65535", NULL, 65535, 0},
		{"[2001:db8::1]:51820", NULL, 51820, 0},
		{"[::]:1", NULL, 1, 0},
		{"[::ffff:192.0.2.1]:7", NULL, 7, 0},
		{"[fe80::1%3]:51820", NULL, 51820, 3},
		{"[febf::1%4294967295]:51820", NULL, 51820, 4294967295},
		{"[fe80::1%lo]:51820", "[fe80::1%1]:51820", 51820, 1},
		{"[fe80::1]:51820", NULL, 51820, 0},
		{"[2001:db8::1%3]:51820", "[2001:db8::1]:51820", 51820, 0},
		{"[fec0::1%3]:51820", "[fec0::1]:51820", 51820, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct endpoint endpoint, again;
		char text[ENDPOINT_TEXT_SIZE];
		assert_int_equal(endpoint_parse(rows[i].text, &endpoint), ERR_OK);
		assert_int_equal(endpoint.port, rows[i].port);
		assert_int_equal(endpoint.scope_id, rows[i].scope_id);
		endpoint_format(&endpoint, text);
		assert_string_equal(text, rows[i].formatted ? rows[i].formatted : rows[i].text);
		assert_int_equal(endpoint_parse(text, &again), ERR_OK);
		assert_true(endpoint_equal(&endpoint, &again));
	}
}

static void test_bad_endpoints(void **state) {
	static const char *const texts[] = {
		"",
		":",
		"[",
		"]",
		"[]",
		"[:",
		"[]:",
		"[]:1",
		"]:1",
		"[:1",
		":51820",
		"192.0.2.1",
		"192.0.2.1:",
		"192.0.2.1:65536",
		"192.0.2.1:-1",
		"192.0.2.1:0051820",
		"192.0.2.1:51820 ",
		"192.0.2.1%1:51820",
		"[192.0.2.1]:51820",
		"[192.0.2.1%1]:51820",
		"2001:db8::1:51820",
		"[2001:db8::1]",
		"[2001:db8::1]51820",
		"[2001:db8::1]:",
		"[2001:db8::1]x:51820",
		"[2001:db8::1:51820",
		"[[2001:db8::1]]:51820",
		"[fe80::1%]:51820",
		"[fe80::1%0]:51820",
		"[fe80::1%4294967296]:51820",
		"[fe80::1%no-such-link]:51820",
		"[fe80::1%name-longer-than-any-interface]:51820",
		"[2001:db8::1%no-such-link]:51820",
		"[%1]:51820",
		"localhost:51820",
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct endpoint endpoint = {{{1, 2, 3, 4}, ADDRESS_V4}, 5, 6}, before = endpoint;
		assert_int_equal(endpoint_parse(texts[i], &endpoint), ERR_INVALID);
		assert_memory_equal(&endpoint, &before, sizeof endpoint);
	}
}

static void test_longest_texts_fit(void **state) {
	struct endpoint endpoint = {
		.address.family = ADDRESS_V6, .port = 65535, .scope_id = UINT32_MAX};
	char text[ENDPOINT_TEXT_SIZE], short_text[ADDRESS_TEXT_SIZE];
	memset(endpoint.address.bytes, 0xff, sizeof endpoint.address.bytes);
	endpoint_format(&endpoint, text);
	assert_string_equal(text, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
	struct prefix prefix = {endpoint.address, 128};
	prefix_format(&prefix, short_text);
	assert_string_equal(short_text, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
}

static void test_no_address(void **state) {
	struct address none = {0}, other = {.bytes = {1}};
	char text[ADDRESS_TEXT_SIZE];
	assert_int_equal(address_size(&none), 0);
	assert_true(address_equal(&none, &other));
	address_format(&none, text);
	assert_string_equal(text, "none");
}

static void test_equality(void **state) {
	struct endpoint left, right;
	assert_int_equal(endpoint_parse("[fe80::1%1]:1", &left), ERR_OK);
	right = left;
	assert_true(endpoint_equal(&left, &right));
	right.port = 2;
	assert_false(endpoint_equal(&left, &right));
	right = left;
	right.scope_id = 2;
	assert_false(endpoint_equal(&left, &right));
	right = left;
	right.address.bytes[15]++;
	assert_false(endpoint_equal(&left, &right));

	/* The same first bytes in the other family. */
	struct address v4 = {{1, 2, 3, 4}, ADDRESS_V4}, v6 = {{1, 2, 3, 4}, ADDRESS_V6};
	assert_false(address_equal(&v4, &v6));
	struct prefix wide = {v4, 24}, narrow = {v4, 25};
	assert_false(prefix_equal(&wide, &narrow));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_round_trip),
		cmocka_unit_test(test_address_bytes),
		cmocka_unit_test(test_bad_addresses),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_bad_prefixes),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_bad_endpoints),
		cmocka_unit_test(test_longest_texts_fit),
		cmocka_unit_test(test_no_address),
		cmocka_unit_test(test_equality),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
