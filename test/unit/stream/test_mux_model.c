#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/mux_script.h"
#include "stream/padding.h"

/*
 * One end against a peer that says anything, and an owner that does anything, beside a reference:
 * the rules of streams as a table of what each id is, without buffers, queues or order. After every
 * step both say the same of the connection and of every stream.
 */

enum { IDS = 48, EPISODES = 400, STEPS = 600, PAYLOAD_MAX = 60000 };

enum model_state { MODEL_NEVER, MODEL_OPEN, MODEL_LOCAL, MODEL_REMOTE, MODEL_CLOSED };

struct model_stream {
	enum model_state state;
	struct mux_stream *handle; /* while its owner may use it */
	bool is_sent;              /* the peer knows of it */
	bool is_end_wanted;
	bool may_connect;       /* a WINDOW_UPDATE of 0 may still come, or be asked for */
	bool is_reset_expected; /* to be heard, with this error */
	uint32_t error;
	uint32_t credit_in, credit_out;
	size_t unread, unsent;
	bool has_ended; /* nothing will follow what is unread */
};

struct model {
	struct mux_end end;
	struct mux_script peer;
	bool is_client;
	uint64_t seed;
	struct model_stream streams[IDS];
	uint32_t next_ours, highest_theirs, credit_in, credit_out;
	uint32_t failed; /* enum stream_error */
	size_t closed, connected;
};

static uint32_t chance(struct model *model, uint32_t below) {
	model->seed = model->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(model->seed >> 33) % below;
}

static bool is_ours(const struct model *model, uint32_t id) {
	return id % 2 == (model->is_client ? 1 : 0);
}

/* The owner is told, once he has read all. */
static void model_finish(struct model *model, struct model_stream *stream) {
	stream->state = MODEL_CLOSED;
	stream->has_ended = true;
	if (stream->unread == 0) {
		stream->handle = NULL;
		model->closed++;
	}
}

static void model_shut(struct model *model, struct model_stream *stream, uint32_t error,
					   bool tells_peer) {
	stream->state = MODEL_CLOSED;
	stream->is_reset_expected = tells_peer && stream->is_sent;
	stream->error = error != STREAM_ERROR_NONE ? error : STREAM_ERROR_CANCEL;
	stream->unread = stream->unsent = 0;
	if (stream->handle)
		model->closed++;
	stream->handle = NULL;
}

/* What the peer says */

static bool is_known(struct model *model, uint32_t id) {
	if (id == 0)
		return false;
	bool was_used = is_ours(model, id) ? id < model->next_ours : id <= model->highest_theirs;
	const struct model_stream *stream = &model->streams[id];
	return was_used &&
		   (stream->state == MODEL_NEVER || stream->state == MODEL_CLOSED || stream->is_sent);
}

static bool is_alive(const struct model_stream *stream) {
	return stream->state != MODEL_NEVER && stream->state != MODEL_CLOSED;
}

static void model_data(struct model *model, uint32_t id, uint32_t size) {
	if (!is_known(model, id)) {
		model->failed = STREAM_ERROR_PROTOCOL;
		return;
	}
	struct model_stream *stream = &model->streams[id];
	if (size > model->credit_in) {
		model->failed = STREAM_ERROR_FLOW_CONTROL;
		return;
	}
	model->credit_in -= size;
	if (!is_alive(stream))
		return;
	if (stream->state == MODEL_REMOTE) {
		model_shut(model, stream, STREAM_ERROR_STREAM_CLOSED, true);
	} else if (size > stream->credit_in) {
		model->failed = STREAM_ERROR_FLOW_CONTROL;
	} else {
		stream->credit_in -= size;
		stream->unread += size;
		if (is_ours(model, id))
			stream->may_connect = false;
	}
}

static void model_open(struct model *model, uint32_t id) {
	if (id == 0 || is_ours(model, id) || id <= model->highest_theirs) {
		model->failed = STREAM_ERROR_PROTOCOL;
		return;
	}
	model->highest_theirs = id;
	model->streams[id] = (struct model_stream){
		.state = MODEL_OPEN,
		.is_sent = true,
		.may_connect = true,
		.credit_in = WINDOW_INITIAL,
		.credit_out = WINDOW_INITIAL,
	};
}

