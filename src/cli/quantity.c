#include "cli/quantity.h"

#include <stddef.h>
#include <stdio.h>
#include <time.h>

void quantity_bytes(uint64_t bytes, char out_text[static QUANTITY_SIZE]) {
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	if (bytes < 1024) {
		(void)snprintf(out_text, QUANTITY_SIZE, "%u B", (unsigned)bytes);
		return;
	}
	size_t unit = 0;
	while (bytes >> (10 * (unit + 1)) >= 1024)
		unit++;
	uint64_t whole = bytes >> (10 * (unit + 1));
	uint64_t rest = bytes >> (10 * unit) & 1023;
	(void)snprintf(out_text, QUANTITY_SIZE, "%u.%02u %s", (unsigned)whole,
				   (unsigned)(rest * 100 / 1024), units[unit]);
}

void quantity_duration(uint64_t seconds, char out_text[static QUANTITY_SIZE]) {
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
	enum { UNITS = sizeof units / sizeof units[0] };
	size_t unit = 0;
	while (unit < UNITS - 1 && seconds < units[unit].seconds)
		unit++;
	uint64_t count = seconds / units[unit].seconds;
	uint64_t rest = unit < UNITS - 1 ? seconds % units[unit].seconds / units[unit + 1].seconds : 0;
	if (rest == 0)
		(void)snprintf(out_text, QUANTITY_SIZE, "%llu %s%s", (unsigned long long)count,
					   units[unit].name, count == 1 ? "" : "s");
	else
		(void)snprintf(out_text, QUANTITY_SIZE, "%llu %s%s, %u %s%s", (unsigned long long)count,
					   units[unit].name, count == 1 ? "" : "s", (unsigned)rest,
					   units[unit + 1].name, rest == 1 ? "" : "s");
}

void quantity_ago(uint64_t now, uint64_t time, char out_text[static QUANTITY_SIZE]) {
	char duration[QUANTITY_SIZE];
	if (time == 0) {
		(void)snprintf(out_text, QUANTITY_SIZE, "never");
		return;
	}
	if (time >= now) { /* or somebody set the clock back */
		(void)snprintf(out_text, QUANTITY_SIZE, "now");
		return;
	}
	quantity_duration(now - time, duration);
	(void)snprintf(out_text, QUANTITY_SIZE, "%.*s ago", QUANTITY_SIZE - 5, duration);
}

void quantity_time(uint64_t milliseconds, char out_text[static QUANTITY_SIZE]) {
	time_t seconds = (time_t)(milliseconds / 1000);
	struct tm fields;
	char whole[QUANTITY_SIZE - 16], zone[8];
	if (!localtime_r(&seconds, &fields) ||
		strftime(whole, sizeof whole, "%Y-%m-%d %H:%M:%S", &fields) == 0 ||
		strftime(zone, sizeof zone, "%z", &fields) == 0)
		whole[0] = zone[0] = '\0';
	(void)snprintf(out_text, QUANTITY_SIZE, "%s.%03u %s", whole, (unsigned)(milliseconds % 1000),
				   zone);
}
