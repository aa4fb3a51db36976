#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "conf/config.h"
#include "host/firewall.h"
#include "host/network.h"
#include "wire/uapi.h"

/*
 * What a tunnel's configuration means: for this host's network, for its firewall, and for the
 * device in the net process, whose texts are lines of set operations (wire/uapi.h).
 */

enum {
	/* "um" and the tunnel's slot: marks and tables of tunnels that take a default route. */
	PLAN_MARK_BASE = 0x756d0000,
	PLAN_MARK_INSIDE = 0x756dfd00,   /* and the slot: what is to go through this tunnel */
	PLAN_MARK_RESOLVER = 0x756dfe00, /* questions for the names of endpoints */
	PLAN_MARK_OUTSIDE = 0x756dff00,  /* what is to go past all tunnels */
	PLAN_TABLE_MAIN = 254,           /* the kernel's */
};

/* Whether everything without a more specific route goes through the tunnel. */
bool plan_takes_default(const struct config_tunnel *tunnel);

/* Whether nothing is to leave past the tunnel: what kill_switch says, or means when absent. */
bool plan_kill_switch(const struct config_tunnel *tunnel);

/* A host that is an address. False: it is a name, or none. */
bool plan_endpoint(const struct config_host *host, struct endpoint *out_endpoint);

/* The firewall mark of the tunnel's own datagrams, 0: none. */
uint32_t plan_mark(const struct config_tunnel *tunnel, uint16_t slot);

/* For the host. Pointers inside lead into the plan itself. */
struct plan_network {
	struct network_plan network;
	struct prefix *routes;
};

/*
 * more are prefixes of peers that the configuration does not have; those that the tunnel's own
 * networks cover and default routes are left out. An MTU that the configuration leaves open is
 * PLAN_MTU here, for the caller to replace (tunnel/plan_mtu.h). ERR_LIMIT: exclude cuts the routes
 * into too many; ERR_NO_MEMORY.
 */
enum err plan_network_new(const struct config_tunnel *tunnel, uint16_t slot,
						  const struct prefix *more, size_t more_count,
						  struct plan_network *out_plan);
void plan_network_done(struct plan_network *plan);

/* Bytes by which the tunnel's packets grow on their way, beyond what PLAN_MTU_OVERHEAD_* counts. */
uint32_t plan_mtu_more(const struct config_tunnel *tunnel);

/* Whether a prefix lies in one of the tunnel's own networks, which have their routes already. */
bool plan_covers(const struct config_tunnel *tunnel, const struct prefix *prefix);

/* Points into the tunnel. */
struct firewall_tunnel plan_firewall(const struct config_tunnel *tunnel, uint16_t slot);

/* All of the tunnel for a device that knows nothing yet. Errors stick in the text. */
void plan_device_text(const struct config_tunnel *tunnel, uint16_t slot,
					  struct uapi_text *out_text);

/*
 * What leads from one configuration of the tunnel to another: peers that did not change do not
 * appear, endpoints only where the configuration changed, as peers may have moved since. Nothing is
 * written when there is nothing to do. ERR_NO_MEMORY, also for what sticks in the text.
 */
enum err plan_device_changes(const struct config_tunnel *before, const struct config_tunnel *after,
							 uint16_t slot, struct uapi_text *out_text);

/* Changes that take a new interface or new sockets. */
bool plan_needs_restart(const struct config_tunnel *before, const struct config_tunnel *after);
