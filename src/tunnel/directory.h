#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/list.h"
#include "base/slice.h"
#include "base/text.h"
#include "tunnel/directory_table.h"
#include "tunnel/directory_text.h"

/*
 * All peers of one tunnel as the control process knows them: those of the configuration's file,
 * those of the store, and those that only the device has. No I/O.
 *
 * The file comes first: a peer of the store with a key, a name or an allowed IP that the file has
 * as well is kept but not used.
 */

struct config_tunnel;
struct config_hosts;
struct config_prefixes;
struct store_peer;
struct uapi_text;

enum directory_origin {
	DIRECTORY_FILE,
	DIRECTORY_STORE,
	DIRECTORY_DEVICE, /* neither: somebody set it up through the tunnel's own socket */
};

/* Why a peer of the store is not used, or what a new one would meet. */
enum directory_conflict {
	DIRECTORY_FREE,
	DIRECTORY_KEY,
	DIRECTORY_NAME,
	DIRECTORY_PREFIX,
	DIRECTORY_OWN_KEY, /* it is the tunnel's own */
};

/* Read only, but for `watched`. */
struct directory_peer {
	struct list link; /* of all of the directory, in order */
	enum directory_origin origin;
	uint8_t public_key[TEXT_KEY_SIZE];
	const char *name; /* the first characters of the key for DIRECTORY_DEVICE */
	/* Of the store's peers; those of the file only tell whether there is one. */
	bool has_preshared_key;
	uint8_t preshared_key[TEXT_KEY_SIZE];
	const char *endpoint_name; /* host or address; NULL: none */
	uint16_t endpoint_port;
	const struct prefix *allowed_ips;
	size_t allowed_ip_count;
	uint16_t persistent_keepalive;
	const char *rules; /* of its streams, one a line; NULL: none */
	uint64_t created;  /* seconds since the Unix epoch; 0: unknown */

	enum directory_conflict shadowed;
	const struct directory_peer *shadowed_by; /* NULL: used */

	bool of_streams; /* the tunnel carries streams: the device is told the name */
	/* Its ends share keys, or clients log in: the public key is what the peer is called by. */
	bool of_shared;
	uint64_t lifetime;                 /* seconds that a handshake means it is there */
	const struct config_hosts *others; /* further endpoints, of the file; NULL: none */
	bool known;                        /* the device had it at the last update; then: */
	struct directory_figures figures;

	/* The owner's, from events; lives on with the peer over a reload. */
	struct {
		uint32_t unanswered;     /* handshakes in a row */
		uint64_t connected_at;   /* ns of the last handshake, 0: none seen */
		uint64_t silent_since;   /* ns of the first of the unanswered ones */
		uint64_t unreachable_at; /* ns, when this host had no way to it last; 0: never */
		/* Where clients log in: */
		bool session;            /* it has one, by events and updates */
		bool seen;               /* since the store was told */
		uint64_t reserved_until; /* ns: somebody was let in as it, and is yet to begin */
		uint64_t used;           /* bytes that the store does not have yet */
		bool has_quota;          /* its user has one */
		bool weighs;             /* of that it used more than its other devices know */
		struct endpoint from;    /* of its session, or of who was let in; ADDRESS_NONE: unknown */
	} watched;

	/* The directory's. */
	struct directory_link by_key, by_name;
	struct directory_prefix *prefixes; /* NULL while shadowed */
	uint64_t update;
	void *memory;
};

struct directory;

enum {
	DIRECTORY_NAME_PREFIX = 8, /* characters of the key that name a peer without a name */
	DIRECTORY_STORE_PEERS_MAX = 1 << 17,
	/* A handshake within so many seconds means that the peer is there: keys live that long, unless
	 * the configuration says how long. One whose connections are known is there while it has some.
	 */
	DIRECTORY_CONNECTED_SECONDS = 180,
};

/* With the peers of the file, whose texts stay the configuration's: it must live as long. */
enum err directory_new(const struct config_tunnel *tunnel, struct directory **out_directory);
void directory_free(struct directory *directory); /* wipes keys; NULL-safe */

/*
 * Adds one of the store, shadowed if need be. out_peer may be NULL. ERR_EXISTS: the store's peer is
 * here already; ERR_LIMIT.
 */
enum err directory_add(struct directory *directory, const struct store_peer *peer,
					   struct directory_peer **out_peer);
