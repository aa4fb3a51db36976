#include "host/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/network_addresses.h"
#include "host/network_goal.h"
#include "host/network_refusal.h"
#include "host/network_routes.h"
#include "host/network_rules.h"
#include "host/network_throws.h"
#include "host/route.h"
#include "host/sysctl.h"
#include "host/valid_mark.h"

_Static_assert((int)SYSCTL_PROBLEM_SIZE <= (int)NETWORK_PROBLEM_SIZE, "one is handed on");

/* Name of the file with sysctls of before. */
struct network {
	uint32_t index;
	bool was_up; /* before us */
	char *state_dir;
	struct network_goal goal; /* what is in place */
};

/* Sysctls */

/* Removing one address must not take others of its network along. */
static void set_promotion(const char *name) {
	char key[SYSCTL_KEY_SIZE];
	(void)snprintf(key, sizeof key, "net/ipv4/conf/%s/promote_secondaries", name);
	(void)sysctl_write(key, 1);
}

static bool is_v6_disabled(const char *name) {
	char key[SYSCTL_KEY_SIZE];
	int32_t disabled;
	(void)snprintf(key, sizeof key, "net/ipv6/conf/%s/disable_ipv6", name);
	return sysctl_read(key, &disabled) || disabled != 0;
}

/* Steps */

static enum err check_link(int number, const char *name,
						   char out_problem[static NETWORK_PROBLEM_SIZE]) {
	if (number == 0)
		return ERR_OK;
	char what[NETWORK_NAME_SIZE + 16];
	(void)snprintf(what, sizeof what, "interface %s", name);
	return network_refusal_explain(what, number, out_problem);
}

static enum err set_mtu(struct route *route, const struct route_link *link, uint32_t mtu,
						char out_problem[static NETWORK_PROBLEM_SIZE]) {
	if (mtu == 0 || mtu == link->mtu)
		return ERR_OK;
	char what[NETWORK_NAME_SIZE + 32];
	int number = 0;
	enum err error = route_link_set(route, link->index, mtu, NULL, &number);
	if (error)
		return network_refusal_talk(error, out_problem);
	(void)snprintf(what, sizeof what, "MTU %u of %s", (unsigned)mtu, link->name);
	return number ? network_refusal_explain(what, number, out_problem) : ERR_OK;
}

static enum err bring_up(struct route *route, const struct route_link *link,
						 char out_problem[static NETWORK_PROBLEM_SIZE]) {
	static const bool up = true;
	int number = 0;
	if (link->up)
		return ERR_OK;
	enum err error = route_link_set(route, link->index, 0, &up, &number);
	return error ? network_refusal_talk(error, out_problem)
				 : check_link(number, link->name, out_problem);
}

/* All that the goal has more; leaving is what takes_away() will remove behind it, or NULL. */
static enum err build(struct network *network, struct route *route, const struct route_link *link,
					  const struct network_goal *goal, const struct network_goal *leaving,
					  char out_problem[static NETWORK_PROBLEM_SIZE]) {
	enum err error = network_addresses_add(route, network->index, goal, out_problem);
	if (!error)
		error = bring_up(route, link, out_problem);
	if (!error)
		error = network_routes_add(route, network->index, goal, leaving, out_problem);
	if (!error)
		error = network_throws_add(route, goal, out_problem);
	if (!error && network_goal_takes_v4(goal))
		error = valid_mark_hold(network->state_dir, out_problem);
	if (!error)
		error = network_rules_add(route, goal, out_problem);
	return error;
}

/* All of before that after (NULL: nothing) does not have. */
static void take_away(struct network *network, struct route *route,
					  const struct network_goal *before, const struct network_goal *after) {
	bool removed = false;
	char problem[NETWORK_PROBLEM_SIZE] = "";
	(void)network_rules_remove(route, before, after);
	(void)network_throws_remove(route, before, after);
	(void)network_routes_remove(route, network->index, after);
	(void)network_addresses_remove(route, network->index, before, after, &removed);
	/* The kernel takes routes along with the last address. */
	if (removed && after)
		(void)network_routes_add(route, network->index, after, NULL, problem);
	if (network_goal_takes_v4(before))
		(void)valid_mark_release(network->state_dir);
}

/* The MTU first: below 1280 bytes an interface has no IPv6. */
static enum err prepare(struct route *route, const char *name, uint32_t index,
						const struct network_plan *plan, struct route_link *out_link,
						struct network_goal *out_goal, bool *out_no_v6,
						char out_problem[static NETWORK_PROBLEM_SIZE]) {
	int number = 0;
	enum err error = route_link_get(route, name, index, out_link, &number);
	if (error)
		return network_refusal_talk(error, out_problem);
	error = check_link(number, plan->name, out_problem);
	if (error)
		return error;
	bool v6 = !is_v6_disabled("default") || !is_v6_disabled(out_link->name);
	error = network_goal_init(plan, v6, out_goal, out_no_v6, out_problem);
	if (error)
		return network_refusal_talk(error, out_problem);
	error = set_mtu(route, out_link, plan->mtu, out_problem);
	/* What the interface has is known now. */
	if (!error && v6 && is_v6_disabled(out_link->name)) {
		network_goal_done(out_goal);
		error = network_goal_init(plan, false, out_goal, out_no_v6, out_problem);
	}
	if (error)
		network_goal_done(out_goal);
	return error;
}

