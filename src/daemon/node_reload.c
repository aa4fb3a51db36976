#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/node_core.h"
#include "tunnel/plan.h"

enum err node_load(const struct node_options *options, struct config **out_config,
				   struct config_errors *out_errors) {
	const struct config_source source = {
		.path = options->path,
		.overrides = options->overrides,
		.override_count = options->override_count,
		.flags = CONFIG_SECRETS,
	};
	return config_load(&source, out_config, out_errors);
}

/* As many of the lines as fit, for whoever asked; the log gets all. */
static void refuse(struct node *node, const struct config_errors *errors, enum err error) {
	char text[NODE_REASON_SIZE] = "";
	size_t used = 0;
	for (size_t i = 0; i < errors->count; i++) {
		log_error("%s", errors->lines[i]);
		if (used < sizeof text)
			used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? "\n" : "",
									 errors->lines[i]);
	}
	log_error("the configuration stays as it was");
	node_order_done(node, EINVAL, errors->count > 0 ? text : err_text(error));
}

static bool choices_equal(const struct config_choice *left, const struct config_choice *right) {
	return left->automatic == right->automatic && left->off == right->off &&
		   left->value == right->value;
}

/* What only a new start takes up. */
static void warn_of_restart(const struct config *before, const struct config *after) {
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
		{before->node.log.format != after->node.log.format, "node.log.format"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].changed)
			log_warning("%s has changed: that takes a restart of umbrad", rows[i].path);
}

/* The orders that lead from the tunnels of before to those of now, before all others. */
static enum err order_changes(struct node *node) {
	struct list *after = &node->orders;
	enum err error = ERR_OK;
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX && !error; i++) {
		struct node_tunnel *tunnel = &node->tunnels[i];
		if (!tunnel->used)
			continue;
		const struct config_tunnel *now = config_find(node->config, tunnel->name);
		if (!now) {
			error = node_order_next(node, NODE_ORDER_REMOVE, tunnel->name, &after);
			continue;
		}
		bool restart = tunnel->state == PROCESS_STATE_UP && plan_needs_restart(tunnel->config, now);
		if (restart)
			error = node_order_next(node, NODE_ORDER_DOWN, tunnel->name, &after);
		if (!error)
			error = node_order_next(node, NODE_ORDER_CHANGE, tunnel->name, &after);
		if (!error && restart)
			error = node_order_next(node, NODE_ORDER_UP, tunnel->name, &after);
	}
	return error ? error : node_order_next(node, NODE_ORDER_RELOADED, NULL, &after);
}

void node_reload(struct node *node, struct node_order *order) {
	struct config *config;
	struct config_errors errors;
	enum err error = node_load(&node->options, &config, &errors);
	if (error) {
		refuse(node, &errors, error);
		config_errors_done(&errors);
		return;
	}
	config_errors_done(&errors);
	warn_of_restart(node->config, config);
	if (config->node.log.level != node->config->node.log.level)
		node_set_log_level(node, config->node.log.level);
	node->config_before = node->config;
	node->config = config;
	node->problems[0] = '\0';
	/* Answered when all is done. */
	node->reload_request = order->request;
	order->request = 0;
	error = order_changes(node);
	if (error)
		log_error("the change of the configuration is incomplete: %s", err_text(error));
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

void node_reloaded(struct node *node, struct node_order *order) {
	add_new(node);
	config_free(node->config_before);
	node->config_before = NULL;
	node_control_configure(node);
	order->request = node->reload_request;
	node->reload_request = 0;
	log_info("the configuration was read again, tunnels: %zu", node->config->tunnel_count);
	if (node->problems[0])
		node_order_done(node, EIO, node->problems);
	else
		node_order_done(node, 0, "the configuration was read again");
}
