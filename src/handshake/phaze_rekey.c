#include "handshake/phaze_rekey.h"

#include <string.h>

#include "base/wipe.h"
#include "crypto/x25519.h"

void phaze_rekey_init(struct phaze_rekey *rekey, bool is_client,
					  const uint8_t secret[static PHAZE_SECRET_SIZE]) {
	*rekey = (struct phaze_rekey){.is_client = is_client};
	memcpy(rekey->secret, secret, sizeof rekey->secret);
}

void phaze_rekey_done(struct phaze_rekey *rekey) {
	wipe(rekey, sizeof *rekey);
}

static void encode(enum phaze_rekey_kind kind, uint32_t generation, uint32_t session_id,
				   const uint8_t key[static X25519_KEY_SIZE],
				   uint8_t out_content[static PHAZE_REKEY_SIZE]) {
	struct phaze_rekey_message message = {
		.kind = kind, .generation = generation, .session_id = session_id};
	size_t size;
	memcpy(message.key, key, sizeof message.key);
	phaze_packet_encode_rekey(&message, out_content, &size);
}

/* The keys that follow from both contents, and the secret after them; commits nothing else. */
static enum err derive(const struct phaze_rekey *rekey, const uint8_t *private_key,
					   const uint8_t *their_key, const uint8_t init[static PHAZE_REKEY_SIZE],
					   const uint8_t answer[static PHAZE_REKEY_SIZE],
					   struct phaze_traffic_keys *out_keys) {
	struct {
		uint8_t shared[X25519_KEY_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	return x25519_shared(private_key, their_key, scratch.shared)
			   ?: phaze_keys_rekey(rekey->secret, scratch.shared, init, answer, out_keys);
}

/* The next generation is here. */
static void advance(struct phaze_rekey *rekey, const struct phaze_traffic_keys *keys,
					uint32_t client_id, uint32_t server_id,
					struct phaze_generation *out_generation) {
	rekey->newest++;
	rekey->has_opened = false;
	rekey->has_old = true;
	rekey->old_until = CLOCK_NEVER;
	memcpy(rekey->secret, keys->rekey, sizeof rekey->secret);
	out_generation->number = rekey->newest;
	out_generation->client_id = client_id;
	out_generation->server_id = server_id;
	memcpy(out_generation->client, keys->client, sizeof out_generation->client);
	memcpy(out_generation->server, keys->server, sizeof out_generation->server);
}

enum err phaze_rekey_start(struct phaze_rekey *rekey, const struct random_source *random,
						   uint64_t now, uint32_t session_id,
						   uint8_t out_init[static PHAZE_REKEY_SIZE]) {
	uint8_t key[X25519_KEY_SIZE];
	if (!rekey->is_client || session_id == 0)
		return ERR_INVALID;
	if (rekey->is_asking)
		return ERR_EXISTS;
	if (rekey->newest == UINT32_MAX)
		return ERR_LIMIT;
	if (now < rekey->next_at)
		return ERR_AGAIN;
	x25519_generate(random, rekey->private_key);
	enum err error = x25519_public(rekey->private_key, key);
	if (error)
		return error;
	encode(PHAZE_REKEY_INIT, rekey->newest + 1, session_id, key, rekey->init);
	memcpy(out_init, rekey->init, sizeof rekey->init);
	rekey->next_at = now + PHAZE_REKEY_APART;
	rekey->is_asking = true;
	rekey->interval = PHAZE_REKEY_REPEAT_FIRST;
	rekey->repeat_at = now + rekey->interval;
	return ERR_OK;
}

enum err phaze_rekey_finish(struct phaze_rekey *rekey, uint32_t under, const uint8_t *content,
							size_t size, struct phaze_generation *out_generation) {
	struct phaze_traffic_keys keys;
	WIPE_ON_EXIT(keys);
	struct phaze_rekey_message answer, init;
	enum err error = phaze_packet_decode_rekey(content, size, &answer);
	if (error)
		return error;
	if (!rekey->is_asking || under != rekey->newest || answer.kind != PHAZE_REKEY_ANSWER ||
		answer.generation != rekey->newest + 1)
		return ERR_NOT_FOUND;
	error = phaze_packet_decode_rekey(rekey->init, sizeof rekey->init, &init)
				?: derive(rekey, rekey->private_key, answer.key, rekey->init, content, &keys);
	if (error)
		return error;
	advance(rekey, &keys, init.session_id, answer.session_id, out_generation);
	rekey->is_asking = false;
	wipe(rekey->private_key, sizeof rekey->private_key);
	return ERR_OK;
}

/* Whether it is the init that led to the newest, whose answer was lost, it seems. */
static bool is_repeated(const struct phaze_rekey *rekey, uint32_t under, const uint8_t *content) {
	return rekey->has_old && !rekey->has_opened && under == rekey->newest - 1 &&
		   memcmp(content, rekey->init, sizeof rekey->init) == 0;
}

enum err phaze_rekey_answer(struct phaze_rekey *rekey, const struct random_source *random,
							uint64_t now, uint32_t under, uint32_t session_id,
							const uint8_t *content, size_t size,
							uint8_t out_answer[static PHAZE_REKEY_SIZE],
							struct phaze_generation *out_generation) {
	struct {
		struct phaze_traffic_keys keys;
		uint8_t private_key[X25519_KEY_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	struct phaze_rekey_message init;
	uint8_t key[X25519_KEY_SIZE], answer[PHAZE_REKEY_SIZE];
	enum err error = phaze_packet_decode_rekey(content, size, &init);
	if (error)
		return error;
	if (rekey->is_client || session_id == 0)
		return ERR_INVALID;
	if (init.kind != PHAZE_REKEY_INIT)
		return ERR_NOT_FOUND;
	if (is_repeated(rekey, under, content)) {
		memcpy(out_answer, rekey->answer, sizeof rekey->answer);
		return ERR_EXISTS;
	}
	if (under != rekey->newest || init.generation != rekey->newest + 1)
		return ERR_NOT_FOUND;
	if (now < rekey->next_at)
		return ERR_AGAIN;
	x25519_generate(random, scratch.private_key);
	error = x25519_public(scratch.private_key, key);
	if (error)
		return error;
	encode(PHAZE_REKEY_ANSWER, init.generation, session_id, key, answer);
	error = derive(rekey, scratch.private_key, init.key, content, answer, &scratch.keys);
	if (error)
		return error;
	rekey->next_at = now + PHAZE_REKEY_ANSWERS_APART;
	memcpy(rekey->init, content, sizeof rekey->init);
	memcpy(rekey->answer, answer, sizeof rekey->answer);
	memcpy(out_answer, answer, sizeof answer);
	advance(rekey, &scratch.keys, init.session_id, session_id, out_generation);
	return ERR_OK;
}

bool phaze_rekey_opened(struct phaze_rekey *rekey, uint64_t now, uint32_t under) {
	if (under != rekey->newest || rekey->has_opened)
		return false;
	rekey->has_opened = true;
	rekey->old_until = now + PHAZE_OLD_KEY_AGE;
	return true;
}

uint32_t phaze_rekey_sealing(const struct phaze_rekey *rekey) {
	const bool waits = !rekey->is_client && rekey->has_old && !rekey->has_opened;
	return waits ? rekey->newest - 1 : rekey->newest;
}

bool phaze_rekey_opens(const struct phaze_rekey *rekey, uint64_t now, uint32_t generation) {
	return generation == rekey->newest ||
		   (rekey->has_old && generation == rekey->newest - 1 && now < rekey->old_until);
}

uint64_t phaze_rekey_deadline(const struct phaze_rekey *rekey) {
	const uint64_t old = rekey->has_old ? rekey->old_until : CLOCK_NEVER;
	return rekey->is_asking && rekey->repeat_at < old ? rekey->repeat_at : old;
}

bool phaze_rekey_expire(struct phaze_rekey *rekey, uint64_t now,
						uint8_t out_init[static PHAZE_REKEY_SIZE]) {
	if (rekey->has_old && now >= rekey->old_until)
		rekey->has_old = false;
	if (!rekey->is_asking || now < rekey->repeat_at)
		return false;
	rekey->interval *= 2;
	rekey->repeat_at = now + rekey->interval;
	memcpy(out_init, rekey->init, sizeof rekey->init);
	return true;
}

bool phaze_rekey_is_due(const struct phaze_rekey_limits *limits, uint64_t packets, uint64_t age) {
	return packets >= limits->packets || age >= limits->age;
}

bool phaze_rekey_is_dead(const struct phaze_rekey_limits *limits, uint64_t packets, uint64_t age) {
	return packets >= PHAZE_KEY_PACKETS_MAX || age >= limits->age + PHAZE_KEY_AGE_BEYOND;
}
