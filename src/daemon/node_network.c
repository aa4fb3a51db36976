#include "daemon/node_network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/advice.h"
#include "daemon/node_mtu.h"
#include "host/firewall.h"
#include "host/network.h"
#include "tunnel/plan.h"

static const char *state_dir(const struct node *node) {
	return node->config->node.state_dir;
}

void node_network_clean(struct node *node) {
	char problem[FIREWALL_PROBLEM_SIZE];
	enum err error = network_clean(state_dir(node));
	if (error)
		log_error("rules and routes of an earlier run could not be removed: %s", err_text(error));
	if (firewall_clean(state_dir(node), problem))
		log_error("firewall rules of an earlier run could not be removed: %s", problem);
	node_dns_clean(node);
	node_split_start(node);
}

static enum err apply_firewall(struct node *node, char *out_problem, size_t size) {
	struct firewall_tunnel rows[PROCESS_TUNNELS_MAX];
	size_t count = 0;
	for (uint16_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		const struct node_tunnel *tunnel = &node->tunnels[i];
		if (!tunnel->used || !tunnel->firewalled)
			continue;
		/* During a reload tunnels are changed one after the other, and some are removed. */
		rows[count++] = plan_firewall(node_pushed_config_of(node, tunnel), i);
	}
	char problem[FIREWALL_PROBLEM_SIZE] = "";
	enum err error = firewall_apply(rows, count, state_dir(node), problem);
	if (error)
		(void)snprintf(out_problem, size, "firewall: %s", problem[0] ? problem : err_text(error));
	return error;
}

/* Without nft a tunnel works that needs nothing forwarded; it lacks the guard of its addresses. */
static enum err firewall_up(struct node *node, struct node_tunnel *tunnel,
							char out_problem[static NODE_NETWORK_PROBLEM_SIZE]) {
	tunnel->firewalled = true;
	enum err error = apply_firewall(node, out_problem, NODE_NETWORK_PROBLEM_SIZE);
	if (!error)
		return ERR_OK;
	tunnel->firewalled = false;
	const struct config_tunnel *config = tunnel->config;
	if (error != ERR_NOT_FOUND || config->masquerade || config->forward)
		return error;
	log_warning("%s: %s; packets to its addresses from other interfaces are not dropped",
				tunnel->name, out_problem);
	return ERR_OK;
}

static enum err make_plan(struct node_tunnel *tunnel, struct plan_network *out_plan,
						  char out_problem[static NODE_NETWORK_PROBLEM_SIZE]) {
	enum err error = plan_network_new(node_pushed_config(tunnel, tunnel->config), tunnel->slot,
									  tunnel->more, tunnel->more_count, out_plan);
	if (error) {
		(void)snprintf(out_problem, NODE_NETWORK_PROBLEM_SIZE, "%s", err_text(error));
		return error;
	}
	tunnel->mtu = out_plan->network.mtu = node_mtu(tunnel);
	return ERR_OK;
}

/*
 * During a reload tunnels are changed one after the other. A route that the file gives this one now
 * another may have still, until it is its turn.
 */
static void make_room(const struct node *node, const struct node_tunnel *tunnel,
					  const struct network_plan *wanted) {
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		const struct node_tunnel *other = &node->tunnels[i];
		if (!other->used || other == tunnel || !other->network)
			continue;
		const struct config_tunnel *now = config_find(node->config, other->name);
		if (now && now == other->config)
			continue; /* it had its turn */
		struct plan_network kept = {.routes = NULL};
		enum err error = ERR_OK;
		if (now)
			error = plan_network_new(node_pushed_config(other, now), other->slot, other->more,
									 other->more_count, &kept);
		if (!error)
			error = network_yield(other->network, now ? &kept.network : NULL, wanted);
		plan_network_done(&kept);
		if (error)
			log_error("%s: routes that are another tunnel's now: %s", other->name, err_text(error));
	}
}

