#include "host/network_goal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

enum { V6_MTU_MIN = 1280 };

static bool is_usable(const struct prefix *prefix, bool v6) {
	return prefix->address.family == ADDRESS_V4 || (v6 && prefix->address.family == ADDRESS_V6);
}

static enum err refuse(const char *what, const struct prefix *prefix, const char *why,
					   char out_problem[static NETWORK_PROBLEM_SIZE]) {
	char text[ADDRESS_TEXT_SIZE];
	prefix_format(prefix, text);
	(void)snprintf(out_problem, NETWORK_PROBLEM_SIZE, "%s %s: %s", what, text, why);
	return ERR_INVALID;
}

int network_goal_compare(const void *left_item, const void *right_item) {
	const struct route_entry *left = left_item, *right = right_item;
	const struct prefix *a = &left->prefix, *b = &right->prefix;
	if (a->address.family != b->address.family)
		return a->address.family < b->address.family ? -1 : 1;
	if (left->table != right->table)
		return left->table < right->table ? -1 : 1;
	int order = memcmp(a->address.bytes, b->address.bytes, sizeof a->address.bytes);
	return order ? order : (int)a->length - (int)b->length;
}

bool network_goal_has_entry(const struct network_goal *goal, const struct route_entry *entry) {
	return goal->entry_count > 0 && bsearch(entry, goal->entries, goal->entry_count,
											sizeof *goal->entries, network_goal_compare);
}

bool network_goal_has_throw(const struct network_goal *goal, const struct route_entry *entry) {
	return goal->throw_count > 0 && bsearch(entry, goal->throws, goal->throw_count,
											sizeof *goal->throws, network_goal_compare);
}

bool network_goal_has_address(const struct network_goal *goal, const struct prefix *address) {
	for (size_t i = 0; i < goal->address_count; i++)
		if (prefix_equal(&goal->addresses[i], address))
			return true;
	return false;
}

bool network_goal_brings(const struct network_goal *goal, const struct route_entry *entry) {
	if (entry->table != RT_TABLE_MAIN)
		return false;
	for (size_t i = 0; i < goal->address_count; i++) {
		struct prefix network = goal->addresses[i];
		prefix_mask(&network);
		if (prefix_equal(&network, &entry->prefix))
			return true;
	}
	return false;
}

bool network_goal_takes_v4(const struct network_goal *goal) {
	return goal->rule_count > 0 && goal->rules[0].family == ADDRESS_V4;
}

static enum err copy_addresses(const struct network_plan *plan, bool v6, struct network_goal *goal,
							   bool *left_out, char out_problem[static NETWORK_PROBLEM_SIZE]) {
	goal->addresses = calloc(plan->address_count + 1, sizeof *goal->addresses);
	if (!goal->addresses)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < plan->address_count; i++) {
		const struct prefix *address = &plan->addresses[i];
		if (!is_usable(address, v6)) {
			*left_out = true;
			continue;
		}
		if (address->address.family == ADDRESS_V6 && plan->mtu > 0 && plan->mtu < V6_MTU_MIN)
			return refuse("address", address, "IPv6 takes an MTU of 1280 or more", out_problem);
		if (!network_goal_has_address(goal, address))
			goal->addresses[goal->address_count++] = *address;
	}
	return ERR_OK;
}

static void add_rules(struct network_goal *goal, const struct network_plan *plan, uint8_t family) {
	const struct route_rule rules[] = {
		{.kind = ROUTE_RULE_PASS,
		 .priority = NETWORK_PRIORITY_PASS,
		 .mark = plan->mark,
		 .table = NETWORK_PRIORITY_KERNEL},
		{.kind = ROUTE_RULE_MAIN, .priority = NETWORK_PRIORITY_MAIN},
		{.kind = ROUTE_RULE_DEFAULT,
		 .priority = NETWORK_PRIORITY_DEFAULT,
		 .mark = plan->mark,
		 .table = plan->default_table},
	};
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		if (rules[i].kind == ROUTE_RULE_MAIN && plan->blocked)
			continue;
		goal->rules[goal->rule_count] = rules[i];
		goal->rules[goal->rule_count++].family = family;
	}
}

/* A default route beside the host's own: into a table that rules lead to. */
static enum err take_default(const struct network_plan *plan, struct network_goal *goal,
							 struct route_entry *entry,
							 char out_problem[static NETWORK_PROBLEM_SIZE]) {
	uint32_t table = plan->default_table;
	if (table == RT_TABLE_UNSPEC || (table >= RT_TABLE_DEFAULT && table <= RT_TABLE_LOCAL))
		return refuse("route", &entry->prefix, "needs a table of its own", out_problem);
	/* Without a mark the tunnel's own datagrams would go into the tunnel. */
	if (plan->mark == 0)
		return refuse("route", &entry->prefix, "needs a mark on the tunnel's datagrams",
					  out_problem);
	entry->table = table;
	add_rules(goal, plan, entry->prefix.address.family);
	return ERR_OK;
}

