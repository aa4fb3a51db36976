#include "proto/device_prefixes.h"

#include <stdlib.h>

enum err device_prefixes_init(struct device_prefixes *prefixes) {
	return trie_new(&prefixes->peers) ?: trie_new(&prefixes->items);
}

void device_prefixes_done(struct device_prefixes *prefixes) {
	trie_free(prefixes->peers);
	trie_free(prefixes->items);
}

static void forget(struct device_prefixes *prefixes, struct device_prefix *item) {
	if (trie_remove(prefixes->items, &item->prefix) == ERR_OK &&
		trie_remove(prefixes->peers, &item->prefix) == ERR_OK)
		prefixes->changed = true;
	list_remove(&item->link);
	free(item);
}

enum err device_prefixes_allow(struct device_prefixes *prefixes, struct peer *peer,
							   struct list *list, const struct prefix *prefix) {
	struct device_prefix *item = trie_find(prefixes->items, prefix);
	if (item && item->peer == peer)
		return ERR_OK;
	bool is_new = !item;
	if (is_new) {
		item = malloc(sizeof *item);
		if (!item)
			return ERR_NO_MEMORY;
		*item = (struct device_prefix){.prefix = *prefix, .peer = peer};
		prefix_mask(&item->prefix);
		list_init(&item->link);
		enum err error = trie_insert(prefixes->items, prefix, item);
		if (error) {
			free(item);
			return error;
		}
	}
	enum err error = trie_insert(prefixes->peers, prefix, peer);
	if (error) {
		if (is_new && trie_remove(prefixes->items, prefix) == ERR_OK)
			free(item);
		return error;
	}
	prefixes->changed = true;
	item->peer = peer;
	list_remove(&item->link);
	list_append(list, &item->link);
	return ERR_OK;
}

void device_prefixes_disallow(struct device_prefixes *prefixes, const struct peer *peer,
							  const struct prefix *prefix) {
	struct device_prefix *item = trie_find(prefixes->items, prefix);
	if (item && item->peer == peer)
		forget(prefixes, item);
}

void device_prefixes_disallow_all(struct device_prefixes *prefixes, const struct list *list) {
	list_for_each (link, list)
		forget(prefixes, list_item(link, struct device_prefix, link));
}
