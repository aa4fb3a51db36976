#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "host/block_goal.h"

struct route;

/* What block.c asks of the kernel's routing: requests between route_begin() and route_end(). */

void block_message_put_rule(struct route *route, bool create, const struct block_rule *rule,
							size_t item);
/* Behind all others of its prefix in the table. */
void block_message_put_route(struct route *route, bool create, const struct block_route *entry,
							 size_t item);

/*
 * The rules and routes that carry BLOCK_PROTOCOL. *out_… are the caller's
 * (free). A family that the kernel does not have has none. ERR_NO_MEMORY, and what route_list()
 * returns.
 */
enum err block_message_list_rules(struct route *route, uint8_t family,
								  struct block_rule **out_rules, size_t *out_count);
enum err block_message_list_routes(struct route *route, uint8_t family,
								   struct block_route **out_routes, size_t *out_count);
