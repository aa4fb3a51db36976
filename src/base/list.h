#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A circular doubly linked list whose links are embedded in their items. */

struct list {
	struct list *next, *previous;
};

#define list_item(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* Walks all items; the current one may be removed inside the body. */
#define list_for_each(link, head)                                                     \
	for (struct list *link = (head)->next, *link##_next = link->next; link != (head); \
		 link = link##_next, link##_next = link->next)

static inline void list_init(struct list *head) {
	head->next = head->previous = head;
}

static inline bool list_is_empty(const struct list *head) {
	return head->next == head;
}

static inline void list_append(struct list *head, struct list *link) {
	link->previous = head->previous;
	link->next = head;
	head->previous->next = link;
	head->previous = link;
}

/* Leaves the link empty, so that a second removal does nothing. */
static inline void list_remove(struct list *link) {
	link->previous->next = link->next;
	link->next->previous = link->previous;
	list_init(link);
}

/* The first link, removed; NULL when the list is empty. */
static inline struct list *list_take_first(struct list *head) {
	struct list *first = head->next;
	if (first == head)
		return NULL;
	list_remove(first);
	return first;
}
