#include "host/network_rules.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "host/network_refusal.h"
#include "host/route.h"

static enum err add_family(struct route *route, const struct network_goal *goal,
						   enum address_family family,
						   char out_problem[static NETWORK_PROBLEM_SIZE]) {
	auto_free struct route_rule *present = NULL;
	size_t count = 0;
	enum err error = route_list_rules(route, family, NETWORK_PROTOCOL, &present, &count);
	if (error)
		return network_refusal_talk(error, out_problem);
	struct network_refusal refusal = {
		.rules = goal->rules, .may_exist = true, .problem = out_problem};
	route_begin(route, network_refusal_keep, &refusal);
	for (size_t i = 0; i < goal->rule_count; i++)
		if (goal->rules[i].family == family &&
			!route_rule_is_among(&goal->rules[i], present, count))
			route_put_rule(route, ROUTE_CREATE, &goal->rules[i], NETWORK_PROTOCOL, i);
	return network_refusal_end(&refusal, route_end(route));
}

enum err network_rules_add(struct route *route, const struct network_goal *goal,
						   char out_problem[static NETWORK_PROBLEM_SIZE]) {
	enum err error = add_family(route, goal, ADDRESS_V4, out_problem);
	return error ? error : add_family(route, goal, ADDRESS_V6, out_problem);
}

bool network_rules_useless(const struct route_rule *rule, const struct route_rule *rules,
						   size_t count) {
	if (rule->kind != ROUTE_RULE_PASS && rule->kind != ROUTE_RULE_MAIN)
		return false;
	for (size_t i = 0; i < count; i++)
		if (rules[i].kind == ROUTE_RULE_DEFAULT && rules[i].family == rule->family &&
			(rule->kind == ROUTE_RULE_MAIN || rules[i].mark == rule->mark))
			return false;
	return true;
}

static enum err remove_defaults(struct route *route, const struct network_goal *before,
								const struct network_goal *after) {
	route_begin(route, network_refusal_ignore, NULL);
	for (size_t i = 0; i < before->rule_count; i++) {
		const struct route_rule *rule = &before->rules[i];
		if (rule->kind == ROUTE_RULE_DEFAULT &&
			!(after && route_rule_is_among(rule, after->rules, after->rule_count)))
			route_put_rule(route, ROUTE_DELETE, rule, NETWORK_PROTOCOL, i);
	}
	return route_end(route);
}

static enum err remove_useless(struct route *route, enum address_family family) {
	auto_free struct route_rule *present = NULL;
	size_t count = 0;
	enum err error = route_list_rules(route, family, NETWORK_PROTOCOL, &present, &count);
	if (error)
		return error;
	route_begin(route, network_refusal_ignore, NULL);
	for (size_t i = 0; i < count; i++)
		if (network_rules_useless(&present[i], present, count))
			route_put_rule(route, ROUTE_DELETE, &present[i], NETWORK_PROTOCOL, i);
	return route_end(route);
}

enum err network_rules_remove(struct route *route, const struct network_goal *before,
							  const struct network_goal *after) {
	if (before->rule_count == 0)
		return ERR_OK;
	enum err error = remove_defaults(route, before, after);
	enum err v4 = remove_useless(route, ADDRESS_V4), v6 = remove_useless(route, ADDRESS_V6);
	return error ? error : v4 ? v4 : v6;
}

enum err network_rules_take_v4(struct route *route, bool *out_taken) {
	auto_free struct route_rule *present = NULL;
	size_t count = 0;
	enum err error = route_list_rules(route, ADDRESS_V4, NETWORK_PROTOCOL, &present, &count);
	if (error)
		return error;
	bool taken = false;
	for (size_t i = 0; i < count; i++)
		taken |= present[i].kind == ROUTE_RULE_DEFAULT;
	*out_taken = taken;
	return ERR_OK;
}
