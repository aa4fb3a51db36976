/*
 * Steps of a cache of handshakes, against a list that never forgets: three bytes each, of which the
 * first says who and what, the second which handshake, and the third how the clock and the
 * timestamp lie. While the clock goes forward nothing may be taken twice, not even over restarts.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "session/seen.h"
#include "wire/cursor.h"

enum { CLIENTS = 4, RANDOMS = 256, WHAT_TRIM = 62, WHAT_RESTART = 63 };

#define CLOCK_STEP (SEEN_WINDOW / 150)

struct model {
	uint64_t taken[CLIENTS][RANDOMS]; /* the timestamp of what was taken last; 0: nothing */
};

static void zero_fill(void *context, void *out_data, size_t size) {
	memset(out_data, 0, size);
}

static const struct random_source zeros = {zero_fill, NULL};

struct restart {
	struct seen *into;
	uint64_t now;
};

static void import(void *context, const struct seen_entry *entry) {
	const struct restart *restart = context;
	expect(!seen_import(restart->into, entry, restart->now));
}

static struct seen *restarted(struct seen *seen, uint64_t now) {
	struct restart restart = {.now = now};
	const struct seen_reader reader = {import, &restart};
	expect(!seen_new(&zeros, &restart.into));
	seen_export(seen, now, &reader);
	expect(seen_count(restart.into) <= seen_count(seen));
	seen_free(seen);
	return restart.into;
}

/* Timestamps from beyond one end of the window to beyond the other. */
static void try(struct seen *seen, struct model *model, uint8_t client, uint8_t random,
				uint8_t place, uint64_t now) {
	struct seen_entry entry = {.client = {client},
							   .random = {random},
							   .timestamp = now - 2 * SEEN_WINDOW + place * (SEEN_WINDOW / 60)};
	const size_t count = seen_count(seen);
	const uint64_t before = model->taken[client][random];
	const enum err checked = seen_check(seen, &entry, now);
	const enum err error = seen_take(seen, &entry, now);
	expect(checked == error);
	expect((error == ERR_EXPIRED) == (place < 60 || place > 180));
	if (error != ERR_EXPIRED && before != 0 && before + SEEN_WINDOW >= now)
		expect(error == ERR_REPLAY);
	expect(error != ERR_REPLAY || before != 0);
	expect(seen_count(seen) <= count + (error ? 0 : 1));
	if (!error) {
		expect(seen_take(seen, &entry, now) == ERR_REPLAY);
		model->taken[client][random] = entry.timestamp;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct reader reader = reader_of(data, size);
	struct model model = {0};
	struct seen *seen = NULL;
	uint64_t now = 1700000000000;
	expect(!seen_new(&zeros, &seen));
	while (reader_left(&reader) >= 3) {
		const uint8_t what = reader_u8(&reader), random = reader_u8(&reader);
		const uint8_t place = reader_u8(&reader);
		if (what >> 2 == WHAT_TRIM)
			seen_trim(seen, now);
		else if (what >> 2 == WHAT_RESTART)
			seen = restarted(seen, now);
		else
			try(seen, &model, what % CLIENTS, random, place, now);
		now += (what >> 2) * CLOCK_STEP;
	}
	expect(seen_count(seen) <= (size_t)CLIENTS * SEEN_CLIENT_MAX);
	seen_free(seen);
	return 0;
}
