/*
 * Edit scripts against a plain array. Each step is one byte, whose low bits say what to do:
 *   1 remove, 2 publish, 3 release the oldest view, 4 look up in every view, otherwise insert,
 * and for all but 2 and 3 a byte of family and length and four bytes of address. Missing bytes are
 * zero. The high bits of an insertion's first byte choose the value.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/trie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PREFIXES = 64, VIEWS = 8, VALUES = 32 };

#define REQUIRE(condition) \
	do {                   \
		if (!(condition))  \
			abort();       \
	} while (0)

struct entry {
	struct prefix prefix;
	uint8_t *value;
};

struct reference {
	struct entry entries[PREFIXES];
	size_t count;
};

struct run {
	const uint8_t *data;
	size_t size;
	struct trie *trie;
	struct reference now;
	const struct trie_view *views[VIEWS];
	struct reference references[VIEWS];
	size_t alive;
	uint8_t values[VALUES];
};

static uint8_t take_byte(struct run *run) {
	if (run->size == 0)
		return 0;
	run->size--;
	return *run->data++;
}

/* The low bit of the byte is the family, the others the length, up to one beyond the longest. */
static struct prefix take_prefix(struct run *run) {
	uint8_t first = take_byte(run);
	enum address_family family = first & 1 ? ADDRESS_V6 : ADDRESS_V4;
	uint8_t bytes[ADDRESS_V6_SIZE] = {0};
	/* Four bytes, used twice each, reach all parts of a long address. */
	for (size_t i = 0; i < (family == ADDRESS_V6 ? 16U : 4U); i += family == ADDRESS_V6 ? 4 : 1) {
		uint8_t byte = take_byte(run);
		bytes[i] = byte;
		if (family == ADDRESS_V6)
			bytes[i + 3] = (uint8_t)(byte * 5);
	}
	struct prefix prefix = {.address = address_from_bytes(family, bytes)};
	/* 0..124 and 127..129, or 0..33. */
	unsigned length = first >> 1;
	if (family == ADDRESS_V4)
		length %= 34;
	else if (length >= 125)
		length += 2;
	prefix.length = (uint8_t)length;
	return prefix;
}

static bool is_valid(const struct prefix *prefix) {
	return prefix->length <= 8 * address_size(&prefix->address);
}

static struct entry *find_entry(struct reference *reference, struct prefix prefix) {
	prefix_mask(&prefix);
	for (size_t i = 0; i < reference->count; i++)
		if (prefix_equal(&reference->entries[i].prefix, &prefix))
			return &reference->entries[i];
	return NULL;
}

static void insert(struct run *run, uint8_t *value) {
	struct prefix prefix = take_prefix(run);
	if (!is_valid(&prefix)) {
		REQUIRE(trie_insert(run->trie, &prefix, value) == ERR_INVALID);
		return;
	}
	struct reference *now = &run->now;
	struct entry *entry = find_entry(now, prefix);
	if (!entry) {
		if (now->count == PREFIXES)
			return;
		entry = &now->entries[now->count++];
		entry->prefix = prefix;
		prefix_mask(&entry->prefix);
	}
	entry->value = value;
	REQUIRE(trie_insert(run->trie, &prefix, value) == ERR_OK);
	REQUIRE(trie_find(run->trie, &prefix) == value);
}

static void remove_entry(struct run *run) {
	struct prefix prefix = take_prefix(run);
	if (!is_valid(&prefix)) {
		REQUIRE(trie_remove(run->trie, &prefix) == ERR_INVALID);
		return;
	}
	struct entry *entry = find_entry(&run->now, prefix);
	REQUIRE(trie_find(run->trie, &prefix) == (entry ? entry->value : NULL));
	REQUIRE(trie_remove(run->trie, &prefix) == (entry ? ERR_OK : ERR_NOT_FOUND));
	if (entry)
		*entry = run->now.entries[--run->now.count];
	REQUIRE(trie_find(run->trie, &prefix) == NULL);
}

static void publish(struct run *run) {
	if (run->alive == VIEWS)
		return;
	REQUIRE(trie_publish(run->trie, &run->views[run->alive]) == ERR_OK);
	run->references[run->alive++] = run->now;
}

static void release(struct run *run) {
	if (run->alive == 0)
		return;
	trie_view_release(run->trie, run->views[0]);
	run->alive--;
	memmove(run->views, run->views + 1, run->alive * sizeof run->views[0]);
	memmove(run->references, run->references + 1, run->alive * sizeof run->references[0]);
}

static const uint8_t *longest_match(const struct reference *reference,
									const struct address *address) {
	const struct entry *best = NULL;
	for (size_t i = 0; i < reference->count; i++) {
		const struct entry *entry = &reference->entries[i];
		struct prefix masked = {.address = *address, .length = entry->prefix.length};
		if (address->family != entry->prefix.address.family)
			continue;
		prefix_mask(&masked);
		if (prefix_equal(&masked, &entry->prefix) &&
			(!best || best->prefix.length < entry->prefix.length))
			best = entry;
	}
	return best ? best->value : NULL;
}

static void check_address(const struct run *run, const struct address *address) {
	for (size_t i = 0; i < run->alive; i++) {
		const uint8_t *found = address->family == ADDRESS_V4
								   ? trie_lookup_v4(run->views[i], address->bytes)
								   : trie_lookup_v6(run->views[i], address->bytes);
		REQUIRE(found == longest_match(&run->references[i], address));
	}
}

/* The address itself, and those that leave its path at one bit. */
static void look_up(struct run *run) {
	struct prefix prefix = take_prefix(run);
	check_address(run, &prefix.address);
	for (size_t bit = 0; bit < 8 * address_size(&prefix.address); bit += 3) {
		struct address other = prefix.address;
		other.bytes[bit / 8] ^= (uint8_t)(0x80U >> bit % 8);
		check_address(run, &other);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct run run;
	run = (struct run){.data = data, .size = size};
	REQUIRE(trie_new(&run.trie) == ERR_OK);
	while (run.size > 0) {
		uint8_t step = take_byte(&run);
		switch (step % 8) {
		case 1:
			remove_entry(&run);
			break;
		case 2:
			publish(&run);
			break;
		case 3:
			release(&run);
			break;
		case 4:
			look_up(&run);
			break;
		default:
			insert(&run, &run.values[step / 8]);
			break;
		}
		REQUIRE(trie_count(run.trie) == run.now.count);
		REQUIRE(run.alive > 0 || trie_node_count(run.trie) <= 2 * run.now.count);
	}
	while (run.alive > 0)
		release(&run);
	while (run.now.count > 0)
		REQUIRE(trie_remove(run.trie, &run.now.entries[--run.now.count].prefix) == ERR_OK);
	REQUIRE(trie_node_count(run.trie) == 0);
	trie_free(run.trie);
	return 0;
}
