#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct route;
struct route_listing;

/* What a listing of route.h found: items of one size, in the order in which they came. */
struct route_rows {
	void *items; /* the caller's (free) */
	size_t item_size, count, room;
	/* What is looked for, for who reads the listing. */
	uint8_t family, protocol; /* family as the kernel numbers it */
	uint32_t index;
	bool others; /* of addresses: those of all other interfaces */
};

/* Copies the item. ERR_NO_MEMORY. */
enum err route_rows_add(struct route_rows *rows, const void *item);

/*
 * Asks for the list; its found gets the rows as its context, restart and context are not the
 * caller's to set. Afterwards items is not NULL; on failure there are none. A family or an
 * interface that the kernel does not have has no rows. ERR_NO_MEMORY, and what route_list()
 * returns.
 */
enum err route_rows_list(struct route *route, struct route_rows *rows,
						 const struct route_listing *listing);
