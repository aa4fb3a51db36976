/*
 * Packets of Mighty as they come: what classifies has a header that encodes to the same, what
 * decodes encodes to the same. The first byte chooses what the rest is taken for: a datagram, or
 * what was sealed in a keepalive.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "wire/keepalive.h"
#include "wire/mighty.h"

static void try_handshakes(const uint8_t *data, size_t size, enum mighty_type type) {
	static uint8_t again[MIGHTY_CLIENT_HELLO_SIZE];
	struct mighty_client_hello hello;
	struct mighty_server_hello answer;
	struct mighty_cookie_answer cookie;
	struct mighty_finalize finalize;
	size_t made = 0;
	if (!mighty_decode_client_hello(data, size, &hello)) {
		expect(type == MIGHTY_REQUEST && hello.session_id != 0 && hello.cipher_count > 0);
		expect(mighty_encode_client_hello(&hello, again) == ERR_OK);
		expect(memcmp(again, data, size) == 0);
	}
	if (!mighty_decode_server_hello(data, size, &answer)) {
		expect(type == MIGHTY_RESPONSE && !mighty_is_cookie_answer(data, size));
		expect(mighty_encode_server_hello(&answer, again, sizeof again, &made) == ERR_OK);
		expect(made == size && memcmp(again, data, size) == 0);
	}
	if (!mighty_decode_cookie_answer(data, size, &cookie)) {
		expect(type == MIGHTY_RESPONSE && mighty_is_cookie_answer(data, size));
		mighty_encode_cookie_answer(&cookie, again);
		expect(size == MIGHTY_COOKIE_ANSWER_SIZE && memcmp(again, data, size) == 0);
	}
	if (!mighty_decode_finalize(data, size, &finalize)) {
		expect(type == MIGHTY_COMPLETE);
		mighty_encode_finalize(&finalize, again);
		expect(size == MIGHTY_FINALIZE_SIZE && memcmp(again, data, size) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct mighty_header header;
	struct keepalive keepalive;
	uint8_t again[MIGHTY_HEADER_SIZE];
	if (size == 0)
		return 0;
	const uint8_t kind = *data++;
	size--;
	if (kind != 0) {
		if (!keepalive_decode(data, size, &keepalive)) {
			keepalive_encode(&keepalive, again);
			expect(size == KEEPALIVE_SIZE && memcmp(again, data, size) == 0);
		}
		return 0;
	}
	const enum mighty_type type = mighty_classify(data, size);
	expect((type == 0) == (mighty_decode_header(data, size, &header) != ERR_OK));
	if (type != 0) {
		expect(header.type == type && (size_t)header.length + MIGHTY_HEADER_SIZE == size);
		mighty_encode_header(&header, again);
		expect(memcmp(again, data, sizeof again) == 0);
	}
	try_handshakes(data, size, type);
	return 0;
}
