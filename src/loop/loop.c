#include "loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/list.h"

enum { EVENTS_PER_WAIT = 32 };

/*
 * The kernel hands back a pointer to one of these. One that is removed while events are handed
 * out may be among them, so it is freed only after the last one.
 */
struct registration {
	struct list link;
	const struct loop_source *source; /* NULL once removed */
	int descriptor;
};

struct loop {
	int epoll;
	int wake_event;
	atomic_bool woken; /* wake_event has been, or is just being, written */
	bool dispatching;
	bool no_nanoseconds; /* the kernel has no epoll_pwait2() */
	struct list registrations;
	struct list removed;
};

static enum err watch_wakes(const struct loop *loop) {
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake_event, &event))
		return err_from_errno(errno);
	return ERR_OK;
}

enum err loop_new(struct loop **out_loop) {
	struct loop *loop = calloc(1, sizeof *loop);
	if (!loop)
		return ERR_NO_MEMORY;
	list_init(&loop->registrations);
	list_init(&loop->removed);
	atomic_init(&loop->woken, false);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	enum err error = loop->epoll < 0 ? err_from_errno(errno) : ERR_OK;
	loop->wake_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!error && loop->wake_event < 0)
		error = err_from_errno(errno);
	if (!error)
		error = watch_wakes(loop);
	if (error) {
		loop_free(loop);
		return error;
	}
	*out_loop = loop;
	return ERR_OK;
}

static void free_registrations(struct list *head) {
	list_for_each (link, head)
		free(list_item(link, struct registration, link));
	list_init(head);
}

void loop_free(struct loop *loop) {
	if (!loop)
		return;
	assert(!loop->dispatching);
	free_registrations(&loop->registrations);
	free_registrations(&loop->removed);
	cleanup_close(&loop->wake_event);
	cleanup_close(&loop->epoll);
	free(loop);
}

static struct registration *find_registration(struct loop *loop, int descriptor) {
	list_for_each (link, &loop->registrations) {
		struct registration *registration = list_item(link, struct registration, link);
		if (registration->descriptor == descriptor)
			return registration;
	}
	return NULL;
}

enum err loop_add(struct loop *loop, int descriptor, uint32_t events,
				  const struct loop_source *source) {
	if (find_registration(loop, descriptor))
		return ERR_EXISTS;
	auto_free struct registration *registration = calloc(1, sizeof *registration);
	if (!registration)
		return ERR_NO_MEMORY;
	registration->source = source;
	registration->descriptor = descriptor;
	struct epoll_event event = {.events = events, .data.ptr = registration};
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, descriptor, &event))
		return err_from_errno(errno);
	list_append(&loop->registrations, &registration->link);
	(void)cleanup_steal(registration);
	return ERR_OK;
}

enum err loop_change(struct loop *loop, int descriptor, uint32_t events) {
	struct registration *registration = find_registration(loop, descriptor);
	if (!registration)
		return ERR_NOT_FOUND;
	struct epoll_event event = {.events = events, .data.ptr = registration};
	if (epoll_ctl(loop->epoll, EPOLL_CTL_MOD, descriptor, &event))
		return err_from_errno(errno);
	return ERR_OK;
}

void loop_remove(struct loop *loop, int descriptor) {
	struct registration *registration = find_registration(loop, descriptor);
	if (!registration)
		return;
	(void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, descriptor, NULL);
	registration->source = NULL;
	list_remove(&registration->link);
	if (loop->dispatching)
		list_append(&loop->removed, &registration->link);
	else
		free(registration);
}

int loop_milliseconds(uint64_t nanoseconds) {
	uint64_t rest = nanoseconds % CLOCK_MILLISECOND;
	uint64_t milliseconds = nanoseconds / CLOCK_MILLISECOND + (rest != 0);
	return milliseconds < INT_MAX ? (int)milliseconds : INT_MAX;
}

/* The number of events, or -1 with errno. */
static int wait_for_events(struct loop *loop, struct epoll_event *events, uint64_t now,
						   uint64_t deadline) {
	uint64_t nanoseconds = deadline > now ? deadline - now : 0;
	if (!loop->no_nanoseconds) {
		struct timespec timeout = {
			.tv_sec = (time_t)(nanoseconds / CLOCK_SECOND),
			.tv_nsec = (long)(nanoseconds % CLOCK_SECOND),
		};
		int count = epoll_pwait2(loop->epoll, events, EVENTS_PER_WAIT,
								 deadline == CLOCK_NEVER ? NULL : &timeout, NULL);
		/* EPERM comes from sandboxes that do not know the call. */
		if (count >= 0 || (errno != ENOSYS && errno != EPERM))
			return count;
		loop->no_nanoseconds = true;
	}
	return epoll_wait(loop->epoll, events, EVENTS_PER_WAIT,
					  deadline == CLOCK_NEVER ? -1 : loop_milliseconds(nanoseconds));
}

/*
 * Reads before it clears the flag: a wake in between needs no second write, because its sender's
 * messages are seen after this; the other way round its write would be swallowed.
 */
static void take_wakes(struct loop *loop) {
	uint64_t count;
	ssize_t size = read(loop->wake_event, &count, sizeof count);
	(void)size;
	(void)atomic_exchange_explicit(&loop->woken, false, memory_order_acq_rel);
}

enum err loop_wait(struct loop *loop, uint64_t now, uint64_t deadline) {
	assert(!loop->dispatching);
	struct epoll_event events[EVENTS_PER_WAIT];
	int count = wait_for_events(loop, events, now, deadline);
	if (count < 0)
		return errno == EINTR ? ERR_OK : err_from_errno(errno);
	loop->dispatching = true;
	for (int i = 0; i < count; i++) {
		const struct registration *registration = events[i].data.ptr;
		if (!registration)
			take_wakes(loop);
		else if (registration->source)
			registration->source->ready(registration->source->context, events[i].events);
	}
	loop->dispatching = false;
	free_registrations(&loop->removed);
	return ERR_OK;
}

void loop_wake(struct loop *loop) {
	if (atomic_exchange_explicit(&loop->woken, true, memory_order_acq_rel))
		return;
	uint64_t one = 1;
	ssize_t size;
	do {
		size = write(loop->wake_event, &one, sizeof one);
	} while (size < 0 && errno == EINTR);
}
