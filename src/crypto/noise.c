#include "crypto/noise.h"

#include <string.h>

#include "base/wipe.h"
#include "crypto/aead.h"
#include "crypto/x25519.h"

/* 2^64-1 is reserved for rekeying (section 5.1). */
#define COUNTER_RESERVED UINT64_MAX

enum err noise_init(struct noise *noise, enum hash_algorithm hash, struct slice protocol_name) {
	struct noise made = {.hash = hash};
	if (protocol_name.size > HASH_SIZE) {
		enum err error = hash_digest(hash, &protocol_name, 1, made.transcript);
		if (error != ERR_OK)
			return error;
	} else if (protocol_name.size > 0) {
		memcpy(made.transcript, protocol_name.data, protocol_name.size);
	}
	memcpy(made.chaining_key, made.transcript, sizeof made.chaining_key);
	*noise = made;
	return ERR_OK;
}

void noise_wipe(struct noise *noise) {
	if (noise != NULL)
		wipe(noise, sizeof *noise);
}

/* h after MixHash(data). */
static enum err transcript_with(const struct noise *noise, struct slice data,
								uint8_t out_transcript[static HASH_SIZE]) {
	struct slice parts[] = {slice_of(noise->transcript, sizeof noise->transcript), data};
	return hash_digest(noise->hash, parts, 2, out_transcript);
}

enum err noise_mix_hash(struct noise *noise, struct slice data) {
	uint8_t transcript[HASH_SIZE];
	enum err error = transcript_with(noise, data, transcript);
	if (error == ERR_OK)
		memcpy(noise->transcript, transcript, sizeof transcript);
	return error;
}

/* The HKDF of section 4.3: as many outputs of 32 bytes as asked for. */
static enum err derive(const struct noise *noise, struct slice input, uint8_t *out_keys,
					   size_t size) {
	return hash_hkdf(noise->hash, slice_of(noise->chaining_key, sizeof noise->chaining_key), input,
					 slice_of(NULL, 0), out_keys, size);
}

static void set_key(struct noise *noise, const uint8_t key[static AEAD_KEY_SIZE]) {
	memcpy(noise->key, key, AEAD_KEY_SIZE);
	noise->has_key = true;
	noise->counter = 0;
}

enum err noise_mix_key(struct noise *noise, struct slice input) {
	uint8_t scratch[2][HASH_SIZE];
	WIPE_ON_EXIT(scratch);
	enum err error = derive(noise, input, scratch[0], sizeof scratch);
	if (error != ERR_OK)
		return error;
	memcpy(noise->chaining_key, scratch[0], HASH_SIZE);
	set_key(noise, scratch[1]);
	return ERR_OK;
}

enum err noise_mix_key_and_hash(struct noise *noise, struct slice input) {
	struct {
		uint8_t keys[3][HASH_SIZE];
		uint8_t transcript[HASH_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	enum err error = derive(noise, input, scratch.keys[0], sizeof scratch.keys);
	if (error == ERR_OK)
		error = transcript_with(noise, slice_of(scratch.keys[1], HASH_SIZE), scratch.transcript);
	if (error != ERR_OK)
		return error;
	memcpy(noise->chaining_key, scratch.keys[0], HASH_SIZE);
	memcpy(noise->transcript, scratch.transcript, HASH_SIZE);
	set_key(noise, scratch.keys[2]);
	return ERR_OK;
}

enum err noise_mix_shared(struct noise *noise, const uint8_t private_key[static X25519_KEY_SIZE],
						  const uint8_t public_key[static X25519_KEY_SIZE]) {
	uint8_t shared[X25519_KEY_SIZE];
	WIPE_ON_EXIT(shared);
	enum err error = x25519_shared(private_key, public_key, shared);
	return error ? error : noise_mix_key(noise, slice_of(shared, sizeof shared));
}

enum err noise_seal(struct noise *noise, const void *plain, size_t size, uint8_t *out_sealed) {
	size_t sealed_size = size;
	if (noise->has_key) {
		if (noise->counter == COUNTER_RESERVED)
			return ERR_LIMIT;
		sealed_size += AEAD_TAG_SIZE;
		enum err error = aead_seal(noise->key, noise->counter, noise->transcript,
								   sizeof noise->transcript, plain, size, out_sealed);
		if (error != ERR_OK)
			return error;
	} else if (size > 0) {
		memmove(out_sealed, plain, size);
	}
	enum err error = noise_mix_hash(noise, slice_of(out_sealed, sealed_size));
	if (error == ERR_OK && noise->has_key)
		noise->counter++;
	return error;
}

enum err noise_open(struct noise *noise, const uint8_t *sealed, size_t size, void *out_plain) {
	if (noise->has_key && noise->counter == COUNTER_RESERVED)
		return ERR_LIMIT;
	/* Before opening, which may overwrite the sealed bytes and must be the last step to fail. */
	uint8_t transcript[HASH_SIZE];
	size_t sealed_size = noise->has_key ? size + AEAD_TAG_SIZE : size;
	enum err error = transcript_with(noise, slice_of(sealed, sealed_size), transcript);
	if (error != ERR_OK)
		return error;
	if (noise->has_key) {
		error = aead_open(noise->key, noise->counter, noise->transcript, sizeof noise->transcript,
						  sealed, size, out_plain);
		if (error != ERR_OK)
			return error;
		noise->counter++;
	} else if (size > 0) {
		memmove(out_plain, sealed, size);
	}
	memcpy(noise->transcript, transcript, sizeof transcript);
	return ERR_OK;
}

enum err noise_split(const struct noise *noise, uint8_t out_first[static AEAD_KEY_SIZE],
					 uint8_t out_second[static AEAD_KEY_SIZE]) {
	uint8_t scratch[2][HASH_SIZE];
	WIPE_ON_EXIT(scratch);
	enum err error = derive(noise, slice_of(NULL, 0), scratch[0], sizeof scratch);
	if (error != ERR_OK)
		return error;
	memcpy(out_first, scratch[0], AEAD_KEY_SIZE);
	memcpy(out_second, scratch[1], AEAD_KEY_SIZE);
	return ERR_OK;
}

enum err noise_rekey(uint8_t key[static AEAD_KEY_SIZE]) {
	static const uint8_t zeros[AEAD_KEY_SIZE];
	uint8_t scratch[AEAD_KEY_SIZE + AEAD_TAG_SIZE];
	WIPE_ON_EXIT(scratch);
	enum err error = aead_seal(key, COUNTER_RESERVED, NULL, 0, zeros, sizeof zeros, scratch);
	if (error == ERR_OK)
		memcpy(key, scratch, AEAD_KEY_SIZE);
	return error;
}
