#include "stream/quota.h"

#include <stdlib.h>

struct quota {
	struct list unread; /* items with bytes, those first that were not read for longest */
	size_t used, limit;
};

enum err quota_new(size_t limit, struct quota **out_quota) {
	struct quota *quota = malloc(sizeof *quota);
	if (!quota)
		return ERR_NO_MEMORY;
	*quota = (struct quota){.limit = limit};
	list_init(&quota->unread);
	*out_quota = quota;
	return ERR_OK;
}

void quota_free(struct quota *quota) {
	free(quota);
}

void quota_item_init(struct quota_item *item) {
	list_init(&item->order);
	item->bytes = 0;
}

void quota_add(struct quota *quota, struct quota_item *item, size_t bytes) {
	if (item->bytes == 0 && bytes > 0)
		list_append(&quota->unread, &item->order);
	item->bytes += bytes;
	quota->used += bytes;
}

void quota_release(struct quota *quota, struct quota_item *item, size_t bytes) {
	if (bytes == 0)
		return;
	item->bytes -= bytes;
	quota->used -= bytes;
	list_remove(&item->order);
	if (item->bytes > 0)
		list_append(&quota->unread, &item->order);
}

void quota_forget(struct quota *quota, struct quota_item *item) {
	quota_release(quota, item, item->bytes);
}

struct quota_item *quota_victim(const struct quota *quota) {
	if (quota->used <= quota->limit)
		return NULL;
	return list_item(quota->unread.next, struct quota_item, order);
}

size_t quota_used(const struct quota *quota) {
	return quota->used;
}
