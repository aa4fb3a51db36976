#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "host/block.h"

/* A request of block.h as rules spelled out. Pure. */

struct block_rule {
	uint8_t family; /* enum address_family */
	bool goes_to;   /* to the rule with the priority `target`; otherwise looks the table up */
	bool suppress;  /* default routes of the table do not count */
	uint8_t ip_protocol;
	uint16_t source_port, destination_port; /* 0: any */
	uint32_t priority, mark;                /* mark 0: any */
	uint32_t target;                        /* table, or priority */
	struct prefix to;                       /* family ADDRESS_NONE: anywhere */
	char from[BLOCK_NAME_SIZE];             /* interface; empty: any, and this host */
};

/* A default route is unreachable, any other is thrown. */
struct block_route {
	struct prefix prefix;
	uint32_t table;
};

bool block_rule_equal(const struct block_rule *left, const struct block_rule *right);
bool block_rule_is_among(const struct block_rule *rule, const struct block_rule *rules,
						 size_t count);

/* For qsort(). */
int block_route_compare(const void *left, const void *right);

struct block_goal {
	struct block_rule *rules; /* of both families, in the order to make them */
	size_t rule_count;
	struct block_route *routes; /* sorted, none twice */
	size_t route_count;
};

/* ERR_NO_MEMORY. */
enum err block_goal_init(const struct block_request *request, struct block_goal *out_goal);
/* Also for a zeroed struct. */
void block_goal_done(struct block_goal *goal);
bool block_goal_has_route(const struct block_goal *goal, const struct block_route *route);
