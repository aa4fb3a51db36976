#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tunnel/fake_carrier.h"
#include "tunnel/fake_stream_host.h"
#include "tunnel/farewell.h"

struct world {
	struct fake_stream_host fake;
	struct fake_carriers carriers;
	struct fake_far far;
	struct farewell *farewell;
};

static struct world *world_new(void) {
	struct world *world = calloc(1, sizeof *world);
	assert_non_null(world);
	fake_stream_host_init(&world->fake);
	fake_carriers_init(&world->carriers, &world->fake);
	fake_far_init(&world->far, &world->carriers);
	assert_int_equal(farewell_new(&world->fake.host, &world->farewell), ERR_OK);
	return world;
}

static void world_free(struct world *world) {
	farewell_free(world->farewell);
	fake_carriers_done(&world->carriers);
	fake_far_done(&world->far);
	fake_stream_host_done(&world->fake);
	free(world);
}

static struct mux_stream *open_stream(struct world *world) {
	struct mux_stream *stream = mux_end_open(&world->carriers.client.end);
	fake_stream_host_turn(&world->fake);
	return stream;
}

static size_t streams(const struct world *world) {
	return mux_stream_count(world->carriers.client.end.mux);
}

/* The other end has its time to end as well; what it still says is thrown away. */
static void ends_in_peace(void **state) {
	(void)state;
	struct world *world = world_new();
	farewell_end(world->farewell, &world->carriers.client, open_stream(world));
	fake_stream_host_turn(&world->fake);
	struct fake_far_stream *far = world->far.streams[0];
	assert_true(far->is_at_end);
	fake_far_say(far, "the rest", 8);
	fake_stream_host_turn(&world->fake);
	mux_stream_end(far->stream);
	fake_stream_host_turn(&world->fake);
	assert_true(far->is_closed);
	assert_int_equal(far->error, STREAM_ERROR_NONE);
	assert_int_equal(streams(world), 0);
	world_free(world);
}

/* One that goes on and on, and one that never ends. */
static void ends_by_force(void **state) {
	(void)state;
	static const uint8_t bytes[20000];
	struct world *world = world_new();
	farewell_end(world->farewell, &world->carriers.client, open_stream(world));
	farewell_end(world->farewell, &world->carriers.client, open_stream(world));
	for (unsigned i = 0; world->far.streams[0]->stream; i++) {
		(void)mux_stream_write(world->far.streams[0]->stream, bytes, sizeof bytes);
		fake_stream_host_turn(&world->fake);
		assert_true(i < 20);
	}
	assert_int_equal(world->far.streams[0]->error, STREAM_ERROR_CANCEL);
	assert_int_equal(streams(world), 1);
	fake_stream_host_advance(&world->fake, FAREWELL_TIME - CLOCK_SECOND);
	assert_false(world->far.streams[1]->is_closed);
	fake_stream_host_advance(&world->fake, 2 * CLOCK_SECOND);
	assert_true(world->far.streams[1]->is_closed);
	assert_int_equal(streams(world), 0);
	world_free(world);
}

/* Few resets go at once; more wait until nobody counts them any more. */
static void resets_few_at_once(void **state) {
	(void)state;
	struct world *world = world_new();
	for (size_t i = 0; i < FAREWELL_RESETS_MAX + 5; i++) {
		farewell_reset(world->farewell, &world->carriers.client, open_stream(world));
		fake_stream_host_turn(&world->fake);
		assert_int_equal(world->far.streams[i]->is_closed, i < FAREWELL_RESETS_MAX);
	}
	assert_int_equal(streams(world), 5);
	fake_stream_host_advance(&world->fake, FAREWELL_TIME);
	assert_int_equal(streams(world), 0);
	/* And it begins anew. */
	fake_stream_host_advance(&world->fake, FAREWELL_TIME);
	farewell_reset(world->farewell, &world->carriers.client, open_stream(world));
	fake_stream_host_turn(&world->fake);
	assert_int_equal(streams(world), 0);
	/* Those that wait when it is freed. */
	for (size_t i = 0; i < FAREWELL_RESETS_MAX + 5; i++)
		farewell_reset(world->farewell, &world->carriers.client, open_stream(world));
	farewell_free(world->farewell);
	world->farewell = NULL;
	fake_stream_host_turn(&world->fake);
	assert_int_equal(streams(world), 0);
	world_free(world);
}

static void ends_with_the_carrier(void **state) {
	(void)state;
	struct world *world = world_new();
	farewell_end(world->farewell, &world->carriers.client, open_stream(world));
	fake_carriers_break(&world->carriers, STREAM_ERROR_INTERNAL);
	fake_stream_host_advance(&world->fake, 2 * FAREWELL_TIME);
	world_free(world);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_in_peace),
		cmocka_unit_test(ends_by_force),
		cmocka_unit_test(resets_few_at_once),
		cmocka_unit_test(ends_with_the_carrier),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
