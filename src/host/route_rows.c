#include "host/route_rows.h"

#include <stdlib.h>
#include <string.h>

#include "host/route.h"

static void forget(void *context) {
	struct route_rows *rows = context;
	rows->count = 0;
}

enum err route_rows_add(struct route_rows *rows, const void *item) {
	if (rows->count == rows->room) {
		size_t room = rows->room * 2 + 16;
		void *items = reallocarray(rows->items, room, rows->item_size);
		if (!items)
			return ERR_NO_MEMORY;
		rows->items = items;
		rows->room = room;
	}
	memcpy((char *)rows->items + rows->count++ * rows->item_size, item, rows->item_size);
	return ERR_OK;
}

enum err route_rows_list(struct route *route, struct route_rows *rows,
						 const struct route_listing *listing) {
	struct route_listing own = *listing;
	own.restart = forget;
	own.context = rows;
	rows->count = 0;
	rows->room = 1;
	rows->items = calloc(rows->room, rows->item_size);
	if (!rows->items)
		return ERR_NO_MEMORY;
	enum err error = route_list(route, &own);
	if (error == ERR_UNSUPPORTED || error == ERR_NO_DEVICE) {
		rows->count = 0;
		error = ERR_OK;
	}
	if (error) {
		free(rows->items);
		rows->items = NULL;
		rows->count = 0;
	}
	return error;
}
