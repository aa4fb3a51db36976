#include "transport/http/http2_memory.h"

#include <malloc.h>
#include <stdlib.h>

static void *take(void *memory, void *context) {
	*(size_t *)context += malloc_usable_size(memory);
	return memory;
}

static void *allocate(size_t size, void *context) {
	return take(malloc(size), context);
}

static void *allocate_zeros(size_t count, size_t size, void *context) {
	return take(calloc(count, size), context);
}

static void give(void *memory, void *context) {
	*(size_t *)context -= malloc_usable_size(memory);
	free(memory);
}

static void *resize(void *memory, size_t size, void *context) {
	size_t before = malloc_usable_size(memory);
	void *larger = realloc(memory, size);
	if (!larger)
		return NULL; /* and the old one stays */
	*(size_t *)context -= before;
	return take(larger, context);
}

nghttp2_mem http2_memory(size_t *held) {
	return (nghttp2_mem){
		.mem_user_data = held,
		.malloc = allocate,
		.free = give,
		.calloc = allocate_zeros,
		.realloc = resize,
	};
}
