#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "wire/target.h"

#define LABEL_63 "abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ_012345678"
#define NAME_253                       \
	LABEL_63 "." LABEL_63 "." LABEL_63 \
			 ".abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456"

struct row {
	const char *host;
	uint16_t port;
	bool udp;
	const char *text;
	const char *bytes; /* NULL: not looked at */
	size_t size;
};

static const struct row rows[] = {
	{"example.com", 443, false, "example.com:443",
	 "\x03\x0b"
	 "example.com\x01\xbb",
	 15},
	{"example.com.", 443, true, "example.com:443/udp",
	 "\x83\x0b"
	 "example.com\x01\xbb",
	 15},
	{"Example.COM", 80, false, "Example.COM:80",
	 "\x03\x0b"
	 "Example.COM\0\x50",
	 15},
	{"x", 0, false, "x:0", "\x03\x01x\0\0", 5},
	{"_dns.a-b.1a", 53, false, "_dns.a-b.1a:53", NULL, 15},
	{"1.2.3.4.in-addr.arpa", 1, false, "1.2.3.4.in-addr.arpa:1", NULL, 24},
	{"0x7g", 1, false, "0x7g:1", NULL, 8},
	{"192.0.2.1", 65535, false, "192.0.2.1:65535", "\x01\xc0\0\x02\x01\xff\xff", 7},
	{"192.0.2.1", 53, true, "192.0.2.1:53/udp", "\x81\xc0\0\x02\x01\0\x35", 7},
	{"2001:db8::1", 53, true, "[2001:db8::1]:53/udp",
	 "\x84\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x35", 19},
	{"[2001:db8::1]", 53, false, "[2001:db8::1]:53",
	 "\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x35", 19},
	{"::ffff:192.0.2.1", 1, false, "[::ffff:192.0.2.1]:1", NULL, 19},
	{NAME_253, 65535, true, NAME_253 ":65535/udp", NULL, 257},
	{NAME_253 ".", 65535, true, NAME_253 ":65535/udp", NULL, 257},
};

static void there_and_back(void **state) {
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *row = &rows[i];
		struct target target, again;
		char text[TARGET_TEXT_SIZE];
		uint8_t data[TARGET_SIZE_MAX];
		size_t size = 0;
		assert_int_equal(target_parse(row->host, row->port, row->udp, &target), ERR_OK);
		target_format(&target, text);
		assert_string_equal(text, row->text);
		assert_int_equal(target_encode(&target, data, row->size - 1, &size), ERR_LIMIT);
		assert_int_equal(target_encode(&target, data, row->size, &size), ERR_OK);
		assert_int_equal(size, row->size);
		if (row->bytes != NULL)
			assert_memory_equal(data, row->bytes, size);
		assert_int_equal(target_decode(data, size, &again), ERR_OK);
		assert_int_equal(again.type, target.type);
		assert_int_equal(again.udp, row->udp);
		assert_int_equal(again.port, row->port);
		assert_string_equal(again.name, target.name);
		assert_true(address_equal(&again.address, &target.address));
		for (size_t less = 0; less < size; less++) {
			uint8_t *cut = malloc(less > 0 ? less : 1);
			assert_non_null(cut);
			memcpy(cut, data, less);
			assert_int_equal(target_decode(cut, less, &again), ERR_TRUNCATED);
			free(cut);
		}
	}
}

static void packets(void **state) {
	const struct target packets = {.type = TARGET_PACKETS};
	struct target again;
	uint8_t data[4];
	size_t size = 0;
	char text[TARGET_TEXT_SIZE];
	target_format(&packets, text);
	assert_string_equal(text, "packets");
	assert_int_equal(target_encode(&packets, data, sizeof data, &size), ERR_OK);
	assert_int_equal(size, 3);
	assert_memory_equal(data, "\5\0\0", 3);
	assert_int_equal(target_decode(data, 3, &again), ERR_OK);
	assert_int_equal(again.type, TARGET_PACKETS);
}

