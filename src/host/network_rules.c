#include "host/network_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "host/network_refusal.h"
#include "host/route.h"

static bool has(const struct route_rule *rules, size_t count, const struct route_rule *rule) {
	for (size_t i = 0; i < count; i++)
		if (route_rule_equal(&rules[i], rule))
			return true;
	return false;
}

struct refusal {
	const struct network_goal *goal;
	char *problem;
	enum err error;
};

/* Somebody else's rule with the same priority and meaning serves as well. */
static void refused(void *context, size_t item, int number) {
	struct refusal *refusal = context;
	if (refusal->error || number == EEXIST)
		return;
	char what[32];
	(void)snprintf(what, sizeof what, "rule %u", (unsigned)refusal->goal->rules[item].priority);
	refusal->error = network_refusal_explain(what, number, refusal->problem);
}

static enum err add_family(struct route *route, const struct network_goal *goal,
						   enum address_family family,
						   char out_problem[static NETWORK_PROBLEM_SIZE]) {
	auto_free struct route_rule *present = NULL;
	size_t count = 0;
	enum err error = route_list_rules(route, family, NETWORK_PROTOCOL, &present, &count);
	if (error)
		return network_refusal_talk(error, out_problem);
	struct refusal refusal = {.goal = goal, .problem = out_problem};
	route_begin(route, refused, &refusal);
	for (size_t i = 0; i < goal->rule_count; i++)
		if (goal->rules[i].family == family && !has(present, count, &goal->rules[i]))
			route_put_rule(route, ROUTE_CREATE, &goal->rules[i], NETWORK_PROTOCOL, i);
	error = route_end(route);
	return refusal.error ? refusal.error : network_refusal_talk(error, out_problem);
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
			!(after && has(after->rules, after->rule_count, rule)))
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
