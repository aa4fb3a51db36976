#include "wire/phaze_auth.h"

#include "base/wipe.h"
#include "wire/cursor.h"

/*
 *   0         1
 *   | count 1 | length 2 | certificate | length 2 | certificate | and so on
 */
static void read_chain(struct reader *reader, struct phaze_chain *chain) {
	const uint8_t count = reader_u8(reader);
	reader_expect(reader, count > 0 && count <= PHAZE_CHAIN_MAX);
	if (reader->error)
		return;
	for (size_t i = 0; i < count; i++) {
		chain->certificates[i] = reader_slice(reader, reader_u16_be(reader));
		reader_expect(reader, chain->certificates[i].size > 0);
	}
	chain->count = count;
}

static bool chain_is_valid(const struct phaze_chain *chain) {
	for (size_t i = 0; i < chain->count && i < PHAZE_CHAIN_MAX; i++) {
		if (chain->certificates[i].size == 0 || chain->certificates[i].size > UINT16_MAX)
			return false;
	}
	return chain->count > 0 && chain->count <= PHAZE_CHAIN_MAX;
}

static void write_chain(struct writer *writer, const struct phaze_chain *chain) {
	writer_u8(writer, (uint8_t)chain->count);
	for (size_t i = 0; i < chain->count; i++) {
		writer_u16_be(writer, (uint16_t)chain->certificates[i].size);
		writer_bytes(writer, chain->certificates[i].data, chain->certificates[i].size);
	}
}

static bool kinds_are_valid(uint8_t kinds) {
	return kinds != 0 && (kinds & ~PHAZE_BY_BOTH) == 0;
}

/*
 *   0           1
 *   | demands 1 | chain | signature 64 |
 */
enum err phaze_auth_decode_server(const uint8_t *data, size_t size,
								  struct phaze_server_auth *out_auth, size_t *out_signed) {
	struct reader reader = reader_of(data, size);
	struct phaze_server_auth auth = {.demands = reader_u8(&reader)};
	reader_expect(&reader, kinds_are_valid(auth.demands));
	read_chain(&reader, &auth.chain);
	const size_t before = size - reader_left(&reader);
	reader_bytes(&reader, auth.signature, sizeof auth.signature);
	enum err error = reader_finish(&reader);
	if (!error) {
		*out_auth = auth;
		*out_signed = before;
	}
	return error;
}

enum err phaze_auth_encode_server(const struct phaze_server_auth *auth, uint8_t *out_data,
								  size_t room, size_t *out_size, size_t *out_signed) {
	if (!kinds_are_valid(auth->demands) || !chain_is_valid(&auth->chain))
		return ERR_INVALID;
	struct writer writer = writer_of(out_data, room);
	writer_u8(&writer, auth->demands);
	write_chain(&writer, &auth->chain);
	const size_t before = writer_size(&writer);
	writer_bytes(&writer, auth->signature, sizeof auth->signature);
	enum err error = writer_finish(&writer, out_size);
	if (!error)
		*out_signed = before;
	return error;
}

size_t phaze_auth_server_size(const struct phaze_chain *chain) {
	size_t size = 1 + 1 + ED25519_SIGNATURE_SIZE;
	for (size_t i = 0; i < chain->count; i++)
		size += 2 + chain->certificates[i].size;
	return size;
}

/*
 *   0         1
 *   | kinds 1 | name length 1 | name | password length 2 | password |     with BY_PASSWORD
 *             | chain | signature 64 |                                    with BY_CERTIFICATE
 *             | zeros |       up to the next multiple of 256
 */

/* Nothing that a terminal or a log would act on. */
static bool name_is_valid(struct slice name, uint8_t kinds) {
	for (size_t i = 0; i < name.size; i++) {
		if (name.data[i] < 0x20 || name.data[i] == 0x7f)
			return false;
	}
	return name.size <= PHAZE_NAME_MAX && (name.size > 0 || (kinds & PHAZE_BY_CERTIFICATE));
}

static bool password_is_valid(struct slice password) {
	return password.size > 0 && password.size <= PHAZE_PASSWORD_MAX;
}

