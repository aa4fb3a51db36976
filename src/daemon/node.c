#include "daemon/node.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/hardening.h"
#include "daemon/node_core.h"
#include "daemon/node_lock.h"
#include "daemon/node_network.h"
#include "daemon/node_policy.h"
#include "daemon/node_store.h"
#include "daemon/node_streams.h"
#include "daemon/node_tickets.h"
#include "daemon/node_watch.h"

/* Without a control process for so long, tunnels come up by the configuration alone. */
#define CONTROL_TIMEOUT (10 * CLOCK_SECOND)

static const char help[] =
	"Usage: umbrad [OPTION]...\n"
	"\n"
	"Runs the tunnels of a configuration, see umbra.yaml(5). The tool umbra works with it.\n"
	"\n"
	"  -c, --config=FILE     the configuration (" NODE_OPTIONS_FILE ")\n"
	"      --check           say what is wrong with it, and exit\n"
	"      --block           put the kill switch up, as the configuration wants it, and exit\n"
	"      --unblock         take the kill switch away, and exit\n"
	"      --set=PATH=VALUE  put a value in place of the file's, such as tunnels.um0.mtu=1280\n"
	"  -b, --background      go to the background once all is up, log to syslog\n"
	"  -f, --foreground      stay, log to standard error (the default)\n"
	"  -h, --help            this text\n"
	"      --version         the version\n"
	"\n"
	"Signals: HUP reads the configuration again, TERM and INT take everything down and end, USR1\n"
	"switches the log between debug and the configured level.\n"
	"Exit codes: 0 ended as asked, 1 failed, 2 the command line or the configuration is wrong.\n"
	"\n"
	"Started as umbra-wg it serves one interface for wg(8), see umbra-wg --help.\n";

enum { EXIT_USAGE = 2 };

/* The tunnels' ATTACHs are on their way: control's requests about them come behind. */
static void net_ready(struct privileged *privileged, bool first) {
	node_control_peer(privileged->program);
}

static void signalled(struct privileged *privileged, int number) {
	struct node *node = privileged->program;
	switch (number) {
	case SIGHUP:
		if (node_order(node, NODE_ORDER_RELOAD, NULL, 0, NULL))
			log_error("too much is waiting to be done");
		break;
	case SIGUSR1: {
		enum log_level configured = node->config->node.log.level;
		node_set_log_level(node, log_current_level() == LOG_DEBUG ? configured : LOG_DEBUG);
		break;
	}
	default:
		log_info("signal %d, ending", number);
		privileged->ending = true;
		break;
	}
}

static void changed(struct privileged *privileged, unsigned changes) {
	node_watch_changed(privileged->program, changes);
}

static void gone(struct privileged *privileged, struct attachment *attachment) {
	struct node *node = privileged->program;
	struct node_order *order;
	if (node_order(node, NODE_ORDER_DOWN, attachment->name, 0, &order) == ERR_OK)
		(void)snprintf(order->reason, sizeof order->reason, "the interface was deleted");
}

static void listened(struct privileged *privileged, struct attachment *attachment, uint16_t port,
					 int number) {
	struct node *node = privileged->program;
	struct node_tunnel *tunnel = node_tunnel_find(node, attachment->name);
	if (tunnel)
		node_tunnel_listened(node, tunnel, port, number);
}

/* Tunnels matter more than the API. */
static void start_without_control(struct node *node) {
	log_error("the control process does not become ready; tunnels start without it");
	for (size_t i = 0; i < node->config->tunnel_count; i++)
		if (node->config->tunnels[i].autostart &&
			node_order(node, NODE_ORDER_UP, node->config->tunnels[i].name, 0, NULL))
			return;
	(void)node_order(node, NODE_ORDER_READY, NULL, 0, NULL);
}

