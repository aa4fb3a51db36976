#include "crypto/shared_key.h"

#include "base/slice.h"
#include "base/wipe.h"
#include "crypto/hash.h"

enum err shared_key_identity(const char *protocol, const uint8_t key[static SHARED_KEY_SIZE],
							 uint8_t out_identity[static HASH_SIZE]) {
	const struct slice parts[] = {slice_of_text(protocol), slice_of_text(" id"),
								  slice_of(key, SHARED_KEY_SIZE)};
	if (wipe_is_zero(key, SHARED_KEY_SIZE))
		return ERR_INVALID;
	return hash_digest(HASH_SHA256, parts, sizeof parts / sizeof parts[0], out_identity);
}
