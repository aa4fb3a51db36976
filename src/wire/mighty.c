#include "wire/mighty.h"

#include "base/wipe.h"
#include "wire/cursor.h"
#include "wire/keepalive.h"
#include "wire/parameters.h"

_Static_assert((int)MIGHTY_PARAMETERS_SIZE_MAX == (int)PARAMETERS_ANSWER_SIZE_MAX);

/*
 *   0           1              2            4            8          12
 *   | 1 | type  | reserved (0) | session id | sequence 4 | length 4 | length bytes
 */

static bool size_fits(enum mighty_type type, size_t size) {
	switch (type) {
	case MIGHTY_REQUEST:
		return size == MIGHTY_CLIENT_HELLO_SIZE;
	case MIGHTY_RESPONSE:
		return size == MIGHTY_COOKIE_ANSWER_SIZE ||
			   (size >= MIGHTY_SERVER_HELLO_OVERHEAD && size <= MIGHTY_SERVER_HELLO_SIZE_MAX);
	case MIGHTY_COMPLETE:
		return size == MIGHTY_FINALIZE_SIZE;
	case MIGHTY_DATA:
		return size >= MIGHTY_DATA_OVERHEAD;
	case MIGHTY_KEEPALIVE:
		return size == MIGHTY_DATA_OVERHEAD + KEEPALIVE_SIZE;
	case MIGHTY_DISCONNECT:
		return size == MIGHTY_DATA_OVERHEAD + MIGHTY_DISCONNECT_SIZE;
	}
	return false;
}

static bool is_handshake(enum mighty_type type) {
	return type <= MIGHTY_COMPLETE;
}

static void read_header(struct reader *reader, struct mighty_header *out_header) {
	const size_t size = reader_left(reader);
	const uint8_t first = reader_u8(reader);
	const enum mighty_type type = first & 0x0f;
	reader_expect(reader, first >> 4 == MIGHTY_VERSION && reader_u8(reader) == 0);
	const uint16_t session_id = reader_u16_be(reader);
	const uint32_t sequence = reader_u32_be(reader), length = reader_u32_be(reader);
	reader_expect(reader, length <= MIGHTY_LENGTH_MAX);
	if (length > reader_left(reader))
		reader_fail(reader, ERR_TRUNCATED);
	if (length < reader_left(reader))
		reader_fail(reader, ERR_TRAILING);
	reader_expect(reader, size_fits(type, size));
	reader_expect(reader, (session_id == 0) == (type == MIGHTY_REQUEST));
	reader_expect(reader, (sequence == 0) == is_handshake(type));
	*out_header = (struct mighty_header){type, session_id, sequence, (uint16_t)length};
}

enum err mighty_decode_header(const uint8_t *data, size_t size, struct mighty_header *out_header) {
	struct reader reader = reader_of(data, size);
	struct mighty_header header;
	read_header(&reader, &header);
	if (!reader.error)
		*out_header = header;
	return reader.error;
}

static void write_header(struct writer *writer, const struct mighty_header *header) {
	writer_u8(writer, (uint8_t)(MIGHTY_VERSION << 4 | header->type));
	writer_u8(writer, 0);
	writer_u16_be(writer, header->session_id);
	writer_u32_be(writer, header->sequence);
	writer_u32_be(writer, header->length);
}

void mighty_encode_header(const struct mighty_header *header,
						  uint8_t out_data[static MIGHTY_HEADER_SIZE]) {
	struct writer writer = writer_of(out_data, MIGHTY_HEADER_SIZE);
	write_header(&writer, header);
}

void mighty_encode_sealed(const struct mighty_header *header,
						  const uint8_t nonce[static AEAD_NONCE_SIZE],
						  uint8_t out_data[static MIGHTY_DATA_FRONT]) {
	struct writer writer = writer_of(out_data, MIGHTY_DATA_FRONT);
	write_header(&writer, header);
	writer_bytes(&writer, nonce, AEAD_NONCE_SIZE);
}

void mighty_sealed_nonce(const uint8_t data[static MIGHTY_DATA_FRONT],
						 uint8_t out_nonce[static AEAD_NONCE_SIZE]) {
	struct reader reader = reader_of(data, MIGHTY_DATA_FRONT);
	(void)reader_slice(&reader, MIGHTY_HEADER_SIZE);
	reader_bytes(&reader, out_nonce, AEAD_NONCE_SIZE);
}

enum mighty_type mighty_classify(const uint8_t *data, size_t size) {
	struct mighty_header header;
	return mighty_decode_header(data, size, &header) == ERR_OK ? header.type : 0;
}

/* The header of a message of a handshake; returns its session id. */
static uint16_t expect_header(struct reader *reader, enum mighty_type type) {
	struct mighty_header header;
	read_header(reader, &header);
	reader_expect(reader, header.type == type);
	return header.session_id;
}

static void put_header(struct writer *writer, enum mighty_type type, uint16_t receiver,
					   size_t size) {
	const struct mighty_header header = {
		.type = type, .session_id = receiver, .length = (uint16_t)(size - MIGHTY_HEADER_SIZE)};
	write_header(writer, &header);
}

