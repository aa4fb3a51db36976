#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/device_draft.h"
#include "proto/mighty_control.h"
#include "wire/uapi.h"

/*
 * What a set operation makes of each peer that it names, before anything is done: so that it is
 * done as a whole or not at all.
 */

struct mighty_draft {
	size_t place; /* among the items */
	uint8_t identity[HASH_SIZE];
	struct mighty_peer *peer; /* the present one, if it stays */
	struct mighty_peer *made; /* a new one, the draft's until it is taken */
	bool drops;               /* the present one is removed, whether there is a new one or not */
	unsigned removals;        /* by these lines; edits of before them are void */
	bool endpoints_changed, addresses_changed, rules_changed;
	size_t endpoint_count, address_count;
	struct endpoint endpoints[MIGHTY_ENDPOINTS_MAX];
	struct prefix addresses[INTERFACE_SETTINGS_ADDRESSES_MAX];
	/* Allowed IPs that are one address: those that the client is told where addresses are none. */
	size_t host_count;
	bool too_many_hosts;
	struct prefix hosts[INTERFACE_SETTINGS_ADDRESSES_MAX];
	/* With rules_changed, until they are taken. */
	size_t rule_count, rule_capacity;
	struct policy_rule *rules;
	struct packet_policy *policy; /* of the check */
};

struct mighty_drafts {
	struct device *device;
	bool replaces; /* all present peers are removed */
	size_t count, capacity;
	struct mighty_draft **items;
	struct device_draft_edits edits;
	struct key_table by_identity; /* to struct mighty_draft */
	/* The peer that the present lines are about. */
	size_t current; /* SIZE_MAX: none yet */
	bool created;   /* by these lines */
	bool gone;      /* it was removed, or was not to be made: the lines say nothing */
};

void mighty_drafts_init(struct mighty_drafts *drafts, struct device *device);
void mighty_drafts_done(struct mighty_drafts *drafts);

/* A line about peers, the first being a public_key. errno. */
int mighty_drafts_take(struct mighty_drafts *drafts, const struct uapi_entry *line);
/* The end of a peer's lines: EINVAL where it is new and has no key. */
int mighty_drafts_end_peer(const struct mighty_drafts *drafts);

/* Whether all of them can be under that configuration; errno. */
int mighty_drafts_check(struct mighty_drafts *drafts, const struct mighty_config *config);

/* Carries them out; only memory can be short. */
enum err mighty_drafts_apply(struct mighty_drafts *drafts);
