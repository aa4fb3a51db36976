#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "daemon/channel.h"
#include "daemon/daemonize.h"
#include "daemon/options.h"
#include "daemon/supervisor.h"
#include "host/link.h"
#include "host/listen.h"
#include "host/tun.h"
#include "host/unix_listener.h"
#include "loop/loop.h"

/*
 * The process that was started: it owns everything that needs privileges, hands descriptors to the
 * net process and keeps what a new one would need. It parses nothing from strangers.
 */

enum {
	PRIVILEGED_OVERHEAD = 32,        /* bytes a packet grows by in the tunnel */
	PRIVILEGED_MTU = 1420,           /* at first */
	PRIVILEGED_MTU_MAX = 65507 - 32, /* such that a packet is one datagram, of IPv4 too */
	PRIVILEGED_ARGUMENTS_MAX = 7,    /* of the net process, with the NULL */
	PRIVILEGED_ARGUMENT_SIZE = 32 + OPTIONS_LIST_SIZE,
	PRIVILEGED_LOG_NAME_SIZE = 48,
};

struct privileged {
	const struct options *options;
	char log_name[PRIVILEGED_LOG_NAME_SIZE];
	struct daemonize daemonize;
	bool detached; /* log and standard descriptors are no longer a terminal's */
	bool ending;
	int status; /* to exit with */

	struct tun tun;
	struct unix_listener listener;
	bool listening;        /* the listener is in the loop */
	uint64_t listen_again; /* after accept failed; CLOCK_NEVER */
	struct listen sockets;
	int journal; /* what the next net process starts from */

	struct link *link;
	struct link_state state; /* that the net process knows, or is to know */
	bool state_unsent;
	uint32_t refused_mtu; /* the last that was too large */
	uint32_t limited_mtu; /* that the limit of large packets was computed from */
	uint64_t link_at;     /* next refresh */

	struct supervisor net;
	uint64_t ready_by; /* the present start must be done */

	int signals; /* signalfd */
	struct loop *loop;
	struct loop_source signal_source, link_source, listener_source, watch_source, net_source;
};

/* The whole process; returns its exit status. */
int privileged_run(const struct options *options);

/* privileged_setup.c: opens everything; logs the one line that tells why it failed. */
enum err privileged_setup(struct privileged *privileged);
void privileged_done(struct privileged *privileged);

/* privileged_link.c: asks for the interface's state, acts on it, and sends it on. */
void privileged_refresh_link(struct privileged *privileged);
/* Sends what could not be sent before. */
void privileged_send_link(struct privileged *privileged);

/* privileged_net.c: the net process and its requests. */
void privileged_start_net(struct privileged *privileged, uint64_t now);
void privileged_reap_net(struct privileged *privileged, uint64_t now);
/* Also for nobody to tell. */
void privileged_stop_net(struct privileged *privileged);
/* In privileged.c: the first start is done. */
void privileged_ready(struct privileged *privileged);
