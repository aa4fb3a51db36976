#include "stream/cipher.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "crypto/hash.h"
#include "crypto/keystream.h"
#include "crypto/noise.h"
#include "wire/cursor.h"
#include "wire/stream_frame.h"

enum {
	MASK_SIZE = CIPHER_LENGTH_SIZE,
	MASK_BLOCKS = 4, /* of the keystream at a time */
	MASK_FRAMES = MASK_BLOCKS * KEYSTREAM_BLOCK_SIZE / MASK_SIZE,
	/* A KEY_UPDATE is never larger, whatever it is padded with. */
	KEY_UPDATE_SIZE_MAX = STREAM_FRAME_HEADER_SIZE + STREAM_FRAME_PADDING_MAX,
};

/* As many as the keystream has masks for. */
#define FRAMES_LIMIT ((UINT64_C(1) << 32) * KEYSTREAM_BLOCK_SIZE / MASK_SIZE)

const struct cipher_rules cipher_rules = {
	.rekey_frames = UINT64_C(1) << 32,
	.rekey_age = 24 * 3600 * CLOCK_SECOND,
	.frames_max = UINT64_C(1) << 33,
};

struct cipher {
	const struct aead_backend *backend;
	const struct cipher_rules *rules;
	struct aead_key key;
	uint8_t length_key[AEAD_KEY_SIZE];
	uint8_t handshake_hash[HASH_SIZE];
	uint64_t number; /* of the next frame */
	uint64_t keyed;  /* when the key was new */
	/* The masks of frames from window × MASK_FRAMES on; none yet: UINT64_MAX. */
	uint64_t window;
	uint8_t masks[MASK_FRAMES][MASK_SIZE];
	enum err failed; /* for good */
	/* The beginning of a frame that was not whole in what came. */
	uint8_t *gathered;
	size_t gathered_size, gathered_room;
};

/* Key, length key and numbers anew; on failure nothing has changed. */
static enum err take_key(struct cipher *cipher, const uint8_t bytes[static AEAD_KEY_SIZE]) {
	struct {
		struct aead_key key;
		uint8_t length_key[AEAD_KEY_SIZE];
	} scratch = {0};
	WIPE_ON_EXIT(scratch);
	enum err error =
		hash_hkdf(HASH_SHA256, slice_of(cipher->handshake_hash, sizeof cipher->handshake_hash),
				  slice_of(bytes, AEAD_KEY_SIZE), slice_of_text(STREAM_FRAME_LENGTH_LABEL),
				  scratch.length_key, sizeof scratch.length_key);
	if (error == ERR_OK)
		error = aead_key_init(&scratch.key, cipher->backend, AEAD_CHACHA20_POLY1305, bytes);
	if (error != ERR_OK)
		return error;
	aead_key_done(&cipher->key);
	cipher->key = scratch.key;
	memcpy(cipher->length_key, scratch.length_key, sizeof cipher->length_key);
	cipher->number = 0;
	cipher->window = UINT64_MAX;
	return ERR_OK;
}

enum err cipher_new(const struct cipher_setup *setup, uint64_t now, struct cipher **out_cipher) {
	if (setup->rules->frames_max > FRAMES_LIMIT)
		return ERR_INVALID;
	struct cipher *cipher = calloc(1, sizeof *cipher);
	if (cipher == NULL)
		return ERR_NO_MEMORY;
	cipher->backend = setup->backend;
	cipher->rules = setup->rules;
	cipher->keyed = now;
	memcpy(cipher->handshake_hash, setup->handshake_hash, sizeof cipher->handshake_hash);
	enum err error = take_key(cipher, setup->key);
	if (error != ERR_OK) {
		cipher_free(cipher);
		return error;
	}
	*out_cipher = cipher;
	return ERR_OK;
}

void cipher_free(struct cipher *cipher) {
	if (cipher == NULL)
		return;
	aead_key_done(&cipher->key);
	wipe(cipher->gathered, cipher->gathered_room);
	free(cipher->gathered);
	wipe(cipher, sizeof *cipher);
	free(cipher);
}

