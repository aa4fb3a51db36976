#include "base/clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t id) {
	struct timespec time;
	(void)clock_gettime(id, &time);
	return (uint64_t)time.tv_sec * CLOCK_SECOND + (uint64_t)time.tv_nsec;
}

uint64_t clock_now(void) {
	return read_clock(CLOCK_BOOTTIME);
}

uint64_t clock_awake_now(void) {
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_wall_now(void) {
	return read_clock(CLOCK_REALTIME);
}
