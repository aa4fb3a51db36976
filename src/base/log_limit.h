#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

/* How many lines the log takes, so that strangers cannot fill a disk by making us talk. */

enum { LOG_LIMIT_LINES = 200 }; /* in each second that begins with a line */

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

/* The same by LOG_KIND_LINES and LOG_KIND_SECONDS; out_suppressed is 0 unless the line may go. */
bool log_limit_take_kind(struct log_kind *kind, uint64_t now, uint32_t *out_suppressed);
