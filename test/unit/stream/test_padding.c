#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "stream/cipher.h"
#include "stream/padding.h"
#include "stream/padding_sizes.h"
#include "wire/stream_frame.h"

enum { PAYLOAD_OF_RECORD = STREAM_FRAME_SEND_SIZE_MAX - STREAM_FRAME_HEADER_SIZE };

#define START (1000 * CLOCK_SECOND)

static const uint16_t values[] = {100, 200, 1000, 3000, 16000};
static const struct padding_sizes sizes = {values, sizeof values / sizeof values[0]};

/* xorshift64; a fixed sequence, so that a failure comes back. */
static void fill(void *context, void *out_data, size_t size) {
	uint64_t *seed = context;
	for (size_t i = 0; i < size; i++) {
		*seed ^= *seed << 13;
		*seed ^= *seed >> 7;
		*seed ^= *seed << 17;
		((uint8_t *)out_data)[i] = (uint8_t)(*seed >> 32);
	}
}

static uint64_t seed;
static const struct random_source source = {fill, &seed};

static struct padding padding_with(const struct padding_rules *rules) {
	struct padding padding;
	padding_init(&padding, rules, &sizes, &source, START);
	return padding;
}

static struct padding padding_like(uint8_t shaping) {
	return padding_with(padding_rules_of(shaping));
}

static int reset(void **state) {
	seed = 7;
	return 0;
}

static void strategies(void **state) {
	static const struct {
		enum padding_strategy strategy;
		uint16_t block;
		size_t payload, expected;
	} rows[] = {
		{PADDING_NONE, 64, 0, 0},
		{PADDING_NONE, 64, 1000, 0},
		{PADDING_BLOCK, 64, 0, 57},
		{PADDING_BLOCK, 64, 56, 1},
		{PADDING_BLOCK, 64, 57, 0},
		{PADDING_BLOCK, 64, 58, 63},
		{PADDING_BLOCK, 64, 1000, 17},
		{PADDING_BLOCK, 100, 1000, 93},
		{PADDING_BLOCK, 1000, 1, 255}, /* more than a frame can have */
		{PADDING_BLOCK, 1, 1000, 0},
		{PADDING_BLOCK, 0, 1000, 0},
		{PADDING_POWER_OF_TWO, 0, 0, 1},
		{PADDING_POWER_OF_TWO, 0, 1, 0},
		{PADDING_POWER_OF_TWO, 0, 2, 7},
		{PADDING_POWER_OF_TWO, 0, 249, 0},
		{PADDING_POWER_OF_TWO, 0, 250, 255},
		{PADDING_POWER_OF_TWO, 0, 400, 105},
		{PADDING_POWER_OF_TWO, 0, 10000, 255},
		/* A full TLS record stays one, and a frame never grows beyond the largest. */
		{PADDING_POWER_OF_TWO, 0, PAYLOAD_OF_RECORD, 0},
		{PADDING_POWER_OF_TWO, 0, PAYLOAD_OF_RECORD - 10, 10},
		{PADDING_POWER_OF_TWO, 0, PAYLOAD_OF_RECORD + 1, 17},
		{PADDING_POWER_OF_TWO, 0, 65400, 128},
		{PADDING_POWER_OF_TWO, 0, 65527, 1},
		{PADDING_POWER_OF_TWO, 0, 65528, 0},
		{PADDING_BLOCK, 64, 65527, 1},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct padding_rules rules = {.strategy = rows[i].strategy, .block = rows[i].block};
		struct padding padding = padding_with(&rules);
		uint8_t got = padding_frame(&padding, NULL, rows[i].payload);
		if (got != rows[i].expected)
			fail_msg("row %zu: %u", i, got);
	}
}

