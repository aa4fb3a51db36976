/*
 * The opener of frames, whose carrier's bytes come in any pieces and may be forged.
 *
 * Input: a byte of choices (the enum below), a byte for the pieces' sizes, two for the place of a
 * forgery; then frames of three bytes each, type and size (of which one below 0xc000 counts modulo
 * 1,024), which are sealed here, or, with RAW, the carrier's bytes themselves. Seeds are such
 * scripts; raw_vector is stream_cipher_wire of test/vectors/stream_cipher.h, whose key this opens
 * with.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../test/vectors/stream_cipher.h"
#include "expect.h"
#include "stream/cipher.h"
#include "wire/stream_frame.h"

enum {
	RAW = 1,
	FORGED = 2,
	WHOLE = 4, /* all at once instead of in pieces */
	HEAD_SIZE = 4,
	RECORD_SIZE = 3,
	FRAMES_MAX = 64,
	CARRIER_MAX = 4 * (STREAM_FRAME_SIZE_MAX + CIPHER_OVERHEAD),
	KEY_UPDATE_SIZE_MAX = STREAM_FRAME_HEADER_SIZE + STREAM_FRAME_PADDING_MAX,
};

static struct aead_worker *worker;
static uint8_t plain[CARRIER_MAX], carrier[CARRIER_MAX], opened[CARRIER_MAX], again[CARRIER_MAX];

static struct cipher *make(void) {
	struct cipher_setup setup = {.backend = aead_backend_find("openssl"), .rules = &cipher_rules};
	struct cipher *cipher = NULL;
	memcpy(setup.key, stream_cipher_key, sizeof setup.key);
	memcpy(setup.handshake_hash, stream_cipher_handshake_hash, sizeof setup.handshake_hash);
	expect(cipher_new(&setup, 0, &cipher) == ERR_OK);
	return cipher;
}

struct outcome {
	enum err error;
	size_t size, count; /* of what was opened */
};

/* Opens size bytes of the carrier; what comes out goes to out_plain. */
static struct outcome open_all(size_t size, uint8_t pieces, uint8_t *out_plain) {
	struct cipher *cipher = make();
	struct outcome outcome = {.error = ERR_OK};
	uint32_t seed = pieces;
	for (size_t at = 0, piece; at < size && !outcome.error; at += piece) {
		seed = seed * 1664525 + 1013904223;
		piece = pieces == 0 ? size : 1 + (seed >> 8) % (pieces < 128 ? pieces : 64U * pieces);
		piece = piece < size - at ? piece : size - at;
		uint8_t *copy = malloc(piece);
		expect(copy != NULL);
		memcpy(copy, carrier + at, piece);
		for (size_t used = 0; used < piece;) {
			struct cipher_frames found;
			outcome.error = cipher_open(cipher, worker, copy + used, piece - used, &found);
			if (outcome.error)
				break;
			expect(found.used <= piece - used && (found.count > 0 || found.used == piece - used));
			for (size_t i = 0; i < found.count; i++) {
				expect(found.frames[i].size >= STREAM_FRAME_HEADER_SIZE);
				memcpy(out_plain + outcome.size, found.frames[i].data, found.frames[i].size);
				outcome.size += found.frames[i].size;
			}
			outcome.count += found.count;
			used += found.used;
		}
		free(copy);
	}
	cipher_free(cipher);
	return outcome;
}

/* Seals the script; ends[i] is where frame i ends on the carrier. */
static size_t seal_script(const uint8_t *data, size_t size, size_t *out_plain_size,
						  size_t ends[static FRAMES_MAX], size_t *out_count) {
	struct cipher *cipher = make();
	size_t at = 0, plain_size = 0, count = 0;
	for (; size >= RECORD_SIZE && count < FRAMES_MAX; data += RECORD_SIZE, size -= RECORD_SIZE) {
		size_t frame = (size_t)(data[1] < 0xc0 ? data[1] & 0x03 : data[1]) << 8 | data[2];
		frame = frame < STREAM_FRAME_HEADER_SIZE ? STREAM_FRAME_HEADER_SIZE : frame;
		if (at + frame + CIPHER_OVERHEAD > CARRIER_MAX)
			break;
		uint8_t *place = carrier + at + CIPHER_LENGTH_SIZE;
		memset(place, data[2], frame);
		place[0] = data[0];
		memcpy(plain + plain_size, place, frame);
		expect(cipher_seal(cipher, worker, carrier + at, &frame, 1) == ERR_OK);
		if (data[0] == STREAM_FRAME_KEY_UPDATE && frame <= KEY_UPDATE_SIZE_MAX)
			expect(cipher_rekey(cipher, 0) == ERR_OK);
		plain_size += frame;
		at += frame + CIPHER_OVERHEAD;
		ends[count++] = at;
	}
	cipher_free(cipher);
	*out_plain_size = plain_size;
	*out_count = count;
	return at;
}

static void run_script(const uint8_t *head, const uint8_t *data, size_t size, uint8_t pieces) {
	size_t ends[FRAMES_MAX], plain_size, count, whole = 0;
	size_t sealed = seal_script(data, size, &plain_size, ends, &count);
	bool is_forged = (head[0] & FORGED) != 0 && sealed > 0;
	if (is_forged) {
		size_t place = ((size_t)head[2] << 8 | head[3]) % sealed;
		carrier[place] ^= (uint8_t)(1 << head[1] % 8);
		while (ends[whole] <= place)
			whole++;
	}
	struct outcome outcome = open_all(sealed, pieces, opened);
	expect(memcmp(opened, plain, outcome.size) == 0);
	expect(outcome.count == (is_forged ? whole : count));
	expect(is_forged || (outcome.error == ERR_OK && outcome.size == plain_size));
	/* Nothing yet: a longer frame seems to be coming. */
	expect(outcome.error == ERR_OK || outcome.error == ERR_AUTHENTICATION);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size < HEAD_SIZE || size > CARRIER_MAX)
		return 0;
	if (worker == NULL)
		expect(aead_worker_new(aead_backend_find("openssl"), &worker) == ERR_OK);
	const uint8_t *head = data;
	uint8_t pieces = (head[0] & WHOLE) != 0 ? 0 : head[1];
	data += HEAD_SIZE;
	size -= HEAD_SIZE;
	if ((head[0] & RAW) == 0) {
		run_script(head, data, size, pieces);
		return 0;
	}
	/* However it is cut, the same comes out. */
	memcpy(carrier, data, size);
	struct outcome whole = open_all(size, 0, opened);
	struct outcome cut = open_all(size, pieces, again);
	expect(whole.error == cut.error && whole.count == cut.count && whole.size == cut.size);
	expect(memcmp(opened, again, cut.size) == 0);
	return 0;
}
