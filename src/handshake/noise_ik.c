#include "handshake/noise_ik.h"

#include <string.h>

#include "base/wipe.h"
#include "crypto/x25519.h"
#include "wire/cursor.h"

#define PROTOCOL_NAME "Noise_IK_25519_ChaChaPoly_SHA256"

/* Steps are chained with ?: from left to right; the first error ends the chain. */

static struct slice key_slice(const uint8_t key[static X25519_KEY_SIZE]) {
	return slice_of(key, X25519_KEY_SIZE);
}

static enum err begin(struct noise *noise, struct slice prologue,
					  const uint8_t responder[static X25519_KEY_SIZE]) {
	return noise_init(noise, HASH_SHA256, slice_of_text(PROTOCOL_NAME))
			   ?: noise_mix_hash(noise, prologue)
			   ?: noise_mix_hash(noise, key_slice(responder));
}

/*
 * noise_mix_shared() of what a stranger sent. After a failure there is a key as well, but one that
 * nobody else can know, so that nothing opens with it.
 */
static enum err mix_shared_anyway(struct noise *noise,
								  const uint8_t private_key[static X25519_KEY_SIZE],
								  const uint8_t public_key[static X25519_KEY_SIZE]) {
	uint8_t shared[X25519_KEY_SIZE];
	WIPE_ON_EXIT(shared);
	memcpy(shared, private_key, sizeof shared);
	enum err failed = x25519_shared(private_key, public_key, shared);
	enum err error = noise_mix_key(noise, key_slice(shared));
	return failed ?: error;
}

static enum err room_for(size_t overhead, size_t payload, size_t room) {
	if (payload > NOISE_IK_MESSAGE_MAX - overhead || room < overhead + payload)
		return ERR_LIMIT;
	return ERR_OK;
}

static enum err split(const struct noise *noise, struct noise_ik_keys *keys) {
	memcpy(keys->hash, noise->transcript, sizeof keys->hash);
	return noise_split(noise, keys->initiator, keys->responder);
}

enum err noise_ik_identity_init(struct noise_ik_identity *identity,
								const uint8_t private_key[static X25519_KEY_SIZE]) {
	if (wipe_is_zero(private_key, X25519_KEY_SIZE))
		return ERR_INVALID;
	struct noise_ik_identity fresh;
	WIPE_ON_EXIT(fresh);
	memcpy(fresh.private_key, private_key, X25519_KEY_SIZE);
	x25519_clamp(fresh.private_key);
	enum err error = x25519_public(fresh.private_key, fresh.public_key);
	if (!error)
		*identity = fresh;
	return error;
}

enum err noise_ik_initiate(const struct noise_ik_identity *identity,
						   const uint8_t responder[static X25519_KEY_SIZE], struct slice prologue,
						   const struct random_source *random, struct slice payload,
						   uint8_t *out_message, size_t room, size_t *out_size,
						   struct noise_ik_pending *out_pending) {
	enum err error = room_for(NOISE_IK_FIRST_OVERHEAD, payload.size, room);
	if (error)
		return error;
	struct noise_ik_pending pending;
	WIPE_ON_EXIT(pending);
	struct noise *noise = &pending.noise;
	uint8_t ephemeral[X25519_KEY_SIZE], sealed_static[X25519_KEY_SIZE + AEAD_TAG_SIZE];
	const size_t sealed_at = sizeof ephemeral + sizeof sealed_static;
	x25519_generate(random, pending.ephemeral_private);
	/* The payload is sealed last, straight into the message: what can fail before it, has not. */
	error = x25519_public(pending.ephemeral_private, ephemeral)
				?: begin(noise, prologue, responder)
				?: noise_mix_hash(noise, key_slice(ephemeral))
				?: noise_mix_shared(noise, pending.ephemeral_private, responder)
				?: noise_seal(noise, identity->public_key, X25519_KEY_SIZE, sealed_static)
				?: noise_mix_shared(noise, identity->private_key, responder)
				?: noise_seal(noise, payload.data, payload.size, out_message + sealed_at);
	if (error)
		return error;
	struct writer writer = writer_of(out_message, sealed_at);
	writer_bytes(&writer, ephemeral, sizeof ephemeral);
	writer_bytes(&writer, sealed_static, sizeof sealed_static);
	*out_size = NOISE_IK_FIRST_OVERHEAD + payload.size;
	*out_pending = pending;
	return writer.error;
}