static void hosts_that_are_none(void **state) {
	static const char *const hosts[] = {
		"",
		".",
		"..",
		".a",
		"a..b",
		"a...",
		"a b",
		"a/b",
		"a:b",
		"b\xc3\xa4r",
		"a\n",
		"[]",
		"[",
		"]",
		"[a]",
		"[192.0.2.1]",
		"[::1",
		"::1]",
		"fe80::1%eth0",
		"[fe80::1%1]",
		"a%b",
		"*.com",
		"a" LABEL_63 ".com",
		NAME_253 "a",
		NAME_253 "..",
		NAME_253 ".a",
		/* What a resolver would take for an address. */
		"1",
		"127.1",
		"127.0.1.",
		"2130706433",
		"0x7f000001",
		"0x7f.1",
		"0177.0.0.01",
		"1.2.3.4.5",
		"256.1.1.1",
		"a.1",
		"a.0x",
		"a.0X1f",
		"0x",
	};
	struct target target = {.port = 7};
	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
		if (target_parse(hosts[i], 80, false, &target) != ERR_INVALID)
			fail_msg("\"%s\" passes", hosts[i]);
	assert_int_equal(target.port, 7);
}

static void strange_bytes(void **state) {
	static const struct {
		const char *bytes;
		size_t size;
		enum err error;
	} strange[] = {
		{"\x00\0\0", 3, ERR_MALFORMED},
		{"\x02\0\0\0\0\0\0", 7, ERR_MALFORMED},
		{"\x06\0\0", 3, ERR_MALFORMED},
		{"\x41\x7f\0\0\1\0\x50", 7, ERR_MALFORMED},
		{"\x05\0\1", 3, ERR_MALFORMED},
		{"\x85\0\0", 3, ERR_MALFORMED},
		{"\x05\0\0\0", 4, ERR_TRAILING},
		{"\x01\x7f\0\0\1\0\x50\0", 8, ERR_TRAILING},
		{"\x03\0\0\x50", 4, ERR_MALFORMED},
		{"\x03\2a.\0\x50", 6, ERR_MALFORMED},
		{"\x03\3a\0b\0\x50", 7, ERR_MALFORMED},
		{"\x03\3a b\0\x50", 7, ERR_MALFORMED},
		{"\x03\x09"
		 "127.0.0.1\0\x50",
		 13, ERR_MALFORMED},
		{"\x03\x0a"
		 "0x7f000001\0\x50",
		 14, ERR_MALFORMED},
		{"\x03\1a\0\x50\0", 6, ERR_TRAILING},
	};
	struct target target = {.port = 7};
	for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
		enum err error = target_decode((const uint8_t *)strange[i].bytes, strange[i].size, &target);
		if (error != strange[i].error)
			fail_msg("row %zu: %s", i, err_name(error));
	}
	/* 254 and 255 letters: more than a name has. */
	for (size_t length = 254; length <= 255; length++) {
		uint8_t data[2 + 255 + 2];
		memset(data, 'a', sizeof data);
		for (size_t at = 2 + 50; at < sizeof data; at += 50)
			data[at] = '.';
		data[0] = TARGET_NAME;
		data[1] = (uint8_t)length;
		assert_int_equal(target_decode(data, length + 4, &target), ERR_MALFORMED);
	}
	assert_int_equal(target.port, 7);
}

static void what_the_decoder_would_refuse_is_not_encoded(void **state) {
	struct target refused[] = {
		{.type = 0},
		{.type = TARGET_UDP},
		{.type = TARGET_V4 | TARGET_UDP, .address.family = ADDRESS_V4},
		{.type = TARGET_V4},
		{.type = TARGET_V4, .address.family = ADDRESS_V6},
		{.type = TARGET_V6, .address.family = ADDRESS_V4},
		{.type = TARGET_NAME},
		{.type = TARGET_NAME, .name = "a."},
		{.type = TARGET_NAME, .name = "127.0.0.1"},
		{.type = TARGET_NAME}, /* its name never ends, see below */
		{.type = TARGET_PACKETS, .port = 1},
		{.type = TARGET_PACKETS, .udp = true},
	};
	memset(refused[9].name, 'a', sizeof refused[9].name);
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		uint8_t data[TARGET_SIZE_MAX];
		size_t size = 7;
		assert_int_equal(target_encode(&refused[i], data, sizeof data, &size), ERR_INVALID);
		assert_int_equal(size, 7);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(packets),
		cmocka_unit_test(hosts_that_are_none),
		cmocka_unit_test(strange_bytes),
		cmocka_unit_test(what_the_decoder_would_refuse_is_not_encoded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
