#pragma once

#include <stddef.h>

#include "base/address.h"
#include "base/error.h"

/* Arithmetic with sets of prefixes, v4 and v6 together. Pure. */

enum {
	/* Prefixes that taking others away may add: one in the middle of ::/0 alone makes 128. */
	PREFIX_SET_PIECES_MAX = 65536,
};

/* Orders by family, address and length, for qsort(). */
int prefix_set_compare(const void *left, const void *right);

/* Sorts and drops what is there twice; returns how many are left. */
size_t prefix_set_sort(struct prefix *prefixes, size_t count);

/*
 * What is left of each of the prefixes once all of minus is taken away, sorted and none twice: a
 * prefix that minus does not touch stays as it is, of another the fewest prefixes that cover the
 * rest. Host bits are passed over. *out_prefixes is the caller's (free) and never NULL. ERR_LIMIT:
 * more than PREFIX_SET_PIECES_MAX beyond count; ERR_NO_MEMORY.
 */
enum err prefix_set_subtract(const struct prefix *prefixes, size_t count,
							 const struct prefix *minus, size_t minus_count,
							 struct prefix **out_prefixes, size_t *out_count);