static void model_end(struct model *model, uint32_t id) {
	if (!is_known(model, id)) {
		model->failed = STREAM_ERROR_PROTOCOL;
		return;
	}
	struct model_stream *stream = &model->streams[id];
	if (!is_alive(stream))
		return;
	if (is_ours(model, id))
		stream->may_connect = false;
	stream->has_ended = true;
	if (stream->state == MODEL_OPEN)
		stream->state = MODEL_REMOTE;
	else if (stream->state == MODEL_LOCAL)
		model_finish(model, stream);
	else
		model_shut(model, stream, STREAM_ERROR_STREAM_CLOSED, true);
}

static void model_reset(struct model *model, uint32_t id, uint32_t error) {
	if (!is_known(model, id))
		model->failed = STREAM_ERROR_PROTOCOL;
	else if (is_alive(&model->streams[id]))
		model_shut(model, &model->streams[id], error, false);
}

static void model_grant(struct model *model, uint32_t id, uint32_t increment) {
	if (id == 0) {
		if (increment == 0)
			model->failed = STREAM_ERROR_PROTOCOL;
		else if (increment + model->credit_out > WINDOW_MAX)
			model->failed = STREAM_ERROR_FLOW_CONTROL;
		else
			model->credit_out += increment;
		return;
	}
	struct model_stream *stream = &model->streams[id];
	if (!is_known(model, id)) {
		model->failed = STREAM_ERROR_PROTOCOL;
	} else if (is_alive(stream) && increment == 0) {
		if (!is_ours(model, id) || !stream->may_connect)
			model->failed = STREAM_ERROR_PROTOCOL;
		else
			model->connected++;
		stream->may_connect = false;
	} else if (is_alive(stream)) {
		if (increment + stream->credit_out > WINDOW_MAX)
			model->failed = STREAM_ERROR_FLOW_CONTROL;
		else
			stream->credit_out += increment;
	}
}

static const uint8_t zeros[PAYLOAD_MAX];

/* Mostly what a peer may say, now and then what he must not: then is_wild. */
static uint32_t choose_id(struct model *model, bool is_wild) {
	if (is_wild && chance(model, 2) == 0)
		return chance(model, IDS);
	for (size_t i = 0; i < 20; i++) {
		uint32_t id = 1 + chance(model, IDS - 1);
		if (is_known(model, id))
			return id;
	}
	return 0;
}

static void peer_opens(struct model *model) {
	uint32_t id = model->highest_theirs + (model->highest_theirs == 0 && !model->is_client ? 1 : 2);
	if (chance(model, 10) == 0)
		id += 2;
	if (chance(model, 200) == 0)
		id = chance(model, IDS);
	if (id >= IDS)
		return;
	model_open(model, id);
	model->end.last = NULL;
	mux_script_open(&model->peer, id);
	if (!model->failed)
		model->streams[id].handle = model->end.last;
}

static void peer_sends(struct model *model, uint32_t id, bool is_wild) {
	uint32_t size = chance(model, chance(model, 4) ? 3000 : PAYLOAD_MAX);
	const struct model_stream *stream = &model->streams[id];
	if (is_alive(stream) && size > stream->credit_in && !is_wild)
		size = stream->credit_in;
	if (size > model->credit_in && !is_wild)
		size = model->credit_in;
	for (size_t i = is_wild ? 8 : 1; i > 0 && !model->failed; i--) {
		model_data(model, id, is_wild ? PAYLOAD_MAX : size);
		mux_script_say(&model->peer, STREAM_FRAME_DATA, id, zeros, is_wild ? PAYLOAD_MAX : size);
	}
}

static void peer_grants(struct model *model, uint32_t id, bool is_wild) {
	id = chance(model, 3) ? id : 0;
	uint32_t value = 1 + chance(model, is_wild ? 1 << 24 : 20000);
	const struct model_stream *stream = &model->streams[id];
	if (chance(model, 3) == 0 &&
		(is_wild || (id != 0 && is_ours(model, id) && stream->may_connect)))
		value = 0;
	model_grant(model, id, value);
	mux_script_say_u32(&model->peer, STREAM_FRAME_WINDOW_UPDATE, id, value);
}

static void peer_speaks(struct model *model) {
	struct mux_script *peer = &model->peer;
	bool is_wild = chance(model, 200) == 0;
	uint32_t id = choose_id(model, is_wild);
	if (id == 0 && !is_wild)
		return;
	switch (chance(model, 6)) {
	case 0:
	case 1:
	case 2:
		peer_sends(model, id, is_wild);
		break;
	case 3:
		if (chance(model, 3) > 0)
			return;
		model_end(model, id);
		mux_script_say(peer, STREAM_FRAME_CLOSE, id, NULL, 0);
		break;
	case 4:
		if (chance(model, 5) > 0)
			return;
		model_reset(model, id, 4711);
		mux_script_say_u32(peer, STREAM_FRAME_CLOSE, id, 4711);
		break;
	default:
		peer_grants(model, id, is_wild);
		break;
	}
}

