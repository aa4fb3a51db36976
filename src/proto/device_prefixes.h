#pragma once

#include <stdbool.h>

#include "base/address.h"
#include "base/list.h"
#include "engine/peer.h"
#include "engine/trie.h"

/*
 * Which peer of a device each prefix belongs to: edited by the control thread, published to shards
 * as views. Each prefix is one peer's.
 */
struct device_prefixes {
	struct trie *peers; /* prefix to struct peer, published */
	struct trie *items; /* prefix to struct device_prefix, the control thread's alone */
	bool changed;       /* since the owner cleared it, when it published */
};

/* A prefix of a peer. */
struct device_prefix {
	struct list link; /* the peer's list, in the order of their coming to it */
	struct prefix prefix;
	const struct peer *peer;
};

enum err device_prefixes_init(struct device_prefixes *prefixes);
/* All prefixes must have been taken from their peers, all views released. Fine when zeroed. */
void device_prefixes_done(struct device_prefixes *prefixes);

/* A prefix goes to this peer and its list, from whoever had it. */
enum err device_prefixes_allow(struct device_prefixes *prefixes, struct peer *peer,
							   struct list *list, const struct prefix *prefix);
/* Takes a prefix from this peer; nothing happens when it is not the peer's. */
void device_prefixes_disallow(struct device_prefixes *prefixes, const struct peer *peer,
							  const struct prefix *prefix);
void device_prefixes_disallow_all(struct device_prefixes *prefixes, const struct list *list);
