#include "tunnel/connection_limit.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"

/* A bucket holds time: a connection costs a part of a second, and a full one is a second. */
#define TOTAL_COST (CLOCK_SECOND / CONNECTION_LIMIT_TOTAL_RATE)
#define SOURCE_COST (CLOCK_SECOND / CONNECTION_LIMIT_SOURCE_RATE)

enum { SOURCE_BYTES = 8 };

struct bucket {
	uint64_t at, tokens;
};

struct source {
	uint8_t key[1 + SOURCE_BYTES]; /* family, and what counts of the address */
	struct list idle;              /* those without a connection, longest first */
	size_t count;
	struct bucket bucket;
};

struct connection_limit {
	void *tree; /* of sources, tsearch() */
	size_t sources, count;
	struct list idle;
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
	list_init(&limit->idle);
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
	source->key[0] = address->family;
	memcpy(source->key + 1, address->bytes, size < SOURCE_BYTES ? size : SOURCE_BYTES);
}

static struct source *find(const struct connection_limit *limit, const struct address *address) {
	struct source wanted;
	set_key(&wanted, address);
	struct source *const *node = tfind(&wanted, &limit->tree, compare);
	return node ? *node : NULL;
}

static void drop(struct connection_limit *limit, struct source *source) {
	list_remove(&source->idle);
	(void)tdelete(source, &limit->tree, compare);
	limit->sources--;
	free(source);
}

/* NULL: no place, as all have connections, or no memory. */
static struct source *add(struct connection_limit *limit, const struct address *address,
						  uint64_t now) {
	if (limit->sources >= CONNECTION_LIMIT_SOURCES_MAX) {
		if (list_is_empty(&limit->idle))
			return NULL;
		drop(limit, list_item(limit->idle.next, struct source, idle));
	}
	struct source *source = calloc(1, sizeof *source);
	if (!source)
		return NULL;
	set_key(source, address);
	list_init(&source->idle);
	source->bucket = (struct bucket){.at = now, .tokens = CLOCK_SECOND};
	if (!tsearch(source, &limit->tree, compare)) {
		free(source);
		return NULL;
	}
	list_append(&limit->idle, &source->idle);
	limit->sources++;
	return source;
}

static void refill(struct bucket *bucket, uint64_t now) {
	uint64_t more = now > bucket->at ? now - bucket->at : 0;
	uint64_t missing = CLOCK_SECOND - bucket->tokens;
	bucket->at = now;
	bucket->tokens += more < missing ? more : missing;
}

bool connection_limit_enter(struct connection_limit *limit, const struct address *address,
							uint64_t now) {
	refill(&limit->bucket, now);
	if (limit->count >= CONNECTION_LIMIT_TOTAL || limit->bucket.tokens < TOTAL_COST)
		return false;
	struct source *source = find(limit, address) ?: add(limit, address, now);
	if (!source)
		return false;
	refill(&source->bucket, now);
	if (source->count >= CONNECTION_LIMIT_SOURCE || source->bucket.tokens < SOURCE_COST)
		return false;
	limit->bucket.tokens -= TOTAL_COST;
	source->bucket.tokens -= SOURCE_COST;
	limit->count++;
	source->count++;
	list_remove(&source->idle);
	return true;
}

void connection_limit_leave(struct connection_limit *limit, const struct address *address) {
	struct source *source = find(limit, address);
	if (!source || source->count == 0)
		return;
	limit->count--;
	if (--source->count == 0)
		list_append(&limit->idle, &source->idle);
}

size_t connection_limit_count(const struct connection_limit *limit) {
	return limit->count;
}
