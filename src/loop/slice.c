#include "loop/slice.h"

#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The first version of the kernel's struct sched_attr, which not every C library declares. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period; /* ns */
};

static enum err set(struct attributes *attributes) {
	attributes->size = sizeof *attributes;
	attributes->flags = 0;
	return syscall(SYS_sched_setattr, 0, attributes, 0) == 0 ? ERR_OK : err_from_errno(errno);
}

/* Of a thread under the ordinary policy, or the one that it has after slice_give_way(). */
static enum err get(struct attributes *out_attributes) {
	struct attributes attributes = {.size = 0};
	if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0)
		return err_from_errno(errno);
	if (attributes.policy != SCHED_OTHER && attributes.policy != SCHED_BATCH)
		return ERR_UNSUPPORTED;
	*out_attributes = attributes;
	return ERR_OK;
}

enum err slice_request(uint64_t nanoseconds) {
	struct attributes attributes = {.size = 0};
	enum err error = get(&attributes);
	if (error)
		return error;
	if (attributes.policy != SCHED_OTHER)
		return ERR_UNSUPPORTED;
	attributes.runtime = nanoseconds;
	return set(&attributes);
}

enum err slice_give_way(int32_t nice) {
	struct attributes attributes = {.size = 0};
	enum err error = get(&attributes);
	if (error)
		return error;
	attributes.policy = SCHED_BATCH;
	if (attributes.nice < nice)
		attributes.nice = nice;
	return set(&attributes);
}
