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

enum { DIALS = 64, CARRIERS = 16, WISHES = 40 };

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

static void end(struct carrier *carrier) {
	carrier->mux.state = MUX_CLOSED;
	carrier->ops->closed(carrier->context, "the connection was cut");
	assert_true(carrier->is_free);
	settle();
}

static void lose(enum carrier_dial_kind kind) {
	const struct carrier_dial *dial = last_dial();
	assert_false(dial->is_free);
	dial->options.ops->failed(dial->options.context,
							  &(struct carrier_dial_failure){.kind = kind, .why = "no luck"});
	settle();
}

static const struct uplink_peer peer = {.public_key = {1},
										.endpoint = {.address.family = ADDRESS_V4, .port = 443}};

static int set_up(void **state) {
	memset(&scene, 0, sizeof scene);
	scene.now = 1000 * CLOCK_SECOND;
	scene.random = (struct random_source){fill, NULL};
	scene.host = (struct stream_host){.ops = &host_ops, .random = &scene.random, .prefix = ""};
	const struct uplink_options options = {
		.host = &scene.host, .name = "vpn.example.org", .connections = 2};
	assert_int_equal(uplink_new(&options, &scene.uplink), ERR_OK);
	uplink_set_peer(scene.uplink, &peer);
	return 0;
}

static int tear_down(void **state) {
	uplink_free(scene.uplink);
	for (size_t i = 0; i < scene.dial_count; i++)
		assert_true(scene.dials[i].is_free);
	for (size_t i = 0; i < scene.carrier_count; i++)
		assert_true(scene.carriers[i].is_free);
	return 0;
}

/* Nothing is dialled before somebody wants something, and once for all who do. */
static void on_demand(void **state) {
	pass(3600 * CLOCK_SECOND);
	assert_int_equal(scene.dial_count, 0);
	for (size_t i = 0; i < 3; i++)
		(void)want(i);
	assert_int_equal(scene.dial_count, 1);
	assert_int_equal(last_dial()->options.server[0], 1);
	struct carrier *carrier = make();
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(scene.wishes[i].carrier, carrier);
	assert_int_equal(carrier->mux.streams, 3);
	assert_int_equal(carrier->touched, 3);
	assert_int_equal(scene.event_count, 1);
	assert_int_equal(scene.events[0].kind, STREAM_EVENT_CONNECTED);
	assert_ptr_equal(want(3)->carrier, carrier); /* at once */
}

/* Another one when there is much to do; then by turns. No more than configured. */
static void fewest_streams(void **state) {
	(void)want(0);
	struct carrier *first = make();
	for (size_t i = 1; i < UPLINK_BUSY_STREAMS - 1; i++)
		(void)want(i);
	assert_int_equal(scene.dial_count, 1);
	assert_ptr_equal(want(5)->carrier, first);
	assert_int_equal(scene.dial_count, 2);
	struct carrier *second = make();
	assert_int_equal(scene.event_count, 1); /* it was connected before */
	for (size_t i = 6; i < 10; i++)
		assert_ptr_equal(want(i)->carrier, second);
	assert_ptr_equal(want(10)->carrier, first);
	assert_ptr_equal(want(11)->carrier, second);
	assert_int_equal(scene.dial_count, 2);
}

static void replaced_when_it_drains(void **state) {
	(void)want(0);
	struct carrier *first = make();
	pass(60 * CLOCK_SECOND);
	first->mux.state = MUX_DRAINING;
	first->ops->draining(first->context);
	settle();
	assert_int_equal(scene.dial_count, 1);
	struct wish *wish = want(1);
	assert_null(wish->carrier);
	assert_int_equal(scene.dial_count, 2);
	struct carrier *second = make();
	assert_ptr_equal(wish->carrier, second);
	assert_false(first->is_free);
	end(first);
	struct uplink_figures figures;
	uplink_figures(scene.uplink, &figures);
	assert_int_equal(figures.connection_count, 1);
	assert_int_equal(figures.received, 20);
	assert_int_equal(figures.sent, 40);
	assert_int_equal(figures.attempts, 0);
}

/* Ids are used up: found out by who asks. */
static void used_up(void **state) {
	(void)want(0);
	struct carrier *first = make();
	first->mux.error = ERR_EXPIRED;
	struct wish *wish = want(1);
	assert_int_equal(first->drained, 1);
	assert_int_equal(scene.dial_count, 2);
	struct carrier *second = make();
	assert_ptr_equal(wish->carrier, second);
}

