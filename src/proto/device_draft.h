#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "wire/uapi.h"

/*
 * What a set operation's lines ask for, kept until all of them were read and found good: the parts
 * of it that devices of several protocols have alike.
 */

/* Makes room for one more; size is an item's. False when memory is short. */
bool device_draft_grow(void **items, size_t count, size_t *capacity, size_t size);

/* To a list that has each once, and most at most: ENOSPC. */
int device_draft_add_endpoint(struct endpoint *endpoints, size_t *count, size_t most,
							  const struct endpoint *endpoint);
int device_draft_add_prefix(struct prefix *prefixes, size_t *count, size_t most,
							const struct prefix *prefix);
