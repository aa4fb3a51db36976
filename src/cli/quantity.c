#include "cli/quantity.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

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

void quantity_date(uint64_t seconds, char out_text[static QUANTITY_SIZE]) {
	time_t time = (time_t)seconds;
	struct tm fields;
	if (!localtime_r(&time, &fields) ||
		strftime(out_text, QUANTITY_SIZE, "%Y-%m-%d %H:%M", &fields) == 0)
		(void)snprintf(out_text, QUANTITY_SIZE, "%llu", (unsigned long long)seconds);
}

/* How many bits a unit shifts by; -1: it is none. */
static int unit_shift(const char *unit) {
	static const char letters[] = "KMGTP";
	if (!*unit || strcmp(unit, "B") == 0)
		return 0;
	const char *letter = strchr(letters, *unit);
	bool ends = !unit[1] || strcmp(unit + 1, "iB") == 0 || strcmp(unit + 1, "i") == 0;
	return letter && ends ? 10 * (int)(letter - letters + 1) : -1;
}

enum err quantity_parse_bytes(const char *text, uint64_t *out_bytes) {
	static const char digits[] = "0123456789";
	uint64_t whole, rest = 0, scale = 1;
	size_t size = strspn(text, digits), more = 0;
	if (text_unsigned_parse(text, size, UINT64_MAX, &whole))
		return ERR_INVALID;
	text += size;
	if (*text == '.') {
		more = strspn(++text, digits);
		if (more < 1 || more > 3)
			return ERR_INVALID;
		for (size_t i = 0; i < more; i++, scale *= 10)
			rest = 10 * rest + (uint64_t)(text[i] - '0');
		text += more;
	}
	int shift = unit_shift(text);
	if (shift < 0 || (more > 0 && shift == 0))
		return ERR_INVALID;
	/* The part behind the point is less than one unit. */
	if (whole > ((uint64_t)INT64_MAX >> shift) - (more > 0))
		return ERR_LIMIT;
	*out_bytes = (whole << shift) + (rest << shift) / scale;
	return ERR_OK;
}

static enum err parse_span(const char *text, uint64_t now, uint64_t *out_seconds) {
	static const struct {
		char letter;
		uint64_t seconds;
	} units[] = {{'h', 3600}, {'d', 86400}, {'w', 7 * 86400}};
	enum { SPAN_MAX = 1000000 };
	size_t size = strlen(text);
	uint64_t count;
	if (size < 2 || text_unsigned_parse(text, size - 1, SPAN_MAX, &count))
		return ERR_INVALID;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (text[size - 1] == units[i].letter) {
			*out_seconds = now + count * units[i].seconds;
			return ERR_OK;
		}
	return ERR_INVALID;
}

enum err quantity_parse_date(const char *text, uint64_t now, uint64_t *out_seconds) {
	static const char day[] = "%Y-%m-%d", minute[] = "%Y-%m-%d %H:%M";
	char again[QUANTITY_SIZE];
	struct tm fields = {0};
	if (text[0] == '+')
		return parse_span(text + 1, now, out_seconds);
	const char *end = strptime(text, minute, &fields);
	bool with_time = end && !*end;
	if (!with_time) {
		fields = (struct tm){.tm_hour = 23, .tm_min = 59, .tm_sec = 59};
		end = strptime(text, day, &fields);
	}
	if (!end || *end)
		return ERR_INVALID;
	fields.tm_isdst = -1;
	time_t seconds = mktime(&fields);
	/* The 30th of February is one in March by now. */
	if (seconds < 0 || strftime(again, sizeof again, with_time ? minute : day, &fields) == 0 ||
		strcmp(again, text) != 0)
		return ERR_INVALID;
	*out_seconds = (uint64_t)seconds;
	return ERR_OK;
}
