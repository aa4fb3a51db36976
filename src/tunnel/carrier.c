#include "tunnel/carrier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/byte_queue.h"
#include "base/wipe.h"
#include "loop/control_loop.h"
#include "loop/control_task.h"
#include "proto/stream_protocol.h"
#include "stream/cipher.h"
#include "stream/mux.h"
#include "stream/padding.h"
#include "stream/padding_sizes.h"
#include "transport/tls/tls_stream.h"
#include "tunnel/stream_host.h"
#include "tunnel/stream_user.h"
#include "wire/stream_settings.h"

/*
 * The pump between a mux and its TLS. What comes is opened where TLS laid it; what goes is asked
 * for at the end of the loop's turn, when all that the turn brought has been worked on, and only
 * while the kernel has room: four records a call of TLS and one system call.
 */

enum { TURN_MAX = 4 * TLS_STREAM_SEND_MAX }; /* bytes sent, so that the others get their turn */

struct carrier {
	const struct stream_host *host;
	const struct carrier_ops *ops;
	void *context;
	struct tls_stream *tls;
	struct cipher *seal, *open;
	struct mux *mux;
	struct control_task *turn;
	struct control_timer *timer;
	uint64_t timer_at; /* CLOCK_NEVER: not set */
	struct byte_queue first;
	struct endpoint peer;
	bool is_initiator;
	uint8_t shaping; /* in force */
	uint64_t opened_at, received, sent;
	bool is_sending;   /* and will look for more by itself */
	bool is_draining;  /* and that was told */
	bool is_finishing; /* all is said */
	bool is_over;      /* TLS has come to its end */
	uint64_t close_at; /* of who is finishing */
	const char *why;
	char text[160];
	bool *freed; /* of the turn that is under way; NULL: none is */
};

struct mux *carrier_mux(struct carrier *carrier) {
	return carrier->mux;
}

void carrier_touch(struct carrier *carrier) {
	if (!carrier->is_sending)
		control_task_set(carrier->turn);
}

void carrier_drain(struct carrier *carrier) {
	mux_drain(carrier->mux);
	carrier_touch(carrier);
}

void carrier_end(struct carrier *carrier) {
	mux_discard(carrier->mux, STREAM_ERROR_CANCEL);
	carrier_touch(carrier);
}

void carrier_figures(const struct carrier *carrier, struct carrier_figures *out_figures) {
	struct mux_windows windows = mux_windows(carrier->mux);
	*out_figures = (struct carrier_figures){
		.peer = carrier->peer,
		.opened_at = carrier->opened_at,
		.received = carrier->received,
		.sent = carrier->sent,
		.round_trip = mux_round_trip(carrier->mux),
		.window_send = windows.send,
		.window_receive = windows.receive,
		.streams = (uint32_t)mux_stream_count(carrier->mux),
	};
}

/* The mux's news */

static enum stream_error on_opened(void *context, struct mux_stream *stream,
								   const struct target *target) {
	struct carrier *carrier = context;
	if (!carrier->ops->opened)
		return STREAM_ERROR_REFUSED_STREAM;
	return carrier->ops->opened(carrier->context, stream, target);
}

static void on_connected(void *context, struct mux_stream *stream) {
	struct stream_user *user = mux_stream_owner(stream);
	if (user && user->ops->connected)
		user->ops->connected(user);
}

static void on_readable(void *context, struct mux_stream *stream) {
	struct stream_user *user = mux_stream_owner(stream);
	if (user)
		user->ops->readable(user);
}

static void on_writable(void *context, struct mux_stream *stream) {
	struct stream_user *user = mux_stream_owner(stream);
	if (user)
		user->ops->writable(user);
}

static void on_closed(void *context, struct mux_stream *stream, uint32_t error) {
	struct stream_user *user = mux_stream_owner(stream);
	if (user)
		user->ops->closed(user, error);
}

static void shape(struct carrier *carrier, uint8_t shaping) {
	carrier->shaping = shaping;
	mux_set_padding(carrier->mux, padding_rules_of(shaping),
					carrier->is_initiator ? &padding_sizes_requests : &padding_sizes_answers);
}

/* What the initiator's user chose hides both directions; profiles are ordered by how much. */
static enum err on_settings(void *context, struct slice payload) {
	struct carrier *carrier = context;
	struct stream_settings settings;
	enum err error = stream_settings_decode(payload.data, payload.size, &settings);
	if (!error && !carrier->is_initiator && settings.shaping > carrier->shaping)
		shape(carrier, settings.shaping);
	return error;
}

