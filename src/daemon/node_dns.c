#include "daemon/node_dns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/node_core.h"
#include "tunnel/plan.h"
#include "tunnel/plan_dns.h"
#include "tunnel/plan_step.h"

/* Between looks at /etc/resolv.conf without news, and after news: many come at once. */
#define CHECK_INTERVAL (30 * CLOCK_SECOND)
#define CHECK_DELAY (100 * CLOCK_MILLISECOND)

_Static_assert((int)NODE_DNS_PROBLEM_SIZE > (int)DNS_PROBLEM_SIZE + 8, "behind \"dns: \"");

/* During a reload tunnels are changed one after the other, and some are removed. */
static const struct config_tunnel *config_of(const struct node *node,
											 const struct node_tunnel *tunnel) {
	return node_pushed_config_of(node, tunnel);
}

/* Tunnels in the order of the file; those that are being removed come last. */
static size_t in_order(const struct node *node, const bool *chosen,
					   const struct node_tunnel *tunnels[static PROCESS_TUNNELS_MAX]) {
	size_t count = 0;
	for (size_t i = 0; i <= node->config->tunnel_count; i++) {
		bool rest = i == node->config->tunnel_count;
		for (size_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++) {
			const struct node_tunnel *tunnel = &node->tunnels[slot];
			if (!tunnel->used || !chosen[slot])
				continue;
			if (rest ? !config_find(node->config, tunnel->name)
					 : strcmp(node->config->tunnels[i].name, tunnel->name) == 0)
				tunnels[count++] = tunnel;
		}
	}
	return count;
}

/* Watching */

static void changed(void *context, uint32_t events) {
	struct node *node = context;
	uint64_t soon = clock_now() + CHECK_DELAY;
	/* Its events are read by the check; until then they must not keep us awake. */
	loop_remove(node->privileged.loop, dns_descriptor(node->dns.dns));
	if (soon < node->dns.check_at)
		node->dns.check_at = soon;
}

/* It may listen already. */
static void listen(struct node *node) {
	struct node_dns *state = &node->dns;
	state->source = (struct loop_source){.ready = changed, .context = node};
	if (dns_descriptor(state->dns) >= 0)
		(void)loop_add(node->privileged.loop, dns_descriptor(state->dns), EPOLLIN, &state->source);
}

/* Servers */

static enum err apply_servers(struct node *node, char *out_problem, size_t size) {
	struct node_dns *state = &node->dns;
	const struct node_tunnel *tunnels[PROCESS_TUNNELS_MAX];
	struct dns_tunnel rows[PROCESS_TUNNELS_MAX];
	bool splits[PROCESS_TUNNELS_MAX];
	size_t count = 0, used = in_order(node, state->placed, tunnels);
	if (!state->dns) {
		(void)snprintf(out_problem, size, "dns: %s", err_text(ERR_NO_MEMORY));
		return ERR_NO_MEMORY;
	}
	for (size_t i = 0; i < used; i++) {
		struct dns_tunnel row =
			plan_dns(config_of(node, tunnels[i]), state->has_step ? &state->step : NULL);
		if (row.server_count == 0 || row.manager == DNS_OFF)
			continue;
		splits[count] = dns_splits(dns_choose(state->dns, row.manager));
		rows[count++] = row;
	}
	plan_dns_step(rows, count, splits, state->has_step ? &state->step : NULL);
	char problem[DNS_PROBLEM_SIZE] = "";
	enum err error = dns_apply(state->dns, rows, count, problem);
	if (error)
		(void)snprintf(out_problem, size, "dns: %s", problem[0] ? problem : err_text(error));
	state->check_at = CLOCK_NEVER;
	if (dns_is_held(state->dns))
		state->check_at = clock_now() + CHECK_INTERVAL;
	listen(node);
	return error;
}

enum err node_dns_up(struct node *node, struct node_tunnel *tunnel,
					 char out_problem[static NODE_DNS_PROBLEM_SIZE]) {
	const struct config_dns *dns = &config_of(node, tunnel)->dns;
	node->dns.placed[tunnel->slot] = true;
	bool asks = dns->server_count > 0 || plan_step_routes(config_of(node, tunnel));
	if (!asks || dns->manager == CONFIG_DNS_OFF)
		return ERR_OK;
	enum err error = apply_servers(node, out_problem, NODE_DNS_PROBLEM_SIZE);
	if (!error) {
		log_info("%s: its name servers are set: %s", tunnel->name,
				 dns_manager_name(dns_choose(node->dns.dns, (enum dns_manager)dns->manager)));
		return ERR_OK;
	}
	/* What is said of the others must not go with it. */
	char more[NODE_DNS_PROBLEM_SIZE];
	node->dns.placed[tunnel->slot] = false;
	if (apply_servers(node, more, sizeof more))
		log_error("%s", more);
	return error;
}

