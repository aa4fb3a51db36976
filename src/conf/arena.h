#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Memory that is taken piece by piece and given back at once. */

struct arena_block;

/* All zeros is an empty arena. */
struct arena {
	struct arena_block *blocks;
	bool failed; /* memory ran out at some time; what was taken before is good */
};

/* Zeroed, aligned for pointers; NULL when memory ran out, which sticks in `failed`. */
void *arena_take(struct arena *arena, size_t size);

/* A copy of the first size characters, with a NUL behind them. */
char *arena_text(struct arena *arena, const char *text, size_t size);

/* Wipes and frees all of it: keys may be inside. */
void arena_done(struct arena *arena);