static enum err tell_settings(struct carrier *carrier) {
	const struct stream_settings settings = {.shaping = carrier->shaping};
	uint8_t payload[STREAM_SETTINGS_SIZE_MAX];
	size_t size;
	if (!carrier->is_initiator || carrier->shaping == STREAM_SHAPING_NONE)
		return ERR_OK;
	return stream_settings_encode(&settings, payload, sizeof payload, &size)
			   ?: mux_send_settings(carrier->mux, slice_of(payload, size));
}

static void on_wake(void *context) {
	carrier_touch(context);
}

static const struct mux_ops mux_ops = {
	.opened = on_opened,
	.connected = on_connected,
	.readable = on_readable,
	.writable = on_writable,
	.closed = on_closed,
	.settings = on_settings,
	.wake = on_wake,
};

/* What comes */

static void take(struct carrier *carrier, uint8_t *data, size_t size) {
	carrier->received += size;
	mux_receive(carrier->mux, data, size, stream_host_now(carrier->host));
}

/* Before anything else that came. */
static void take_first(struct carrier *carrier) {
	struct byte_queue first = carrier->first;
	if (byte_queue_size(&first) == 0)
		return;
	carrier->first = (struct byte_queue){.bytes = NULL};
	take(carrier, first.bytes + first.begin, byte_queue_size(&first));
	byte_queue_done(&first);
}

/* Windows bound what the streams hold. */
static size_t tls_room(void *context) {
	return TLS_STREAM_RECEIVE_MAX;
}

static void tls_received(void *context, uint8_t *data, size_t size) {
	struct carrier *carrier = context;
	take_first(carrier);
	take(carrier, data, size);
	carrier_touch(carrier);
}

static void end(struct carrier *carrier, const char *why) {
	take_first(carrier);
	if (!carrier->why && mux_state(carrier->mux) < MUX_FAILED)
		carrier->why = why;
	carrier->is_over = true;
	mux_abort(carrier->mux, STREAM_ERROR_INTERNAL);
	carrier_touch(carrier);
}

static void tls_finished(void *context, bool cut) {
	struct carrier *carrier = context;
	take_first(carrier);
	/* GOAWAY may have come together with the end. */
	bool is_drained =
		mux_state(carrier->mux) == MUX_DRAINING && mux_stream_count(carrier->mux) == 0;
	end(carrier, cut          ? "the connection was cut"
				 : is_drained ? "drained"
							  : "closed by the other end");
}

static void tls_writable(void *context) {
	carrier_touch(context);
}

static void tls_failed(void *context, const struct tls_stream_failure *failure) {
	struct carrier *carrier = context;
	(void)snprintf(carrier->text, sizeof carrier->text, "%s%s", failure->number ? "" : "TLS: ",
				   failure->number ? strerror(failure->number) : failure->tls.text);
	end(carrier, carrier->text);
}

static const struct tls_stream_ops tls_ops = {
	.room = tls_room,
	.received = tls_received,
	.finished = tls_finished,
	.writable = tls_writable,
	.failed = tls_failed,
};

/* What goes */

static bool has_output(struct carrier *carrier) {
	return mux_has_output(carrier->mux) && tls_stream_has_room(carrier->tls);
}

static void send_all(struct carrier *carrier, uint64_t now) {
	uint8_t frames[TLS_STREAM_SEND_MAX];
	size_t sent = 0, size;
	carrier->is_sending = true;
	do {
		size = mux_send(carrier->mux, frames, sizeof frames, now);
		sent += size;
		carrier->sent += size;
		/* There was room, so it takes all but where it fails, and says so by itself. */
		if (size > 0 && tls_stream_send(carrier->tls, frames, size) < size)
			mux_abort(carrier->mux, STREAM_ERROR_INTERNAL);
	} while (size > 0 && sent < TURN_MAX && has_output(carrier));
	carrier->is_sending = false;
	if (has_output(carrier))
		carrier_touch(carrier);
}

/* All is said, and the other end is to close as well. */
static void finish(struct carrier *carrier, uint64_t now) {
	uint32_t error = mux_error(carrier->mux);
	if (!carrier->why)
		carrier->why = error == STREAM_ERROR_NONE ? "drained" : stream_error_name(error);
	carrier->is_finishing = true;
	carrier->close_at = now + CARRIER_CLOSE_SECONDS * CLOCK_SECOND;
	tls_stream_finish(carrier->tls);
}

static bool is_closed(const struct carrier *carrier, uint64_t now) {
	return carrier->is_finishing && (carrier->is_over || now >= carrier->close_at) &&
		   mux_stream_count(carrier->mux) == 0;
}

static void set_timer(struct carrier *carrier, uint64_t now) {
	uint64_t next = mux_next(carrier->mux);
	/* Once that has passed, it is the streams that are waited for. */
	if (carrier->is_finishing && !carrier->is_over && carrier->close_at > now &&
		carrier->close_at < next)
		next = carrier->close_at;
	/* One that is early finds nothing to do, and is set again: a deadline moves with every frame.
	 */
	if (next >= carrier->timer_at && carrier->timer_at > now)
		return;
	carrier->timer_at = next;
	if (next == CLOCK_NEVER)
		control_timer_stop(carrier->timer);
	else
		control_timer_set(carrier->timer, next > now ? next - now : 0);
}

