#pragma once

#include <stdint.h>

#include "base/error.h"

/* Secrets that an installation makes for itself: 32 random bytes, a file each in the state folder.
 */

enum { NODE_SECRET_SIZE = 32 };

/*
 * Makes the file, of mode 0600, where there is none that holds a secret. On failure *out_secret is
 * a random one, for this time.
 */
enum err node_secret_of(const char *state_dir, const char *name,
						uint8_t out_secret[static NODE_SECRET_SIZE]);
