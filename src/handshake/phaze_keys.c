#include "handshake/phaze_keys.h"

#include <string.h>

#include "base/wipe.h"
#include "crypto/hash.h"
#include "wire/cursor.h"

/* SHA-256(""), what secrets are derived with where nothing was said. */
static const uint8_t nothing[HASH_SIZE] = {
	0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
	0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};

static const uint8_t zeros[HASH_SIZE];

enum err phaze_keys_algorithm(uint8_t cipher, enum aead_algorithm *out_algorithm) {
	switch (cipher) {
	case PHAZE_CHACHA20_POLY1305:
		*out_algorithm = AEAD_CHACHA20_POLY1305;
		return ERR_OK;
	case PHAZE_AES_256_GCM:
		*out_algorithm = AEAD_AES_256_GCM;
		return ERR_OK;
	default:
		return ERR_UNSUPPORTED;
	}
}

/*
 *   0         2          3           3+n           4+n
 *   | 00 20   | n        | "phaze1 " | context     | context |
 *   |         |          | and label | length 1    |         |
 */
enum { INFO_SIZE_MAX = 2 + 1 + 7 + 8 + 1 + HASH_SIZE };

static enum err expand(const uint8_t secret[static HASH_SIZE], const char *label,
					   struct slice context, uint8_t out_data[static HASH_SIZE]) {
	static const char prefix[] = "phaze1 ";
	uint8_t info[INFO_SIZE_MAX];
	size_t size;
	struct writer writer = writer_of(info, sizeof info);
	writer_u16_be(&writer, HASH_SIZE);
	writer_u8(&writer, (uint8_t)(sizeof prefix - 1 + strlen(label)));
	writer_bytes(&writer, prefix, sizeof prefix - 1);
	writer_bytes(&writer, label, strlen(label));
	writer_u8(&writer, (uint8_t)context.size);
	writer_bytes(&writer, context.data, context.size);
	return writer_finish(&writer, &size)
			   ?: hash_hkdf_expand(HASH_SHA256, secret, slice_of(info, size), out_data, HASH_SIZE);
}

static enum err extract(const uint8_t salt[static HASH_SIZE], const uint8_t material[static 32],
						uint8_t out_secret[static HASH_SIZE]) {
	return hash_hkdf_extract(HASH_SHA256, slice_of(salt, HASH_SIZE), slice_of(material, 32),
							 out_secret);
}

