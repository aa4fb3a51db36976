#include "daemon/privileged.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/hardening.h"

#define ACCEPT_PAUSE (100 * CLOCK_MILLISECOND)

enum { ACCEPTS_PER_TURN = 16 };

void privileged_ready(struct privileged *privileged) {
	if (daemonize_ready(&privileged->daemonize)) {
		log_error("the start was interrupted");
		privileged->ending = true;
		privileged->status = EXIT_FAILURE;
		return;
	}
	log_init(privileged->options->log_level, privileged->log_name);
	if (!privileged->options->foreground) {
		log_to_syslog();
		hardening_detach_terminal();
		privileged->detached = true;
	}
	log_info("ready");
}

static void read_signals(void *context, uint32_t events) {
	struct privileged *privileged = context;
	struct signalfd_siginfo info;
	while (read(privileged->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			privileged_reap_net(privileged, clock_now());
			break;
		case SIGHUP:
			/* In the background nobody hangs up. */
			if (!privileged->options->foreground)
				break;
			log_info("the terminal hung up, ending");
			privileged->ending = true;
			break;
		default:
			log_info("signal %u, ending", info.ssi_signo);
			privileged->ending = true;
			break;
		}
	}
}

static void link_readable(void *context, uint32_t events) {
	struct privileged *privileged = context;
	if (link_read(privileged->link))
		privileged_refresh_link(privileged);
}

static void watch_readable(void *context, uint32_t events) {
	struct privileged *privileged = context;
	if (!unix_listener_gone(&privileged->listener))
		return;
	log_info("the configuration socket was deleted, ending");
	privileged->ending = true;
}

/* Connections wait in the socket's queue while no net process is ready. */
static void listener_readable(void *context, uint32_t events) {
	struct privileged *privileged = context;
	const struct process_message message = {.type = PROCESS_CONNECTION};
	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
		int connection;
		enum err error = unix_listener_accept(&privileged->listener, &connection);
		if (error == ERR_AGAIN)
			return;
		if (!error) {
			error = channel_send(privileged->net.channel, &message, &connection, 1);
			(void)close(connection);
		}
		if (error) {
			/* Out of descriptors or the net process does not read: not in a busy loop. */
			log_warning("a configuration connection was not served: %s", err_text(error));
			loop_remove(privileged->loop, privileged->listener.descriptor);
			privileged->listening = false;
			privileged->listen_again = clock_now() + ACCEPT_PAUSE;
			return;
		}
	}
}

static void listen_again(struct privileged *privileged, uint64_t now) {
	privileged->listen_again = now + ACCEPT_PAUSE;
	if (loop_add(privileged->loop, privileged->listener.descriptor, EPOLLIN,
				 &privileged->listener_source))
		return;
	privileged->listening = true;
	privileged->listen_again = CLOCK_NEVER;
}

static enum err add_sources(struct privileged *privileged) {
	const struct {
		struct loop_source *source;
		void (*ready)(void *context, uint32_t events);
		int descriptor; /* -1: added later */
	} rows[] = {
		{&privileged->signal_source, read_signals, privileged->signals},
		{&privileged->link_source, link_readable, link_descriptor(privileged->link)},
		{&privileged->watch_source, watch_readable, privileged->listener.watch},
		{&privileged->listener_source, listener_readable, -1},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		*rows[i].source = (struct loop_source){.ready = rows[i].ready, .context = privileged};
		if (rows[i].descriptor < 0)
			continue;
		enum err error = loop_add(privileged->loop, rows[i].descriptor, EPOLLIN, rows[i].source);
		if (error)
			return error;
	}
	return ERR_OK;
}

static void run_timers(struct privileged *privileged, uint64_t now) {
	if (now >= privileged->link_at) {
		privileged_refresh_link(privileged);
		privileged_send_link(privileged);
	}
	if (now >= privileged->listen_again)
		listen_again(privileged, now);
	if (now >= privileged->ready_by) {
		log_error("the net process does not become ready");
		privileged->ready_by = CLOCK_NEVER;
		supervisor_kill(&privileged->net);
	}
	if (now >= privileged->net.restart_at)
		privileged_start_net(privileged, now);
}

static uint64_t earlier(uint64_t left, uint64_t right) {
	return left < right ? left : right;
}

static enum err serve(struct privileged *privileged) {
	while (!privileged->ending) {
		uint64_t deadline = earlier(earlier(privileged->link_at, privileged->listen_again),
									earlier(privileged->ready_by, privileged->net.restart_at));
		enum err error = loop_wait(privileged->loop, clock_now(), deadline);
		if (error && error != ERR_AGAIN) {
			log_error("waiting for events: %s", err_text(error));
			return error;
		}
		if (!privileged->ending)
			run_timers(privileged, clock_now());
	}
	return ERR_OK;
}

static enum err run(struct privileged *privileged) {
	enum err error = privileged_setup(privileged);
	if (error)
		return error;
	error = add_sources(privileged);
	if (error) {
		log_error("start: %s", err_text(error));
		return error;
	}
	privileged_start_net(privileged, clock_now());
	error = serve(privileged);
	privileged_stop_net(privileged);
	return error;
}

int privileged_run(const struct options *options) {
	hardening_clean_descriptors(3);
	struct privileged privileged = {
		.options = options,
		.daemonize = {.parent = -1},
		.listener = {.descriptor = -1, .watch = -1},
		.net = {.executable = -1, .channel = -1, .restart_at = CLOCK_NEVER},
		.journal = -1,
		.signals = -1,
		.link_at = CLOCK_NEVER,
		.listen_again = CLOCK_NEVER,
		.ready_by = CLOCK_NEVER,
	};
	(void)snprintf(privileged.log_name, sizeof privileged.log_name, "umbra-wg: %s", options->name);
	/* A failure of the start is told at every level, what happens later by the level asked for. */
	log_init(options->log_level < LOG_ERROR ? LOG_ERROR : options->log_level, privileged.log_name);
	enum err error = ERR_OK;
	if (!options->foreground)
		error = daemonize_begin(&privileged.daemonize);
	hardening_apply();
	if (error)
		log_error("going to the background: %s", err_text(error));
	else
		error = run(&privileged);
	privileged_done(&privileged);
	/* The name with the interface's is this function's. */
	log_init(options->log_level, "umbra-wg");
	return error ? EXIT_FAILURE : privileged.status;
}
