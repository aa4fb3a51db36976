#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/*
 * Handshakes that were taken, by tunnel, so that nobody can repeat one after a restart. How long
 * they are needed is their owner's to say.
 */

struct store;

enum { STORE_SEEN_RANDOM_SIZE = 16 };

struct store_seen {
	uint8_t client[TEXT_KEY_SIZE];
	uint64_t timestamp; /* ms since the Unix epoch */
	uint8_t random[STORE_SEEN_RANDOM_SIZE];
};

/* On the disk when it returns. ERR_LIMIT for a timestamp beyond 63 bits. Twice: as once. */
enum err store_seen_add(struct store *store, const char *tunnel, const struct store_seen *seen);
/* All of the tunnel; an error of take() ends it and is returned. */
enum err store_seen_each(struct store *store, const char *tunnel,
						 enum err (*take)(void *context, const struct store_seen *seen),
						 void *context);
/* Forgets, of all tunnels, those with an earlier timestamp. */
enum err store_seen_trim(struct store *store, uint64_t before);
