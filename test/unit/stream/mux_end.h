#pragma once

/* One end of a connection for tests, which counts what it is told. cmocka.h comes before. */

#include <stdlib.h>
#include <string.h>

#include "back_end.h"
#include "base/clock.h"
#include "base/wipe.h"
#include "crypto/aead.h"
#include "stream/cipher.h"
#include "stream/mux.h"
#include "stream/quota.h"
#include "stream/window.h"

enum { MUX_END_ROOM = 1 << 20 };

#define MUX_END_BORN (1000 * CLOCK_SECOND)

struct mux_end {
	struct mux *mux;
	struct cipher *seal, *open;
	struct aead_worker *worker;
	struct random_source random;
	uint64_t seed, now;
	/* What it was told, and what it answers. */
	size_t opened, connected, readable, writable, closed, settings, wakes;
	uint32_t closed_error;
	struct mux_stream *last; /* that something was told of */
	struct target target;    /* of the last that was opened */
	enum stream_error refusal;
	enum err settings_answer;
	bool has_no_opened;
};

static inline void mux_end_fill(void *context, void *out_data, size_t size) {
	struct mux_end *end = context;
	uint8_t *bytes = out_data;
	for (size_t i = 0; i < size; i++) {
		end->seed = end->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		bytes[i] = (uint8_t)(end->seed >> 56);
	}
}

static inline enum stream_error mux_end_opened(void *context, struct mux_stream *stream,
											   const struct target *target) {
	struct mux_end *end = context;
	end->opened++;
	end->last = stream;
	end->target = *target;
	return end->refusal;
}

static inline void mux_end_connected(void *context, struct mux_stream *stream) {
	struct mux_end *end = context;
	end->connected++;
	end->last = stream;
}

static inline void mux_end_readable(void *context, struct mux_stream *stream) {
	struct mux_end *end = context;
	end->readable++;
	end->last = stream;
}

static inline void mux_end_writable(void *context, struct mux_stream *stream) {
	struct mux_end *end = context;
	end->writable++;
	end->last = stream;
}

static inline void mux_end_closed(void *context, struct mux_stream *stream, uint32_t error) {
	struct mux_end *end = context;
	end->closed++;
	end->closed_error = error;
	end->last = NULL;
}

static inline enum err mux_end_settings(void *context, struct slice payload) {
	struct mux_end *end = context;
	end->settings += payload.size;
	return end->settings_answer;
}

static inline void mux_end_wake(void *context) {
	struct mux_end *end = context;
	end->wakes++;
}

static const struct mux_ops mux_end_ops = {
	.opened = mux_end_opened,
	.connected = mux_end_connected,
	.readable = mux_end_readable,
	.writable = mux_end_writable,
	.closed = mux_end_closed,
	.settings = mux_end_settings,
	.wake = mux_end_wake,
};

/* The cipher of the direction from one role's end to the other's. */
static inline struct cipher *mux_end_cipher(enum mux_role from, const struct cipher_rules *rules) {
	struct cipher_setup setup = {.backend = back_end_of_test(), .rules = rules};
	memset(setup.key, from == MUX_INITIATOR ? 1 : 2, sizeof setup.key);
	memset(setup.handshake_hash, 3, sizeof setup.handshake_hash);
	struct cipher *cipher;
	assert_int_equal(cipher_new(&setup, MUX_END_BORN, &cipher), ERR_OK);
	return cipher;
}

struct mux_end_setup {
	const struct mux_ops *ops; /* NULL: those that count */
	void *context;
	struct quota *quota;
	const struct cipher_rules *rules;
};

static inline void mux_end_init_with(struct mux_end *end, enum mux_role role,
									 struct mux_end_setup setup) {
	const struct cipher_rules *rules = setup.rules ? setup.rules : &cipher_rules;
	*end = (struct mux_end){.seed = 7 + role, .now = MUX_END_BORN};
	end->random = (struct random_source){.fill = mux_end_fill, .context = end};
	end->seal = mux_end_cipher(role, rules);
	end->open = mux_end_cipher(role == MUX_INITIATOR ? MUX_RESPONDER : MUX_INITIATOR, rules);
	assert_int_equal(aead_worker_new(back_end_of_test(), &end->worker), ERR_OK);
	struct mux_config config = {
		.role = role,
		.ops = setup.ops ? setup.ops : &mux_end_ops,
		.context = setup.ops ? setup.context : end,
		.random = &end->random,
		.seal = end->seal,
		.open = end->open,
		.worker = end->worker,
		.quota = setup.quota,
	};
	assert_int_equal(mux_new(&config, end->now, &end->mux), ERR_OK);
}

static inline void mux_end_init(struct mux_end *end, enum mux_role role) {
	mux_end_init_with(end, role, (struct mux_end_setup){0});
}

static inline void mux_end_done(struct mux_end *end) {
	mux_free(end->mux);
	cipher_free(end->seal);
	cipher_free(end->open);
	aead_worker_free(end->worker);
}

/* All that one end has to send, to the other; bytes that went. */
static inline size_t mux_end_carry(struct mux_end *from, struct mux_end *to) {
	uint8_t *buffer = malloc(MUX_END_ROOM);
	assert_non_null(buffer);
	size_t total = 0, size;
	while ((size = mux_send(from->mux, buffer, MUX_END_ROOM, from->now)) > 0) {
		mux_receive(to->mux, buffer, size, to->now);
		total += size;
	}
	free(buffer);
	return total;
}

/* Until neither end has anything to say. */
static inline void mux_end_exchange(struct mux_end *left, struct mux_end *right) {
	while (mux_end_carry(left, right) + mux_end_carry(right, left) > 0)
		;
}

static inline void mux_end_advance(struct mux_end *end, uint64_t by) {
	end->now += by;
	mux_expire(end->mux, end->now);
}

static inline struct target mux_end_target(void) {
	struct target target;
	assert_int_equal(target_parse("example.com", 443, false, &target), ERR_OK);
	return target;
}

static inline struct mux_stream *mux_end_open(struct mux_end *end) {
	struct target target = mux_end_target();
	struct mux_stream *stream;
	assert_int_equal(mux_stream_open(end->mux, &target, NULL, &stream), ERR_OK);
	return stream;
}

static inline size_t mux_end_write_text(struct mux_stream *stream, const char *text) {
	return mux_stream_write(stream, text, strlen(text));
}

/* Reads all there is, at most room bytes. */
static inline size_t mux_end_read(struct mux_stream *stream, void *out_data, size_t room) {
	size_t total = 0;
	for (struct slice part; (part = mux_stream_peek(stream)).size > 0 && total < room;) {
		size_t size = part.size < room - total ? part.size : room - total;
		if (out_data)
			memcpy((uint8_t *)out_data + total, part.data, size);
		mux_stream_consume(stream, size);
		total += size;
	}
	return total;
}
