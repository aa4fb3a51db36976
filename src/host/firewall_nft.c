#include "host/firewall_nft.h"

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

static const char *find_program(void) {
	static const char *const paths[] = {"/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft", "/bin/nft"};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		if (access(paths[i], X_OK) == 0)
			return paths[i];
	return NULL;
}

static enum err explain(enum err error, const char *why,
						char out_problem[static FIREWALL_PROBLEM_SIZE]) {
	(void)snprintf(out_problem, FIREWALL_PROBLEM_SIZE, "nft: %s", why);
	return error;
}

enum err firewall_nft_find(char out_problem[static FIREWALL_PROBLEM_SIZE]) {
	if (find_program())
		return ERR_OK;
	(void)snprintf(out_problem, FIREWALL_PROBLEM_SIZE,
				   "there is no nft program; it is in the package nftables");
	return ERR_NOT_FOUND;
}

/* A file in memory: the program can read it at its leisure, and nobody waits on a full pipe. */
static enum err make_input(const char *text, size_t size, int *out_descriptor) {
	auto_close int descriptor = memfd_create("umbra-nft", MFD_CLOEXEC);
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

struct watched {
	int output, process; /* its standard error; its pidfd */
	uint64_t until;
	char said[FIREWALL_PROBLEM_SIZE - 5]; /* behind "nft: " */
	size_t size;
};

/* More than fits is read and forgotten. False at the end. */
static bool read_output(struct watched *watched) {
	char rest[512];
	size_t room = sizeof watched->said - 1 - watched->size;
	ssize_t size = read(watched->output, room > 0 ? watched->said + watched->size : rest,
						room > 0 ? room : sizeof rest);
	if (size > 0 && room > 0)
		watched->size += (size_t)size;
	return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Until it has ended; false when its time is over. A child of its own may keep the output open. */
static bool watch(struct watched *watched) {
	for (bool open = true;;) {
		uint64_t now = clock_now();
		if (now >= watched->until)
			return false;
		struct pollfd items[] = {{.fd = watched->process, .events = POLLIN},
								 {.fd = open ? watched->output : -1, .events = POLLIN}};
		int wait = (int)((watched->until - now) / CLOCK_MILLISECOND) + 1;
		if (poll(items, 2, wait) < 0 && errno != EINTR)
			return false;
		if (items[1].revents)
			open = read_output(watched);
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

static enum err judge(struct watched *watched, bool ended, int status,
					  char out_problem[static FIREWALL_PROBLEM_SIZE]) {
	if (!ended)
		return explain(ERR_EXPIRED, "no end after some seconds", out_problem);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return ERR_OK;
	tidy(watched->said);
	if (watched->said[0])
		return explain(ERR_IO, watched->said, out_problem);
	char why[64];
	(void)snprintf(why, sizeof why, "ended with %s %d", WIFEXITED(status) ? "status" : "signal",
				   WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return explain(ERR_IO, why, out_problem);
}

enum err firewall_nft_run_program(char *const arguments[], const char *text, size_t size,
								  int milliseconds,
								  char out_problem[static FIREWALL_PROBLEM_SIZE]) {
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
	struct watched watched = {.output = output,
							  .process = process,
							  .until = clock_now() + (uint64_t)milliseconds * CLOCK_MILLISECOND};
	bool ended = process >= 0 && watch(&watched);
	int status = 0;
	if (!ended)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return judge(&watched, ended, status, out_problem);
}

enum err firewall_nft_run(const char *text, size_t size,
						  char out_problem[static FIREWALL_PROBLEM_SIZE]) {
	enum err error = firewall_nft_find(out_problem);
	if (error)
		return error;
	char path[32], json[] = "-j", file[] = "-f", input[] = "-";
	(void)snprintf(path, sizeof path, "%s", find_program());
	char *const arguments[] = {path, json, file, input, NULL};
	return firewall_nft_run_program(arguments, text, size, FIREWALL_NFT_TIMEOUT * 1000,
									out_problem);
}
