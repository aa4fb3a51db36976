#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Users of this node, who log in to its tunnels. What they have of a tunnel is in store_leases.h
 * and store_tickets.h, and goes with them.
 */

struct store;

enum {
	STORE_USER_NAME_MAX = 63, /* bytes */
	STORE_GROUP_NAME_MAX = 63,
	STORE_USER_GROUPS_MAX = 16,
	STORE_PASSWORD_MAX = 191, /* bytes of a password's hash, as a PHC string */
	STORE_DEVICES_MAX = 255,
	STORE_DEVICES_DEFAULT = 3,
};

struct store_user {
	int64_t id; /* the store's, never given again to another */
	char name[STORE_USER_NAME_MAX + 1];
	char password[STORE_PASSWORD_MAX + 1]; /* its hash; "": no password is right */
	char groups[STORE_USER_GROUPS_MAX][STORE_GROUP_NAME_MAX + 1]; /* ordered by name */
	size_t group_count;
	bool disabled;
	uint64_t expires; /* seconds since the Unix epoch; 0: never */
	uint64_t quota;   /* bytes, both ways together; 0: none */
	uint64_t used;    /* of them, and without a quota, too */
	uint64_t rate;    /* bytes/s, each way; 0: none */
	uint32_t devices; /* that may have leases of a tunnel, 1 to STORE_DEVICES_MAX */
	uint64_t created; /* seconds since the Unix epoch */
	uint64_t seen;    /* the last login, or its traffic; 0: never */
	uint64_t epoch;   /* how often it was locked */
};

/*
 * user->id, user->seen and user->epoch are passed over. ERR_EXISTS: there is one of that name.
 * ERR_INVALID: an empty name or group, too many or no devices. ERR_LIMIT: a number beyond 63 bits.
 * out_id may be NULL.
 */
enum err store_users_add(struct store *store, const struct store_user *user, int64_t *out_id);
/* Writes everything but name, used, created, seen and epoch of the user with that id.
 * ERR_NOT_FOUND. */
enum err store_users_change(struct store *store, const struct store_user *user);
/*
 * All tickets of the user are void, and its sessions of now have to end, whatever becomes of the
 * processes that have to do so: its epoch is one more, and a lease whose epoch is less belongs to a
 * device that is not known to have heard of it (store_leases_ended()). ERR_NOT_FOUND.
 */
enum err store_users_lock(struct store *store, int64_t id);
/* With its leases and tickets. ERR_NOT_FOUND. */
enum err store_users_remove(struct store *store, int64_t id);

/* ERR_NOT_FOUND. Who takes a password wipes the struct. */
enum err store_users_find(struct store *store, const char *name, struct store_user *out_user);
enum err store_users_get(struct store *store, int64_t id, struct store_user *out_user);
/* By name; what take() gets is gone afterwards. An error of take() ends it and is returned. */
enum err store_users_each(struct store *store,
						  enum err (*take)(void *context, const struct store_user *user),
						  void *context);
enum err store_users_count(struct store *store, uint64_t *out_count);

/* Adds to what the user has used, which stays at INT64_MAX, and says when it was seen last. One
 * who is gone is passed over. */
enum err store_users_use(struct store *store, int64_t id, uint64_t bytes, uint64_t seen);
/* What it has used begins at 0 again. ERR_NOT_FOUND. */
enum err store_users_reset(struct store *store, int64_t id);
