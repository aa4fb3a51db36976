#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"

/*
 * How many bytes all connections of one client may hold together, and, by a quota of these quotas,
 * all clients. Unread ones: beyond it, whoever's reader has stood still for longest has to go, of
 * all clients the one's that holds the most. Written ones that nobody takes, half as many: beyond
 * it, streams are to take little more. Belongs to one thread, and outlives what it counts.
 */

enum { QUOTA_DEFAULT = 64 << 20 }; /* of a client */

struct quota;

/* Embedded in whatever holds bytes. */
struct quota_item {
	struct list order;
	size_t bytes;
};

/* total: of all clients; NULL: there is none. It outlives those that count for it. */
enum err quota_new(size_t limit, struct quota *total, struct quota **out_quota);
void quota_free(struct quota *quota); /* NULL-safe */
void quota_set_limit(struct quota *quota, size_t limit);

void quota_item_init(struct quota_item *item);

/* The item holds so many bytes more. */
void quota_add(struct quota *quota, struct quota_item *item, size_t bytes);

/* Of the item's bytes so many were read: it is now the one that was read last. */
void quota_release(struct quota *quota, struct quota_item *item, size_t bytes);

/* The item holds nothing any more. */
void quota_forget(struct quota *quota, struct quota_item *item);

/* NULL while both limits hold, otherwise the item with bytes that has to go. */
struct quota_item *quota_victim(const struct quota *quota);

/* So many bytes more, or less, are written and not sent. */
void quota_stage(struct quota *quota, size_t bytes);
void quota_unstage(struct quota *quota, size_t bytes);
/* Whether the client has as many as it may, or as is its share of what all may. */
bool quota_is_short(const struct quota *quota);
size_t quota_staged(const struct quota *quota);

size_t quota_used(const struct quota *quota);
