#include "session/cookie.h"

#include <string.h>

#include "base/wipe.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/prepared.h"

enum { ENDPOINT_BYTES_MAX = ADDRESS_V6_SIZE + 2 };

/* A birth of 0 means never; a clock that went backwards makes nothing young again. */
static bool is_younger(uint64_t born, uint64_t now, uint64_t age) {
	return born > 0 && now >= born && now - born < age;
}

/* Time 0 cannot be told from never: an object born then counts as born a nanosecond later. */
static uint64_t birth_of(uint64_t now) {
	return now > 0 ? now : 1;
}

static enum err derive(const char *label, const uint8_t public_key[static X25519_KEY_SIZE],
					   uint8_t out_key[static HASH_SIZE]) {
	const struct slice parts[] = {slice_of_text(label), slice_of(public_key, X25519_KEY_SIZE)};
	if (parts[0].size != COOKIE_LABEL_SIZE)
		return ERR_INVALID;
	return hash_digest(HASH_BLAKE2S, parts, 2, out_key);
}

enum err cookie_keys_init(struct cookie_keys *keys, const char *mac1_label,
						  const char *cookie_label,
						  const uint8_t public_key[static X25519_KEY_SIZE]) {
	struct cookie_keys fresh;
	WIPE_ON_EXIT(fresh);
	enum err error = derive(mac1_label, public_key, fresh.mac1)
						 ?: derive(cookie_label, public_key, fresh.cookie);
	if (error)
		return error;
	*keys = fresh;
	return ERR_OK;
}

/* mac1 over message without its MACs. */
static enum err make_mac1(const struct cookie_keys *keys, struct slice message,
						  uint8_t out_mac[static COOKIE_MAC_SIZE]) {
	struct slice covered = slice_of(message.data, message.size - COOKIE_MACS_SIZE);
	return hash_blake2s_mac(keys->mac1, sizeof keys->mac1, &covered, 1, out_mac);
}

/* mac2 over message without its MACs, and the mac1 that will be or is in it. */
static enum err make_mac2(const uint8_t cookie[static COOKIE_SIZE], struct slice message,
						  const uint8_t mac1[static COOKIE_MAC_SIZE],
						  uint8_t out_mac[static COOKIE_MAC_SIZE]) {
	const struct slice parts[] = {slice_of(message.data, message.size - COOKIE_MACS_SIZE),
								  slice_of(mac1, COOKIE_MAC_SIZE)};
	return hash_blake2s_mac(cookie, COOKIE_SIZE, parts, 2, out_mac);
}

/* The cookie of an address and port: their MAC under the secret, so that nothing is stored. */
static enum err make_cookie(struct cookie_checker *checker, const uint8_t secret[static HASH_SIZE],
							const struct endpoint *from, uint8_t out_cookie[static COOKIE_SIZE]) {
	const uint8_t port[] = {(uint8_t)(from->port >> 8), (uint8_t)from->port};
	const struct slice parts[] = {slice_of(from->address.bytes, address_size(&from->address)),
								  slice_of(port, sizeof port)};
	const uint8_t *key = checker->cookie_keyed ? NULL : secret;
	enum err error = prepared_mac_run(checker->cookie, key, HASH_SIZE, parts, 2, out_cookie);
	checker->cookie_keyed = error == ERR_OK;
	return error;
}

static const uint8_t *mac1_of(struct slice message) {
	return message.data + message.size - COOKIE_MACS_SIZE;
}

static const uint8_t *mac2_of(struct slice message) {
	return message.data + message.size - COOKIE_MAC_SIZE;
}

void cookie_checker_done(struct cookie_checker *checker) {
	prepared_mac_free(checker->mac1);
	prepared_mac_free(checker->cookie);
	prepared_mac_free(checker->mac2);
	prepared_xseal_free(checker->xseal);
	wipe(checker, sizeof *checker);
}

enum err cookie_checker_init(struct cookie_checker *checker, const struct cookie_keys *keys) {
	*checker = (struct cookie_checker){.keys = *keys};
	enum err error = prepared_mac_new(&checker->mac1)
						 ?: prepared_mac_new(&checker->cookie)
						 ?: prepared_mac_new(&checker->mac2)
						 ?: prepared_xseal_new(&checker->xseal);
	if (error)
		cookie_checker_done(checker);
	return error;
}

void cookie_checker_change(struct cookie_checker *checker, const struct cookie_keys *keys) {
	checker->keys = *keys;
	checker->secret_born = 0;
	checker->mac1_keyed = checker->cookie_keyed = false;
}

bool cookie_check_mac1(struct cookie_checker *checker, struct slice message) {
	if (message.size < COOKIE_MACS_SIZE)
		return false;
	uint8_t expected[COOKIE_MAC_SIZE];
	struct slice covered = slice_of(message.data, message.size - COOKIE_MACS_SIZE);
	const uint8_t *key = checker->mac1_keyed ? NULL : checker->keys.mac1;
	enum err error = prepared_mac_run(checker->mac1, key, HASH_SIZE, &covered, 1, expected);
	checker->mac1_keyed = error == ERR_OK;
	return !error && wipe_equal(expected, mac1_of(message), sizeof expected);
}

