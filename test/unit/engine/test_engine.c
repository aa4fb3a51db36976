#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/rig.h"

static uint64_t now_of(void *context) {
	(void)context;
	return clock_now();
}

static const struct engine_clock real_clock = {.now = now_of, .wall_now = now_of};

static struct engine *new_engine(uint16_t shards) {
	const struct engine_options options = {
		.shards = shards,
		.backend = back_end_of_test(),
		.random = &csprng,
		.clock = &real_clock,
	};
	struct engine *engine;
	rig_must(engine_new(&options, &engine));
	return engine;
}

static void test_options(void **state) {
	struct engine *engine = NULL;
	struct engine_options options = {.shards = 0};
	assert_int_equal(engine_new(&options, &engine), ERR_INVALID);
	options.shards = INTERFACE_SHARDS_MAX + 1;
	assert_int_equal(engine_new(&options, &engine), ERR_INVALID);
	assert_null(engine);
	engine_free(NULL);
	engine = new_engine(INTERFACE_SHARDS_MAX);
	assert_int_equal(engine_shards(engine), INTERFACE_SHARDS_MAX);
	assert_int_equal(engine_shard(engine, 15)->number, 15);
	engine_free(engine);
}

/* What was released, in order. */
static unsigned released[64], released_count;

static void release(void *pointer) {
	released[released_count++] = (unsigned)(uintptr_t)pointer;
}

static void retire(struct engine *engine, unsigned number) {
	engine_retire(engine, release, (void *)(uintptr_t)number);
}

/* Every shard passes two turns, the second of which begins when all have ended the first. */
static void test_two_turns(void **state) {
	struct engine *engine = new_engine(3);
	released_count = 0;
	assert_false(engine_collect(engine));
	/* Many epochs go by at once: they prove nothing by themselves. */
	for (unsigned i = 0; i < 5; i++)
		retire(engine, i);
	assert_true(engine_collect(engine));
	for (uint16_t shard = 0; shard < 3; shard++) {
		assert_true(engine_collect(engine));
		shard_turn(engine_shard(engine, shard));
		/* A fast shard's many turns do not stand for the others'. */
		for (int i = 0; i < 5; i++)
			shard_turn(engine_shard(engine, 0));
		assert_int_equal(released_count, 0);
	}
	/* All have passed the first one: the second begins here. */
	assert_true(engine_collect(engine));
	assert_int_equal(released_count, 0);
	retire(engine, 5);
	for (uint16_t shard = 0; shard < 3; shard++) {
		assert_true(engine_collect(engine));
		assert_int_equal(released_count, 0);
		shard_turn(engine_shard(engine, shard));
	}
	assert_true(engine_collect(engine));
	assert_int_equal(released_count, 5);
	/* The sixth has passed its first turns meanwhile. */
	for (uint16_t shard = 0; shard < 3; shard++)
		shard_turn(engine_shard(engine, shard));
	assert_false(engine_collect(engine));
	assert_int_equal(released_count, 6);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(released[i], i);
	/* What nobody waited for goes with the engine. */
	retire(engine, 6);
	engine_free(engine);
	assert_int_equal(released_count, 7);
}

/* A packet that names a removed peer travels longer than epochs do. */
static void test_name_that_travels(void **state) {
	struct rig *rig = rig_new(2, 2);
	released_count = 0;
	uint8_t packet[2048];
	size_t size = rig_packet(9, 1, 0, 20, packet);
	/* Shard 1 turns while shard 0 is still about to hand the packet over. */
	engine_publish(rig->engine, rig->interface, &(struct snapshot){0});
	engine_publish(rig->engine, rig->interface, &rig->snapshot);
	fake_tun_put(rig->tuns[0], NULL, packet, size);
	retire(rig->engine, 1);
	retire(rig->engine, 2);
	shard_turn(rig_shard(rig, 1));
	shard_turn(rig_shard(rig, 0));
	assert_true(engine_collect(rig->engine));
	assert_int_equal(released_count, 0);
	assert_int_equal(rig_shard(rig, 0)->pool.free_count, TUN_BUFFERS - 1);
	rig_turn(rig);
	assert_false(engine_collect(rig->engine));
	assert_int_equal(released_count, 2);
	rig_turn(rig);
	assert_int_equal(rig_shard(rig, 0)->pool.free_count, TUN_BUFFERS);
	rig_free(rig);
}

struct counted {
	struct command command;
	unsigned *count;
};