static void read_password(struct reader *reader, struct phaze_client_auth *auth) {
	auth->name = reader_slice(reader, reader_u8(reader));
	auth->password = reader_slice(reader, reader_u16_be(reader));
	reader_expect(reader, name_is_valid(auth->name, auth->kinds));
	reader_expect(reader, password_is_valid(auth->password));
}

enum err phaze_auth_decode_client(const uint8_t *data, size_t size,
								  struct phaze_client_auth *out_auth, size_t *out_signed) {
	struct reader reader = reader_of(data, size);
	struct phaze_client_auth auth = {.kinds = reader_u8(&reader)};
	size_t before = 0;
	reader_expect(&reader, kinds_are_valid(auth.kinds));
	if (auth.kinds & PHAZE_BY_PASSWORD)
		read_password(&reader, &auth);
	if (auth.kinds & PHAZE_BY_CERTIFICATE) {
		read_chain(&reader, &auth.chain);
		before = size - reader_left(&reader);
		reader_bytes(&reader, auth.signature, sizeof auth.signature);
	}
	const struct slice zeros = reader_slice(&reader, reader_left(&reader));
	reader_expect(&reader, size % PHAZE_CLIENT_AUTH_STEP == 0);
	reader_expect(&reader, zeros.size < PHAZE_CLIENT_AUTH_STEP);
	reader_expect(&reader, wipe_is_zero(zeros.data, zeros.size));
	enum err error = reader_finish(&reader);
	if (!error) {
		*out_auth = auth;
		*out_signed = before;
	}
	return error;
}

static bool client_auth_is_valid(const struct phaze_client_auth *auth) {
	if (!kinds_are_valid(auth->kinds))
		return false;
	if ((auth->kinds & PHAZE_BY_PASSWORD) &&
		(!name_is_valid(auth->name, auth->kinds) || !password_is_valid(auth->password)))
		return false;
	return !(auth->kinds & PHAZE_BY_CERTIFICATE) || chain_is_valid(&auth->chain);
}

enum err phaze_auth_encode_client(const struct phaze_client_auth *auth, uint8_t *out_data,
								  size_t room, size_t *out_size, size_t *out_signed) {
	if (!client_auth_is_valid(auth))
		return ERR_INVALID;
	struct writer writer = writer_of(out_data, room);
	size_t before = 0;
	writer_u8(&writer, auth->kinds);
	if (auth->kinds & PHAZE_BY_PASSWORD) {
		writer_u8(&writer, (uint8_t)auth->name.size);
		writer_bytes(&writer, auth->name.data, auth->name.size);
		writer_u16_be(&writer, (uint16_t)auth->password.size);
		writer_bytes(&writer, auth->password.data, auth->password.size);
	}
	if (auth->kinds & PHAZE_BY_CERTIFICATE) {
		write_chain(&writer, &auth->chain);
		before = writer_size(&writer);
		writer_bytes(&writer, auth->signature, sizeof auth->signature);
	}
	const size_t over = writer_size(&writer) % PHAZE_CLIENT_AUTH_STEP;
	writer_zeros(&writer, over > 0 ? PHAZE_CLIENT_AUTH_STEP - over : 0);
	enum err error = writer_finish(&writer, out_size);
	if (!error)
		*out_signed = before;
	return error;
}

/*
 *   0          1
 *   | reason 1 |
 */
enum err phaze_auth_decode_reject(const uint8_t *data, size_t size, enum phaze_reject *out_reason) {
	struct reader reader = reader_of(data, size);
	const enum phaze_reject reason = reader_u8(&reader);
	reader_expect(&reader, reason >= PHAZE_REJECT_CREDENTIALS && reason <= PHAZE_REJECT_ADDRESS);
	enum err error = reader_finish(&reader);
	if (!error)
		*out_reason = reason;
	return error;
}

void phaze_auth_encode_reject(enum phaze_reject reason,
							  uint8_t out_data[static PHAZE_REJECT_SIZE]) {
	struct writer writer = writer_of(out_data, PHAZE_REJECT_SIZE);
	writer_u8(&writer, (uint8_t)reason);
}