/*
 *   0        12           14           22        54    86     94       102
 *   | header | session id | instance 8 | random  | key | time | PSK id |
 *
 *   102   103         103+n   104+n       105+n      105+n+c           1168     1200
 *   | n 1 | ciphers n | flags | c 1       | cookie c | zeros           | mac 32 |
 *                               (0 or 32)
 */
enum { FLAG_POST_QUANTUM_REQUIRED = 1 << 0 }; /* reserved: nobody can yet do as it says */

enum { REQUEST_PSK_ID = 94 };

void mighty_request_psk_id(const uint8_t *data, size_t size,
						   uint8_t out_psk_id[static MIGHTY_PSK_ID_SIZE]) {
	struct reader reader = reader_of(data, size);
	(void)reader_slice(&reader, REQUEST_PSK_ID);
	reader_bytes(&reader, out_psk_id, MIGHTY_PSK_ID_SIZE);
}

static void read_ciphers(struct reader *reader, struct mighty_client_hello *hello) {
	hello->cipher_count = reader_u8(reader);
	reader_expect(reader, hello->cipher_count > 0);
	reader_bytes(reader, hello->ciphers, hello->cipher_count);
}

static void read_flags(struct reader *reader) {
	const uint8_t flags = reader_u8(reader);
	reader_expect(reader, (flags & ~FLAG_POST_QUANTUM_REQUIRED) == 0);
	if (flags != 0)
		reader_fail(reader, ERR_UNSUPPORTED);
}

static void read_cookie(struct reader *reader, struct mighty_client_hello *hello) {
	const uint8_t size = reader_u8(reader);
	reader_expect(reader, size == 0 || size == sizeof hello->cookie);
	hello->has_cookie = size > 0;
	if (hello->has_cookie)
		reader_bytes(reader, hello->cookie, sizeof hello->cookie);
}

static void read_padding(struct reader *reader) {
	const size_t left = reader_left(reader);
	const struct slice zeros =
		reader_slice(reader, left - (left < MIGHTY_MAC_SIZE ? left : MIGHTY_MAC_SIZE));
	reader_expect(reader, wipe_is_zero(zeros.data, zeros.size));
}

enum err mighty_decode_client_hello(const uint8_t *data, size_t size,
									struct mighty_client_hello *out_hello) {
	struct reader reader = reader_of(data, size);
	struct mighty_client_hello hello = {0};
	(void)expect_header(&reader, MIGHTY_REQUEST);
	hello.session_id = reader_u16_be(&reader);
	reader_expect(&reader, hello.session_id != 0);
	reader_bytes(&reader, hello.instance, sizeof hello.instance);
	reader_bytes(&reader, hello.random, sizeof hello.random);
	reader_bytes(&reader, hello.key, sizeof hello.key);
	hello.time = reader_u64_be(&reader);
	reader_bytes(&reader, hello.psk_id, sizeof hello.psk_id);
	read_ciphers(&reader, &hello);
	read_flags(&reader);
	read_cookie(&reader, &hello);
	read_padding(&reader);
	reader_bytes(&reader, hello.mac, sizeof hello.mac);
	enum err error = reader_finish(&reader);
	if (!error)
		*out_hello = hello;
	return error;
}

enum err mighty_encode_client_hello(const struct mighty_client_hello *hello,
									uint8_t out_data[static MIGHTY_CLIENT_HELLO_SIZE]) {
	if (hello->cipher_count == 0 || hello->cipher_count > MIGHTY_CIPHERS_MAX)
		return ERR_INVALID;
	struct writer writer = writer_of(out_data, MIGHTY_CLIENT_HELLO_SIZE);
	put_header(&writer, MIGHTY_REQUEST, 0, MIGHTY_CLIENT_HELLO_SIZE);
	writer_u16_be(&writer, hello->session_id);
	writer_bytes(&writer, hello->instance, sizeof hello->instance);
	writer_bytes(&writer, hello->random, sizeof hello->random);
	writer_bytes(&writer, hello->key, sizeof hello->key);
	writer_u64_be(&writer, hello->time);
	writer_bytes(&writer, hello->psk_id, sizeof hello->psk_id);
	writer_u8(&writer, (uint8_t)hello->cipher_count);
	writer_bytes(&writer, hello->ciphers, hello->cipher_count);
	writer_u8(&writer, 0);
	writer_u8(&writer, hello->has_cookie ? sizeof hello->cookie : 0);
	if (hello->has_cookie)
		writer_bytes(&writer, hello->cookie, sizeof hello->cookie);
	writer_zeros(&writer, MIGHTY_CLIENT_HELLO_SIZE - MIGHTY_MAC_SIZE - writer_size(&writer));
	writer_bytes(&writer, hello->mac, sizeof hello->mac);
	return writer.error;
}

enum { ANSWER_HELLO = 0, ANSWER_COOKIE = 1 };

bool mighty_is_cookie_answer(const uint8_t *data, size_t size) {
	struct reader reader = reader_of(data, size);
	(void)expect_header(&reader, MIGHTY_RESPONSE);
	return reader_u8(&reader) == ANSWER_COOKIE && !reader.error;
}

