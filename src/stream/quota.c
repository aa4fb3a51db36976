#include "stream/quota.h"

#include <stdlib.h>

struct quota {
	struct list unread; /* items with bytes, those first that were not read for longest */
	size_t used, staged, limit;
	struct quota *total; /* NULL: none */
	struct list link;    /* among its clients */
	struct list clients; /* of a total */
	size_t staging;      /* of these, who have something staged */
};

enum err quota_new(size_t limit, struct quota *total, struct quota **out_quota) {
	struct quota *quota = malloc(sizeof *quota);
	if (!quota)
		return ERR_NO_MEMORY;
	*quota = (struct quota){.limit = limit, .total = total};
	list_init(&quota->unread);
	list_init(&quota->link);
	list_init(&quota->clients);
	if (total)
		list_append(&total->clients, &quota->link);
	*out_quota = quota;
	return ERR_OK;
}

void quota_free(struct quota *quota) {
	if (!quota)
		return;
	list_remove(&quota->link);
	free(quota);
}

void quota_set_limit(struct quota *quota, size_t limit) {
	quota->limit = limit;
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
	if (quota->total)
		quota->total->used += bytes;
}

void quota_release(struct quota *quota, struct quota_item *item, size_t bytes) {
	if (bytes == 0)
		return;
	item->bytes -= bytes;
	quota->used -= bytes;
	if (quota->total)
		quota->total->used -= bytes;
	list_remove(&item->order);
	if (item->bytes > 0)
		list_append(&quota->unread, &item->order);
}

void quota_forget(struct quota *quota, struct quota_item *item) {
	quota_release(quota, item, item->bytes);
}

static const struct quota *greediest(const struct quota *total) {
	const struct quota *found = NULL;
	for (const struct list *link = total->clients.next; link != &total->clients;
		 link = link->next) {
		const struct quota *quota = list_item(link, struct quota, link);
		if (!found || quota->used > found->used)
			found = quota;
	}
	return found;
}

struct quota_item *quota_victim(const struct quota *quota) {
	const struct quota *total = quota->total, *over = NULL;
	if (quota->used > quota->limit)
		over = quota;
	else if (total && total->used > total->limit)
		over = greediest(total);
	return over ? list_item(over->unread.next, struct quota_item, order) : NULL;
}

void quota_stage(struct quota *quota, size_t bytes) {
	struct quota *total = quota->total;
	if (total) {
		total->staging += quota->staged == 0 && bytes > 0;
		total->staged += bytes;
	}
	quota->staged += bytes;
}

void quota_unstage(struct quota *quota, size_t bytes) {
	struct quota *total = quota->total;
	quota->staged -= bytes;
	if (total) {
		total->staging -= quota->staged == 0 && bytes > 0;
		total->staged -= bytes;
	}
}

bool quota_is_short(const struct quota *quota) {
	const struct quota *total = quota->total;
	if (quota->staged >= quota->limit / 2)
		return true;
	return total && total->staged >= total->limit / 2 &&
		   quota->staged >= total->limit / 2 / total->staging;
}

size_t quota_staged(const struct quota *quota) {
	return quota->staged;
}

size_t quota_used(const struct quota *quota) {
	return quota->used;
}
