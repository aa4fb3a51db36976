#include "host/block.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/block_goal.h"
#include "host/block_message.h"
#include "host/network_refusal.h"
#include "host/route.h"
#include "host/route_message.h"
#include "host/sysctl.h"

/* What one family has, and is to have. */
struct family {
	uint8_t number;
	struct block_rule *rules;
	size_t rule_count;
	struct block_route *routes; /* sorted */
	size_t route_count;
};

static void family_done(struct family *family) {
	free(family->rules);
	free(family->routes);
}

static enum err family_load(struct route *route, uint8_t number, struct family *out_family) {
	struct family family = {.number = number};
	enum err error = block_message_list_rules(route, number, &family.rules, &family.rule_count);
	if (!error)
		error = block_message_list_routes(route, number, &family.routes, &family.route_count);
	if (error) {
		family_done(&family);
		return error;
	}
	if (family.route_count > 0)
		qsort(family.routes, family.route_count, sizeof *family.routes, block_route_compare);
	*out_family = family;
	return ERR_OK;
}

static bool has_route(const struct family *family, const struct block_route *entry) {
	return family->route_count > 0 && bsearch(entry, family->routes, family->route_count,
											  sizeof *family->routes, block_route_compare);
}

struct refusal {
	int number; /* the first; 0: none */
};

static void refused(void *context, size_t item, int number) {
	struct refusal *refusal = context;
	if (refusal->number == 0 && number != EEXIST)
		refusal->number = number;
}

/* Routes before the rules that lead to them. */
static enum err add_missing(struct route *route, const struct family *present,
							const struct block_goal *goal, int *out_number) {
	struct refusal refusal = {.number = 0};
	route_begin(route, refused, &refusal);
	for (size_t i = 0; i < goal->route_count; i++)
		if (goal->routes[i].prefix.address.family == present->number &&
			!has_route(present, &goal->routes[i]))
			block_message_put_route(route, true, &goal->routes[i], i);
	for (size_t i = 0; i < goal->rule_count; i++)
		if (goal->rules[i].family == present->number &&
			!block_rule_is_among(&goal->rules[i], present->rules, present->rule_count))
			block_message_put_rule(route, true, &goal->rules[i], i);
	enum err error = route_end(route);
	*out_number = refusal.number;
	return error;
}

static enum err remove_rest(struct route *route, const struct family *present,
							const struct block_goal *goal) {
	route_begin(route, network_refusal_ignore, NULL);
	for (size_t i = 0; i < present->rule_count; i++)
		if (!block_rule_is_among(&present->rules[i], goal->rules, goal->rule_count))
			block_message_put_rule(route, false, &present->rules[i], i);
	for (size_t i = 0; i < present->route_count; i++)
		if (!block_goal_has_route(goal, &present->routes[i]))
			block_message_put_route(route, false, &present->routes[i], i);
	return route_end(route);
}

/* A kernel without IPv6 needs nothing blocked. */
static bool is_without_v6(void) {
	int32_t value;
	return sysctl_read("net/ipv6/conf/all/disable_ipv6", &value) != ERR_OK;
}

static enum err change_family(struct route *route, uint8_t number, const struct block_goal *goal,
							  char out_problem[static BLOCK_PROBLEM_SIZE]) {
	struct family present;
	enum err error = family_load(route, number, &present);
	if (error)
		return error;
	int refusal = 0;
	error = add_missing(route, &present, goal, &refusal);
	if (!error && refusal) {
		error = err_from_errno(refusal);
		(void)snprintf(out_problem, BLOCK_PROBLEM_SIZE, "blocking routes of IPv%u: %s", number,
					   strerrordesc_np(refusal));
	}
	if (!error)
		error = remove_rest(route, &present, goal);
	family_done(&present);
	return error;
}

static enum err apply(struct route *route, const struct block_request *request,
					  char out_problem[static BLOCK_PROBLEM_SIZE]) {
	struct block_goal goal = {.rules = NULL};
	enum err error = block_goal_init(request, &goal);
	if (!error)
		error = change_family(route, ADDRESS_V4, &goal, out_problem);
	if (!error && !is_without_v6())
		error = change_family(route, ADDRESS_V6, &goal, out_problem);
	block_goal_done(&goal);
	return error;
}

enum err block_apply(const struct block_request *request,
					 char out_problem[static BLOCK_PROBLEM_SIZE]) {
	struct route *route = NULL;
	out_problem[0] = '\0';
	enum err error = route_open(&route);
	if (!error)
		error = apply(route, request, out_problem);
	route_close(route);
	if (error && !out_problem[0])
		(void)snprintf(out_problem, BLOCK_PROBLEM_SIZE, "blocking routes: %s", err_text(error));
	return error;
}

enum err block_remove(void) {
	struct route *route = NULL;
	enum err error = route_open(&route);
	if (!error)
		error = route_flush(route, BLOCK_PROTOCOL);
	route_close(route);
	return error;
}

enum err block_exists(bool *out_exists) {
	struct route *route = NULL;
	bool exists = false;
	enum err error = route_open(&route);
	static const uint8_t families[] = {ADDRESS_V4, ADDRESS_V6};
	for (size_t i = 0; i < sizeof families && !error; i++) {
		struct family family;
		error = family_load(route, families[i], &family);
		if (error)
			break;
		exists |= family.rule_count > 0 || family.route_count > 0;
		family_done(&family);
	}
	route_close(route);
	if (!error)
		*out_exists = exists;
	return error;
}
