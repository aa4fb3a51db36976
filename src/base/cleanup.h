#pragma once

#include <stdlib.h>
#include <unistd.h>

/*
 * Scope-bound cleanup: `auto_free char *name = NULL;`, `auto_close int descriptor = -1;`.
 * To hand the value on, take it with cleanup_steal_*() so that the scope's end does nothing.
 */
#define auto_free __attribute__((cleanup(cleanup_free)))
#define auto_close __attribute__((cleanup(cleanup_close)))

static inline void cleanup_free(void *pointer_to_pointer) {
	free(*(void **)pointer_to_pointer);
}

static inline void cleanup_close(const int *descriptor) {
	if (*descriptor >= 0)
		(void)close(*descriptor);
}

static inline int cleanup_steal_descriptor(int *descriptor) {
	int taken = *descriptor;
	*descriptor = -1;
	return taken;
}

#define cleanup_steal(pointer)                  \
	({                                          \
		__typeof__(pointer) taken_ = (pointer); \
		(pointer) = NULL;                       \
		taken_;                                 \
	})
