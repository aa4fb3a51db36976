#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "host/network_news.h"

/*
 * Watches the network of this process's namespace, and tells of its changes one burst at a time:
 * once nothing more has come for NETWORK_WATCH_QUIET, and at most NETWORK_WATCH_LATE after the
 * first. Changes without end are told of every NETWORK_WATCH_INTERVAL.
 */

#define NETWORK_WATCH_QUIET (20 * CLOCK_MILLISECOND)
#define NETWORK_WATCH_LATE (100 * CLOCK_MILLISECOND)
#define NETWORK_WATCH_INTERVAL (200 * CLOCK_MILLISECOND)

struct network_watch;

/* The filter's function may be called from network_watch_read(). */
enum err network_watch_new(const struct network_news_filter *filter,
						   struct network_watch **out_watch);
void network_watch_free(struct network_watch *watch); /* NULL-safe */

/* To be waited on for reading. */
int network_watch_descriptor(const struct network_watch *watch);
/* Takes what is there. News that were lost count as a change. */
void network_watch_read(struct network_watch *watch, uint64_t now);
/* Something changed that the kernel does not tell in this way. */
void network_watch_note(struct network_watch *watch, uint64_t now);

/* When a change is to be told; CLOCK_NEVER: there is none. */
uint64_t network_watch_deadline(const struct network_watch *watch);
/* Whether a change is to be told now; it counts as told then. */
bool network_watch_take(struct network_watch *watch, uint64_t now);
