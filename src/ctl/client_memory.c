#include "ctl/client_memory.h"

#include <curl/curl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"

static void give_back(void *memory) {
	if (memory)
		wipe(memory, malloc_usable_size(memory));
	free(memory);
}

static void *resize(void *memory, size_t size) {
	if (!memory)
		return malloc(size);
	size_t before = malloc_usable_size(memory);
	if (size <= before && size > 0)
		return memory;
	void *larger = malloc(size);
	if (!larger)
		return NULL;
	memcpy(larger, memory, size < before ? size : before);
	give_back(memory);
	return larger;
}

enum err client_memory_init(void) {
	return curl_global_init_mem(CURL_GLOBAL_NOTHING, malloc, give_back, resize, strdup, calloc)
			   ? ERR_NO_MEMORY
			   : ERR_OK;
}

void client_memory_done(void) {
	curl_global_cleanup();
}
