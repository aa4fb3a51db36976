#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "session/replay.h"

/*
 * The numbered test: one window, one row after another. The number is in the message of a failure,
 * and every row depends on all rows above it.
 */

#define WINDOW UINT64_C(8192) /* spelled out */
#define RING (WINDOW + 64)    /* one word more, the one that is being filled */
#define LIMIT (UINT64_MAX - 8192)
#define FRESH ERR_OK
#define STALE ERR_REPLAY

static const struct row {
	int number;
	uint64_t counter;
	enum err expected;
} rows[] = {
	/* the very first counters, in order and again */
	{1, 0, FRESH},
	{2, 0, STALE},
	{3, 1, FRESH},
	{4, 1, STALE},
	{5, 0, STALE},
	/* out of order inside one word, and over its border */
	{6, 9, FRESH},
	{7, 8, FRESH},
	{8, 7, FRESH},
	{9, 7, STALE},
	{10, 8, STALE},
	{11, 9, STALE},
	{12, 63, FRESH},
	{13, 64, FRESH},
	{14, 63, STALE},
	{15, 64, STALE},
	{16, 65, FRESH},
	{17, 62, FRESH},
	/* the lower edge, the highest at the start of a word: 0 is on it, but seen */
	{18, WINDOW, FRESH},
	{19, WINDOW, STALE},
	{20, 0, STALE},
	{21, 2, FRESH},
	{22, 2, STALE},
	/* ten further: so is the edge */
	{23, WINDOW + 10, FRESH},
	{24, 10, FRESH},
	{25, 10, STALE},
	{26, 6, STALE}, /* never seen, but below the edge */
	{27, 11, FRESH},
	/* the last counter of a word as the highest, when the edge is the last of a word too */
	{28, WINDOW + 63, FRESH},
	{29, 62, STALE},
	{30, 66, FRESH},
	{31, WINDOW + 64, FRESH},
	{32, 63, STALE},
	{33, 64, STALE}, /* on the edge: inside, but seen (row 13) */
	{34, 67, FRESH},
	/* a jump of exactly a window: the highest of before is on the edge, and still known */
	{35, 2 * WINDOW + 64, FRESH},
	{36, WINDOW + 64, STALE},
	{37, WINDOW + 63, STALE},
	{38, WINDOW + 65, FRESH},
	{39, WINDOW + 65, STALE},
	/* a jump of exactly the ring: every word is new */
	{40, 2 * WINDOW + 64 + RING, FRESH},
	{41, 2 * WINDOW + 64, STALE},
	{42, WINDOW + 64 + RING, FRESH},
	{43, WINDOW + 63 + RING, STALE},
	/* jumps larger than the ring; counters of the lap before share words with these */
	{44, 1000000, FRESH},
	{45, 1000000, STALE},
	{46, 1000000 - 1, FRESH},
	{47, 1000000 - WINDOW, FRESH},
	{48, 1000000 - WINDOW, STALE},
	{49, 1000000 - WINDOW - 1, STALE},
	{50, 1000000 - RING, STALE},
	{51, 1, STALE},
	{52, 1000000 + RING, FRESH},
	{53, 1000000 + RING - 1, FRESH},
	{54, 1000000 + 64, FRESH},
	{55, 1000000 + 63, STALE},
	/* the oldest word of the ring after a jump, where row 52 left a bit a lap ago */
	{56, 1000000 + 2 * RING + WINDOW, FRESH},
	{57, 1000000 + 2 * RING, FRESH},
	{58, 1000000 + 2 * RING, STALE},
	/* a jump of 2^60 costs no more than one of the ring's size */
	{59, UINT64_C(1) << 60, FRESH},
	{60, (UINT64_C(1) << 60) - WINDOW, FRESH},
	{61, (UINT64_C(1) << 60) - WINDOW - 1, STALE},
	{62, 1000000 + RING, STALE},
	/* the limit, which is exclusive; refused counters do not move the window */
	{63, LIMIT, STALE},
	{64, LIMIT + 1, STALE},
	{65, UINT64_MAX, STALE},
	{66, (UINT64_C(1) << 60) + 1, FRESH},
	{67, LIMIT - 1, FRESH},
	{68, LIMIT - 1, STALE},
	{69, LIMIT, STALE},
	{70, LIMIT - 2, FRESH},
	{71, LIMIT - 1 - WINDOW, FRESH},
	{72, LIMIT - 2 - WINDOW, STALE},
	{73, 0, STALE},
};

static void numbered(void **state) {
	struct replay replay;
	replay_init(&replay);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];
		assert_int_equal(row->number, i + 1);
		struct replay before = replay;
		enum err checked = replay_check(&replay, row->counter, LIMIT);
		assert_memory_equal(&replay, &before, sizeof replay);
		enum err accepted = replay_accept(&replay, row->counter, LIMIT);
		if (checked != row->expected || accepted != row->expected)
			fail_msg("row %d: check says %s, accept says %s", row->number, err_name(checked),
					 err_name(accepted));
		if (accepted)
			assert_memory_equal(&replay, &before, sizeof replay);
	}
}

