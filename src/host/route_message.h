#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"

/* What is asked of the kernel's routing and what it lists, as requests of route.h. */

struct route;
struct route_rule;

/* Link */

enum { ROUTE_NAME_SIZE = 16 };
struct route_link {
	char name[ROUTE_NAME_SIZE];
	uint32_t index, mtu;
	bool up;
	/* Packets that it was to send and dropped: of a TUN, those that found its queue full. */
	uint64_t dropped;
};

/*
 * By its name, or where that is NULL by its index. out_number: 0, or the errno value, ENODEV where
 * there is no such interface.
 */
enum err route_link_get(struct route *route, const char *name, uint32_t index,
						struct route_link *out_link, int *out_number);
/* mtu 0: leave it. up NULL: leave it. */
enum err route_link_set(struct route *route, uint32_t index, uint32_t mtu, const bool *up,
						int *out_number);

/* Requests, to be put between route_begin() and route_end() */

enum route_action {
	ROUTE_CREATE,  /* refused with EEXIST where there is one like it */
	ROUTE_BESIDES, /* beside one that is like it except for its source address */
	ROUTE_DELETE,
};

/* The address with its network's length. */
void route_put_address(struct route *route, enum route_action action, uint32_t index,
					   const struct prefix *address, size_t item);

/* Through the interface without a gateway. */
struct route_entry {
	struct prefix prefix;
	uint32_t table;
};
void route_put_route(struct route *route, enum route_action action, uint32_t index,
					 const struct route_entry *entry, uint8_t protocol, size_t item);

/* One of type "throw": the lookup goes on in the tables behind its own. */
void route_put_throw(struct route *route, enum route_action action, const struct route_entry *entry,
					 uint8_t protocol, size_t item);

void route_put_rule(struct route *route, enum route_action action, const struct route_rule *rule,
					uint8_t protocol, size_t item);

/*
 * Lists of what is on one interface, or of rules that have one of the shapes above, with the
 * protocol. *out_… are the caller's (free) and never NULL. A family or an interface that
 * the kernel does not have has empty lists.
 */
enum err route_list_addresses(struct route *route, enum address_family family, uint32_t index,
							  struct prefix **out_addresses, size_t *out_count);
/* Of all interfaces but that one. */
enum err route_list_other_addresses(struct route *route, enum address_family family, uint32_t index,
									struct prefix **out_addresses, size_t *out_count);
enum err route_list_routes(struct route *route, enum address_family family, uint32_t index,
						   uint8_t protocol, struct route_entry **out_entries, size_t *out_count);
enum err route_list_rules(struct route *route, enum address_family family, uint8_t protocol,
						  struct route_rule **out_rules, size_t *out_count);

/* Removes all rules and routes with the protocol, of whatever shape and interface. */
enum err route_flush(struct route *route, uint8_t protocol);