enum err noise_ik_accept(const struct noise_ik_identity *identity, struct slice prologue,
						 struct slice message, uint8_t *out_payload, size_t room, size_t *out_size,
						 struct noise_ik_opened *out_opened) {
	if (message.size < NOISE_IK_FIRST_OVERHEAD)
		return ERR_TRUNCATED;
	size_t size = message.size - NOISE_IK_FIRST_OVERHEAD;
	if (message.size > NOISE_IK_MESSAGE_MAX || room < size)
		return ERR_LIMIT;
	struct noise_ik_opened opened;
	WIPE_ON_EXIT(opened);
	struct noise *noise = &opened.noise;
	struct reader reader = reader_of(message.data, message.size);
	reader_bytes(&reader, opened.ephemeral, sizeof opened.ephemeral);
	const uint8_t *sealed_static = reader_take(&reader, X25519_KEY_SIZE + AEAD_TAG_SIZE);
	const uint8_t *sealed_payload = reader_take(&reader, size + AEAD_TAG_SIZE);
	enum err error = begin(noise, prologue, identity->public_key)
						 ?: noise_mix_hash(noise, key_slice(opened.ephemeral));
	if (error)
		return error;
	/* A stranger's bytes from here on. What fails is noted, and the rest is done all the same. */
	enum err refused = mix_shared_anyway(noise, identity->private_key, opened.ephemeral);
	error = noise_open(noise, sealed_static, X25519_KEY_SIZE, opened.public_key);
	if (error) /* a stand-in whose shared secret only this end knows: nothing opens with it */
		memcpy(opened.public_key, identity->public_key, sizeof opened.public_key);
	refused = refused ?: error;
	error = mix_shared_anyway(noise, identity->private_key, opened.public_key);
	refused = refused ?: error;
	error = noise_open(noise, sealed_payload, size, out_payload);
	if (refused || error)
		return ERR_AUTHENTICATION;
	*out_size = size;
	*out_opened = opened;
	return ERR_OK;
}

enum err noise_ik_respond(const struct noise_ik_opened *opened, const struct random_source *random,
						  struct slice payload, uint8_t *out_message, size_t room, size_t *out_size,
						  struct noise_ik_keys *out_keys) {
	enum err error = room_for(NOISE_IK_SECOND_OVERHEAD, payload.size, room);
	if (error)
		return error;
	struct {
		struct noise noise;
		uint8_t ephemeral_private[X25519_KEY_SIZE];
		struct noise_ik_keys keys;
	} s = {.noise = opened->noise};
	WIPE_ON_EXIT(s);
	uint8_t ephemeral[X25519_KEY_SIZE];
	x25519_generate(random, s.ephemeral_private);
	error =
		x25519_public(s.ephemeral_private, ephemeral)
			?: noise_mix_hash(&s.noise, key_slice(ephemeral))
			?: noise_mix_shared(&s.noise, s.ephemeral_private, opened->ephemeral)
			?: noise_mix_shared(&s.noise, s.ephemeral_private, opened->public_key)
			?: noise_seal(&s.noise, payload.data, payload.size, out_message + sizeof ephemeral)
			?: split(&s.noise, &s.keys);
	if (error)
		return error;
	struct writer writer = writer_of(out_message, sizeof ephemeral);
	writer_bytes(&writer, ephemeral, sizeof ephemeral);
	*out_size = NOISE_IK_SECOND_OVERHEAD + payload.size;
	*out_keys = s.keys;
	return writer.error;
}

enum err noise_ik_finish(const struct noise_ik_identity *identity,
						 const struct noise_ik_pending *pending, struct slice message,
						 uint8_t *out_payload, size_t room, size_t *out_size,
						 struct noise_ik_keys *out_keys) {
	if (message.size < NOISE_IK_SECOND_OVERHEAD)
		return ERR_TRUNCATED;
	size_t size = message.size - NOISE_IK_SECOND_OVERHEAD;
	if (message.size > NOISE_IK_MESSAGE_MAX || room < size)
		return ERR_LIMIT;
	struct {
		struct noise noise;
		struct noise_ik_keys keys;
	} s = {.noise = pending->noise};
	WIPE_ON_EXIT(s);
	uint8_t ephemeral[X25519_KEY_SIZE];
	struct reader reader = reader_of(message.data, message.size);
	reader_bytes(&reader, ephemeral, sizeof ephemeral);
	const uint8_t *sealed_payload = reader_take(&reader, size + AEAD_TAG_SIZE);
	enum err error = noise_mix_hash(&s.noise, key_slice(ephemeral))
				?: noise_mix_shared(&s.noise, pending->ephemeral_private, ephemeral)
				?: noise_mix_shared(&s.noise, identity->private_key, ephemeral)
				?: noise_open(&s.noise, sealed_payload, size, out_payload);
	if (error)
		return ERR_AUTHENTICATION;
	error = split(&s.noise, &s.keys);
	if (error)
		return error;
	*out_size = size;
	*out_keys = s.keys;
	return ERR_OK;
}
