#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

/*
 * The MTU that a tunnel gets by itself: what is left of the packets on its way. Pure; the ways are
 * asked for in host/route_mtu.h.
 */

enum {
	PLAN_MTU = 1420, /* where nothing is known: 80 less than the common 1500 */
	/*
	 * Of packets in streams, which no route bounds: that of the networks that they go on to, whose
	 * limit larger ones would only meet later. Super-packets make larger ones no faster.
	 */
	PLAN_MTU_STREAMS = 1500,
	PLAN_MTU_MAX = 65475, /* such that a packet is one datagram, of IPv4 too */
	PLAN_MTU_MIN_V4 = 576,
	PLAN_MTU_MIN_V6 = 1280, /* RFC 8200 section 5 */
	/* IP and UDP headers, and the protocol's own with its tag: 20 + 8 + 16 + 16. */
	PLAN_MTU_OVERHEAD_V4 = 60,
	PLAN_MTU_OVERHEAD_V6 = 80,
	/* More of it, which whoever asks takes off the ways: 12 + 12 + 16 where ends share keys, and
	 * 16 + 12 + 16 where clients log in. */
	PLAN_MTU_SHARED_MORE = 8,
	PLAN_MTU_LOGIN_MORE = 12,
};

/* What is known of the way to one endpoint. */
struct plan_mtu_way {
	enum address_family family; /* ADDRESS_NONE: not known, so the larger overhead counts */
	uint32_t mtu;               /* of packets outside; 0: not known, the way does not count */
};

/*
 * What fits through all ways. v6: the tunnel carries IPv6, which takes 1280 bytes at least; where
 * that is more than fits, datagrams travel in fragments. Padding does not count: a packet is padded
 * up to the MTU, but not beyond.
 */
uint32_t plan_mtu(const struct plan_mtu_way *ways, size_t count, bool v6);
