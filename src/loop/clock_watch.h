#pragma once

#include <stdint.h>

#include "base/error.h"

/*
 * Tells when the machine wakes from suspension, and when somebody sets the wall clock. Waits end by
 * a clock that stands still during suspension, so that a deadline may be long over while its wait
 * goes on: who is told here looks at all deadlines anew.
 */

struct clock_watch {
	int descriptor;     /* a timerfd, readable after either; -1: not open */
	uint64_t suspended; /* ns that the machine was suspended until the last look */
};

/* Bits. */
enum clock_watch_news {
	CLOCK_WATCH_SET = 1,     /* the wall clock was set */
	CLOCK_WATCH_RESUMED = 2, /* the machine was suspended */
};

enum err clock_watch_open(struct clock_watch *watch);
void clock_watch_close(struct clock_watch *watch); /* also one that is not open */

/* After the descriptor became readable: enum clock_watch_news. */
unsigned clock_watch_read(struct clock_watch *watch);

/*
 * What happened, by the time that the machine has been suspended up to now, CLOCK_BOOTTIME less
 * CLOCK_MONOTONIC. Two readings are never quite at the same time: below a tenth of a second is
 * none.
 */
unsigned clock_watch_judge(struct clock_watch *watch, uint64_t suspended);
