#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"

/*
 * A TCP connection to whichever of several endpoints answers first (RFC 8305 section 5). Attempts
 * begin in order, one DIAL_STAGGER after the other, or at once when none is under way; the first
 * that is made ends the others.
 */

struct dial;
struct stream_host;

#define DIAL_STAGGER (250 * CLOCK_MILLISECOND)
#define DIAL_PATIENCE (30 * CLOCK_SECOND) /* for all attempts together */

enum { DIAL_ENDPOINTS_MAX = 8 }; /* those behind them are not tried */

struct dial_options {
	const struct stream_host *host;
	const struct endpoint *endpoints; /* copied; the families in turn, as RFC 8305 section 4 says */
	size_t count;
	/*
	 * One of the two is called once, never from inside dial_new(); the dial may be freed inside.
	 * made: a connected, non-blocking socket, the owner's now. failed: the errno of the attempt
	 * that got furthest: ETIMEDOUT, ECONNREFUSED, …; one of dial_is_unreachable() only if this host
	 * has no way to any of them; EMFILE and the like (dial_is_shortage()) if there was no socket.
	 */
	void (*made)(void *context, int descriptor, const struct endpoint *peer);
	void (*failed)(void *context, int number);
	void *context;
};

/* ERR_INVALID without endpoints; ERR_NO_MEMORY, or what the loop says. */
enum err dial_new(const struct dial_options *options, struct dial **out_dial);
/* What is under way is given up. NULL-safe. */
void dial_free(struct dial *dial);

/* Whether the errno value says that this host has no way there, or no more of something. */
bool dial_is_unreachable(int number);
bool dial_is_shortage(int number);