/* The next stage's secret: of this one's, and new material. */
static enum err advance(const uint8_t secret[static HASH_SIZE], const uint8_t material[static 32],
						uint8_t out_secret[static HASH_SIZE]) {
	struct {
		uint8_t derived[HASH_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	return expand(secret, "derived", slice_of(nothing, sizeof nothing), scratch.derived)
			   ?: extract(scratch.derived, material, out_secret);
}

struct phaze_said phaze_keys_said(enum phaze_message type, size_t length, struct slice body) {
	struct phaze_said said = {.body = body};
	struct writer writer = writer_of(said.head, sizeof said.head);
	writer_u8(&writer, (uint8_t)type);
	writer_u16_be(&writer, (uint16_t)length);
	return said;
}

enum err phaze_keys_transcript(const struct phaze_said *said, size_t count,
							   uint8_t out_digest[static HASH_SIZE]) {
	struct slice parts[2 * PHAZE_SAID_MAX];
	if (count > PHAZE_SAID_MAX)
		return ERR_INVALID;
	for (size_t i = 0; i < count; i++) {
		parts[2 * i] = slice_of(said[i].head, sizeof said[i].head);
		parts[2 * i + 1] = said[i].body;
	}
	return hash_digest(HASH_SHA256, parts, 2 * count, out_digest);
}

enum err phaze_keys_early(const uint8_t *psk, uint8_t out_early[static PHAZE_SECRET_SIZE]) {
	return extract(zeros, psk ? psk : zeros, out_early);
}

enum err phaze_keys_binder(const uint8_t early[static PHAZE_SECRET_SIZE],
						   const uint8_t hello[static PHAZE_CLIENT_HELLO_SIZE],
						   uint8_t out_binder[static PHAZE_BINDER_SIZE]) {
	struct {
		uint8_t key[HASH_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	uint8_t digest[HASH_SIZE];
	const struct slice said = slice_of(digest, sizeof digest);
	struct slice parts[2];
	phaze_hello_parts(hello, PHAZE_CLIENT_HELLO_SIZE, parts);
	parts[1].size -= PHAZE_BINDER_SIZE;
	return expand(early, "binder", slice_of(nothing, sizeof nothing), scratch.key)
			   ?: hash_digest(HASH_SHA256, parts, 2, digest)
			   ?: hash_hmac(HASH_SHA256, slice_of(scratch.key, HASH_SIZE), &said, 1, out_binder);
}

enum err phaze_keys_handshake(const uint8_t early[static PHAZE_SECRET_SIZE],
							  const uint8_t shared[static X25519_KEY_SIZE],
							  const uint8_t transcript[static HASH_SIZE],
							  struct phaze_handshake_keys *out_keys) {
	struct phaze_handshake_keys keys;
	WIPE_ON_EXIT(keys);
	const struct slice said = slice_of(transcript, HASH_SIZE);
	enum err error = advance(early, shared, keys.secret)
						 ?: expand(keys.secret, "c hs", said, keys.client)
						 ?: expand(keys.secret, "s hs", said, keys.server);
	if (!error)
		*out_keys = keys;
	return error;
}

static enum err traffic(const uint8_t secret[static HASH_SIZE],
						const uint8_t transcript[static HASH_SIZE],
						struct phaze_traffic_keys *out_keys) {
	struct phaze_traffic_keys keys;
	WIPE_ON_EXIT(keys);
	const struct slice said = slice_of(transcript, HASH_SIZE);
	enum err error = expand(secret, "c data", said, keys.client)
						 ?: expand(secret, "s data", said, keys.server)
						 ?: expand(secret, "rekey", said, keys.rekey);
	if (!error)
		*out_keys = keys;
	return error;
}

enum err phaze_keys_master(const uint8_t secret[static PHAZE_SECRET_SIZE],
						   const uint8_t transcript[static HASH_SIZE],
						   struct phaze_traffic_keys *out_keys,
						   uint8_t out_resume[static PHAZE_SECRET_SIZE]) {
	struct {
		uint8_t master[HASH_SIZE], resume[HASH_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	enum err error =
		advance(secret, zeros, scratch.master)
			?: expand(scratch.master, "resume", slice_of(transcript, HASH_SIZE), scratch.resume)
			?: traffic(scratch.master, transcript, out_keys);
	if (!error)
		memcpy(out_resume, scratch.resume, sizeof scratch.resume);
	return error;
}

enum err phaze_keys_ticket(const uint8_t resume[static PHAZE_SECRET_SIZE],
						   const uint8_t ticket_id[static PHAZE_TICKET_ID_SIZE],
						   uint8_t out_psk[static PHAZE_SECRET_SIZE]) {
	return expand(resume, "ticket", slice_of(ticket_id, PHAZE_TICKET_ID_SIZE), out_psk);
}

enum err phaze_keys_rekey(const uint8_t rekey[static PHAZE_SECRET_SIZE],
						  const uint8_t shared[static X25519_KEY_SIZE],
						  const uint8_t init[static PHAZE_REKEY_SIZE],
						  const uint8_t answer[static PHAZE_REKEY_SIZE],
						  struct phaze_traffic_keys *out_keys) {
	struct {
		uint8_t secret[HASH_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	uint8_t transcript[HASH_SIZE];
	const struct slice parts[] = {slice_of(init, PHAZE_REKEY_SIZE),
								  slice_of(answer, PHAZE_REKEY_SIZE)};
	return hash_digest(HASH_SHA256, parts, 2, transcript)
			   ?: extract(rekey, shared, scratch.secret)
			   ?: traffic(scratch.secret, transcript, out_keys);
}

void phaze_keys_signed(enum phaze_message type, const uint8_t transcript[static HASH_SIZE],
					   uint8_t out_content[static PHAZE_SIGNED_SIZE]) {
	static const char server[13] = "phaze server", client[13] = "phaze client"; /* with NUL */
	struct writer writer = writer_of(out_content, PHAZE_SIGNED_SIZE);
	for (size_t i = 0; i < 64; i++)
		writer_u8(&writer, 0x20);
	writer_bytes(&writer, type == PHAZE_SERVER_AUTH ? server : client, sizeof server);
	writer_bytes(&writer, transcript, HASH_SIZE);
}
