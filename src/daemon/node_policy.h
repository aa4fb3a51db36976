#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

/*
 * What net and control may ask for, by the configuration. They are told what to do by the
 * privileged process in the first place: anything else comes from one that strangers have taken
 * over.
 */
struct attachment;
struct config_tunnel;
struct privileged;

/* The UDP port and mark of the tunnel's sockets. */
bool node_policy_listen(struct privileged *privileged, const struct attachment *attachment,
						uint16_t port, uint32_t mark);
bool node_policy_mark(struct privileged *privileged, const struct attachment *attachment,
					  uint32_t mark);

/* The same for one configuration. */
bool node_policy_port_fits(const struct config_tunnel *tunnel, uint16_t port);

/*
 * Takes those out that are so wide that they lead away much of what this host sends: half of the
 * Internet is as good as a default route. Returns how many stay.
 */
size_t node_policy_routes(struct prefix *prefixes, size_t count);