static void no_such_target(void **state) {
	(void)want(0);
	make()->mux.error = ERR_INVALID;
	struct wish *wish = want(1);
	assert_int_equal(wish->refused, 1);
	assert_int_equal(wish->refusal, REFUSAL_UNREACHABLE);
}

/* 0.5, 1, 2, 4, … 30 s, and up to twice as long; as long as somebody wants something. */
static void waits_longer_each_time(void **state) {
	static const uint64_t halves[] = {1, 2, 4, 8, 16, 32, 60, 60};
	struct wish *wish = want(0);
	for (size_t i = 0; i < sizeof halves / sizeof *halves; i++) {
		uint64_t wait = halves[i] * CLOCK_SECOND / 2, failed_at = scene.now;
		scene.draw = i % 2 ? UINT32_MAX : 0;
		assert_int_equal(scene.dial_count, i + 1);
		lose(CARRIER_DIAL_FAILED);
		while (scene.dial_count == i + 1) {
			pass(CLOCK_SECOND / 16);
			uplink_cancel(scene.uplink, &wish->wish);
			wish = want(0);
		}
		uint64_t waited = scene.now - failed_at, more = i % 2 ? wait : 0;
		assert_true(waited >= wait + more - CLOCK_SECOND / 16);
		assert_true(waited <= wait + more + CLOCK_SECOND / 16);
	}
	lose(CARRIER_DIAL_FAILED);
	assert_int_equal(scene.event_count, 9);
	assert_int_equal(scene.events[8].kind, STREAM_EVENT_UNANSWERED);
	assert_int_equal(scene.events[8].count, 9);
	/* Nobody wants anything: nobody dials. */
	uplink_cancel(scene.uplink, &wish->wish);
	size_t before = scene.dial_count;
	pass(3600 * CLOCK_SECOND);
	assert_int_equal(scene.dial_count, before);
}

static void patience_ends(void **state) {
	struct wish *wish = want(0);
	pass(UPLINK_PATIENCE_SECONDS * CLOCK_SECOND - 1);
	struct wish *later = want(1);
	assert_int_equal(wish->refused, 0);
	pass(1);
	assert_int_equal(wish->refused, 1);
	assert_int_equal(wish->refusal, REFUSAL_CARRIER);
	assert_int_equal(later->refused, 0);
	struct carrier *carrier = make();
	assert_ptr_equal(later->carrier, carrier);
}

/* Who is declined waits for a minute at least; meanwhile nobody has to wait for nothing. */
static void declined(void **state) {
	struct wish *wish = want(0);
	const struct carrier_dial *dial = last_dial();
	dial->options.ops->failed(dial->options.context,
							  &(struct carrier_dial_failure){.kind = CARRIER_DIAL_DECLINED,
															 .why = "a web site",
															 .is_clock_known = true,
															 .clock_offset = -7});
	assert_false(dial->is_free); /* it reads the page */
	settle();
	assert_int_equal(wish->refused, 1);
	for (unsigned i = 0; i < 35; i++) {
		assert_int_equal(want(1)->refused, 1);
		uplink_hurry(scene.uplink); /* not because of another network */
		pass(CLOCK_SECOND);
	}
	pass(6 * CLOCK_SECOND); /* the next one may hope */
	assert_int_equal(want(2)->refused, 0);
	pass(19 * CLOCK_SECOND - 1);
	assert_int_equal(scene.dial_count, 1);
	pass(1);
	assert_int_equal(scene.dial_count, 2);
	assert_true(dial->is_free);
	assert_int_equal(last_dial()->options.clock_offset, -7);
}

static void out_of_reach(void **state) {
	(void)want(0);
	lose(CARRIER_DIAL_UNREACHABLE);
	assert_int_equal(scene.events[0].kind, STREAM_EVENT_UNREACHABLE);
	assert_int_equal(scene.dial_count, 1);
	uplink_hurry(scene.uplink);
	settle();
	assert_int_equal(scene.dial_count, 2);
}

