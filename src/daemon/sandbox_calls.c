#include "daemon/sandbox_calls.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* Those between them are listed by number. */
_Static_assert(BPF_PROG_LOAD == 5 && BPF_PROG_ATTACH == 8);

/* clang-format off */
#define ANY(call) {.name = #call}
#define MASKED(call, index, bits, result) \
	{.name = #call, .when = {{SANDBOX_MASKED, index, bits, result}}}
#define EQUAL(call, index, result) MASKED(call, index, UINT64_C(0xffffffff), result)
#define NOT(call, index, result) {.name = #call, .when = {{SANDBOX_DIFFERENT, index, 0, result}}}
#define ABOVE(call, index, result) {.name = #call, .when = {{SANDBOX_ABOVE, index, 0, result}}}
#define OWN(call, index) {.name = #call, .when = {{SANDBOX_OWN, index, 0, 0}}}
#define NOT_OWN(call, index) {.name = #call, .when = {{SANDBOX_NOT_OWN, index, 0, 0}}}

/* clone3() hides its flags from filters; without it the C library uses clone(). */
#define THREAD (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)
#define NEW_NAMESPACE \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
	 CLONE_NEWNET)

/* Set by the kernel's headers of Linux 5.17 and newer. */
#define SET_VMA 0x53564d41

const struct sandbox_call sandbox_calls_fatal[] = {
	/* other programs and processes; a call of clone() that is no thread is a fork */
	ANY(execve), ANY(execveat), ANY(fork), ANY(vfork), MASKED(clone, 0, CLONE_THREAD, 0),
	ANY(process_madvise), ANY(pidfd_open), ANY(pidfd_send_signal), ANY(tkill),
	NOT_OWN(kill, 0), NOT_OWN(tgkill, 0), NOT_OWN(rt_sigqueueinfo, 0), NOT_OWN(rt_tgsigqueueinfo, 0),
	/* another account, namespace, root */
	ANY(setuid), ANY(setgid), ANY(setreuid), ANY(setregid), ANY(setresuid), ANY(setresgid),
	ANY(setgroups), ANY(setfsuid), ANY(setfsgid), ANY(capset), ANY(unshare), ANY(setns),
	ANY(chroot), ANY(pivot_root),
	/* mounts, and files by handle, past the folders that lead to them */
	ANY(mount), ANY(umount), ANY(umount2), ANY(move_mount), ANY(open_tree), ANY(fsopen),
	ANY(fsmount), ANY(fsconfig), ANY(fspick), ANY(mount_setattr), ANY(open_by_handle_at),
	ANY(name_to_handle_at), ANY(mknod), ANY(mknodat), ANY(swapon), ANY(swapoff), ANY(quotactl),
	/* the kernel's programs, modules, keys; ways around this list */
	ANY(bpf), ANY(perf_event_open), ANY(userfaultfd), ANY(io_uring_setup), ANY(io_uring_enter),
	ANY(io_uring_register), ANY(keyctl), ANY(add_key), ANY(request_key), ANY(init_module),
	ANY(finit_module), ANY(delete_module), ANY(kexec_load), ANY(kexec_file_load), ANY(reboot),
	ANY(syslog), ANY(acct), ANY(ioperm), ANY(iopl), ANY(modify_ldt),
	ANY(lookup_dcookie), ANY(fanotify_init), ANY(memfd_secret),
	/* the machine */
	ANY(settimeofday), ANY(clock_settime), ANY(clock_adjtime), ANY(adjtimex), ANY(sethostname),
	ANY(setdomainname), ANY(vhangup),
	/* sockets come from the privileged process; the C library's syslog() may try one of its own */
	NOT(socket, 0, AF_UNIX), ANY(bind), ANY(listen),
	{0},
};

const struct sandbox_call sandbox_calls_debug[] = {
	ANY(ptrace), ANY(process_vm_readv), ANY(process_vm_writev), ANY(pidfd_getfd), ANY(kcmp),
	ANY(personality),
	{0},
};

const struct sandbox_call sandbox_calls_fatal_net[] = {
	ANY(unlink), ANY(unlinkat), ANY(rename), ANY(renameat),
	ANY(renameat2), ANY(link), ANY(linkat), ANY(symlink), ANY(symlinkat), ANY(chmod),
	ANY(fchmod), ANY(fchmodat), ANY(chown), ANY(fchown), ANY(fchownat), ANY(lchown),
	{0},
};

