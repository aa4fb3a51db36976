#include "proxy/decoy_range.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static void skip_blanks(struct slice *text) {
	while (text->size > 0 && (text->data[0] == ' ' || text->data[0] == '\t'))
		*text = slice_of(text->data + 1, text->size - 1);
}

/* A number cuts itself off the front; *out_found: there was one. False: too large. */
static bool take_number(struct slice *text, uint64_t *out_number, bool *out_found) {
	uint64_t number = 0;
	*out_found = false;
	while (text->size > 0 && text->data[0] >= '0' && text->data[0] <= '9') {
		if (number > (UINT64_MAX >> 1) / 10 - 1)
			return false;
		number = 10 * number + (uint64_t)(text->data[0] - '0');
		*text = slice_of(text->data + 1, text->size - 1);
		*out_found = true;
	}
	*out_number = number;
	return true;
}

/* "1-2", "1-" or "-2"; end not bounded by the file yet, begin of the last form is. */
static bool take_range(struct slice *text, uint64_t size, struct decoy_range *range) {
	bool has_begin, has_end;
	skip_blanks(text);
	if (!take_number(text, &range->begin, &has_begin))
		return false;
	skip_blanks(text);
	if (text->size == 0 || text->data[0] != '-')
		return false;
	*text = slice_of(text->data + 1, text->size - 1);
	skip_blanks(text);
	if (!take_number(text, &range->end, &has_end) || (!has_begin && !has_end))
		return false;
	if (!has_begin) {
		range->begin = range->end < size ? size - range->end : 0;
		range->end = size;
	} else {
		range->end = has_end ? range->end + 1 : size;
	}
	skip_blanks(text);
	return text->size == 0 || text->data[0] == ',';
}

enum err decoy_range_parse(struct slice text, uint64_t size,
						   struct decoy_range out_ranges[static DECOY_RANGES_MAX],
						   size_t *out_count) {
	static const char unit[] = "bytes=";
	size_t unit_size = sizeof unit - 1, count = 0;
	uint64_t total = 0;
	if (text.size < unit_size || strncasecmp((const char *)text.data, unit, unit_size) != 0)
		return ERR_UNSUPPORTED;
	text = slice_of(text.data + unit_size, text.size - unit_size);
	for (;;) {
		struct decoy_range range;
		if (!take_range(&text, size, &range))
			return ERR_NOT_FOUND;
		range.end = range.end < size ? range.end : size;
		if (range.begin < range.end) {
			if (count == DECOY_RANGES_MAX || range.end - range.begin > size - total)
				return ERR_UNSUPPORTED;
			total += range.end - range.begin;
			out_ranges[count++] = range;
		}
		if (text.size == 0)
			break;
		text = slice_of(text.data + 1, text.size - 1);
	}
	*out_count = count;
	return count > 0 ? ERR_OK : ERR_NOT_FOUND;
}
