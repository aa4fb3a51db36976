#include "host/block_goal.h"

#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include "host/network_goal.h"

bool block_rule_equal(const struct block_rule *left, const struct block_rule *right) {
	return left->family == right->family && left->goes_to == right->goes_to &&
		   left->suppress == right->suppress && left->ip_protocol == right->ip_protocol &&
		   left->source_port == right->source_port &&
		   left->destination_port == right->destination_port && left->priority == right->priority &&
		   left->mark == right->mark && left->target == right->target &&
		   prefix_equal(&left->to, &right->to) && strcmp(left->from, right->from) == 0;
}

bool block_rule_is_among(const struct block_rule *rule, const struct block_rule *rules,
						 size_t count) {
	for (size_t i = 0; i < count; i++)
		if (block_rule_equal(rule, &rules[i]))
			return true;
	return false;
}

int block_route_compare(const void *left_item, const void *right_item) {
	const struct block_route *left = left_item, *right = right_item;
	const struct address *a = &left->prefix.address, *b = &right->prefix.address;
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (left->table != right->table)
		return left->table < right->table ? -1 : 1;
	int order = memcmp(a->bytes, b->bytes, sizeof a->bytes);
	return order ? order : (int)left->prefix.length - (int)right->prefix.length;
}

bool block_goal_has_route(const struct block_goal *goal, const struct block_route *route) {
	return goal->route_count > 0 && bsearch(route, goal->routes, goal->route_count,
											sizeof *goal->routes, block_route_compare);
}

static void add(struct block_goal *goal, uint8_t family, struct block_rule rule) {
	rule.family = family;
	if (!block_rule_is_among(&rule, goal->rules, goal->rule_count))
		goal->rules[goal->rule_count++] = rule;
}

static void add_pass(struct block_goal *goal, uint8_t family, uint32_t mark) {
	if (mark != 0)
		add(goal, family,
			(struct block_rule){.priority = BLOCK_PRIORITY_PASS,
								.goes_to = true,
								.mark = mark,
								.target = NETWORK_PRIORITY_KERNEL});
}

static void add_dhcp(struct block_goal *goal, uint8_t family) {
	bool v4 = family == ADDRESS_V4;
	add(goal, family,
		(struct block_rule){.priority = BLOCK_PRIORITY_DHCP,
							.ip_protocol = IPPROTO_UDP,
							.source_port = v4 ? 68 : 546,
							.destination_port = v4 ? 67 : 547,
							.target = RT_TABLE_MAIN});
}

/* Groups have no routes of their own: they take the default one. */
static bool is_group(const struct address *address) {
	return address->bytes[0] >= (address->family == ADDRESS_V4 ? 0xe0 : 0xff);
}

static void add_family(struct block_goal *goal, uint8_t family,
					   const struct block_request *request) {
	for (size_t i = 0; i < request->tunnel_count; i++)
		add_pass(goal, family, request->tunnels[i].mark);
	for (size_t i = 0; i < request->mark_count; i++)
		add_pass(goal, family, request->marks[i]);
	add_dhcp(goal, family);
	for (size_t i = 0; i < request->inside_count; i++)
		if (request->inside[i].prefix.address.family == family)
			add(goal, family,
				(struct block_rule){.priority = BLOCK_PRIORITY_INSIDE,
									.target = request->inside[i].table,
									.to = request->inside[i].prefix});
	for (size_t i = 0; i < request->local_count; i++)
		if (request->local[i].address.family == family)
			add(goal, family,
				(struct block_rule){.priority = BLOCK_PRIORITY_LOCAL,
									.suppress = !is_group(&request->local[i].address),
									.target = RT_TABLE_MAIN,
									.to = request->local[i]});
	for (size_t i = 0; i < request->interface_count; i++) {
		struct block_rule rule = {
			.priority = BLOCK_PRIORITY_BACK, .suppress = true, .target = RT_TABLE_MAIN};
		strncpy(rule.from, request->interfaces[i], sizeof rule.from - 1);
		add(goal, family, rule);
	}
	/* Of one priority the kernel asks the rule that was made first. */
	for (size_t i = 0; i < request->tunnel_count; i++)
		add(goal, family,
			(struct block_rule){.priority = BLOCK_PRIORITY_ALL,
								.target = request->tunnels[i].table});
}

static void add_routes(struct block_goal *goal, const struct block_request *request) {
	static const uint8_t families[] = {ADDRESS_V4, ADDRESS_V6};
	for (size_t i = 0; i < request->tunnel_count; i++)
		for (size_t j = 0; j < sizeof families; j++)
			goal->routes[goal->route_count++] = (struct block_route){
				.prefix.address.family = families[j], .table = request->tunnels[i].table};
	for (size_t i = 0; i < request->excluded_count; i++) {
		struct block_route route = {.prefix = request->excluded[i].prefix,
									.table = request->excluded[i].table};
		prefix_mask(&route.prefix);
		if (route.prefix.length > 0)
			goal->routes[goal->route_count++] = route;
	}
	qsort(goal->routes, goal->route_count, sizeof *goal->routes, block_route_compare);
	size_t kept = 0;
	for (size_t i = 0; i < goal->route_count; i++)
		if (i == 0 || block_route_compare(&goal->routes[kept - 1], &goal->routes[i]) != 0)
			goal->routes[kept++] = goal->routes[i];
	goal->route_count = kept;
}

enum err block_goal_init(const struct block_request *request, struct block_goal *out_goal) {
	size_t rules =
		2 * (2 * request->tunnel_count + request->interface_count + request->mark_count + 1) +
		request->inside_count + request->local_count;
	struct block_goal goal = {
		.rules = calloc(rules, sizeof *goal.rules),
		.routes =
			calloc(2 * request->tunnel_count + request->excluded_count + 1, sizeof *goal.routes),
	};
	if (!goal.rules || !goal.routes) {
		block_goal_done(&goal);
		return ERR_NO_MEMORY;
	}
	if (request->tunnel_count > 0) {
		add_family(&goal, ADDRESS_V4, request);
		add_family(&goal, ADDRESS_V6, request);
		add_routes(&goal, request);
	}
	*out_goal = goal;
	return ERR_OK;
}

void block_goal_done(struct block_goal *goal) {
	free(goal->rules);
	free(goal->routes);
	*goal = (struct block_goal){.rules = NULL};
}
