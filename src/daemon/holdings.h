#pragma once

#include <stddef.h>

#include "base/list.h"

/*
 * The bytes that many hold together, and a bound on them. Beyond it whoever holds most has to go,
 * so that those who ask for little are served on.
 */

struct holding {
	struct list link;
	size_t size;
};

struct holdings {
	struct list all;
	size_t total, max;
};

void holdings_init(struct holdings *holdings, size_t max);
/* It holds nothing yet. */
void holdings_add(struct holdings *holdings, struct holding *holding);
void holdings_remove(struct holdings *holdings, struct holding *holding);
void holdings_set(struct holdings *holdings, struct holding *holding, size_t size);
/* Who has to go; NULL: nobody. */
struct holding *holdings_excess(const struct holdings *holdings);
