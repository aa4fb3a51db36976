#include "daemon/control.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "daemon/control_core.h"
#include "daemon/control_credentials.h"
#include "daemon/control_decoy.h"
#include "daemon/control_dns_step.h"
#include "daemon/control_logins.h"
#include "daemon/hardening.h"
#include "daemon/net.h"
#include "daemon/shared_text.h"
#include "daemon/supervisor.h"
#include "host/route.h"
#include "loop/control_loop.h"

#define START_TIMEOUT (10 * CLOCK_SECOND)

const char *control_file(const struct control *control) {
	return control->configuration ? control->configuration : "the configuration";
}

void control_stop(struct control *control, int status) {
	control->stop = true;
	control->status = status;
	control_loop_stop(control->loop);
}

void control_run(struct control *control) {
	uint64_t now = clock_now();
	uint64_t next = names_run(control->names, now);
	const uint64_t others[] = {
		control_pending_expire(&control->net.pending, now),
		control_pending_expire(&control->privileged.pending, now),
		control_status_run(control, now),
		control_condition_run(control, now),
		control_net_repeat(control, now),
		control_credentials_run(control, now),
		control_logins_run(control, now),
	};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (others[i] < next)
			next = others[i];
	if (next == CLOCK_NEVER)
		control_timer_stop(control->timer);
	else
		control_timer_set(control->timer, next > now ? next - now : 0);
}

static void due(void *context) {
	control_run(context);
}

/* The start: */

static const char *value_of(const char *argument, const char *name) {
	size_t size = strlen(name);
	return strncmp(argument, name, size) == 0 ? argument + size : NULL;
}

static enum err parse_arguments(struct control *control, int count, char *const *arguments) {
	control->log = NET_LOG_STDERR;
	bool has_sandbox = false;
	for (int i = 2; i < count; i++) {
		const char *log = value_of(arguments[i], NET_LOG_ARGUMENT);
		const char *path = value_of(arguments[i], CONTROL_CONFIGURATION_ARGUMENT);
		const char *folder = value_of(arguments[i], CONTROL_STORE_ARGUMENT);
		const char *sandbox = value_of(arguments[i], SANDBOX_ARGUMENT);
		if (log)
			control->log = log;
		else if (path)
			control->configuration = path;
		else if (folder)
			control->folder = folder;
		else if (sandbox && !sandbox_parse(sandbox, &control->sandbox))
			has_sandbox = true;
		else
			return ERR_INVALID;
	}
	return has_sandbox && control->folder ? ERR_OK : ERR_INVALID;
}

static void log_to(const struct control *control, const char *target) {
	if (strcmp(control->log, target) != 0)
		return;
	log_to_syslog();
	hardening_detach_terminal();
}

