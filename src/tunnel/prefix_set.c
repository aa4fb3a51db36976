#include "tunnel/prefix_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

int prefix_set_compare(const void *left_item, const void *right_item) {
	const struct prefix *left = left_item, *right = right_item;
	if (left->address.family != right->address.family)
		return left->address.family < right->address.family ? -1 : 1;
	int order = memcmp(left->address.bytes, right->address.bytes, sizeof left->address.bytes);
	return order ? order : (int)left->length - (int)right->length;
}

size_t prefix_set_sort(struct prefix *prefixes, size_t count) {
	if (count == 0)
		return 0;
	qsort(prefixes, count, sizeof *prefixes, prefix_set_compare);
	size_t kept = 1;
	for (size_t i = 1; i < count; i++)
		if (prefix_set_compare(&prefixes[kept - 1], &prefixes[i]) != 0)
			prefixes[kept++] = prefixes[i];
	return kept;
}

/* Sorted, those inside others dropped: disjoint, therefore. */
static enum err copy_disjoint(const struct prefix *prefixes, size_t count,
							  struct prefix **out_prefixes, size_t *out_count) {
	struct prefix *copy = calloc(count + 1, sizeof *copy);
	if (!copy)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		copy[i] = prefixes[i];
		prefix_mask(&copy[i]);
	}
	count = prefix_set_sort(copy, count);
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || !prefix_covers(&copy[kept - 1], &copy[i]))
			copy[kept++] = copy[i];
	*out_prefixes = copy;
	*out_count = kept;
	return ERR_OK;
}

struct pieces {
	struct prefix *items;
	size_t count, room, limit;
};

static enum err add_piece(struct pieces *pieces, const struct prefix *piece) {
	if (pieces->count == pieces->limit)
		return ERR_LIMIT;
	if (pieces->count == pieces->room) {
		size_t room = pieces->room * 2 + 16;
		struct prefix *items = reallocarray(pieces->items, room, sizeof *items);
		if (!items)
			return ERR_NO_MEMORY;
		pieces->items = items;
		pieces->room = room;
	}
	pieces->items[pieces->count++] = *piece;
	return ERR_OK;
}

/* The first of the sorted ones that does not come before the prefix. */
static size_t find(const struct prefix *sorted, size_t count, const struct prefix *prefix) {
	size_t from = 0, to = count;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (prefix_set_compare(&sorted[middle], prefix) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static struct prefix half_of(const struct prefix *prefix, bool upper) {
	struct prefix half = *prefix;
	if (upper)
		half.address.bytes[prefix->length / 8] |= (uint8_t)(0x80U >> prefix->length % 8);
	half.length++;
	return half;
}

/* The holes are disjoint and inside the prefix; at most 128 calls deep. */
static enum err cut(struct pieces *pieces, const struct prefix *prefix, const struct prefix *holes,
					size_t count) {
	if (count == 0)
		return add_piece(pieces, prefix);
	if (holes[0].length == prefix->length)
		return ERR_OK;
	struct prefix lower = half_of(prefix, false), upper = half_of(prefix, true);
	size_t split = find(holes, count, &upper);
	enum err error = cut(pieces, &lower, holes, split);
	return error ? error : cut(pieces, &upper, holes + split, count - split);
}

static enum err cut_one(struct pieces *pieces, const struct prefix *prefix,
						const struct prefix *holes, size_t count) {
	size_t first = find(holes, count, prefix), end = first;
	/* Of disjoint ones only the one right before can reach over it. */
	if (first > 0 && prefix_covers(&holes[first - 1], prefix))
		return ERR_OK;
	while (end < count && prefix_covers(prefix, &holes[end]))
		end++;
	return cut(pieces, prefix, holes + first, end - first);
}

enum err prefix_set_subtract(const struct prefix *prefixes, size_t count,
							 const struct prefix *minus, size_t minus_count,
							 struct prefix **out_prefixes, size_t *out_count) {
	auto_free struct prefix *holes = NULL;
	size_t hole_count = 0;
	enum err error = copy_disjoint(minus, minus_count, &holes, &hole_count);
	if (error)
		return error;
	struct pieces pieces = {.limit = count + PREFIX_SET_PIECES_MAX, .room = count + 1};
	pieces.items = calloc(pieces.room, sizeof *pieces.items);
	if (!pieces.items)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < count && !error; i++) {
		struct prefix prefix = prefixes[i];
		prefix_mask(&prefix);
		error = cut_one(&pieces, &prefix, holes, hole_count);
	}
	if (error) {
		free(pieces.items);
		return error;
	}
	*out_prefixes = pieces.items;
	*out_count = prefix_set_sort(pieces.items, pieces.count);
	return ERR_OK;
}
