#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "conf/config.h"
#include "wire/interface_settings.h"

/*
 * What a client takes of what its server says of the interface. The server may be a stranger by
 * then, so every value is held against the configuration and against what this host has besides:
 *
 *   addresses     where the configuration has none; of single hosts, in none of this host's other
 *                 networks, nor of those of its other tunnels; their networks count as routes, and
 * without them an address is alone routes        in routes.accept; without it, where the
 * configuration has no routes. Never a default route, networks as above, or where peers of any
 * tunnel are name servers  where dns.servers is absent or "push" and the tunnel has the way there;
 * domains with them, without dns.search MTU           downward
 */

enum {
	PLAN_PUSHED_PROBLEM_SIZE = 160,
	PLAN_PUSHED_TEXT_SIZE = 512,
	/* The widest there is for anybody to push: 10.0.0.0/8 and fc00::/7. */
	PLAN_PUSHED_V4_MIN = 8,
	PLAN_PUSHED_V6_MIN = 7,
	/* Without routes.accept, of networks that are not private. */
	PLAN_PUSHED_PUBLIC_V4_MIN = 16,
	PLAN_PUSHED_PUBLIC_V6_MIN = 32,
};

/* What of this host no server is to have. */
struct plan_pushed_host {
	/* Of its other interfaces, as their addresses have them, and of its other tunnels. */
	const struct prefix *networks;
	size_t network_count;
	/* Where tunnels' peers are, besides the judged one's endpoints that are addresses. */
	const struct address *endpoints;
	size_t endpoint_count;
};

struct plan_pushed {
	struct config_tunnel tunnel; /* the configuration's, with what was taken; leads to both */
	const struct config_tunnel *base;
	struct interface_settings taken;
	size_t refused;
	char problem[PLAN_PUSHED_PROBLEM_SIZE]; /* the first of those, and why */
	/* What of the tunnel is its own. */
	struct config_peer *peers;
	struct prefix *allowed_ips, *include;
	const char *search[INTERFACE_SETTINGS_DOMAINS_MAX];
};

/*
 * public_key is whose word it is. ERR_NOT_FOUND: not a peer of the tunnel, or it takes no such
 * thing; ERR_NO_MEMORY. What is refused is left out.
 */
enum err plan_pushed_new(const struct config_tunnel *tunnel,
						 const uint8_t public_key[static TEXT_KEY_SIZE],
						 const struct interface_settings *settings,
						 const struct plan_pushed_host *host, struct plan_pushed **out_pushed);
/* NULL-safe. */
void plan_pushed_free(struct plan_pushed *pushed);

/* "address 10.66.0.7/24, route 10.9.0.0/16 and 2 more, name server 10.66.0.1, MTU 1400" */
void plan_pushed_format(const struct interface_settings *taken,
						char out_text[static PLAN_PUSHED_TEXT_SIZE]);

/* The MTU that is left of the tunnel's own. v6: it carries IPv6, which takes 1280. */
uint32_t plan_pushed_mtu(const struct interface_settings *taken, uint32_t own, bool v6);
