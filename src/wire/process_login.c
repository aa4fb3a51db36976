#include "wire/process_login.h"

#include <string.h>

#include "base/wipe.h"
#include "wire/cursor.h"
#include "wire/process_codec.h"

/* LOGIN, ABANDON: | id 8 | */

static void read_login(struct reader *reader, struct process_message *out_message) {
	out_message->login.id = reader_u64_be(reader);
}

static void write_login(struct writer *writer, const struct process_message *message) {
	writer_u64_be(writer, message->login.id);
}

static bool login_is_valid(const struct process_message *message) {
	return message->login.id != 0;
}

const struct process_codec process_codec_login = {read_login, write_login, login_is_valid};

/* VERDICT: | id 8 | reject 1 | public key 32 | loaded 1 | */

static void read_verdict(struct reader *reader, struct process_message *out_message) {
	struct process_verdict *verdict = &out_message->verdict;
	verdict->id = reader_u64_be(reader);
	verdict->reject = reader_u8(reader);
	reader_bytes(reader, verdict->public_key, sizeof verdict->public_key);
	verdict->loaded = process_codec_read_bool(reader);
}

static void write_verdict(struct writer *writer, const struct process_message *message) {
	const struct process_verdict *verdict = &message->verdict;
	writer_u64_be(writer, verdict->id);
	writer_u8(writer, verdict->reject);
	writer_bytes(writer, verdict->public_key, sizeof verdict->public_key);
	writer_u8(writer, verdict->loaded);
}

static bool verdict_is_valid(const struct process_message *message) {
	const struct process_verdict *verdict = &message->verdict;
	return verdict->id != 0 && verdict->reject < PROCESS_REJECTS &&
		   (verdict->reject == PROCESS_ACCEPTED) !=
			   wipe_is_zero(verdict->public_key, sizeof verdict->public_key);
}

const struct process_codec process_codec_verdict = {read_verdict, write_verdict, verdict_is_valid};

/* TICKET: | public key 32 | hash 32 | until 8 | size 1 | sealed: size bytes | */

static void read_ticket(struct reader *reader, struct process_message *out_message) {
	struct process_ticket *ticket = &out_message->ticket;
	reader_bytes(reader, ticket->public_key, sizeof ticket->public_key);
	reader_bytes(reader, ticket->hash, sizeof ticket->hash);
	ticket->until = reader_u64_be(reader);
	ticket->size = reader_u8(reader);
	reader_expect(reader, ticket->size <= PROCESS_TICKET_MAX);
	if (!reader->error)
		reader_bytes(reader, ticket->sealed, ticket->size);
}

static void write_ticket(struct writer *writer, const struct process_message *message) {
	const struct process_ticket *ticket = &message->ticket;
	writer_bytes(writer, ticket->public_key, sizeof ticket->public_key);
	writer_bytes(writer, ticket->hash, sizeof ticket->hash);
	writer_u64_be(writer, ticket->until);
	writer_u8(writer, ticket->size);
	writer_bytes(writer, ticket->sealed, ticket->size);
}

static bool ticket_is_valid(const struct process_message *message) {
	const struct process_ticket *ticket = &message->ticket;
	bool none = ticket->until == 0 && wipe_is_zero(ticket->hash, sizeof ticket->hash);
	return ticket->size <= PROCESS_TICKET_MAX && (ticket->size == 0 ? none : ticket->until != 0);
}

const struct process_codec process_codec_ticket = {read_ticket, write_ticket, ticket_is_valid};

/* USED: | public key 32 | bytes 8 | */

static void read_used(struct reader *reader, struct process_message *out_message) {
	reader_bytes(reader, out_message->used.public_key, PROCESS_KEY_SIZE);
	out_message->used.bytes = reader_u64_be(reader);
}

static void write_used(struct writer *writer, const struct process_message *message) {
	writer_bytes(writer, message->used.public_key, PROCESS_KEY_SIZE);
	writer_u64_be(writer, message->used.bytes);
}

static bool used_is_valid(const struct process_message *message) {
	return message->used.bytes != 0;
}

