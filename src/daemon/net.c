#include "daemon/net.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/hardening.h"
#include "daemon/net_arguments.h"
#include "daemon/net_channel.h"
#include "daemon/net_peering.h"
#include "daemon/net_tunnels.h"
#include "daemon/supervisor.h"
#include "loop/loop.h"

#define START_TIMEOUT (10 * CLOCK_SECOND)

enum { LOG_NAME_SIZE = 48 };

struct net {
	struct net_channel channel;
	struct net_peering peering;
	struct net_tunnels tunnels;
	struct loop *loop;
	struct loop_source source;
	struct net_arguments arguments;
	char log_name[LOG_NAME_SIZE];
	bool ending; /* it was told to stop, and does when all have ended in peace */
	bool stop;
	int status;
};

/* Signals from a terminal or a service manager reach all processes; the privileged one decides. */
static void ignore_signals(void) {
	const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE};
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		(void)signal(ignored[i], SIG_IGN);
}

static void log_to(struct net *net, const char *target) {
	if (strcmp(net->arguments.log, target) != 0)
		return;
	log_to_syslog();
	hardening_detach_terminal();
}

static const char *text_of(int number) {
	return number ? strerror(number) : "";
}

static void handle(struct net *net, struct channel_message *message) {
	struct net_tunnels *tunnels = &net->tunnels;
	switch (message->message.type) {
	case PROCESS_ATTACH:
		net_tunnels_attach(tunnels, message);
		break;
	case PROCESS_DETACH:
		net_tunnels_detach(tunnels, &message->message);
		break;
	case PROCESS_LINK:
		net_tunnels_link(tunnels, &message->message);
		break;
	case PROCESS_CONNECTION:
		net_tunnels_connection(tunnels, message);
		break;
	case PROCESS_SET: {
		int number = net_tunnels_set(tunnels, message, false);
		net_channel_answer(&net->channel, &message->message, number, text_of(number));
		break;
	}
	case PROCESS_SOCKETS:
		net_tunnels_sockets(tunnels, message);
		break;
	case PROCESS_PEERING:
		if (message->count == 1)
			net_peering_take(&net->peering, channel_message_take(message, 0));
		break;
	case PROCESS_LOG:
		log_set_level((enum log_level)message->message.log.level);
		break;
	case PROCESS_NETWORK:
		net_tunnels_network(tunnels);
		break;
	case PROCESS_STOP:
		net->ending = true;
		net_tunnels_drain(tunnels);
		break;
	default:
		/* A reply that came too late. */
		break;
	}
	channel_message_done(message);
}

/* SET and GET of the control process, which has to do with peers alone, and what it found. */
static void answer_control(void *context, struct channel_message *message) {
	struct net *net = context;
	const struct process_message *request = &message->message;
	if (request->type == PROCESS_RESOLVED) {
		net_tunnels_resolved(&net->tunnels, request);
		return;
	}
	if (request->type == PROCESS_VERDICT) {
		net_tunnels_verdict(&net->tunnels, request);
		return;
	}
	bool is_get = request->type == PROCESS_GET;
	int descriptor = -1;
	int number = is_get ? net_tunnels_get(&net->tunnels, request->tunnel, &descriptor)
						: net_tunnels_set(&net->tunnels, message, true);
	struct process_message reply = {.type = is_get ? PROCESS_TEXT : PROCESS_RESULT,
									.request = request->request,
									.tunnel = request->tunnel};
	reply.result.error = (uint32_t)number;
	(void)snprintf(reply.result.text, sizeof reply.result.text, "%s", text_of(number));
	net_peering_answer(&net->peering, &reply, descriptor);
}

/* All that is there, and what came while a reply was waited for. */
static void receive_all(struct net *net) {
	struct channel_message message;
	while (!net->stop) {
		enum err error = net_channel_next(&net->channel, &message);
		if (error == ERR_AGAIN)
			return;
		if (error) {
			/* Without the other process there is nobody to serve. */
			if (error != ERR_CLOSED)
				log_error("message between the processes: %s", err_text(error));
			net->stop = true;
			return;
		}
		handle(net, &message);
	}
}

static void channel_ready(void *context, uint32_t events) {
	receive_all(context);
}