/* What the owner does */

static void owner_opens(struct model *model) {
	if (model->next_ours >= IDS)
		return;
	struct model_stream *stream = &model->streams[model->next_ours];
	*stream = (struct model_stream){
		.state = MODEL_OPEN,
		.may_connect = true,
		.handle = mux_end_open(&model->end),
		.credit_in = WINDOW_INITIAL,
		.credit_out = WINDOW_INITIAL,
	};
	assert_int_equal(mux_stream_id(stream->handle), model->next_ours);
	model->next_ours += 2;
}

static void owner_acts(struct model *model) {
	uint32_t id = 1 + chance(model, IDS - 1);
	struct model_stream *stream = &model->streams[id];
	if (!stream->handle)
		return;
	switch (chance(model, 9)) {
	case 0: /* reset */
		if (chance(model, 3) > 0)
			return;
		mux_stream_reset(stream->handle, STREAM_ERROR_CANCEL);
		stream->handle = NULL;
		if (is_alive(stream))
			model_shut(model, stream, STREAM_ERROR_CANCEL, true);
		stream->unread = 0;
		break;
	case 1:
		if (chance(model, 2) > 0)
			return;
		mux_stream_end(stream->handle);
		stream->is_end_wanted = true;
		break;
	case 2:
		mux_stream_connected(stream->handle);
		break;
	case 3:
	case 4:
	case 5: {
		size_t size = chance(model, PAYLOAD_MAX);
		size_t taken = mux_stream_write(stream->handle, zeros, size);
		size_t most = stream->credit_out < MUX_STAGED_MAX ? stream->credit_out : MUX_STAGED_MAX;
		size_t room = most > stream->unsent ? most - stream->unsent : 0;
		if (stream->is_end_wanted || !is_alive(stream))
			room = 0;
		assert_int_equal(taken, size < room ? size : room);
		stream->unsent += taken;
		break;
	}
	default: {
		size_t most = chance(model, PAYLOAD_MAX);
		size_t read = mux_end_read(stream->handle, NULL, most);
		assert_int_equal(read, most < stream->unread ? most : stream->unread);
		stream->unread -= read;
		assert_int_equal(mux_stream_is_at_end(stream->handle),
						 stream->has_ended && stream->unread == 0);
		if (stream->state == MODEL_CLOSED && stream->unread == 0) {
			stream->handle = NULL; /* it is told with the next news */
			model->closed++;
		}
		break;
	}
	}
}

/* What the peer hears is what the reference expects, and changes it. */

static void hear_frame(struct model *model, const struct stream_frame *frame) {
	uint32_t value = 0;
	bool is_reset = false;
	struct model_stream *stream = frame->stream < IDS ? &model->streams[frame->stream] : NULL;
	assert_non_null(stream);
	switch (frame->type) {
	case STREAM_FRAME_OPEN:
		assert_true(is_ours(model, frame->stream) && is_alive(stream) && !stream->is_sent);
		stream->is_sent = true;
		break;
	case STREAM_FRAME_DATA:
		assert_true(stream->is_sent);
		assert_true(stream->state == MODEL_OPEN || stream->state == MODEL_REMOTE);
		assert_in_range(frame->payload.size, 1, stream->unsent);
		assert_true(frame->payload.size <= stream->credit_out);
		assert_true(frame->payload.size <= model->credit_out);
		stream->unsent -= frame->payload.size;
		stream->credit_out -= (uint32_t)frame->payload.size;
		model->credit_out -= (uint32_t)frame->payload.size;
		if (!is_ours(model, frame->stream))
			stream->may_connect = false;
		break;
	case STREAM_FRAME_CLOSE:
		assert_int_equal(stream_frame_read_close(frame->payload, &is_reset, &value), ERR_OK);
		assert_true(stream->is_sent);
		if (is_reset) {
			assert_true(stream->is_reset_expected);
			assert_int_equal(value, stream->error);
			stream->is_reset_expected = false;
			break;
		}
		assert_true(stream->is_end_wanted && stream->unsent == 0);
		assert_true(stream->state == MODEL_OPEN || stream->state == MODEL_REMOTE);
		if (stream->state == MODEL_OPEN)
			stream->state = MODEL_LOCAL;
		else
			model_finish(model, stream);
		break;
	case STREAM_FRAME_WINDOW_UPDATE:
		assert_int_equal(stream_frame_read_window_update(frame->payload, &value), ERR_OK);
		if (frame->stream == 0) {
			model->credit_in += value;
			assert_true(value > 0 && model->credit_in <= WINDOW_MAX);
		} else if (value == 0) {
			assert_true(is_alive(stream) && stream->may_connect);
			assert_false(is_ours(model, frame->stream));
			stream->may_connect = false;
		} else {
			assert_true(stream->state == MODEL_OPEN || stream->state == MODEL_LOCAL);
			stream->credit_in += value;
			assert_true(stream->credit_in + stream->unread <= WINDOW_MAX);
		}
		break;
	case STREAM_FRAME_PING:
		mux_script_say(&model->peer, STREAM_FRAME_PONG, 0, frame->payload.data, 8);
		break;
	case STREAM_FRAME_PADDING:
		break;
	default:
		fail_msg("frame of type %u", frame->type);
	}
}

