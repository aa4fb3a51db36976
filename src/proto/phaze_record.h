#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "crypto/sizes.h"
#include "proto/phaze_pass.h"

/*
 * What a device saves for its next run beside set operations (proto/device_record.h):
 *
 *   ticket of a peer:   | 2 | identity 32 | hash 32 | sealed, to the end |
 *
 * The hash is that of the ticket's id. A peer that has none any more: zeros, and nothing sealed.
 */

enum phaze_record_kind { PHAZE_RECORD_TICKET = 2 };

enum { PHAZE_RECORD_TICKET_SIZE_MAX = 1 + HASH_SIZE + HASH_SIZE + PHAZE_PASS_SEALED_MAX };

struct phaze_record_ticket {
	uint8_t identity[HASH_SIZE];
	uint8_t hash[HASH_SIZE];
	struct slice sealed; /* PHAZE_PASS_SEALED_MAX at most; of a decoded one, in the record */
};

/* 0 for an empty record, or of another kind. */
enum phaze_record_kind phaze_record_kind(struct slice record);

enum err phaze_record_decode_ticket(struct slice record, struct phaze_record_ticket *out_ticket);
void phaze_record_encode_ticket(const struct phaze_record_ticket *ticket,
								uint8_t out_data[static PHAZE_RECORD_TICKET_SIZE_MAX],
								size_t *out_size);