static enum err next_key(struct cipher *cipher) {
	struct {
		uint8_t key[AEAD_KEY_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	memcpy(scratch.key, cipher->key.bytes, sizeof scratch.key);
	enum err error = noise_rekey(scratch.key);
	return error != ERR_OK ? error : take_key(cipher, scratch.key);
}

enum err cipher_rekey(struct cipher *cipher, uint64_t now) {
	if (cipher->failed)
		return cipher->failed;
	cipher->failed = next_key(cipher);
	if (!cipher->failed)
		cipher->keyed = now;
	return cipher->failed;
}

bool cipher_is_rekey_due(const struct cipher *cipher, uint64_t now) {
	return cipher->number >= cipher->rules->rekey_frames || now >= cipher_rekey_time(cipher);
}

uint64_t cipher_rekey_time(const struct cipher *cipher) {
	return cipher->keyed + cipher->rules->rekey_age;
}

/* The mask of the frame of that number under the present key. */
static enum err mask_of(struct cipher *cipher, uint64_t number, uint16_t *out_mask) {
	uint64_t window = number / MASK_FRAMES;
	if (window != cipher->window) {
		cipher->window = UINT64_MAX;
		enum err error = keystream_chacha20(cipher->length_key, (uint32_t)(window * MASK_BLOCKS),
											cipher->masks[0], sizeof cipher->masks);
		if (error != ERR_OK)
			return error;
		cipher->window = window;
	}
	struct reader reader = reader_of(cipher->masks[number % MASK_FRAMES], MASK_SIZE);
	*out_mask = reader_u16_be(&reader);
	return ERR_OK;
}

/* The job of the frame of size bytes that lies at at, its length in front; in place. */
static struct aead_job job_of(const struct cipher *cipher, uint8_t *at, size_t size,
							  uint64_t number) {
	struct aead_job job = {
		.key = &cipher->key,
		.source = at + CIPHER_LENGTH_SIZE,
		.destination = at + CIPHER_LENGTH_SIZE,
		.associated_data = at,
		.associated_data_size = CIPHER_LENGTH_SIZE,
		.size = (uint32_t)size,
	};
	struct writer writer = writer_of(job.nonce, sizeof job.nonce);
	writer_zeros(&writer, sizeof job.nonce - sizeof number);
	writer_u64_le(&writer, number);
	return job;
}

/* At most CIPHER_BATCH_MAX frames; out_end is behind the last. */
static enum err seal_batch(struct cipher *cipher, struct aead_worker *worker, uint8_t *data,
						   const size_t *sizes, size_t count, uint8_t **out_end) {
	struct aead_job jobs[CIPHER_BATCH_MAX];
	for (size_t i = 0; i < count; i++) {
		uint16_t mask;
		enum err error = mask_of(cipher, cipher->number + i, &mask);
		if (error != ERR_OK)
			return error;
		struct writer writer = writer_of(data, CIPHER_LENGTH_SIZE);
		writer_u16_be(&writer, (uint16_t)(sizes[i] ^ mask));
		jobs[i] = job_of(cipher, data, sizes[i], cipher->number + i);
		data += sizes[i] + CIPHER_OVERHEAD;
	}
	enum err error = aead_seal_many(worker, jobs, count);
	if (error != ERR_OK)
		return error;
	cipher->number += count;
	*out_end = data;
	return ERR_OK;
}

enum err cipher_seal(struct cipher *cipher, struct aead_worker *worker, uint8_t *data,
					 const size_t *sizes, size_t count) {
	if (cipher->failed)
		return cipher->failed;
	for (size_t i = 0; i < count; i++)
		if (sizes[i] < STREAM_FRAME_HEADER_SIZE || sizes[i] > STREAM_FRAME_SIZE_MAX)
			return ERR_INVALID;
	if (cipher->number > cipher->rules->frames_max ||
		count > cipher->rules->frames_max - cipher->number)
		return ERR_EXPIRED;
	for (size_t done = 0, part; done < count && !cipher->failed; done += part) {
		part = count - done < CIPHER_BATCH_MAX ? count - done : CIPHER_BATCH_MAX;
		cipher->failed = seal_batch(cipher, worker, data, sizes + done, part, &data);
	}
	return cipher->failed;
}

/* Frames that are about to be opened, numbered from the cipher's number on. */
struct batch {
	struct aead_job jobs[CIPHER_BATCH_MAX];
	size_t ends[CIPHER_BATCH_MAX]; /* in the caller's data */
	size_t count;
	bool is_full;
};

/* The size on the carrier of the frame that begins at at, of which the length is there. */
static enum err size_at(struct cipher *cipher, const uint8_t *at, uint64_t number,
						size_t *out_size) {
	uint16_t mask;
	enum err error = mask_of(cipher, number, &mask);
	if (error != ERR_OK)
		return error;
	struct reader reader = reader_of(at, CIPHER_LENGTH_SIZE);
	*out_size = (size_t)(reader_u16_be(&reader) ^ mask) + CIPHER_OVERHEAD;
	return ERR_OK;
}

static void batch_add(struct batch *batch, const struct cipher *cipher, uint8_t *at, size_t size,
					  size_t end) {
	size_t plain = size - CIPHER_OVERHEAD;
	batch->jobs[batch->count] = job_of(cipher, at, plain, cipher->number + batch->count);
	batch->ends[batch->count] = end;
	batch->count++;
	/*
	 * What could be a KEY_UPDATE ends the batch: what follows it has another key, and its length
	 * another mask. There is no telling before it is open, and opening with the wrong key destroys.
	 */
	batch->is_full = batch->count == CIPHER_BATCH_MAX || plain <= KEY_UPDATE_SIZE_MAX ||
					 cipher->number + batch->count >= cipher->rules->frames_max;
}

/* Appends to what is gathered, up to size in all. */
static enum err gather(struct cipher *cipher, size_t size, const uint8_t **data,
					   const uint8_t *end) {
	if (size > cipher->gathered_room) {
		uint8_t *larger = malloc(size);
		if (larger == NULL)
			return ERR_NO_MEMORY;
		if (cipher->gathered_size > 0)
			memcpy(larger, cipher->gathered, cipher->gathered_size);
		wipe(cipher->gathered, cipher->gathered_room);
		free(cipher->gathered);
		cipher->gathered = larger;
		cipher->gathered_room = size;
	}
	size_t missing = size - cipher->gathered_size, left = (size_t)(end - *data);
	size_t part = missing < left ? missing : left;
	memcpy(cipher->gathered + cipher->gathered_size, *data, part);
	cipher->gathered_size += part;
	*data += part;
	return ERR_OK;
}

/* Goes on with the frame that is gathered; out_size is its size once it is whole, or 0. */
static enum err gather_frame(struct cipher *cipher, const uint8_t **data, const uint8_t *end,
							 size_t *out_size) {
	enum err error = ERR_OK;
	*out_size = 0;
	if (cipher->gathered_size < CIPHER_LENGTH_SIZE)
		error = gather(cipher, CIPHER_LENGTH_SIZE, data, end);
	if (error != ERR_OK || cipher->gathered_size < CIPHER_LENGTH_SIZE)
		return error;
	size_t size;
	error = size_at(cipher, cipher->gathered, cipher->number, &size);
	if (error == ERR_OK)
		error = gather(cipher, size, data, end);
	if (error == ERR_OK && cipher->gathered_size == size)
		*out_size = size;
	return error;
}

/* The frames that are whole, first the gathered one; where there is none, all is gathered. */
static enum err collect(struct cipher *cipher, uint8_t *data, size_t size, struct batch *batch) {
	size_t at = 0, frame;
	if (cipher->gathered_size > 0) {
		const uint8_t *next = data;
		enum err error = gather_frame(cipher, &next, data + size, &frame);
		if (error != ERR_OK || frame == 0)
			return error;
		at = (size_t)(next - data);
		batch_add(batch, cipher, cipher->gathered, frame, at);
	}
	while (!batch->is_full && size - at >= CIPHER_LENGTH_SIZE) {
		enum err error = size_at(cipher, data + at, cipher->number + batch->count, &frame);
		if (error != ERR_OK)
			return error;
		if (frame > size - at)
			break;
		batch_add(batch, cipher, data + at, frame, at + frame);
		at += frame;
	}
	if (batch->count > 0 || at == size)
		return ERR_OK;
	const uint8_t *next = data;
	return gather_frame(cipher, &next, data + size, &frame);
}

static bool is_key_update(struct slice frame) {
	struct reader reader = reader_of(frame.data, frame.size);
	return frame.size <= KEY_UPDATE_SIZE_MAX && reader_u8(&reader) == STREAM_FRAME_KEY_UPDATE;
}

enum err cipher_open(struct cipher *cipher, struct aead_worker *worker, uint8_t *data, size_t size,
					 struct cipher_frames *out_frames) {
	if (!cipher->failed && cipher->number >= cipher->rules->frames_max && size > 0)
		cipher->failed = ERR_EXPIRED;
	if (cipher->failed)
		return cipher->failed;
	struct batch batch = {.count = 0};
	struct cipher_frames found = {.used = size};
	if (size > 0)
		cipher->failed = collect(cipher, data, size, &batch);
	if (cipher->failed)
		return cipher->failed;
	if (batch.count > 0) {
		aead_open_many(worker, batch.jobs, batch.count);
		cipher->gathered_size = 0;
	}
	for (size_t i = 0; i < batch.count && !cipher->failed; i++) {
		const struct aead_job *job = &batch.jobs[i];
		if (!job->ok || job->size < STREAM_FRAME_HEADER_SIZE) {
			cipher->failed = ERR_AUTHENTICATION;
			break;
		}
		found.frames[found.count++] = slice_of(job->destination, job->size);
		found.used = batch.ends[i];
	}
	if (cipher->failed && found.count == 0)
		return cipher->failed;
	cipher->number += found.count;
	if (!cipher->failed && found.count > 0 && is_key_update(found.frames[found.count - 1])) {
		cipher->failed = next_key(cipher);
		if (cipher->failed)
			return cipher->failed;
	}
	*out_frames = found;
	return ERR_OK;
}
