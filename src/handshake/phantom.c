#include "handshake/phantom.h"

#include <string.h>

#include "base/wipe.h"

_Static_assert(PHANTOM_FIRST_OVERHEAD == (int)NOISE_IK_FIRST_OVERHEAD, "sizes of messages");
_Static_assert(PHANTOM_SECOND_OVERHEAD == (int)NOISE_IK_SECOND_OVERHEAD, "sizes of messages");

/* A hello as bytes, with fresh random bytes. */
struct payload {
	uint8_t bytes[PHANTOM_HELLO_SIZE_MAX];
	size_t size;
};

static enum err payload_make(const struct phantom_offer *offer, const struct random_source *random,
							 struct payload *out_payload) {
	struct phantom_hello hello = {.padding_enabled = offer->padding_enabled,
								  .timestamp = offer->timestamp};
	if (offer->padding_size > PHANTOM_HELLO_PADDING_MAX)
		return ERR_INVALID;
	random_fill(random, hello.random, sizeof hello.random);
	uint8_t *padding;
	enum err error = phantom_hello_encode(&hello, offer->padding_size, out_payload->bytes,
										  sizeof out_payload->bytes, &out_payload->size, &padding);
	if (!error && offer->padding_size > 0)
		random_fill(random, padding, offer->padding_size);
	return error;
}

static struct slice payload_slice(const struct payload *payload) {
	return slice_of(payload->bytes, payload->size);
}

static void keys_of(const struct noise_ik_keys *ik, bool initiator, struct phantom_keys *out_keys) {
	out_keys->initiator = initiator;
	memcpy(out_keys->send, initiator ? ik->initiator : ik->responder, AEAD_KEY_SIZE);
	memcpy(out_keys->receive, initiator ? ik->responder : ik->initiator, AEAD_KEY_SIZE);
	memcpy(out_keys->hash, ik->hash, HASH_SIZE);
}

enum err phantom_initiate(const struct noise_ik_identity *identity,
						  const uint8_t server[static X25519_KEY_SIZE],
						  const struct phantom_channel *channel, const struct random_source *random,
						  const struct phantom_offer *offer, uint8_t *out_message, size_t room,
						  size_t *out_size, struct phantom_pending *out_pending) {
	uint8_t prologue[PHANTOM_PROLOGUE_SIZE];
	struct payload payload;
	enum err error = phantom_prologue(channel->carrier, channel->exporter, prologue)
						 ?: payload_make(offer, random, &payload);
	if (error)
		return error;
	return noise_ik_initiate(identity, server, slice_of(prologue, sizeof prologue), random,
							 payload_slice(&payload), out_message, room, out_size,
							 &out_pending->ik);
}

enum err phantom_accept(const struct noise_ik_identity *identity,
						const struct phantom_channel *channel, struct slice message,
						struct phantom_opened *out_opened) {
	static const uint8_t stand_in[PHANTOM_FIRST_SIZE_MIN];
	uint8_t prologue[PHANTOM_PROLOGUE_SIZE];
	enum err error = phantom_prologue(channel->carrier, channel->exporter, prologue);
	if (error)
		return error;
	/* Zeros open for nobody: their ephemeral key is of low order. */
	if (message.size < PHANTOM_FIRST_SIZE_MIN || message.size > PHANTOM_FIRST_SIZE_MAX)
		message = slice_of(stand_in, sizeof stand_in);
	struct phantom_opened opened;
	WIPE_ON_EXIT(opened);
	struct payload payload;
	error = noise_ik_accept(identity, slice_of(prologue, sizeof prologue), message, payload.bytes,
							sizeof payload.bytes, &payload.size, &opened.ik)
				?: phantom_hello_decode(payload_slice(&payload), &opened.hello);
	if (error)
		return ERR_AUTHENTICATION;
	*out_opened = opened;
	return ERR_OK;
}

enum err phantom_respond(const struct phantom_opened *opened, const struct random_source *random,
						 const struct phantom_offer *offer, uint8_t *out_message, size_t room,
						 size_t *out_size, struct phantom_keys *out_keys) {
	struct payload payload;
	struct noise_ik_keys keys;
	WIPE_ON_EXIT(keys);
	enum err error = payload_make(offer, random, &payload)
						 ?: noise_ik_respond(&opened->ik, random, payload_slice(&payload),
											 out_message, room, out_size, &keys);
	if (!error)
		keys_of(&keys, false, out_keys);
	return error;
}

enum err phantom_finish(const struct noise_ik_identity *identity,
						const struct phantom_pending *pending, struct slice message,
						struct phantom_hello *out_hello, struct phantom_keys *out_keys) {
	struct payload payload;
	struct phantom_hello hello;
	struct noise_ik_keys keys;
	WIPE_ON_EXIT(keys);
	enum err error = noise_ik_finish(identity, &pending->ik, message, payload.bytes,
									 sizeof payload.bytes, &payload.size, &keys)
						 ?: phantom_hello_decode(payload_slice(&payload), &hello);
	if (error)
		return ERR_AUTHENTICATION;
	*out_hello = hello;
	keys_of(&keys, true, out_keys);
	return ERR_OK;
}
