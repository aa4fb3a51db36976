#pragma once

#include <stdbool.h>

/*
 * A load generator that cannot go on says why and ends: half a load is no load. `what` is followed
 * by the text of errno unless that is 0.
 */
_Noreturn void fail(const char *what);

static inline void must(bool is_so, const char *what) {
	if (!is_so)
		fail(what);
}