static void count(struct shard *shard, struct command *command) {
	struct counted *counted = (struct counted *)command;
	(*counted->count)++;
	free(counted);
}

static void post(struct engine *engine, uint16_t shard, unsigned *counter) {
	struct counted *counted = malloc(sizeof *counted);
	*counted = (struct counted){.command.run = count, .count = counter};
	engine_post(engine, shard, &counted->command);
}

enum { POSTS = 3000, SHARDS = 4 };

struct poster {
	struct engine *engine;
	unsigned (*counts)[SHARDS];
};

static void *post_many(void *context) {
	const struct poster *poster = context;
	for (uint16_t i = 0; i < POSTS; i++)
		post(poster->engine, i % SHARDS, &(*poster->counts)[i % SHARDS]);
	return NULL;
}

static void test_commands(void **state) {
	struct engine *engine = new_engine(SHARDS);
	unsigned counts[SHARDS] = {0};
	const struct poster poster = {engine, &counts};
	pthread_t threads[2];
	assert_int_equal(engine_start(engine), ERR_OK);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, post_many, (void *)&poster), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	engine_stop(engine);
	for (int i = 0; i < SHARDS; i++)
		assert_int_equal(counts[i], 2 * POSTS / SHARDS);
	/* It can go on, and what is posted to an engine that stands still is run at its end. */
	assert_int_equal(engine_start(engine), ERR_OK);
	engine_stop(engine);
	post(engine, 1, &counts[1]);
	engine_stop(engine);
	assert_int_equal(counts[1], 2 * POSTS / SHARDS + 1);
	engine_free(engine);
}

/* Who changed something and settles then reads it back: sleeping shards wake up. */
static void test_settle(void **state) {
	struct engine *engine = new_engine(2);
	engine_settle(engine); /* nobody runs: returns */
	assert_int_equal(engine_start(engine), ERR_OK);
	for (unsigned i = 1; i <= 200; i++) {
		static unsigned counts[2];
		post(engine, 0, &counts[0]);
		post(engine, 1, &counts[1]);
		engine_settle(engine);
		uint64_t seen = atomic_load(&engine_shard(engine, 0)->seen_epoch);
		assert_true(seen <= engine_epoch(engine));
		/* The bound on waiting may cut it short on a busy machine, so only what it promises. */
		if (seen == engine_epoch(engine))
			assert_int_equal(counts[0], i);
	}
	engine_stop(engine);
	engine_free(engine);
}

static void count_on(struct shard *shard, void *context) {
	((unsigned *)context)[shard->number]++;
}

/* Behind the commands of before, on all shards, and back when all is done. */
static void test_each(void **state) {
	struct engine *engine = new_engine(SHARDS);
	unsigned counts[SHARDS] = {0}, posted = 0;
	for (int threads = 0; threads < 2; threads++) {
		if (threads)
			assert_int_equal(engine_start(engine), ERR_OK);
		for (unsigned i = 1; i <= 50; i++) {
			uint64_t turns = atomic_load(&engine_shard(engine, SHARDS - 1)->turns);
			post(engine, SHARDS - 1, &posted);
			engine_each(engine, count_on, counts);
			assert_int_equal(posted, 50U * (unsigned)threads + i);
			for (int shard = 0; shard < SHARDS; shard++)
				assert_int_equal(counts[shard], posted);
			engine_pass(engine);
			assert_true(atomic_load(&engine_shard(engine, SHARDS - 1)->turns) > turns);
		}
	}
	/* With everything at work, nothing retired is left when this returns. */
	released_count = 0;
	retire(engine, 1);
	retire(engine, 2);
	engine_collect_all(engine);
	assert_int_equal(released_count, 2);
	engine_free(engine);
}

static void count_notification(void *context) {
	++*(unsigned *)context;
}

static void test_notify(void **state) {
	unsigned notified = 0;
	const struct engine_options options = {
		.shards = 1,
		.backend = back_end_of_test(),
		.random = &csprng,
		.clock = &real_clock,
		.notify = count_notification,
		.notify_context = &notified,
	};
	struct engine *engine;
	rig_must(engine_new(&options, &engine));
	engine_notify(engine);
	engine_notify(engine);
	assert_int_equal(notified, 2);
	engine_free(engine);
	engine = new_engine(1);
	engine_notify(engine); /* nobody listens */
	engine_free(engine);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_two_turns),
		cmocka_unit_test(test_name_that_travels),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_settle),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_notify),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
