#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tunnel/fake_carrier.h"

#include "loop/control_loop.h"

/* tunnel/carrier.h */

struct mux *carrier_mux(struct carrier *carrier) {
	return carrier->end.mux;
}

void carrier_touch(struct carrier *carrier) {
	carrier->touched++;
}

void carrier_drain(struct carrier *carrier) {
	mux_drain(carrier->end.mux);
}

void carrier_free(struct carrier *carrier) {
	(void)carrier; /* fake_carriers_done() does */
}

void carrier_figures(const struct carrier *carrier, struct carrier_figures *out_figures) {
	struct mux_windows windows = mux_windows(carrier->end.mux);
	*out_figures = (struct carrier_figures){
		.opened_at = MUX_END_BORN,
		.round_trip = mux_round_trip(carrier->end.mux),
		.window_send = windows.send,
		.window_receive = windows.receive,
		.streams = (uint32_t)mux_stream_count(carrier->end.mux),
	};
}

static struct stream_user *user_of(struct mux_stream *stream) {
	return mux_stream_owner(stream);
}

static enum stream_error on_opened(void *context, struct mux_stream *stream,
								   const struct target *target) {
	struct carrier *carrier = context;
	if (!carrier->ops || !carrier->ops->opened)
		return STREAM_ERROR_REFUSED_STREAM;
	return carrier->ops->opened(carrier->context, stream, target);
}

static void on_connected(void *context, struct mux_stream *stream) {
	(void)context;
	struct stream_user *user = user_of(stream);
	if (user->ops->connected)
		user->ops->connected(user);
}

static void on_readable(void *context, struct mux_stream *stream) {
	(void)context;
	user_of(stream)->ops->readable(user_of(stream));
}

static void on_writable(void *context, struct mux_stream *stream) {
	(void)context;
	user_of(stream)->ops->writable(user_of(stream));
}

static void on_closed(void *context, struct mux_stream *stream, uint32_t error) {
	(void)context;
	user_of(stream)->ops->closed(user_of(stream), error);
}

static const struct mux_ops ops = {
	.opened = on_opened,
	.connected = on_connected,
	.readable = on_readable,
	.writable = on_writable,
	.closed = on_closed,
};

static void tell_draining(struct carrier *carrier) {
	if (carrier->is_drained || mux_state(carrier->end.mux) == MUX_OPEN)
		return;
	carrier->is_drained = true;
	if (carrier->ops && carrier->ops->draining)
		carrier->ops->draining(carrier->context);
}

static bool turn(struct fake_stream_host_hook *hook) {
	struct fake_carriers *carriers =
		(struct fake_carriers *)(void *)((char *)hook - offsetof(struct fake_carriers, hook));
	struct mux_end *left = &carriers->client.end, *right = &carriers->server.end;
	size_t moved = 0;
	left->now = right->now = carriers->fake->now;
	if (!carriers->is_stalled)
		moved = mux_end_carry(left, right) + mux_end_carry(right, left);
	if (left->now >= mux_next(left->mux))
		mux_expire(left->mux, left->now);
	if (right->now >= mux_next(right->mux))
		mux_expire(right->mux, right->now);
	tell_draining(&carriers->client);
	tell_draining(&carriers->server);
	uint64_t next = mux_next(left->mux), other = mux_next(right->mux);
	if (other < next)
		next = other;
	if (next > left->now && next != CLOCK_NEVER)
		control_timer_set(carriers->timer, next - left->now);
	return moved > 0;
}

static void due(void *context) {
	struct fake_carriers *carriers = context;
	(void)turn(&carriers->hook);
}

void fake_carriers_init(struct fake_carriers *carriers, struct fake_stream_host *fake) {
	*carriers = (struct fake_carriers){.fake = fake, .hook.turn = turn};
	assert_int_equal(fake->now, MUX_END_BORN);
	assert_int_equal(quota_new(QUOTA_DEFAULT, NULL, &carriers->quota), ERR_OK);
	struct mux_end_setup client = {.ops = &ops, .context = &carriers->client};
	mux_end_init_with(&carriers->client.end, MUX_INITIATOR, client);
	struct mux_end_setup server = {
		.ops = &ops, .context = &carriers->server, .quota = carriers->quota};
	mux_end_init_with(&carriers->server.end, MUX_RESPONDER, server);
	assert_int_equal(control_timer_new(fake->host.loop, due, carriers, &carriers->timer), ERR_OK);
	fake_stream_host_add(fake, &carriers->hook);
}

