#include "crypto/member.h"

#include <stdio.h>

#include "base/slice.h"
#include "crypto/hash.h"

enum { NUMBER_SIZE = 11 }; /* digits of a uint32_t, and a NUL */

/* With the NUL that sets it off from what follows. */
static struct slice ended(const char *text) {
	struct slice slice = slice_of_text(text);
	slice.size++;
	return slice;
}

enum err member_identity(const char *tunnel, const char *user, uint32_t number,
						 uint8_t out_identity[static HASH_SIZE]) {
	char digits[NUMBER_SIZE];
	if (!tunnel[0] || !user[0] || number == 0)
		return ERR_INVALID;
	(void)snprintf(digits, sizeof digits, "%u", number);
	const struct slice parts[] = {ended("umbra member"), ended(tunnel), ended(user),
								  slice_of_text(digits)};
	return hash_digest(HASH_SHA256, parts, sizeof parts / sizeof parts[0], out_identity);
}

enum err member_server_identity(const char *name, uint8_t out_identity[static HASH_SIZE]) {
	const struct slice parts[] = {ended("umbra server"), slice_of_text(name)};
	if (!name[0])
		return ERR_INVALID;
	return hash_digest(HASH_SHA256, parts, sizeof parts / sizeof parts[0], out_identity);
}

void member_name(const char *user, uint32_t number, char *out_text, size_t room) {
	if (number == 1)
		(void)snprintf(out_text, room, "%s", user);
	else
		(void)snprintf(out_text, room, "%s/%u", user, number);
}
