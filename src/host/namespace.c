#include "host/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>

enum err namespace_open_own(int *out_descriptor) {
	int descriptor = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (descriptor < 0)
		return err_from_errno(errno);
	*out_descriptor = descriptor;
	return ERR_OK;
}

bool namespace_same(int left, int right) {
	struct stat l, r;
	return fstat(left, &l) == 0 && fstat(right, &r) == 0 && l.st_dev == r.st_dev &&
		   l.st_ino == r.st_ino;
}

enum err namespace_run(int inside, int home, enum err (*run)(void *context), void *context) {
	if (setns(inside, CLONE_NEWNET))
		return err_from_errno(errno);
	enum err error = run(context);
	if (setns(home, CLONE_NEWNET))
		abort();
	return error;
}
