#include "base/log_limit.h"

#include "base/clock.h"

bool log_limit_take(struct log_limit *limit, uint64_t now, uint32_t *out_dropped) {
	*out_dropped = 0;
	if (now >= limit->until) {
		*out_dropped = limit->dropped;
		*limit = (struct log_limit){.until = now + CLOCK_SECOND};
	}
	if (limit->lines < LOG_LIMIT_LINES) {
		limit->lines++;
		return true;
	}
	if (limit->dropped < UINT32_MAX)
		limit->dropped++;
	return false;
}
