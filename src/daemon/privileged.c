#include "daemon/privileged.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/privileged_parts.h"

static enum err open_signals(struct privileged *privileged) {
	const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD};
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

static void read_signals(void *context, uint32_t events) {
	struct privileged *privileged = context;
	struct signalfd_siginfo info;
	while (read(privileged->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo != SIGCHLD) {
			privileged->ops->signalled(privileged, (int)info.ssi_signo);
			continue;
		}
		uint64_t now = clock_now();
		privileged_reap_net(privileged, now);
		if (privileged->ops->reap)
			privileged->ops->reap(privileged, now);
	}
}

static enum err open_all(struct privileged *privileged) {
	enum err error = open_signals(privileged);
	if (!error)
		error = loop_new(&privileged->loop);
	if (!error)
		error = supervisor_init(&privileged->net);
	if (error)
		return error;
	privileged->signal_source = (struct loop_source){.ready = read_signals, .context = privileged};
	return loop_add(privileged->loop, privileged->signals, EPOLLIN, &privileged->signal_source);
}

enum err privileged_init(struct privileged *privileged, const struct privileged_options *options,
						 const struct privileged_ops *ops, void *program) {
	*privileged = (struct privileged){
		.options = *options,
		.ops = ops,
		.program = program,
		.net = {.executable = -1, .channel = -1, .restart_at = CLOCK_NEVER},
		.ready_by = CLOCK_NEVER,
		.watch.clock.descriptor = -1,
		.signals = -1,
	};
	list_init(&privileged->asked);
	enum err error = open_all(privileged);
	if (error)
		log_error("start: %s", err_text(error));
	else
		privileged_watch_open(privileged);
	return error;
}

/* Does what is due; a program's part comes last, as it may need what is done here. */
static uint64_t run_timers(struct privileged *privileged, uint64_t now) {
	for (uint16_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++)
		if (privileged->attachments[slot])
			privileged_run_attachment(privileged->attachments[slot], now);
	if (now >= privileged->ready_by) {
		log_error("the net process does not become ready");
		privileged->ready_by = CLOCK_NEVER;
		supervisor_kill(&privileged->net);
	}
	if (now >= privileged_asked_deadline(privileged)) {
		log_error("the net process does not answer");
		privileged_asked_expired(privileged);
		supervisor_kill(&privileged->net);
	}
	if (now >= privileged->net.restart_at)
		privileged_start_net(privileged, now);
	privileged_watch_run(privileged, now);
	return privileged->ops->run && !privileged->ending ? privileged->ops->run(privileged, now)
													   : CLOCK_NEVER;
}

static uint64_t earlier(uint64_t left, uint64_t right) {
	return left < right ? left : right;
}

static enum err serve(struct privileged *privileged) {
	uint64_t next = 0; /* the program's */
	while (!privileged->ending) {
		uint64_t deadline =
			earlier(next, earlier(privileged->ready_by, privileged->net.restart_at));
		deadline = earlier(deadline, privileged_asked_deadline(privileged));
		deadline = earlier(deadline, privileged_watch_deadline(privileged));
		for (uint16_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++)
			if (privileged->attachments[slot])
				deadline = earlier(deadline,
								   privileged_attachment_deadline(privileged->attachments[slot]));
		enum err error = loop_wait(privileged->loop, clock_now(), deadline);
		if (error && error != ERR_AGAIN) {
			log_error("waiting for events: %s", err_text(error));
			return error;
		}
		if (!privileged->ending)
			next = run_timers(privileged, clock_now());
	}
	return ERR_OK;
}

enum err privileged_serve(struct privileged *privileged) {
	privileged_start_net(privileged, clock_now());
	enum err error = serve(privileged);
	privileged_stop_net(privileged);
	return error;
}

void privileged_done(struct privileged *privileged) {
	for (uint16_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++)
		attachment_free(privileged->attachments[slot]);
	privileged_forget_asked(privileged);
	privileged_watch_close(privileged);
	supervisor_done(&privileged->net);
	loop_free(privileged->loop);
	privileged->loop = NULL;
	if (privileged->signals >= 0)
		(void)close(privileged->signals);
	privileged->signals = -1;
}

enum err privileged_free_slot(const struct privileged *privileged, uint16_t *out_slot) {
	for (uint16_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++) {
		if (!privileged->attachments[slot]) {
			*out_slot = slot;
			return ERR_OK;
		}
	}
	return ERR_LIMIT;
}
