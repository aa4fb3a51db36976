#include "engine/engine.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/list.h"
#include "engine/interface.h"
#include "engine/shard.h"
#include "loop/slice.h"

enum {
	SETTLE_STEP = 50, /* microseconds */
	SETTLE_TRIES = 1000,
};

struct retired {
	struct list link;
	uint64_t epoch; /* the one current when its present stage began */
	bool unnamed;   /* second stage: no shard can come upon it any more */
	void (*release)(void *pointer);
	void *pointer;
};

struct engine {
	struct engine_options options;
	bool running;
	pthread_t threads[INTERFACE_SHARDS_MAX];
	struct shard *shards;
	_Atomic uint64_t epoch;
	struct list retired; /* oldest first */
};

enum err engine_new(const struct engine_options *options, struct engine **out_engine) {
	if (options->shards < 1 || options->shards > INTERFACE_SHARDS_MAX)
		return ERR_INVALID;
	struct engine *engine = calloc(1, sizeof *engine);
	if (!engine)
		return ERR_NO_MEMORY;
	engine->options = *options;
	list_init(&engine->retired);
	atomic_init(&engine->epoch, 1);
	engine->shards = calloc(options->shards, sizeof *engine->shards);
	enum err error = engine->shards ? ERR_OK : ERR_NO_MEMORY;
	for (uint16_t i = 0; i < options->shards && error == ERR_OK; i++)
		error = shard_init(&engine->shards[i], engine, i);
	if (error != ERR_OK) {
		engine_free(engine);
		return error;
	}
	*out_engine = engine;
	return ERR_OK;
}

void engine_free(struct engine *engine) {
	if (!engine)
		return;
	if (engine->running)
		engine_stop(engine);
	engine_collect_all(engine);
	for (uint16_t i = 0; engine->shards && i < engine->options.shards; i++)
		shard_done(&engine->shards[i]);
	free(engine->shards);
	free(engine);
}

void engine_collect_all(struct engine *engine) {
	while (engine_collect(engine))
		engine_pass(engine);
}

static void *thread_main(void *shard) {
	/* Packets wait while others have the processor; where that is not possible, they do. */
	(void)slice_request(SHARD_SLICE);
	shard_run(shard);
	return NULL;
}

