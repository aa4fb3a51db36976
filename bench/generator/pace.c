#include "bench/generator/pace.h"

void pace_init(struct pace *pace, double rate, uint64_t debt, uint64_t now) {
	*pace = (struct pace){
		.paid = (double)now,
		.interval = rate > 0 ? 1e9 / rate : 0,
		.debt = (double)debt,
	};
}

uint32_t pace_take(struct pace *pace, uint64_t now, uint32_t most) {
	if (pace->interval <= 0)
		return most;
	/* For a slow sender, the interval itself is no debt. */
	double oldest = (double)now - pace->debt - pace->interval;
	if (pace->paid < oldest)
		pace->paid = oldest;
	double due = ((double)now - pace->paid) / pace->interval;
	if (due < 1)
		return 0;
	uint32_t count = due < most ? (uint32_t)due : most;
	pace->paid += count * pace->interval;
	return count;
}

uint64_t pace_next(const struct pace *pace) {
	return pace->interval <= 0 ? 0 : (uint64_t)(pace->paid + pace->interval) + 1;
}
