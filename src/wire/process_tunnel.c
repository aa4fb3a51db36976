#include "wire/process_codec.h"

#include "base/address.h"
#include "base/wipe.h"

/* What one tunnel of the net process is made from, what it asks for, and what it tells. */

enum { OFFLOADS_ALL = PROCESS_OFFLOAD_HEADER | PROCESS_OFFLOAD_TCP | PROCESS_OFFLOAD_UDP };

static bool shards_are_valid(uint8_t shards) {
	return shards >= 1 && shards <= PROCESS_SHARDS_MAX;
}

static bool mtu_is_valid(uint32_t mtu) {
	return mtu >= PROCESS_MTU_MIN && mtu <= PROCESS_MTU_MAX;
}

/* ATTACH: | name 16 | mtu 4 | shards 1 | up 1 | offloads 1 | protocol 16 | streams 1 | */

static void read_attach(struct reader *reader, struct process_message *out_message) {
	reader_bytes(reader, out_message->attach.name, PROCESS_NAME_SIZE);
	out_message->attach.mtu = reader_u32_be(reader);
	out_message->attach.shards = reader_u8(reader);
	out_message->attach.up = process_codec_read_bool(reader);
	out_message->attach.offloads = reader_u8(reader);
	reader_bytes(reader, out_message->attach.protocol, PROCESS_NAME_SIZE);
	out_message->attach.streams = reader_u8(reader);
}

static void write_attach(struct writer *writer, const struct process_message *message) {
	writer_bytes(writer, message->attach.name, PROCESS_NAME_SIZE);
	writer_u32_be(writer, message->attach.mtu);
	writer_u8(writer, message->attach.shards);
	writer_u8(writer, message->attach.up);
	writer_u8(writer, message->attach.offloads);
	writer_bytes(writer, message->attach.protocol, PROCESS_NAME_SIZE);
	writer_u8(writer, message->attach.streams);
}

/* What an interface is like is zero where there is none. */
static bool interface_is_valid(const struct process_message *message) {
	if (message->attach.shards == 0)
		return message->attach.mtu == 0 && !message->attach.up && message->attach.offloads == 0;
	return mtu_is_valid(message->attach.mtu) && shards_are_valid(message->attach.shards) &&
		   (message->attach.offloads & ~OFFLOADS_ALL) == 0;
}

static bool attach_is_valid(const struct process_message *message) {
	return process_codec_name_is_valid(message->attach.name, false) &&
		   process_codec_name_is_valid(message->attach.protocol, true) &&
		   interface_is_valid(message) && message->attach.streams <= PROCESS_LISTENERS_MAX;
}

const struct process_codec process_codec_attach = {read_attach, write_attach, attach_is_valid};

/* LINK: | mtu 4 | up 1 | */

static void read_link(struct reader *reader, struct process_message *out_message) {
	out_message->link.mtu = reader_u32_be(reader);
	out_message->link.up = process_codec_read_bool(reader);
}

static void write_link(struct writer *writer, const struct process_message *message) {
	writer_u32_be(writer, message->link.mtu);
	writer_u8(writer, message->link.up);
}

static bool link_is_valid(const struct process_message *message) {
	return mtu_is_valid(message->link.mtu);
}

const struct process_codec process_codec_link = {read_link, write_link, link_is_valid};

/* LISTEN: | port 2 | mark 4 | shards 1 | */

static void read_listen(struct reader *reader, struct process_message *out_message) {
	out_message->listen.port = reader_u16_be(reader);
	out_message->listen.mark = reader_u32_be(reader);
	out_message->listen.shards = reader_u8(reader);
}

static void write_listen(struct writer *writer, const struct process_message *message) {
	writer_u16_be(writer, message->listen.port);
	writer_u32_be(writer, message->listen.mark);
	writer_u8(writer, message->listen.shards);
}

static bool listen_is_valid(const struct process_message *message) {
	return shards_are_valid(message->listen.shards);
}

const struct process_codec process_codec_listen = {read_listen, write_listen, listen_is_valid};

/* LISTENING: | error 4 | port 2 | v4 1 | v6 1 | */

static void read_listening(struct reader *reader, struct process_message *out_message) {
	out_message->listening.error = reader_u32_be(reader);
	out_message->listening.port = reader_u16_be(reader);
	out_message->listening.v4 = reader_u8(reader);
	out_message->listening.v6 = reader_u8(reader);
}

static void write_listening(struct writer *writer, const struct process_message *message) {
	writer_u32_be(writer, message->listening.error);
	writer_u16_be(writer, message->listening.port);
	writer_u8(writer, message->listening.v4);
	writer_u8(writer, message->listening.v6);
}

/* A failure brings no sockets; a success brings one family's, or as many of both. */
static bool listening_is_valid(const struct process_message *message) {
	uint32_t error = message->listening.error;
	uint8_t v4 = message->listening.v4, v6 = message->listening.v6;
	if (error)
		return error <= PROCESS_CODEC_ERRNO_MAX && v4 == 0 && v6 == 0;
	return shards_are_valid(v4 ? v4 : v6) && (v4 == 0 || v6 == 0 || v4 == v6);
}

const struct process_codec process_codec_listening = {read_listening, write_listening,
													  listening_is_valid};

/* MARK: | mark 4 | */

static void read_mark(struct reader *reader, struct process_message *out_message) {
	out_message->mark.mark = reader_u32_be(reader);
}

static void write_mark(struct writer *writer, const struct process_message *message) {
	writer_u32_be(writer, message->mark.mark);
}

static bool mark_is_valid(const struct process_message *message) {
	return true;
}

const struct process_codec process_codec_mark = {read_mark, write_mark, mark_is_valid};

/* MARKED: | error 4 | */

