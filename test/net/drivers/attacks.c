#include "attacks.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/sandbox.h"

/* Sockets of before the sandbox. */
static int given = -1, given_unix = -1, given_listener = -1;

static int number_of(const char *text) {
	return text ? atoi(text) : 0;
}

/* Attacks on the system: -1 and errno when it was refused. */

static long read_file(const char *path) {
	char byte;
	int file = open(path, O_RDONLY);
	return file < 0 ? -1 : read(file, &byte, 1);
}

static long write_file(const char *path) {
	return open(path, O_WRONLY | O_CREAT, 0600);
}

static long run_program(const char *path) {
	char *const arguments[] = {(char *)(uintptr_t)path, NULL};
	return execve(path, arguments, environ);
}

static long run_memory(const char *path) {
	char data[65536];
	int source = open("/proc/self/exe", O_RDONLY), memory = memfd_create("program", 0);
	(void)path;
	for (ssize_t size; source >= 0 && (size = read(source, data, sizeof data)) > 0;)
		if (write(memory, data, (size_t)size) != size)
			return -1;
	char name[] = "compromised", attack[] = "attack", none[] = "none", nothing[] = "nothing";
	char *const arguments[] = {name, attack, none, nothing, NULL};
	return fexecve(memory, arguments, environ);
}

/* Whoever closes the last descriptor waits then, which may be the process it was passed to. */
static long linger(const char *argument) {
	const struct linger long_time = {1, 3600};
	(void)argument;
	return setsockopt(given, SOL_SOCKET, SO_LINGER, &long_time, sizeof long_time);
}

/* The kernel sends a signal, of any number, to whom the owner of a descriptor is. */
static long own_signals(const char *pid) {
	return fcntl(given, F_SETOWN, number_of(pid));
}

static long choose_signal(const char *argument) {
	(void)argument;
	return fcntl(given, F_SETSIG, SIGKILL);
}

/* Whoever opens the file waits for the holder of a lease, the privileged process as well. */
static long lease(const char *argument) {
	(void)argument;
	int file = memfd_create("leased", 0);
	return file < 0 ? -1 : fcntl(file, F_SETLEASE, F_WRLCK);
}

static long watch_folder(const char *argument) {
	(void)argument;
	return fcntl(given, F_NOTIFY, DN_MODIFY);
}

static long do_nothing(const char *argument) {
	(void)argument;
	return 0;
}

static long make_process(const char *argument) {
	(void)argument;
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	return child < 0 ? -1 : waitpid(child, NULL, 0);
}

static long open_socket(const char *family) {
	return socket(number_of(family), SOCK_RAW, 0);
}

static long connect_unix(const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
	return descriptor < 0 ? -1 : connect(descriptor, (const void *)&address, sizeof address);
}

/* To a port of this host. Nobody need listen there: it is refused before that is known. */
static long connect_tcp(const char *port) {
	const struct sockaddr_in address = {.sin_family = AF_INET,
										.sin_port = htons((uint16_t)number_of(port)),
										.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return connect(given, (const void *)&address, sizeof address);
}

static long connect_abstract(const char *name) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t size = strlen(name);
	if (size >= sizeof address.sun_path)
		return 0;
	memcpy(address.sun_path + 1, name, size);
	return connect(given_unix, (const void *)&address,
				   (socklen_t)(sizeof address.sun_family + 1 + size));
}

static long become_root(const char *argument) {
	(void)argument;
	return setresuid(0, 0, 0);
}

static long trace(const char *pid) {
	return ptrace(PTRACE_SEIZE, number_of(pid), NULL, NULL);
}

static long read_memory(const char *pid) {
	char data[8];
	struct iovec own = {data, sizeof data}, other = {(void *)(uintptr_t)4096, sizeof data};
	return process_vm_readv(number_of(pid), &own, 1, &other, 1, 0);
}

static long signal_process(const char *pid) {
	return kill(number_of(pid), 0);
}

static long open_memory(const char *pid) {
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/%s/mem", pid);
	return open(path, O_RDWR);
}

/* All of these with arguments that do no harm where they are allowed. */

static long mount_nothing(const char *argument) {
	(void)argument;
	return mount(NULL, "/no/such/folder", NULL, MS_REMOUNT, NULL);
}

static long new_user(const char *argument) {
	(void)argument;
	return unshare(CLONE_NEWUSER);
}