enum err node_network_up(struct node *node, struct node_tunnel *tunnel,
						 char out_problem[static NODE_NETWORK_PROBLEM_SIZE]) {
	struct plan_network plan;
	if (!attachment_has_interface(tunnel->attachment))
		return ERR_OK;
	enum err error = make_plan(tunnel, &plan, out_problem);
	if (error)
		return error;
	error = firewall_up(node, tunnel, out_problem);
	if (!error)
		error = node_dns_guard_up(node, tunnel, out_problem);
	bool no_v6 = false;
	if (!error) {
		char problem[NETWORK_PROBLEM_SIZE] = "";
		make_room(node, tunnel, &plan.network);
		error = network_new(&plan.network, state_dir(node), &tunnel->network, &no_v6, problem);
		if (error)
			(void)snprintf(out_problem, NODE_NETWORK_PROBLEM_SIZE, "%s",
						   problem[0] ? problem : err_text(error));
	}
	plan_network_done(&plan);
	if (!error)
		error = node_domains_up(node, tunnel, out_problem);
	if (!error)
		error = node_dns_up(node, tunnel, out_problem);
	if (no_v6)
		log_warning("%s: this host has no IPv6; its v6 addresses and routes are left out",
					tunnel->name);
	if (error)
		node_network_down(node, tunnel);
	else
		node_split_up(node, tunnel);
	char advice[ADVICE_MAX][ADVICE_SIZE];
	const size_t count =
		error ? 0 : advice_of(tunnel->config, (int64_t)(clock_wall_now() / CLOCK_SECOND), advice);
	for (size_t i = 0; i < count; i++)
		log_warning("%s: %s", tunnel->name, advice[i]);
	return error;
}

enum err node_network_change(const struct node *node, struct node_tunnel *tunnel,
							 char out_problem[static NODE_NETWORK_PROBLEM_SIZE]) {
	struct plan_network plan;
	if (!tunnel->network)
		return ERR_OK; /* without an interface there is none */
	enum err error = make_plan(tunnel, &plan, out_problem);
	if (error)
		return error;
	char problem[NETWORK_PROBLEM_SIZE] = "";
	make_room(node, tunnel, &plan.network);
	error = network_change(tunnel->network, &plan.network, problem);
	if (error)
		(void)snprintf(out_problem, NODE_NETWORK_PROBLEM_SIZE, "%s",
					   problem[0] ? problem : err_text(error));
	plan_network_done(&plan);
	return error;
}

enum err node_network_reload(struct node *node,
							 char out_problem[static NODE_NETWORK_PROBLEM_SIZE]) {
	bool before[PROCESS_TUNNELS_MAX], any = false, needed = false;
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		struct node_tunnel *tunnel = &node->tunnels[i];
		before[i] = tunnel->firewalled;
		if (!tunnel->used || tunnel->state != PROCESS_STATE_UP || !tunnel->network)
			continue;
		const struct config_tunnel *now = config_find(node->config, tunnel->name);
		any = tunnel->firewalled = true;
		needed |= before[i] || (now && (now->masquerade || now->forward));
	}
	enum err error = any ? apply_firewall(node, out_problem, NODE_NETWORK_PROBLEM_SIZE) : ERR_OK;
	if (!error)
		return ERR_OK;
	/* Rules that could not be replaced are still there. */
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++)
		node->tunnels[i].firewalled = before[i];
	/* That there is no nft was told when the tunnel came up. */
	return error == ERR_NOT_FOUND && !needed ? ERR_OK : error;
}

void node_network_restore(struct node *node) {
	char problem[NODE_NETWORK_PROBLEM_SIZE];
	bool any = false;
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++)
		any |= node->tunnels[i].firewalled;
	if (!any)
		return;
	if (apply_firewall(node, problem, sizeof problem))
		log_error("firewall rules that another program removed could not be made again: %s",
				  problem);
	else
		log_warning("another program removed firewall rules of tunnels; they are back");
}

void node_network_down(struct node *node, struct node_tunnel *tunnel) {
	node_dns_down(node, tunnel);
	node_domains_down(node, tunnel);
	struct network *network = tunnel->network;
	tunnel->network = NULL;
	if (network)
		node_split_down(node, tunnel);
	network_free(network);
	node_dns_guard_down(node, tunnel);
	if (!tunnel->firewalled)
		return;
	tunnel->firewalled = false;
	char problem[NODE_NETWORK_PROBLEM_SIZE];
	if (apply_firewall(node, problem, sizeof problem))
		log_error("%s: %s", tunnel->name, problem);
}

void node_network_clear(struct node *node) {
	bool any = false;
	node_dns_clear(node);
	node_domains_clear(node);
	node_split_clear(node);
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		struct node_tunnel *tunnel = &node->tunnels[i];
		network_free(tunnel->network);
		tunnel->network = NULL;
		any |= tunnel->firewalled;
		tunnel->firewalled = false;
	}
	char problem[NODE_NETWORK_PROBLEM_SIZE];
	if (any && apply_firewall(node, problem, sizeof problem))
		log_error("%s", problem);
}
