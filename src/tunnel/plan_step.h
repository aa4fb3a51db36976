#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "conf/config.h"
#include "transport/dns/forwarder.h"

/* Which name servers are asked for which names, and whose addresses are led somewhere. */

enum { PLAN_STEP_NO_GROUP = -1, PLAN_STEP_INCLUDE = 0, PLAN_STEP_EXCLUDE = 1 };

struct plan_step_tunnel {
	const struct config_tunnel *config;
	uint16_t slot;
	int group; /* of its servers, PLAN_STEP_NO_GROUP: it has none */
};

struct plan_step {
	struct forwarder_route *routes;
	size_t route_count;
	struct forwarder_rule *rules;
	size_t rule_count;
};

/* Whether addresses of names are led into this tunnel or past it. */
bool plan_step_routes(const struct config_tunnel *tunnel);
/* Whether the tunnel's servers are asked for some names only. */
bool plan_step_splits(const struct config_tunnel *tunnel);

/*
 * Of tunnels in the order of the file. All names go to the first tunnel with servers for all names
 * that takes a default route; else to the first with servers for all names; else to the system's
 * own (a group, or PLAN_STEP_NO_GROUP: they are refused). A tunnel's dns.domains and
 * include_domains go to its servers, where it has some. ERR_NO_MEMORY, ERR_INVALID for a name that
 * is none.
 */
enum err plan_step_new(const struct plan_step_tunnel *tunnels, size_t count, int system,
					   struct plan_step *out_plan);
void plan_step_done(struct plan_step *plan);