/* Adds the store's peers of an earlier directory that are not here yet. ERR_NO_MEMORY. */
enum err directory_adopt(struct directory *directory, const struct directory *before);
/* Only of peers of the store. Others stay shadowed until directory_new(). */
void directory_remove(struct directory *directory, struct directory_peer *peer);

/* The one in use of that key or name; NULL. */
struct directory_peer *directory_find_key(const struct directory *directory,
										  const uint8_t key[static TEXT_KEY_SIZE]);
struct directory_peer *directory_find_name(const struct directory *directory, const char *name);
/* By the base64 of its key, or by its name. */
struct directory_peer *directory_find(const struct directory *directory, const char *name_or_key);
/* The same among those of the store that are not used. */
struct directory_peer *directory_find_shadowed(const struct directory *directory,
											   const char *name_or_key);

/* struct directory_peer by its link: file, store, device. */
const struct list *directory_peers(const struct directory *directory);
size_t directory_count(const struct directory *directory);

/*
 * What a new peer would meet. *out_with is the peer that it meets, NULL for DIRECTORY_OWN_KEY, and
 * *out_prefix for DIRECTORY_PREFIX the one that is taken.
 */
enum directory_conflict directory_check(const struct directory *directory,
										const uint8_t key[static TEXT_KEY_SIZE], const char *name,
										const struct prefix *prefixes, size_t count,
										const struct directory_peer **out_with,
										const struct prefix **out_prefix);

/*
 * directory_addresses.c: the lowest free addresses for a new peer, one of each family that the
 * tunnel has a network of, as whole-length prefixes. ERR_LIMIT: a family has none left;
 * ERR_NOT_FOUND: the tunnel has no network with room for others.
 */
enum { DIRECTORY_ADDRESSES_MAX = 2 };
enum err directory_next_addresses(const struct directory *directory,
								  const struct config_prefixes *networks,
								  struct prefix out_prefixes[static DIRECTORY_ADDRESSES_MAX],
								  size_t *out_count);

/* directory_set.c: lines of set operations; errors stick in the text. */

/* All of a peer of the store. Without the endpoint a peer that moved keeps its own. */
void directory_put_peer(struct uapi_text *text, const struct directory_peer *peer,
						bool with_endpoint);
void directory_put_removal(struct uapi_text *text, const uint8_t key[static TEXT_KEY_SIZE]);
/* For a peer that the device has; otherwise nothing happens. */
void directory_put_endpoint(struct uapi_text *text, const uint8_t key[static TEXT_KEY_SIZE],
							const struct endpoint *endpoint);
/*
 * Of a peer that may have several: all that are known, in place of those before. found has what
 * names stand for, by place; ADDRESS_NONE: not known yet.
 */
void directory_put_endpoints(struct uapi_text *text, const struct directory_peer *peer,
							 const struct endpoint *found);
/* All of the store's that are used. */
void directory_put_all(struct uapi_text *text, const struct directory *directory);
/*
 * What makes a device with the peers of before, and with the file's of after, one of after.
 * Nothing is written when there is nothing to do.
 */
void directory_put_changes(struct uapi_text *text, const struct directory *before,
						   const struct directory *after);
/* The endpoint when it is an address and no name. */
bool directory_literal(const struct directory_peer *peer, struct endpoint *out_endpoint);
/* How many endpoints there are, each of which has a place from 0 on; and one of them: whether it is
 * an address, otherwise its name and port. */
size_t directory_places(const struct directory_peer *peer);
bool directory_place(const struct directory_peer *peer, size_t place, struct endpoint *out_endpoint,
					 const char **out_name, uint16_t *out_port);

/* directory_figures.c: what the device answered. */

/* On failure some figures may be the new ones already. */
enum err directory_update(struct directory *directory, struct slice text);
/* The device is gone. */
void directory_forget(struct directory *directory);
/* Takes over what was known of the same peers. */
void directory_inherit(struct directory *directory, const struct directory *before);
/* As of the last update. */
const struct directory_device *directory_device(const struct directory *directory);

struct directory_totals {
	uint64_t peers, connected, received, sent;
};
/* now: seconds since the Unix epoch. */
struct directory_totals directory_totals(const struct directory *directory, uint64_t now);
bool directory_connected(const struct directory_peer *peer, uint64_t now);

/*
 * The peers with the latest handshakes first, then the others in their order, at most `limit`.
 * *out_peers is the caller's (free).
 */
enum err directory_recent(const struct directory *directory, size_t limit,
						  const struct directory_peer ***out_peers, size_t *out_count);