/* Every number of bytes comes, each about as often: 256 of them, 100 times on average. */
static void random_padding_is_even(void **state) {
	const struct padding_rules rules = {.strategy = PADDING_RANDOM};
	struct padding padding = padding_with(&rules);
	int counts[256] = {0};
	for (int i = 0; i < 25600; i++)
		counts[padding_frame(&padding, NULL, 100)]++;
	for (size_t i = 0; i < 256; i++)
		assert_in_range(counts[i], 50, 160);
}

static void a_minimum_frame(void **state) {
	const struct padding_rules rules = {.strategy = PADDING_NONE, .minimum_frame = 64};
	const struct padding_rules large = {.strategy = PADDING_NONE, .minimum_frame = 1000};
	struct padding padding = padding_with(&rules);
	assert_int_equal(padding_frame(&padding, NULL, 0), 57);
	assert_int_equal(padding_frame(&padding, NULL, 56), 1);
	assert_int_equal(padding_frame(&padding, NULL, 57), 0);
	padding = padding_with(&large);
	assert_int_equal(padding_frame(&padding, NULL, 0), 255);
	padding = padding_like(STREAM_SHAPING_BALANCED);
	for (size_t i = 0; i < 1000; i++)
		assert_true(padding_frame(&padding, NULL, i % 50) + 7U + i % 50 >= 64);
}

/* Block padding for 16 frames of the connection and of each stream, then never more. */
static void performance(void **state) {
	struct padding padding = padding_like(STREAM_SHAPING_PERFORMANCE);
	struct padding_stream stream = {0}, later = {0};
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(padding_frame(&padding, &stream, 1), 56);
	assert_int_equal(padding_frame(&padding, &stream, 1), 0);
	assert_int_equal(padding_frame(&padding, NULL, 1), 0);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(padding_frame(&padding, &later, 20000), 64 - 20007 % 64);
	assert_int_equal(padding_frame(&padding, &later, 1), 0);
	assert_int_equal(padding_burst(&padding, &later, 100), 0);
	padding_streams(&padding, true, START);
	assert_true(padding_deadline(&padding) == CLOCK_NEVER);
	assert_true(padding_hold(&padding, 10, START) == START);
}

/* How often n frames of that payload are padded at all, and with how much. */
static size_t padded(struct padding *padding, size_t payload, size_t n, size_t *out_bytes) {
	struct padding_stream stream = {0};
	size_t count = 0;
	*out_bytes = 0;
	for (size_t i = 0; i < n; i++) {
		uint8_t bytes = padding_frame(padding, &stream, payload);
		count += bytes > 0;
		*out_bytes += bytes;
	}
	return count;
}

static void small_frames_or_all(void **state) {
	struct padding balanced = padding_like(STREAM_SHAPING_BALANCED);
	struct padding stealth = padding_like(STREAM_SHAPING_STEALTH);
	size_t bytes;
	assert_true(padded(&balanced, PADDING_SMALL_FRAME - 8, 1000, &bytes) > 950);
	assert_in_range(bytes, 1000 * 110, 1000 * 145);
	assert_int_equal(padded(&balanced, PADDING_SMALL_FRAME - 7, 1000, &bytes), 0);
	assert_true(padded(&stealth, PADDING_SMALL_FRAME - 7, 1000, &bytes) > 950);
	assert_true(padded(&stealth, PAYLOAD_OF_RECORD - 255, 1000, &bytes) > 950);
	assert_int_equal(padded(&stealth, PAYLOAD_OF_RECORD, 1000, &bytes), 0);
	struct padding none = padding_like(STREAM_SHAPING_NONE);
	assert_int_equal(padded(&none, 1, 1000, &bytes), 0);
	none = padding_like(99);
	assert_int_equal(padded(&none, 1, 1000, &bytes), 0);
}

