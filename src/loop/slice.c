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

enum err slice_request(uint64_t nanoseconds) {
	struct attributes attributes = {.size = 0};
	if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0)
		return err_from_errno(errno);
	if (attributes.policy != SCHED_OTHER)
		return ERR_UNSUPPORTED;
	attributes.size = sizeof attributes;
	attributes.flags = 0;
	attributes.runtime = nanoseconds;
	return syscall(SYS_sched_setattr, 0, &attributes, 0) == 0 ? ERR_OK : err_from_errno(errno);
}
