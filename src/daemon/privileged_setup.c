#include "daemon/privileged.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "wire/uapi.h"

static unsigned count_shards(const struct options *options) {
	if (options->shards > 0)
		return options->shards;
	cpu_set_t processors;
	if (sched_getaffinity(0, sizeof processors, &processors))
		return 1;
	return options_automatic_shards((unsigned)CPU_COUNT(&processors));
}

static const char *explain_tun(enum err error) {
	switch (error) {
	case ERR_EXISTS:
		return "an interface of this name exists already; choose another name, or delete it if it "
			   "is left over";
	case ERR_PERMISSION:
		return "not permitted to create the interface; run it as root (CAP_NET_ADMIN)";
	case ERR_NOT_FOUND:
	case ERR_NO_DEVICE:
	case ERR_WRONG_KIND:
		return "/dev/net/tun is missing or no TUN device; load the module (\"modprobe tun\") or "
			   "give the container "
			   "the device";
	case ERR_INVALID:
		return "the kernel refuses an interface of this name; choose another";
	default:
		return NULL;
	}
}

static enum err open_tun(struct privileged *privileged) {
	const struct options *options = privileged->options;
	struct tun_request request = {
		.name = options->name,
		.queues = count_shards(options),
		.no_header = options->no_offload & OPTIONS_TUN,
		.no_udp = options->no_offload & OPTIONS_TUN_UDP,
	};
	enum err error = tun_open(&request, &privileged->tun);
	if (error == ERR_UNSUPPORTED && request.queues > 1) {
		request.queues = 1;
		log_warning("the kernel has no TUN interfaces of several queues; one shard is used");
		error = tun_open(&request, &privileged->tun);
	}
	if (error) {
		const char *reason = explain_tun(error);
		if (reason)
			log_error("%s", reason);
		else
			log_error("the TUN interface could not be created: %s", err_text(error));
	}
	return error;
}

static enum err open_listener(struct privileged *privileged) {
	char name[TUN_NAME_SIZE + sizeof ".sock"];
	(void)snprintf(name, sizeof name, "%s.sock", privileged->options->name);
	enum err error = unix_listener_open(UAPI_SOCKET_DIRECTORY, name, &privileged->listener);
	if (error == ERR_EXISTS)
		log_error("already running: somebody serves " UAPI_SOCKET_DIRECTORY
				  "/%s, from whichever network namespace",
				  name);
	else if (error == ERR_WRONG_KIND)
		log_error(UAPI_SOCKET_DIRECTORY "/%s is in the way and is no socket; remove it", name);
	else if (error)
		log_error("the configuration socket " UAPI_SOCKET_DIRECTORY "/%s could not be opened: %s",
				  name, err_text(error));
	return error;
}

static enum err open_link(struct privileged *privileged) {
	enum err error = link_new(privileged->tun.queues[0], &privileged->link);
	if (!error)
		error = link_configure(privileged->link, PRIVILEGED_MTU, 0);
	if (!error)
		error = link_refresh(privileged->link, &privileged->state);
	if (!error && link_disable_link_local(privileged->link))
		log_debug("no IPv6 on the interface");
	if (error) {
		log_error("the interface could not be configured: %s", err_text(error));
		return error;
	}
	/* Sets the limit of large packets for the MTU of now. */
	privileged_refresh_link(privileged);
	return ERR_OK;
}

static enum err open_signals(struct privileged *privileged) {
	const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
	sigset_t set;
	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
		(void)sigaddset(&set, taken[i]);
	(void)signal(SIGPIPE, SIG_IGN);
	/* Whoever started us may ignore it, and then the kernel would keep the end of net to itself. */
	(void)signal(SIGCHLD, SIG_DFL);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return err_from_errno(errno);
	privileged->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return privileged->signals < 0 ? err_from_errno(errno) : ERR_OK;
}

static enum err open_own(struct privileged *privileged) {
	enum err error = open_signals(privileged);
	if (!error)
		error = loop_new(&privileged->loop);
	if (!error)
		error = supervisor_init(&privileged->net);
	if (error)
		return error;
	/* Empty: the first net process starts from nothing. */
	privileged->journal = memfd_create("journal", MFD_CLOEXEC);
	return privileged->journal < 0 ? err_from_errno(errno) : ERR_OK;
}

enum err privileged_setup(struct privileged *privileged) {
	enum err error = open_own(privileged);
	if (error) {
		log_error("start: %s", err_text(error));
		return error;
	}
	error = open_tun(privileged);
	if (!error)
		error = open_listener(privileged);
	if (!error)
		error = open_link(privileged);
	return error;
}

void privileged_done(struct privileged *privileged) {
	/* First the file, so that nobody finds a socket that is not served. */
	unix_listener_done(&privileged->listener);
	supervisor_done(&privileged->net);
	listen_done(&privileged->sockets);
	link_free(privileged->link);
	tun_done(&privileged->tun);
	loop_free(privileged->loop);
	if (privileged->journal >= 0)
		(void)close(privileged->journal);
	if (privileged->signals >= 0)
		(void)close(privileged->signals);
}
