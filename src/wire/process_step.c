#include "wire/process_codec.h"

#include "base/address.h"
#include "base/wipe.h"

/* What the step between this host's programs and name servers is made of and asks for. */

/* UPSTREAM, STREAM: | system 1 | server 1 | */

static void read_upstream(struct reader *reader, struct process_message *out_message) {
	out_message->upstream.system = process_codec_read_bool(reader);
	out_message->upstream.server = reader_u8(reader);
}

static void write_upstream(struct writer *writer, const struct process_message *message) {
	writer_u8(writer, message->upstream.system);
	writer_u8(writer, message->upstream.server);
}

static bool upstream_is_valid(const struct process_message *message) {
	return message->upstream.server < PROCESS_SERVERS_MAX &&
		   (!message->upstream.system || message->tunnel == 0);
}

const struct process_codec process_codec_upstream = {read_upstream, write_upstream,
													 upstream_is_valid};

/* ADDRESSES: | exclude 1 | ttl 4 | count 1 | count × { family 1 | bytes 16 } | */

static void read_addresses(struct reader *reader, struct process_message *out_message) {
	out_message->addresses.exclude = process_codec_read_bool(reader);
	out_message->addresses.ttl = reader_u32_be(reader);
	out_message->addresses.count = reader_u8(reader);
	reader_expect(reader, out_message->addresses.count <= PROCESS_ADDRESSES_MAX);
	for (size_t i = 0; !reader->error && i < out_message->addresses.count; i++) {
		out_message->addresses.items[i].family = reader_u8(reader);
		reader_bytes(reader, out_message->addresses.items[i].bytes, ADDRESS_V6_SIZE);
	}
}

static void write_addresses(struct writer *writer, const struct process_message *message) {
	writer_u8(writer, message->addresses.exclude);
	writer_u32_be(writer, message->addresses.ttl);
	writer_u8(writer, message->addresses.count);
	for (size_t i = 0; i < message->addresses.count; i++) {
		writer_u8(writer, message->addresses.items[i].family);
		writer_bytes(writer, message->addresses.items[i].bytes, ADDRESS_V6_SIZE);
	}
}

static bool addresses_are_valid(const struct process_message *message) {
	if (message->addresses.count == 0 || message->addresses.count > PROCESS_ADDRESSES_MAX)
		return false;
	for (size_t i = 0; i < message->addresses.count; i++) {
		uint8_t family = message->addresses.items[i].family;
		const uint8_t *bytes = message->addresses.items[i].bytes;
		if (family != ADDRESS_V6 &&
			(family != ADDRESS_V4 ||
			 !wipe_is_zero(bytes + ADDRESS_V4_SIZE, ADDRESS_V6_SIZE - ADDRESS_V4_SIZE)))
			return false;
	}
	return true;
}

const struct process_codec process_codec_addresses = {read_addresses, write_addresses,
													  addresses_are_valid};