static void first_bursts_are_enlarged(void **state) {
	struct padding padding = padding_like(STREAM_SHAPING_BALANCED);
	struct padding_stream stream = {0};
	for (size_t i = 0; i < PADDING_BURSTS; i++) {
		size_t extra = padding_burst(&padding, &stream, 50);
		assert_in_range(50 + extra, 100, 16000);
		/* More of the same burst is not another. */
		assert_int_equal(padding_burst(&padding, &stream, 50), 0);
		padding_turn(&stream);
	}
	assert_int_equal(padding_burst(&padding, &stream, 50), 0);

	/* A full record stays what it is, and was one of the eight. */
	stream = (struct padding_stream){0};
	assert_int_equal(padding_burst(&padding, &stream, 16384 - PADDING_BURST_MORE + 1), 0);
	padding_turn(&stream);
	for (size_t i = 1; i < PADDING_BURSTS; i++, padding_turn(&stream))
		assert_true(padding_burst(&padding, &stream, 16384 - PADDING_BURST_MORE) > 0);
	assert_int_equal(padding_burst(&padding, &stream, 50), 0);
	stream = (struct padding_stream){0};
	assert_int_equal(padding_burst(&padding, &stream, SIZE_MAX - 10), 0);
}

/* What is larger than all that was seen does not go as it is either. */
static void larger_bursts_get_a_little(void **state) {
	static const uint16_t small[] = {50, 900};
	static const struct padding_sizes table = {small, 2};
	struct padding padding;
	size_t least = SIZE_MAX, most = 0;
	padding_init(&padding, padding_rules_of(STREAM_SHAPING_BALANCED), &table, &source, START);
	for (size_t i = 0; i < 10000; i++) {
		struct padding_stream stream = {0};
		size_t extra = padding_burst(&padding, &stream, i % 2 == 0 ? 876 : 14000);
		least = extra < least ? extra : least;
		most = extra > most ? extra : most;
	}
	assert_in_range(least, 25, 27);
	assert_in_range(most, PADDING_BURST_MORE - 2, PADDING_BURST_MORE);
}

/* Each part between two values is as likely, and nothing is below what there is to send. */
static void bursts_look_like_what_was_seen(void **state) {
	static const size_t begins[] = {0, 90, 150, 200, 2500, 2975, 15000};
	struct padding padding = padding_like(STREAM_SHAPING_BALANCED);
	for (size_t b = 0; b < sizeof begins / sizeof begins[0]; b++) {
		size_t counts[4] = {0}, at_least = begins[b] + 25, parts = 0;
		for (size_t i = 0; i < 4000; i++) {
			struct padding_stream stream = {0};
			size_t extra = padding_burst(&padding, &stream, begins[b]);
			size_t drawn = begins[b] + extra, part = 0;
			assert_true(extra >= 25 && drawn >= 100 && drawn <= 16000);
			while (part < 3 && drawn >= values[part + 1])
				part++;
			counts[part]++;
		}
		for (size_t i = 0; i < 4; i++)
			parts += values[i + 1] > at_least;
		for (size_t i = 0; i < 4; i++)
			if (values[i + 1] > at_least)
				assert_in_range(counts[i], 3600 / parts, 4400 / parts);
			else
				assert_in_range(counts[i], 0, 50); /* the border itself */
	}
}

static void assert_table(const struct padding_sizes *table) {
	assert_true(table->count >= 2);
	for (size_t i = 1; i < table->count; i++)
		assert_true(table->values[i - 1] <= table->values[i]);
	assert_in_range(table->values[0], 1, 1000);
	assert_in_range(table->values[table->count - 1], 300, 16384);
}

/* What was measured of a browser is a table as it has to be, and answers are the larger ones. */
static void measured_sizes(void **state) {
	const struct padding_sizes *asked = &padding_sizes_requests, *told = &padding_sizes_answers;
	assert_table(asked);
	assert_table(told);
	assert_true(told->values[told->count / 2] > asked->values[asked->count / 2]);
	struct padding padding;
	padding_init(&padding, padding_rules_of(STREAM_SHAPING_BALANCED), told, &source, START);
	for (size_t i = 0; i < 1000; i++) {
		struct padding_stream stream = {0};
		size_t extra = padding_burst(&padding, &stream, 300);
		assert_in_range(300 + extra, 325, 16384);
	}
}

