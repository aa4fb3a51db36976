#include "tunnel/plan_step.h"

#include <stdlib.h>

#include "tunnel/plan.h"

bool plan_step_routes(const struct config_tunnel *tunnel) {
	return tunnel->routes.include_domains.count > 0 || tunnel->routes.exclude_domains.count > 0;
}

bool plan_step_splits(const struct config_tunnel *tunnel) {
	return tunnel->dns.server_count > 0 && tunnel->dns.domains.count > 0;
}

/* Whose servers get what no domain covers. */
static int find_default(const struct plan_step_tunnel *tunnels, size_t count, int system) {
	int found = system;
	bool any = false;
	for (size_t i = 0; i < count; i++) {
		const struct plan_step_tunnel *tunnel = &tunnels[i];
		if (tunnel->group == PLAN_STEP_NO_GROUP || plan_step_splits(tunnel->config))
			continue;
		if (plan_takes_default(tunnel->config))
			return tunnel->group;
		if (!any)
			found = tunnel->group;
		any = true;
	}
	return found;
}

static enum err add_routes(struct plan_step *plan, const struct config_names *names, int group) {
	for (size_t i = 0; i < names->count && group != PLAN_STEP_NO_GROUP; i++) {
		struct forwarder_route *route = &plan->routes[plan->route_count++];
		enum err error = dns_name_parse(names->items[i], &route->domain);
		if (error)
			return error;
		route->group = (size_t)group;
	}
	return ERR_OK;
}

static enum err add_rules(struct plan_step *plan, const struct config_names *names, uint16_t slot,
						  uint8_t kind) {
	for (size_t i = 0; i < names->count; i++) {
		struct forwarder_rule *rule = &plan->rules[plan->rule_count++];
		enum err error = dns_name_parse(names->items[i], &rule->domain);
		if (error)
			return error;
		rule->grant = (struct forwarder_grant){
			.slot = slot, .kind = kind, .required = kind == PLAN_STEP_INCLUDE};
	}
	return ERR_OK;
}

static enum err fill(struct plan_step *plan, const struct plan_step_tunnel *tunnels, size_t count,
					 int system) {
	int group = find_default(tunnels, count, system);
	if (group != PLAN_STEP_NO_GROUP)
		plan->routes[plan->route_count++] =
			(struct forwarder_route){.domain.size = 1, .group = (size_t)group};
	for (size_t i = 0; i < count; i++) {
		const struct plan_step_tunnel *tunnel = &tunnels[i];
		const struct config_tunnel *config = tunnel->config;
		enum err error = add_routes(plan, &config->dns.domains, tunnel->group);
		if (!error)
			error = add_routes(plan, &config->routes.include_domains, tunnel->group);
		if (!error)
			error =
				add_rules(plan, &config->routes.include_domains, tunnel->slot, PLAN_STEP_INCLUDE);
		if (!error)
			error =
				add_rules(plan, &config->routes.exclude_domains, tunnel->slot, PLAN_STEP_EXCLUDE);
		if (error)
			return error;
	}
	return ERR_OK;
}

enum err plan_step_new(const struct plan_step_tunnel *tunnels, size_t count, int system,
					   struct plan_step *out_plan) {
	struct plan_step plan = {.routes = NULL};
	size_t most = 1;
	for (size_t i = 0; i < count; i++)
		most += tunnels[i].config->dns.domains.count +
				tunnels[i].config->routes.include_domains.count +
				tunnels[i].config->routes.exclude_domains.count;
	plan.routes = calloc(most, sizeof *plan.routes);
	plan.rules = calloc(most, sizeof *plan.rules);
	enum err error =
		plan.routes && plan.rules ? fill(&plan, tunnels, count, system) : ERR_NO_MEMORY;
	if (error) {
		plan_step_done(&plan);
		return error;
	}
	*out_plan = plan;
	return ERR_OK;
}

void plan_step_done(struct plan_step *plan) {
	free(plan->routes);
	free(plan->rules);
	*plan = (struct plan_step){.routes = NULL};
}