static void hear(struct model *model) {
	mux_script_hear(&model->peer);
	for (size_t i = 0; i < model->peer.count; i++)
		hear_frame(model, &model->peer.frames[i]);
	for (uint32_t id = 1; id < IDS; id++) /* all that had to be said was said */
		if (model->streams[id].is_reset_expected)
			fail_msg("stream %u was not reset", id);
}

static void compare(struct model *model) {
	mux_expire(model->end.mux, model->end.now); /* what is left to be told */
	if (model->failed) {
		assert_int_equal(mux_state(model->end.mux), MUX_FAILED);
		assert_int_equal(mux_error(model->end.mux), model->failed);
		return;
	}
	assert_int_equal(mux_state(model->end.mux), MUX_OPEN);
	assert_int_equal(model->end.closed, model->closed);
	assert_int_equal(model->end.connected, model->connected);
	for (uint32_t id = 1; id < IDS; id++)
		if (model->streams[id].handle)
			assert_int_equal(mux_stream_id(model->streams[id].handle), id);
}

static uint32_t episode(uint64_t seed, size_t *steps) {
	struct model *model = calloc(1, sizeof *model);
	assert_non_null(model);
	model->seed = seed;
	model->is_client = chance(model, 2);
	model->next_ours = model->is_client ? 1 : 2;
	model->credit_in = model->credit_out = WINDOW_CONNECTION_INITIAL;
	mux_end_init(&model->end, model->is_client ? MUX_INITIATOR : MUX_RESPONDER);
	static const uint16_t values[] = {300, 5000};
	static const struct padding_sizes sizes = {values, 2};
	if (chance(model, 2) == 0)
		mux_set_padding(model->end.mux, padding_rules_of(STREAM_SHAPING_BALANCED), &sizes);
	mux_script_init(&model->peer, &model->end, model->is_client ? MUX_RESPONDER : MUX_INITIATOR);
	for (size_t i = 0; i < STEPS && !model->failed; i++, *steps += 1) {
		uint32_t choice = chance(model, 100);
		if (choice < 5)
			peer_opens(model);
		else if (choice < 45)
			peer_speaks(model);
		else if (choice < 50)
			owner_opens(model);
		else if (choice < 85)
			owner_acts(model);
		else
			hear(model);
		model->end.now += chance(model, 100) * CLOCK_MICROSECOND;
		compare(model);
	}
	uint32_t failed = model->failed;
	mux_script_done(&model->peer);
	mux_end_done(&model->end);
	free(model);
	return failed;
}

static void any_steps(void **state) {
	size_t steps = 0, ends[STREAM_ERROR_ENHANCE_YOUR_CALM + 1] = {0};
	for (uint64_t seed = 1; seed <= EPISODES; seed++)
		ends[episode(seed * UINT64_C(0x9e3779b97f4a7c15), &steps)]++;
	/* The walk has met what it is for. */
	assert_true(steps > EPISODES * 50);
	assert_true(ends[STREAM_ERROR_NONE] > EPISODES / 10);
	assert_true(ends[STREAM_ERROR_PROTOCOL] > EPISODES / 20);
	assert_true(ends[STREAM_ERROR_FLOW_CONTROL] > EPISODES / 40);
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(any_steps)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
