#include "wire/process.h"

#include <string.h>

#include "base/log.h"
#include "wire/cursor.h"

enum {
	OFFLOADS_ALL = PROCESS_OFFLOAD_HEADER | PROCESS_OFFLOAD_TCP | PROCESS_OFFLOAD_UDP,
	ERRNO_MAX = 4095, /* the kernel's MAX_ERRNO */
};

/* Not empty, ended by a NUL, and only zeros behind it. */
static bool name_is_valid(const char name[static PROCESS_NAME_SIZE]) {
	size_t size = strnlen(name, PROCESS_NAME_SIZE);
	if (size == 0 || size == PROCESS_NAME_SIZE)
		return false;
	for (size_t i = size; i < PROCESS_NAME_SIZE; i++)
		if (name[i] != '\0')
			return false;
	return true;
}

static bool shards_are_valid(uint8_t shards) {
	return shards >= 1 && shards <= PROCESS_SHARDS_MAX;
}

static bool mtu_is_valid(uint32_t mtu) {
	return mtu >= PROCESS_MTU_MIN && mtu <= PROCESS_MTU_MAX;
}

/* A failure brings no sockets; a success brings one family's, or as many of both. */
static bool sockets_are_valid(uint32_t error, uint8_t v4, uint8_t v6) {
	if (error)
		return v4 == 0 && v6 == 0;
	return shards_are_valid(v4 ? v4 : v6) && (v4 == 0 || v6 == 0 || v4 == v6);
}

/* The rules that hold in both directions. */
static bool is_valid(const struct process_message *message) {
	switch (message->type) {
	case PROCESS_START:
		return name_is_valid(message->start.name) && mtu_is_valid(message->start.mtu) &&
			   shards_are_valid(message->start.shards) && message->start.log_level <= LOG_DEBUG &&
			   (message->start.offloads & ~OFFLOADS_ALL) == 0;
	case PROCESS_LINK:
		return mtu_is_valid(message->link.mtu);
	case PROCESS_LISTEN:
		return shards_are_valid(message->listen.shards);
	case PROCESS_LISTENING:
		return message->listening.error <= ERRNO_MAX &&
			   sockets_are_valid(message->listening.error, message->listening.v4,
								 message->listening.v6);
	case PROCESS_MARKED:
		return message->marked.error <= ERRNO_MAX;
	case PROCESS_CONNECTION:
	case PROCESS_STOP:
	case PROCESS_READY:
	case PROCESS_MARK:
	case PROCESS_JOURNAL:
	case PROCESS_UNLISTEN:
		return true;
	case PROCESS_TYPE_COUNT:
		break;
	}
	return false;
}

static bool read_bool(struct reader *reader) {
	uint8_t value = reader_u8(reader);
	reader_expect(reader, value <= 1);
	return value == 1;
}

/*
 * The bodies, sizes in bytes:
 *
 *   START      | name 16 | mtu 4 | shards 1 | log level 1 | up 1 | offloads 1 |
 *   LINK       | mtu 4 | up 1 |
 *   LISTEN     | port 2 | mark 4 | shards 1 |
 *   LISTENING  | error 4 | port 2 | v4 1 | v6 1 |
 *   MARK       | mark 4 |
 *   MARKED     | error 4 |
 *   the others are empty
 */
static void read_body(struct reader *reader, struct process_message *message) {
	switch (message->type) {
	case PROCESS_START:
		reader_bytes(reader, message->start.name, PROCESS_NAME_SIZE);
		message->start.mtu = reader_u32_be(reader);
		message->start.shards = reader_u8(reader);
		message->start.log_level = reader_u8(reader);
		message->start.up = read_bool(reader);
		message->start.offloads = reader_u8(reader);
		break;
	case PROCESS_LINK:
		message->link.mtu = reader_u32_be(reader);
		message->link.up = read_bool(reader);
		break;
	case PROCESS_LISTEN:
		message->listen.port = reader_u16_be(reader);
		message->listen.mark = reader_u32_be(reader);
		message->listen.shards = reader_u8(reader);
		break;
	case PROCESS_LISTENING:
		message->listening.error = reader_u32_be(reader);
		message->listening.port = reader_u16_be(reader);
		message->listening.v4 = reader_u8(reader);
		message->listening.v6 = reader_u8(reader);
		break;
	case PROCESS_MARK:
		message->mark.mark = reader_u32_be(reader);
		break;
	case PROCESS_MARKED:
		message->marked.error = reader_u32_be(reader);
		break;
	case PROCESS_CONNECTION:
	case PROCESS_STOP:
	case PROCESS_READY:
	case PROCESS_JOURNAL:
	case PROCESS_UNLISTEN:
		break;
	case PROCESS_TYPE_COUNT:
		reader_fail(reader, ERR_MALFORMED);
		break;
	}
}

static void write_body(struct writer *writer, const struct process_message *message) {
	switch (message->type) {
	case PROCESS_START:
		writer_bytes(writer, message->start.name, PROCESS_NAME_SIZE);
		writer_u32_be(writer, message->start.mtu);
		writer_u8(writer, message->start.shards);
		writer_u8(writer, message->start.log_level);
		writer_u8(writer, message->start.up);
		writer_u8(writer, message->start.offloads);
		break;
	case PROCESS_LINK:
		writer_u32_be(writer, message->link.mtu);
		writer_u8(writer, message->link.up);
		break;
	case PROCESS_LISTEN:
		writer_u16_be(writer, message->listen.port);
		writer_u32_be(writer, message->listen.mark);
		writer_u8(writer, message->listen.shards);
		break;
	case PROCESS_LISTENING:
		writer_u32_be(writer, message->listening.error);
		writer_u16_be(writer, message->listening.port);
		writer_u8(writer, message->listening.v4);
		writer_u8(writer, message->listening.v6);
		break;
	case PROCESS_MARK:
		writer_u32_be(writer, message->mark.mark);
		break;
	case PROCESS_MARKED:
		writer_u32_be(writer, message->marked.error);
		break;
	case PROCESS_CONNECTION:
	case PROCESS_STOP:
	case PROCESS_READY:
	case PROCESS_JOURNAL:
	case PROCESS_UNLISTEN:
	case PROCESS_TYPE_COUNT:
		break;
	}
}

enum err process_decode(const uint8_t *data, size_t size, struct process_message *out_message) {
	struct reader reader = reader_of(data, size);
	uint8_t version = reader_u8(&reader);
	if (!reader.error && version != PROCESS_VERSION)
		reader_fail(&reader, ERR_UNSUPPORTED);
	struct process_message message = {0};
	uint8_t type = reader_u8(&reader);
	reader_expect(&reader, type < PROCESS_TYPE_COUNT);
	message.type = type;
	message.request = reader_u16_be(&reader);
	if (!reader.error)
		read_body(&reader, &message);
	enum err error = reader_finish(&reader);
	if (error)
		return error;
	if (!is_valid(&message))
		return ERR_MALFORMED;
	*out_message = message;
	return ERR_OK;
}

enum err process_encode(const struct process_message *message,
						uint8_t out_data[static PROCESS_MESSAGE_MAX], size_t *out_size) {
	if (!is_valid(message))
		return ERR_INVALID;
	struct writer writer = writer_of(out_data, PROCESS_MESSAGE_MAX);
	writer_u8(&writer, PROCESS_VERSION);
	writer_u8(&writer, (uint8_t)message->type);
	writer_u16_be(&writer, message->request);
	write_body(&writer, message);
	return writer_finish(&writer, out_size);
}