/* A server that takes everybody in and throws them out is not dialled in a loop. */
static void short_lives(void **state) {
	for (size_t i = 0; i < 5; i++) {
		(void)want(i);
		while (scene.dial_count == i)
			pass(CLOCK_SECOND / 8);
		struct carrier *carrier = make();
		end(carrier);
		uint64_t before = scene.now;
		(void)want(20 + i);
		while (scene.dial_count == i + 1)
			pass(CLOCK_SECOND / 8);
		assert_true(scene.now - before >= (UPLINK_RETRY << i) - CLOCK_SECOND / 8);
	}
	/* One that lived is made again at once. */
	struct carrier *carrier = make();
	pass(UPLINK_SHORT_SECONDS * CLOCK_SECOND);
	end(carrier);
	size_t before = scene.dial_count;
	(void)want(0);
	assert_int_equal(scene.dial_count, before + 1);
}

static void another_server(void **state) {
	struct uplink_peer other = peer;
	(void)want(0);
	struct carrier *first = make();
	other.endpoint.port = 8443; /* the same one elsewhere */
	uplink_set_peer(scene.uplink, &other);
	settle();
	assert_false(first->is_free);
	other.public_key[0] = 2;
	uplink_set_peer(scene.uplink, &other);
	settle();
	assert_true(first->is_free);
	struct wish *wish = want(1);
	assert_int_equal(last_dial()->options.to.port, 8443);
	assert_int_equal(last_dial()->options.server[0], 2);
	/* While that is under way it moves. */
	const struct carrier_dial *dial = last_dial();
	other.endpoint.port = 9443;
	uplink_set_peer(scene.uplink, &other);
	settle();
	assert_true(dial->is_free);
	assert_int_equal(last_dial()->options.to.port, 9443);
	struct carrier *second = make();
	assert_ptr_equal(wish->carrier, second);
	uplink_set_peer(scene.uplink, NULL);
	settle();
	assert_true(wish->carrier->is_free);
	/* Nobody is there, and maybe soon somebody. */
	size_t before = scene.dial_count;
	wish = want(2);
	pass(CLOCK_SECOND);
	assert_int_equal(wish->refused, 0);
	assert_int_equal(scene.dial_count, before);
	uplink_set_peer(scene.uplink, &other);
	settle();
	assert_int_equal(scene.dial_count, before + 1);
}

/* Wishes that are made, and taken back, inside of others' answers. */
static void from_inside(void **state) {
	struct wish *first = prepare(0);
	first->next = prepare(1);
	uplink_open(scene.uplink, &first->wish);
	struct wish *cancelled = want(2);
	uplink_cancel(scene.uplink, &cancelled->wish);
	uplink_cancel(scene.uplink, &cancelled->wish);
	struct carrier *carrier = make();
	assert_ptr_equal(first->carrier, carrier);
	assert_ptr_equal(first->next->carrier, carrier);
	assert_null(cancelled->carrier);
	end(carrier);
	first = prepare(3);
	first->next = prepare(4);
	uplink_open(scene.uplink, &first->wish);
	pass(UPLINK_PATIENCE_SECONDS * CLOCK_SECOND);
	assert_int_equal(first->refused, 1);
	assert_int_equal(first->next->refused, 0);
}

static void configured_anew(void **state) {
	(void)want(0);
	struct carrier *carrier = make();
	const struct uplink_options options = {
		.host = &scene.host, .name = "other.example.org", .connections = 1};
	uplink_configure(scene.uplink, &options);
	settle();
	assert_true(carrier->is_free);
	(void)want(1);
	assert_string_equal(last_dial()->options.name, "other.example.org");
	(void)make();
	for (size_t i = 2; i < 20; i++)
		(void)want(i);
	assert_int_equal(scene.dial_count, 2);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(on_demand, set_up, tear_down),
		cmocka_unit_test_setup_teardown(fewest_streams, set_up, tear_down),
		cmocka_unit_test_setup_teardown(replaced_when_it_drains, set_up, tear_down),
		cmocka_unit_test_setup_teardown(used_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_such_target, set_up, tear_down),
		cmocka_unit_test_setup_teardown(waits_longer_each_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(patience_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(declined, set_up, tear_down),
		cmocka_unit_test_setup_teardown(out_of_reach, set_up, tear_down),
		cmocka_unit_test_setup_teardown(short_lives, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_server, set_up, tear_down),
		cmocka_unit_test_setup_teardown(from_inside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(configured_anew, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
