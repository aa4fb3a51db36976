#include "crypto/hash.h"

#include <string.h>

#include "base/wipe.h"

enum { HKDF_BLOCKS_MAX = 255 };

enum err hash_hkdf_extract(enum hash_algorithm algorithm, struct slice salt, struct slice ikm,
						   uint8_t out_prk[static HASH_SIZE]) {
	return hash_hmac(algorithm, salt, &ikm, 1, out_prk);
}

enum err hash_hkdf_expand(enum hash_algorithm algorithm, const uint8_t prk[static HASH_SIZE],
						  struct slice info, uint8_t *out_data, size_t size) {
	if (size > (size_t)HKDF_BLOCKS_MAX * HASH_SIZE)
		return ERR_INVALID;
	struct {
		uint8_t block[HASH_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	uint8_t number = 1;
	for (size_t done = 0; done < size; done += HASH_SIZE, number++) {
		struct slice parts[] = {slice_of(scratch.block, done > 0 ? sizeof scratch.block : 0), info,
								slice_of(&number, sizeof number)};
		enum err error = hash_hmac(algorithm, slice_of(prk, HASH_SIZE), parts, 3, scratch.block);
		if (error != ERR_OK) {
			wipe(out_data, done); /* nobody shall take half a key for one */
			return error;
		}
		memcpy(out_data + done, scratch.block, size - done < HASH_SIZE ? size - done : HASH_SIZE);
	}
	return ERR_OK;
}

enum err hash_hkdf(enum hash_algorithm algorithm, struct slice salt, struct slice ikm,
				   struct slice info, uint8_t *out_data, size_t size) {
	struct {
		uint8_t prk[HASH_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	enum err error = hash_hkdf_extract(algorithm, salt, ikm, scratch.prk);
	return error != ERR_OK ? error : hash_hkdf_expand(algorithm, scratch.prk, info, out_data, size);
}
