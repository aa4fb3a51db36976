#include "loop/control_work.h"

#include <stdlib.h>
#include <uv.h>

#include "loop/control_loop.h"
#include "loop/slice.h"

enum {
	NICE = 10, /* a tenth of what others get, where all want the processor */
};

struct work {
	uv_work_t uv;
	void (*run)(void *context);
	void (*done)(void *context);
	void *context;
};

static void run(uv_work_t *uv) {
	const struct work *work = uv->data;
	/* Where the system says no, it is done all the same. */
	(void)!slice_give_way(NICE);
	work->run(work->context);
}

static void finish(uv_work_t *uv, int status) {
	struct work *work = uv->data;
	void (*done)(void *context) = work->done;
	void *context = work->context;
	free(work);
	done(context);
}

enum err control_work_start(struct control_loop *loop, void (*run_it)(void *context),
							void (*done)(void *context), void *context) {
	struct work *work = calloc(1, sizeof *work);
	if (!work)
		return ERR_NO_MEMORY;
	work->uv.data = work;
	work->run = run_it;
	work->done = done;
	work->context = context;
	/* Fails only without a function to run. */
	(void)uv_queue_work(control_loop_native(loop), &work->uv, run, finish);
	return ERR_OK;
}

void control_work_finish(struct control_loop *loop) {
	uv_loop_t *uv = control_loop_native(loop);
	/* Nothing else here makes requests of the loop. */
	while (uv->active_reqs.count > 0)
		(void)uv_run(uv, UV_RUN_ONCE);
}

unsigned control_work_processors(void) {
	return uv_available_parallelism();
}
