#include "crypto/csprng.h"

#include <limits.h>
#include <stdlib.h>

#include <openssl/rand.h>

static void csprng_fill(void *context, void *out_data, size_t size) {
	if (size > INT_MAX || RAND_priv_bytes(out_data, (int)size) <= 0)
		abort();
}

const struct random_source csprng = {.fill = csprng_fill};