/* What is sent without a cookie: no secret, so that looking at it takes no constant time. */
static bool has_mac2(struct slice message) {
	static const uint8_t none[COOKIE_MAC_SIZE];
	return memcmp(mac2_of(message), none, sizeof none) != 0;
}

bool cookie_check_mac2(struct cookie_checker *checker, struct slice message,
					   const struct endpoint *from, uint64_t now) {
	if (message.size < COOKIE_MACS_SIZE || !has_mac2(message) ||
		!is_younger(checker->secret_born, now, COOKIE_SECRET_AGE))
		return false;
	struct {
		uint8_t cookie[COOKIE_SIZE];
		uint8_t expected[COOKIE_MAC_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	const struct slice parts[] = {slice_of(message.data, message.size - COOKIE_MACS_SIZE),
								  slice_of(mac1_of(message), COOKIE_MAC_SIZE)};
	enum err error = make_cookie(checker, checker->secret, from, scratch.cookie)
						 ?: prepared_mac_run(checker->mac2, scratch.cookie, COOKIE_SIZE, parts, 2,
											 scratch.expected);
	return !error && wipe_equal(scratch.expected, mac2_of(message), sizeof scratch.expected);
}

static const uint8_t *next_nonce(struct cookie_checker *checker,
								 const struct random_source *random) {
	if (checker->nonce_count == 0) {
		random_fill(random, checker->nonces, sizeof checker->nonces);
		checker->nonce_count = COOKIE_NONCES;
	}
	return checker->nonces[--checker->nonce_count];
}

enum err cookie_make(struct cookie_checker *checker, struct slice message,
					 const struct endpoint *from, const struct random_source *random, uint64_t now,
					 uint8_t out_nonce[static XAEAD_NONCE_SIZE],
					 uint8_t out_sealed[static COOKIE_SEALED_SIZE]) {
	if (message.size < COOKIE_MACS_SIZE)
		return ERR_INVALID;
	struct {
		uint8_t secret[HASH_SIZE];
		uint64_t secret_born;
		uint8_t cookie[COOKIE_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	memcpy(scratch.secret, checker->secret, sizeof scratch.secret);
	scratch.secret_born = checker->secret_born;
	if (!is_younger(scratch.secret_born, now, COOKIE_SECRET_AGE)) {
		random_fill(random, scratch.secret, sizeof scratch.secret);
		scratch.secret_born = birth_of(now);
		checker->cookie_keyed = false;
	}
	const uint8_t *nonce = next_nonce(checker, random);
	enum err error = make_cookie(checker, scratch.secret, from, scratch.cookie)
						 ?: prepared_xseal_run(checker->xseal, checker->keys.cookie, nonce,
											   slice_of(mac1_of(message), COOKIE_MAC_SIZE),
											   scratch.cookie, COOKIE_SIZE, out_sealed);
	if (error) {
		checker->cookie_keyed = false; /* with what may be no secret of ours */
		return error;
	}
	memcpy(checker->secret, scratch.secret, sizeof scratch.secret);
	checker->secret_born = scratch.secret_born;
	memcpy(out_nonce, nonce, XAEAD_NONCE_SIZE);
	return ERR_OK;
}

void cookie_jar_init(struct cookie_jar *jar, const struct cookie_keys *keys) {
	*jar = (struct cookie_jar){.keys = *keys};
}

/* Given up before the other end forgets its secret, as a message is on its way a while. */
bool cookie_jar_is_fresh(const struct cookie_jar *jar, uint64_t now) {
	return is_younger(jar->cookie_born, now, COOKIE_SECRET_AGE - COOKIE_LATENCY);
}

enum err cookie_add_macs(struct cookie_jar *jar, uint8_t *message, size_t size, uint64_t now) {
	if (size < COOKIE_MACS_SIZE)
		return ERR_INVALID;
	uint8_t mac1[COOKIE_MAC_SIZE], mac2[COOKIE_MAC_SIZE] = {0};
	enum err error = make_mac1(&jar->keys, slice_of(message, size), mac1);
	if (!error && cookie_jar_is_fresh(jar, now))
		error = make_mac2(jar->cookie, slice_of(message, size), mac1, mac2);
	if (error)
		return error;
	memcpy(message + size - COOKIE_MACS_SIZE, mac1, sizeof mac1);
	memcpy(message + size - COOKIE_MAC_SIZE, mac2, sizeof mac2);
	memcpy(jar->last_mac1, mac1, sizeof mac1);
	jar->has_last_mac1 = true;
	return ERR_OK;
}

enum err cookie_take(struct cookie_jar *jar, const uint8_t nonce[static XAEAD_NONCE_SIZE],
					 const uint8_t sealed[static COOKIE_SEALED_SIZE], uint64_t now) {
	if (!jar->has_last_mac1)
		return ERR_NOT_FOUND;
	uint8_t cookie[COOKIE_SIZE];
	WIPE_ON_EXIT(cookie);
	enum err error = aead_xopen(jar->keys.cookie, nonce, jar->last_mac1, sizeof jar->last_mac1,
								sealed, sizeof cookie, cookie);
	if (error)
		return error;
	memcpy(jar->cookie, cookie, sizeof cookie);
	jar->cookie_born = birth_of(now);
	jar->has_last_mac1 = false;
	return ERR_OK;
}
