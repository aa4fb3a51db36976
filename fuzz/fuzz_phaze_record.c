/*
 * Records of the last run: decoded, and encoded again to the same bytes. What they are taken for is
 * sealed: the same bytes as what a ticket stands for are opened only as they were sealed.
 */
#include <string.h>

#include "expect.h"
#include "proto/phaze_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const uint8_t key[AEAD_KEY_SIZE] = {1};
	struct phaze_record_ticket ticket;
	struct phaze_pass pass;
	uint8_t encoded[PHAZE_RECORD_TICKET_SIZE_MAX];
	size_t encoded_size;
	const struct slice record = slice_of(data, size);
	if (phaze_record_decode_ticket(record, &ticket))
		return 0;
	expect(phaze_record_kind(record) == PHAZE_RECORD_TICKET);
	phaze_record_encode_ticket(&ticket, encoded, &encoded_size);
	expect(encoded_size == size && memcmp(encoded, data, size) == 0);
	expect(phaze_pass_open(ticket.sealed, key, ticket.identity, &pass) != ERR_OK);
	return 0;
}
