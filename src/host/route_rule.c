#include "host/route_rule.h"

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "host/netlink.h"

/*
 * A rule's message, behind the header that all messages of netlink have; attributes are in any
 * order, each aligned to 4 bytes:
 *
 *   0      1       2       3   4     5            7      8
 *   family dst_len src_len tos table reserved (2) action flags (4)   struct fib_rule_hdr
 *   length (2) type (2) value ...                                    FRA_PRIORITY, FRA_FWMARK ...
 */

bool route_rule_equal(const struct route_rule *left, const struct route_rule *right) {
	return left->family == right->family && left->kind == right->kind &&
		   left->priority == right->priority && left->mark == right->mark &&
		   left->table == right->table && left->ip_protocol == right->ip_protocol &&
		   left->port == right->port && address_equal(&left->to, &right->to);
}

bool route_rule_is_among(const struct route_rule *rule, const struct route_rule *rules,
						 size_t count) {
	for (size_t i = 0; i < count; i++)
		if (route_rule_equal(&rules[i], rule))
			return true;
	return false;
}

static uint8_t action_of(uint8_t kind) {
	return kind == ROUTE_RULE_PASS     ? FR_ACT_GOTO
		   : kind == ROUTE_RULE_REFUSE ? FR_ACT_UNREACHABLE
									   : FR_ACT_TO_TBL;
}

void route_rule_write(struct nlmsghdr *request, const struct route_rule *rule, uint8_t protocol) {
	struct fib_rule_hdr *body = mnl_nlmsg_get_payload(request);
	body->family = netlink_family(rule->family);
	body->action = action_of(rule->kind);
	if (rule->kind == ROUTE_RULE_DEFAULT)
		body->flags = FIB_RULE_INVERT;
	mnl_attr_put_u32(request, FRA_PRIORITY, rule->priority);
	mnl_attr_put_u8(request, FRA_PROTOCOL, protocol);
	if (rule->kind == ROUTE_RULE_MAIN) {
		mnl_attr_put_u32(request, FRA_SUPPRESS_PREFIXLEN, 0);
		mnl_attr_put_u32(request, FRA_TABLE, RT_TABLE_MAIN);
		return;
	}
	mnl_attr_put_u32(request, FRA_FWMARK, rule->mark);
	mnl_attr_put_u32(request, FRA_FWMASK, UINT32_MAX);
	if (rule->kind != ROUTE_RULE_REFUSE)
		mnl_attr_put_u32(request, rule->kind == ROUTE_RULE_PASS ? FRA_GOTO : FRA_TABLE,
						 rule->table);
	if (rule->kind != ROUTE_RULE_SERVICE)
		return;
	body->dst_len = (uint8_t)(8 * address_size(&rule->to));
	netlink_put_address(request, FRA_DST, &rule->to);
	mnl_attr_put_u8(request, FRA_IP_PROTO, rule->ip_protocol);
	netlink_put_port(request, FRA_DPORT_RANGE, rule->port);
}

/* What attributes say, each at most once. */
struct attributes {
	uint32_t priority, mark, mask, table, target, suppress;
	struct address to; /* ADDRESS_NONE: anywhere */
	uint16_t port;     /* 0: any */
	uint8_t protocol, ip_protocol;
	bool other; /* has a condition that rules of ours never have */
};

static void read_attribute(const struct nlattr *attribute, uint8_t family, struct attributes *out) {
	switch (mnl_attr_get_type(attribute)) {
	case FRA_PRIORITY:
		out->priority = netlink_u32(attribute);
		break;
	case FRA_FWMARK:
		out->mark = netlink_u32(attribute);
		break;
	case FRA_FWMASK:
		out->mask = netlink_u32(attribute);
		break;
	case FRA_TABLE:
		out->table = netlink_u32(attribute);
		break;
	case FRA_GOTO:
		out->target = netlink_u32(attribute);
		break;
	case FRA_SUPPRESS_PREFIXLEN:
		out->suppress = netlink_u32(attribute);
		break;
	case FRA_PROTOCOL:
		out->protocol = netlink_u8(attribute);
		break;
	case FRA_DST:
		out->other |= !netlink_address(attribute, family, &out->to);
		break;
	case FRA_IP_PROTO:
		out->ip_protocol = netlink_u8(attribute);
		out->other |= out->ip_protocol == 0;
		break;
	case FRA_DPORT_RANGE:
		out->port = netlink_port(attribute);
		out->other |= out->port == 0;
		break;
	case FRA_SRC:
	case FRA_SPORT_RANGE:
	case FRA_IIFNAME:
	case FRA_OIFNAME:
		out->other = true;
		break;
	default:
		break;
	}
}

