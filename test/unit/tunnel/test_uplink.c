#include "uplink_scene.h"

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

/* What is the matter is there to be told: a failure, an attempt that takes its time, a clock. */
static void what_is_the_matter(void **state) {
	struct uplink_figures figures;
	(void)want(0);
	uplink_figures(scene.uplink, &figures);
	assert_string_equal(figures.why, "");
	assert_int_equal(figures.dialling, 0);
	pass(3 * CLOCK_SECOND);
	uplink_figures(scene.uplink, &figures);
	assert_int_equal(figures.dialling, 3 * CLOCK_SECOND);
	lose(CARRIER_DIAL_FAILED);
	uplink_figures(scene.uplink, &figures);
	assert_string_equal(figures.why, "no luck");
	assert_int_equal(figures.dialling, 0);
	pass(CLOCK_SECOND);
	const struct carrier_dial *dial = last_dial();
	const struct carrier_dial_failure failure = {.kind = CARRIER_DIAL_DECLINED,
												 .why = "a web site",
												 .is_clock_known = true,
												 .clock_offset = -600 * (int64_t)CLOCK_SECOND};
	dial->options.ops->failed(dial->options.context, &failure);
	uplink_figures(scene.uplink, &figures);
	assert_string_equal(figures.why,
						"answered as a web site: this host's clock is 600 s ahead of the server's, "
						"which the next attempt goes by");
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
	uint64_t made_at = scene.now;
	for (size_t i = 0; i < 5; i++) {
		(void)want(i);
		while (scene.dial_count == i)
			pass(CLOCK_SECOND / 8);
		if (i > 0)
			assert_true(scene.now - made_at >= (UPLINK_RETRY << (i - 1)));
		made_at = scene.now;
		struct carrier *carrier = make();
		if (i % 2) {
			/* What it says of it does not matter. */
			carrier->mux.state = MUX_DRAINING;
			carrier->ops->draining(carrier->context);
			settle();
		}
		end(carrier);
	}
	struct uplink_figures figures;
	uplink_figures(scene.uplink, &figures);
	assert_int_equal(figures.attempts, 5);
	(void)want(10);
	while (scene.dial_count == 5)
		pass(CLOCK_SECOND / 8);
	/* The wait is from the begin of the connection: one that lived through it is made again. */
	struct carrier *carrier = make();
	pass(2 * UPLINK_RETRY_MAX);
	end(carrier);
	(void)want(11);
	assert_int_equal(scene.dial_count, 7);
}

/* One that cuts off whom it has served, again and again, is not waited for longer and longer. */
static void served_for_a_while(void **state) {
	for (size_t i = 0; i < 12; i++) {
		(void)want(i);
		assert_int_equal(scene.dial_count, i + 1);
		struct carrier *carrier = make();
		pass(2 * UPLINK_RETRY);
		end(carrier);
	}
	/* A server that was down for a while before is not worse. */
	for (size_t i = 0; i < 4; i++) {
		(void)want(20);
		while (scene.dial_count == 12 + i)
			pass(CLOCK_SECOND / 8);
		lose(CARRIER_DIAL_FAILED);
		uplink_cancel(scene.uplink, &scene.wishes[20].wish);
	}
	(void)want(21);
	while (scene.dial_count == 16)
		pass(CLOCK_SECOND / 8);
	struct carrier *carrier = make();
	pass(2 * UPLINK_RETRY);
	end(carrier);
	(void)want(22);
	assert_int_equal(scene.dial_count, 18);
}

struct watcher {
	struct uplink_watch watch;
	unsigned told;
};

static void on_again(struct uplink_watch *watch) {
	((struct watcher *)watch)->told++;
	uplink_open(scene.uplink, &prepare(30)->wish);
}

/* Who waits for a connection may wish when it is time to try, and when there is one. */
static void awaited(void **state) {
	struct watcher watcher = {.watch.again = on_again};
	(void)want(0);
	for (size_t i = 1; i < 8; i++) {
		lose(CARRIER_DIAL_FAILED);
		while (scene.dial_count == i) {
			pass(CLOCK_SECOND / 8);
			uplink_cancel(scene.uplink, &scene.wishes[0].wish);
			(void)want(0);
		}
	}
	lose(CARRIER_DIAL_FAILED); /* 30 s, and nobody wants to wait so long */
	uplink_await(scene.uplink, &watcher.watch);
	settle();
	pass(UPLINK_RETRY_MAX - CLOCK_SECOND);
	assert_int_equal(watcher.told, 0);
	pass(CLOCK_SECOND);
	assert_int_equal(watcher.told, 1);
	assert_int_equal(scene.dial_count, 9); /* as it wished for one */
	uplink_cancel(scene.uplink, &scene.wishes[30].wish);
	uplink_await(scene.uplink, &watcher.watch);
	settle();
	assert_int_equal(watcher.told, 1);
	struct carrier *carrier = make();
	assert_int_equal(watcher.told, 2);
	assert_ptr_equal(scene.wishes[30].carrier, carrier);
	/* Another network. */
	end(carrier);
	uplink_await(scene.uplink, &watcher.watch);
	settle();
	assert_int_equal(watcher.told, 2);
	uplink_hurry(scene.uplink);
	settle();
	assert_int_equal(watcher.told, 3);
	uplink_cancel(scene.uplink, &scene.wishes[30].wish);
	lose(CARRIER_DIAL_FAILED);
	uplink_await(scene.uplink, &watcher.watch);
	uplink_forget(scene.uplink, &watcher.watch);
	pass(3600 * CLOCK_SECOND);
	assert_int_equal(watcher.told, 3);
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

/* Nothing is begun any more, and what is there ends. */
static void drained_for_good(void **state) {
	(void)want(0);
	struct carrier *first = make();
	for (size_t i = 1; i < UPLINK_BUSY_STREAMS; i++)
		(void)want(i);
	assert_int_equal(scene.dial_count, 2); /* is under way */
	uplink_drain(scene.uplink, false);
	settle();
	assert_true(last_dial()->is_free);
	assert_int_equal(first->drained, 1);
	assert_int_equal(want(10)->refused, 1);
	uplink_hurry(scene.uplink);
	pass(60 * CLOCK_SECOND);
	assert_int_equal(scene.dial_count, 2);
	assert_false(uplink_is_drained(scene.uplink));
	uplink_drain(scene.uplink, true);
	assert_int_equal(first->mux.state, MUX_CLOSED);
	end(first);
	assert_true(uplink_is_drained(scene.uplink));
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
		cmocka_unit_test_setup_teardown(what_is_the_matter, set_up, tear_down),
		cmocka_unit_test_setup_teardown(declined, set_up, tear_down),
		cmocka_unit_test_setup_teardown(out_of_reach, set_up, tear_down),
		cmocka_unit_test_setup_teardown(short_lives, set_up, tear_down),
		cmocka_unit_test_setup_teardown(served_for_a_while, set_up, tear_down),
		cmocka_unit_test_setup_teardown(awaited, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_server, set_up, tear_down),
		cmocka_unit_test_setup_teardown(from_inside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(drained_for_good, set_up, tear_down),
		cmocka_unit_test_setup_teardown(configured_anew, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
