#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/siphash.h"
#include "engine/snapshot.h"
#include "engine/trie.h"
#include "proto/device.h"
#include "proto/wireguard_command.h"
#include "proto/wireguard_config.h"
#include "proto/wireguard_peer.h"

/*
 * The device's editable state. Edits change it at once and mark what shards must hear of;
 * wireguard_control_commit() publishes all of it as one snapshot. Files: wireguard_control (peers,
 * prefixes, commit), wireguard_device (life, link, records), wireguard_uapi (texts).
 */

struct wireguard_snapshot {
	struct snapshot snapshot; /* first */
	struct wireguard_config config;
	struct trie *allowed_ips; /* whose view it holds */
};

struct device {
	struct engine *engine;
	struct interface *interface;
	const struct device_host *host;
	struct siphash_key hash_key;

	struct wireguard_identity *identity; /* replaced, never changed */
	uint64_t generation;
	struct list peers;
	size_t peer_count;
	struct wireguard_directory *directory; /* all of peers, edited in place; published as copies */
	const struct wireguard_directory *published_directory;
	struct trie *allowed_ips; /* prefix to peer, published */
	struct trie *prefixes;    /* prefix to struct wireguard_allowed_ip, control only */
	uint16_t port;            /* configured, or chosen by the system */
	uint32_t mark;
	bool link_up, listening;
	bool listen_at_once;                 /* device_options.listen_at_once */
	bool restoring;                      /* device_ops.restore: link() will listen */
	bool port_chosen;                    /* by the system, and not saved yet */
	struct wireguard_snapshot *snapshot; /* the published one */

	/* Edits since the last commit. */
	struct list changed; /* peers with changes */
	bool identity_changed, peers_changed, prefixes_changed, up_changed;
	struct wireguard_identity *old_identity;
	struct list removed;             /* peers */
	struct wireguard_newsbox news;   /* of shards */
	uint64_t next_save, next_listen; /* ns; CLOCK_NEVER: nothing to save, no need to try */
};

/* Zeros clear it. Sessions of before stop sending; a peer with our own public key goes. */
enum err wireguard_control_set_private_key(struct device *device,
										   const uint8_t key[static X25519_KEY_SIZE]);

/* NULL when there is none. */
struct wireguard_peer *wireguard_control_find(const struct device *device,
											  const uint8_t key[static X25519_KEY_SIZE]);
/* NULL when memory is short. */
struct wireguard_peer *wireguard_control_add(struct device *device,
											 const uint8_t key[static X25519_KEY_SIZE]);
void wireguard_control_remove(struct device *device, struct wireguard_peer *peer);

/* Marks what the owner must hear of; the new values stand in peer->control. */
void wireguard_control_change(struct device *device, struct wireguard_peer *peer, unsigned changes);

/* A prefix goes to this peer, from whoever had it. */
enum err wireguard_control_allow(struct device *device, struct wireguard_peer *peer,
								 const struct prefix *prefix);
/* Takes a prefix from this peer; nothing happens when it is not the peer's. */
void wireguard_control_disallow(struct device *device, const struct wireguard_peer *peer,
								const struct prefix *prefix);
void wireguard_control_disallow_all(struct device *device, struct wireguard_peer *peer);

/* Tells the shards. On ERR_NO_MEMORY the edits stay and go out with the next commit. */
enum err wireguard_control_commit(struct device *device);

/* The first snapshot, before there are shards. */
enum err wireguard_control_first_snapshot(struct device *device);

/* wireguard_uapi.c */
int wireguard_uapi_set(struct device *device, struct slice text);
bool wireguard_uapi_of_peers(struct slice text);
void wireguard_uapi_get(const struct device *device, struct uapi_text *out_text);
/* The same without a secret, for who shows it to people: see device_ops.status. */
void wireguard_uapi_status(const struct device *device, struct uapi_text *out_text);
/* All of the configuration as the lines of a set operation. */
void wireguard_uapi_dump(const struct device *device, struct uapi_text *out_text);
/* wireguard_device.c: errno. */
int wireguard_device_set_port(struct device *device, uint16_t port);
int wireguard_device_set_mark(struct device *device, uint32_t mark);
/* Hands the host a record of endpoint and handshake where they changed since the last one. */
void wireguard_device_save_peer(const struct device *device, struct wireguard_peer *peer);
