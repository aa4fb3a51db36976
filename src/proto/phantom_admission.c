#include "proto/phantom_admission.h"

#include <string.h>

#include "base/wipe.h"

_Static_assert((int)SEEN_RANDOM_SIZE == (int)PHANTOM_RANDOM_SIZE, "what is remembered of a hello");

static const char *const texts[] = {
#define PHANTOM_VERDICT_TEXT(name, text) [name] = (text),
	PHANTOM_VERDICT_MAP(PHANTOM_VERDICT_TEXT)
#undef PHANTOM_VERDICT_TEXT
};

const char *phantom_verdict_text(enum phantom_verdict verdict) {
	return (size_t)verdict < PHANTOM_VERDICTS ? texts[verdict] : "unknown verdict";
}

static enum phantom_verdict verdict_of_seen(enum err error) {
	switch (error) {
	case ERR_OK:
		return PHANTOM_ADMITTED;
	case ERR_EXPIRED:
		return PHANTOM_CLOCK;
	case ERR_REPLAY:
		return PHANTOM_REPLAYED;
	default:
		return PHANTOM_TOO_MANY;
	}
}

/* Opens what the text says, or nothing, with the same work. */
static enum err open_text(const struct phantom_admission *admission,
						  const struct phantom_channel *channel, struct slice text,
						  struct phantom_opened *out_opened) {
	uint8_t message[PHANTOM_FIRST_SIZE_MAX];
	size_t size;
	if (base64url_decode(text, message, sizeof message, &size))
		size = 0;
	return phantom_accept(admission->identity, channel, slice_of(message, size), out_opened);
}

/* All questions are asked, whatever the answer to the first; a failed one has zeros to ask about.
 */
static enum phantom_verdict judge(const struct phantom_admission *admission, enum err opening,
								  const struct seen_entry *entry, uint64_t now,
								  const struct allowed_client **out_client) {
	const struct allowed_client *client = allowed_find(admission->allowed, entry->client);
	const enum err seen = seen_check(admission->seen, entry, now);
	if (opening)
		return PHANTOM_UNREADABLE;
	if (!client)
		return PHANTOM_UNKNOWN;
	*out_client = client;
	return verdict_of_seen(seen);
}

static enum err answer(const struct phantom_admission *admission,
					   const struct phantom_opened *opened, const struct phantom_offer *offer,
					   struct phantom_admitted *admitted) {
	uint8_t message[PHANTOM_SECOND_SIZE_MAX];
	size_t size;
	enum err error = phantom_respond(opened, admission->random, offer, message, sizeof message,
									 &size, &admitted->keys);
	if (error)
		return error;
	return base64url_encode(slice_of(message, size), admitted->answer, sizeof admitted->answer,
							&admitted->answer_size);
}

enum err phantom_admission_try(const struct phantom_admission *admission,
							   const struct phantom_channel *channel, struct slice text,
							   const struct phantom_offer *offer, enum phantom_verdict *out_verdict,
							   struct phantom_admitted *out_admitted) {
	struct {
		struct phantom_opened opened;
		struct phantom_admitted admitted;
	} s = {0};
	WIPE_ON_EXIT(s);
	const uint64_t now = offer->timestamp;
	*out_verdict = PHANTOM_FAILED;
	enum err error = open_text(admission, channel, text, &s.opened);
	if (error && error != ERR_AUTHENTICATION)
		return error;
	s.admitted.hello = s.opened.hello;
	s.admitted.entry.timestamp = s.opened.hello.timestamp;
	memcpy(s.admitted.entry.client, s.opened.ik.public_key, X25519_KEY_SIZE);
	memcpy(s.admitted.entry.random, s.opened.hello.random, PHANTOM_RANDOM_SIZE);
	const enum phantom_verdict verdict =
		judge(admission, error, &s.admitted.entry, now, &s.admitted.client);
	if (verdict != PHANTOM_ADMITTED) {
		*out_verdict = verdict;
		return ERR_AUTHENTICATION;
	}
	error = answer(admission, &s.opened, offer, &s.admitted)
				?: seen_take(admission->seen, &s.admitted.entry, now);
	if (error == ERR_LIMIT) { /* all places of all clients are needed */
		*out_verdict = PHANTOM_TOO_MANY;
		return ERR_AUTHENTICATION;
	}
	if (error)
		return error;
	*out_verdict = PHANTOM_ADMITTED;
	*out_admitted = s.admitted;
	return ERR_OK;
}