void node_dns_down(struct node *node, struct node_tunnel *tunnel) {
	struct node_dns *state = &node->dns;
	if (!state->placed[tunnel->slot])
		return;
	state->placed[tunnel->slot] = false;
	char problem[NODE_DNS_PROBLEM_SIZE];
	if (state->dns && dns_is_held(state->dns) && apply_servers(node, problem, sizeof problem))
		log_error("%s: %s", tunnel->name, problem);
}

void node_dns_set_step(struct node *node, const struct address *step) {
	struct node_dns *state = &node->dns;
	state->has_step = step != NULL;
	if (step)
		state->step = *step;
	char problem[NODE_DNS_PROBLEM_SIZE];
	if (state->dns && dns_is_held(state->dns) && apply_servers(node, problem, sizeof problem))
		log_error("%s", problem);
}

size_t node_dns_system_servers(const struct node *node,
							   struct endpoint servers[static DNS_OWN_SERVERS_MAX]) {
	return node->dns.dns ? dns_own_servers(node->dns.dns, servers) : 0;
}

static bool is_loopback(const struct address *address) {
	static const uint8_t v6[ADDRESS_V6_SIZE] = {[15] = 1};
	return address->family == ADDRESS_V4 ? address->bytes[0] == 127
										 : memcmp(address->bytes, v6, sizeof v6) == 0;
}

size_t node_dns_system_addresses(const struct node *node, struct address *out_addresses,
								 size_t room) {
	struct endpoint servers[DNS_OWN_SERVERS_MAX];
	size_t found = 0, count = node_dns_system_servers(node, servers);
	for (size_t i = 0; i < count && found < room; i++)
		if (servers[i].scope_id == 0 && !is_loopback(&servers[i].address))
			out_addresses[found++] = servers[i].address;
	return found;
}

/* Guard */

static enum err apply_guard(struct node *node, char *out_problem, size_t size) {
	static const uint32_t marks[] = {PLAN_MARK_RESOLVER};
	const struct node_tunnel *tunnels[PROCESS_TUNNELS_MAX];
	struct dns_guard_tunnel rows[PROCESS_TUNNELS_MAX];
	const struct dns_guard guard = {
		.tunnels = rows,
		.count = in_order(node, node->dns.guarded, tunnels),
		.marks = marks,
		.mark_count = sizeof marks / sizeof *marks,
	};
	for (size_t i = 0; i < guard.count; i++)
		rows[i] = plan_dns_guard(config_of(node, tunnels[i]), tunnels[i]->slot);
	char problem[FIREWALL_PROBLEM_SIZE] = "";
	enum err error = dns_guard_apply(&guard, problem);
	if (error)
		(void)snprintf(out_problem, size, "leak protection: %s",
					   problem[0] ? problem : err_text(error));
	return error;
}

/* Whether any tunnel that is up asks for it: then a change of any is one of the table. */
static bool is_protected(const struct node *node) {
	for (size_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++)
		if (node->tunnels[slot].used && node->dns.guarded[slot] &&
			plan_dns_protects(config_of(node, &node->tunnels[slot])))
			return true;
	return false;
}

/* A host without nft goes on without it, unless the configuration insists. */
static bool is_needed(const struct node *node) {
	for (size_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++) {
		const struct node_tunnel *tunnel = &node->tunnels[slot];
		if (tunnel->used && node->dns.guarded[slot] &&
			!config_of(node, tunnel)->dns.leak_protection_absent &&
			plan_dns_protects(config_of(node, tunnel)))
			return true;
	}
	return false;
}

enum err node_dns_guard_up(struct node *node, struct node_tunnel *tunnel,
						   char out_problem[static NODE_DNS_PROBLEM_SIZE]) {
	node->dns.guarded[tunnel->slot] = true;
	if (!is_protected(node))
		return ERR_OK;
	enum err error = apply_guard(node, out_problem, NODE_DNS_PROBLEM_SIZE);
	if (!error)
		return ERR_OK;
	if (error == ERR_NOT_FOUND && !is_needed(node)) {
		log_warning("%s: %s; questions for names may leave outside of it", tunnel->name,
					out_problem);
		return ERR_OK;
	}
	node->dns.guarded[tunnel->slot] = false;
	return error;
}