/*
 *   0        12   13           15        47    79         80       112        124       140+n
 *   | header | 00 | session id | random  | key | cipher 1 | mac 32 | nonce 12 | sealed n + tag 16 |
 */
enum err mighty_decode_server_hello(const uint8_t *data, size_t size,
									struct mighty_server_hello *out_hello) {
	struct reader reader = reader_of(data, size);
	struct mighty_server_hello hello = {0};
	hello.receiver = expect_header(&reader, MIGHTY_RESPONSE);
	reader_expect(&reader, reader_u8(&reader) == ANSWER_HELLO);
	hello.session_id = reader_u16_be(&reader);
	reader_expect(&reader, hello.session_id != 0);
	reader_bytes(&reader, hello.random, sizeof hello.random);
	reader_bytes(&reader, hello.key, sizeof hello.key);
	hello.cipher = reader_u8(&reader);
	reader_bytes(&reader, hello.mac, sizeof hello.mac);
	reader_bytes(&reader, hello.nonce, sizeof hello.nonce);
	hello.sealed = reader_slice(&reader, reader_left(&reader));
	if (hello.sealed.size < AEAD_TAG_SIZE)
		reader_fail(&reader, ERR_TRUNCATED);
	enum err error = reader_finish(&reader);
	if (!error)
		*out_hello = hello;
	return error;
}

enum err mighty_encode_server_hello(const struct mighty_server_hello *hello, uint8_t *out_data,
									size_t room, size_t *out_size) {
	const size_t size = MIGHTY_SERVER_HELLO_OVERHEAD - AEAD_TAG_SIZE + hello->sealed.size;
	if (hello->sealed.size < AEAD_TAG_SIZE)
		return ERR_INVALID;
	if (size > MIGHTY_SERVER_HELLO_SIZE_MAX)
		return ERR_LIMIT;
	struct writer writer = writer_of(out_data, room);
	put_header(&writer, MIGHTY_RESPONSE, hello->receiver, size);
	writer_u8(&writer, ANSWER_HELLO);
	writer_u16_be(&writer, hello->session_id);
	writer_bytes(&writer, hello->random, sizeof hello->random);
	writer_bytes(&writer, hello->key, sizeof hello->key);
	writer_u8(&writer, hello->cipher);
	writer_bytes(&writer, hello->mac, sizeof hello->mac);
	writer_bytes(&writer, hello->nonce, sizeof hello->nonce);
	writer_bytes(&writer, hello->sealed.data, hello->sealed.size);
	return writer_finish(&writer, out_size);
}

/*
 *   0        12   13        45       77
 *   | header | 01 | cookie  | mac 32 |
 */
enum err mighty_decode_cookie_answer(const uint8_t *data, size_t size,
									 struct mighty_cookie_answer *out_answer) {
	struct reader reader = reader_of(data, size);
	struct mighty_cookie_answer answer;
	answer.receiver = expect_header(&reader, MIGHTY_RESPONSE);
	reader_expect(&reader, reader_u8(&reader) == ANSWER_COOKIE);
	reader_bytes(&reader, answer.cookie, sizeof answer.cookie);
	reader_bytes(&reader, answer.mac, sizeof answer.mac);
	enum err error = reader_finish(&reader);
	if (!error)
		*out_answer = answer;
	return error;
}

void mighty_encode_cookie_answer(const struct mighty_cookie_answer *answer,
								 uint8_t out_data[static MIGHTY_COOKIE_ANSWER_SIZE]) {
	struct writer writer = writer_of(out_data, MIGHTY_COOKIE_ANSWER_SIZE);
	put_header(&writer, MIGHTY_RESPONSE, answer->receiver, MIGHTY_COOKIE_ANSWER_SIZE);
	writer_u8(&writer, ANSWER_COOKIE);
	writer_bytes(&writer, answer->cookie, sizeof answer->cookie);
	writer_bytes(&writer, answer->mac, sizeof answer->mac);
}

/*
 *   0        12         24                   72
 *   | header | nonce 12 | sealed 32 + tag 16 |
 */
enum err mighty_decode_finalize(const uint8_t *data, size_t size,
								struct mighty_finalize *out_finalize) {
	struct reader reader = reader_of(data, size);
	struct mighty_finalize finalize;
	finalize.receiver = expect_header(&reader, MIGHTY_COMPLETE);
	reader_bytes(&reader, finalize.nonce, sizeof finalize.nonce);
	reader_bytes(&reader, finalize.sealed, sizeof finalize.sealed);
	enum err error = reader_finish(&reader);
	if (!error)
		*out_finalize = finalize;
	return error;
}

void mighty_encode_finalize(const struct mighty_finalize *finalize,
							uint8_t out_data[static MIGHTY_FINALIZE_SIZE]) {
	struct writer writer = writer_of(out_data, MIGHTY_FINALIZE_SIZE);
	put_header(&writer, MIGHTY_COMPLETE, finalize->receiver, MIGHTY_FINALIZE_SIZE);
	writer_bytes(&writer, finalize->nonce, sizeof finalize->nonce);
	writer_bytes(&writer, finalize->sealed, sizeof finalize->sealed);
}
