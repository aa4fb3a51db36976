#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/trie.h"

static uint64_t next_random(uint64_t *state) {
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * UINT64_C(0x2545F4914F6CDD1D) >> 16;
}

static struct prefix prefix_of(const char *text, unsigned length) {
	struct prefix prefix = {.length = (uint8_t)length};
	assert_int_equal(address_parse(text, &prefix.address), ERR_OK);
	return prefix;
}

static void insert(struct trie *trie, const char *text, unsigned length, void *value) {
	struct prefix prefix = prefix_of(text, length);
	assert_int_equal(trie_insert(trie, &prefix, value), ERR_OK);
}

static void remove_prefix(struct trie *trie, const char *text, unsigned length) {
	struct prefix prefix = prefix_of(text, length);
	assert_int_equal(trie_remove(trie, &prefix), ERR_OK);
}

static void *lookup_address(const struct trie_view *view, const struct address *address) {
	return address->family == ADDRESS_V4 ? trie_lookup_v4(view, address->bytes)
										 : trie_lookup_v6(view, address->bytes);
}

static void *lookup(const struct trie_view *view, const char *text) {
	struct address address;
	assert_int_equal(address_parse(text, &address), ERR_OK);
	return lookup_address(view, &address);
}

static struct trie *new_trie(void) {
	struct trie *trie = NULL;
	assert_int_equal(trie_new(&trie), ERR_OK);
	assert_non_null(trie);
	return trie;
}

static const struct trie_view *publish(struct trie *trie) {
	const struct trie_view *view = NULL;
	assert_int_equal(trie_publish(trie, &view), ERR_OK);
	assert_non_null(view);
	return view;
}

static void test_longest_prefix_wins_v4(void **state) {
	int all, ten, net, host, half;
	struct trie *trie = new_trie();
	const struct trie_view *empty = publish(trie);
	assert_null(lookup(empty, "10.1.2.3"));
	assert_null(lookup(empty, "::"));

	insert(trie, "10.1.2.0", 24, &net);
	insert(trie, "10.1.2.3", 32, &host);
	insert(trie, "10.200.3.4", 8, &ten); /* host bits are masked */
	insert(trie, "128.0.0.0", 1, &half);
	const struct trie_view *some = publish(trie);
	insert(trie, "0.0.0.0", 0, &all);
	const struct trie_view *view = publish(trie);
	assert_int_equal(trie_count(trie), 5);

	assert_null(lookup(empty, "10.1.2.3"));
	assert_null(lookup(some, "11.0.0.0"));
	assert_null(lookup(some, "9.255.255.255"));
	assert_ptr_equal(lookup(view, "11.0.0.0"), &all);
	assert_ptr_equal(lookup(view, "0.0.0.0"), &all);
	assert_ptr_equal(lookup(view, "255.255.255.255"), &half);
	assert_ptr_equal(lookup(view, "127.255.255.255"), &all);
	assert_ptr_equal(lookup(view, "10.255.255.255"), &ten);
	assert_ptr_equal(lookup(view, "10.1.3.0"), &ten);
	assert_ptr_equal(lookup(view, "10.1.2.0"), &net);
	assert_ptr_equal(lookup(view, "10.1.2.2"), &net);
	assert_ptr_equal(lookup(view, "10.1.2.3"), &host);
	assert_null(lookup(view, "a01:203::"));
	trie_free(trie);
	trie_free(NULL);
}

