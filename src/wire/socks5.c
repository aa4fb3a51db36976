#include "wire/socks5.h"

#include <assert.h>
#include <string.h>

#include "wire/cursor.h"

/*
 *   greeting:        | version 1 | count 1 | methods … |
 *   method:          | version 1 | method 1 |
 *   password:        | 1 | size 1 | name … | size 1 | password … |
 *   password reply:  | 1 | status 1 |                      0: accepted
 *   request:         | version 1 | command 1 | 0 | address |
 *   answer:          | version 1 | reply 1 | 0 | address |
 *   datagram:        | 0 0 | fragment 1 | address | payload … |
 *
 *   address:         | type 1 | 4 bytes, or 16, or size 1 and a name | port 2 |
 */

enum { PASSWORD_VERSION = 1 };

/* The types of addresses are those of targets, to the number. */
static_assert(TARGET_V4 == 1 && TARGET_NAME == 3 && TARGET_V6 == 4);

static enum err finish(const struct reader *reader, const uint8_t *data, size_t *out_size) {
	if (!reader->error)
		*out_size = (size_t)(reader->at - data);
	return reader->error;
}

static void expect_version(struct reader *reader, uint8_t version) {
	uint8_t found = reader_u8(reader);
	reader_expect(reader, found == version);
}

enum err socks5_greeting_decode(const uint8_t *data, size_t size,
								struct socks5_greeting *out_greeting, size_t *out_size) {
	struct reader reader = reader_of(data, size);
	const uint8_t *begin = reader.at;
	expect_version(&reader, SOCKS5_VERSION);
	struct socks5_greeting greeting = {reader_slice(&reader, reader_u8(&reader))};
	enum err error = finish(&reader, begin, out_size);
	if (!error)
		*out_greeting = greeting;
	return error;
}

enum err socks5_greeting_encode(const struct socks5_greeting *greeting, uint8_t *out_data,
								size_t room, size_t *out_size) {
	if (greeting->methods.size > UINT8_MAX)
		return ERR_INVALID;
	struct writer writer = writer_of(out_data, room);
	writer_u8(&writer, SOCKS5_VERSION);
	writer_u8(&writer, (uint8_t)greeting->methods.size);
	writer_bytes(&writer, greeting->methods.data, greeting->methods.size);
	return writer_finish(&writer, out_size);
}

bool socks5_greeting_offers(const struct socks5_greeting *greeting, enum socks5_method method) {
	return greeting->methods.size > 0 &&
		   memchr(greeting->methods.data, (int)method, greeting->methods.size);
}

enum err socks5_method_decode(const uint8_t *data, size_t size, uint8_t *out_method,
							  size_t *out_size) {
	struct reader reader = reader_of(data, size);
	const uint8_t *begin = reader.at;
	expect_version(&reader, SOCKS5_VERSION);
	uint8_t method = reader_u8(&reader);
	enum err error = finish(&reader, begin, out_size);
	if (!error)
		*out_method = method;
	return error;
}

enum err socks5_method_encode(enum socks5_method method, uint8_t *out_data, size_t room,
							  size_t *out_size) {
	struct writer writer = writer_of(out_data, room);
	writer_u8(&writer, SOCKS5_VERSION);
	writer_u8(&writer, (uint8_t)method);
	return writer_finish(&writer, out_size);
}

enum err socks5_password_decode(const uint8_t *data, size_t size,
								struct socks5_password *out_password, size_t *out_size) {
	struct reader reader = reader_of(data, size);
	const uint8_t *begin = reader.at;
	struct socks5_password password;
	expect_version(&reader, PASSWORD_VERSION);
	password.name = reader_slice(&reader, reader_u8(&reader));
	password.password = reader_slice(&reader, reader_u8(&reader));
	enum err error = finish(&reader, begin, out_size);
	if (!error)
		*out_password = password;
	return error;
}

enum err socks5_password_encode(const struct socks5_password *password, uint8_t *out_data,
								size_t room, size_t *out_size) {
	if (password->name.size > SOCKS5_TEXT_MAX || password->password.size > SOCKS5_TEXT_MAX)
		return ERR_INVALID;
	struct writer writer = writer_of(out_data, room);
	writer_u8(&writer, PASSWORD_VERSION);
	writer_u8(&writer, (uint8_t)password->name.size);
	writer_bytes(&writer, password->name.data, password->name.size);
	writer_u8(&writer, (uint8_t)password->password.size);
	writer_bytes(&writer, password->password.data, password->password.size);
	return writer_finish(&writer, out_size);
}

enum err socks5_password_reply_decode(const uint8_t *data, size_t size, bool *out_accepted,
									  size_t *out_size) {
	struct reader reader = reader_of(data, size);
	const uint8_t *begin = reader.at;
	expect_version(&reader, PASSWORD_VERSION);
	bool accepted = reader_u8(&reader) == 0;
	enum err error = finish(&reader, begin, out_size);
	if (!error)
		*out_accepted = accepted;
	return error;
}

enum err socks5_password_reply_encode(bool accepted, uint8_t *out_data, size_t room,
									  size_t *out_size) {
	struct writer writer = writer_of(out_data, room);
	writer_u8(&writer, PASSWORD_VERSION);
	writer_u8(&writer, accepted ? 0 : 1);
	return writer_finish(&writer, out_size);
}

