#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/special.h"

static struct address parse(const char *text) {
	struct address address;
	assert_int_equal(address_parse(text, &address), ERR_OK);
	return address;
}

/* The first and the last of each block, and their neighbours. */
static void blocks(void **state) {
	static const char *const inside[] = {"0.0.0.0",
										 "0.255.255.255",
										 "10.0.0.0",
										 "10.255.255.255",
										 "100.64.0.0",
										 "100.127.255.255",
										 "127.0.0.0",
										 "127.255.255.255",
										 "169.254.0.0",
										 "169.254.169.254",
										 "169.254.255.255",
										 "172.16.0.0",
										 "172.31.255.255",
										 "192.0.0.0",
										 "192.0.0.255",
										 "192.0.2.1",
										 "192.88.99.1",
										 "192.168.0.0",
										 "192.168.255.255",
										 "198.18.0.0",
										 "198.19.255.255",
										 "198.51.100.7",
										 "203.0.113.7",
										 "224.0.0.0",
										 "239.255.255.255",
										 "240.0.0.0",
										 "255.255.255.255",
										 "::",
										 "::1",
										 "::7f00:1",
										 "::ffff:1.1.1.1",
										 "64:ff9b:1::1",
										 "64:ff9b:1:ffff::",
										 "100::1",
										 "2001::1",
										 "2001:1ff:ffff::",
										 "2001:db8::",
										 "2001:db8:ffff::",
										 "3fff::1",
										 "3fff:fff::",
										 "5f00::1",
										 "fc00::",
										 "fdff:ffff::",
										 "fe80::1",
										 "febf::",
										 "fec0::",
										 "feff::",
										 "ff00::",
										 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
	static const char *const outside[] = {
		"1.0.0.0",        "9.255.255.255",    "11.0.0.0",     "100.63.255.255",
		"100.128.0.0",    "126.255.255.255",  "128.0.0.0",    "169.253.255.255",
		"169.255.0.0",    "172.15.255.255",   "172.32.0.0",   "192.0.1.0",
		"192.0.3.0",      "192.88.98.255",    "192.88.100.0", "192.167.255.255",
		"192.169.0.0",    "198.17.255.255",   "198.20.0.0",   "198.51.99.255",
		"198.51.101.0",   "203.0.112.255",    "203.0.114.0",  "223.255.255.255",
		"0:0:0:0:0:1::",  "64:ff9b::1.1.1.1", "64:ff9b:2::",  "101::",
		"100:0:0:1::",    "2001:200::",       "2001:db7::",   "2001:db9::",
		"2002:101:101::", "3fff:1000::",      "3ffe::",       "2606:4700::1111",
		"5f01::",         "5eff::",           "fbff::",       "fe00::",
		"fe7f::"};
	for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) {
		struct address address = parse(inside[i]);
		if (!special_of(&address))
			fail_msg("%s", inside[i]);
	}
	for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
		struct address address = parse(outside[i]);
		if (special_of(&address))
			fail_msg("%s", outside[i]);
	}
}

static void prefixes(void **state) {
	static const struct {
		const char *text;
		bool is_special;
	} rows[] = {
		{"10.0.0.0/8", true}, {"10.1.0.0/16", true}, {"10.0.0.0/7", false},
		{"0.0.0.0/0", false}, {"::/0", false},       {"fd00::/8", true},
		{"fc00::/6", false},  {"::1/128", true},     {"172.16.0.0/11", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct prefix prefix;
		assert_int_equal(prefix_parse(rows[i].text, &prefix), ERR_OK);
		assert_int_equal(special_of_prefix(&prefix) != NULL, rows[i].is_special);
	}
}

static void embedded(void **state) {
	static const struct {
		const char *text, *embedded[SPECIAL_EMBEDDED_MAX];
	} rows[] = {
		{"::10.0.0.1", {"10.0.0.1"}},
		{"::ffff:10.0.0.1", {"10.0.0.1"}},
		{"::ffff:0:10.0.0.1", {"10.0.0.1"}},
		{"64:ff9b::10.0.0.1", {"10.0.0.1"}},
		{"2002:a00:1::1", {"10.0.0.1"}},
		{"2606:4700::5efe:10.0.0.1", {"10.0.0.1"}},
		{"2606:4700::200:5efe:10.0.0.1", {"10.0.0.1"}},
		{"2002:a00:1::5efe:10.0.0.2", {"10.0.0.1", "10.0.0.2"}},
		{"2606:4700::100:5efe:10.0.0.1", {NULL}},
		{"2606:4700::1111", {NULL}},
		{"10.0.0.1", {NULL}},
		{"::", {NULL}},
		{"::1", {NULL}},
		{"::2", {"0.0.0.2"}},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct address found[SPECIAL_EMBEDDED_MAX], address = parse(rows[i].text);
		size_t wanted = 0;
		while (wanted < SPECIAL_EMBEDDED_MAX && rows[i].embedded[wanted])
			wanted++;
		assert_int_equal(special_embedded(&address, found), wanted);
		for (size_t j = 0; j < wanted; j++) {
			struct address one = parse(rows[i].embedded[j]);
			assert_true(address_equal(&found[j], &one));
		}
		struct address unmapped = special_unmapped(&address);
		assert_int_equal(unmapped.family, i == 1 || i == 10 ? ADDRESS_V4 : ADDRESS_V6);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(embedded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
