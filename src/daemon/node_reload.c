#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/advice.h"
#include "daemon/node_core.h"
#include "daemon/node_network.h"
#include "daemon/node_site.h"
#include "daemon/node_tickets.h"
#include "tunnel/plan.h"

enum err node_load(const struct node_options *options, struct config **out_config,
				   struct config_errors *out_errors) {
	const struct config_source source = {
		.path = options->path,
		.overrides = options->overrides,
		.override_count = options->override_count,
		.flags = options->action == NODE_RUN || options->action == NODE_CHECK ? CONFIG_SECRETS : 0,
	};
	return config_load(&source, out_config, out_errors);
}

/* Of a signal: nobody waits for the answer, but there may be readers of events. */
static void tell_refusal(struct node *node, const char *text) {
	struct process_message message = {.type = PROCESS_RESULT};
	message.result.error = EINVAL;
	(void)snprintf(message.result.text, sizeof message.result.text, "%s", text);
	node_control_send(node, &message);
}

/* As many of the lines as fit, for whoever asked; the log gets all. */
static void refuse(struct node *node, const struct node_order *order,
				   const struct config_errors *errors, enum err error) {
	char text[NODE_REASON_SIZE] = "";
	size_t used = 0;
	for (size_t i = 0; i < errors->count; i++) {
		log_error("%s", errors->lines[i]);
		if (used < sizeof text)
			used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? "\n" : "",
									 errors->lines[i]);
	}
	log_error("the configuration stays as it was");
	if (errors->count == 0)
		(void)snprintf(text, sizeof text, "%s", err_text(error));
	if (order->request == 0)
		tell_refusal(node, text);
	node_order_done(node, EINVAL, text);
}

static bool choices_equal(const struct config_choice *left, const struct config_choice *right) {
	return left->automatic == right->automatic && left->off == right->off &&
		   left->value == right->value;
}

