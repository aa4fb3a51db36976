#pragma once

#include <stdint.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "base/slice.h"

/*
 * How long who guessed wrong waits before the next guess is looked at. What counts is the user
 * together with the network that the guess comes from (an IPv4 /24, an IPv6 /64), never the user
 * alone: who guesses keeps nobody out but those beside him. Users that do not exist count alike.
 *
 * The table is bounded; when it is full, those go who guessed wrong the longest time ago. Filling
 * it costs as many guesses.
 */

#define GUESS_DELAY_FIRST CLOCK_SECOND /* after the first; doubled by each further one */
#define GUESS_DELAY_MAX (256 * CLOCK_SECOND)
#define GUESS_DELAY_FORGET (15 * 60 * CLOCK_SECOND) /* so long after the last one */

enum {
	GUESS_DELAY_ENTRIES_MAX = 16384,
	GUESS_DELAY_V4_BITS = 24,
	GUESS_DELAY_V6_BITS = 64,
};

struct guess_delay;

enum err guess_delay_new(const struct random_source *random, struct guess_delay **out_delay);
void guess_delay_free(struct guess_delay *delay); /* NULL-safe */

/* What stands for the two of them from now on; equal for guesses that are counted together. */
uint64_t guess_delay_key(const struct guess_delay *delay, struct slice user,
						 const struct address *from);

/* ns from now (of one clock for all calls) until the next guess is looked at; 0: at once. */
uint64_t guess_delay_left(const struct guess_delay *delay, uint64_t key, uint64_t now);
void guess_delay_wrong(struct guess_delay *delay, uint64_t key, uint64_t now);
void guess_delay_right(struct guess_delay *delay, uint64_t key);