void node_dns_guard_down(struct node *node, struct node_tunnel *tunnel) {
	struct node_dns *state = &node->dns;
	if (!state->guarded[tunnel->slot])
		return;
	bool before = is_protected(node);
	state->guarded[tunnel->slot] = false;
	char problem[NODE_DNS_PROBLEM_SIZE];
	if (before && apply_guard(node, problem, sizeof problem))
		log_error("%s: %s", tunnel->name, problem);
}

bool node_dns_guard_is_lost(struct node *node, const char *table) {
	bool lost = strcmp(table, DNS_GUARD_TABLE) == 0;
	node->dns.guard_lost |= lost;
	return lost;
}

void node_dns_guard_restore(struct node *node) {
	char problem[NODE_DNS_PROBLEM_SIZE];
	/* It was this process that took it away, otherwise. */
	bool wanted = node->dns.guard_lost && is_protected(node);
	node->dns.guard_lost = false;
	if (!wanted)
		return;
	if (apply_guard(node, problem, sizeof problem))
		log_error("%s", problem);
	else
		log_warning("another program removed the rules of leak protection; they are back");
}

/* All together */

enum err node_dns_reload(struct node *node, char out_problem[static NODE_DNS_PROBLEM_SIZE]) {
	struct node_dns *state = &node->dns;
	enum err guard = apply_guard(node, out_problem, NODE_DNS_PROBLEM_SIZE);
	if (guard == ERR_NOT_FOUND && !is_needed(node))
		guard = ERR_OK;
	bool any = state->dns && dns_is_held(state->dns);
	for (size_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++)
		if (node->tunnels[slot].used && state->placed[slot])
			any |= config_of(node, &node->tunnels[slot])->dns.server_count > 0;
	enum err servers = any ? apply_servers(node, out_problem, NODE_DNS_PROBLEM_SIZE) : ERR_OK;
	return servers ? servers : guard;
}

void node_dns_clear(struct node *node) {
	struct node_dns *state = &node->dns;
	char problem[NODE_DNS_PROBLEM_SIZE];
	bool guarded = is_protected(node);
	memset(state->placed, 0, sizeof state->placed);
	memset(state->guarded, 0, sizeof state->guarded);
	if (state->dns && dns_is_held(state->dns) && apply_servers(node, problem, sizeof problem))
		log_error("%s", problem);
	if (guarded && apply_guard(node, problem, sizeof problem))
		log_error("%s", problem);
}

uint64_t node_dns_run(struct node *node, uint64_t now) {
	struct node_dns *state = &node->dns;
	char problem[DNS_PROBLEM_SIZE] = "";
	bool foreign = false;
	if (!state->dns || now < state->check_at)
		return state->dns ? state->check_at : CLOCK_NEVER;
	enum err error = dns_check(state->dns, now, &foreign, problem);
	if (error)
		log_error("dns: %s", problem);
	bool held = dns_is_held(state->dns);
	/* Without servers of ours in the file every change of it is others'. */
	state->generation += !held || foreign;
	if (foreign)
		log_info("/etc/resolv.conf was written by somebody else; that is kept for later, and the "
				 "tunnels' servers are there again");
	state->check_at = held ? now + CHECK_INTERVAL : CLOCK_NEVER;
	if (error != ERR_RATE_LIMITED)
		listen(node);
	return state->check_at;
}

void node_dns_open(struct node *node) {
	struct node_dns *state = &node->dns;
	const struct dns_places places = {.state_dir = node->state_dir};
	state->check_at = 0;
	enum err error = dns_new(&places, &state->dns);
	if (error)
		log_error("dns: %s", err_text(error));
}

void node_dns_clean(struct node *node) {
	struct node_dns *state = &node->dns;
	char problem[FIREWALL_PROBLEM_SIZE] = "";
	if (state->dns && dns_apply(state->dns, NULL, 0, problem))
		log_error("the name servers of before could not be put back: %s", problem);
	if (dns_guard_remove(problem))
		log_error("rules of leak protection of an earlier run could not be removed: %s", problem);
}

void node_dns_done(struct node *node) {
	struct node_dns *state = &node->dns;
	if (state->dns && node->privileged.loop && dns_descriptor(state->dns) >= 0)
		loop_remove(node->privileged.loop, dns_descriptor(state->dns));
	dns_free(state->dns);
	state->dns = NULL;
}