static void padding_is_taken_frame_by_frame(void **state) {
	for (size_t extra = 25; extra < 3 * 16384 + 100; extra++) {
		size_t left = extra, sum = 0;
		for (size_t frames = 1; left > 0; frames++) {
			size_t payload = padding_take(&left);
			assert_true(payload + STREAM_FRAME_HEADER_SIZE <= STREAM_FRAME_SEND_SIZE_MAX);
			assert_true(left == 0 || left >= STREAM_FRAME_HEADER_SIZE + CIPHER_OVERHEAD);
			assert_true(frames <= 4);
			sum += payload + STREAM_FRAME_HEADER_SIZE + CIPHER_OVERHEAD;
		}
		assert_int_equal(sum, extra);
	}
}

static void assert_between(uint64_t time, uint64_t first, uint64_t last) {
	assert_true(time >= first && time <= last);
}

static void silence_is_filled_while_there_are_streams(void **state) {
	struct padding padding = padding_like(STREAM_SHAPING_BALANCED);
	const uint64_t interval = PADDING_IDLE_INTERVAL;
	uint64_t now = START + 3600 * CLOCK_SECOND, sum = 0;
	assert_true(padding_deadline(&padding) == CLOCK_NEVER);
	assert_int_equal(padding_idle(&padding, now), 0);
	padding_streams(&padding, true, now);
	for (size_t i = 0; i < 1000; i++) {
		uint64_t due = padding_deadline(&padding);
		assert_between(due, now + interval / 2, now + interval * 3 / 2);
		assert_int_equal(padding_idle(&padding, due - 1), 0);
		size_t extra = padding_idle(&padding, due);
		size_t frame = padding_take(&extra) + STREAM_FRAME_HEADER_SIZE;
		assert_int_equal(extra, 0);
		assert_in_range(frame, PADDING_IDLE_SIZE_MIN, PADDING_IDLE_SIZE_MAX);
		sum += due - now;
		now = due;
	}
	assert_between(sum / 1000, interval * 9 / 10, interval * 11 / 10);

	/* What is written puts it off. */
	for (size_t i = 0; i < 100; i++) {
		now += CLOCK_SECOND;
		padding_written(&padding, 100, now);
		assert_between(padding_deadline(&padding), now + interval / 2, now + interval * 3 / 2);
	}
	/* Without a stream it goes on for a minute. */
	padding_streams(&padding, false, now);
	size_t count = 0;
	for (uint64_t end = now + 60 * CLOCK_SECOND; padding_deadline(&padding) != CLOCK_NEVER;
		 count++) {
		now = padding_deadline(&padding);
		assert_true(now < end);
		assert_int_not_equal(padding_idle(&padding, now), 0);
	}
	assert_in_range(count, 8, 16);
	/* And it begins again, not at once, with the next stream. */
	now += 3600 * CLOCK_SECOND;
	assert_int_equal(padding_idle(&padding, now), 0);
	padding_streams(&padding, true, now);
	assert_between(padding_deadline(&padding), now + interval / 2, now + interval * 3 / 2);
	/* Closing and opening does not put it off. */
	uint64_t due = padding_deadline(&padding);
	padding_streams(&padding, false, now + 1);
	padding_streams(&padding, true, now + 2);
	assert_true(padding_deadline(&padding) == due);
}

static void stealth_is_never_silent(void **state) {
	struct padding padding = padding_like(STREAM_SHAPING_STEALTH);
	uint64_t now = START;
	for (size_t i = 0; i < 200; i++) {
		uint64_t due = padding_deadline(&padding);
		assert_between(due, now + PADDING_STEALTH_INTERVAL / 2,
					   now + PADDING_STEALTH_INTERVAL * 3 / 2);
		assert_int_not_equal(padding_idle(&padding, due), 0);
		now = due;
	}
	/* However short the interval, there is a distance. */
	struct padding_rules rules = *padding_rules_of(STREAM_SHAPING_STEALTH);
	rules.idle_interval = 1;
	padding = padding_with(&rules);
	padding_written(&padding, 10, now);
	assert_true(padding_deadline(&padding) == now + PADDING_MIN_INTERVAL);
}

