#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/deadline.h"

enum { ITEMS = 300, STEPS = 20000 };

/* Repeats in every run. */
static uint32_t next_random(uint32_t *seed) {
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

struct reference {
	uint64_t at[ITEMS]; /* CLOCK_NEVER: not set */
};

static uint64_t reference_earliest(const struct reference *reference) {
	uint64_t earliest = CLOCK_NEVER;
	for (size_t i = 0; i < ITEMS; i++)
		if (reference->at[i] < earliest)
			earliest = reference->at[i];
	return earliest;
}

static void check_positions(const struct deadline_heap *heap) {
	for (uint32_t i = 0; i < heap->count; i++) {
		assert_int_equal(heap->items[i]->position, i + 1);
		assert_true(i == 0 || heap->items[(i - 1) / 4]->at <= heap->items[i]->at);
	}
}

/* Sets, moves, removes and pops at random, beside a plain array that does the same. */
static void test_against_reference(void **state) {
	struct deadline items[ITEMS] = {0};
	struct reference reference;
	struct deadline_heap heap;
	uint32_t seed = 1;
	size_t popped = 0;
	deadline_heap_init(&heap);
	assert_int_equal(deadline_heap_reserve(&heap, ITEMS), ERR_OK);
	for (size_t i = 0; i < ITEMS; i++)
		reference.at[i] = CLOCK_NEVER;

	for (size_t step = 0; step < STEPS; step++) {
		size_t which = next_random(&seed) % ITEMS;
		uint64_t at = next_random(&seed) % 5000; /* equal ones happen often */
		switch (next_random(&seed) % 8) {
		case 0:
			deadline_remove(&heap, &items[which]);
			reference.at[which] = CLOCK_NEVER;
			break;
		case 1:
			deadline_set(&heap, &items[which], CLOCK_NEVER);
			reference.at[which] = CLOCK_NEVER;
			break;
		case 2: {
			uint64_t earliest = reference_earliest(&reference);
			uint64_t now = at / 8;
			const struct deadline *item = deadline_pop_expired(&heap, now);
			assert_int_equal(item != NULL, earliest <= now);
			if (!item)
				break;
			assert_int_equal(item->at, earliest);
			assert_int_equal(item->position, 0);
			assert_int_equal(reference.at[item - items], earliest);
			reference.at[item - items] = CLOCK_NEVER;
			popped++;
			break;
		}
		default:
			deadline_set(&heap, &items[which], at);
			reference.at[which] = at;
		}
		assert_int_equal(deadline_next(&heap), reference_earliest(&reference));
		if (step % 64 == 0)
			check_positions(&heap);
	}
	assert_true(popped > 100);
	deadline_heap_done(&heap);
}

static void test_pops_in_order(void **state) {
	struct deadline items[ITEMS] = {0};
	struct deadline_heap heap;
	deadline_heap_init(&heap);
	assert_int_equal(deadline_heap_reserve(&heap, ITEMS), ERR_OK);
	for (uint32_t i = 0; i < ITEMS; i++)
		deadline_set(&heap, &items[i], i * 7919 % 1009);
	uint64_t last = 0;
	for (size_t i = 0; i < ITEMS; i++) {
		const struct deadline *item = deadline_pop_expired(&heap, CLOCK_NEVER);
		assert_non_null(item);
		assert_true(item->at >= last);
		last = item->at;
	}
	assert_null(deadline_pop_expired(&heap, CLOCK_NEVER));
	deadline_heap_done(&heap);
}

static void test_empty(void **state) {
	struct deadline item = {0};
	struct deadline_heap heap;
	deadline_heap_init(&heap);
	assert_int_equal(deadline_next(&heap), CLOCK_NEVER);
	assert_null(deadline_pop_expired(&heap, CLOCK_NEVER));
	deadline_remove(&heap, &item);
	deadline_set(&heap, &item, CLOCK_NEVER); /* needs no room */
	assert_int_equal(item.position, 0);
	deadline_heap_done(&heap);
	deadline_heap_done(&heap);
	deadline_heap_done(NULL);
}

static void test_fires_at_its_time_and_not_before(void **state) {
	struct deadline item = {0};
	struct deadline_heap heap;
	deadline_heap_init(&heap);
	assert_int_equal(deadline_heap_reserve(&heap, 1), ERR_OK);
	deadline_set(&heap, &item, 1000);
	assert_null(deadline_pop_expired(&heap, 999));
	assert_ptr_equal(deadline_pop_expired(&heap, 1000), &item);
	assert_int_equal(deadline_next(&heap), CLOCK_NEVER);
	deadline_set(&heap, &item, 0); /* may be set again */
	assert_ptr_equal(deadline_pop_expired(&heap, 0), &item);
	deadline_heap_done(&heap);
}

/* Reserving room keeps what is set, also when the array moves. */
static void test_grows(void **state) {
	struct deadline items[100] = {0};
	struct deadline_heap heap;
	deadline_heap_init(&heap);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(deadline_heap_reserve(&heap, i + 1), ERR_OK);
		deadline_set(&heap, &items[i], 100 - i);
		assert_int_equal(deadline_next(&heap), 100 - i);
	}
	assert_int_equal(heap.count, 100);
	assert_int_equal(deadline_heap_reserve(&heap, SIZE_MAX), ERR_LIMIT);
	assert_int_equal(heap.count, 100);
	check_positions(&heap);
	deadline_heap_done(&heap);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(items[i].position, 0);
}

static void test_owner(void **state) {
	struct owner {
		int before;
		struct deadline deadline;
	} owner = {0};
	struct deadline *deadline = &owner.deadline;
	assert_ptr_equal(deadline_owner(deadline, struct owner, deadline), &owner);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_reference),
		cmocka_unit_test(test_pops_in_order),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_fires_at_its_time_and_not_before),
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_owner),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
