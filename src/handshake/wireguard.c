#include "handshake/wireguard.h"

#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "crypto/x25519.h"
#include "wire/cursor.h"

#define PROTOCOL_NAME "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
#define PROLOGUE "WireGuard v1 zx2c4 Jason@zx2c4.com"

/* Steps are chained with ?: from left to right; the first error ends the chain. */

static struct slice key_slice(const uint8_t key[static X25519_KEY_SIZE]) {
	return slice_of(key, X25519_KEY_SIZE);
}

/* The state that both ends share before the first message: the pre-message "<- s". */
static enum err begin(struct noise *noise, const uint8_t responder[static X25519_KEY_SIZE]) {
	return noise_init(noise, HASH_BLAKE2S, slice_of_text(PROTOCOL_NAME))
			   ?: noise_mix_hash(noise, slice_of_text(PROLOGUE))
			   ?: noise_mix_hash(noise, key_slice(responder));
}

/* Token "e" as patterns with psk have it: into the transcript and into the key. */
static enum err mix_ephemeral(struct noise *noise,
							  const uint8_t ephemeral[static X25519_KEY_SIZE]) {
	return noise_mix_hash(noise, key_slice(ephemeral))
			   ?: noise_mix_key(noise, key_slice(ephemeral));
}

/* Token "ss", whose result does not change from handshake to handshake. */
static enum err mix_static(struct noise *noise, const struct wireguard_remote *remote) {
	return noise_mix_key(noise, key_slice(remote->static_shared));
}

static enum err mix_preshared(struct noise *noise, const struct wireguard_remote *remote) {
	return noise_mix_key_and_hash(noise, slice_of(remote->preshared_key, AEAD_KEY_SIZE));
}

enum err wireguard_identity_init(struct wireguard_identity *identity,
								 const uint8_t private_key[static X25519_KEY_SIZE]) {
	struct wireguard_identity fresh = {.present = !wipe_is_zero(private_key, X25519_KEY_SIZE)};
	WIPE_ON_EXIT(fresh);
	if (fresh.present) {
		memcpy(fresh.private_key, private_key, X25519_KEY_SIZE);
		x25519_clamp(fresh.private_key);
		enum err error = x25519_public(fresh.private_key, fresh.public_key);
		if (error)
			return error;
	}
	*identity = fresh;
	return ERR_OK;
}

void wireguard_remote_prepare(struct wireguard_remote *remote,
							  const struct wireguard_identity *identity) {
	wipe(remote->static_shared, sizeof remote->static_shared);
	remote->usable = identity->present && !x25519_shared(identity->private_key, remote->public_key,
														 remote->static_shared);
}

enum err wireguard_initiate(const struct wireguard_identity *identity,
							const struct wireguard_remote *remote,
							const struct random_source *random, uint32_t sender,
							const uint8_t timestamp[static WIREGUARD_TIMESTAMP_SIZE],
							struct wireguard_initiation *out_message,
							struct wireguard_pending *out_pending) {
	if (!identity->present || !remote->usable)
		return ERR_INVALID;
	struct wireguard_pending pending = {.present = true, .sender = sender};
	WIPE_ON_EXIT(pending);
	struct noise *noise = &pending.noise;
	struct wireguard_initiation message = {.sender = sender};
	x25519_generate(random, pending.ephemeral_private);
	/* -> e, es, s, ss */
	enum err error =
		x25519_public(pending.ephemeral_private, message.ephemeral)
			?: begin(noise, remote->public_key)
			?: mix_ephemeral(noise, message.ephemeral)
			?: noise_mix_shared(noise, pending.ephemeral_private, remote->public_key)
			?: noise_seal(noise, identity->public_key, X25519_KEY_SIZE, message.sealed_static)
			?: mix_static(noise, remote)
			?: noise_seal(noise, timestamp, WIREGUARD_TIMESTAMP_SIZE, message.sealed_timestamp);
	if (error)
		return error;
	*out_message = message;
	*out_pending = pending;
	return ERR_OK;
}

enum err wireguard_accept_static(const struct wireguard_identity *identity,
								 const struct wireguard_initiation *message,
								 struct wireguard_opened *out_opened) {
	if (!identity->present)
		return ERR_INVALID;
	struct wireguard_opened opened = {.sender = message->sender};
	WIPE_ON_EXIT(opened);
	struct noise *noise = &opened.noise;
	memcpy(opened.ephemeral, message->ephemeral, sizeof opened.ephemeral);
	memcpy(opened.sealed_timestamp, message->sealed_timestamp, sizeof opened.sealed_timestamp);
	/* -> e, es, s */
	enum err error =
		begin(noise, identity->public_key)
			?: mix_ephemeral(noise, message->ephemeral)
			?: noise_mix_shared(noise, identity->private_key, message->ephemeral)
			?: noise_open(noise, message->sealed_static, X25519_KEY_SIZE, opened.public_key);
	if (error)
		return error;
	*out_opened = opened;
	return ERR_OK;
}

