#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/wipe.h"
#include "handshake/phaze_flight.h"

static void count_fill(void *context, void *out_data, size_t size) {
	memset(out_data, ++*(uint8_t *)context, size);
}

/* Every piece is a packet of its own: its own sequence, its own nonce. */
static void messages_are_sealed_in_pieces(void **state) {
	static uint8_t body[PHAZE_BODY_SIZE_MAX];
	static const size_t lengths[] = {0, 1, 1100, 1101, PHAZE_BODY_SIZE_MAX};
	uint8_t draws = 0;
	const struct random_source random = {count_fill, &draws};
	struct phaze_sealer sealer = {.algorithm = AEAD_AES_256_GCM, .receiver = 0xa1b2c3d4};
	memset(sealer.key, 5, sizeof sealer.key);
	for (size_t i = 0; i < sizeof body; i++)
		body[i] = (uint8_t)(i / 256 + i);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct phaze_flight flight = {0};
		struct slice packet;
		const uint32_t before = sealer.sequence;
		size_t done = 0, count = 0;
		assert_int_equal(phaze_flight_seal(&flight, &sealer, &random, PHAZE_CLIENT_AUTH,
										   slice_of(body, lengths[i])),
						 ERR_OK);
		assert_int_equal(flight.size, phaze_flight_sealed_size(lengths[i]));
		while (phaze_flight_peek(&flight, &packet)) {
			uint8_t plain[PHAZE_OPENED_SIZE];
			struct phaze_header header;
			struct phaze_piece piece;
			count++;
			assert_int_equal(phaze_packet_decode(packet.data, packet.size, &header), ERR_OK);
			assert_int_equal(header.type, PHAZE_HANDSHAKE);
			assert_int_equal(header.sequence, before + count);
			assert_int_equal(header.session_id, 0xa1b2c3d4);
			assert_int_equal(packet.data[PHAZE_HEADER_SIZE], before + count);
			assert_int_equal(phaze_flight_open(AEAD_AES_256_GCM, sealer.key, packet.data,
											   packet.size, plain, &piece),
							 ERR_OK);
			assert_int_equal(piece.offset, done);
			if (piece.bytes.size > 0)
				assert_memory_equal(piece.bytes.data, body + done, piece.bytes.size);
			done += piece.bytes.size;
			assert_int_equal(phaze_flight_open(AEAD_CHACHA20_POLY1305, sealer.key, packet.data,
											   packet.size, plain, &piece),
							 ERR_AUTHENTICATION);
			phaze_flight_skip(&flight, packet.size);
		}
		assert_int_equal(done, lengths[i]);
		assert_int_equal(count, phaze_piece_count(lengths[i]));
		phaze_flight_done(&flight);
		phaze_flight_done(&flight);
	}
	static uint8_t large[PHAZE_BODY_SIZE_MAX + 1];
	struct phaze_flight flight = {0};
	const uint32_t before = sealer.sequence;
	assert_int_equal(phaze_flight_seal(&flight, &sealer, &random, PHAZE_CLIENT_AUTH,
									   slice_of(large, sizeof large)),
					 ERR_LIMIT);
	assert_int_equal(sealer.sequence, before);
}

/* Sizes that no piece has are refused before any key is used. */
static void other_sizes_are_refused(void **state) {
	static const uint8_t packet[2000], key[AEAD_KEY_SIZE];
	uint8_t plain[PHAZE_OPENED_SIZE];
	struct phaze_piece piece;
	for (size_t size = 0; size < sizeof packet; size++)
		assert_int_equal(
			phaze_flight_open(AEAD_CHACHA20_POLY1305, key, packet, size, plain, &piece),
			ERR_AUTHENTICATION);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_sealed_in_pieces),
		cmocka_unit_test(other_sizes_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