static enum err receive_start(struct process_message *out_start) {
	struct channel_message message;
	enum err error = channel_wait(SUPERVISOR_CHANNEL, POLLIN, clock_now() + START_TIMEOUT);
	if (!error)
		error = channel_receive(SUPERVISOR_CHANNEL, &message);
	if (error)
		return error;
	channel_message_done(&message);
	if (message.message.type != PROCESS_START)
		return ERR_MALFORMED;
	*out_start = message.message;
	return ERR_OK;
}

static void open_log(struct net *net, const struct process_message *start) {
	bool is_alone = start->start.name[0] != '\0';
	if (is_alone)
		(void)snprintf(net->log_name, sizeof net->log_name, "umbra-wg: %s", start->start.name);
	else
		(void)snprintf(net->log_name, sizeof net->log_name, "umbrad");
	log_init((enum log_level)start->start.log_level, net->log_name);
	if (start->start.log_json || !is_alone)
		log_set_format(start->start.log_json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
	log_to(net, NET_LOG_SYSLOG);
	if (strcmp(net->arguments.log, NET_LOG_LATER) == 0)
		hardening_prepare_detach();
	if (strcmp(net->arguments.log, NET_LOG_STDERR) != 0)
		log_prepare_syslog();
	net->tunnels.shared_log = !is_alone;
}

static enum err open_loop(struct net *net) {
	enum err error = loop_new(&net->loop);
	if (error)
		return error;
	net_peering_init(&net->peering, net->loop, answer_control, net);
	net->tunnels.defaults.loop = net->loop;
	net->source = (struct loop_source){.ready = channel_ready, .context = net};
	return loop_add(net->loop, SUPERVISOR_CHANNEL, EPOLLIN, &net->source);
}

/* A failure leaves one line in the log. */
static enum err start(struct net *net) {
	struct process_message message;
	enum err error = receive_start(&message);
	if (!error) {
		open_log(net, &message);
		error = open_loop(net);
	}
	if (!error)
		error =
			sandbox_enter_net(&net->arguments.sandbox, net->arguments.aead, net->arguments.streams);
	if (!error)
		error = net_channel_ready(&net->channel);
	if (!error)
		log_to(net, NET_LOG_LATER);
	else if (error != ERR_CLOSED)
		log_error("start of the net process: %s", err_text(error));
	return error;
}

static void serve(struct net *net) {
	uint64_t deadline = 0;
	while (!net->stop) {
		enum err error = loop_wait(net->loop, clock_now(), deadline);
		if (error && error != ERR_AGAIN) {
			log_error("waiting for events: %s", err_text(error));
			net->status = EXIT_FAILURE;
			return;
		}
		/* Also messages that came while a reply was waited for. */
		receive_all(net);
		deadline = net_tunnels_run(&net->tunnels, clock_now());
		if (net->channel.kept_count > 0)
			deadline = 0;
		net->stop |= net->ending && net_tunnels_are_drained(&net->tunnels);
		if (net->channel.lost) {
			log_error("the privileged process did not answer in time; starting again");
			net->status = EXIT_FAILURE;
			return;
		}
	}
}

static void done(struct net *net) {
	net_tunnels_done(&net->tunnels);
	net_peering_done(&net->peering);
	net_channel_done(&net->channel);
	loop_free(net->loop);
}

int net_main(int count, char *const *arguments, net_find *find) {
	/* Its traffic keys and descriptors must not outlive the process that may end them. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NAME, "umbra-net");
	ignore_signals();
	hardening_clean_descriptors(SUPERVISOR_CHANNEL + 1);
	(void)fcntl(SUPERVISOR_CHANNEL, F_SETFD, FD_CLOEXEC);
	hardening_apply();
	log_init(LOG_ERROR, "umbrad");
	struct net net = {.tunnels = {.find = find}, .status = EXIT_SUCCESS};
	net_channel_init(&net.channel, SUPERVISOR_CHANNEL);
	net_peering_init(&net.peering, NULL, answer_control, &net);
	net.tunnels.channel = &net.channel;
	net.tunnels.peering = &net.peering;
	enum err error = net_arguments_parse(count, arguments, &net.arguments);
	net.tunnels.defaults = (struct net_start){
		.aead = net.arguments.aead,
		.no_udp_segmentation = net.arguments.no_offload & OPTIONS_UDP_SEND,
		.no_udp_coalescing = net.arguments.no_offload & OPTIONS_UDP_RECEIVE,
	};
	if (error)
		log_error("start of the net process: unknown argument");
	else
		error = start(&net);
	if (error)
		net.status = EXIT_FAILURE;
	else
		serve(&net);
	done(&net);
	return net.status;
}
