#include "loop/clock_watch.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

#define SUSPENSION_MIN (100 * CLOCK_MILLISECOND)

static uint64_t read_suspended(void) {
	uint64_t awake = clock_awake_now(), all = clock_now();
	return all > awake ? all - awake : 0;
}

/* Far away: the timer is there to be cancelled when the clock jumps. */
static enum err arm(int descriptor) {
	const struct itimerspec never = {.it_value.tv_sec = INT_MAX};
	if (timerfd_settime(descriptor, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) &&
		errno != ECANCELED)
		return err_from_errno(errno);
	return ERR_OK;
}

enum err clock_watch_open(struct clock_watch *watch) {
	int descriptor = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (descriptor < 0)
		return err_from_errno(errno);
	enum err error = arm(descriptor);
	if (error) {
		(void)close(descriptor);
		return error;
	}
	*watch = (struct clock_watch){.descriptor = descriptor, .suspended = read_suspended()};
	return ERR_OK;
}

void clock_watch_close(struct clock_watch *watch) {
	if (watch->descriptor >= 0)
		(void)close(watch->descriptor);
	watch->descriptor = -1;
}

unsigned clock_watch_judge(struct clock_watch *watch, uint64_t suspended) {
	unsigned news = CLOCK_WATCH_SET;
	if (suspended >= watch->suspended + SUSPENSION_MIN)
		news |= CLOCK_WATCH_RESUMED;
	watch->suspended = suspended;
	return news;
}

unsigned clock_watch_read(struct clock_watch *watch) {
	uint64_t count;
	ssize_t size = read(watch->descriptor, &count, sizeof count);
	bool changed = size >= 0 || errno == ECANCELED;
	/* What cannot be armed again does not wake anybody in vain either: it is disarmed. */
	(void)!arm(watch->descriptor);
	return changed ? clock_watch_judge(watch, read_suspended()) : 0;
}
