/*
 * Targets, ranges and dates of strangers. A path that comes of a target begins with '/', and is its
 * own path again once it is escaped; ranges are inside the file.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "proxy/decoy_date.h"
#include "proxy/decoy_range.h"
#include "proxy/decoy_uri.h"

static void check_path(const struct decoy_uri *uri) {
	static struct decoy_uri again;
	static char text[3 * DECOY_URI_MAX + 1];
	expect(uri->size > 0 && uri->path[0] == '/');
	size_t size = decoy_uri_escape(uri->path, uri->size, text);
	expect(size <= 3 * uri->size && strlen(text) == size);
	if (size >= DECOY_URI_MAX)
		return;
	expect(!decoy_uri_parse(slice_of(text, size), &again));
	expect(again.size == uri->size && memcmp(again.path, uri->path, uri->size) == 0);
	expect(!again.query.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct decoy_uri uri;
	struct decoy_range ranges[DECOY_RANGES_MAX];
	size_t count;
	uint64_t seconds;
	struct slice text = slice_of(data, size);
	if (!decoy_uri_parse(text, &uri))
		check_path(&uri);
	if (!decoy_range_parse(text, 1000, ranges, &count)) {
		expect(count > 0 && count <= DECOY_RANGES_MAX);
		for (size_t i = 0; i < count; i++)
			expect(ranges[i].begin < ranges[i].end && ranges[i].end <= 1000);
	}
	if (!decoy_date_parse(text, &seconds)) {
		char date[DECOY_DATE_SIZE];
		decoy_date_format(seconds, date);
	}
	return 0;
}
