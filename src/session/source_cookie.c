#include "session/source_cookie.h"

#include <string.h>

#include "base/wipe.h"
#include "crypto/hash.h"
#include "wire/cursor.h"

/*
 *   0                  16     18
 *   | address, v6 or   | port | bytes of the message |
 *   | v4-mapped        |      |                      |
 */
enum { SOURCE_SIZE = ADDRESS_V6_SIZE + 2 };

static void source_write(const struct endpoint *from, uint8_t out_source[static SOURCE_SIZE]) {
	struct writer writer = writer_of(out_source, SOURCE_SIZE);
	if (from->address.family == ADDRESS_V4) { /* RFC 4291 section 2.5.5.2 */
		writer_zeros(&writer, 10);
		writer_u16_be(&writer, 0xffff);
	}
	writer_bytes(&writer, from->address.bytes, address_size(&from->address));
	writer_u16_be(&writer, from->port);
}

static enum err compute(const uint8_t secret[static HASH_SIZE], const struct endpoint *from,
						struct slice bytes, uint8_t out_cookie[static SOURCE_COOKIE_SIZE]) {
	uint8_t source[SOURCE_SIZE];
	source_write(from, source);
	const struct slice parts[] = {slice_of(source, sizeof source), bytes};
	return hash_hmac(HASH_SHA256, slice_of(secret, HASH_SIZE), parts, 2, out_cookie);
}

/* A clock that went backwards makes nothing young again. */
static bool is_younger(const struct source_cookie *cookies, size_t which, uint64_t now,
					   uint64_t age) {
	const uint64_t born = cookies->secrets[which].born;
	return cookies->secrets[which].drawn && now >= born && now - born < age;
}

void source_cookie_init(struct source_cookie *cookies) {
	*cookies = (struct source_cookie){0};
}

void source_cookie_done(struct source_cookie *cookies) {
	wipe(cookies, sizeof *cookies);
}

static void renew(struct source_cookie *cookies, const struct random_source *random, uint64_t now) {
	cookies->secrets[1] = cookies->secrets[0];
	random_fill(random, cookies->secrets[0].bytes, sizeof cookies->secrets[0].bytes);
	cookies->secrets[0].born = now;
	cookies->secrets[0].drawn = true;
}

enum err source_cookie_make(struct source_cookie *cookies, const struct random_source *random,
							uint64_t now, const struct endpoint *from, struct slice bytes,
							uint8_t out_cookie[static SOURCE_COOKIE_SIZE]) {
	if (!is_younger(cookies, 0, now, SOURCE_COOKIE_SECRET_AGE))
		renew(cookies, random, now);
	return compute(cookies->secrets[0].bytes, from, bytes, out_cookie);
}

bool source_cookie_check(const struct source_cookie *cookies, uint64_t now,
						 const struct endpoint *from, struct slice bytes,
						 const uint8_t cookie[static SOURCE_COOKIE_SIZE]) {
	bool good = false;
	for (size_t i = 0; i < SOURCE_COOKIE_SECRETS && !good; i++) {
		struct {
			uint8_t cookie[SOURCE_COOKIE_SIZE];
		} expected;
		WIPE_ON_EXIT(expected);
		good = is_younger(cookies, i, now, 2 * SOURCE_COOKIE_SECRET_AGE) &&
			   compute(cookies->secrets[i].bytes, from, bytes, expected.cookie) == ERR_OK &&
			   wipe_equal(expected.cookie, cookie, sizeof expected.cookie);
	}
	return good;
}
