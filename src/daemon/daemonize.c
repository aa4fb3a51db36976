#include "daemon/daemonize.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child tells its own errors, on the same standard error. */
static _Noreturn void wait_for_child(int descriptor, pid_t child) {
	char ready;
	ssize_t size;
	do
		size = read(descriptor, &ready, 1);
	while (size < 0 && errno == EINTR);
	if (size == 1)
		_exit(EXIT_SUCCESS);
	(void)waitpid(child, NULL, 0);
	_exit(EXIT_FAILURE);
}

enum err daemonize_begin(struct daemonize *out_daemonize) {
	int ends[2];
	if (pipe2(ends, O_CLOEXEC))
		return err_from_errno(errno);
	pid_t child = fork();
	if (child < 0) {
		enum err error = err_from_errno(errno);
		(void)close(ends[0]);
		(void)close(ends[1]);
		return error;
	}
	if (child > 0) {
		(void)close(ends[1]);
		wait_for_child(ends[0], child);
	}
	(void)close(ends[0]);
	(void)setsid();
	out_daemonize->parent = ends[1];
	return ERR_OK;
}

enum err daemonize_ready(struct daemonize *daemonize) {
	if (daemonize->parent < 0)
		return ERR_OK;
	ssize_t size = write(daemonize->parent, "", 1);
	(void)close(daemonize->parent);
	daemonize->parent = -1;
	return size == 1 ? ERR_OK : ERR_CLOSED;
}
