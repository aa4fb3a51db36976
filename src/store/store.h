#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/text.h"

/*
 * What umbra keeps by itself, in one SQLite file of the state directory (mode 0600): peers made by
 * the tool, and which tunnels were taken down. The operator's configuration is not in it.
 * WAL, foreign keys, busy_timeout, synchronous=FULL; the schema has a version and migrates upwards.
 */

struct store;

struct store_peer {
	const char *tunnel;
	const char *name;
	uint8_t public_key[TEXT_KEY_SIZE];
	bool has_preshared_key;
	uint8_t preshared_key[TEXT_KEY_SIZE];
	const struct prefix *allowed_ips;
	size_t allowed_ip_count;
	const char *endpoint_name; /* host or address as given; NULL: none */
	uint16_t endpoint_port;
	uint16_t persistent_keepalive;
	const char *rules; /* of its streams, one a line; NULL: none */
	uint64_t created;  /* seconds since the Unix epoch */
};

enum {
	STORE_PROBLEM_SIZE = 200,
	STORE_ALLOWED_IPS_MAX = 4096,     /* of one peer */
	STORE_TEXT_MAX = 255,             /* bytes of a name */
	STORE_RULES_MAX = (64 << 10) - 1, /* bytes of a peer's rules */
	STORE_BUSY_MILLISECONDS = 2000,   /* to wait for another process */
};

/*
 * Makes the file, and its folder (mode 0700), when there is none. ERR_UNSUPPORTED: made by a newer
 * umbra. ERR_MALFORMED: damaged. ERR_WRONG_KIND: another program's. out_problem says it in a line
 * with the path.
 */
enum err store_open(const char *path, struct store **out_store,
					char out_problem[static STORE_PROBLEM_SIZE]);
/* The same in the current folder, which messages call by the name given. */
enum err store_open_here(const char *folder, const char *name, struct store **out_store,
						 char out_problem[static STORE_PROBLEM_SIZE]);
void store_close(struct store *store); /* NULL-safe; what was not committed is gone */

/* ERR_EXISTS: the tunnel has a peer of that name or key. ERR_LIMIT: too many allowed IPs, or a text
 * too long. */
enum err store_add_peer(struct store *store, const struct store_peer *peer);
/* ERR_NOT_FOUND. */
enum err store_remove_peer(struct store *store, const char *tunnel,
						   const uint8_t public_key[static TEXT_KEY_SIZE]);
/*
 * Calls take() for each peer of the tunnel by age; what it gets is gone afterwards. An error of
 * take() ends it and is returned.
 */
enum err store_each_peer(struct store *store, const char *tunnel,
						 enum err (*take)(void *context, const struct store_peer *peer),
						 void *context);

/*
 * Everything between the two lands together, with one write to the disk, or not at all. ERR_AGAIN:
 * another process has the store. A store_commit() that failed has changed nothing.
 */
enum err store_begin(struct store *store);
enum err store_commit(struct store *store);
void store_rollback(struct store *store);

/* Whether the tunnel was taken down by somebody and not up again since. */
enum err store_set_down(struct store *store, const char *tunnel, bool down);
enum err store_get_down(struct store *store, const char *tunnel, bool *out_down);
