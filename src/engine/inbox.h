#pragma once

#include <stdatomic.h>
#include <stdbool.h>

/*
 * Messages from any thread to one consuming thread, without locks or allocation: the link is
 * embedded in the message. What a thread wrote before it pushed is seen by the consumer.
 */

struct inbox_item {
	struct inbox_item *next;
};

struct inbox {
	_Atomic(struct inbox_item *) newest;
};

void inbox_init(struct inbox *inbox);

/*
 * Any thread. True when the inbox was empty: the consumer may be asleep and must be woken. The item
 * belongs to the consumer from now on and may be gone when this returns.
 */
bool inbox_push(struct inbox *inbox, struct inbox_item *item);

/* Consumer: whether there are none, for now. */
bool inbox_is_empty(const struct inbox *inbox);

/* Consumer: all items, linked by next in the order they were pushed; NULL when there are none. */
struct inbox_item *inbox_take_all(struct inbox *inbox);
