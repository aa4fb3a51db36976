#include "daemon/hardening.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

enum { FILES_WANTED = 32768 };

static void lock_memory(void) {
	/* Without the capability the small RLIMIT_MEMLOCK would make later allocations fail. */
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
	/* net and control keep their memory locked when they have lost the capability. */
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	(void)setrlimit(RLIMIT_MEMLOCK, &all);
	if (syscall(SYS_capget, &header, data) == 0 && (data[0].effective & (1U << CAP_IPC_LOCK)))
		(void)mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

/* Each shard of each tunnel needs a queue, two sockets and a wait; a low limit is not meant. */
static void raise_file_limit(void) {
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= FILES_WANTED)
		return;
	limit.rlim_cur = limit.rlim_max < FILES_WANTED ? limit.rlim_max : FILES_WANTED;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

void hardening_apply(void) {
	const struct rlimit none = {0};
	(void)setrlimit(RLIMIT_CORE, &none);
	raise_file_limit();
	(void)prctl(PR_SET_DUMPABLE, 0);
	lock_memory();
	(void)umask(077);
	if (chdir("/"))
		return; /* nothing is opened by a relative path */
}

void hardening_clean_descriptors(unsigned first) {
	int descriptor;
	do
		descriptor = open("/dev/null", O_RDWR);
	while (descriptor >= 0 && descriptor <= STDERR_FILENO);
	if (descriptor >= 0 && (unsigned)descriptor < first)
		(void)close(descriptor);
	(void)close_range(first, ~0U, 0);
}

static int null_device = -1; /* for hardening_detach_terminal() */

void hardening_prepare_detach(void) {
	if (null_device < 0)
		null_device = open("/dev/null", O_RDWR | O_CLOEXEC);
}

void hardening_detach_terminal(void) {
	hardening_prepare_detach();
	int descriptor = null_device;
	null_device = -1;
	if (descriptor < 0)
		return;
	for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; standard++)
		(void)dup2(descriptor, standard);
	(void)close(descriptor);
}