static void sparse_writes_are_put_off(void **state) {
	struct padding padding = padding_like(STREAM_SHAPING_STEALTH);
	uint64_t now = START, sum = 0;
	for (size_t i = 0; i < 1000; i++) {
		now += CLOCK_SECOND;
		uint64_t held = padding_hold(&padding, 100, now);
		assert_between(held, now, now + PADDING_JITTER);
		/* More of it does not move the time, and little later it is what it was. */
		assert_true(padding_hold(&padding, 200, now) == held);
		if (held > now)
			assert_true(padding_hold(&padding, 200, held - 1) == held);
		assert_true(padding_hold(&padding, 200, held) == held);
		sum += held - now;
		now = held;
		padding_written(&padding, 200, now);
	}
	assert_between(sum / 1000, PADDING_JITTER * 4 / 10, PADDING_JITTER * 6 / 10);
	/* The next is a millisecond after the last at least. */
	for (size_t i = 0; i < 1000; i++) {
		uint64_t held = padding_hold(&padding, 1, now);
		assert_between(held, now + PADDING_MIN_INTERVAL, now + PADDING_JITTER);
		now = held;
		padding_written(&padding, 1, now);
	}
}

static void bulk_is_never_put_off(void **state) {
	struct padding padding = padding_like(STREAM_SHAPING_STEALTH);
	uint64_t now = START + CLOCK_SECOND;
	/* Much that waits, also when it came behind little that was put off. */
	assert_true(padding_hold(&padding, PADDING_BULK, now) == now);
	while (padding_hold(&padding, 1, now) == now)
		padding_written(&padding, 1, now += CLOCK_SECOND);
	assert_true(padding_hold(&padding, PADDING_BULK, now) == now);
	padding_written(&padding, PADDING_BULK, now);
	/* What is small in the middle of much, for as long as there is much. */
	for (size_t i = 0; i < 1000; i++) {
		now += 7 * CLOCK_MILLISECOND;
		padding_received(&padding, 2000, now);
		assert_true(padding_hold(&padding, 13, now) == now);
		padding_written(&padding, 13, now);
	}
	/* A little after, writes are sparse again. */
	now += 2 * PADDING_JITTER;
	size_t put_off = 0;
	for (size_t i = 0; i < 100; i++, now += CLOCK_SECOND) {
		put_off += padding_hold(&padding, 13, now) > now;
		padding_written(&padding, 13, now + PADDING_JITTER);
	}
	assert_true(put_off > 90);
	/* And in no other profile. */
	padding = padding_like(STREAM_SHAPING_BALANCED);
	for (size_t i = 0; i < 100; i++, now += CLOCK_SECOND)
		assert_true(padding_hold(&padding, 13, now) == now);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(strategies, reset),
		cmocka_unit_test_setup(random_padding_is_even, reset),
		cmocka_unit_test_setup(a_minimum_frame, reset),
		cmocka_unit_test_setup(performance, reset),
		cmocka_unit_test_setup(small_frames_or_all, reset),
		cmocka_unit_test_setup(first_bursts_are_enlarged, reset),
		cmocka_unit_test_setup(larger_bursts_get_a_little, reset),
		cmocka_unit_test_setup(bursts_look_like_what_was_seen, reset),
		cmocka_unit_test_setup(measured_sizes, reset),
		cmocka_unit_test_setup(padding_is_taken_frame_by_frame, reset),
		cmocka_unit_test_setup(silence_is_filled_while_there_are_streams, reset),
		cmocka_unit_test_setup(stealth_is_never_silent, reset),
		cmocka_unit_test_setup(sparse_writes_are_put_off, reset),
		cmocka_unit_test_setup(bulk_is_never_put_off, reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