/* NULL: too short to be a rule. */
static const struct fib_rule_hdr *read_all(const struct nlmsghdr *message, struct attributes *out) {
	const struct fib_rule_hdr *body = mnl_nlmsg_get_payload(message);
	if (message->nlmsg_type != RTM_NEWRULE || mnl_nlmsg_get_payload_len(message) < sizeof *body)
		return NULL;
	*out = (struct attributes){.suppress = UINT32_MAX};
	const struct nlattr *attribute;
	for (attribute = netlink_first(message, sizeof *body); attribute;
		 attribute = netlink_next(message, attribute))
		read_attribute(attribute, body->family, out);
	return body;
}

/* Where it goes: one whole address, by one protocol and to one port. */
static bool is_service(const struct fib_rule_hdr *body, const struct attributes *seen) {
	return address_size(&seen->to) > 0 && body->dst_len == 8 * address_size(&seen->to) &&
		   seen->ip_protocol != 0 && seen->port != 0;
}

/* Its kind, and its table or target. False: none of ours. */
static bool read_shape(const struct fib_rule_hdr *body, const struct attributes *seen,
					   struct route_rule *rule) {
	bool marked = seen->mask == UINT32_MAX, inverted = body->flags & FIB_RULE_INVERT;
	bool anywhere = seen->to.family == ADDRESS_NONE && body->dst_len == 0 && seen->port == 0 &&
					seen->ip_protocol == 0;
	bool leads = body->action == FR_ACT_TO_TBL;
	if (seen->other || (!anywhere && !is_service(body, seen)))
		return false;
	rule->table = seen->table;
	if (!anywhere) {
		rule->kind = ROUTE_RULE_SERVICE;
		return leads && marked && !inverted && seen->suppress == UINT32_MAX;
	}
	if (body->action == FR_ACT_GOTO && marked && !inverted) {
		rule->kind = ROUTE_RULE_PASS;
		rule->table = seen->target;
	} else if (leads && marked && inverted) {
		rule->kind = ROUTE_RULE_DEFAULT;
	} else if (leads && marked && seen->suppress == UINT32_MAX) {
		rule->kind = ROUTE_RULE_MARKED;
	} else if (body->action == FR_ACT_UNREACHABLE && marked && !inverted) {
		rule->kind = ROUTE_RULE_REFUSE;
		rule->table = 0;
	} else if (leads && !marked && !inverted && seen->suppress == 0 &&
			   seen->table == RT_TABLE_MAIN) {
		rule->kind = ROUTE_RULE_MAIN;
		rule->table = 0;
	} else {
		return false;
	}
	return true;
}

bool route_rule_read(const struct nlmsghdr *message, uint8_t family, uint8_t protocol,
					 struct route_rule *out_rule) {
	struct attributes seen;
	const struct fib_rule_hdr *body = read_all(message, &seen);
	if (!body || body->family != netlink_family(family) || seen.protocol != protocol)
		return false;
	struct route_rule rule = {
		.family = family,
		.priority = seen.priority,
		.mark = seen.mark,
		.to = seen.to,
		.ip_protocol = seen.ip_protocol,
		.port = seen.port,
	};
	if (!read_shape(body, &seen, &rule))
		return false;
	*out_rule = rule;
	return true;
}

bool route_rule_is_of(const struct nlmsghdr *message, uint8_t protocol) {
	struct attributes seen;
	return read_all(message, &seen) && seen.protocol == protocol;
}