/* For whoever asked, and the log. */
static void add_note(struct node *node, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void add_note(struct node *node, const char *format, ...) {
	char line[NODE_REASON_SIZE];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	log_warning("%s", line);
	size_t used = strlen(node->notes);
	(void)snprintf(node->notes + used, sizeof node->notes - used, "\n%s", line);
}

/* What only a new start takes up. */
static void warn_of_restart(struct node *node, const struct config *before,
							const struct config *after) {
	const struct {
		bool changed;
		const char *path;
	} rows[] = {
		{strcmp(before->node.state_dir, after->node.state_dir) != 0, "node.state_dir"},
		{strcmp(before->control.socket, after->control.socket) != 0, "control.socket"},
		{!choices_equal(&before->node.shards, &after->node.shards), "node.shards"},
		{strcmp(before->node.aead, after->node.aead) != 0, "node.aead"},
		{memcmp(&before->node.offload, &after->node.offload, sizeof before->node.offload) != 0,
		 "node.offload"},
		{strcmp(before->node.user, after->node.user) != 0, "node.user"},
		{before->node.sandbox != after->node.sandbox, "node.sandbox"},
		{before->node.log.format != after->node.log.format, "node.log.format"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].changed)
			add_note(node, "%s has changed: that takes a restart of umbrad", rows[i].path);
}

/*
 * That stays as it is until then, whatever the new configuration says: files of the state folder
 * must be found again, by a control process that is started again as well.
 */
static void keep_for_restart(const struct node *node, struct config *after) {
	const struct config *before = node->config;
	after->node.state_dir = node->state_dir;
	after->control.socket = node->socket_path;
	after->node.shards = before->node.shards;
	after->node.aead = node->privileged.options.aead;
	after->node.offload = before->node.offload;
	after->node.log.format = before->node.log.format;
	after->node.sandbox = before->node.sandbox;
}

static enum err plan_tunnel(const struct node_tunnel *tunnel, const struct config *config,
							struct list *orders) {
	const struct config_tunnel *now = config_find(config, tunnel->name);
	if (!now)
		return node_order_add(orders, NODE_ORDER_REMOVE, tunnel->name);
	enum err error = ERR_OK;
	bool restart = tunnel->state == PROCESS_STATE_UP &&
				   (tunnel->doubtful || plan_needs_restart(tunnel->config, now));
	if (restart)
		error = node_order_add(orders, NODE_ORDER_DOWN, tunnel->name);
	if (!error)
		error = node_order_add(orders, NODE_ORDER_CHANGE, tunnel->name);
	if (!error && restart)
		error = node_order_add(orders, NODE_ORDER_UP, tunnel->name);
	return error;
}

/*
 * The orders that lead from the tunnels of before to those of a new configuration. First those that
 * have something of their servers: the file may give others a route of it, which has to be free.
 */
static enum err plan_orders(const struct node *node, const struct config *config,
							struct list *orders) {
	enum err error = ERR_OK;
	for (size_t i = 0; i < 2 * PROCESS_TUNNELS_MAX && !error; i++) {
		const struct node_tunnel *tunnel = &node->tunnels[i % PROCESS_TUNNELS_MAX];
		bool first = i < PROCESS_TUNNELS_MAX;
		if (tunnel->used && (tunnel->pushed.plan != NULL) == first)
			error = plan_tunnel(tunnel, config, orders);
	}
	return error ? error : node_order_add(orders, NODE_ORDER_RELOADED, NULL);
}

void node_reload_problem(struct node *node, const char *name, const char *text) {
	log_error("%s%s%s", name ? name : "", name ? ": " : "", text);
	size_t used = strlen(node->problems);
	(void)snprintf(node->problems + used, sizeof node->problems - used, "%s%s%s%s",
				   used > 0 ? "\n" : "", name ? name : "", name ? ": " : "", text);
}

void node_reload(struct node *node, struct node_order *order) {
	struct config *config;
	struct config_errors errors;
	struct list orders;
	list_init(&orders);
	enum err error = node_load(&node->options, &config, &errors);
	if (!error) {
		node_tickets_take(config, node->state_dir);
		error = plan_orders(node, config, &orders);
		if (error)
			config_free(config);
	}
	if (error) {
		node_orders_free(&orders);
		refuse(node, order, &errors, error);
		config_errors_done(&errors);
		return;
	}
	config_errors_done(&errors);
	(void)snprintf(node->notes, sizeof node->notes, "the configuration was read again");
	warn_of_restart(node, node->config, config);
	keep_for_restart(node, config);
	if (config->node.log.level != node->config->node.log.level)
		node_set_log_level(node, config->node.log.level);
	node->config_before = node->config;
	node->config = config;
	node_pushed_reload(node);
	node->problems[0] = '\0';
	/* Answered when all is done. */
	node->reload_request = order->request;
	order->request = 0;
	node_orders_first(node, &orders);
	/* Rules come before the addresses that they guard. */
	char problem[NODE_NETWORK_PROBLEM_SIZE];
	if (node_kill_switch_reload(node, problem))
		node_reload_problem(node, NULL, problem);
	if (node_network_reload(node, problem))
		node_reload_problem(node, NULL, problem);
	if (node_dns_reload(node, problem))
		node_reload_problem(node, NULL, problem);
	if (node_metrics_reload(node, problem))
		node_reload_problem(node, NULL, problem);
	node_order_done(node, 0, "");
}

static void add_new(struct node *node) {
	for (size_t i = 0; i < node->config->tunnel_count; i++) {
		const struct config_tunnel *tunnel = &node->config->tunnels[i];
		if (node_tunnel_find(node, tunnel->name) || !node_tunnel_add(node, tunnel))
			continue;
		log_error("%s: there are more than %d tunnels", tunnel->name, PROCESS_TUNNELS_MAX);
	}
}

/* What may have been meant to be mended by this. */
static void advise(struct node *node) {
	const int64_t now = (int64_t)(clock_wall_now() / CLOCK_SECOND);
	char advice[ADVICE_MAX][ADVICE_SIZE];
	for (size_t i = 0; i < node->config->tunnel_count; i++) {
		const struct config_tunnel *tunnel = &node->config->tunnels[i];
		const size_t count = advice_of_time(tunnel, now, advice);
		for (size_t k = 0; k < count; k++)
			add_note(node, "%s: %s", tunnel->name, advice[k]);
	}
}

void node_reloaded(struct node *node, struct node_order *order) {
	add_new(node);
	node_pushed_settle(node);
	config_free(node->config_before);
	node->config_before = NULL;
	char problem[NODE_DOMAINS_PROBLEM_SIZE];
	_Static_assert((int)NODE_DOMAINS_PROBLEM_SIZE >= (int)NODE_KILL_SWITCH_PROBLEM_SIZE,
				   "both fit");
	if (node_kill_switch_settle(node, problem))
		node_reload_problem(node, NULL, problem);
	node_split_reloaded(node);
	node_control_configure(node);
	node_site_reload(node);
	if (node_domains_reload(node, problem))
		node_reload_problem(node, NULL, problem);
	order->request = node->reload_request;
	node->reload_request = 0;
	log_info("the configuration was read again, tunnels: %zu", node->config->tunnel_count);
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++)
		if (node->tunnels[i].used && node->tunnels[i].deaf)
			add_note(node, "%s: %s", node->tunnels[i].name, node->tunnels[i].reason);
	advise(node);
	if (node->problems[0])
		node_order_done(node, EIO, node->problems);
	else
		node_order_done(node, 0, node->notes);
}
