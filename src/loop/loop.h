#pragma once

#include <stdint.h>

#include "base/error.h"

/*
 * What one thread waits in: descriptors by epoll, level-triggered, a deadline in nanoseconds, and
 * wakes from other threads. All but loop_wake() is called by that thread alone.
 */

struct loop;

struct loop_source {
	/* events are EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP. It may add and remove any source. */
	void (*ready)(void *context, uint32_t events);
	void *context;
};

enum err loop_new(struct loop **out_loop);
/* The descriptors of the sources stay open. */
void loop_free(struct loop *loop);

/* The source is the caller's and lives until it is removed. ERR_EXISTS: descriptor is there. */
enum err loop_add(struct loop *loop, int descriptor, uint32_t events,
				  const struct loop_source *source);
/* Waits for other events from now on; ERR_NOT_FOUND when the descriptor was not added. */
enum err loop_change(struct loop *loop, int descriptor, uint32_t events);
/*
 * To be called before the descriptor is closed. The source is not called any more, not even with
 * events that were reported already. A descriptor that was not added is ignored.
 */
void loop_remove(struct loop *loop, int descriptor);

/*
 * Waits until a source is ready, somebody wakes the loop, or the deadline (CLOCK_NEVER: no end;
 * not after now: no waiting), and calls the ready sources. A signal ends the wait early. Not to be
 * called by a source.
 */
enum err loop_wait(struct loop *loop, uint64_t now, uint64_t deadline);

/*
 * From any thread: the present loop_wait(), or else the next one, returns without waiting any
 * longer. What was written before is seen after that return. Wakes that nobody waited for coalesce.
 */
void loop_wake(struct loop *loop);

/* Milliseconds for waits that know no smaller unit: rounded up, so that no deadline is early. */
int loop_milliseconds(uint64_t nanoseconds);
