#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/slice.h"
#include "crypto/sizes.h"
#include "proxy/policy.h"

/*
 * The peers of a tunnel of streams, by the lines of set operations (wire/uapi.h): public_key opens
 * one; name, endpoint, allowed_ip, replace_allowed_ips, rule, replace_rules, remove, update_only
 * are about it, and replace_peers before the first one about all; what only other protocols know
 * (preshared_key, persistent_keepalive_interval, umbra) is read over.
 */

struct stream_peers;

enum {
	STREAM_PEERS_MAX = 65536,
	STREAM_PEER_PREFIXES_MAX = 4096,
};

struct stream_peer {
	uint8_t public_key[X25519_KEY_SIZE];
	char name[64]; /* never empty: the first eight characters of the key where none was said */
	struct endpoint endpoint; /* ADDRESS_NONE: none */
	struct prefix *allowed_ips;
	size_t allowed_ip_count;
	struct policy_rule *rules;
	size_t rule_count;
	void *owner;         /* of who uses the table; NULL at first */
	uint64_t generation; /* changes whenever something of the peer does */
};

enum err stream_peers_new(struct stream_peers **out_peers);
void stream_peers_free(struct stream_peers *peers); /* NULL-safe */

/*
 * All or nothing. Returns errno: EINVAL for lines that are none, ENOMEM also beyond a limit.
 * agreed() (NULL: nobody asks) is called when nothing can fail any more, and may refuse all the
 * same by an errno of its own; the table is as it was by then. removed() (NULL: nobody asks) is
 * called for each peer that goes, before it is freed; the table may be read inside. Pointers to the
 * others stay what they are, their places may change.
 */
int stream_peers_set_if(struct stream_peers *peers, struct slice text, int (*agreed)(void *context),
						void (*removed)(void *context, struct stream_peer *peer), void *context);
/* The same with nobody who could refuse. */
int stream_peers_set(struct stream_peers *peers, struct slice text,
					 void (*removed)(void *context, struct stream_peer *peer), void *context);

size_t stream_peers_count(const struct stream_peers *peers);
struct stream_peer *stream_peers_at(const struct stream_peers *peers, size_t place);
struct stream_peer *stream_peers_find(const struct stream_peers *peers,
									  const uint8_t public_key[static X25519_KEY_SIZE]);