enum err wireguard_accept_initiation(const struct wireguard_remote *remote,
									 struct wireguard_opened *opened) {
	if (!remote->usable)
		return ERR_INVALID;
	struct {
		struct noise noise;
		uint8_t timestamp[WIREGUARD_TIMESTAMP_SIZE];
	} scratch = {.noise = opened->noise};
	WIPE_ON_EXIT(scratch);
	/* -> ss */
	enum err error = mix_static(&scratch.noise, remote)
						 ?: noise_open(&scratch.noise, opened->sealed_timestamp,
									   WIREGUARD_TIMESTAMP_SIZE, scratch.timestamp);
	if (error)
		return error;
	opened->noise = scratch.noise;
	memcpy(opened->timestamp, scratch.timestamp, sizeof opened->timestamp);
	return ERR_OK;
}

enum err wireguard_respond(const struct wireguard_remote *remote, struct wireguard_opened *opened,
						   const struct random_source *random, uint32_t sender,
						   struct wireguard_response *out_message,
						   struct wireguard_keys *out_keys) {
	if (!remote->usable)
		return ERR_INVALID;
	struct {
		struct noise noise;
		uint8_t ephemeral_private[X25519_KEY_SIZE];
		struct wireguard_keys keys;
	} scratch = {
		.noise = opened->noise,
		.keys = {.local_index = sender, .remote_index = opened->sender, .initiator = false},
	};
	WIPE_ON_EXIT(scratch);
	struct noise *noise = &scratch.noise;
	struct wireguard_response message = {.sender = sender, .receiver = opened->sender};
	x25519_generate(random, scratch.ephemeral_private);
	/* <- e, ee, se, psk */
	enum err error = x25519_public(scratch.ephemeral_private, message.ephemeral)
						 ?: mix_ephemeral(noise, message.ephemeral)
						 ?: noise_mix_shared(noise, scratch.ephemeral_private, opened->ephemeral)
						 ?: noise_mix_shared(noise, scratch.ephemeral_private, remote->public_key)
						 ?: mix_preshared(noise, remote)
						 ?: noise_seal(noise, NULL, 0, message.sealed_empty)
						 ?: noise_split(noise, scratch.keys.receive, scratch.keys.send);
	if (error)
		return error;
	*out_message = message;
	*out_keys = scratch.keys;
	wipe(opened, sizeof *opened);
	return ERR_OK;
}

enum err wireguard_finish(const struct wireguard_identity *identity,
						  const struct wireguard_remote *remote,
						  const struct wireguard_pending *pending,
						  const struct wireguard_response *message,
						  struct wireguard_keys *out_keys) {
	if (!identity->present || !remote->usable || !pending->present)
		return ERR_INVALID;
	if (message->receiver != pending->sender)
		return ERR_AUTHENTICATION;
	struct {
		struct noise noise;
		struct wireguard_keys keys;
	} scratch = {
		.noise = pending->noise,
		.keys = {.local_index = pending->sender,
				 .remote_index = message->sender,
				 .initiator = true},
	};
	WIPE_ON_EXIT(scratch);
	struct noise *noise = &scratch.noise;
	/* <- e, ee, se, psk */
	enum err error = mix_ephemeral(noise, message->ephemeral)
						 ?: noise_mix_shared(noise, pending->ephemeral_private, message->ephemeral)
						 ?: noise_mix_shared(noise, identity->private_key, message->ephemeral)
						 ?: mix_preshared(noise, remote)
						 ?: noise_open(noise, message->sealed_empty, 0, NULL)
						 ?: noise_split(noise, scratch.keys.send, scratch.keys.receive);
	if (error)
		return error;
	*out_keys = scratch.keys;
	return ERR_OK;
}

void wireguard_timestamp(uint64_t wall_now,
						 uint8_t out_timestamp[static WIREGUARD_TIMESTAMP_SIZE]) {
	/* TAI64 labels 1970-01-01 00:00:00 TAI as 2^62; TAI was 10 s ahead of UTC then. */
	const uint64_t epoch = (UINT64_C(1) << 62) + 10;
	const uint32_t whitening = (UINT32_C(1) << 24) - 1;
	struct writer writer = writer_of(out_timestamp, WIREGUARD_TIMESTAMP_SIZE);
	writer_u64_be(&writer, epoch + wall_now / CLOCK_SECOND);
	writer_u32_be(&writer, (uint32_t)(wall_now % CLOCK_SECOND) & ~whitening);
}
