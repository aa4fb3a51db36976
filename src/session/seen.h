#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "crypto/sizes.h"

/*
 * Handshakes seen before: each has a client's static key, a timestamp and 16 random bytes. One is
 * taken when its timestamp is within the window around now and (key, random) was not taken before.
 * What was taken is remembered until timestamp + window at least, so nothing can be taken twice
 * while clocks go forward; beyond that it stays until its place is needed, so that a clock that
 * is put back does not at once let replays in.
 *
 * Time is the wall clock in ms since the Unix epoch, as in the messages. Only what is allowed may
 * be taken: strangers then have no place here. One thread uses it.
 */

enum {
	SEEN_RANDOM_SIZE = 16,
	SEEN_CLIENT_MAX = 64,      /* handshakes of one client within the window: beyond, refused */
	SEEN_CLIENTS_MAX = 65536,  /* with a handshake within the window: beyond, refused */
	SEEN_ENTRIES_MAX = 262144, /* of all clients: beyond, refused. All that takes at most 15 MB */
};
#define SEEN_WINDOW UINT64_C(300000) /* ms, either way */

struct seen_entry {
	uint8_t client[X25519_KEY_SIZE];
	uint64_t timestamp;
	uint8_t random[SEEN_RANDOM_SIZE];
};

struct seen;

enum err seen_new(const struct random_source *random, struct seen **out_seen);
void seen_free(struct seen *seen);

/*
 * Whether it would be taken; changes nothing. ERR_EXPIRED outside the window, ERR_REPLAY for one
 * that was taken, ERR_LIMIT when the client has SEEN_CLIENT_MAX within the window.
 */
enum err seen_check(const struct seen *seen, const struct seen_entry *entry, uint64_t now);

/* As seen_check(), and remembers it. ERR_LIMIT also when all places are needed, ERR_NO_MEMORY. */
enum err seen_take(struct seen *seen, const struct seen_entry *entry, uint64_t now);

/*
 * What may be needed from now on, so that the owner can keep it over a restart, and back: entries
 * whose time is over, or that are there already, are skipped. Those of the future stay: it may be
 * the clock that is wrong. ERR_LIMIT, ERR_NO_MEMORY. Whoever cannot be sure to have kept all must
 * not take anything before now + window, or be content with replays of that time.
 */
struct seen_reader {
	void (*entry)(void *context, const struct seen_entry *entry);
	void *context;
};
void seen_export(const struct seen *seen, uint64_t now, const struct seen_reader *reader);
enum err seen_import(struct seen *seen, const struct seen_entry *entry, uint64_t now);

/* Drops all that is not needed at now. Nobody has to: what is full does so by itself. */
void seen_trim(struct seen *seen, uint64_t now);

/* How many are remembered, needed or not. */
size_t seen_count(const struct seen *seen);