static size_t sort_entries(struct route_entry *entries, size_t count) {
	qsort(entries, count, sizeof *entries, network_goal_compare);
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (i == 0 || network_goal_compare(&entries[kept - 1], &entries[i]) != 0)
			entries[kept++] = entries[i];
	return kept;
}

static bool has_rules(const struct network_goal *goal, uint8_t family) {
	for (size_t i = 0; i < goal->rule_count; i++)
		if (goal->rules[i].family == family)
			return true;
	return false;
}

static enum err copy_route(const struct network_plan *plan, const struct prefix *prefix,
						   struct network_goal *goal,
						   char out_problem[static NETWORK_PROBLEM_SIZE]) {
	struct route_entry entry = {.prefix = *prefix,
								.table = plan->table ? plan->table : RT_TABLE_MAIN};
	prefix_mask(&entry.prefix);
	if (prefix->address.family == ADDRESS_V6 && plan->mtu > 0 && plan->mtu < V6_MTU_MIN)
		return refuse("route", prefix, "IPv6 takes an MTU of 1280 or more", out_problem);
	if (prefix->length == 0 && plan->table == 0) {
		if (has_rules(goal, prefix->address.family))
			return ERR_OK; /* twice in the plan */
		enum err error = take_default(plan, goal, &entry, out_problem);
		if (error)
			return error;
	}
	if (!network_goal_brings(goal, &entry))
		goal->entries[goal->entry_count++] = entry;
	return ERR_OK;
}

/* v4 first, so that rules of it come first. */
static enum err copy_routes(const struct network_plan *plan, bool v6, struct network_goal *goal,
							bool *left_out, char out_problem[static NETWORK_PROBLEM_SIZE]) {
	size_t count = plan->no_routes ? 0 : plan->route_count;
	goal->entries = calloc(count + 1, sizeof *goal->entries);
	if (!goal->entries)
		return ERR_NO_MEMORY;
	static const uint8_t families[] = {ADDRESS_V4, ADDRESS_V6};
	for (size_t turn = 0; turn < sizeof families; turn++)
		for (size_t i = 0; i < count; i++) {
			const struct prefix *prefix = &plan->routes[i];
			if (prefix->address.family != families[turn])
				continue;
			if (!is_usable(prefix, v6)) {
				*left_out = true;
				continue;
			}
			enum err error = copy_route(plan, prefix, goal, out_problem);
			if (error)
				return error;
		}
	goal->entry_count = sort_entries(goal->entries, goal->entry_count);
	return ERR_OK;
}

/* Whether the goal has a default route of the family, and where. In main there is nothing behind.
 */
static bool find_default(const struct network_goal *goal, uint8_t family, uint32_t *out_table) {
	for (size_t i = 0; i < goal->entry_count; i++) {
		const struct route_entry *entry = &goal->entries[i];
		if (entry->prefix.length > 0 || entry->prefix.address.family != family ||
			entry->table == RT_TABLE_MAIN)
			continue;
		*out_table = entry->table;
		return true;
	}
	return false;
}

static enum err make_throws(const struct network_plan *plan, struct network_goal *goal) {
	goal->throws = calloc(plan->excluded_count + 1, sizeof *goal->throws);
	if (!goal->throws)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < plan->excluded_count; i++) {
		struct route_entry entry = {.prefix = plan->excluded[i]};
		prefix_mask(&entry.prefix);
		/* A default route that is excluded would stand where the one of the tunnel stands. */
		if (entry.prefix.length > 0 &&
			find_default(goal, entry.prefix.address.family, &entry.table))
			goal->throws[goal->throw_count++] = entry;
	}
	goal->throw_count = sort_entries(goal->throws, goal->throw_count);
	return ERR_OK;
}

enum err network_goal_init(const struct network_plan *plan, bool v6, struct network_goal *out_goal,
						   bool *out_left_out, char out_problem[static NETWORK_PROBLEM_SIZE]) {
	struct network_goal goal = {.mtu = plan->mtu};
	bool left_out = false;
	enum err error = copy_addresses(plan, v6, &goal, &left_out, out_problem);
	if (!error)
		error = copy_routes(plan, v6, &goal, &left_out, out_problem);
	if (!error)
		error = make_throws(plan, &goal);
	if (error) {
		network_goal_done(&goal);
		return error;
	}
	*out_goal = goal;
	*out_left_out = left_out;
	return ERR_OK;
}

void network_goal_done(struct network_goal *goal) {
	free(goal->addresses);
	free(goal->entries);
	free(goal->throws);
	*goal = (struct network_goal){0};
}
