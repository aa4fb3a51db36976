#include "stream/padding.h"

#include <string.h>

#include "base/wipe.h"
#include "stream/cipher.h"
#include "wire/stream_frame.h"

enum {
	/* The smallest frame on the carrier, and the largest. */
	SMALLEST = STREAM_FRAME_HEADER_SIZE + CIPHER_OVERHEAD,
	LARGEST = STREAM_FRAME_SEND_SIZE_MAX + CIPHER_OVERHEAD,
};

static const struct padding_rules none = {.strategy = PADDING_NONE};

static const struct padding_rules performance = {
	.strategy = PADDING_BLOCK,
	.block = PADDING_BLOCK_SIZE,
	.first_frames = PADDING_FIRST_FRAMES,
};

static const struct padding_rules balanced = {
	.strategy = PADDING_RANDOM,
	.minimum_frame = PADDING_MINIMUM_FRAME,
	.small_frame = PADDING_SMALL_FRAME,
	.bursts = true,
	.idle_interval = PADDING_IDLE_INTERVAL,
};

static const struct padding_rules stealth = {
	.strategy = PADDING_RANDOM,
	.minimum_frame = PADDING_MINIMUM_FRAME,
	.bursts = true,
	.idle_always = true,
	.idle_interval = PADDING_STEALTH_INTERVAL,
	.jitter = PADDING_JITTER,
};

const struct padding_rules *padding_rules_of(uint8_t shaping) {
	switch (shaping) {
	case STREAM_SHAPING_PERFORMANCE:
		return &performance;
	case STREAM_SHAPING_BALANCED:
		return &balanced;
	case STREAM_SHAPING_STEALTH:
		return &stealth;
	default:
		return &none;
	}
}

/* From a pool, because drawing single bytes of the system's source costs more than sealing does. */
static uint64_t draw(struct padding *padding, size_t bytes) {
	uint64_t value = 0;
	if (padding->unused < bytes) {
		random_fill(padding->random, padding->pool, sizeof padding->pool);
		padding->unused = sizeof padding->pool;
	}
	padding->unused -= bytes;
	memcpy(&value, padding->pool + padding->unused, bytes);
	wipe(padding->pool + padding->unused, bytes);
	return value;
}

/* 0 to span, all as likely but for one in 2^64 / span. */
static uint64_t draw_up_to(struct padding *padding, uint64_t span) {
	uint64_t value = draw(padding, sizeof value);
	return span == UINT64_MAX ? value : value % (span + 1);
}

static uint64_t draw_interval(struct padding *padding, uint64_t mean) {
	return mean / 2 + draw_up_to(padding, mean);
}

/* The next frame that says nothing, from a write (or the beginning) on. */
static void set_idle(struct padding *padding, uint64_t now) {
	padding->idle = CLOCK_NEVER;
	if (padding->rules.idle_interval == 0)
		return;
	uint64_t wait = draw_interval(padding, padding->rules.idle_interval);
	padding->idle = now + (wait > PADDING_MIN_INTERVAL ? wait : PADDING_MIN_INTERVAL);
}

void padding_init(struct padding *padding, const struct padding_rules *rules,
				  const struct padding_sizes *sizes, const struct random_source *random,
				  uint64_t now) {
	*padding = (struct padding){
		.rules = *rules,
		.sizes = sizes,
		.random = random,
		.without_streams = CLOCK_NEVER,
		.written = CLOCK_NEVER,
		.held = CLOCK_NEVER,
		.busy_since = now,
	};
	set_idle(padding, now);
}

/* What the strategy adds to size bytes of header and payload. */
static size_t need_of(struct padding *padding, size_t size) {
	size_t block = padding->rules.block, power;
	switch (padding->rules.strategy) {
	case PADDING_NONE:
		return 0;
	case PADDING_BLOCK:
		return block > 0 ? (block - size % block) % block : 0;
	case PADDING_RANDOM:
		return (size_t)draw(padding, 1);
	case PADDING_POWER_OF_TWO:
		for (power = 1; power < size; power *= 2)
			continue;
		return power - size;
	}
	return 0;
}

static bool is_first(const struct padding *padding, const struct padding_stream *stream) {
	return padding->frames < padding->rules.first_frames ||
		   (stream != NULL && stream->frames < padding->rules.first_frames);
}

uint8_t padding_frame(struct padding *padding, struct padding_stream *stream, size_t payload) {
	const struct padding_rules *rules = &padding->rules;
	size_t size = STREAM_FRAME_HEADER_SIZE + payload;
	bool is_padded = (rules->first_frames == 0 || is_first(padding, stream)) &&
					 (rules->small_frame == 0 || size < rules->small_frame);
	if (padding->frames < UINT32_MAX)
		padding->frames++;
	if (stream != NULL && stream->frames < UINT32_MAX)
		stream->frames++;
	size_t limit =
		size <= STREAM_FRAME_SEND_SIZE_MAX ? STREAM_FRAME_SEND_SIZE_MAX : STREAM_FRAME_SIZE_MAX;
	if (!is_padded || size >= limit)
		return 0;
	size_t need = need_of(padding, size);
	if (size + need < rules->minimum_frame)
		need = rules->minimum_frame - size;
	if (need > STREAM_FRAME_PADDING_MAX)
		need = STREAM_FRAME_PADDING_MAX;
	return (uint8_t)(need < limit - size ? need : limit - size);
}