const struct process_codec process_codec_used = {read_used, write_used, used_is_valid};

/*
 * The memory of LOGIN:
 *
 *   0         1       2        3            19     21      25            26
 *   | version | flags | family | address 16 | port | scope | user size 1 | user |
 *   | password size 2 | password |
 */

enum {
	BY_CERTIFICATE = 1 << 0,
	BY_STREAM = 1 << 1,
	FLAGS_ALL = BY_CERTIFICATE | BY_STREAM,
};

static struct endpoint read_from(struct reader *reader) {
	uint8_t bytes[ADDRESS_V6_SIZE];
	uint8_t family = reader_u8(reader);
	reader_bytes(reader, bytes, sizeof bytes);
	struct endpoint from = {.port = reader_u16_be(reader)};
	from.scope_id = reader_u32_be(reader);
	bool v4 = family == ADDRESS_V4 &&
			  wipe_is_zero(bytes + ADDRESS_V4_SIZE, ADDRESS_V6_SIZE - ADDRESS_V4_SIZE);
	reader_expect(reader, v4 || family == ADDRESS_V6);
	if (!reader->error)
		from.address = address_from_bytes((enum address_family)family, bytes);
	return from;
}

static bool is_valid(const struct process_login *login) {
	const struct endpoint *from = &login->from;
	bool whence = (from->address.family == ADDRESS_V4 && from->scope_id == 0) ||
				  from->address.family == ADDRESS_V6;
	return whence && from->port != 0 && login->user.size > 0 &&
		   !memchr(login->user.data, '\0', login->user.size) &&
		   login->user.size <= PROCESS_LOGIN_USER_MAX &&
		   login->password.size <= PROCESS_LOGIN_PASSWORD_MAX &&
		   (login->by_certificate || login->password.size > 0);
}

enum err process_login_decode(const uint8_t *data, size_t size, struct process_login *out_login) {
	struct reader reader = reader_of(data, size);
	uint8_t version = reader_u8(&reader);
	if (!reader.error && version != PROCESS_LOGIN_VERSION)
		reader_fail(&reader, ERR_UNSUPPORTED);
	uint8_t flags = reader_u8(&reader);
	reader_expect(&reader, (flags & ~FLAGS_ALL) == 0);
	struct process_login login = {
		.by_certificate = flags & BY_CERTIFICATE,
		.stream = flags & BY_STREAM,
		.from = read_from(&reader),
	};
	login.user = reader_slice(&reader, reader_u8(&reader));
	login.password = reader_slice(&reader, reader_u16_be(&reader));
	enum err error = reader_finish(&reader);
	if (error)
		return error;
	if (!is_valid(&login))
		return ERR_MALFORMED;
	*out_login = login;
	return ERR_OK;
}

enum err process_login_encode(const struct process_login *login,
							  uint8_t out_data[static PROCESS_LOGIN_SIZE_MAX], size_t *out_size) {
	if (!is_valid(login))
		return ERR_INVALID;
	const struct endpoint *from = &login->from;
	size_t used = address_size(&from->address);
	struct writer writer = writer_of(out_data, PROCESS_LOGIN_SIZE_MAX);
	writer_u8(&writer, PROCESS_LOGIN_VERSION);
	writer_u8(&writer, (uint8_t)((login->by_certificate ? BY_CERTIFICATE : 0) |
								 (login->stream ? BY_STREAM : 0)));
	writer_u8(&writer, (uint8_t)from->address.family);
	writer_bytes(&writer, from->address.bytes, used);
	writer_zeros(&writer, ADDRESS_V6_SIZE - used);
	writer_u16_be(&writer, from->port);
	writer_u32_be(&writer, from->scope_id);
	writer_u8(&writer, (uint8_t)login->user.size);
	writer_bytes(&writer, login->user.data, login->user.size);
	writer_u16_be(&writer, (uint16_t)login->password.size);
	writer_bytes(&writer, login->password.data, login->password.size);
	return writer_finish(&writer, out_size);
}
