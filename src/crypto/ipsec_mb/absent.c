#include "crypto/backend.h"

/* Compiled in place of backend.c where the build has no libipsec-mb. */

static bool absent_usable(void) {
	return false;
}

const struct aead_backend backend_ipsec_mb = {.name = "ipsec-mb", .usable = absent_usable};
