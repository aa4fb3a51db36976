#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/siphash.h"
#include "base/slice.h"

/* Which keys were there before: a hash table of bytes that others own. */

struct set_slot;

struct set {
	struct siphash_key key;
	struct set_slot *slots;
	size_t mask;
};

/* For at most `count` keys. ERR_NO_MEMORY. */
enum err set_init(struct set *set, size_t count);
void set_done(struct set *set);

/* NULL when the key is new, and is value's from now on; otherwise the value it has. */
const void *set_put(struct set *set, struct slice key, const void *value);
