#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Erasing and comparing secrets. */

/* Overwrites size bytes with zeros; the compiler may not remove it. NULL with size 0 is fine. */
void wipe(void *data, size_t size);

/* True when both are equal; takes the same time wherever they differ. */
bool wipe_equal(const void *left, const void *right, size_t size);

/* True when all size bytes are zero; takes the same time for every content. */
bool wipe_is_zero(const void *data, size_t size);

/*
 * A function's secrets live in one scratch struct that is wiped on every way out:
 *     struct { uint8_t key[32]; } s;
 *     WIPE_ON_EXIT(s);
 */
struct wipe_guard {
	void *data;
	size_t size;
};

static inline void wipe_guard_done(const struct wipe_guard *guard) {
	wipe(guard->data, guard->size);
}

#define WIPE_ON_EXIT(object)                          \
	__attribute__((cleanup(wipe_guard_done), unused)) \
	const struct wipe_guard object##_guard_ = {&(object), sizeof(object)}
