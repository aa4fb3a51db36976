#include "daemon/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/channel.h"

enum err supervisor_init(struct supervisor *supervisor) {
	*supervisor = (struct supervisor){.channel = -1, .restart_at = CLOCK_NEVER};
	supervisor->executable = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	return supervisor->executable < 0 ? err_from_errno(errno) : ERR_OK;
}

void supervisor_close(struct supervisor *supervisor) {
	if (supervisor->channel >= 0)
		(void)close(supervisor->channel);
	supervisor->channel = -1;
}

void supervisor_done(struct supervisor *supervisor) {
	supervisor_wait(supervisor, 0);
	supervisor_close(supervisor);
	if (supervisor->executable >= 0)
		(void)close(supervisor->executable);
	supervisor->executable = -1;
}

/* Between fork and exec. */
static _Noreturn void become(int executable, int channel, char *const *arguments) {
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* dup2 onto itself would leave it close-on-exec. */
	int result = channel == SUPERVISOR_CHANNEL ? fcntl(channel, F_SETFD, 0)
											   : dup2(channel, SUPERVISOR_CHANNEL);
	if (result >= 0)
		(void)fexecve(executable, arguments, environ);
	_exit(EXIT_FAILURE);
}

enum err supervisor_start(struct supervisor *supervisor, char *const *arguments, uint64_t now) {
	int ends[2];
	enum err error = channel_pair(ends);
	if (error)
		return error;
	auto_close int own = ends[0], other = ends[1];
	/* The channel's place in the child must not be where the program is found. */
	auto_close int executable =
		fcntl(supervisor->executable, F_DUPFD_CLOEXEC, SUPERVISOR_CHANNEL + 1);
	if (executable < 0)
		return err_from_errno(errno);
	pid_t pid = fork();
	if (pid < 0)
		return err_from_errno(errno);
	if (pid == 0)
		become(executable, other, arguments);
	supervisor_close(supervisor);
	supervisor->pid = pid;
	supervisor->channel = cleanup_steal_descriptor(&own);
	supervisor->ready = false;
	supervisor->started = now;
	supervisor->restart_at = CLOCK_NEVER;
	return ERR_OK;
}

bool supervisor_reap(struct supervisor *supervisor, uint64_t now, int *out_status) {
	if (supervisor->pid == 0)
		return false;
	int status = 0;
	pid_t ended = waitpid(supervisor->pid, &status, WNOHANG);
	if (ended != supervisor->pid && !(ended < 0 && errno == ECHILD))
		return false;
	*out_status = status;
	uint64_t lived = now - supervisor->started;
	supervisor->pid = 0;
	supervisor->ready = false;
	supervisor->restart_at = now + backoff_delay(&supervisor->backoff, lived);
	return true;
}

void supervisor_kill(struct supervisor *supervisor) {
	if (supervisor->pid > 0)
		(void)kill(supervisor->pid, SIGKILL);
}

void supervisor_format_status(int status, char out_text[static SUPERVISOR_STATUS_SIZE]) {
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		(void)snprintf(out_text, SUPERVISOR_STATUS_SIZE,
					   "signal %d by its sandbox: it made a forbidden system call, which the "
					   "kernel's log names",
					   SIGSYS);
	else if (WIFSIGNALED(status))
		(void)snprintf(out_text, SUPERVISOR_STATUS_SIZE, "signal %d", WTERMSIG(status));
	else
		(void)snprintf(out_text, SUPERVISOR_STATUS_SIZE, "exit status %d", WEXITSTATUS(status));
}

void supervisor_wait(struct supervisor *supervisor, uint64_t deadline) {
	if (supervisor->pid == 0)
		return;
	auto_close int process = (int)syscall(SYS_pidfd_open, supervisor->pid, 0);
	if (process < 0 || channel_wait(process, POLLIN, deadline))
		supervisor_kill(supervisor);
	(void)waitpid(supervisor->pid, NULL, 0);
	supervisor->pid = 0;
	supervisor_close(supervisor);
}
