#include "host/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

const char *program_find(const char *name, char path[static PROGRAM_PATH_SIZE]) {
	static const char *const folders[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin"};
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		int size = snprintf(path, PROGRAM_PATH_SIZE, "%s/%s", folders[i], name);
		if (size < PROGRAM_PATH_SIZE && access(path, X_OK) == 0)
			return path;
	}
	return NULL;
}

static enum err explain(enum err error, const char *why,
						char out_problem[static PROGRAM_PROBLEM_SIZE]) {
	(void)snprintf(out_problem, PROGRAM_PROBLEM_SIZE, "%s", why);
	return error;
}

/* A file in memory: the program can read it at its leisure, and nobody waits on a full pipe. */
static enum err make_input(const char *text, size_t size, int *out_descriptor) {
	auto_close int descriptor = memfd_create("umbra-input", MFD_CLOEXEC);
	if (descriptor < 0)
		return err_from_errno(errno);
	for (size_t done = 0; done < size;) {
		ssize_t written = write(descriptor, text + done, size - done);
		if (written < 0 && errno != EINTR)
			return err_from_errno(errno);
		done += written > 0 ? (size_t)written : 0;
	}
	if (lseek(descriptor, 0, SEEK_SET) < 0)
		return err_from_errno(errno);
	*out_descriptor = cleanup_steal_descriptor(&descriptor);
	return ERR_OK;
}

/* Our descriptors close by themselves and by the last action; signals are as at a program's start.
 */
static int spawn(char *const arguments[], int input, int output, pid_t *out_pid) {
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
	char *const environment[] = {path, locale, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	int number = posix_spawn_file_actions_init(&actions);
	if (number)
		return number;
	number = posix_spawnattr_init(&attributes);
	if (number) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return number;
	}
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setsigdefault(&attributes, &all);
	number = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	if (!number)
		number =
			posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (!number)
		number = posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
	if (!number)
		number = posix_spawn_file_actions_addchdir_np(&actions, "/");
	if (!number)
		number = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	if (!number)
		number = posix_spawn(out_pid, arguments[0], &actions, &attributes, arguments, environment);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return number;
}

struct program {
	int output, process; /* its standard error; its pidfd */
	uint64_t until;
	char said[PROGRAM_PROBLEM_SIZE];
	size_t size;
};

/* More than fits is read and forgotten. False at the end. */
static bool read_output(struct program *program) {
	char rest[512];
	size_t room = sizeof program->said - 1 - program->size;
	ssize_t size = read(program->output, room > 0 ? program->said + program->size : rest,
						room > 0 ? room : sizeof rest);
	if (size > 0 && room > 0)
		program->size += (size_t)size;
	return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Until it has ended; false when its time is over. A child of its own may keep the output open. */
static bool watch(struct program *program) {
	for (bool open = true;;) {
		uint64_t now = clock_now();
		if (now >= program->until)
			return false;
		struct pollfd items[] = {{.fd = program->process, .events = POLLIN},
								 {.fd = open ? program->output : -1, .events = POLLIN}};
		int wait = (int)((program->until - now) / CLOCK_MILLISECOND) + 1;
		if (poll(items, 2, wait) < 0 && errno != EINTR)
			return false;
		if (items[1].revents)
			open = read_output(program);
		else if (items[0].revents)
			return true;
	}
}

/* One line, without what could trouble a terminal. */
static void tidy(char *text) {
	size_t size = strlen(text);
	while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == ' '))
		text[--size] = '\0';
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
			*text = ' ';
}

static enum err judge(struct program *program, bool ended, int status,
					  char out_problem[static PROGRAM_PROBLEM_SIZE]) {
	if (!ended)
		return explain(ERR_EXPIRED, "no end after some seconds", out_problem);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return ERR_OK;
	tidy(program->said);
	if (program->said[0])
		return explain(ERR_IO, program->said, out_problem);
	char why[64];
	(void)snprintf(why, sizeof why, "ended with %s %d", WIFEXITED(status) ? "status" : "signal",
				   WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return explain(ERR_IO, why, out_problem);
}

enum err program_run(char *const arguments[], const char *text, size_t size, int milliseconds,
					 char out_problem[static PROGRAM_PROBLEM_SIZE]) {
	auto_close int input = -1;
	int ends[2];
	enum err error = make_input(text, size, &input);
	if (error)
		return explain(error, err_text(error), out_problem);
	if (pipe2(ends, O_CLOEXEC))
		return explain(err_from_errno(errno), err_text(err_from_errno(errno)), out_problem);
	auto_close int output = ends[0], far = ends[1];
	pid_t pid = 0;
	int number = spawn(arguments, input, far, &pid);
	if (number)
		return explain(err_from_errno(number), strerrordesc_np(number), out_problem);
	(void)close(cleanup_steal_descriptor(&far));
	(void)fcntl(output, F_SETFL, O_NONBLOCK);
	auto_close int process = pidfd_open(pid, 0);
	struct program program = {.output = output,
							  .process = process,
							  .until = clock_now() + (uint64_t)milliseconds * CLOCK_MILLISECOND};
	bool ended = process >= 0 && watch(&program);
	int status = 0;
	if (!ended)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return judge(&program, ended, status, out_problem);
}
