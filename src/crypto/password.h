#pragma once

#include "base/error.h"
#include "base/random.h"
#include "base/slice.h"

/*
 * Hashes of passwords as they are kept, in the PHC's string format:
 *
 *   $argon2id$v=19$m=65536,t=3,p=1$salt$hash       base64 of RFC 4648 section 4, without padding
 *
 * Each of these calls takes the time and the memory of its costs: for threads of their own.
 */

enum {
	/* What new ones cost. */
	PASSWORD_MEMORY = 64 << 10, /* KiB */
	PASSWORD_PASSES = 3,
	PASSWORD_LANES = 1,
	PASSWORD_SALT_SIZE = 16,
	PASSWORD_HASH_SIZE = 32,

	/* What is taken of strings that others made. */
	PASSWORD_MEMORY_MAX = 256 << 10,
	PASSWORD_PASSES_MAX = 16,
	PASSWORD_LANES_MAX = 16,
	PASSWORD_BYTES_MIN = 8, /* of salt and hash */
	PASSWORD_BYTES_MAX = 64,

	PASSWORD_TEXT_SIZE = 256, /* of any string that is taken, with its NUL */
};

enum err password_hash(struct slice password, const struct random_source *random,
					   char out_text[static PASSWORD_TEXT_SIZE]);

/*
 * ERR_OK: it is this one. ERR_AUTHENTICATION: it is not. ERR_MALFORMED, at once: no such string, or
 * one that costs too much.
 */
enum err password_verify(struct slice password, const char *text);

/* What is never right: takes as long as password_verify() of a string by password_hash(), and says
 * the same as one that is wrong. */
enum err password_pretend(struct slice password);