static enum err receive_start(struct control *control) {
	struct channel_message message;
	enum err error = channel_wait(SUPERVISOR_CHANNEL, POLLIN, clock_now() + START_TIMEOUT);
	if (!error)
		error = channel_receive(SUPERVISOR_CHANNEL, &message);
	if (error)
		return error;
	if (message.message.type == PROCESS_START) {
		log_to(control, NET_LOG_SYSLOG);
		if (message.count == 1)
			control->sockets.channel = channel_message_take(&message, 0);
		log_init((enum log_level)message.message.start.log_level, "umbrad");
		if (strcmp(control->log, NET_LOG_LATER) == 0)
			hardening_prepare_detach();
		if (strcmp(control->log, NET_LOG_STDERR) != 0)
			log_prepare_syslog();
		log_set_format(message.message.start.log_json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
	} else {
		error = ERR_MALFORMED;
	}
	channel_message_done(&message);
	return error;
}

static void open_store(struct control *control) {
	if (store_open_here(control->folder, "umbra.db", &control->store, control->store_problem) ==
		ERR_OK)
		return;
	control->store = NULL;
	log_error("%s; peers cannot be added or removed", control->store_problem);
}

/* Messages of the privileged process: */

static struct config *load(const struct control *control, int descriptor) {
	char *text;
	size_t size;
	enum err error = shared_text_read(descriptor, &text, &size);
	if (error) {
		log_error("the configuration from the privileged process: %s", err_text(error));
		return NULL;
	}
	const struct config_source source = {
		.path = control_file(control), .text = text, .text_size = size};
	struct config *config = NULL;
	struct config_errors errors;
	error = config_load(&source, &config, &errors);
	for (size_t i = 0; i < errors.count; i++)
		log_error("%s", errors.lines[i]);
	if (error && errors.count == 0)
		log_error("the configuration: %s", err_text(error));
	config_errors_done(&errors);
	free(text);
	return error ? NULL : config;
}

/* READY comes behind what has to be up before the start is called done. */
static void begin(struct control *control, struct config *config) {
	open_store(control);
	control_tunnels_configure(control, config);
	const struct process_message ready = {.type = PROCESS_READY};
	enum err error = control_channel_send(&control->privileged, &ready, -1);
	if (!error && control->config) {
		log_to(control, NET_LOG_LATER);
		return;
	}
	if (error)
		log_error("start of the control process: %s", err_text(error));
	control_stop(control, EXIT_FAILURE);
}

static void configure(struct control *control, const struct channel_message *message) {
	struct config *config = message->count == 1 ? load(control, message->descriptors[0]) : NULL;
	if (config && control->config) {
		/* What was wrong with the store may be mended. */
		if (!control->store)
			open_store(control);
		control_tunnels_configure(control, config);
		control_api_publish(control, "configuration.reloaded", NULL, NULL, "%s was read again",
							control_file(control));
	} else if (config) {
		begin(control, config);
	} else if (!control->config) {
		control_stop(control, EXIT_FAILURE);
	}
}

static void set_log_level(struct control *control, uint8_t level) {
	log_set_level((enum log_level)level);
	control_api_publish(control, "log.level", NULL, NULL, "the log's level is %s",
						log_level_name((enum log_level)level));
}

static void receive(void *context, struct channel_message *message) {
	struct control *control = context;
	switch (message->message.type) {
	case PROCESS_CONFIGURE:
		configure(control, message);
		break;
	case PROCESS_PEERING:
		if (message->count == 1)
			control_net_peer(control, channel_message_take(message, 0));
		break;
	case PROCESS_CONNECTION:
		if (message->count == 1 &&
			ctl_server_adopt(control->server, channel_message_take(message, 0)))
			log_debug("a connection was not taken");
		break;
	case PROCESS_METRICS:
		if (ctl_server_listen(control->server,
							  message->count == 1 ? channel_message_take(message, 0) : -1))
			log_error("control.metrics: it is not served");
		break;
	case PROCESS_RESOLVERS:
		control_names_servers(control, &message->message);
		break;
	case PROCESS_NETWORK:
		control_names_refresh(control);
		control_condition_network(control);
		break;
	case PROCESS_UPSTREAM:
		control_dns_step_upstream(control, message);
		break;
	case PROCESS_SITE:
		control_decoy_site(control, message);
		break;
	case PROCESS_STEP:
		control_dns_step_start(control, message);
		break;
	case PROCESS_RESULT:
		control_orders_refused(control, message->message.result.text);
		break;
	case PROCESS_STATE:
		control_tunnels_state(control, &message->message);
		break;
	case PROCESS_SETTINGS:
		control_pushed_take(control, message);
		break;
	case PROCESS_LOG:
		set_log_level(control, message->message.log.level);
		break;
	case PROCESS_STOP:
		control_stop(control, EXIT_SUCCESS);
		break;
	default:
		break;
	}
}

/* Without the other process there is nobody to serve. */
static void privileged_lost(void *context, enum err error) {
	if (error != ERR_CLOSED)
		log_error("message between the processes: %s", err_text(error));
	control_stop(context, error == ERR_CLOSED ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* Its successor comes with the next PEERING. */
static void net_lost(void *context, enum err error) {
	if (error != ERR_CLOSED)
		log_error("message of the net process: %s", err_text(error));
}

static void settled(void *context) {
	struct control *control = context;
	if (!control->stop)
		control_run(control);
}

static enum err open_all(struct control *control) {
	enum err error = control_loop_new(&control->loop);
	if (!error)
		error = control_timer_new(control->loop, due, control, &control->timer);
	const struct ctl_server_options server = {
		.loop = control->loop, .ask = control_api_ask, .context = control};
	if (!error)
		error = ctl_server_new(&server, &control->server);
	if (error)
		return error;
	const struct control_channel_options privileged = {.loop = control->loop,
													   .receive = receive,
													   .lost = privileged_lost,
													   .settled = settled,
													   .context = control};
	struct control_channel_options net = privileged;
	net.receive = control_net_event;
	net.lost = net_lost;
	control_channel_init(&control->privileged, &privileged);
	control_channel_init(&control->net, &net);
	control_names_open(control);
	if (control_logins_open(control))
		log_error("nobody can log in: %s", err_text(ERR_NO_MEMORY));
	if (route_open(&control->route))
		log_warning("drops of the interfaces will not be known");
	if (sandbox_enter_control(&control->sandbox, control->folder))
		return ERR_PERMISSION;
	return control->stop ? ERR_NO_MEMORY
						 : control_channel_open(&control->privileged, SUPERVISOR_CHANNEL);
}

/* Nobody is answered any more: the server goes first, and with it all requests. */
static void close_all(struct control *control) {
	control->stop = true;
	control_net_done(control);
	control_channel_close(&control->privileged);
	control_dns_step_done(control);
	control_decoy_done(control);
	control_logins_done(control);
	control_tunnels_done(control);
	control_status_done(control);
	ctl_server_free(control->server);
	control->server = NULL;
	if (control->names)
		control_names_done(control);
	control_sockets_done(&control->sockets);
	store_close(control->store);
	route_close(control->route);
	control_timer_free(control->timer);
	if (control->loop)
		control_loop_free(control->loop);
}

static int run(struct control *control) {
	const struct control_channel_options none = {.loop = NULL};
	control_channel_init(&control->privileged, &none);
	control_channel_init(&control->net, &none);
	control->sockets.channel = -1;
	list_init(&control->lookups);
	list_init(&control->sets);
	list_init(&control->gathers);
	control->started = clock_wall_now() / CLOCK_SECOND;
	enum err error = receive_start(control);
	if (!error)
		error = open_all(control);
	if (!error) {
		/* What came before the watch is there is read as well: it is level-triggered. */
		control_loop_run(control->loop);
	} else if (error != ERR_CLOSED) {
		log_error("start of the control process: %s", err_text(error));
		control->status = EXIT_FAILURE;
	}
	close_all(control);
	return control->status;
}

int control_main(int count, char *const *arguments) {
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1};
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NAME, "umbra-control");
	/* Signals from a terminal or a service manager reach all processes; the privileged one decides.
	 */
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		(void)signal(ignored[i], SIG_IGN);
	hardening_clean_descriptors(SUPERVISOR_CHANNEL + 1);
	(void)fcntl(SUPERVISOR_CHANNEL, F_SETFD, FD_CLOEXEC);
	hardening_apply();
	log_init(LOG_ERROR, "umbrad");
	struct control *control = calloc(1, sizeof *control);
	if (!control)
		return EXIT_FAILURE;
	int status = EXIT_FAILURE;
	if (parse_arguments(control, count, arguments))
		log_error("start of the control process: unknown argument");
	else
		status = run(control);
	free(control);
	return status;
}
