#include "proxy/decoy_date.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const uint64_t last_second = 253402300799; /* of the year 9999 */

void decoy_date_format(uint64_t seconds, char out_text[static DECOY_DATE_SIZE]) {
	static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
									   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t time = seconds <= last_second ? (time_t)seconds : 0;
	struct tm at = {0};
	(void)gmtime_r(&time, &at);
	(void)snprintf(out_text, DECOY_DATE_SIZE, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
				   days[(unsigned)at.tm_wday % 7], (unsigned)at.tm_mday % 100,
				   months[(unsigned)at.tm_mon % 12], (unsigned)(at.tm_year + 1900) % 10000,
				   (unsigned)at.tm_hour % 100, (unsigned)at.tm_min % 100,
				   (unsigned)at.tm_sec % 100);
}

enum err decoy_date_parse(struct slice text, uint64_t *out_seconds) {
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S GMT",
		"%A, %d-%b-%y %H:%M:%S GMT",
		"%a %b %e %H:%M:%S %Y",
	};
	char copy[64];
	if (text.size == 0 || text.size >= sizeof copy || memchr(text.data, '\0', text.size))
		return ERR_INVALID;
	memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		struct tm at = {0};
		const char *end = strptime(copy, forms[i], &at);
		time_t time = end && *end == '\0' ? timegm(&at) : -1;
		if (time < 0)
			continue;
		*out_seconds = (uint64_t)time;
		return ERR_OK;
	}
	return ERR_INVALID;
}