/* Interface */

enum err network_clean(const char *state_dir) {
	struct route *route = NULL;
	enum err error = route_open(&route);
	if (!error)
		error = route_flush(route, NETWORK_PROTOCOL);
	route_close(route);
	enum err next = valid_mark_release(state_dir);
	return error ? error : next;
}

static enum err create(struct network *network, struct route *route,
					   const struct network_plan *plan, bool *out_no_v6,
					   char out_problem[static NETWORK_PROBLEM_SIZE]) {
	struct route_link link;
	enum err error =
		prepare(route, plan->name, 0, plan, &link, &network->goal, out_no_v6, out_problem);
	if (error)
		return error;
	network->index = link.index;
	network->was_up = link.up;
	set_promotion(link.name);
	error = build(network, route, &link, &network->goal, NULL, out_problem);
	if (!error)
		return ERR_OK;
	static const bool down = false;
	int ignored;
	take_away(network, route, &network->goal, NULL);
	if (!link.up)
		(void)route_link_set(route, network->index, 0, &down, &ignored);
	return error;
}

static void discard(struct network *network) {
	network_goal_done(&network->goal);
	free(network->state_dir);
	free(network);
}

enum err network_new(const struct network_plan *plan, const char *state_dir,
					 struct network **out_network, bool *out_no_v6,
					 char out_problem[static NETWORK_PROBLEM_SIZE]) {
	struct network *network = calloc(1, sizeof *network);
	struct route *route = NULL;
	bool no_v6 = false;
	out_problem[0] = '\0';
	if (!network)
		return network_refusal_talk(ERR_NO_MEMORY, out_problem);
	network->state_dir = strdup(state_dir);
	enum err error = network->state_dir ? route_open(&route) : ERR_NO_MEMORY;
	if (!error)
		error = create(network, route, plan, &no_v6, out_problem);
	route_close(route);
	if (error) {
		discard(network);
		return network_refusal_talk(error, out_problem);
	}
	*out_network = network;
	*out_no_v6 = no_v6;
	return ERR_OK;
}

static enum err change(struct network *network, struct route *route,
					   const struct network_plan *plan,
					   char out_problem[static NETWORK_PROBLEM_SIZE]) {
	struct route_link link;
	struct network_goal goal;
	bool no_v6;
	enum err error = prepare(route, NULL, network->index, plan, &link, &goal, &no_v6, out_problem);
	if (error)
		return error;
	error = build(network, route, &link, &goal, &network->goal, out_problem);
	if (error) {
		char ignored[NETWORK_PROBLEM_SIZE] = "";
		if (network->goal.mtu > 0)
			link.mtu = 0; /* not known any more */
		(void)set_mtu(route, &link, network->goal.mtu, ignored);
		(void)build(network, route, &link, &network->goal, &goal, ignored);
		take_away(network, route, &goal, &network->goal);
		network_goal_done(&goal);
		return error;
	}
	take_away(network, route, &network->goal, &goal);
	network_goal_done(&network->goal);
	network->goal = goal;
	return ERR_OK;
}

enum err network_change(struct network *network, const struct network_plan *plan,
						char out_problem[static NETWORK_PROBLEM_SIZE]) {
	struct route *route = NULL;
	out_problem[0] = '\0';
	enum err error = route_open(&route);
	if (!error)
		error = change(network, route, plan, out_problem);
	route_close(route);
	return network_refusal_talk(error, out_problem);
}

/* Its routes, of both families: what the kernel has not is not found there. */
static enum err routes_of(const struct network_plan *plan, struct network_goal *out_goal) {
	struct network_plan routes = *plan;
	char ignored[NETWORK_PROBLEM_SIZE];
	bool left_out;
	routes.mtu = 0;
	return network_goal_init(&routes, true, out_goal, &left_out, ignored);
}

enum err network_yield(struct network *network, const struct network_plan *kept,
					   const struct network_plan *wanted) {
	struct network_goal kept_goal = {.mtu = 0}, wanted_goal = {.mtu = 0};
	struct route *route = NULL;
	enum err error = routes_of(wanted, &wanted_goal);
	if (!error && kept)
		error = routes_of(kept, &kept_goal);
	if (!error)
		error = route_open(&route);
	if (!error)
		error = network_routes_yield(route, network->index, &kept_goal, &wanted_goal);
	route_close(route);
	network_goal_done(&kept_goal);
	network_goal_done(&wanted_goal);
	return error;
}

void network_free(struct network *network) {
	if (!network)
		return;
	struct route *route = NULL;
	if (!route_open(&route)) {
		static const bool down = false;
		int ignored;
		take_away(network, route, &network->goal, NULL);
		if (!network->was_up)
			(void)route_link_set(route, network->index, 0, &down, &ignored);
	}
	route_close(route);
	discard(network);
}
