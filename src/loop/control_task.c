#include "loop/control_task.h"

#include <stdlib.h>
#include <uv.h>

#include "loop/control_loop.h"

/* While a handle of this kind is active the loop does not wait, and runs it before it looks. */
struct control_task {
	uv_idle_t uv; /* its close callback frees the task */
	void (*run)(void *context);
	void *context;
};

static void turn_ends(uv_idle_t *uv) {
	struct control_task *task = uv->data;
	(void)uv_idle_stop(uv);
	task->run(task->context);
}

enum err control_task_new(struct control_loop *loop, void (*run)(void *context), void *context,
						  struct control_task **out_task) {
	struct control_task *task = calloc(1, sizeof *task);
	if (!task)
		return ERR_NO_MEMORY;
	(void)uv_idle_init(control_loop_native(loop), &task->uv); /* cannot fail */
	task->uv.data = task;
	task->run = run;
	task->context = context;
	*out_task = task;
	return ERR_OK;
}

void control_task_set(struct control_task *task) {
	(void)uv_idle_start(&task->uv, turn_ends); /* nothing where it is active already */
}

static void free_task(uv_handle_t *handle) {
	free(handle->data);
}

void control_task_free(struct control_task *task) {
	if (task)
		uv_close((uv_handle_t *)&task->uv, free_task);
}