static void read_marked(struct reader *reader, struct process_message *out_message) {
	out_message->marked.error = reader_u32_be(reader);
}

static void write_marked(struct writer *writer, const struct process_message *message) {
	writer_u32_be(writer, message->marked.error);
}

static bool marked_is_valid(const struct process_message *message) {
	return message->marked.error <= PROCESS_CODEC_ERRNO_MAX;
}

const struct process_codec process_codec_marked = {read_marked, write_marked, marked_is_valid};

/* EVENT: | kind 1 | public key 32 | family 1 | address 16 | port 2 | scope 4 | count 4 | text | */

static void read_event(struct reader *reader, struct process_message *out_message) {
	out_message->event.kind = reader_u8(reader);
	reader_bytes(reader, out_message->event.public_key, PROCESS_KEY_SIZE);
	out_message->event.family = reader_u8(reader);
	reader_bytes(reader, out_message->event.address, sizeof out_message->event.address);
	out_message->event.port = reader_u16_be(reader);
	out_message->event.scope = reader_u32_be(reader);
	out_message->event.count = reader_u32_be(reader);
	process_codec_read_text(reader, out_message->event.text);
}

static void write_event(struct writer *writer, const struct process_message *message) {
	writer_u8(writer, message->event.kind);
	writer_bytes(writer, message->event.public_key, PROCESS_KEY_SIZE);
	writer_u8(writer, message->event.family);
	writer_bytes(writer, message->event.address, sizeof message->event.address);
	writer_u16_be(writer, message->event.port);
	writer_u32_be(writer, message->event.scope);
	writer_u32_be(writer, message->event.count);
	process_codec_write_text(writer, message->event.text);
}

/* One way only to write an endpoint: what its family has no use for is zero. */
static bool event_is_valid(const struct process_message *message) {
	const uint8_t *address = message->event.address;
	if (message->event.kind > PROCESS_EVENT_REFUSED ||
		!process_codec_text_is_valid(message->event.text))
		return false;
	switch (message->event.family) {
	case ADDRESS_NONE:
		return wipe_is_zero(address, ADDRESS_V6_SIZE) && message->event.port == 0 &&
			   message->event.scope == 0;
	case ADDRESS_V4:
		return wipe_is_zero(address + ADDRESS_V4_SIZE, ADDRESS_V6_SIZE - ADDRESS_V4_SIZE) &&
			   message->event.scope == 0;
	case ADDRESS_V6:
		return true;
	default:
		return false;
	}
}

const struct process_codec process_codec_event = {read_event, write_event, event_is_valid};

/* ENDPOINT: | public key 32 | family 1 | address 16 | port 2 | scope 4 | */

static void read_endpoint(struct reader *reader, struct process_message *out_message) {
	reader_bytes(reader, out_message->endpoint.public_key, PROCESS_KEY_SIZE);
	out_message->endpoint.family = reader_u8(reader);
	reader_bytes(reader, out_message->endpoint.address, sizeof out_message->endpoint.address);
	out_message->endpoint.port = reader_u16_be(reader);
	out_message->endpoint.scope = reader_u32_be(reader);
}

static void write_endpoint(struct writer *writer, const struct process_message *message) {
	writer_bytes(writer, message->endpoint.public_key, PROCESS_KEY_SIZE);
	writer_u8(writer, message->endpoint.family);
	writer_bytes(writer, message->endpoint.address, sizeof message->endpoint.address);
	writer_u16_be(writer, message->endpoint.port);
	writer_u32_be(writer, message->endpoint.scope);
}

static bool endpoint_is_valid(const struct process_message *message) {
	const uint8_t *address = message->endpoint.address;
	bool v4 = message->endpoint.family == ADDRESS_V4 && message->endpoint.scope == 0 &&
			  wipe_is_zero(address + ADDRESS_V4_SIZE, ADDRESS_V6_SIZE - ADDRESS_V4_SIZE);
	return (v4 || message->endpoint.family == ADDRESS_V6) && message->endpoint.port != 0;
}

const struct process_codec process_codec_endpoint = {read_endpoint, write_endpoint,
													 endpoint_is_valid};

/* RESOLVERS: | count 1 | count times: family 1 | address 16 | port 2 | */

static void read_resolvers(struct reader *reader, struct process_message *out_message) {
	uint8_t count = reader_u8(reader);
	reader_expect(reader, count <= PROCESS_SERVERS_MAX);
	for (size_t i = 0; i < count && !reader->error; i++) {
		struct process_resolver *server = &out_message->resolvers.servers[i];
		server->family = reader_u8(reader);
		reader_bytes(reader, server->address, sizeof server->address);
		server->port = reader_u16_be(reader);
	}
	out_message->resolvers.count = count;
}

static void write_resolvers(struct writer *writer, const struct process_message *message) {
	writer_u8(writer, message->resolvers.count);
	for (size_t i = 0; i < message->resolvers.count; i++) {
		const struct process_resolver *server = &message->resolvers.servers[i];
		writer_u8(writer, server->family);
		writer_bytes(writer, server->address, sizeof server->address);
		writer_u16_be(writer, server->port);
	}
}

static bool resolvers_are_valid(const struct process_message *message) {
	if (message->resolvers.count > PROCESS_SERVERS_MAX)
		return false;
	for (size_t i = 0; i < message->resolvers.count; i++) {
		const struct process_resolver *server = &message->resolvers.servers[i];
		bool v4 = server->family == ADDRESS_V4 && wipe_is_zero(server->address + ADDRESS_V4_SIZE,
															   ADDRESS_V6_SIZE - ADDRESS_V4_SIZE);
		if ((!v4 && server->family != ADDRESS_V6) || server->port == 0)
			return false;
	}
	return true;
}

const struct process_codec process_codec_resolvers = {read_resolvers, write_resolvers,
													  resolvers_are_valid};