/*
 * Reads all of the address before it judges a name: ERR_INVALID in *out_error then, as the bytes
 * behind it may be used yet.
 */
static void read_address(struct reader *reader, bool udp, struct target *out_target,
						 enum err *out_error) {
	struct target target = {.type = reader_u8(reader), .udp = udp};
	char name[UINT8_MAX + 1] = "";
	switch (reader->error ? 0 : target.type) {
	case TARGET_V4:
	case TARGET_V6: {
		enum address_family family = target.type == TARGET_V4 ? ADDRESS_V4 : ADDRESS_V6;
		const struct address shape = {.family = (uint8_t)family};
		const uint8_t *bytes = reader_take(reader, address_size(&shape));
		if (bytes)
			target.address = address_from_bytes(family, bytes);
		break;
	}
	case TARGET_NAME: {
		struct slice text = reader_slice(reader, reader_u8(reader));
		if (text.size > 0 && memchr(text.data, '\0', text.size))
			*out_error = ERR_INVALID;
		else if (text.size > 0)
			memcpy(name, text.data, text.size);
		break;
	}
	default:
		reader_fail(reader, ERR_UNSUPPORTED);
	}
	target.port = reader_u16_be(reader);
	if (!reader->error && !*out_error && target.type == TARGET_NAME)
		*out_error = target_parse(name, target.port, udp, &target);
	if (!reader->error && !*out_error)
		*out_target = target;
}

static void write_address(struct writer *writer, const struct target *target) {
	writer_u8(writer, target->type);
	if (target->type == TARGET_NAME) {
		size_t size = strlen(target->name);
		writer_u8(writer, (uint8_t)size);
		writer_bytes(writer, target->name, size);
	} else {
		writer_bytes(writer, target->address.bytes, address_size(&target->address));
	}
	writer_u16_be(writer, target->port);
}

static bool has_address(const struct target *target) {
	switch (target->type) {
	case TARGET_NAME:
		return strnlen(target->name, sizeof target->name) <= TARGET_NAME_MAX;
	case TARGET_V4:
		return target->address.family == ADDRESS_V4;
	case TARGET_V6:
		return target->address.family == ADDRESS_V6;
	default:
		return false;
	}
}

/* Requests and answers differ in what their second byte means. */
static enum err decode(const uint8_t *data, size_t size, bool is_request, uint8_t *out_what,
					   struct target *out_target, size_t *out_size) {
	struct reader reader = reader_of(data, size);
	const uint8_t *begin = reader.at;
	struct target target;
	enum err invalid = ERR_OK;
	expect_version(&reader, SOCKS5_VERSION);
	uint8_t what = reader_u8(&reader);
	uint8_t reserved = reader_u8(&reader);
	reader_expect(&reader, reserved == 0);
	read_address(&reader, is_request && what == SOCKS5_UDP_ASSOCIATE, &target, &invalid);
	enum err error = finish(&reader, begin, out_size);
	if (error || invalid)
		return error ? error : invalid;
	*out_what = what;
	*out_target = target;
	return ERR_OK;
}

static enum err encode(uint8_t what, const struct target *target, uint8_t *out_data, size_t room,
					   size_t *out_size) {
	if (!has_address(target))
		return ERR_INVALID;
	struct writer writer = writer_of(out_data, room);
	writer_u8(&writer, SOCKS5_VERSION);
	writer_u8(&writer, what);
	writer_u8(&writer, 0);
	write_address(&writer, target);
	return writer_finish(&writer, out_size);
}

enum err socks5_request_decode(const uint8_t *data, size_t size, struct socks5_request *out_request,
							   size_t *out_size) {
	return decode(data, size, true, &out_request->command, &out_request->target, out_size);
}

enum err socks5_request_encode(const struct socks5_request *request, uint8_t *out_data, size_t room,
							   size_t *out_size) {
	return encode(request->command, &request->target, out_data, room, out_size);
}

enum err socks5_answer_decode(const uint8_t *data, size_t size, struct socks5_answer *out_answer,
							  size_t *out_size) {
	return decode(data, size, false, &out_answer->reply, &out_answer->bound, out_size);
}

enum err socks5_answer_encode(const struct socks5_answer *answer, uint8_t *out_data, size_t room,
							  size_t *out_size) {
	return encode(answer->reply, &answer->bound, out_data, room, out_size);
}

enum err socks5_udp_decode(const uint8_t *data, size_t size, struct target *out_target,
						   struct slice *out_payload) {
	struct reader reader = reader_of(data, size);
	struct target target;
	enum err invalid = ERR_OK;
	uint16_t reserved = reader_u16_be(&reader);
	reader_expect(&reader, reserved == 0);
	uint8_t fragment = reader_u8(&reader);
	if (!reader.error && fragment != 0)
		return ERR_UNSUPPORTED;
	read_address(&reader, true, &target, &invalid);
	struct slice payload = reader_slice(&reader, reader_left(&reader));
	if (reader.error || invalid)
		return reader.error ? reader.error : invalid;
	*out_target = target;
	*out_payload = payload;
	return ERR_OK;
}

enum err socks5_udp_encode(const struct target *target, uint8_t *out_data, size_t room,
						   size_t *out_size) {
	if (!has_address(target))
		return ERR_INVALID;
	struct writer writer = writer_of(out_data, room);
	writer_zeros(&writer, 3);
	write_address(&writer, target);
	return writer_finish(&writer, out_size);
}
