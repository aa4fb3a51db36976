#include "proto/phaze_pass.h"

#include <string.h>

#include "base/wipe.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "wire/cursor.h"

/*
 * Sealed, big-endian, under ChaCha20-Poly1305; associated data: "umbra ticket" ‖ identity 32.
 *
 *   | nonce 12 | sealed: kinds 1 | id 16 | PSK 32 | login 8 | until 8 |
 *                        with PHAZE_BY_CERTIFICATE:
 *                        | anchor 32 | issuer 16 | pin 16 | valid until 8 | size 1 | serial |
 *                        with HAS_NEXT: | its id 16 | PSK 32 | until: s after the login 4 |
 *
 * Earlier ones, without HAS_PIN, have all of the issuer's digest, 32 bytes, and no pin.
 */

/* Bits of kinds beside PHAZE_BY_*. */
enum { HAS_NEXT = 4, HAS_PIN = 8 };

enum {
	FIXED_SIZE = 1 + PHAZE_TICKET_ID_SIZE + PHAZE_SECRET_SIZE + 8 + 8,
	MARK_SIZE_MAX = HASH_SIZE + CHAIN_HALF_SIZE + CHAIN_HALF_SIZE + 8 + 1 + CHAIN_SERIAL_SIZE_MAX,
	NEXT_SIZE = PHAZE_TICKET_ID_SIZE + PHAZE_SECRET_SIZE + 4,
	PLAIN_SIZE_MAX = FIXED_SIZE + MARK_SIZE_MAX + NEXT_SIZE,
	LABEL_SIZE = 12,
};
_Static_assert(AEAD_NONCE_SIZE + PLAIN_SIZE_MAX + AEAD_TAG_SIZE <= PHAZE_PASS_SEALED_MAX,
			   "every ticket fits");

enum err phaze_pass_hash(const uint8_t id[static PHAZE_TICKET_ID_SIZE],
						 uint8_t out_hash[static HASH_SIZE]) {
	const struct slice part = slice_of(id, PHAZE_TICKET_ID_SIZE);
	return hash_digest(HASH_SHA256, &part, 1, out_hash);
}

void phaze_pass_take_next(struct phaze_pass *pass) {
	pass->ticket = pass->next;
	pass->until = pass->next_until;
	pass->has_next = false;
	pass->next_until = 0;
	wipe(&pass->next, sizeof pass->next);
}

static uint64_t least(uint64_t left, uint64_t right) {
	return left < right ? left : right;
}

enum err phaze_pass_until(const struct phaze_pass *pass, uint64_t now, uint32_t seconds,
						  uint64_t user_until, uint64_t *out_until) {
	uint64_t until = least(now + seconds, pass->login + PHAZE_PASS_AGE_MAX);
	if (user_until > 0)
		until = least(until, user_until);
	if (pass->by_certificate)
		until = pass->mark.valid_until < 0 ? 0 : least(until, (uint64_t)pass->mark.valid_until);
	if (until <= now)
		return ERR_EXPIRED;
	*out_until = until;
	return ERR_OK;
}

static struct slice associated(const uint8_t *identity,
							   uint8_t room[static LABEL_SIZE + HASH_SIZE]) {
	memcpy(room, "umbra ticket", LABEL_SIZE);
	memcpy(room + LABEL_SIZE, identity, HASH_SIZE);
	return slice_of(room, LABEL_SIZE + HASH_SIZE);
}

static void write_mark(struct writer *writer, const struct chain_mark *mark) {
	writer_bytes(writer, mark->anchor, sizeof mark->anchor);
	writer_bytes(writer, mark->issuer, sizeof mark->issuer);
	writer_bytes(writer, mark->pin, sizeof mark->pin);
	writer_u64_be(writer, (uint64_t)mark->valid_until);
	writer_u8(writer, mark->serial_size);
	writer_bytes(writer, mark->serial, mark->serial_size);
}

static void read_mark(struct reader *reader, bool has_pin, struct chain_mark *mark) {
	reader_bytes(reader, mark->anchor, sizeof mark->anchor);
	reader_bytes(reader, mark->issuer, sizeof mark->issuer);
	reader_bytes(reader, mark->pin, sizeof mark->pin);
	if (!has_pin)
		memset(mark->pin, 0, sizeof mark->pin);
	mark->valid_until = (int64_t)reader_u64_be(reader);
	mark->serial_size = reader_u8(reader);
	reader_expect(reader, mark->serial_size <= sizeof mark->serial);
	if (mark->serial_size <= sizeof mark->serial)
		reader_bytes(reader, mark->serial, mark->serial_size);
}

