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

bool log_limit_take_kind(struct log_kind *kind, uint64_t now, uint32_t *out_suppressed) {
	*out_suppressed = 0;
	if (now >= kind->until) {
		*out_suppressed = kind->suppressed;
		*kind = (struct log_kind){.until = now + LOG_KIND_SECONDS * CLOCK_SECOND};
	}
	if (kind->lines < LOG_KIND_LINES) {
		kind->lines++;
		return true;
	}
	if (kind->suppressed < UINT32_MAX)
		kind->suppressed++;
	return false;
}
