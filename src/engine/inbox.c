#include "engine/inbox.h"

#include <stddef.h>

void inbox_init(struct inbox *inbox) {
	atomic_init(&inbox->newest, NULL);
}

bool inbox_push(struct inbox *inbox, struct inbox_item *item) {
	struct inbox_item *newest = atomic_load_explicit(&inbox->newest, memory_order_relaxed);
	do {
		item->next = newest;
	} while (!atomic_compare_exchange_weak_explicit(&inbox->newest, &newest, item,
													memory_order_release, memory_order_relaxed));
	return newest == NULL;
}

bool inbox_is_empty(const struct inbox *inbox) {
	return atomic_load_explicit(&inbox->newest, memory_order_relaxed) == NULL;
}

struct inbox_item *inbox_take_all(struct inbox *inbox) {
	struct inbox_item *newest =
		atomic_exchange_explicit(&inbox->newest, NULL, memory_order_acquire);
	struct inbox_item *oldest = NULL;
	while (newest) {
		struct inbox_item *next = newest->next;
		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	return oldest;
}
