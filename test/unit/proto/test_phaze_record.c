#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proto/phaze_record.h"

static void test_ticket(void **state) {
	uint8_t sealed[PHAZE_PASS_SEALED_MAX], record[PHAZE_RECORD_TICKET_SIZE_MAX + 1];
	memset(sealed, 0x33, sizeof sealed);
	for (size_t length = 0; length <= sizeof sealed; length++) {
		struct phaze_record_ticket ticket = {.sealed = slice_of(sealed, length)}, again;
		size_t size;
		memset(ticket.identity, 0x11, sizeof ticket.identity);
		memset(ticket.hash, length > 0 ? 0x22 : 0, sizeof ticket.hash);
		phaze_record_encode_ticket(&ticket, record, &size);
		assert_int_equal(size, 65 + length);
		assert_int_equal(record[0], 2);
		assert_int_equal(record[1], 0x11);
		assert_int_equal(record[33], length > 0 ? 0x22 : 0);
		assert_int_equal(phaze_record_kind(slice_of(record, size)), PHAZE_RECORD_TICKET);
		assert_int_equal(phaze_record_decode_ticket(slice_of(record, size), &again), ERR_OK);
		assert_memory_equal(again.identity, ticket.identity, sizeof again.identity);
		assert_memory_equal(again.hash, ticket.hash, sizeof again.hash);
		assert_int_equal(again.sealed.size, length);
		assert_ptr_equal(again.sealed.data, record + 65);
	}
}

static void test_refused(void **state) {
	uint8_t record[PHAZE_RECORD_TICKET_SIZE_MAX + 1] = {PHAZE_RECORD_TICKET};
	struct phaze_record_ticket ticket;
	record[40] = 1;
	for (size_t size = 0; size < 65; size++)
		assert_int_not_equal(phaze_record_decode_ticket(slice_of(record, size), &ticket), ERR_OK);
	/* A hash of nothing, and something without a hash. */
	assert_int_equal(phaze_record_decode_ticket(slice_of(record, 65), &ticket), ERR_MALFORMED);
	assert_int_equal(phaze_record_decode_ticket(slice_of(record, 66), &ticket), ERR_OK);
	record[40] = 0;
	assert_int_equal(phaze_record_decode_ticket(slice_of(record, 66), &ticket), ERR_MALFORMED);
	record[40] = 1;
	assert_int_equal(phaze_record_decode_ticket(slice_of(record, sizeof record), &ticket),
					 ERR_MALFORMED);
	record[0] = 1;
	assert_int_equal(phaze_record_decode_ticket(slice_of(record, 66), &ticket), ERR_MALFORMED);
	assert_int_equal(phaze_record_kind(slice_of(record, 66)), 0);
	assert_int_equal(phaze_record_kind(slice_of(record, 0)), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ticket),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