void fake_carriers_done(struct fake_carriers *carriers) {
	list_remove(&carriers->hook.link);
	control_timer_free(carriers->timer);
	mux_end_done(&carriers->client.end);
	mux_end_done(&carriers->server.end);
	quota_free(carriers->quota);
}

void fake_carriers_break(struct fake_carriers *carriers, enum stream_error error) {
	mux_discard(carriers->client.end.mux, error);
	mux_discard(carriers->server.end.mux, error);
}

/* The far end */

uint32_t fake_far_sum(uint32_t sum, const uint8_t *data, size_t size, uint64_t at) {
	for (size_t i = 0; i < size; i++)
		sum += (uint32_t)(data[i] + 1) * (uint32_t)(UINT64_C(2654435761) * (at + i + 1));
	return sum;
}

static struct fake_far_stream *far_of(struct stream_user *user) {
	return (struct fake_far_stream *)(void *)((char *)user -
											  offsetof(struct fake_far_stream, user));
}

static void far_readable(struct stream_user *user) {
	struct fake_far_stream *far = far_of(user);
	for (struct slice part;
		 !far->is_reading_stopped && (part = mux_stream_peek(far->stream)).size > 0;) {
		size_t room = far->heard_size < FAKE_FAR_HEARD ? FAKE_FAR_HEARD - far->heard_size : 0;
		if (room > 0)
			memcpy(far->heard + far->heard_size, part.data, part.size < room ? part.size : room);
		far->sum = fake_far_sum(far->sum, part.data, part.size, far->heard_size);
		far->heard_size += part.size;
		mux_stream_consume(far->stream, part.size);
	}
	if (mux_stream_is_at_end(far->stream))
		far->is_at_end = true;
}

static void far_writable(struct stream_user *user) {
	(void)user;
}

static void far_closed(struct stream_user *user, uint32_t error) {
	struct fake_far_stream *far = far_of(user);
	far->is_closed = true;
	far->error = error;
	far->stream = NULL;
}

static const struct stream_user_ops far_user_ops = {
	.readable = far_readable,
	.writable = far_writable,
	.closed = far_closed,
};

static enum stream_error far_opened(void *context, struct mux_stream *stream,
									const struct target *target) {
	struct fake_far *far = context;
	if (far->refusal)
		return far->refusal;
	assert_true(far->count < FAKE_FAR_STREAMS);
	struct fake_far_stream *made = calloc(1, sizeof *made);
	assert_non_null(made);
	made->user.ops = &far_user_ops;
	made->carrier = far->carrier;
	made->stream = stream;
	made->target = *target;
	mux_stream_set_owner(stream, &made->user);
	far->streams[far->count++] = made;
	if (far->is_connecting_at_once)
		mux_stream_connected(stream);
	return STREAM_ERROR_NONE;
}

static void far_drained(void *context) {
	(void)context;
}

const struct carrier_ops fake_far_ops = {.opened = far_opened, .draining = far_drained};

void fake_far_init(struct fake_far *far, struct fake_carriers *carriers) {
	*far = (struct fake_far){.carrier = &carriers->server};
	carriers->server.ops = &fake_far_ops;
	carriers->server.context = far;
}

void fake_far_done(struct fake_far *far) {
	for (size_t i = 0; i < far->count; i++)
		free(far->streams[i]);
}

void fake_far_expect(struct fake_far_stream *stream, const void *data, size_t size) {
	assert_int_equal(stream->heard_size, size);
	assert_memory_equal(stream->heard, data, size);
	stream->heard_size = 0;
}

void fake_far_say(struct fake_far_stream *stream, const void *data, size_t size) {
	assert_non_null(stream->stream);
	assert_int_equal(mux_stream_write(stream->stream, data, size), size);
	carrier_touch(stream->carrier);
}