static void write_next(struct writer *writer, const struct phaze_pass *pass) {
	const uint64_t seconds = pass->next_until > pass->login ? pass->next_until - pass->login : 0;
	writer_bytes(writer, pass->next.id, sizeof pass->next.id);
	writer_bytes(writer, pass->next.psk, sizeof pass->next.psk);
	writer_u32_be(writer, (uint32_t)least(seconds, UINT32_MAX));
}

static void read_next(struct reader *reader, struct phaze_pass *pass) {
	reader_bytes(reader, pass->next.id, sizeof pass->next.id);
	reader_bytes(reader, pass->next.psk, sizeof pass->next.psk);
	pass->next_until = pass->login + reader_u32_be(reader);
}

enum err phaze_pass_seal(const struct phaze_pass *pass, const uint8_t key[static AEAD_KEY_SIZE],
						 const uint8_t identity[static HASH_SIZE],
						 const struct random_source *random,
						 uint8_t out_sealed[static PHAZE_PASS_SEALED_MAX], size_t *out_size) {
	struct {
		uint8_t plain[PLAIN_SIZE_MAX];
	} scratch;
	WIPE_ON_EXIT(scratch);
	uint8_t room[LABEL_SIZE + HASH_SIZE], nonce[AEAD_NONCE_SIZE];
	struct writer writer = writer_of(scratch.plain, sizeof scratch.plain);
	writer_u8(&writer, (uint8_t)((pass->by_password ? PHAZE_BY_PASSWORD : 0) |
								 (pass->by_certificate ? PHAZE_BY_CERTIFICATE | HAS_PIN : 0) |
								 (pass->has_next ? HAS_NEXT : 0)));
	writer_bytes(&writer, pass->ticket.id, sizeof pass->ticket.id);
	writer_bytes(&writer, pass->ticket.psk, sizeof pass->ticket.psk);
	writer_u64_be(&writer, pass->login);
	writer_u64_be(&writer, pass->until);
	if (pass->by_certificate)
		write_mark(&writer, &pass->mark);
	if (pass->has_next)
		write_next(&writer, pass);
	const size_t size = writer_size(&writer);
	random_fill(random, nonce, sizeof nonce);
	memcpy(out_sealed, nonce, sizeof nonce);
	enum err error = aead_seal_with(AEAD_CHACHA20_POLY1305, key, nonce, associated(identity, room),
									scratch.plain, size, out_sealed + sizeof nonce);
	if (!error)
		*out_size = sizeof nonce + size + AEAD_TAG_SIZE;
	return error;
}

static enum err decode(struct reader *reader, struct phaze_pass *out_pass) {
	struct {
		struct phaze_pass pass;
	} scratch = {.pass = {.login = 0}};
	WIPE_ON_EXIT(scratch);
	struct phaze_pass *pass = &scratch.pass;
	const uint8_t kinds = reader_u8(reader);
	const bool has_pin = kinds & HAS_PIN;
	reader_expect(reader, kinds <= (PHAZE_BY_BOTH | HAS_NEXT | HAS_PIN));
	reader_expect(reader, (kinds & PHAZE_BY_CERTIFICATE) || !has_pin);
	reader_bytes(reader, pass->ticket.id, sizeof pass->ticket.id);
	reader_bytes(reader, pass->ticket.psk, sizeof pass->ticket.psk);
	pass->login = reader_u64_be(reader);
	pass->until = reader_u64_be(reader);
	pass->by_password = kinds & PHAZE_BY_PASSWORD;
	pass->by_certificate = kinds & PHAZE_BY_CERTIFICATE;
	if (pass->by_certificate)
		read_mark(reader, has_pin, &pass->mark);
	pass->has_next = kinds & HAS_NEXT;
	if (pass->has_next)
		read_next(reader, pass);
	enum err error = reader_finish(reader);
	if (!error)
		*out_pass = *pass;
	return error;
}

enum err phaze_pass_open(struct slice sealed, const uint8_t key[static AEAD_KEY_SIZE],
						 const uint8_t identity[static HASH_SIZE], struct phaze_pass *out_pass) {
	struct {
		uint8_t plain[PLAIN_SIZE_MAX];
	} scratch;
	WIPE_ON_EXIT(scratch);
	uint8_t room[LABEL_SIZE + HASH_SIZE];
	if (sealed.size < AEAD_NONCE_SIZE + AEAD_TAG_SIZE)
		return ERR_TRUNCATED;
	const size_t size = sealed.size - AEAD_NONCE_SIZE - AEAD_TAG_SIZE;
	if (size > sizeof scratch.plain)
		return ERR_TRAILING;
	enum err error =
		aead_open_with(AEAD_CHACHA20_POLY1305, key, sealed.data, associated(identity, room),
					   sealed.data + AEAD_NONCE_SIZE, size, scratch.plain);
	if (error)
		return error;
	struct reader reader = reader_of(scratch.plain, size);
	return decode(&reader, out_pass);
}
