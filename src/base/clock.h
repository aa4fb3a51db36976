#pragma once

#include <stdint.h>

/*
 * Time as protocol code sees it: nanoseconds handed in by the caller. A deadline of CLOCK_NEVER
 * does not fire.
 */

#define CLOCK_NEVER UINT64_MAX
#define CLOCK_MICROSECOND UINT64_C(1000)
#define CLOCK_MILLISECOND (1000 * CLOCK_MICROSECOND)
#define CLOCK_SECOND (1000 * CLOCK_MILLISECOND)

/* Nanoseconds of CLOCK_BOOTTIME: goes on while the machine sleeps, so keys age in suspend too. */
uint64_t clock_now(void);

/* Nanoseconds of CLOCK_MONOTONIC, which stands still in suspend: what the kernel's waits end by. */
uint64_t clock_awake_now(void);

/* Nanoseconds since the Unix epoch. */
uint64_t clock_wall_now(void);
