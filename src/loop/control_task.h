#pragma once

#include "base/error.h"

/*
 * Work that is put off to the end of the loop's turn, so that what many callbacks ask for is done
 * once: a batch is written by one call, not by one for each of its parts.
 */

struct control_loop;
struct control_task;

enum err control_task_new(struct control_loop *loop, void (*run)(void *context), void *context,
						  struct control_task **out_task);
/*
 * run() is called once before the loop waits again, also when it is asked for many times; asked for
 * from inside run() it is called again after the loop has looked at its descriptors.
 */
void control_task_set(struct control_task *task);
void control_task_free(struct control_task *task); /* NULL-safe; may be called inside run() */
