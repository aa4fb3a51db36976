#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"

/*
 * How many connections whose peers are not known yet there may be at once, and how quickly new ones
 * may come: of one source (an IPv4 address, or an IPv6 /64) and of all. What is counted is decided
 * before a byte is read. Pure; one thread.
 *
 * Few sources, or many, keep nobody else out. When all places are taken, whoever comes has the
 * place of one of the source with the most; as new ones may come only so quickly, each has some
 * seconds in any case. When few may come any more, those who have come the most wait first.
 */

struct connection_limit;

enum {
	CONNECTION_LIMIT_TOTAL = 2048, /* at once */
	CONNECTION_LIMIT_SOURCE = 256,
	CONNECTION_LIMIT_TOTAL_RATE = 512, /* a second; as many may come at once after some silence */
	CONNECTION_LIMIT_SOURCE_RATE = 64,
	CONNECTION_LIMIT_SOURCES_MAX = 16384, /* that are remembered */
};

enum err connection_limit_new(struct connection_limit **out_limit);
void connection_limit_free(struct connection_limit *limit); /* NULL-safe */

enum connection_limit_answer {
	CONNECTION_LIMIT_REFUSED,
	CONNECTION_LIMIT_ENTERED,
	CONNECTION_LIMIT_INSTEAD, /* of one of *out_crowded's, which has to leave */
};

/*
 * Whether one more may come, now in ns; it is counted until connection_limit_leave(). out_crowded
 * is an address of the source with the most connections.
 */
enum connection_limit_answer connection_limit_enter(struct connection_limit *limit,
													const struct address *source, uint64_t now,
													struct address *out_crowded);
void connection_limit_leave(struct connection_limit *limit, const struct address *source);

/* Whether both count as one. */
bool connection_limit_is_one(const struct address *left, const struct address *right);

/* At once, now. */
size_t connection_limit_count(const struct connection_limit *limit);