/*
 * One of the sizes that are at least so large; 0 where there are none. The part that at_least is in
 * counts as whole.
 */
static size_t draw_size(struct padding *padding, size_t at_least) {
	const uint16_t *values = padding->sizes->values;
	size_t last = padding->sizes->count - 1, first = 0;
	if (at_least > values[last])
		return 0;
	/* The part that at_least is in: values[first] < at_least ≤ values[first + 1]. */
	while (first + 1 < last && values[first + 1] < at_least)
		first++;
	size_t part = first + (size_t)draw_up_to(padding, last - 1 - first);
	size_t low = values[part] > at_least ? values[part] : at_least;
	return low + (size_t)draw_up_to(padding, values[part + 1] - low);
}

size_t padding_burst(struct padding *padding, struct padding_stream *stream, size_t size) {
	if (!padding->rules.bursts || stream->in_burst || stream->bursts >= PADDING_BURSTS)
		return 0;
	stream->in_burst = true;
	stream->bursts++;
	if (size > LARGEST - PADDING_BURST_MORE)
		return 0;
	/* Room for one more frame at least, or there is no way to enlarge it. */
	size_t drawn = draw_size(padding, size + SMALLEST);
	if (drawn == 0)
		return SMALLEST + (size_t)draw_up_to(padding, PADDING_BURST_MORE - SMALLEST);
	return drawn - size;
}

void padding_turn(struct padding_stream *stream) {
	stream->in_burst = false;
}

size_t padding_take(size_t *extra) {
	size_t frame = *extra;
	if (frame > LARGEST)
		frame = *extra - LARGEST >= SMALLEST ? LARGEST : LARGEST - SMALLEST;
	*extra -= frame;
	return frame - SMALLEST;
}

/* How much went within PADDING_JITTER, or in the one before: writes between are no sparse ones. */
static void count_bytes(struct padding *padding, size_t size, uint64_t now) {
	uint64_t passed = now > padding->busy_since ? now - padding->busy_since : 0;
	if (passed >= PADDING_JITTER) {
		padding->busy_before = passed < 2 * PADDING_JITTER ? padding->busy : 0;
		padding->busy = 0;
		padding->busy_since = now;
	}
	padding->busy += size;
}

void padding_written(struct padding *padding, size_t size, uint64_t now) {
	count_bytes(padding, size, now);
	padding->written = now;
	padding->held = CLOCK_NEVER;
	set_idle(padding, now);
}

void padding_received(struct padding *padding, size_t size, uint64_t now) {
	count_bytes(padding, size, now);
}

void padding_streams(struct padding *padding, bool has_streams, uint64_t now) {
	if (padding->has_streams && !has_streams)
		padding->without_streams = now;
	if (!padding->has_streams && has_streams && padding_deadline(padding) == CLOCK_NEVER)
		set_idle(padding, now);
	padding->has_streams = has_streams;
}

uint64_t padding_deadline(const struct padding *padding) {
	bool runs = padding->rules.idle_always || padding->has_streams ||
				(padding->without_streams != CLOCK_NEVER &&
				 padding->idle < padding->without_streams + PADDING_IDLE_AFTER);
	return runs ? padding->idle : CLOCK_NEVER;
}

size_t padding_idle(struct padding *padding, uint64_t now) {
	if (now < padding_deadline(padding))
		return 0;
	set_idle(padding, now);
	return CIPHER_OVERHEAD + PADDING_IDLE_SIZE_MIN +
		   (size_t)draw_up_to(padding, PADDING_IDLE_SIZE_MAX - PADDING_IDLE_SIZE_MIN);
}

uint64_t padding_hold(struct padding *padding, size_t size, uint64_t now) {
	count_bytes(padding, 0, now);
	bool is_bulk = size >= PADDING_BULK || padding->busy >= PADDING_BULK ||
				   padding->busy_before >= PADDING_BULK;
	if (padding->rules.jitter == 0 || is_bulk)
		return now;
	if (padding->held == CLOCK_NEVER) {
		uint64_t earliest = now;
		if (padding->written != CLOCK_NEVER && padding->written + PADDING_MIN_INTERVAL > now)
			earliest = padding->written + PADDING_MIN_INTERVAL;
		padding->held = now + draw_up_to(padding, padding->rules.jitter);
		if (padding->held < earliest)
			padding->held = earliest;
	}
	return padding->held > now ? padding->held : now;
}
