#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/random.h"
#include "wire/stream_settings.h"

/*
 * What a connection hides of its sizes and times: how many bytes go behind which frame, how large a
 * burst is to look, when to say something although there is nothing to say. Decisions alone; who
 * sends asks for them, and fills padding with random bytes. Embedded in its owner.
 */

enum padding_strategy {
	PADDING_NONE,
	PADDING_BLOCK,  /* to a multiple of the block */
	PADDING_RANDOM, /* 0 to 255 bytes */
	PADDING_POWER_OF_TWO,
};

enum {
	PADDING_BLOCK_SIZE = 64,
	PADDING_MINIMUM_FRAME = 64, /* bytes of a frame, header and padding with it */
	PADDING_SMALL_FRAME = 1024, /* header and payload: what is smaller is told apart by its size */
	PADDING_FIRST_FRAMES = 16,  /* of a connection and of a stream */
	PADDING_BURSTS = 8,         /* of a stream that are enlarged */
	PADDING_BURST_MORE = 1024,  /* behind one that is larger than all that were seen */
	PADDING_BULK = 4096,        /* bytes within PADDING_JITTER: no sparse writes */
	PADDING_IDLE_SIZE_MIN = 64, /* bytes of a frame that says nothing */
	PADDING_IDLE_SIZE_MAX = 1024,
};

#define PADDING_MIN_INTERVAL CLOCK_MILLISECOND /* between writes that are our own idea */
#define PADDING_JITTER (50 * CLOCK_MILLISECOND)
#define PADDING_IDLE_INTERVAL (5 * CLOCK_SECOND)
#define PADDING_STEALTH_INTERVAL CLOCK_SECOND
#define PADDING_IDLE_AFTER (60 * CLOCK_SECOND) /* the last stream, for so long */

/* A profile, which a configuration may change. Intervals are means: 0.5 to 1.5 times as long. */
struct padding_rules {
	enum padding_strategy strategy;
	uint16_t block;         /* of PADDING_BLOCK */
	uint16_t minimum_frame; /* of a frame of any size that is padded at all; 0: none */
	uint16_t small_frame;   /* frames from here on are not padded; 0: all are */
	uint32_t first_frames;  /* only so many of a connection and of a stream are; 0: all */
	bool bursts;            /* PADDING_BURSTS of a stream are enlarged */
	bool idle_always;       /* also without a stream */
	uint64_t idle_interval; /* ns; 0: silence is silence */
	uint64_t jitter;        /* ns; the longest that a sparse write is put off; 0: never */
};

/* Of STREAM_SHAPING_NONE and unknown ones: no padding at all. Never NULL. */
const struct padding_rules *padding_rules_of(uint8_t shaping);

/*
 * The sizes of a browser's bursts, of requests (an initiator's) or answers: count values,
 * ascending, of which every part between two neighbours is as likely. Bytes on the carrier.
 */
struct padding_sizes {
	const uint16_t *values;
	size_t count; /* at least 2 */
};

/* Of a stream. Zeroed when it opens. */
struct padding_stream {
	uint32_t frames;
	uint8_t bursts;
	bool in_burst;
};

struct padding {
	struct padding_rules rules;
	const struct padding_sizes *sizes;
	const struct random_source *random;
	uint32_t frames;
	bool has_streams;
	uint64_t without_streams; /* ns, since when; CLOCK_NEVER: there was none yet */
	uint64_t written;         /* ns, when something was last; CLOCK_NEVER: never */
	uint64_t idle;            /* ns, when a frame that says nothing is due; CLOCK_NEVER */
	uint64_t held;            /* ns, until when a write is put off; CLOCK_NEVER: none is */
	uint64_t busy_since;      /* ns: how much went either way in this PADDING_JITTER, and before */
	size_t busy, busy_before;
	size_t unused; /* of pool */
	uint8_t pool[64];
};

/* rules are copied; sizes and random outlive it. */
void padding_init(struct padding *padding, const struct padding_rules *rules,
				  const struct padding_sizes *sizes, const struct random_source *random,
				  uint64_t now);

/*
 * The bytes to put behind a frame's payload, which goes out next; stream is NULL for frames of the
 * connection. Never makes a frame larger than a frame, nor one that fits into a full TLS record
 * larger than that. Counts the frame.
 */
uint8_t padding_frame(struct padding *padding, struct padding_stream *stream, size_t payload);

/*
 * The bytes of PADDING frames, with all that the cipher adds, that are to leave in the same write
 * as size bytes of a stream's frames (on the carrier as well). 0, or enough for a frame.
 */
size_t padding_burst(struct padding *padding, struct padding_stream *stream, size_t size);
/* Data has come for the stream: what it sends next begins another burst. */
void padding_turn(struct padding_stream *stream);

/*
 * Takes one frame off the bytes that padding_burst() or padding_idle() gave: the payload of the
 * next PADDING frame, which needs no padding behind it. What is left is 0 or enough for another.
 */
size_t padding_take(size_t *extra);

/* Something was written, or has come: size bytes on the carrier. Ends a hold. */
void padding_written(struct padding *padding, size_t size, uint64_t now);
void padding_received(struct padding *padding, size_t size, uint64_t now);

/* Whether there are streams; tell every change. */
void padding_streams(struct padding *padding, bool has_streams, uint64_t now);

/* When padding_idle() is to be called; CLOCK_NEVER. */
uint64_t padding_deadline(const struct padding *padding);
/* The bytes of PADDING that are due, as padding_burst() gives them; 0: none. */
size_t padding_idle(struct padding *padding, uint64_t now);

/*
 * From when on the size bytes that wait may be written: now, or a little later if such writes are
 * sparse. Asked again when more waits, it never answers later than before; all of it leaves in its
 * order.
 */
uint64_t padding_hold(struct padding *padding, size_t size, uint64_t now);