static long enter_namespace(const char *argument) {
	(void)argument;
	return setns(-1, CLONE_NEWNET);
}

static long change_root(const char *argument) {
	(void)argument;
	return chroot("/");
}

static long use_io_uring(const char *argument) {
	char parameters[256] = {0}; /* struct io_uring_params */
	(void)argument;
	return syscall(SYS_io_uring_setup, 1, parameters);
}

static long load_bpf(const char *argument) {
	char attributes[64] = {0}; /* BPF_MAP_CREATE of no type */
	(void)argument;
	return syscall(SYS_bpf, 0, attributes, sizeof attributes);
}

static long use_keys(const char *argument) {
	(void)argument;
	return syscall(SYS_keyctl, 0, -2, 1); /* KEYCTL_GET_KEYRING_ID of the process */
}

static long watch_events(const char *argument) {
	(void)argument;
	return syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0);
}

static long load_module(const char *argument) {
	(void)argument;
	return syscall(SYS_finit_module, -1, "", 0);
}

static long open_handle(const char *argument) {
	(void)argument;
	return syscall(SYS_open_by_handle_at, -1, NULL, 0);
}

static long make_code(const char *argument) {
	(void)argument;
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				0) == MAP_FAILED
			   ? -1
			   : 0;
}

/* One that could be connected to other processes' sockets; then to more than one. */
static long make_pair(const char *argument) {
	int ends[2];
	(void)argument;
	return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
}

static long serve(const char *argument) {
	const struct sockaddr_in address = {.sin_family = AF_INET};
	(void)argument;
	return bind(given, (const void *)&address, sizeof address);
}

static long await_others(const char *argument) {
	(void)argument;
	return listen(given, 1);
}

static long run_streams(const char *port) {
	return attacks_run_streams(given, given_listener, (uint16_t)number_of(port));
}

static const struct attack {
	const char *name;
	long (*run)(const char *argument);
} attacks[] = {
	{"nothing", do_nothing},
	{"read", read_file},
	{"write", write_file},
	{"execute", run_program},
	{"execute-memory", run_memory},
	{"fork", make_process},
	{"socket", open_socket},
	{"connect", connect_unix},
	{"connect-tcp", connect_tcp},
	{"connect-abstract", connect_abstract},
	{"root", become_root},
	{"ptrace", trace},
	{"read-memory", read_memory},
	{"signal", signal_process},
	{"open-memory", open_memory},
	{"mount", mount_nothing},
	{"user-namespace", new_user},
	{"setns", enter_namespace},
	{"chroot", change_root},
	{"io_uring", use_io_uring},
	{"bpf", load_bpf},
	{"keyctl", use_keys},
	{"perf", watch_events},
	{"module", load_module},
	{"handle", open_handle},
	{"code", make_code},
	{"linger", linger},
	{"signal-owner", own_signals},
	{"signal-number", choose_signal},
	{"lease", lease},
	{"watch", watch_folder},
	{"pair", make_pair},
	{"bind", serve},
	{"listen", await_others},
	{"streams", run_streams},
};

static int run_attack(const struct attack *attack, const char *argument) {
	errno = 0;
	long result = attack->run(argument);
	bool refused = result < 0 && (errno == EPERM || errno == EACCES);
	(void)printf("%s: %s\n", refused ? "refused" : "done",
				 result < 0 ? strerrorname_np(errno) : "0");
	(void)fflush(stdout);
	return refused;
}

int attacks_main(const char *process, const char *name, const char *argument) {
	struct sandbox sandbox;
	log_init(LOG_ERROR, "compromised");
	bool inside = strcmp(process, "none") != 0;
	given = socket(AF_INET, SOCK_STREAM, 0);
	given_unix = socket(AF_UNIX, SOCK_STREAM, 0);
	if (sandbox_prepare(inside, "umbra", &sandbox))
		return 3;
	given_listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (listen(given_listener, 1))
		return 3;
	bool streams = strcmp(process, "streams") == 0;
	if ((streams || strcmp(process, "net") == 0) && sandbox_enter_net(&sandbox, "auto", streams))
		return 3;
	if (strcmp(process, "control") == 0 && sandbox_enter_control(&sandbox, "."))
		return 3;
	for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
		if (strcmp(attacks[i].name, name) == 0)
			return run_attack(&attacks[i], argument);
	return 4;
}
