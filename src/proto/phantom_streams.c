#include "proto/phantom_streams.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "handshake/phantom.h"
#include "proto/phantom_admission.h"

struct stream_identity {
	struct noise_ik_identity ik;
};

/* Bytes of a hello's padding: the text is 163 to 333 characters, or less. */
enum { PADDING_BELOW = 128 };

_Static_assert(sizeof(struct phantom_pending) <= STREAM_PENDING_SIZE, "of a client");
_Static_assert(_Alignof(struct phantom_pending) <= _Alignof(struct stream_pending), "the same");
_Static_assert(BASE64URL_TEXT_SIZE(PHANTOM_FIRST_SIZE_MAX) < (size_t)STREAM_TEXT_SIZE_MAX,
			   "message 1");
_Static_assert(BASE64URL_TEXT_SIZE(PHANTOM_SECOND_SIZE_MAX) < (size_t)STREAM_TEXT_SIZE_MAX,
			   "message 2");
_Static_assert((int)STREAM_EXPORTER_SIZE == (int)PHANTOM_EXPORTER_SIZE, "exporters");

static enum err identity_new(const uint8_t private_key[static X25519_KEY_SIZE],
							 struct stream_identity **out_identity) {
	struct stream_identity *identity = calloc(1, sizeof *identity);
	if (!identity)
		return ERR_NO_MEMORY;
	enum err error = noise_ik_identity_init(&identity->ik, private_key);
	if (error) {
		free(identity);
		return error;
	}
	*out_identity = identity;
	return ERR_OK;
}

static void identity_free(struct stream_identity *identity) {
	if (identity)
		wipe(identity, sizeof *identity);
	free(identity);
}

static struct phantom_channel channel_of(const uint8_t exporter[static STREAM_EXPORTER_SIZE]) {
	struct phantom_channel channel = {.carrier = PHANTOM_CARRIER_TLS};
	memcpy(channel.exporter, exporter, sizeof channel.exporter);
	return channel;
}

static struct phantom_offer offer_of(const struct random_source *random, uint64_t wall_now,
									 bool padding) {
	return (struct phantom_offer){.padding_enabled = padding,
								  .timestamp = wall_now,
								  .padding_size = random_u32(random) % PADDING_BELOW};
}

static void keys_of(const struct phantom_keys *keys, struct stream_keys *out_keys) {
	out_keys->initiator = keys->initiator;
	memcpy(out_keys->send, keys->send, sizeof out_keys->send);
	memcpy(out_keys->receive, keys->receive, sizeof out_keys->receive);
	memcpy(out_keys->hash, keys->hash, sizeof out_keys->hash);
}

static enum err begin(const struct stream_identity *identity,
					  const uint8_t server[static X25519_KEY_SIZE],
					  const uint8_t exporter[static STREAM_EXPORTER_SIZE],
					  const struct random_source *random, uint64_t wall_now, bool padding,
					  struct stream_pending *out_pending,
					  char out_text[static STREAM_TEXT_SIZE_MAX]) {
	struct {
		struct phantom_pending pending;
	} s = {0};
	WIPE_ON_EXIT(s);
	const struct phantom_channel channel = channel_of(exporter);
	const struct phantom_offer offer = offer_of(random, wall_now, padding);
	uint8_t message[PHANTOM_FIRST_SIZE_MAX];
	size_t size, text_size;
	enum err error = phantom_initiate(&identity->ik, server, &channel, random, &offer, message,
									  sizeof message, &size, &s.pending)
						 ?: base64url_encode(slice_of(message, size), out_text,
											 STREAM_TEXT_SIZE_MAX, &text_size);
	if (error)
		return error;
	memcpy(out_pending->bytes, &s.pending, sizeof s.pending);
	return ERR_OK;
}

static enum err finish(const struct stream_identity *identity, const struct stream_pending *pending,
					   struct slice text, struct stream_keys *out_keys) {
	struct {
		struct phantom_pending pending;
		struct phantom_keys keys;
	} s = {0};
	WIPE_ON_EXIT(s);
	uint8_t message[PHANTOM_SECOND_SIZE_MAX];
	size_t size;
	struct phantom_hello hello;
	memcpy(&s.pending, pending->bytes, sizeof s.pending);
	if (base64url_decode(text, message, sizeof message, &size) != ERR_OK)
		return ERR_AUTHENTICATION;
	enum err error =
		phantom_finish(&identity->ik, &s.pending, slice_of(message, size), &hello, &s.keys);
	if (!error)
		keys_of(&s.keys, out_keys);
	return error;
}

static enum err admit(const struct stream_judge *judge, const uint8_t *exporter, uint64_t wall_now,
					  struct slice text, bool padding, struct stream_admitted *out_admitted) {
	struct {
		struct phantom_admitted admitted;
	} s = {0};
	WIPE_ON_EXIT(s);
	const struct phantom_admission admission = {.identity = &judge->identity->ik,
												.allowed = judge->allowed,
												.seen = judge->seen,
												.random = judge->random};
	/* Without an exporter nobody knows what is bound to the handshake, so none of them opens. */
	uint8_t unknown[STREAM_EXPORTER_SIZE];
	random_fill(judge->random, unknown, sizeof unknown);
	const struct phantom_channel channel = channel_of(exporter ? exporter : unknown);
	const struct phantom_offer offer = offer_of(judge->random, wall_now, padding);
	enum phantom_verdict verdict;
	enum err error =
		phantom_admission_try(&admission, &channel, text, &offer, &verdict, &s.admitted);
	if (error) {
		out_admitted->client = NULL;
		out_admitted->verdict = phantom_verdict_text(verdict);
		return error;
	}
	out_admitted->client = s.admitted.client;
	keys_of(&s.admitted.keys, &out_admitted->keys);
	out_admitted->entry = s.admitted.entry;
	memcpy(out_admitted->answer, s.admitted.answer, s.admitted.answer_size + 1);
	out_admitted->verdict = phantom_verdict_text(verdict);
	return ERR_OK;
}

const struct stream_protocol phantom_streams = {
	.name = "phantom",
	.exporter_label = "EXPORTER-phantom",
	.identity_new = identity_new,
	.identity_free = identity_free,
	.begin = begin,
	.finish = finish,
	.admit = admit,
};
