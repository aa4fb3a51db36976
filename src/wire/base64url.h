#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/*
 * Bytes as text that a URL or a cookie may hold: RFC 4648 section 5, without padding. One text for
 * each sequence of bytes and no other: what the encoder would not write, the decoder refuses.
 *
 *   3 bytes   aaaaaabb bbbbcccc ccdddddd   four characters   a b c d
 *   2 bytes   aaaaaabb bbbbcc00            three             a b c
 *   1 byte    aaaaaabb 0000                two               a b
 *
 * It is for what crosses the network in clear; keys in files are base/text's.
 */

/* Characters of so many bytes, and bytes of so many characters. */
#define BASE64URL_TEXT_SIZE(size) ((4 * (size) + 2) / 3)
#define BASE64URL_DATA_SIZE(size) (3 * (size) / 4)

/* Writes the text and a NUL, which room counts and out_size does not. ERR_LIMIT. */
enum err base64url_encode(struct slice data, char *out_text, size_t room, size_t *out_size);

/* The whole text. ERR_MALFORMED, ERR_LIMIT where room is too small; then nothing is written. */
enum err base64url_decode(struct slice text, uint8_t *out_data, size_t room, size_t *out_size);
