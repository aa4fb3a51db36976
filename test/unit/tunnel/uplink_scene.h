#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "loop/control_loop.h"
#include "loop/control_task.h"
#include "stream/mux.h"
#include "tunnel/carrier_dial.h"
#include "tunnel/stream_host.h"
#include "tunnel/uplink.h"

/*
 * The uplink alone: dials, carriers, timers and tasks are the test's own, which are linked instead
 * of the real ones. Time stands still unless the test says so.
 */

enum { DIALS = 64, CARRIERS = 32, WISHES = 40 };

struct mux {
	enum mux_state state;
	size_t streams;
	enum err error; /* of mux_stream_open() */
};
struct carrier {
	struct mux mux;
	const struct carrier_ops *ops;
	void *context;
	uint64_t opened_at;
	unsigned touched, drained;
	bool is_free;
};
struct carrier_dial {
	struct carrier_dial_options options;
	bool is_free;
};
struct control_timer {
	void (*due)(void *context);
	void *context;
	uint64_t at;
};
struct control_task {
	void (*run)(void *context);
	void *context;
	bool is_set;
};

struct wish {
	struct uplink_wish wish;
	struct carrier *carrier; /* once opened */
	unsigned refused;
	enum refusal refusal;
	struct wish *next; /* wished for from inside */
};

static struct scene {
	uint64_t now;
	uint32_t draw; /* what random gives */
	struct stream_host host;
	struct random_source random;
	struct control_timer timer;
	struct control_task task;
	struct carrier_dial dials[DIALS];
	size_t dial_count;
	struct carrier carriers[CARRIERS];
	size_t carrier_count;
	struct uplink *uplink;
	struct wish wishes[WISHES];
	size_t event_count;
	struct stream_event events[64];
} scene;

/* The fakes. */

enum err control_timer_new(struct control_loop *loop, void (*due)(void *context), void *context,
						   struct control_timer **out_timer) {
	scene.timer = (struct control_timer){due, context, CLOCK_NEVER};
	*out_timer = &scene.timer;
	return ERR_OK;
}
void control_timer_set(struct control_timer *timer, uint64_t in) {
	timer->at = scene.now + in;
}
void control_timer_stop(struct control_timer *timer) {
	timer->at = CLOCK_NEVER;
}
void control_timer_free(struct control_timer *timer) {
}
enum err control_task_new(struct control_loop *loop, void (*run)(void *context), void *context,
						  struct control_task **out_task) {
	scene.task = (struct control_task){run, context, false};
	*out_task = &scene.task;
	return ERR_OK;
}
void control_task_set(struct control_task *task) {
	task->is_set = true;
}
void control_task_free(struct control_task *task) {
}

enum err carrier_dial_new(const struct carrier_dial_options *options,
						  struct carrier_dial **out_dial) {
	assert_true(scene.dial_count < DIALS);
	*out_dial = &scene.dials[scene.dial_count++];
	**out_dial = (struct carrier_dial){.options = *options};
	return ERR_OK;
}
void carrier_dial_free(struct carrier_dial *dial) {
	if (dial)
		dial->is_free = true;
}

struct mux *carrier_mux(struct carrier *carrier) {
	assert_false(carrier->is_free);
	return &carrier->mux;
}
void carrier_touch(struct carrier *carrier) {
	carrier->touched++;
}
void carrier_drain(struct carrier *carrier) {
	carrier->drained++;
	carrier->mux.state = MUX_DRAINING;
}
void carrier_end(struct carrier *carrier) {
	carrier->mux.state = MUX_CLOSED;
}
void carrier_free(struct carrier *carrier) {
	if (carrier)
		carrier->is_free = true;
}
void carrier_figures(const struct carrier *carrier, struct carrier_figures *out_figures) {
	*out_figures = (struct carrier_figures){
		.opened_at = carrier->opened_at, .received = 10, .sent = 20, .streams = 1};
}
enum mux_state mux_state(const struct mux *mux) {
	return mux->state;
}
size_t mux_stream_count(const struct mux *mux) {
	return mux->streams;
}
enum err mux_stream_open(struct mux *mux, const struct target *target, void *owner,
						 struct mux_stream **out_stream) {
	if (mux->error)
		return mux->error;
	mux->streams++;
	*out_stream = (struct mux_stream *)(void *)mux;
	return ERR_OK;
}
void mux_discard(struct mux *mux, enum stream_error error) {
	mux->state = MUX_CLOSED;
}

static uint64_t now(void *context) {
	return scene.now;
}
static void event(void *context, const struct stream_event *happened) {
	assert_true(scene.event_count < 64);
	scene.events[scene.event_count++] = *happened;
}
static const struct stream_host_ops host_ops = {.now = now, .event = event};

static void fill(void *context, void *out_data, size_t size) {
	memset(out_data, 0, size);
	memcpy(out_data, &scene.draw, size < sizeof scene.draw ? size : sizeof scene.draw);
}

/* What the test does. */

static void settle(void) {
	while (scene.task.is_set || scene.timer.at <= scene.now) {
		if (scene.task.is_set) {
			scene.task.is_set = false;
			scene.task.run(scene.task.context);
		} else {
			scene.timer.at = CLOCK_NEVER;
			scene.timer.due(scene.timer.context);
		}
	}
}

static void pass(uint64_t time) {
	uint64_t until = scene.now + time;
	for (;;) {
		settle();
		if (scene.timer.at > until)
			break;
		scene.now = scene.timer.at;
	}
	scene.now = until;
	settle();
}

static void on_opened(struct uplink_wish *wish, struct carrier *carrier,
					  struct mux_stream *stream) {
	struct wish *mine = (struct wish *)wish;
	assert_null(mine->carrier);
	assert_ptr_equal(stream, &carrier->mux);
	mine->carrier = carrier;
	if (mine->next)
		uplink_open(scene.uplink, &mine->next->wish);
}
static void on_refused(struct uplink_wish *wish, enum refusal refusal) {
	struct wish *mine = (struct wish *)wish;
	mine->refused++;
	mine->refusal = refusal;
	if (mine->next)
		uplink_open(scene.uplink, &mine->next->wish);
}

static struct wish *prepare(size_t place) {
	struct wish *wish = &scene.wishes[place];
	*wish = (struct wish){.wish = {.opened = on_opened, .refused = on_refused}};
	return wish;
}

static struct wish *want(size_t place) {
	struct wish *wish = prepare(place);
	uplink_open(scene.uplink, &wish->wish);
	settle();
	return wish;
}

static struct carrier_dial *last_dial(void) {
	assert_true(scene.dial_count > 0);
	return &scene.dials[scene.dial_count - 1];
}

static struct carrier *make(void) {
	struct carrier *carrier = &scene.carriers[scene.carrier_count++];
	const struct carrier_dial *dial = last_dial();
	assert_false(dial->is_free);
	*carrier = (struct carrier){.ops = dial->options.carrier_ops,
								.context = dial->options.carrier_context,
								.opened_at = scene.now};
	dial->options.ops->made(dial->options.context, carrier);
	assert_true(dial->is_free);
	settle();
	return carrier;
}