static uint64_t run(struct privileged *privileged, uint64_t now) {
	struct node *node = privileged->program;
	uint64_t next = node_control_run(node, now), kill = node_kill_switch_run(node, now);
	uint64_t names = node_dns_run(node, now);
	next = kill < next ? kill : next;
	uint64_t domains = node_domains_run(node, now);
	next = domains < next ? domains : next;
	uint64_t resolvers = node_resolvers_run(node, now);
	next = names < next ? names : next;
	next = resolvers < next ? resolvers : next;
	uint64_t pushed = node_pushed_run(node, now);
	next = pushed < next ? pushed : next;
	if (!node->control_was_ready && node->started != CLOCK_NEVER) {
		if (now >= node->started + CONTROL_TIMEOUT) {
			node->started = CLOCK_NEVER;
			start_without_control(node);
		} else if (node->started + CONTROL_TIMEOUT < next) {
			next = node->started + CONTROL_TIMEOUT;
		}
	}
	node_orders_run(node, now);
	return node->retry_at < next ? node->retry_at : next;
}

static void reap(struct privileged *privileged, uint64_t now) {
	node_control_reap(privileged->program, now);
}

static const struct privileged_ops ops = {
	.net_ready = net_ready,
	.signalled = signalled,
	.gone = gone,
	.listened = listened,
	.changed = changed,
	.may_listen = node_policy_listen,
	.may_mark = node_policy_mark,
	.may_open = node_streams_may_open,
	.settings = node_pushed_say,
	.run = run,
	.reap = reap,
};

