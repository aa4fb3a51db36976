/* What is classified decodes and encodes to the same bytes; every decoder refuses all else. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "wire/wireguard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct wireguard_initiation initiation;
	struct wireguard_response response;
	struct wireguard_cookie_reply cookie_reply;
	struct wireguard_data transport;
	uint8_t again[WIREGUARD_INITIATION_SIZE]; /* the largest */
	size_t encoded = 0;

	enum wireguard_type type = wireguard_classify(data, size);
	bool is_initiation = !wireguard_decode_initiation(data, size, &initiation);
	bool is_response = !wireguard_decode_response(data, size, &response);
	bool is_cookie_reply = !wireguard_decode_cookie_reply(data, size, &cookie_reply);
	bool is_data = !wireguard_decode_data(data, size, &transport);
	expect(is_initiation == (type == WIREGUARD_INITIATION));
	expect(is_response == (type == WIREGUARD_RESPONSE));
	expect(is_cookie_reply == (type == WIREGUARD_COOKIE_REPLY));
	expect(is_data == (type == WIREGUARD_DATA));

	switch (type) {
	case WIREGUARD_INITIATION:
		wireguard_encode_initiation(&initiation, again);
		encoded = size;
		break;
	case WIREGUARD_RESPONSE:
		wireguard_encode_response(&response, again);
		encoded = size;
		break;
	case WIREGUARD_COOKIE_REPLY:
		wireguard_encode_cookie_reply(&cookie_reply, again);
		encoded = size;
		break;
	case WIREGUARD_DATA:
		wireguard_encode_data(&transport, again);
		encoded = WIREGUARD_DATA_HEADER_SIZE;
		break;
	}
	expect(encoded <= sizeof again);
	expect(encoded == 0 || memcmp(again, data, encoded) == 0);
	return 0;
}
