#include "proto/phaze_record.h"

#include "base/wipe.h"
#include "wire/cursor.h"

enum phaze_record_kind phaze_record_kind(struct slice record) {
	struct reader reader = reader_of(record.data, record.size);
	const uint8_t kind = reader_u8(&reader);
	return kind == PHAZE_RECORD_TICKET ? kind : 0;
}

enum err phaze_record_decode_ticket(struct slice record, struct phaze_record_ticket *out_ticket) {
	struct reader reader = reader_of(record.data, record.size);
	struct phaze_record_ticket ticket;
	reader_expect(&reader, reader_u8(&reader) == PHAZE_RECORD_TICKET);
	reader_bytes(&reader, ticket.identity, sizeof ticket.identity);
	reader_bytes(&reader, ticket.hash, sizeof ticket.hash);
	ticket.sealed = reader_slice(&reader, reader_left(&reader));
	reader_expect(&reader, ticket.sealed.size <= PHAZE_PASS_SEALED_MAX);
	reader_expect(&reader,
				  (ticket.sealed.size == 0) == wipe_is_zero(ticket.hash, sizeof ticket.hash));
	enum err error = reader_finish(&reader);
	if (!error)
		*out_ticket = ticket;
	return error;
}

void phaze_record_encode_ticket(const struct phaze_record_ticket *ticket,
								uint8_t out_data[static PHAZE_RECORD_TICKET_SIZE_MAX],
								size_t *out_size) {
	struct writer writer = writer_of(out_data, PHAZE_RECORD_TICKET_SIZE_MAX);
	writer_u8(&writer, PHAZE_RECORD_TICKET);
	writer_bytes(&writer, ticket->identity, sizeof ticket->identity);
	writer_bytes(&writer, ticket->hash, sizeof ticket->hash);
	writer_bytes(&writer, ticket->sealed.data, ticket->sealed.size);
	*out_size = writer_size(&writer);
}
