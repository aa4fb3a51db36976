#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "engine/snapshot.h"
#include "proto/device.h"
#include "proto/device_news.h"
#include "proto/device_prefixes.h"
#include "proto/device_sockets.h"
#include "proto/mighty_config.h"
#include "proto/mighty_peer.h"

/*
 * The device's editable state. Edits change it at once and mark what shards must hear of;
 * mighty_control_commit() publishes all of it as one snapshot. Files: mighty_control (peers,
 * commit), mighty_device (life, records, news), mighty_set and mighty_draft (set operations),
 * mighty_uapi (answers).
 */

struct mighty_snapshot {
	struct snapshot snapshot; /* first */
	struct mighty_config config;
	struct trie *allowed_ips; /* whose view it holds */
};

struct device {
	struct engine *engine;
	struct interface *interface;
	const struct device_host *host;

	struct mighty_config config; /* but for its directory */
	struct list peers;
	size_t peer_count;
	struct key_table directory; /* all of peers, edited in place; published as copies */
	const struct key_table *published_directory;
	struct device_prefixes prefixes;
	struct device_sockets sockets;
	struct mighty_snapshot *snapshot; /* the published one */

	/* Edits since the last commit. */
	struct list changed;                /* peers with changes */
	struct list removed;                /* peers */
	bool config_changed, peers_changed; /* prefixes and sockets have their own */

	struct device_newsbox news;  /* of shards */
	bool instance_drawn;         /* by us, and not saved yet */
	uint64_t next_takeover_told; /* ns; before that nobody is told of another one */
};

/* NULL when there is none. */
struct mighty_peer *mighty_control_find(const struct device *device,
										const uint8_t identity[static HASH_SIZE]);
/* A peer of this PSK that is not the device's yet; NULL when memory is short. */
struct mighty_peer *mighty_control_make(const struct device *device, const struct mighty_psk *psk);
/* The peer becomes the device's. ERR_EXISTS where another has its PSK id, ERR_NO_MEMORY. */
enum err mighty_control_add(struct device *device, struct mighty_peer *peer);
void mighty_control_remove(struct device *device, struct mighty_peer *peer);
/* One that no shard knows, or knows any more. NULL is fine. */
void mighty_control_free_peer(struct mighty_peer *peer);

/* Marks what the owner must hear of; the new values stand in peer->control. */
void mighty_control_change(struct device *device, struct mighty_peer *peer, unsigned changes);

/* A prefix goes to this peer, from whoever had it. */
enum err mighty_control_allow(struct device *device, struct mighty_peer *peer,
							  const struct prefix *prefix);
/* Takes a prefix from this peer; nothing happens when it is not the peer's. */
void mighty_control_disallow(struct device *device, struct mighty_peer *peer,
							 const struct prefix *prefix);
void mighty_control_disallow_all(struct device *device, struct mighty_peer *peer);

/* Whether the prefix is a single address: such allowed IPs a client is told for addresses. */
bool mighty_control_is_address(const struct prefix *prefix);
/* The addresses that a server's client is told; beyond the room there is, none. */
size_t
mighty_control_addresses(const struct mighty_peer *peer,
						 struct prefix out_addresses[static INTERFACE_SETTINGS_ADDRESSES_MAX]);

/* Both, and what the policy is made of, are taken over; NULL and 0: everything may pass. */
void mighty_control_set_rules(struct device *device, struct mighty_peer *peer,
							  struct policy_rule *rules, size_t count,
							  struct packet_policy *policy);

/* Tells the shards. On ERR_NO_MEMORY the edits stay and go out with the next commit. */
enum err mighty_control_commit(struct device *device);

/* The first snapshot, before there are shards. */
enum err mighty_control_first_snapshot(struct device *device);

/* mighty_set.c: a set operation; errno. */
int mighty_set(struct device *device, struct slice text);

/* mighty_uapi.c */
/* What get answers: no secrets, as other protocols' get has them for wg(8) alone. */
void mighty_uapi_get(const struct device *device, struct uapi_text *out_text);
void mighty_uapi_status(const struct device *device, struct uapi_text *out_text);
/* All of the configuration as the lines of a set operation. */
void mighty_uapi_dump(const struct device *device, struct uapi_text *out_text);
void mighty_uapi_put_instance(const struct mighty_config *config, struct uapi_text *out_text);
/* "aes-256-gcm" and the like; ERR_INVALID for none, unknown ones or one twice. */
enum err mighty_uapi_parse_ciphers(const char *text, struct mighty_config *config);
