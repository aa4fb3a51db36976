#pragma once

/*
 * The back end of tests in which the cipher is one part among others: the one of UMBRA_TEST_AEAD,
 * by which the build runs some of them once more, or the fastest of this machine.
 */

#include <stdio.h>
#include <stdlib.h>

#include "crypto/aead.h"

static inline const struct aead_backend *back_end_of_test(void) {
	const char *name = getenv("UMBRA_TEST_AEAD");
	const struct aead_backend *found = aead_backend_find(name ? name : "auto");
	if (!found) {
		(void)fprintf(stderr, "no back end %s\n", name);
		abort();
	}
	return found;
}
