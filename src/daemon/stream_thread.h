#pragma once

#include "base/error.h"
#include "base/list.h"

/*
 * A thread with a control_loop, for what a tunnel of streams does. Others have work done there:
 * jobs run in the order in which they were given. Nothing on that thread waits for who gives them.
 */

struct control_loop;
struct stream_thread;

/* Embedded in what it is about; run() may free that. */
struct stream_job {
	struct list link;
	void (*run)(struct stream_job *job);
};

/* name: for whoever looks at the list of threads, cut to 15 characters. */
enum err stream_thread_new(const char *name, struct stream_thread **out_thread);
/* Runs what is left of the jobs and ends it; there must be no watch and timer on its loop then. */
void stream_thread_free(struct stream_thread *thread); /* NULL-safe */

struct control_loop *stream_thread_loop(const struct stream_thread *thread);

void stream_thread_post(struct stream_thread *thread, struct stream_job *job);
/* Waits until it is done. */
void stream_thread_call(struct stream_thread *thread, void (*run)(void *context), void *context);