static void on_turn(void *context) {
	struct carrier *carrier = context;
	bool freed = false;
	uint64_t now = stream_host_now(carrier->host);
	take_first(carrier);
	if (mux_next(carrier->mux) <= now)
		mux_expire(carrier->mux, now);
	if (has_output(carrier))
		send_all(carrier, now);
	carrier->freed = &freed;
	if (!carrier->is_draining && mux_state(carrier->mux) != MUX_OPEN) {
		carrier->is_draining = true;
		if (carrier->ops->draining)
			carrier->ops->draining(carrier->context);
		if (freed)
			return;
	}
	if (mux_state(carrier->mux) == MUX_CLOSED && !carrier->is_finishing)
		finish(carrier, now);
	if (is_closed(carrier, now)) {
		carrier->freed = NULL; /* it may be freed long after this turn */
		control_timer_stop(carrier->timer);
		carrier->ops->closed(carrier->context, carrier->why);
		return;
	}
	carrier->freed = NULL;
	set_timer(carrier, now);
}

static void on_timer(void *context) {
	struct carrier *carrier = context;
	carrier->timer_at = CLOCK_NEVER;
	carrier_touch(carrier);
}

/* Life */

static enum err make_ciphers(struct carrier *carrier, const struct stream_keys *keys,
							 uint64_t now) {
	struct {
		struct cipher_setup seal, open;
	} s = {
		.seal = {.backend = carrier->host->backend, .rules = &cipher_rules},
		.open = {.backend = carrier->host->backend, .rules = &cipher_rules},
	};
	WIPE_ON_EXIT(s);
	memcpy(s.seal.key, keys->send, sizeof s.seal.key);
	memcpy(s.seal.handshake_hash, keys->hash, sizeof s.seal.handshake_hash);
	memcpy(s.open.key, keys->receive, sizeof s.open.key);
	memcpy(s.open.handshake_hash, keys->hash, sizeof s.open.handshake_hash);
	return cipher_new(&s.seal, now, &carrier->seal) ?: cipher_new(&s.open, now, &carrier->open);
}

static enum err make_mux(struct carrier *carrier, const struct carrier_setup *setup, uint64_t now) {
	const struct mux_config config = {
		.role = carrier->is_initiator ? MUX_INITIATOR : MUX_RESPONDER,
		.ops = &mux_ops,
		.context = carrier,
		.random = carrier->host->random,
		.seal = carrier->seal,
		.open = carrier->open,
		.worker = carrier->host->worker,
		.quota = setup->quota,
	};
	enum err error = mux_new(&config, now, &carrier->mux);
	if (error)
		return error;
	shape(carrier, setup->shaping);
	return tell_settings(carrier);
}

enum err carrier_new(const struct carrier_setup *setup, struct carrier **out_carrier) {
	struct carrier *carrier = calloc(1, sizeof *carrier);
	if (!carrier) {
		tls_stream_free(setup->tls);
		return ERR_NO_MEMORY;
	}
	uint64_t now = stream_host_now(setup->host);
	*carrier = (struct carrier){.host = setup->host,
								.ops = setup->ops,
								.context = setup->context,
								.tls = setup->tls,
								.peer = setup->peer,
								.is_initiator = setup->keys->initiator,
								.opened_at = now,
								.timer_at = CLOCK_NEVER};
	struct control_loop *loop = setup->host->loop;
	enum err error = make_ciphers(carrier, setup->keys, now)
						 ?: make_mux(carrier, setup, now)
						 ?: control_task_new(loop, on_turn, carrier, &carrier->turn)
						 ?: control_timer_new(loop, on_timer, carrier, &carrier->timer)
						 ?: byte_queue_append(&carrier->first, setup->first.data, setup->first.size);
	if (error) {
		carrier_free(carrier);
		return error;
	}
	tls_stream_set_owner(carrier->tls, &tls_ops, carrier);
	tls_stream_resume(carrier->tls); /* its owner before may have had no room */
	carrier_touch(carrier);
	*out_carrier = carrier;
	return ERR_OK;
}

void carrier_free(struct carrier *carrier) {
	if (!carrier)
		return;
	if (carrier->freed)
		*carrier->freed = true;
	tls_stream_free(carrier->tls);
	control_task_free(carrier->turn);
	control_timer_free(carrier->timer);
	mux_free(carrier->mux);
	cipher_free(carrier->seal);
	cipher_free(carrier->open);
	byte_queue_done(&carrier->first);
	free(carrier);
}