static void test_longest_prefix_wins_v6(void **state) {
	int all, site, half, net, host, last;
	struct trie *trie = new_trie();
	insert(trie, "2001:db8::", 32, &site);
	insert(trie, "2001:db8:0:1::", 64, &half);
	insert(trie, "2001:db8:0:1:8000::", 65, &net);
	insert(trie, "2001:db8:0:1:8000::1", 128, &host);
	insert(trie, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 128, &last);
	const struct trie_view *some = publish(trie);
	insert(trie, "::", 0, &all);
	insert(trie, "fd00::", 127, &net);
	insert(trie, "fd00::1", 128, &host);
	insert(trie, "fd00::fffe", 127, &net);
	insert(trie, "fd00::ffff", 128, &last);
	insert(trie, "fd00::fffe", 128, &half);
	const struct trie_view *view = publish(trie);
	assert_ptr_equal(lookup(view, "fd00::"), &net);
	assert_ptr_equal(lookup(view, "fd00::1"), &host);
	assert_ptr_equal(lookup(view, "fd00::2"), &all);
	assert_ptr_equal(lookup(view, "fd00::fffe"), &half);
	assert_ptr_equal(lookup(view, "fd00::ffff"), &last);

	assert_null(lookup(some, "2001:db9::"));
	assert_null(lookup(some, "::"));
	assert_ptr_equal(lookup(view, "::"), &all);
	assert_ptr_equal(lookup(view, "2001:db8:ffff::1"), &site);
	assert_ptr_equal(lookup(view, "2001:db8:0:1:7fff:ffff::"), &half);
	assert_ptr_equal(lookup(view, "2001:db8:0:1:8000::"), &net);
	assert_ptr_equal(lookup(view, "2001:db8:0:1:ffff::"), &net);
	assert_ptr_equal(lookup(view, "2001:db8:0:1:8000::1"), &host);
	assert_ptr_equal(lookup(view, "2001:db8:0:1:8000::2"), &net);
	assert_ptr_equal(lookup(view, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), &last);
	assert_ptr_equal(lookup(view, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"), &all);
	assert_null(lookup(view, "32.1.13.184"));
	trie_free(trie);
}

static void test_replace_find_and_remove(void **state) {
	int first, second;
	struct trie *trie = new_trie();
	insert(trie, "192.0.2.0", 24, &first);
	insert(trie, "192.0.2.99", 24, &second); /* the same prefix once masked */
	assert_int_equal(trie_count(trie), 1);
	struct prefix prefix = prefix_of("192.0.2.0", 24);
	assert_ptr_equal(trie_find(trie, &prefix), &second);
	struct prefix longer = prefix_of("192.0.2.0", 25), shorter = prefix_of("192.0.2.0", 23);
	assert_null(trie_find(trie, &longer));
	assert_null(trie_find(trie, &shorter));
	assert_int_equal(trie_remove(trie, &longer), ERR_NOT_FOUND);
	assert_int_equal(trie_remove(trie, &shorter), ERR_NOT_FOUND);

	/* The two halves part in a node without a value, which is no prefix of its own. */
	insert(trie, "198.51.100.0", 25, &first);
	insert(trie, "198.51.100.128", 25, &second);
	struct prefix glue = prefix_of("198.51.100.0", 24);
	assert_null(trie_find(trie, &glue));
	assert_int_equal(trie_remove(trie, &glue), ERR_NOT_FOUND);
	assert_int_equal(trie_count(trie), 3);

	remove_prefix(trie, "192.0.2.0", 24);
	assert_int_equal(trie_remove(trie, &prefix), ERR_NOT_FOUND);
	assert_null(trie_find(trie, &prefix));
	const struct trie_view *view = publish(trie);
	assert_null(lookup(view, "192.0.2.1"));
	assert_ptr_equal(lookup(view, "198.51.100.1"), &first);
	trie_free(trie);
}

static void test_invalid_arguments_change_nothing(void **state) {
	int value;
	struct trie *trie = new_trie();
	struct prefix prefix = prefix_of("192.0.2.0", 24);
	assert_int_equal(trie_insert(trie, &prefix, NULL), ERR_INVALID);
	prefix.length = 33;
	assert_int_equal(trie_insert(trie, &prefix, &value), ERR_INVALID);
	assert_int_equal(trie_remove(trie, &prefix), ERR_INVALID);
	assert_null(trie_find(trie, &prefix));
	prefix = prefix_of("2001:db8::", 129);
	assert_int_equal(trie_insert(trie, &prefix, &value), ERR_INVALID);
	prefix = (struct prefix){0};
	assert_int_equal(trie_insert(trie, &prefix, &value), ERR_INVALID);
	assert_int_equal(trie_count(trie), 0);
	assert_int_equal(trie_node_count(trie), 0);
	trie_view_release(trie, NULL);
	trie_free(trie);
}

static void test_glue_nodes_collapse(void **state) {
	int value;
	struct trie *trie = new_trie();
	insert(trie, "10.0.0.0", 32, &value);
	assert_int_equal(trie_node_count(trie), 1);
	insert(trie, "10.0.0.1", 32, &value); /* and a glue node of 31 bits */
	assert_int_equal(trie_node_count(trie), 3);
	insert(trie, "10.0.0.0", 31, &value); /* which becomes a prefix */
	assert_int_equal(trie_node_count(trie), 3);
	remove_prefix(trie, "10.0.0.0", 31);
	assert_int_equal(trie_node_count(trie), 3);
	remove_prefix(trie, "10.0.0.0", 32);
	assert_int_equal(trie_node_count(trie), 1);
	insert(trie, "0.0.0.0", 0, &value);
	insert(trie, "10.0.0.0", 8, &value);
	remove_prefix(trie, "10.0.0.0", 8); /* one child takes its place */
	assert_int_equal(trie_node_count(trie), 2);
	remove_prefix(trie, "10.0.0.1", 32);
	assert_int_equal(trie_node_count(trie), 1);
	remove_prefix(trie, "0.0.0.0", 0);
	assert_int_equal(trie_node_count(trie), 0);
	assert_int_equal(trie_count(trie), 0);
	trie_free(trie);
}

static void test_views_keep_and_free_their_nodes(void **state) {
	int first, second;
	struct trie *trie = new_trie();
	insert(trie, "10.0.0.0", 8, &first);
	insert(trie, "10.1.0.0", 16, &first);
	const struct trie_view *one = publish(trie);
	insert(trie, "10.1.0.0", 16, &second); /* copies the path of two nodes */
	insert(trie, "10.1.0.0", 16, &first);  /* copies nothing more */
	insert(trie, "10.1.0.0", 16, &second);
	assert_int_equal(trie_node_count(trie), 4);
	const struct trie_view *two = publish(trie);
	remove_prefix(trie, "10.1.0.0", 16);
	const struct trie_view *three = publish(trie);
	assert_int_equal(trie_node_count(trie), 5);
	assert_ptr_equal(lookup(one, "10.1.0.0"), &first);
	assert_ptr_equal(lookup(two, "10.1.0.0"), &second);
	assert_ptr_equal(lookup(three, "10.1.0.0"), &first);
	trie_view_release(trie, one);
	assert_int_equal(trie_node_count(trie), 3);
	assert_ptr_equal(lookup(two, "10.1.0.0"), &second);
	trie_view_release(trie, two);
	assert_int_equal(trie_node_count(trie), 1);
	assert_ptr_equal(lookup(three, "10.1.0.0"), &first);

	/* Releasing the last view frees also what unpublished edits replaced. */
	insert(trie, "10.2.0.0", 16, &second);
	assert_int_equal(trie_node_count(trie), 3);
	trie_view_release(trie, three);
	assert_int_equal(trie_node_count(trie), 2);
	/* Without views nodes are changed in place, and published again afterwards. */
	insert(trie, "10.3.0.0", 16, &first);
	remove_prefix(trie, "10.0.0.0", 8);
	assert_int_equal(trie_node_count(trie), 3);
	const struct trie_view *four = publish(trie);
	remove_prefix(trie, "10.2.0.0", 16);
	assert_ptr_equal(lookup(four, "10.2.0.1"), &second);
	const struct trie_view *five = publish(trie);
	assert_ptr_equal(lookup(four, "10.2.0.1"), &second);
	assert_null(lookup(five, "10.2.0.1"));
	trie_view_release(trie, four);
	trie_view_release(trie, five);
	assert_int_equal(trie_node_count(trie), 1);
	trie_free(trie);
}

/* The reference: every prefix of a small universe, in which most overlap. */
enum { UNIVERSE = 220, ADDRESSES = 300, ALIVE = 12, VALUES = 7 };

struct reference {
	uint8_t values[UNIVERSE]; /* 1..VALUES, 0: not there */
};

struct world {
	struct prefix prefixes[UNIVERSE];
	struct address addresses[ADDRESSES];
	int values[VALUES + 1];
	uint64_t random;
};

/* Bytes are mostly of few kinds, so that prefixes share bits; lengths have a weakness for ends. */
static struct prefix random_prefix(uint64_t *random, size_t number) {
	static const uint8_t kinds[] = {0x00, 0x80, 0xff, 0xfe, 0x01, 0x40};
	bool v4 = number % 2 == 0;
	uint8_t bytes[ADDRESS_V6_SIZE];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = i < 2 && number % 3 != 0 ? 0x20 : kinds[next_random(random) % sizeof kinds];
	static const uint8_t v6_lengths[] = {0, 1, 16, 63, 64, 65, 127, 128};
	struct prefix prefix = {.address = address_from_bytes(v4 ? ADDRESS_V4 : ADDRESS_V6, bytes)};
	if (v4)
		prefix.length = (uint8_t)(number < 4 ? 0 : next_random(random) % 33);
	else if (next_random(random) % 2 == 0)
		prefix.length = v6_lengths[next_random(random) % sizeof v6_lengths];
	else
		prefix.length = (uint8_t)(next_random(random) % 129);
	prefix_mask(&prefix);
	return prefix;
}

static bool covers(const struct prefix *prefix, const struct address *address) {
	struct prefix masked = {.address = *address, .length = prefix->length};
	if (address->family != prefix->address.family)
		return false;
	prefix_mask(&masked);
	return prefix_equal(&masked, prefix);
}

static size_t make_world(struct world *world, uint64_t seed) {
	world->random = seed;
	size_t count = 0;
	while (count < UNIVERSE) {
		struct prefix prefix = random_prefix(&world->random, count);
		bool known = false;
		for (size_t i = 0; i < count; i++)
			known = known || prefix_equal(&prefix, &world->prefixes[i]);
		if (known && next_random(&world->random) % 8 != 0)
			continue;
		if (known) { /* duplicates of default routes may be all there is left */
			prefix.length = prefix.address.family == ADDRESS_V4 ? 32 : 128;
			prefix.address.bytes[3] = (uint8_t)count;
			prefix.address.bytes[2] = 0x77;
		}
		world->prefixes[count++] = prefix;
	}
	for (size_t i = 0; i < ADDRESSES; i++) {
		/* An address of a prefix, or one that leaves it at some bit. */
		const struct prefix *prefix = &world->prefixes[next_random(&world->random) % UNIVERSE];
		world->addresses[i] = prefix->address;
		size_t bits = address_size(&prefix->address) * 8;
		for (size_t flips = i % 3; flips > 0; flips--) {
			size_t bit = next_random(&world->random) % bits;
			world->addresses[i].bytes[bit / 8] ^= (uint8_t)(0x80U >> bit % 8);
		}
	}
	return count;
}

static int *reference_lookup(struct world *world, const struct reference *reference,
							 const struct address *address) {
	int best_length = -1;
	int *best = NULL;
	for (size_t i = 0; i < UNIVERSE; i++) {
		const struct prefix *prefix = &world->prefixes[i];
		if (reference->values[i] == 0 || prefix->length <= best_length || !covers(prefix, address))
			continue;
		best_length = prefix->length;
		best = &world->values[reference->values[i]];
	}
	return best;
}

static void check_view(struct world *world, const struct trie_view *view,
					   const struct reference *reference, size_t count) {
	for (size_t i = 0; i < count; i++) {
		const struct address *address = &world->addresses[next_random(&world->random) % ADDRESSES];
		assert_ptr_equal(lookup_address(view, address),
						 reference_lookup(world, reference, address));
	}
}

static void random_edit(struct world *world, struct trie *trie, struct reference *reference) {
	size_t which = next_random(&world->random) % UNIVERSE;
	const struct prefix *prefix = &world->prefixes[which];
	uint8_t *value = &reference->values[which];
	assert_ptr_equal(trie_find(trie, prefix), *value ? &world->values[*value] : NULL);
	if (next_random(&world->random) % 5 < 2) {
		assert_int_equal(trie_remove(trie, prefix), *value ? ERR_OK : ERR_NOT_FOUND);
		*value = 0;
	} else {
		*value = (uint8_t)(1 + next_random(&world->random) % VALUES);
		assert_int_equal(trie_insert(trie, prefix, &world->values[*value]), ERR_OK);
	}
	size_t count = 0;
	for (size_t i = 0; i < UNIVERSE; i++)
		count += reference->values[i] != 0;
	assert_int_equal(trie_count(trie), count);
}

static void run_world(uint64_t seed, size_t steps) {
	static struct world world;
	make_world(&world, seed);
	struct trie *trie = new_trie();
	struct reference now = {0};
	struct reference references[ALIVE];
	const struct trie_view *views[ALIVE];
	size_t alive = 0;
	for (size_t step = 0; step < steps; step++) {
		for (size_t edits = next_random(&world.random) % 12; edits > 0; edits--)
			random_edit(&world, trie, &now);
		/* Sometimes none is left, sometimes the oldest half goes. */
		size_t released = next_random(&world.random) % 40 == 0 ? alive : 0;
		if (alive == ALIVE)
			released = 1 + next_random(&world.random) % (ALIVE / 2);
		for (size_t i = 0; i < released; i++)
			trie_view_release(trie, views[i]);
		alive -= released;
		memmove(views, views + released, alive * sizeof views[0]);
		memmove(references, references + released, alive * sizeof references[0]);
		if (next_random(&world.random) % 3 == 0)
			continue;
		views[alive] = publish(trie);
		references[alive++] = now;
		for (size_t i = 0; i < alive; i++)
			check_view(&world, views[i], &references[i], 4);
		check_view(&world, views[alive - 1], &now, 20);
	}
	for (size_t i = 0; i < alive; i++)
		trie_view_release(trie, views[i]);
	for (size_t i = 0; i < UNIVERSE; i++)
		if (now.values[i] != 0)
			assert_int_equal(trie_remove(trie, &world.prefixes[i]), ERR_OK);
	assert_int_equal(trie_count(trie), 0);
	assert_int_equal(trie_node_count(trie), 0);
	trie_free(trie);
}

static void test_random_versions_against_the_reference(void **state) {
	for (uint64_t seed = 1; seed <= 6; seed++)
		run_world(seed * 7919, 250);
}

static void test_memory_of_a_large_table(void **state) {
	enum { COUNT = 130000 };
	int value;
	for (unsigned family = ADDRESS_V4; family <= ADDRESS_V6; family += 2) {
		struct trie *trie = new_trie();
		uint64_t random = 42;
		while (trie_count(trie) < COUNT) {
			uint64_t halves[2] = {next_random(&random), next_random(&random)};
			uint8_t bytes[ADDRESS_V6_SIZE];
			memcpy(bytes, halves, sizeof bytes);
			struct prefix prefix = {.address = address_from_bytes(family, bytes)};
			prefix.length = family == ADDRESS_V4 ? 32 : 128;
			if (trie_insert(trie, &prefix, &value))
				fail();
		}
		assert_true(trie_node_count(trie) < 2 * COUNT);
		assert_true(trie_memory(trie) <= (size_t)(family == ADDRESS_V4 ? 66 : 98) * COUNT);

		/* A change copies a path, not the table. */
		size_t before = trie_node_count(trie);
		const struct trie_view *view = publish(trie);
		struct prefix prefix = {.length = 8};
		prefix.address = address_from_bytes(family, (const uint8_t[16]){10});
		assert_int_equal(trie_insert(trie, &prefix, &value), ERR_OK);
		assert_true(trie_node_count(trie) < before + 40);
		trie_view_release(trie, view);
		assert_true(trie_node_count(trie) <= before + 2);
		trie_free(trie);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_longest_prefix_wins_v4),
		cmocka_unit_test(test_longest_prefix_wins_v6),
		cmocka_unit_test(test_replace_find_and_remove),
		cmocka_unit_test(test_invalid_arguments_change_nothing),
		cmocka_unit_test(test_glue_nodes_collapse),
		cmocka_unit_test(test_views_keep_and_free_their_nodes),
		cmocka_unit_test(test_random_versions_against_the_reference),
		cmocka_unit_test(test_memory_of_a_large_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
