#include "tunnel/connection_limit.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"

/* A bucket holds time: a connection costs a part of a second, and a full one is a second. */
#define TOTAL_COST (CLOCK_SECOND / CONNECTION_LIMIT_TOTAL_RATE)
#define SOURCE_COST (CLOCK_SECOND / CONNECTION_LIMIT_SOURCE_RATE)

#define RECENT_HALF (5 * CLOCK_SECOND)

enum {
	SOURCE_BYTES = 8,
	RECENT_MAX = CONNECTION_LIMIT_TOTAL_RATE / 2, /* that tell one from the others */
};

struct bucket {
	uint64_t at, tokens;
};

struct source {
	uint8_t key[1 + SOURCE_BYTES]; /* family, and what counts of the address */
	struct address address;        /* that came first */
	struct list link;              /* of those that have as many */
	size_t count;
	uint32_t recent; /* that have come; half of them count after some seconds */
	uint64_t halved_at;
	struct bucket bucket;
};

struct connection_limit {
	void *tree; /* of sources, tsearch() */
	size_t sources, count;
	struct list with[CONNECTION_LIMIT_SOURCE + 1]; /* by count; who has it for longest first */
	struct bucket bucket;
};

static int compare(const void *left, const void *right) {
	const struct source *first = left, *second = right;
	return memcmp(first->key, second->key, sizeof first->key);
}

enum err connection_limit_new(struct connection_limit **out_limit) {
	struct connection_limit *limit = calloc(1, sizeof *limit);
	if (!limit)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i <= CONNECTION_LIMIT_SOURCE; i++)
		list_init(&limit->with[i]);
	limit->bucket.tokens = CLOCK_SECOND;
	*out_limit = limit;
	return ERR_OK;
}

static void forget(void *node) {
	free(node);
}

void connection_limit_free(struct connection_limit *limit) {
	if (!limit)
		return;
	tdestroy(limit->tree, forget);
	free(limit);
}

static void set_key(struct source *source, const struct address *address) {
	size_t size = address_size(address);
	memset(source->key, 0, sizeof source->key);
	source->address = *address;
	source->key[0] = address->family;
	memcpy(source->key + 1, address->bytes, size < SOURCE_BYTES ? size : SOURCE_BYTES);
}

static struct source *find(const struct connection_limit *limit, const struct address *address) {
	struct source wanted;
	set_key(&wanted, address);
	struct source *const *node = tfind(&wanted, &limit->tree, compare);
	return node ? *node : NULL;
}

static void set_count(struct connection_limit *limit, struct source *source, size_t count) {
	source->count = count;
	list_remove(&source->link);
	list_append(&limit->with[count], &source->link);
}

static void drop(struct connection_limit *limit, struct source *source) {
	list_remove(&source->link);
	(void)tdelete(source, &limit->tree, compare);
	limit->sources--;
	free(source);
}

/* NULL: no place, as all have connections, or no memory. */
static struct source *add(struct connection_limit *limit, const struct address *address,
						  uint64_t now) {
	if (limit->sources >= CONNECTION_LIMIT_SOURCES_MAX) {
		if (list_is_empty(&limit->with[0]))
			return NULL;
		drop(limit, list_item(limit->with[0].next, struct source, link));
	}
	struct source *source = calloc(1, sizeof *source);
	if (!source)
		return NULL;
	set_key(source, address);
	list_init(&source->link);
	source->halved_at = now;
	source->bucket = (struct bucket){.at = now, .tokens = CLOCK_SECOND};
	if (!tsearch(source, &limit->tree, compare)) {
		free(source);
		return NULL;
	}
	set_count(limit, source, 0);
	limit->sources++;
	return source;
}

static void refill(struct bucket *bucket, uint64_t now) {
	uint64_t more = now > bucket->at ? now - bucket->at : 0;
	uint64_t missing = CLOCK_SECOND - bucket->tokens;
	bucket->at = now;
	bucket->tokens += more < missing ? more : missing;
}

static const struct source *find_crowded(const struct connection_limit *limit) {
	size_t count = CONNECTION_LIMIT_SOURCE;
	while (count > 0 && list_is_empty(&limit->with[count]))
		count--;
	return list_item(limit->with[count].next, struct source, link);
}

static void forget_some(struct source *source, uint64_t now) {
	const uint64_t halves = now > source->halved_at ? (now - source->halved_at) / RECENT_HALF : 0;
	source->recent = halves < 32 ? source->recent >> halves : 0;
	source->halved_at += halves * RECENT_HALF;
}

/*
 * Of all that may come, as many as have come of a source lately are left for others: so who comes
 * often waits for who comes rarely, and that only while few may come.
 */
static bool may_come(const struct connection_limit *limit, const struct source *source) {
	const uint32_t recent = source->recent < RECENT_MAX ? source->recent : RECENT_MAX;
	return source->bucket.tokens >= SOURCE_COST &&
		   limit->bucket.tokens >= (recent + 1) * TOTAL_COST;
}

enum connection_limit_answer connection_limit_enter(struct connection_limit *limit,
													const struct address *address, uint64_t now,
													struct address *out_crowded) {
	refill(&limit->bucket, now);
	if (limit->bucket.tokens < TOTAL_COST)
		return CONNECTION_LIMIT_REFUSED;
	struct source *source = find(limit, address) ?: add(limit, address, now);
	if (!source)
		return CONNECTION_LIMIT_REFUSED;
	refill(&source->bucket, now);
	forget_some(source, now);
	if (source->count >= CONNECTION_LIMIT_SOURCE || !may_come(limit, source))
		return CONNECTION_LIMIT_REFUSED;
	const bool is_full = limit->count >= CONNECTION_LIMIT_TOTAL;
	if (is_full)
		*out_crowded = find_crowded(limit)->address;
	limit->bucket.tokens -= TOTAL_COST;
	source->bucket.tokens -= SOURCE_COST;
	limit->count++;
	source->recent++;
	set_count(limit, source, source->count + 1);
	return is_full ? CONNECTION_LIMIT_INSTEAD : CONNECTION_LIMIT_ENTERED;
}

void connection_limit_leave(struct connection_limit *limit, const struct address *address) {
	struct source *source = find(limit, address);
	if (!source || source->count == 0)
		return;
	limit->count--;
	set_count(limit, source, source->count - 1);
}

bool connection_limit_is_one(const struct address *left, const struct address *right) {
	struct source first, second;
	set_key(&first, left);
	set_key(&second, right);
	return memcmp(first.key, second.key, sizeof first.key) == 0;
}

size_t connection_limit_count(const struct connection_limit *limit) {
	return limit->count;
}