const struct sandbox_call sandbox_calls_fatal_packets[] = {
	ANY(accept), ANY(accept4),
	{0},
};

const struct sandbox_call sandbox_calls_refused[] = {
	/* close() of such a socket waits, also in the process that it is passed to */
	{.name = "setsockopt", .when = {{SANDBOX_MASKED, 1, UINT64_C(0xffffffff), SOL_SOCKET},
									{SANDBOX_MASKED, 2, UINT64_C(0xffffffff), SO_LINGER}}},
	{0},
};

const struct sandbox_call sandbox_calls_common[] = {
	/* descriptors */
	ANY(read), ANY(write), ANY(readv), ANY(writev), ANY(pread64), ANY(pwrite64), ANY(close),
	ANY(lseek), ANY(_llseek), ANY(fstat), ANY(fstat64), MASKED(newfstatat, 3, AT_EMPTY_PATH, AT_EMPTY_PATH),
	ANY(ftruncate), ANY(ftruncate64), ANY(memfd_create), ANY(dup2), ANY(dup3),
	EQUAL(fcntl, 1, F_GETFD), EQUAL(fcntl, 1, F_SETFD), EQUAL(fcntl, 1, F_GETFL),
	EQUAL(fcntl, 1, F_SETFL), EQUAL(fcntl, 1, F_DUPFD_CLOEXEC), EQUAL(fcntl, 1, F_ADD_SEALS),
	EQUAL(fcntl, 1, F_GET_SEALS),
	EQUAL(ioctl, 1, 0x5401 /* TCGETS: is it a terminal */),
	/* waiting */
	ANY(poll), ANY(ppoll), ANY(epoll_create1), ANY(epoll_ctl), ANY(epoll_wait), ANY(epoll_pwait),
	ANY(epoll_pwait2), ANY(eventfd2), ANY(nanosleep), ANY(clock_nanosleep), ANY(clock_gettime),
	ANY(clock_gettime64), ANY(clock_getres), ANY(gettimeofday), ANY(time),
	/* sockets that were given */
	ANY(sendmsg), ANY(recvmsg), ANY(sendmmsg), ANY(recvmmsg), ANY(sendto), ANY(recvfrom),
	ANY(getsockopt), ANY(setsockopt), ANY(getsockname), ANY(getpeername), ANY(shutdown),
	EQUAL(ioctl, 1, 0x8933 /* SIOCGIFINDEX: the interface that an endpoint names */),
	/* memory, never executable */
	ANY(brk), MASKED(mmap, 2, PROT_EXEC, 0), MASKED(mmap2, 2, PROT_EXEC, 0), ANY(munmap),
	ANY(mremap), ANY(madvise), MASKED(mprotect, 2, PROT_EXEC, 0), ANY(mlock), ANY(munlock),
	ANY(getrandom), ANY(membarrier),
	/* threads, and itself */
	MASKED(clone, 0, (THREAD | NEW_NAMESPACE), THREAD), ANY(futex), ANY(futex_time64),
	ANY(futex_waitv), ANY(set_robust_list), ANY(rseq), ANY(set_tid_address), ANY(sched_yield),
	ANY(sched_getaffinity), EQUAL(sched_getattr, 0, 0), EQUAL(sched_setattr, 0, 0), ANY(getcpu),
	EQUAL(prctl, 0, PR_SET_NAME), EQUAL(prctl, 0, PR_GET_NAME), EQUAL(prctl, 0, SET_VMA),
	ANY(getpid), ANY(gettid), ANY(getppid), ANY(getuid), ANY(geteuid), ANY(getgid), ANY(getegid),
	ANY(sigaltstack), ANY(rt_sigaction), ANY(rt_sigprocmask), ANY(rt_sigreturn), OWN(tgkill, 0),
	ANY(restart_syscall), ANY(exit), ANY(exit_group),
	{0},
};

/* A pair of any other type could be connected to other processes' sockets. */
#define PAIR (SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC)

const struct sandbox_call sandbox_calls_streams[] = {
	/* sockets that were given: what they may be connected to is not looked at */
	ANY(connect), ANY(accept4),
	/* a stranger's connection to control */
	{.name = "socketpair", .when = {{SANDBOX_MASKED, 0, UINT64_C(0xffffffff), AF_UNIX},
									{SANDBOX_MASKED, 1, UINT64_C(0xffffffff), PAIR}}},
	/* the loop of a tunnel's thread */
	EQUAL(ioctl, 1, 0x5421 /* FIONBIO */), ANY(pipe2), ANY(uname),
	/* how many descriptors there may be */
	EQUAL(prlimit64, 0, 0), ANY(getrlimit),
	{0},
};