enum err engine_start(struct engine *engine) {
	/* Signals are the control thread's. */
	sigset_t all, before;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	enum err error = ERR_OK;
	uint16_t started = 0;
	for (; started < engine->options.shards && error == ERR_OK; started++) {
		atomic_store(&engine->shards[started].stopping, false);
		int failed =
			pthread_create(&engine->threads[started], NULL, thread_main, &engine->shards[started]);
		if (failed) {
			error = err_from_errno(failed);
			break;
		}
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	engine->running = error == ERR_OK;
	for (uint16_t i = 0; !engine->running && i < started; i++) {
		atomic_store(&engine->shards[i].stopping, true);
		loop_wake(engine->shards[i].loop);
		(void)pthread_join(engine->threads[i], NULL);
	}
	return error;
}

void engine_stop(struct engine *engine) {
	for (uint16_t i = 0; engine->running && i < engine->options.shards; i++) {
		atomic_store(&engine->shards[i].stopping, true);
		loop_wake(engine->shards[i].loop);
	}
	for (uint16_t i = 0; engine->running && i < engine->options.shards; i++)
		(void)pthread_join(engine->threads[i], NULL);
	engine->running = false;
	/* Commands that no turn took own memory: they run here, where all threads have ended. */
	for (uint16_t i = 0; i < engine->options.shards; i++)
		shard_run_commands(&engine->shards[i]);
}

uint16_t engine_shards(const struct engine *engine) {
	return engine->options.shards;
}

struct shard *engine_shard(struct engine *engine, uint16_t number) {
	return &engine->shards[number];
}

const struct engine_options *engine_get_options(const struct engine *engine) {
	return &engine->options;
}

uint64_t engine_epoch(const struct engine *engine) {
	return atomic_load_explicit(&engine->epoch, memory_order_acquire);
}

void engine_post(struct engine *engine, uint16_t shard, struct command *command) {
	if (inbox_push(&engine->shards[shard].inbox, &command->item))
		loop_wake(engine->shards[shard].loop);
}

struct each {
	struct command command; /* first */
	void (*run)(struct shard *shard, void *context);
	void *context;
	sem_t *done;
};

static void run_each(struct shard *shard, struct command *command) {
	const struct each *each = (const struct each *)command;
	sem_t *done = each->done;
	each->run(shard, each->context);
	/* From here on the waiting thread may go on, and with it all of this. */
	(void)sem_post(done);
}

void engine_each(struct engine *engine, void (*run)(struct shard *shard, void *context),
				 void *context) {
	uint16_t shards = engine->options.shards;
	for (uint16_t i = 0; !engine->running && i < shards; i++) {
		shard_run_commands(&engine->shards[i]);
		run(&engine->shards[i], context);
	}
	if (!engine->running)
		return;
	sem_t done;
	struct each commands[INTERFACE_SHARDS_MAX];
	(void)sem_init(&done, 0, 0);
	for (uint16_t i = 0; i < shards; i++) {
		commands[i] =
			(struct each){.command.run = run_each, .run = run, .context = context, .done = &done};
		engine_post(engine, i, &commands[i].command);
	}
	for (uint16_t i = 0; i < shards; i++)
		while (sem_wait(&done)) /* a signal */
			;
	(void)sem_destroy(&done);
}

static void do_nothing(struct shard *shard, void *context) {
	(void)shard;
	(void)context;
}

void engine_pass(struct engine *engine) {
	for (uint16_t i = 0; !engine->running && i < engine->options.shards; i++)
		shard_turn(&engine->shards[i]);
	/* A command is run at a turn's beginning: the second one's turn comes behind the first's end.
	 */
	for (int turn = 0; engine->running && turn < 2; turn++)
		engine_each(engine, do_nothing, NULL);
}

/* Every shard passes a turn, sleeping ones too. */
static void advance(struct engine *engine) {
	(void)atomic_fetch_add_explicit(&engine->epoch, 1, memory_order_acq_rel);
	for (uint16_t i = 0; i < engine->options.shards; i++)
		loop_wake(engine->shards[i].loop);
}

void engine_publish(struct engine *engine, struct interface *interface,
					const struct snapshot *snapshot) {
	atomic_store_explicit(&interface->snapshot, snapshot, memory_order_release);
	advance(engine);
}

void engine_retire(struct engine *engine, void (*release)(void *pointer), void *pointer) {
	struct retired *retired = malloc(sizeof *retired);
	if (!retired)
		return;
	*retired = (struct retired){
		.epoch = atomic_load_explicit(&engine->epoch, memory_order_relaxed),
		.release = release,
		.pointer = pointer,
	};
	list_append(&engine->retired, &retired->link);
	advance(engine);
}

/* The epoch that every shard has begun a turn in. */
static uint64_t slowest(const struct engine *engine) {
	uint64_t least = UINT64_MAX;
	for (uint16_t i = 0; i < engine->options.shards; i++) {
		uint64_t seen = atomic_load_explicit(&engine->shards[i].seen_epoch, memory_order_acquire);
		if (seen < least)
			least = seen;
	}
	return least;
}

bool engine_collect(struct engine *engine) {
	if (list_is_empty(&engine->retired))
		return false;
	uint64_t seen = slowest(engine);
	uint64_t epoch = atomic_load_explicit(&engine->epoch, memory_order_relaxed);
	bool waits = false; /* a stage began here, whose turns come from here */
	list_for_each (link, &engine->retired) {
		struct retired *retired = list_item(link, struct retired, link);
		/*
		 * Retired in epoch e: turns that began in e may use it and send its name to other shards.
		 * Once all have passed a turn that began later, no more names are sent; what travels is
		 * taken by the turns that begin from now on. Epochs alone do not tell: several may go by
		 * within one turn.
		 */
		if (seen <= retired->epoch)
			break;
		if (!retired->unnamed) {
			retired->unnamed = true;
			retired->epoch = epoch;
			waits = true;
			continue;
		}
		list_remove(link);
		retired->release(retired->pointer);
		free(retired);
	}
	if (waits)
		advance(engine);
	return !list_is_empty(&engine->retired);
}

void engine_settle(struct engine *engine) {
	if (!engine->running)
		return;
	advance(engine);
	uint64_t target = engine_epoch(engine);
	for (int tries = 0; tries < SETTLE_TRIES && slowest(engine) < target; tries++)
		(void)usleep(SETTLE_STEP);
}

void engine_notify(const struct engine *engine) {
	if (engine->options.notify)
		engine->options.notify(engine->options.notify_context);
}