enum err node_make_state_dir(const char *path) {
	struct stat status;
	if (mkdir(path, 0700) == 0)
		return ERR_OK;
	if (errno == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		return ERR_OK;
	log_error("the state folder %s could not be made: %s", path, strerror(errno));
	return ERR_IO;
}

static enum err prepare(struct node *node) {
	const struct config *config = node->config;
	struct sandbox sandbox;
	enum err error =
		sandbox_prepare(config->node.sandbox == CONFIG_SANDBOX_ON, config->node.user, &sandbox);
	if (error)
		return error;
	const struct privileged_options options = {
		.log_name = "umbrad",
		.aead = options_find_aead(config->node.aead),
		.no_offload = (config->node.offload.tun ? 0U : OPTIONS_TUN) |
					  (config->node.offload.tun_udp ? 0U : OPTIONS_TUN_UDP) |
					  (config->node.offload.udp_send ? 0U : OPTIONS_UDP_SEND) |
					  (config->node.offload.udp_receive ? 0U : OPTIONS_UDP_RECEIVE),
		.log_level = config->node.log.level,
		.log_json = config->node.log.format == CONFIG_LOG_JSON,
		.foreground = !node->options.background,
		.streams = true,
		.sandbox = sandbox,
	};
	error = privileged_init(&node->privileged, &options, &ops, node);
	node->state_dir = strdup(config->node.state_dir);
	node->socket_path = strdup(config->control.socket);
	node->path = strdup(config->path);
	if (!error && (!node->state_dir || !node->socket_path || !node->path))
		error = ERR_NO_MEMORY;
	/* It was relative to a folder that this process has left. */
	if (!error)
		node->options.path = node->path;
	if (!error)
		error = node_control_open(node);
	if (!error)
		error = node_make_state_dir(config->node.state_dir);
	if (!error)
		error = node_lock_take(node->state_dir, &node->lock);
	if (!error)
		error = supervisor_init(&node->control);
	if (error)
		return error;
	node_tickets_take(node->config, node->state_dir);
	for (size_t i = 0; i < config->tunnel_count && !error; i++)
		error = node_tunnel_add(node, &config->tunnels[i]);
	if (error)
		return error;
	node_dns_open(node);
	/* Nothing of an earlier run is taken away that blocks. */
	node_kill_switch_start(node);
	node_kill_switch_watch(node);
	node_network_clean(node);
	error = node_store_prepare(node->state_dir, &sandbox.account);
	return error ? error : sandbox_enter_privileged(&sandbox);
}

static int serve(struct node *node) {
	hardening_clean_descriptors(3);
	enum log_level level = node->config->node.log.level;
	/* A failure of the start is told at every level. */
	log_init(level < LOG_ERROR ? LOG_ERROR : level, "umbrad");
	log_set_format(node->config->node.log.format == CONFIG_LOG_JSON ? LOG_FORMAT_JSON
																	: LOG_FORMAT_TEXT);
	if (node->options.background && daemonize_begin(&node->daemonize)) {
		log_error("going to the background failed");
		return EXIT_FAILURE;
	}
	hardening_apply();
	enum err error = prepare(node);
	if (!error) {
		node->started = clock_now();
		node_metrics_open(node, node->started);
		node_control_start(node, node->started);
		error = privileged_serve(&node->privileged);
		node_control_stop(node);
	}
	node_tunnels_clear(node);
	node_kill_switch_done(node);
	node_orders_done(node);
	node_dns_done(node);
	unix_listener_done(&node->socket);
	node_metrics_done(&node->metrics);
	node_sockets_close(node);
	supervisor_done(&node->control);
	privileged_done(&node->privileged);
	node_lock_done(&node->lock);
	if (!error)
		log_info("ended");
	return error ? EXIT_FAILURE : node->privileged.status;
}

static int check(const struct node *node) {
	size_t peers = 0;
	for (size_t i = 0; i < node->config->tunnel_count; i++)
		peers += node->config->tunnels[i].peer_count;
	return printf("%s: good: %zu tunnel%s, %zu peer%s\n", node->options.path,
				  node->config->tunnel_count, node->config->tunnel_count == 1 ? "" : "s", peers,
				  peers == 1 ? "" : "s") < 0 ||
				   fflush(stdout)
			   ? EXIT_FAILURE
			   : EXIT_SUCCESS;
}

static int load_and_run(struct node *node) {
	struct config_errors errors;
	enum err error = node_load(&node->options, &node->config, &errors);
	for (size_t i = 0; i < errors.count; i++)
		(void)fprintf(stderr, "%s\n", errors.lines[i]);
	if (errors.more)
		(void)fputs("... and more\n", stderr);
	if (error && errors.count == 0)
		(void)fprintf(stderr, "umbrad: %s: %s\n", node->options.path, err_text(error));
	config_errors_done(&errors);
	if (error && node->options.action == NODE_BLOCK)
		node_block_remembered();
	if (error)
		return EXIT_USAGE;
	int status = node->options.action == NODE_CHECK   ? check(node)
				 : node->options.action == NODE_BLOCK ? node_block(node)
													  : serve(node);
	config_free(node->config_before);
	config_free(node->config);
	free(node->state_dir);
	free(node->socket_path);
	free(node->path);
	return status;
}

int node_run(int count, char *const *arguments) {
	struct node *node = calloc(1, sizeof *node);
	if (!node)
		return EXIT_FAILURE;
	node->daemonize.parent = -1;
	node->lock = (struct node_lock)NODE_LOCK_NONE;
	node->socket = (struct unix_listener){.descriptor = -1, .watch = -1};
	node->control = (struct supervisor){.executable = -1, .channel = -1, .restart_at = CLOCK_NEVER};
	node->retry_at = node->accept_again = CLOCK_NEVER;
	node->socket_again = node->peer_again = CLOCK_NEVER;
	node_metrics_init(&node->metrics);
	node_sockets_init(&node->sockets);
	node_kill_switch_init(&node->kill);
	list_init(&node->orders);
	char error[NODE_OPTIONS_ERROR_SIZE];
	int status = EXIT_USAGE;
	if (node_options_parse(count, arguments, &node->options, error)) {
		(void)fprintf(stderr, "umbrad: %s; see umbrad --help\n", error);
		free(node);
		return status;
	}
	switch (node->options.action) {
	case NODE_HELP:
		status = fputs(help, stdout) < 0 || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
		break;
	case NODE_VERSION:
		status = puts("umbrad " UMBRA_VERSION) < 0 || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
		break;
	case NODE_UNBLOCK:
		status = node_unblock(&node->options);
		break;
	case NODE_CHECK:
	case NODE_BLOCK:
	case NODE_RUN:
		status = load_and_run(node);
		break;
	}
	node_options_done(&node->options);
	free(node);
	return status;
}
