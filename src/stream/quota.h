#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"

/*
 * How many unread bytes all connections of one client may hold together. Beyond it, whoever's
 * reader has stood still for longest has to go. Belongs to one thread, and outlives what it counts.
 */

enum { QUOTA_DEFAULT = 64 << 20 };

struct quota;

/* Embedded in whatever holds bytes. */
struct quota_item {
	struct list order;
	size_t bytes;
};

enum err quota_new(size_t limit, struct quota **out_quota);
void quota_free(struct quota *quota);

void quota_item_init(struct quota_item *item);

/* The item holds so many bytes more. */
void quota_add(struct quota *quota, struct quota_item *item, size_t bytes);

/* Of the item's bytes so many were read: it is now the one that was read last. */
void quota_release(struct quota *quota, struct quota_item *item, size_t bytes);

/* The item holds nothing any more. */
void quota_forget(struct quota *quota, struct quota_item *item);

/* NULL while the limit holds, otherwise the item with bytes that was not read for longest. */
struct quota_item *quota_victim(const struct quota *quota);

size_t quota_used(const struct quota *quota);
