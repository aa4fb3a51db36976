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
#include "daemon/connections.h"
#include "daemon/hardening.h"
#include "daemon/net_channel.h"
#include "daemon/options.h"
#include "daemon/supervisor.h"
#include "loop/loop.h"

#define START_TIMEOUT (10 * CLOCK_SECOND)

enum { LOG_NAME_SIZE = 48 };

/* How it was started. */
struct arguments {
	const char *log, *aead;
	unsigned no_offload;
};

struct net {
	const struct net_device_ops *ops;
	struct net_device *device;
	struct net_channel channel;
	struct connections *connections;
	struct loop *loop;
	struct loop_source source;
	struct arguments arguments;
	char log_name[LOG_NAME_SIZE];
	bool stop;
	int status;
};

static const char *value_of(const char *argument, const char *name) {
	size_t size = strlen(name);
	return strncmp(argument, name, size) == 0 ? argument + size : NULL;
}

static enum err parse_arguments(int count, char *const *arguments, struct arguments *out) {
	*out = (struct arguments){.log = NET_LOG_STDERR, .aead = options_find_aead("auto")};
	for (int i = 2; i < count; i++) {
		const char *log = value_of(arguments[i], NET_LOG_ARGUMENT);
		const char *aead = value_of(arguments[i], "--aead=");
		const char *no_offload = value_of(arguments[i], "--no-offload=");
		if (log)
			out->log = log;
		else if (aead && options_find_aead(aead))
			out->aead = options_find_aead(aead);
		else if (no_offload ? options_parse_offloads(no_offload, &out->no_offload)
							: !value_of(arguments[i], NET_INTERFACE_ARGUMENT))
			return ERR_INVALID;
	}
	return ERR_OK;
}

/* Signals from a terminal or a service manager reach all processes; the privileged one decides. */
static void ignore_signals(void) {
	const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		(void)signal(ignored[i], SIG_IGN);
}

static void log_to(struct net *net, const char *target) {
	if (strcmp(net->arguments.log, target) != 0)
		return;
	log_to_syslog();
	hardening_detach_terminal();
}

static void handle(struct net *net, struct channel_message *message) {
	switch (message->message.type) {
	case PROCESS_LINK:
		net->ops->link(net->device, message->message.link.mtu, message->message.link.up);
		break;
	case PROCESS_CONNECTION:
		if (message->count == 1)
			connections_add(net->connections, channel_message_take(message, 0));
		break;
	case PROCESS_STOP:
		net->stop = true;
		break;
	default:
		/* A reply that came too late. */
		break;
	}
	channel_message_done(message);
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

static enum err build_device(struct net *net, struct channel_message *start) {
	struct net_start parameters = {
		.mtu = start->message.start.mtu,
		.up = start->message.start.up,
		.shards = start->message.start.shards,
		.queues = start->descriptors + 1,
		.offloads = start->message.start.offloads,
		.no_udp_segmentation = net->arguments.no_offload & OPTIONS_UDP_SEND,
		.no_udp_coalescing = net->arguments.no_offload & OPTIONS_UDP_RECEIVE,
		.aead = net->arguments.aead,
		.journal = start->descriptors[0],
		.loop = net->loop,
		.callbacks = net_channel_callbacks(&net->channel),
	};
	memcpy(parameters.name, start->message.start.name, sizeof parameters.name);
	enum err error = net->ops->new (&parameters, &net->device);
	if (!error)
		start->count = 0; /* taken over */
	return error;
}

static enum err receive_start(struct channel_message *out_start) {
	enum err error = channel_wait(SUPERVISOR_CHANNEL, POLLIN, clock_now() + START_TIMEOUT);
	if (!error)
		error = channel_receive(SUPERVISOR_CHANNEL, out_start);
	if (error)
		return error;
	if (out_start->message.type != PROCESS_START ||
		out_start->count != 1U + out_start->message.start.shards) {
		channel_message_done(out_start);
		return ERR_MALFORMED;
	}
	return ERR_OK;
}

static enum err open_loop(struct net *net) {
	enum err error = loop_new(&net->loop);
	if (error)
		return error;
	net->source = (struct loop_source){.ready = channel_ready, .context = net};
	return loop_add(net->loop, SUPERVISOR_CHANNEL, EPOLLIN, &net->source);
}

static enum err open_connections(struct net *net) {
	enum err error = connections_new(net->loop, net->ops, net->device, &net->connections);
	return error ? error : net_channel_ready(&net->channel);
}

/* Every failure leaves one line in the log, that of the device is its own. */
static enum err start(struct net *net) {
	struct channel_message message;
	enum err error = receive_start(&message);
	if (!error) {
		(void)snprintf(net->log_name, sizeof net->log_name, "umbra-wg: %s",
					   message.message.start.name);
		log_init((enum log_level)message.message.start.log_level, net->log_name);
		log_to(net, NET_LOG_SYSLOG);
		error = open_loop(net);
		bool is_device = !error;
		if (!error)
			error = build_device(net, &message);
		channel_message_done(&message);
		if (error && is_device)
			return error;
	}
	if (!error)
		error = open_connections(net);
	if (!error)
		log_to(net, NET_LOG_LATER);
	else if (error != ERR_CLOSED)
		log_error("start of the net process: %s", err_text(error));
	return error;
}

static void serve(struct net *net) {
	uint64_t deadline = 0;
	/* Messages may have come during the start, while a reply was waited for. */
	receive_all(net);
	while (!net->stop) {
		enum err error = loop_wait(net->loop, clock_now(), deadline);
		if (error && error != ERR_AGAIN) {
			log_error("waiting for events: %s", err_text(error));
			net->status = EXIT_FAILURE;
			return;
		}
		deadline = net->ops->run ? net->ops->run(net->device, clock_now()) : CLOCK_NEVER;
		receive_all(net);
		if (net->channel.lost) {
			log_error("the privileged process did not answer in time; starting again");
			net->status = EXIT_FAILURE;
			return;
		}
	}
}

static void done(struct net *net) {
	connections_free(net->connections);
	if (net->device)
		net->ops->free(net->device);
	net_channel_done(&net->channel);
	loop_free(net->loop);
}

int net_main(int count, char *const *arguments, const struct net_device_ops *ops) {
	/* Its traffic keys and descriptors must not outlive the process that may end them. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NAME, "umbra-net");
	ignore_signals();
	hardening_clean_descriptors(SUPERVISOR_CHANNEL + 1);
	(void)fcntl(SUPERVISOR_CHANNEL, F_SETFD, FD_CLOEXEC);
	hardening_apply();
	log_init(LOG_ERROR, "umbrad");
	struct net net = {.ops = ops, .status = EXIT_SUCCESS};
	net_channel_init(&net.channel, SUPERVISOR_CHANNEL);
	enum err error = parse_arguments(count, arguments, &net.arguments);
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
