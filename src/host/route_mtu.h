#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"

/*
 * How large the packets to an address may be by the host's own settings: the route's metric, or the
 * interface's MTU where there is none. What the kernel has learnt of the path (RFC 1191) is left
 * out: it holds for minutes, and anybody can make it up who knows the address.
 */

struct route;

struct route_mtu {
	uint32_t mtu;
	bool local; /* the address is this host's own: a proxy, whose own way is not known */
};

/*
 * Of datagrams with the firewall mark. out_number: 0, or the errno value, ENETUNREACH and the like
 * where there is no route.
 */
enum err route_mtu_get(struct route *route, const struct address *to, uint32_t mark,
					   struct route_mtu *out_mtu, int *out_number);
