#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"

/*
 * Addresses that are no place of the Internet: this host, its networks, groups, and what has no
 * meaning. Those of the IANA special-purpose registries (RFC 6890) that are not globally
 * reachable, and multicast.
 */

enum { SPECIAL_EMBEDDED_MAX = 2 };

/* The block that the address is in; NULL: an ordinary address. Of prefixes: wholly in. */
const struct prefix *special_of(const struct address *address);
const struct prefix *special_of_prefix(const struct prefix *prefix);

/*
 * ::ffff:192.0.2.1, which the kernel connects to 192.0.2.1: that one. Otherwise the address as it
 * is.
 */
struct address special_unmapped(const struct address *address);

/*
 * Version 4 addresses that a version 6 address leads to by translation (RFC 6052, RFC 7915) or
 * tunnel (RFC 3056, RFC 4291 section 2.5.5, RFC 5214), where somebody on the way does that.
 */
size_t special_embedded(const struct address *address,
						struct address out_addresses[static SPECIAL_EMBEDDED_MAX]);
