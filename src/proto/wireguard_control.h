#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "engine/snapshot.h"
#include "engine/trie.h"
#include "proto/device.h"
#include "proto/device_news.h"
#include "proto/device_prefixes.h"
#include "proto/device_sockets.h"
#include "proto/wireguard_command.h"
#include "proto/wireguard_config.h"
#include "proto/wireguard_peer.h"

/*
 * The device's editable state. Edits change it at once and mark what shards must hear of;
 * wireguard_control_commit() publishes all of it as one snapshot. Files: wireguard_control (peers,
 * commit), wireguard_device (life, records), wireguard_uapi (texts).
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

	struct wireguard_identity *identity; /* replaced, never changed */
	uint64_t generation;
	struct list peers;
	size_t peer_count;
	struct key_table directory; /* all of peers, edited in place; published as copies */
	const struct key_table *published_directory;
	struct device_prefixes prefixes;
	struct device_sockets sockets;
	struct wireguard_snapshot *snapshot; /* the published one */

	/* Edits since the last commit. */
	struct list changed;                  /* peers with changes */
	bool identity_changed, peers_changed; /* prefixes and sockets have their own */
	struct wireguard_identity *old_identity;
	struct list removed;        /* peers */
	struct device_newsbox news; /* of shards */
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
