#include "wire/phaze_hello.h"

#include "base/wipe.h"
#include "wire/cursor.h"

/*
 *   0        16       17         19           21
 *   | header | type 1 | length 2 | offset (0) | length bytes: the body
 */

/* Returns the receiver's session id. */
static uint32_t expect_front(struct reader *reader, enum phaze_message type) {
	struct phaze_header header = {0};
	const size_t size = reader_left(reader);
	const uint8_t *at = reader->at;
	reader_expect(reader, phaze_packet_decode(at, size, &header) == ERR_OK);
	reader_expect(reader, header.type == PHAZE_HANDSHAKE && header.sequence == 0);
	reader_skip(reader, PHAZE_HEADER_SIZE);
	reader_expect(reader, reader_u8(reader) == type);
	const uint16_t length = reader_u16_be(reader), offset = reader_u16_be(reader);
	reader_expect(reader, length == reader_left(reader) && offset == 0);
	return header.session_id;
}

static void put_front(struct writer *writer, enum phaze_message type, uint32_t receiver,
					  size_t size) {
	const struct phaze_header header = {.type = PHAZE_HANDSHAKE,
										.session_id = receiver,
										.length = (uint16_t)(size - PHAZE_HEADER_SIZE)};
	uint8_t bytes[PHAZE_HEADER_SIZE];
	phaze_packet_encode(&header, bytes);
	writer_bytes(writer, bytes, sizeof bytes);
	writer_u8(writer, (uint8_t)type);
	writer_u16_be(writer, (uint16_t)(size - PHAZE_PLAIN_FRONT));
	writer_u16_be(writer, 0);
}

enum phaze_message phaze_hello_classify(const uint8_t *data, size_t size) {
	for (enum phaze_message type = PHAZE_CLIENT_HELLO; type <= PHAZE_SERVER_HELLO; type++) {
		struct reader reader = reader_of(data, size);
		const uint32_t receiver = expect_front(&reader, type);
		if (!reader.error && (receiver == 0) == (type == PHAZE_CLIENT_HELLO))
			return type;
	}
	return 0;
}

void phaze_hello_parts(const uint8_t *data, size_t size, struct slice out_parts[static 2]) {
	out_parts[0] = slice_of(data + PHAZE_HEADER_SIZE, PHAZE_TRANSCRIPT_HEAD_SIZE);
	out_parts[1] = slice_of(data + PHAZE_PLAIN_FRONT, size - PHAZE_PLAIN_FRONT);
}

/*
 *   0       21           25       57    89      90    91          91+n  92+n
 *   | front | session id | random | key | flags | n 1 | ciphers n | c 1 | cookie c |
 *                                                                         (0 or 32)
 *   92+n+c
 *   | ticket id 16 | zeros | binder 32 |    1200 in all; without flag TICKET: zeros alone
 */
enum {
	FLAG_AES = 1 << 0,
	FLAG_TICKET = 1 << 1,
	FLAG_POST_QUANTUM_REQUIRED = 1 << 2, /* reserved: nobody can yet do as it says */
	FLAGS = FLAG_AES | FLAG_TICKET | FLAG_POST_QUANTUM_REQUIRED,
};

static void read_flags(struct reader *reader, struct phaze_client_hello *hello) {
	const uint8_t flags = reader_u8(reader);
	reader_expect(reader, (flags & ~FLAGS) == 0);
	if (flags & FLAG_POST_QUANTUM_REQUIRED)
		reader_fail(reader, ERR_UNSUPPORTED);
	hello->aes = flags & FLAG_AES;
	hello->has_ticket = flags & FLAG_TICKET;
}

static void read_ciphers(struct reader *reader, struct phaze_client_hello *hello) {
	hello->cipher_count = reader_u8(reader);
	reader_expect(reader, hello->cipher_count > 0);
	reader_bytes(reader, hello->ciphers, hello->cipher_count);
}

static void read_cookie(struct reader *reader, struct phaze_client_hello *hello) {
	const uint8_t size = reader_u8(reader);
	reader_expect(reader, size == 0 || size == sizeof hello->cookie);
	hello->has_cookie = size > 0;
	if (hello->has_cookie)
		reader_bytes(reader, hello->cookie, sizeof hello->cookie);
}

/* Up to so many bytes before the end. */
static void read_zeros(struct reader *reader, size_t behind) {
	const size_t left = reader_left(reader);
	const struct slice zeros = reader_slice(reader, left - (left < behind ? left : behind));
	reader_expect(reader, wipe_is_zero(zeros.data, zeros.size));
}

enum err phaze_hello_decode_client(const uint8_t *data, size_t size,
								   struct phaze_client_hello *out_hello) {
	struct reader reader = reader_of(data, size);
	struct phaze_client_hello hello = {0};
	reader_expect(&reader, expect_front(&reader, PHAZE_CLIENT_HELLO) == 0);
	hello.session_id = reader_u32_be(&reader);
	reader_expect(&reader, hello.session_id != 0);
	reader_bytes(&reader, hello.random, sizeof hello.random);
	reader_bytes(&reader, hello.key, sizeof hello.key);
	read_flags(&reader, &hello);
	read_ciphers(&reader, &hello);
	read_cookie(&reader, &hello);
	if (hello.has_ticket)
		reader_bytes(&reader, hello.ticket_id, sizeof hello.ticket_id);
	read_zeros(&reader, hello.has_ticket ? sizeof hello.binder : 0);
	if (hello.has_ticket)
		reader_bytes(&reader, hello.binder, sizeof hello.binder);
	enum err error = reader_finish(&reader);
	if (!error)
		*out_hello = hello;
	return error;
}

