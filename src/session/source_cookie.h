#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/random.h"
#include "base/slice.h"
#include "crypto/sizes.h"

/*
 * Cookies that show that a sender receives at its address, with nothing stored for it: HMAC-SHA256
 * of address, port and bytes of the message under a secret of this server's. A secret makes
 * cookies for two minutes, and they are accepted until it is twice as old, so each serves for two
 * to four minutes. A cookie may be used many times while it lasts. One thread uses it.
 */

enum {
	SOURCE_COOKIE_SIZE = HASH_SIZE,
	SOURCE_COOKIE_SECRETS = 2, /* the one that makes cookies, and the one before */
};

/* A secret makes cookies so long, in ns. */
#define SOURCE_COOKIE_SECRET_AGE (UINT64_C(120) * 1000000000)

struct source_cookie {
	struct {
		bool drawn;
		uint64_t born; /* ns */
		uint8_t bytes[HASH_SIZE];
	} secrets[SOURCE_COOKIE_SECRETS]; /* the younger first */
};

void source_cookie_init(struct source_cookie *cookies);
void source_cookie_done(struct source_cookie *cookies); /* wipes; fine for a zeroed struct */

/* Renews the secret where it is too old. bytes: what else the cookie is for. ERR_CRYPTO. */
enum err source_cookie_make(struct source_cookie *cookies, const struct random_source *random,
							uint64_t now, const struct endpoint *from, struct slice bytes,
							uint8_t out_cookie[static SOURCE_COOKIE_SIZE]);

/* Whether one of the secrets made it for just these, and is not too old. */
bool source_cookie_check(const struct source_cookie *cookies, uint64_t now,
						 const struct endpoint *from, struct slice bytes,
						 const uint8_t cookie[static SOURCE_COOKIE_SIZE]);
