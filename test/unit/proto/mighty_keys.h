#pragma once

/* Pre-shared keys for texts: of a byte repeated, with the identity that belongs to it. */

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "handshake/mighty.h"

struct mighty_key {
	uint8_t identity[HASH_SIZE];
	char id[2 * HASH_SIZE + 1], secret[2 * MIGHTY_PSK_SIZE + 1]; /* in hexadecimal */
};

static inline struct mighty_key mighty_key_of(unsigned number) {
	struct mighty_key key;
	struct mighty_psk psk;
	uint8_t secret[MIGHTY_PSK_SIZE] = {(uint8_t)number, (uint8_t)(number >> 8), 1};
	if (mighty_psk_init(&psk, secret))
		abort();
	memcpy(key.identity, psk.identity, HASH_SIZE);
	text_hex_encode(psk.identity, HASH_SIZE, key.id);
	text_hex_encode(secret, MIGHTY_PSK_SIZE, key.secret);
	return key;
}