const struct sandbox_call sandbox_calls_control[] = {
	/* the store, and the files of the resolver; Landlock says which */
	ANY(open), ANY(openat), ANY(stat), ANY(lstat), ANY(stat64), ANY(lstat64), ANY(newfstatat),
	ANY(fstatat64), ANY(statx), ANY(access), ANY(faccessat), ANY(faccessat2), ANY(readlink),
	ANY(readlinkat), ANY(getcwd), ANY(getdents64), ANY(fstatfs), ANY(unlink), ANY(unlinkat),
	ANY(mkdir), ANY(mkdirat), ANY(fsync), ANY(fdatasync), ANY(fallocate), ANY(chmod), ANY(fchmod),
	ANY(fchmodat), ANY(fchown), ANY(umask), ANY(utimensat),
	/* its locks; other commands would send signals, or make who opens a file wait */
	EQUAL(fcntl, 1, F_GETLK), EQUAL(fcntl, 1, F_SETLK),
	/* the resolver's and the API's connections */
	ANY(connect), ANY(accept4), ANY(accept), EQUAL(ioctl, 1, 0x5421 /* FIONBIO */),
	EQUAL(ioctl, 1, 0x541b /* FIONREAD */), ANY(pipe2), ANY(dup), ANY(uname), ANY(sysinfo),
	ANY(getrusage), EQUAL(prlimit64, 0, 0), ANY(getrlimit),
	{0},
};

const struct sandbox_call sandbox_calls_forbidden[] = {
	/* namespaces: only back and forth between those of networks */
	NOT(setns, 1, CLONE_NEWNET), ANY(unshare), ANY(chroot), ANY(pivot_root),
	MASKED(clone, 0, CLONE_NEWNS, CLONE_NEWNS), MASKED(clone, 0, CLONE_NEWUSER, CLONE_NEWUSER),
	MASKED(clone, 0, CLONE_NEWPID, CLONE_NEWPID), MASKED(clone, 0, CLONE_NEWNET, CLONE_NEWNET),
	MASKED(clone, 0, CLONE_NEWIPC, CLONE_NEWIPC), MASKED(clone, 0, CLONE_NEWUTS, CLONE_NEWUTS),
	MASKED(clone, 0, CLONE_NEWCGROUP, CLONE_NEWCGROUP),
	/* mounts, which CAP_SYS_ADMIN would allow */
	ANY(mount), ANY(umount), ANY(umount2), ANY(move_mount), ANY(open_tree), ANY(fsopen),
	ANY(fsmount), ANY(fsconfig), ANY(fspick), ANY(mount_setattr), ANY(swapon), ANY(swapoff),
	ANY(quotactl), ANY(quotactl_fd), ANY(open_by_handle_at), ANY(fanotify_init),
	/* the kernel's programs but loading them and attaching them, which host/split_program.c does
	 * to control groups; modules, keys, and the ways around this list */
	EQUAL(bpf, 0, 0), EQUAL(bpf, 0, 1), EQUAL(bpf, 0, 2), EQUAL(bpf, 0, 3), EQUAL(bpf, 0, 4),
	EQUAL(bpf, 0, 6), EQUAL(bpf, 0, 7), ABOVE(bpf, 0, BPF_PROG_ATTACH), ANY(perf_event_open),
	ANY(userfaultfd), ANY(io_uring_setup), ANY(io_uring_enter), ANY(io_uring_register), ANY(keyctl),
	ANY(add_key), ANY(request_key), ANY(init_module), ANY(finit_module), ANY(delete_module),
	ANY(create_module), ANY(kexec_load), ANY(kexec_file_load), ANY(reboot), ANY(acct), ANY(ioperm),
	ANY(iopl), ANY(modify_ldt), ANY(lookup_dcookie), ANY(memfd_secret), ANY(syslog),
	ANY(nfsservctl), ANY(vhangup),
	/* the machine's clock and names */
	ANY(settimeofday), ANY(stime), ANY(clock_settime), ANY(clock_adjtime), ANY(adjtimex),
	ANY(sethostname), ANY(setdomainname),
	{0},
};
/* clang-format on */
