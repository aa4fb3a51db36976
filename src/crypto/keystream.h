#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "crypto/sizes.h"

/*
 * The keystream of ChaCha20 (RFC 8439 section 2.4) with a zero nonce, from the start of block
 * first_block on (64 bytes each). For masking what is authenticated elsewhere: a key serves one
 * purpose, and no byte of its stream twice. Its 2^32 blocks may not be run beyond: ERR_INVALID.
 */
enum err keystream_chacha20(const uint8_t key[static AEAD_KEY_SIZE], uint32_t first_block,
							uint8_t *out_data, size_t size);

enum { KEYSTREAM_BLOCK_SIZE = 64 };
