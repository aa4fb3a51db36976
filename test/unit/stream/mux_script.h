#pragma once

/* A scripted peer at the other end of a tested one. cmocka.h comes before. */

#include "stream/mux_end.h"

enum { MUX_SCRIPT_FRAMES = 8192 };

/* The other end of a tested one: says what it is made to, and keeps what it hears. */
struct mux_script {
	struct mux_end *end;
	struct cipher *seal, *open;
	uint8_t *heard; /* frames as they came, views into it */
	struct stream_frame frames[MUX_SCRIPT_FRAMES];
	size_t count;
};

static inline void mux_script_init(struct mux_script *script, struct mux_end *end,
								   enum mux_role role) {
	script->end = end;
	script->seal = mux_end_cipher(role, &cipher_rules);
	script->open =
		mux_end_cipher(role == MUX_INITIATOR ? MUX_RESPONDER : MUX_INITIATOR, &cipher_rules);
	script->heard = malloc(MUX_END_ROOM);
	assert_non_null(script->heard);
	script->count = 0;
}

static inline void mux_script_done(struct mux_script *script) {
	cipher_free(script->seal);
	cipher_free(script->open);
	free(script->heard);
}

/* Any bytes as one frame, which opens whatever it is. */
static inline void mux_script_say_raw(struct mux_script *script, const void *frame, size_t size) {
	uint8_t *sealed = malloc(size + CIPHER_OVERHEAD);
	assert_non_null(sealed);
	memcpy(sealed + CIPHER_LENGTH_SIZE, frame, size);
	assert_int_equal(cipher_seal(script->seal, script->end->worker, sealed, &size, 1), ERR_OK);
	mux_receive(script->end->mux, sealed, size + CIPHER_OVERHEAD, script->end->now);
	free(sealed);
}

static inline void mux_script_say(struct mux_script *script, unsigned type, uint32_t stream,
								  const void *payload, size_t size) {
	static uint8_t frame[STREAM_FRAME_SIZE_MAX];
	struct stream_frame described = {
		.type = (uint8_t)type, .stream = stream, .payload = slice_of(payload, size)};
	size_t whole;
	assert_int_equal(stream_frame_encode(&described, frame, sizeof frame, &whole), ERR_OK);
	mux_script_say_raw(script, frame, whole);
}

static inline void mux_script_say_u32(struct mux_script *script, unsigned type, uint32_t stream,
									  uint32_t value) {
	uint8_t payload[4];
	stream_frame_write_u32(payload, value);
	mux_script_say(script, type, stream, payload, sizeof payload);
}

static inline void mux_script_open(struct mux_script *script, uint32_t stream) {
	struct target target = mux_end_target();
	uint8_t payload[TARGET_SIZE_MAX];
	size_t size;
	assert_int_equal(target_encode(&target, payload, sizeof payload, &size), ERR_OK);
	mux_script_say(script, STREAM_FRAME_OPEN, stream, payload, size);
}

/* Hears all there is to hear at this time; what was heard before is forgotten. */
static inline size_t mux_script_hear(struct mux_script *script) {
	size_t size = mux_send(script->end->mux, script->heard, MUX_END_ROOM, script->end->now);
	script->count = 0;
	for (size_t at = 0; at < size;) {
		struct cipher_frames found;
		assert_int_equal(
			cipher_open(script->open, script->end->worker, script->heard + at, size - at, &found),
			ERR_OK);
		for (size_t i = 0; i < found.count; i++) {
			assert_true(script->count < MUX_SCRIPT_FRAMES);
			assert_int_equal(stream_frame_decode(found.frames[i].data, found.frames[i].size,
												 &script->frames[script->count++]),
							 ERR_OK);
		}
		at += found.used;
	}
	return script->count;
}

/* The first frame of the kind among those heard; NULL without one. */
static inline const struct stream_frame *mux_script_find(const struct mux_script *script,
														 unsigned type, uint32_t stream) {
	for (size_t i = 0; i < script->count; i++)
		if (script->frames[i].type == type && script->frames[i].stream == stream)
			return &script->frames[i];
	return NULL;
}

/* A tested end with its script. */
struct mux_fixture {
	struct mux_end end;
	struct mux_script peer;
};

static inline struct mux_fixture *mux_fixture_new(enum mux_role role, struct quota *quota) {
	struct mux_fixture *fixture = calloc(1, sizeof *fixture);
	assert_non_null(fixture);
	mux_end_init_with(&fixture->end, role, (struct mux_end_setup){.quota = quota});
	mux_script_init(&fixture->peer, &fixture->end,
					role == MUX_RESPONDER ? MUX_INITIATOR : MUX_RESPONDER);
	return fixture;
}

static inline void mux_fixture_free(struct mux_fixture *fixture) {
	mux_script_done(&fixture->peer);
	mux_end_done(&fixture->end);
	free(fixture);
}

/* Only the stream was reset; a PING says that the connection lives. */
static inline void mux_fixture_expect_reset(struct mux_fixture *fixture, uint32_t stream,
											uint32_t expected) {
	static const uint8_t ping[STREAM_FRAME_PING_SIZE] = "pingping";
	mux_script_say(&fixture->peer, STREAM_FRAME_PING, 0, ping, sizeof ping);
	assert_int_equal(mux_state(fixture->end.mux), MUX_OPEN);
	mux_script_hear(&fixture->peer);
	const struct stream_frame *frame = mux_script_find(&fixture->peer, STREAM_FRAME_CLOSE, stream);
	assert_non_null(frame);
	bool is_reset;
	uint32_t error;
	assert_int_equal(stream_frame_read_close(frame->payload, &is_reset, &error), ERR_OK);
	assert_true(is_reset);
	assert_int_equal(error, expected);
	frame = mux_script_find(&fixture->peer, STREAM_FRAME_PONG, 0);
	assert_non_null(frame);
	assert_memory_equal(frame->payload.data, ping, sizeof ping);
}

static inline void mux_fixture_say_data(struct mux_fixture *fixture, uint32_t stream, size_t size) {
	static const uint8_t zeros[32768];
	for (size_t part; size > 0; size -= part) {
		part = size < sizeof zeros ? size : sizeof zeros;
		mux_script_say(&fixture->peer, STREAM_FRAME_DATA, stream, zeros, part);
	}
}
