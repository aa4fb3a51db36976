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

/* How many processors there are for it, at least 1. */
unsigned control_work_processors(void);
