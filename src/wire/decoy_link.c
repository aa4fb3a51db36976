#include "wire/decoy_link.h"

#include "wire/cursor.h"

/*
 * DATA, BACK, CANDIDATE   | type 1 | bytes … |
 * VERDICT, refused        | type 1 | 0 |
 * VERDICT, admitted       | type 1 | 1 | entry | answer … |
 * all others              | type 1 |
 */

static void write_entry(struct writer *writer, const struct decoy_link_entry *entry) {
	writer_bytes(writer, entry->client, sizeof entry->client);
	writer_u64_be(writer, entry->timestamp);
	writer_bytes(writer, entry->random, sizeof entry->random);
}

static void read_entry(struct reader *reader, struct decoy_link_entry *out_entry) {
	reader_bytes(reader, out_entry->client, sizeof out_entry->client);
	out_entry->timestamp = reader_u64_be(reader);
	reader_bytes(reader, out_entry->random, sizeof out_entry->random);
}

void decoy_link_encode_entry(const struct decoy_link_entry *entry,
							 uint8_t out_data[static DECOY_LINK_ENTRY_SIZE]) {
	struct writer writer = writer_of(out_data, DECOY_LINK_ENTRY_SIZE);
	write_entry(&writer, entry);
}

enum err decoy_link_decode_entry(struct slice data, struct decoy_link_entry *out_entry) {
	struct reader reader = reader_of(data.data, data.size);
	struct decoy_link_entry entry;
	read_entry(&reader, &entry);
	enum err error = reader_finish(&reader);
	if (!error)
		*out_entry = entry;
	return error;
}

enum direction { TO_NOBODY = 0, TO_SITE = 1, TO_NET = 2 };

static unsigned direction_of(uint8_t type) {
	switch ((enum decoy_link_type)type) {
	case DECOY_LINK_DATA:
		return TO_SITE | TO_NET;
	case DECOY_LINK_END:
	case DECOY_LINK_VERDICT:
	case DECOY_LINK_STOP:
		return TO_SITE;
	case DECOY_LINK_FINISH:
	case DECOY_LINK_ABORT:
	case DECOY_LINK_CANDIDATE:
	case DECOY_LINK_RAW:
	case DECOY_LINK_BACK:
	case DECOY_LINK_CUT:
		return TO_NET;
	}
	return TO_NOBODY;
}

/* The rules that hold in both directions, of a message whose type is known. */
static bool is_valid(const struct decoy_link_message *message) {
	const size_t size = message->bytes.size;
	switch (message->type) {
	case DECOY_LINK_DATA:
	case DECOY_LINK_BACK:
		return size > 0 && size <= DECOY_LINK_DATA_MAX;
	case DECOY_LINK_CANDIDATE:
		return size <= DECOY_LINK_TEXT_MAX;
	case DECOY_LINK_VERDICT:
		return message->admitted ? size > 0 && size <= DECOY_LINK_TEXT_MAX : size == 0;
	default:
		return size == 0;
	}
}

enum err decoy_link_encode(const struct decoy_link_message *message, uint8_t *out_data, size_t room,
						   size_t *out_size) {
	if (direction_of((uint8_t)message->type) == TO_NOBODY || !is_valid(message))
		return ERR_INVALID;
	struct writer writer = writer_of(out_data, room);
	writer_u8(&writer, (uint8_t)message->type);
	if (message->type == DECOY_LINK_VERDICT)
		writer_u8(&writer, message->admitted);
	if (message->type == DECOY_LINK_VERDICT && message->admitted)
		write_entry(&writer, &message->entry);
	writer_bytes(&writer, message->bytes.data, message->bytes.size);
	return writer_finish(&writer, out_size);
}

static void read_verdict(struct reader *reader, struct decoy_link_message *message) {
	uint8_t admitted = reader_u8(reader);
	reader_expect(reader, admitted <= 1);
	message->admitted = admitted == 1;
	if (message->admitted)
		read_entry(reader, &message->entry);
}

enum err decoy_link_decode(enum decoy_link_end to, const uint8_t *data, size_t size,
						   struct decoy_link_message *out_message) {
	struct reader reader = reader_of(data, size);
	uint8_t type = reader_u8(&reader);
	struct decoy_link_message message = {.type = (enum decoy_link_type)type};
	reader_expect(&reader, direction_of(type) & (to == DECOY_LINK_SITE ? TO_SITE : TO_NET));
	if (!reader.error && message.type == DECOY_LINK_VERDICT)
		read_verdict(&reader, &message);
	const bool has_bytes = message.type == DECOY_LINK_DATA || message.type == DECOY_LINK_BACK ||
						   message.type == DECOY_LINK_CANDIDATE ||
						   (message.type == DECOY_LINK_VERDICT && message.admitted);
	if (has_bytes)
		message.bytes = reader_slice(&reader, reader_left(&reader));
	reader_expect(&reader, is_valid(&message));
	enum err error = reader_finish(&reader);
	if (!error)
		*out_message = message;
	return error;
}
