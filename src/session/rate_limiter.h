#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/random.h"

/*
 * Token buckets per source: one an IPv4 address or IPv6 /64. The table is bounded; when it is full
 * of fresh entries, unknown sources are refused. Entries idle for a second are reused. Keys are
 * hashed with SipHash under a random key, so that a stranger cannot aim at one chain.
 */

enum {
	RATE_LIMITER_PER_SECOND = 20,
	RATE_LIMITER_BURST = 5,
	RATE_LIMITER_ENTRIES_MAX = 65536,
};

struct rate_limiter;

enum err rate_limiter_new(const struct random_source *random, struct rate_limiter **out_limiter);
void rate_limiter_free(struct rate_limiter *limiter);

/* True when a packet of this source may pass at now (ns, any epoch, may jump backwards). */
bool rate_limiter_allow(struct rate_limiter *limiter, const struct address *source, uint64_t now);
