#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How many lines a second the log takes, so that strangers cannot fill a disk by making us talk. */

enum { LOG_LIMIT_LINES = 20 }; /* in each second that begins with a line */

/* Zeroed is fresh. */
struct log_limit {
	uint64_t until; /* ns: end of the current second */
	uint32_t lines, dropped;
};

/*
 * Whether a line may be written now. out_dropped is the number of lines dropped in the second
 * before, for the caller to report once, otherwise 0.
 */
bool log_limit_take(struct log_limit *limit, uint64_t now, uint32_t *out_dropped);
