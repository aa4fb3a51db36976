#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/list.h"
#include "handshake/mighty.h"
#include "proto/key_table.h"
#include "session/time_order.h"

/* The configuration that shards see (immutable) and the control thread's part of each peer. */

struct packet_policy;
struct policy_rule;

enum mighty_role { MIGHTY_SERVER, MIGHTY_CLIENT };

enum {
	MIGHTY_ENDPOINTS_MAX = 8,
	MIGHTY_CLIENTS_MAX = 20000, /* of a server */
};

/* The protocol's part of a snapshot. */
struct mighty_config {
	enum mighty_role role;
	uint8_t instance[MIGHTY_INSTANCE_SIZE]; /* a client's own, random and persistent */
	size_t cipher_count;
	uint8_t ciphers[MIGHTY_CIPHERS_KNOWN]; /* enum mighty_cipher: offered, or allowed */
	/*
	 * A server tells these to its clients. A client renews keys when either says so, and has its
	 * own keepalive only where the server does not say one.
	 */
	uint32_t rekey_seconds;  /* never 0 */
	uint32_t rekey_packets;  /* of either direction; 1 to PARAMETERS_REKEY_PACKETS_MAX */
	uint16_t keepalive;      /* s; never 0 */
	bool client_to_client;   /* a server's clients may send to each other */
	struct parameters tells; /* a server's to all of its clients: no addresses, see below */
	const struct key_table *directory; /* struct mighty_peer by PSK id */
};

/* What the control thread keeps of a peer; shards never touch it. */
struct mighty_peer_control {
	struct list link;        /* the device's peers, in the order of their making */
	struct list allowed_ips; /* struct device_prefix */
	unsigned changes;        /* enum mighty_change, to be told to the owner */
	size_t endpoint_count;
	struct endpoint endpoints[MIGHTY_ENDPOINTS_MAX]; /* of a client's server */
	struct endpoint learnt; /* where a server's client was in an earlier run */
	size_t address_count;
	/* Told to a server's client; none: the allowed IPs that are one address. */
	struct prefix addresses[INTERFACE_SETTINGS_ADDRESSES_MAX];
	size_t rule_count;
	struct policy_rule *rules;           /* where a server's client may send; the first that fits */
	struct packet_policy *policy;        /* made of them; NULL: everything may pass */
	struct packet_policy *posted_policy; /* the one that the owner has, or is about to have */
	struct list changed_link;            /* the device's list of changed peers */
	uint32_t saved_endpoint;             /* the endpoint's sequence number that was saved last */
	uint64_t saved_handshake;            /* likewise */
	uint64_t saved_claimed;              /* likewise: ms, the time of our own last hello */
	uint32_t told_take_overs;            /* those that the host was warned of */
	/* Of hellos that were accepted: the latest of each instance, for the next run. */
	size_t time_count;
	struct mighty_hello_time {
		uint8_t instance[MIGHTY_INSTANCE_SIZE];
		uint64_t time; /* ms */
	} times[TIME_ORDER_GROUP_MAX];
};

/*
 * All that a client with these addresses is told: config->tells and its times. ERR_LIMIT where it
 * does not fit into a ServerHello, ERR_INVALID: who configures has to ask before clients come.
 */
enum err mighty_config_tell(const struct mighty_config *config, const struct prefix *addresses,
							size_t address_count, struct parameters *out_parameters);
