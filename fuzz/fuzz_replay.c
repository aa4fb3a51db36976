/* A sequence of counters against the replay window and a list of all counters it has accepted. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "session/replay.h"

/*
 * Input: a byte that chooses the limit, then 3 bytes a counter: its kind and a 16-bit distance.
 * Distances are from the highest counter, as nearly all uniformly random ones would be fresh.
 */
enum { STEP_SIZE = 3, STEPS_MAX = 2048 };

static const uint64_t limits[] = {UINT64_MAX - 8192, UINT64_MAX, 100000, 1};

struct reference {
	size_t count;
	uint64_t highest;
	uint64_t accepted[STEPS_MAX];
};

static bool reference_expects(const struct reference *reference, uint64_t counter, uint64_t limit) {
	if (counter >= limit)
		return false;
	if (reference->count == 0 || counter > reference->highest)
		return true;
	if (reference->highest - counter > REPLAY_WINDOW)
		return false;
	for (size_t i = 0; i < reference->count; i++)
		if (reference->accepted[i] == counter)
			return false;
	return true;
}

static void reference_add(struct reference *reference, uint64_t counter) {
	if (reference->count == 0 || counter > reference->highest)
		reference->highest = counter;
	reference->accepted[reference->count++] = counter;
}

static uint64_t pick_counter(const uint8_t step[static STEP_SIZE], uint64_t highest,
							 uint64_t limit) {
	uint64_t distance = (uint64_t)step[1] << 8 | step[2];
	switch (step[0] % 6) {
	case 0:
		return highest + distance;
	case 1:
		return highest - distance;
	case 2:
		return highest - REPLAY_WINDOW + (uint64_t)(int8_t)step[2];
	case 3:
		return highest + (distance << (step[0] >> 2)); /* a jump of up to 2^79, cut to 64 bits */
	case 4:
		return limit + (uint64_t)(int8_t)step[2];
	default:
		return distance;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0)
		return 0;
	uint64_t limit = limits[data[0] % (sizeof limits / sizeof *limits)];
	static struct reference reference;
	reference.count = 0;
	reference.highest = 0;
	struct replay replay;
	replay_init(&replay);
	for (size_t at = 1; at + STEP_SIZE <= size && reference.count < STEPS_MAX; at += STEP_SIZE) {
		uint64_t counter = pick_counter(data + at, reference.highest, limit);
		bool expected = reference_expects(&reference, counter, limit);
		struct replay before = replay;
		expect((replay_check(&replay, counter, limit) == ERR_OK) == expected);
		expect(memcmp(&replay, &before, sizeof replay) == 0);
		expect((replay_accept(&replay, counter, limit) == ERR_OK) == expected);
		if (expected)
			reference_add(&reference, counter);
		else
			expect(memcmp(&replay, &before, sizeof replay) == 0);
		expect(replay_check(&replay, counter, limit) == ERR_REPLAY);
	}
	return 0;
}
