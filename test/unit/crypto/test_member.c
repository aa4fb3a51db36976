#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "crypto/member.h"

/* printf 'umbra member\0um0\0alice\0001', and so on, through sha256sum(1). */
static void test_known_answers(void **state) {
	static const uint8_t first[HASH_SIZE] = {0xd8, 0xc0, 0x1d, 0xb1, 0xd0, 0xef, 0x11, 0xb0,
											 0xdd, 0x09, 0x09, 0x7e, 0x6f, 0xfa, 0x73, 0x79,
											 0xc4, 0xd5, 0x88, 0x0b, 0x6e, 0x17, 0xe6, 0x11,
											 0x60, 0x19, 0xc9, 0x82, 0x6b, 0xe8, 0x1b, 0x99};
	static const uint8_t last[HASH_SIZE] = {0xbf, 0xda, 0xc9, 0x9b, 0xda, 0x1f, 0x29, 0xea,
											0x56, 0x14, 0xc5, 0xc7, 0xbd, 0x5e, 0x34, 0x77,
											0x3d, 0x6a, 0x84, 0xab, 0x87, 0x74, 0x37, 0x78,
											0xe0, 0x24, 0x5f, 0xcd, 0x36, 0x38, 0x7b, 0x95};
	static const uint8_t server[HASH_SIZE] = {0x42, 0x21, 0xb6, 0x56, 0xa1, 0x8d, 0x20, 0x53,
											  0xa8, 0xda, 0xfa, 0x09, 0x81, 0xa6, 0xa1, 0x7d,
											  0x76, 0x07, 0xed, 0x35, 0x62, 0x52, 0xa1, 0xe4,
											  0xe0, 0x41, 0xeb, 0xef, 0x65, 0xd1, 0xcd, 0x80};
	uint8_t identity[HASH_SIZE];
	assert_int_equal(member_identity("um0", "alice", 1, identity), ERR_OK);
	assert_memory_equal(identity, first, sizeof identity);
	assert_int_equal(member_identity("um0", "alice", UINT32_MAX, identity), ERR_OK);
	assert_memory_equal(identity, last, sizeof identity);
	assert_int_equal(member_server_identity("vpn.example.org", identity), ERR_OK);
	assert_memory_equal(identity, server, sizeof identity);
}

/* Where one text ends and the next begins is a part of it. */
static void test_names_do_not_run_together(void **state) {
	uint8_t one[HASH_SIZE], other[HASH_SIZE];
	assert_int_equal(member_identity("um", "0a", 1, one), ERR_OK);
	assert_int_equal(member_identity("um0", "a", 1, other), ERR_OK);
	assert_memory_not_equal(one, other, sizeof one);
	assert_int_equal(member_identity("um", "a1", 1, one), ERR_OK);
	assert_int_equal(member_identity("um", "a", 11, other), ERR_OK);
	assert_memory_not_equal(one, other, sizeof one);
}

static void test_what_has_none(void **state) {
	uint8_t identity[HASH_SIZE] = {7}, before[HASH_SIZE] = {7};
	assert_int_equal(member_identity("", "alice", 1, identity), ERR_INVALID);
	assert_int_equal(member_identity("um0", "", 1, identity), ERR_INVALID);
	assert_int_equal(member_identity("um0", "alice", 0, identity), ERR_INVALID);
	assert_int_equal(member_server_identity("", identity), ERR_INVALID);
	assert_memory_equal(identity, before, sizeof identity);
}

static void test_names_for_people(void **state) {
	char text[16];
	member_name("alice", 1, text, sizeof text);
	assert_string_equal(text, "alice");
	member_name("alice", 12, text, sizeof text);
	assert_string_equal(text, "alice/12");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_names_do_not_run_together),
		cmocka_unit_test(test_what_has_none),
		cmocka_unit_test(test_names_for_people),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
