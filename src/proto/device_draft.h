#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "wire/uapi.h"

/*
 * What a set operation's lines ask for, kept until all of them were read and found good: the parts
 * of it that devices of several protocols have alike.
 */

/* Makes room for one more; size is an item's. False when memory is short. */
bool device_draft_grow(void **items, size_t count, size_t *capacity, size_t size);

/* To a list that has each once, and most at most: ENOSPC. */
int device_draft_add_endpoint(struct endpoint *endpoints, size_t *count, size_t most,
							  const struct endpoint *endpoint);
int device_draft_add_prefix(struct prefix *prefixes, size_t *count, size_t most,
							const struct prefix *prefix);

enum device_draft_edit_kind {
	DEVICE_DRAFT_PREFIXES_REPLACED,
	DEVICE_DRAFT_PREFIX_ADDED,
	DEVICE_DRAFT_PREFIX_TAKEN,
};

/* Allowed IPs are edited in the order of their lines, as they move between peers. */
struct device_draft_edit {
	size_t draft;      /* its place */
	unsigned removals; /* the draft's when the line came */
	enum device_draft_edit_kind kind;
	struct prefix prefix;
};

/* Zeroed there are none. */
struct device_draft_edits {
	size_t count, capacity;
	struct device_draft_edit *items;
};

/* A line replace_allowed_ips or allowed_ip, about the peer of that draft; errno. */
int device_draft_edits_take(struct device_draft_edits *edits, const struct uapi_entry *line,
							size_t draft, unsigned removals);
void device_draft_edits_done(struct device_draft_edits *edits);