enum err phaze_hello_encode_client(const struct phaze_client_hello *hello,
								   uint8_t out_data[static PHAZE_CLIENT_HELLO_SIZE]) {
	if (hello->cipher_count == 0 || hello->cipher_count > PHAZE_CIPHERS_MAX)
		return ERR_INVALID;
	const size_t last = hello->has_ticket ? sizeof hello->binder : 0;
	struct writer writer = writer_of(out_data, PHAZE_CLIENT_HELLO_SIZE);
	put_front(&writer, PHAZE_CLIENT_HELLO, 0, PHAZE_CLIENT_HELLO_SIZE);
	writer_u32_be(&writer, hello->session_id);
	writer_bytes(&writer, hello->random, sizeof hello->random);
	writer_bytes(&writer, hello->key, sizeof hello->key);
	writer_u8(&writer,
			  (uint8_t)((hello->aes ? FLAG_AES : 0) | (hello->has_ticket ? FLAG_TICKET : 0)));
	writer_u8(&writer, (uint8_t)hello->cipher_count);
	writer_bytes(&writer, hello->ciphers, hello->cipher_count);
	writer_u8(&writer, hello->has_cookie ? sizeof hello->cookie : 0);
	if (hello->has_cookie)
		writer_bytes(&writer, hello->cookie, sizeof hello->cookie);
	if (hello->has_ticket)
		writer_bytes(&writer, hello->ticket_id, sizeof hello->ticket_id);
	writer_zeros(&writer, PHAZE_CLIENT_HELLO_SIZE - last - writer_size(&writer));
	writer_bytes(&writer, hello->binder, last);
	return writer.error;
}

/*
 *   0       21               53          85
 *   | front | client random  | cookie 32 |
 */
enum err phaze_hello_decode_retry(const uint8_t *data, size_t size, struct phaze_retry *out_retry) {
	struct reader reader = reader_of(data, size);
	struct phaze_retry retry = {.receiver = expect_front(&reader, PHAZE_RETRY)};
	reader_bytes(&reader, retry.random, sizeof retry.random);
	reader_bytes(&reader, retry.cookie, sizeof retry.cookie);
	enum err error = reader_finish(&reader);
	if (!error)
		*out_retry = retry;
	return error;
}

void phaze_hello_encode_retry(const struct phaze_retry *retry,
							  uint8_t out_data[static PHAZE_RETRY_SIZE]) {
	struct writer writer = writer_of(out_data, PHAZE_RETRY_SIZE);
	put_front(&writer, PHAZE_RETRY, retry->receiver, PHAZE_RETRY_SIZE);
	writer_bytes(&writer, retry->random, sizeof retry->random);
	writer_bytes(&writer, retry->cookie, sizeof retry->cookie);
}

/*
 *   0       21           25       57    89         90      91
 *   | front | session id | random | key | cipher 1 | flags |
 */
enum { FLAG_TICKET_ACCEPTED = 1 << 0 };

enum err phaze_hello_decode_server(const uint8_t *data, size_t size,
								   struct phaze_server_hello *out_hello) {
	struct reader reader = reader_of(data, size);
	struct phaze_server_hello hello = {.receiver = expect_front(&reader, PHAZE_SERVER_HELLO)};
	hello.session_id = reader_u32_be(&reader);
	reader_expect(&reader, hello.session_id != 0);
	reader_bytes(&reader, hello.random, sizeof hello.random);
	reader_bytes(&reader, hello.key, sizeof hello.key);
	hello.cipher = reader_u8(&reader);
	const uint8_t flags = reader_u8(&reader);
	reader_expect(&reader, (flags & ~FLAG_TICKET_ACCEPTED) == 0);
	hello.ticket_accepted = flags & FLAG_TICKET_ACCEPTED;
	enum err error = reader_finish(&reader);
	if (!error)
		*out_hello = hello;
	return error;
}

void phaze_hello_encode_server(const struct phaze_server_hello *hello,
							   uint8_t out_data[static PHAZE_SERVER_HELLO_SIZE]) {
	struct writer writer = writer_of(out_data, PHAZE_SERVER_HELLO_SIZE);
	put_front(&writer, PHAZE_SERVER_HELLO, hello->receiver, PHAZE_SERVER_HELLO_SIZE);
	writer_u32_be(&writer, hello->session_id);
	writer_bytes(&writer, hello->random, sizeof hello->random);
	writer_bytes(&writer, hello->key, sizeof hello->key);
	writer_u8(&writer, hello->cipher);
	writer_u8(&writer, hello->ticket_accepted ? FLAG_TICKET_ACCEPTED : 0);
}
