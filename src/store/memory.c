#include "store/memory.h"

#include <malloc.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"

static void *take(int size) {
	return malloc((size_t)size);
}

static int size_of(void *memory) {
	return (int)malloc_usable_size(memory);
}

static void give_back(void *memory) {
	if (memory)
		wipe(memory, malloc_usable_size(memory));
	free(memory);
}

/* Not realloc(), which would leave the old memory as it is. */
static void *resize(void *memory, int size) {
	size_t before = malloc_usable_size(memory), after = (size_t)size;
	if (after <= before)
		return memory;
	void *grown = malloc(after);
	if (!grown)
		return NULL;
	memcpy(grown, memory, before);
	give_back(memory);
	return grown;
}

static int round_up(int size) {
	return (size + 7) & ~7;
}

static int begin(void *context) {
	(void)context;
	return SQLITE_OK;
}

static void end(void *context) {
	(void)context;
}

static const sqlite3_mem_methods methods = {
	.xMalloc = take,
	.xFree = give_back,
	.xRealloc = resize,
	.xSize = size_of,
	.xRoundup = round_up,
	.xInit = begin,
	.xShutdown = end,
};

void memory_wiped(void) {
	/* Refused once SQLite runs, which it only does behind a first call of this. */
	(void)sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}
