#include "wire/process_codec.h"

#include <string.h>

#include "base/address.h"
#include "base/wipe.h"

/* What tunnels of streams ask for. */

static bool address_is_valid(uint8_t family, const uint8_t bytes[static ADDRESS_V6_SIZE]) {
	return family == ADDRESS_V6 ||
		   (family == ADDRESS_V4 &&
			wipe_is_zero(bytes + ADDRESS_V4_SIZE, ADDRESS_V6_SIZE - ADDRESS_V4_SIZE));
}

/* SOCKETS: | kind 1 | count 1 | error 4 | */

static void read_sockets(struct reader *reader, struct process_message *out_message) {
	out_message->sockets.kind = reader_u8(reader);
	out_message->sockets.count = reader_u8(reader);
	out_message->sockets.error = reader_u32_be(reader);
}

static void write_sockets(struct writer *writer, const struct process_message *message) {
	writer_u8(writer, message->sockets.kind);
	writer_u8(writer, message->sockets.count);
	writer_u32_be(writer, message->sockets.error);
}

static bool sockets_are_valid(const struct process_message *message) {
	const struct process_sockets *sockets = &message->sockets;
	return sockets->kind < PROCESS_SOCKET_KINDS && sockets->count <= PROCESS_SOCKETS_MAX &&
		   sockets->error <= PROCESS_CODEC_ERRNO_MAX &&
		   (sockets->error == 0) == (sockets->count > 0);
}

const struct process_codec process_codec_sockets = {read_sockets, write_sockets, sockets_are_valid};

/* RESOLVE: | id 4 | size 1 | name: size bytes, none of them NUL | */

static void read_resolve(struct reader *reader, struct process_message *out_message) {
	char *name = out_message->resolve.name;
	out_message->resolve.id = reader_u32_be(reader);
	uint8_t size = reader_u8(reader);
	reader_expect(reader, size < PROCESS_HOST_SIZE);
	if (reader->error)
		return;
	reader_bytes(reader, name, size);
	name[size] = '\0';
	reader_expect(reader, strlen(name) == size);
}

static void write_resolve(struct writer *writer, const struct process_message *message) {
	size_t size = strnlen(message->resolve.name, PROCESS_HOST_SIZE);
	writer_u32_be(writer, message->resolve.id);
	writer_u8(writer, (uint8_t)size);
	writer_bytes(writer, message->resolve.name, size);
}

static bool resolve_is_valid(const struct process_message *message) {
	size_t size = strnlen(message->resolve.name, PROCESS_HOST_SIZE);
	return size > 0 && size < PROCESS_HOST_SIZE;
}

const struct process_codec process_codec_resolve = {read_resolve, write_resolve, resolve_is_valid};

/* RESOLVED: | id 4 | result 1 | count 1 | count × { family 1 | bytes 16 } | */

static void read_resolved(struct reader *reader, struct process_message *out_message) {
	struct process_resolved *resolved = &out_message->resolved;
	resolved->id = reader_u32_be(reader);
	resolved->result = reader_u8(reader);
	resolved->count = reader_u8(reader);
	reader_expect(reader, resolved->count <= PROCESS_FOUND_MAX);
	for (size_t i = 0; !reader->error && i < resolved->count; i++) {
		resolved->items[i].family = reader_u8(reader);
		reader_bytes(reader, resolved->items[i].bytes, ADDRESS_V6_SIZE);
	}
}

static void write_resolved(struct writer *writer, const struct process_message *message) {
	const struct process_resolved *resolved = &message->resolved;
	writer_u32_be(writer, resolved->id);
	writer_u8(writer, resolved->result);
	writer_u8(writer, resolved->count);
	for (size_t i = 0; i < resolved->count; i++) {
		writer_u8(writer, resolved->items[i].family);
		writer_bytes(writer, resolved->items[i].bytes, ADDRESS_V6_SIZE);
	}
}

static bool resolved_is_valid(const struct process_message *message) {
	const struct process_resolved *resolved = &message->resolved;
	if (resolved->result > PROCESS_FOUND_LIMIT || resolved->count > PROCESS_FOUND_MAX ||
		(resolved->result == PROCESS_FOUND) != (resolved->count > 0))
		return false;
	for (size_t i = 0; i < resolved->count; i++)
		if (!address_is_valid(resolved->items[i].family, resolved->items[i].bytes))
			return false;
	return true;
}

const struct process_codec process_codec_resolved = {read_resolved, write_resolved,
													 resolved_is_valid};

/* STRANGER: | http 1 | family 1 | address 16 | port 2 | scope 4 | */

static void read_stranger(struct reader *reader, struct process_message *out_message) {
	struct process_stranger *stranger = &out_message->stranger;
	stranger->http = reader_u8(reader);
	stranger->family = reader_u8(reader);
	reader_bytes(reader, stranger->address, sizeof stranger->address);
	stranger->port = reader_u16_be(reader);
	stranger->scope = reader_u32_be(reader);
}

static void write_stranger(struct writer *writer, const struct process_message *message) {
	const struct process_stranger *stranger = &message->stranger;
	writer_u8(writer, stranger->http);
	writer_u8(writer, stranger->family);
	writer_bytes(writer, stranger->address, sizeof stranger->address);
	writer_u16_be(writer, stranger->port);
	writer_u32_be(writer, stranger->scope);
}

static bool stranger_is_valid(const struct process_message *message) {
	const struct process_stranger *stranger = &message->stranger;
	return stranger->http <= PROCESS_HTTP_PLAIN &&
		   address_is_valid(stranger->family, stranger->address) && stranger->port != 0 &&
		   (stranger->family == ADDRESS_V6 || stranger->scope == 0);
}

const struct process_codec process_codec_stranger = {read_stranger, write_stranger,
													 stranger_is_valid};
