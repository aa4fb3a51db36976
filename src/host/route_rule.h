#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

/* A rule of policy routing, in one of the shapes that are ours, and its bytes. Pure. */

struct nlmsghdr;

enum route_rule_kind {
	ROUTE_RULE_PASS,    /* fwmark MARK goto TARGET */
	ROUTE_RULE_MAIN,    /* lookup main suppress_prefixlength 0 */
	ROUTE_RULE_DEFAULT, /* not fwmark MARK lookup TABLE */
	ROUTE_RULE_MARKED,  /* fwmark MARK lookup TABLE */
	ROUTE_RULE_REFUSE,  /* fwmark MARK unreachable */
	ROUTE_RULE_SERVICE, /* fwmark MARK to ADDRESS ipproto PROTOCOL dport PORT lookup TABLE */
};

struct route_rule {
	uint8_t family; /* enum address_family */
	uint8_t kind;
	uint32_t priority, mark;
	uint32_t table; /* of DEFAULT, MARKED, SERVICE; of PASS the target's priority; otherwise 0 */
	/* Of SERVICE, otherwise zeros. */
	struct address to; /* of the rule's family */
	uint8_t ip_protocol;
	uint16_t port;
};

bool route_rule_equal(const struct route_rule *left, const struct route_rule *right);
bool route_rule_is_among(const struct route_rule *rule, const struct route_rule *rules,
						 size_t count);

/*
 * The body of a request, which has a zeroed struct fib_rule_hdr and no attributes yet; protocol
 * tells whose rule it is.
 */
void route_rule_write(struct nlmsghdr *request, const struct route_rule *rule, uint8_t protocol);

/*
 * Reads what the kernel tells of a rule. False: it is of another family (enum address_family), is
 * somebody else's by its protocol, has none of the shapes above, or is none.
 */
bool route_rule_read(const struct nlmsghdr *message, uint8_t family, uint8_t protocol,
					 struct route_rule *out_rule);
/* Whether it is a rule with the protocol, of whatever shape. */
bool route_rule_is_of(const struct nlmsghdr *message, uint8_t protocol);
