#pragma once

#include "base/error.h"

/*
 * Work that takes long, by a thread beside the loop, which goes on meanwhile. Such threads give way
 * to all others of the machine, where the system lets them.
 */

struct control_loop;

/*
 * run() is called on another thread, then done() on the loop's, some turns later; the loop may not
 * be freed before that. ERR_NO_MEMORY.
 */
enum err control_work_start(struct control_loop *loop, void (*run)(void *context),
							void (*done)(void *context), void *context);

/* Waits until all that was started is done, also on a loop that was stopped. */
void control_work_finish(struct control_loop *loop);

/* How many processors there are for it, at least 1. */
unsigned control_work_processors(void);
