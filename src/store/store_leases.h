#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/text.h"

/*
 * Addresses that users' devices have of a tunnel: one lease a device, kept while nobody is logged
 * in with it. They go with their user.
 */

struct store;

struct store_lease {
	int64_t user;                  /* store_user.id */
	uint32_t number;               /* of the user's devices at that tunnel, from 1 */
	uint8_t member[TEXT_KEY_SIZE]; /* what the device is called, see crypto/member.h */
	struct address v4, v6;         /* ADDRESS_NONE: none of that family */
	uint64_t used;                 /* when it was logged in with last, s since the Unix epoch */
	uint64_t epoch; /* the user's when its device was known to have no older session */
};

/*
 * ERR_EXISTS: the tunnel has a lease of that number or member, or gave an address of it to somebody
 * else. ERR_INVALID: no such user, no number, or an address of another family.
 */
enum err store_leases_add(struct store *store, const char *tunnel, const struct store_lease *lease);
/* Its addresses and when it was used. ERR_NOT_FOUND; ERR_EXISTS: somebody else has an address. */
enum err store_leases_change(struct store *store, const char *tunnel,
							 const struct store_lease *lease);
/* The device has ended what there was of before that epoch of its user. ERR_NOT_FOUND: it has no
 * lease, or knew of it. */
enum err store_leases_ended(struct store *store, const char *tunnel,
							const uint8_t member[static TEXT_KEY_SIZE], uint64_t epoch);
/* With its ticket. ERR_NOT_FOUND. */
enum err store_leases_remove(struct store *store, const char *tunnel,
							 const uint8_t member[static TEXT_KEY_SIZE]);

/* ERR_NOT_FOUND. */
enum err store_leases_find(struct store *store, const char *tunnel,
						   const uint8_t member[static TEXT_KEY_SIZE],
						   struct store_lease *out_lease);
/* All of a tunnel by user and number; an error of take() ends it and is returned. */
enum err store_leases_each(struct store *store, const char *tunnel,
						   enum err (*take)(void *context, const struct store_lease *lease),
						   void *context);
/*
 * Those of a tunnel that nobody misses: of users who are disabled or expired, then those that were
 * not used since then, each used the longest ago first. Seconds since the Unix epoch.
 */
enum err store_leases_idle(struct store *store, const char *tunnel, uint64_t now, uint64_t since,
						   enum err (*take)(void *context, const struct store_lease *lease),
						   void *context);
/*
 * One user's, with the tunnel's name: of that tunnel, those used last first; or of all tunnels with
 * tunnel NULL, by tunnel and number.
 */
enum err store_leases_of(struct store *store, const char *tunnel, int64_t user,
						 enum err (*take)(void *context, const char *tunnel,
										  const struct store_lease *lease),
						 void *context);