static void window_is_exact_at_every_place_in_a_word(void **state) {
	for (uint64_t highest = 3 * 8192; highest < 3 * 8192 + 2 * REPLAY_WORD_BITS; highest++) {
		struct replay replay;
		replay_init(&replay);
		assert_int_equal(replay_accept(&replay, highest, LIMIT), ERR_OK);
		assert_int_equal(replay_check(&replay, highest - WINDOW - 1, LIMIT), ERR_REPLAY);
		for (uint64_t counter = highest - WINDOW; counter < highest; counter++)
			assert_int_equal(replay_accept(&replay, counter, LIMIT), ERR_OK);
		for (uint64_t counter = highest - WINDOW; counter <= highest; counter++)
			assert_int_equal(replay_check(&replay, counter, LIMIT), ERR_REPLAY);
		assert_int_equal(replay_check(&replay, highest + 1, LIMIT), ERR_OK);
	}
}

static void largest_limit(void **state) {
	struct replay replay;
	replay_init(&replay);
	assert_int_equal(replay_accept(&replay, UINT64_MAX, UINT64_MAX), ERR_REPLAY);
	assert_int_equal(replay_accept(&replay, UINT64_MAX - 2, UINT64_MAX), ERR_OK);
	assert_int_equal(replay_accept(&replay, UINT64_MAX - 1, UINT64_MAX), ERR_OK);
	assert_int_equal(replay_accept(&replay, UINT64_MAX - 1, UINT64_MAX), ERR_REPLAY);
	assert_int_equal(replay_accept(&replay, UINT64_MAX, UINT64_MAX), ERR_REPLAY);
	assert_int_equal(replay_accept(&replay, UINT64_MAX - 3, UINT64_MAX), ERR_OK);
	assert_int_equal(replay_accept(&replay, UINT64_MAX - 2, UINT64_MAX), ERR_REPLAY);
}

static void limit_of_zero_refuses_all(void **state) {
	struct replay replay;
	replay_init(&replay);
	assert_int_equal(replay_accept(&replay, 0, 0), ERR_REPLAY);
	assert_int_equal(replay_accept(&replay, 0, 1), ERR_OK);
}

/* The reference: a set of all accepted counters, which are numbered from a base here. */
enum { REFERENCE_SPAN = 1 << 18, REFERENCE_STEPS = 100000 };

struct reference {
	bool any;
	uint64_t highest;
	bool seen[REFERENCE_SPAN];
};

static bool reference_accept(struct reference *reference, uint64_t number) {
	if (reference->any && number + WINDOW < reference->highest)
		return false;
	if (reference->seen[number])
		return false;
	reference->seen[number] = true;
	if (!reference->any || number > reference->highest)
		reference->highest = number;
	reference->any = true;
	return true;
}

static uint64_t pseudo_random(uint64_t *seed) {
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

/* Steps of all sizes forth, back to the window's edge, and a little beyond it. */
static uint64_t pick_number(uint64_t *seed, uint64_t highest) {
	uint64_t choice = pseudo_random(seed) % 8192;
	if (choice == 0)
		return highest + pseudo_random(seed) % (3 * 8192);
	if (choice < 32)
		return highest + pseudo_random(seed) % 300;
	if (choice < 4096)
		return highest + pseudo_random(seed) % 3;
	if (choice < 5000)
		return highest - (WINDOW - 70) - pseudo_random(seed) % 140;
	if (choice < 5500)
		return highest - pseudo_random(seed) % (2 * 8192);
	return highest - pseudo_random(seed) % 100;
}

static void compare_with_reference(uint64_t base, uint64_t seed) {
	struct reference *reference = calloc(1, sizeof *reference);
	assert_non_null(reference);
	struct replay replay;
	replay_init(&replay);
	size_t accepted = 0, refused = 0;
	for (size_t i = 0; i < REFERENCE_STEPS; i++) {
		uint64_t number = pick_number(&seed, reference->highest);
		if (number >= REFERENCE_SPAN)
			continue; /* below the base or behind the span */
		bool expected = reference_accept(reference, number);
		uint64_t counter = base + number;
		assert_int_equal(replay_check(&replay, counter, UINT64_MAX) == ERR_OK, expected);
		assert_int_equal(replay_accept(&replay, counter, UINT64_MAX) == ERR_OK, expected);
		assert_int_equal(replay.next, base + reference->highest + 1);
		*(expected ? &accepted : &refused) += 1;
	}
	assert_true(accepted > REFERENCE_STEPS / 10); /* the walk has met both */
	assert_true(refused > REFERENCE_STEPS / 10);
	free(reference);
}

static void randomised(void **state) {
	for (uint64_t seed = 1; seed <= 8; seed++) {
		compare_with_reference(0, seed);
		compare_with_reference((UINT64_C(1) << 32) - REFERENCE_SPAN / 2, seed);
		compare_with_reference(UINT64_MAX - REFERENCE_SPAN, seed);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbered),      cmocka_unit_test(window_is_exact_at_every_place_in_a_word),
		cmocka_unit_test(largest_limit), cmocka_unit_test(limit_of_zero_refuses_all),
		cmocka_unit_test(randomised),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
